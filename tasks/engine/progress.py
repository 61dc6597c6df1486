"""The progress of a build, shown on a terminal, and noted in the log of its task."""

import fcntl
import logging
import multiprocessing
import os
import sys
import time
from typing import IO

NOTE_S = 10.0  # between two notes in the log

_log = logging.getLogger(__name__)


class Progress:
    """A progress bar with frames/s and the time left. It is shown on a terminal; elsewhere only the log has it.

    Call it with the count that is done. `total` is the count to come, None when it is not known. With `in_workers` the
    bar is shown under `-n N` too, if no other worker shows one.
    """

    def __init__(self, total: int | None, label: str, unit: str, in_workers: bool):
        terminal = sys.__stderr__  # doit captures sys.stderr while a task runs
        self._arguments = {"total": total, "desc": label, "unit": f" {unit}", "leave": False, "file": terminal}
        self._in_workers, self._bar, self._held = in_workers, None, None
        self._label, self._of = label.strip(), f" of {total} {unit}" if total else f" {unit}"
        self._done, self._noted_s = 0, time.monotonic()

    def __enter__(self) -> "Progress":
        terminal = self._arguments["file"]
        if terminal is not None and terminal.isatty() and self._is_alone(terminal):
            from tqdm import tqdm

            self._bar = tqdm(**self._arguments)
        _log.debug("%s", self._label)
        return self

    def __exit__(self, *problem: object) -> None:
        if self._done:
            self._note()
        if self._bar is not None:
            self._bar.close()
        if self._held is not None:
            self._held.close()

    def _is_alone(self, terminal: IO) -> bool:
        """Return whether no other worker shows a bar: the bars of several workers would overwrite each other."""
        if multiprocessing.parent_process() is None:
            return True
        if self._in_workers:
            # The terminal is opened anew, for the workers share the stream that they have, and a lock on it too.
            self._held = open(os.ttyname(terminal.fileno()), encoding="utf-8")
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                return False
        return False

    def __call__(self, done: int) -> None:
        """Show and note how many are done."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        self._done = done
        if time.monotonic() - self._noted_s > NOTE_S:
            self._note()

    def _note(self) -> None:
        self._noted_s = time.monotonic()
        _log.debug("%s: %d%s", self._label, self._done, self._of)

    def say(self, step: str) -> None:
        """Show which step a stage without frames is doing now."""
        _log.debug("%s: %s", self._label, step)
        if self._bar is not None:
            self._bar.set_postfix_str(step)
