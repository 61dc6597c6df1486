"""What doit says: its own `.  task` and `-- task` lines, and a user's faults on stderr, one line each."""

import sys

from doit.exceptions import TaskError, UnmetDependency
from doit.reporter import ConsoleReporter


class ShotReporter(ConsoleReporter):
    """doit's console reporter without banners, tracebacks for our own faults only."""

    desc = "one line a task, faults on stderr"

    def __init__(self, outstream, options):
        super().__init__(outstream, options)
        self._faults, self._errors = 0, 0

    def execute_task(self, task):
        super().execute_task(task)
        self.outstream.flush()

    def add_failure(self, task, fail):
        if isinstance(fail, UnmetDependency):
            return  # the task it waits for has said why
        if isinstance(fail, TaskError) and fail.get_msg():
            self._errors += 1
            sys.stderr.write(f"{task.name}: an error of shotmake itself, please report it\n{fail.get_msg()}\n")
        else:
            self._faults += 1
            sys.stderr.write(f"{fail.message}\n")
        sys.stderr.flush()

    def complete_run(self):
        for message in self.runtime_errors:
            sys.stderr.write(f"{message}\n")
        if self._faults and not self._errors and not self.runtime_errors:
            sys.exit(1)  # doit itself would say 2, an error, because something waits for the failed task
