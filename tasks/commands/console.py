"""What doit says: its own `.  task` and `-- task` lines, and the user's faults on stderr, one line each."""

import sys

from doit.exceptions import TaskError, UnmetDependency
from doit.reporter import ConsoleReporter


class ShotReporter(ConsoleReporter):
    """doit's console reporter without banners, and with tracebacks only for errors of shotmake itself."""

    desc = "one line a task, faults on stderr"

    def __init__(self, outstream, options):
        super().__init__(outstream, options)
        self._faults, self._errors = 0, 0

    def execute_task(self, task):
        """Say that a task runs, at once."""
        super().execute_task(task)
        self.outstream.flush()

    def add_failure(self, task, fail):
        """Write a task's fault, or the traceback of an error of shotmake itself, to stderr.

        A task that failed because another task failed says nothing: the other task has said why.
        """
        if isinstance(fail, UnmetDependency):
            return  # the task that it waits for has said why
        if isinstance(fail, TaskError) and fail.get_msg():
            self._errors += 1
            sys.stderr.write(f"{task.name}: an error of shotmake itself, please report it\n{fail.get_msg()}\n")
        else:
            self._faults += 1
            sys.stderr.write(f"{fail.message}\n")
        sys.stderr.flush()

    def complete_run(self):
        """Write what doit found wrong at run time. Exit with code 1 when there were faults of the user's and nothing
        else.
        """
        for message in self.runtime_errors:
            sys.stderr.write(f"{message}\n")
        if self._faults and not self._errors and not self.runtime_errors:
            sys.exit(1)  # doit itself would exit with 2, an error, because a task waits for the failed one
