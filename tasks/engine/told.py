"""What a show's files make impossible, and what the machine lacks, is told in one line, wherever doit calls us.
An error of ours is not hidden."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.tasks.engine.state.lacking import lack, short_behind
from shotmake.tasks.show import show_folder


def told(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    """The action of a task, or its cleaning, that ends with a failed task where it raises ShotError, or the machine
    lacks something: one line a fault, begun with the name."""

    @wraps(action)
    def run(*words: Any, **named: Any) -> Any:
        try:
            return action(*words, **named)
        except Exception as error:
            failed = as_failed(name, error, show_folder())
            if failed is None:
                raise
            return failed

    return run


def as_failed(name: str, error: Exception, folder: Path) -> TaskFailed | None:
    """What the task of this name fails with, one line a fault; None for an error of ours. An input that could not be
    read for want of memory or open files is not at fault.

    folder: what was being written in.
    """
    if isinstance(error, ShotError):
        short = short_behind(error)
        faults = (short,) if short else error.faults
    else:
        line = lack(error, folder)
        faults = (line,) if line else ()
    return TaskFailed("\n".join(f"{name}: {fault}" for fault in faults)) if faults else None


def or_end(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which ends this process with one line and code 1 where the machine lacks something: for what runs
    before any task does."""

    @wraps(function)
    def run(*words: Any) -> Any:
        try:
            return function(*words)
        except Exception as error:
            line = lack(error, show_folder())
            if not line:
                raise
            sys.stderr.write(f"{line}\n")
            sys.exit(1)

    return run


def holds(check: Callable[[], bool]) -> Callable[[], bool]:
    """The check, False where it cannot be made: then the task runs, and says why."""

    def run() -> bool:
        try:
            return check()
        except (ShotError, OSError):
            return False

    return run
