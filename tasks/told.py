"""What a show's files make impossible, and what the machine lacks, is told in one line, wherever doit calls us.
An error of ours is not hidden."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from tasks import ROOT
from tasks.lacking import lack


def told(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    """The action of a task, or its cleaning, that ends with a failed task where it raises ShotError, or the machine
    lacks something: one line a fault, begun with the name."""

    @wraps(action)
    def run(*words: Any, **named: Any) -> Any:
        try:
            return action(*words, **named)
        except ShotError as error:
            return TaskFailed("\n".join(f"{name}: {fault}" for fault in error.faults))
        except Exception as error:
            line = lack(error, ROOT)
            if not line:
                raise
            return TaskFailed(f"{name}: {line}")

    return run


def or_end(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which ends this process with one line and code 1 where the machine lacks something: for what runs
    before any task does."""

    @wraps(function)
    def run(*words: Any) -> Any:
        try:
            return function(*words)
        except Exception as error:
            line = lack(error, ROOT)
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
