"""What is said on the terminal: doit's own `.  task` and `-- task` lines, what is logged, what a command was asked for,
and the user's faults on standard error, one line each.
"""

import logging
import sys
from typing import IO

from doit.exceptions import BaseFail, TaskError, UnmetDependency
from doit.reporter import ConsoleReporter
from doit.task import Task

from shotmake.tasks.engine.log import LOGGERS, find_last_log
from shotmake.tasks.show import name_in_show


def say(text: str) -> None:
    """Write what a command was asked for to standard output.

    The line and its end are one write: where nothing is buffered, another worker could write between two.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show_messages() -> None:
    """Show from now on what is logged: a step of the build on standard output, a warning or an error on standard error.

    Python's own warnings are logged too.
    """
    logging.captureWarnings(True)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Messages | Faults) for one in logger.handlers):
            logger.handlers[:0] = [Messages(), Faults()]
            logger.setLevel(logging.DEBUG)
            logger.propagate = False


class Messages(logging.Handler):
    """Writes steps of the build to standard output, indented below the line of their task.

    A failed write is not handled here: standard output has its own way (tasks/engine/processes/standard_streams.py).
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(lambda record: record.levelno < logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. One that names a task, as those of doit clean, is written as doit writes its own."""
        task = getattr(record, "task", "")
        say(f"{task} - {record.getMessage()}" if task else f"   {record.getMessage()}")


class Faults(logging.Handler):
    """Writes warnings and errors to standard error as they are."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        sys.stderr.write(f"{record.getMessage().rstrip()}\n")
        sys.stderr.flush()


class ShotReporter(ConsoleReporter):
    """doit's console reporter without banners, and with tracebacks only for errors of shotmake itself."""

    desc = "one line a task, faults on stderr"

    def __init__(self, outstream: IO[str], options: dict) -> None:
        super().__init__(outstream, options)
        self._faults, self._errors = 0, 0

    def execute_task(self, task: Task) -> None:
        """Say that a task runs, at once."""
        super().execute_task(task)
        self.outstream.flush()

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Write a task's fault, or the traceback of an error of shotmake itself, to stderr.

        A task that failed because another task failed says nothing: the other task has said why.
        """
        if isinstance(fail, UnmetDependency):
            return  # the task that it waits for has said why
        if isinstance(fail, TaskError) and fail.get_msg():
            self._errors += 1
            log = find_last_log(task.name)
            more = f", with {name_in_show(log)}" if log else ""
            sys.stderr.write(f"{task.name}: an error of shotmake itself, please report it{more}\n{fail.get_msg()}\n")
        else:
            self._faults += 1
            sys.stderr.write(f"{fail.message}\n")
        sys.stderr.flush()

    def complete_run(self) -> None:
        """Write what doit found wrong at run time. Exit with code 1 when there were faults of the user's and nothing
        else.
        """
        for message in self.runtime_errors:
            sys.stderr.write(f"{message}\n")
        if self._faults and not self._errors and not self.runtime_errors:
            sys.exit(1)  # doit itself would exit with 2, an error, because a task waits for the failed one
