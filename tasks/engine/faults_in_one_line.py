"""One line for each fault of a show's files, and for each thing that the machine lacks, wherever doit calls us.

An error of ours is not hidden.
"""

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.tasks.engine.state.explain_shortage import explain_lack, explain_shortage_behind
from shotmake.tasks.show import get_show_folder

_log = logging.getLogger(__name__)


def tell_faults(name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the action of a task, or its cleaning, so that a fault becomes a failed task.

    A fault is a ShotError or something that the machine lacks. Each fault is one line that begins with `name`. Every
    other error is raised.
    """

    @wraps(action)
    def run(*words: Any, **named: Any) -> Any:
        try:
            return action(*words, **named)
        except Exception as error:
            failed = as_failed(name, error, get_show_folder())
            if failed is None:
                raise
            return failed

    return run


def as_failed(name: str, error: Exception, folder: Path) -> TaskFailed | None:
    """Return the failed task for an error, with one line for each fault; None for an error of ours.

    An input that could not be read for lack of memory or open files is not at fault: the lack is told instead. `name`
    is the task's name; `folder` is the folder that was being written in.
    """
    if isinstance(error, ShotError):
        short = explain_shortage_behind(error)
        faults = (short,) if short else error.faults
    else:
        line = explain_lack(error, folder)
        faults = (line,) if line else ()
    return TaskFailed("\n".join(f"{name}: {fault}" for fault in faults)) if faults else None


def end_on_lack(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that runs before any task, so that it ends this process where the machine lacks something.

    The process ends with one line and code 1, at once: a Python without memory may fail again on its usual way out,
    and would tell a traceback. Nothing is held yet that would have to be given back. Every other error is raised.
    """

    @wraps(function)
    def run(*words: Any) -> Any:
        try:
            return function(*words)
        except Exception as error:
            line = explain_lack(error, get_show_folder())
            if not line:
                raise
            _log.error(line)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    return run


def guard_check(check: Callable[[], bool]) -> Callable[[], bool]:
    """Wrap a check so that it returns False where it cannot be made: then the task runs, and says why."""

    def run() -> bool:
        try:
            return check()
        except (ShotError, OSError):
            return False

    return run
