"""Standard input, output and errors as a build needs them, whatever it was started with: from cron (closed), into a
full disk, into a pipe that `head` closes, on a terminal that knows ASCII only.

This runs before anything else opens a file: a file that is opened while descriptor 1 is closed becomes descriptor 1,
and all that is printed goes into it.
"""

import atexit
import errno
import io
import os
import select
import signal
import sys
import threading
from typing import IO

PIPE_CLOSED = 128 + signal.SIGPIPE  # the exit code of what its reader has left, as a shell tells it
UNWRITABLE = 1
MODES = ("r", "w", "w")  # of descriptors 0, 1, 2
_took_over: list[int] = []  # the number of the process that took the streams over, none before


class OutputGone(SystemExit):
    """Ends the process because nobody takes what it prints. doit hands a worker's on as text."""

    def __init__(self, code: int | str):
        self.status = int(code)
        super().__init__(self.status)


def take_over() -> None:
    """Open what is closed, and say the rest in one line or quietly. Begins anew, as the same process, where Python or
    doit began in a way that cannot be put right."""
    opened = _open_closed()
    if 1 in opened and "doit" in sys.modules:  # doit has kept the stream that was none
        _begin_anew([])
    if sys.getfilesystemencoding() != "utf-8":  # the same show has the same files in every locale
        _begin_anew(["-X", "utf8"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if number in opened and getattr(sys, name) is None:
            setattr(sys, name, open(number, MODES[number], encoding="utf-8", closefd=False))
    if not _took_over:
        _took_over.append(os.getpid())
        _wrap(sys.stderr, Errors(2))
        if _wrap(sys.stdout, Output(1)):
            atexit.register(_flush, sys.stdout)  # the first to be registered is the last to run


def _open_closed() -> list[int]:
    """Lead those of descriptors 0 to 2 that are closed to nowhere -> which they were."""
    closed = []
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
            closed.append(number)
    return closed


def _begin_anew(flags: list[str]) -> None:
    """Run the same command line in this process, from the folder it was called in."""
    doit = sys.modules.get("doit")
    folder = doit.get_initial_workdir() if doit is not None else None  # it has gone to the folder of dodo.py
    if folder:
        os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *flags, *sys.orig_argv[1:]])


def _wrap(stream: IO | None, raw: "Descriptor") -> bool:
    """Make the stream write through `raw` -> False where somebody has put a stream of their own in its place. The
    object stays the same: doit has kept it. What the encoding cannot say is written as \\x.., for no message may be
    lost by the name of a file."""
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(stream.buffer, io.BufferedWriter | io.FileIO):
        return False
    if stream.fileno() != raw.fileno():
        return False
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)  # not with PYTHONUNBUFFERED
    stream.flush()
    stream.__init__(
        io.BufferedWriter(raw) if is_buffered else raw,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    return True


def _flush(stream: IO) -> None:
    """Write what is left while it can be told that it cannot be written: Python itself does it after the last word."""
    try:
        stream.flush()
    except OutputGone as gone:
        os._exit(gone.status)


class Descriptor(io.RawIOBase):
    """A descriptor as Python's own FileIO has it, but that what cannot be written is not an error of the caller's."""

    def __init__(self, number: int):
        self._number = number

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        """All of it -> its length. Waits where another program has made the descriptor one that does not."""
        left = memoryview(data).cast("B")
        while left:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError as error:
                self.fail(error)
                break
        return len(data)

    def fail(self, error: OSError) -> None:
        raise NotImplementedError


class Errors(Descriptor):
    """Standard errors: where they cannot be written, nobody can be told; the exit code says that there are some."""

    def fail(self, error: OSError) -> None:
        pass


class Output(Descriptor):
    """Standard output: where it cannot be written, the process ends; quietly, when its reader went away."""

    def __init__(self, number: int):
        super().__init__(number)
        self._code, self._ends = 0, False

    def fail(self, error: OSError) -> None:
        if not self._code:
            self._code = PIPE_CLOSED if error.errno == errno.EPIPE else UNWRITABLE
            if self._code == UNWRITABLE:
                cure = "make room or lead it elsewhere, then run doit again"
                sys.stderr.write(f"standard output cannot be written: {error.strerror}; {cure}\n")
        if not self._ends and threading.current_thread() is threading.main_thread():
            self._ends = True  # what it still says while it tidies up is dropped
            raise OutputGone(self._code)
