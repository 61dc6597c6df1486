"""Standard input, output and errors, made fit for a build however it was started: from cron (closed), into a full disk,
into a pipe that `head` closes, on a terminal that knows ASCII only.

This runs before anything else opens a file. A file that is opened while descriptor 1 is closed becomes descriptor 1,
and all that is printed would go into that file.
"""

import atexit
import errno
import io
import os
import select
import signal
import sys
import threading
from typing import IO, Any

PIPE_CLOSED = 128 + signal.SIGPIPE  # the exit code when the reader of our output went away, as a shell tells it
UNWRITABLE = 1
MODES = ("r", "w", "w")  # of descriptors 0, 1, 2
_took_over: list[int] = []  # the pid of the process that took the streams over; empty before


class OutputGone(SystemExit):
    """The end of the process, because nobody takes what it prints.

    The code may be a text: doit passes the exit code of a worker on as text.
    """

    def __init__(self, code: int | str):
        self.status = int(code)
        super().__init__(self.status)


def take_over() -> None:
    """Open the standard streams that are closed, and make all three safe to write to.

    Where Python or doit began in a way that cannot be put right, the same command begins anew in this process.
    """
    opened = _open_closed()
    if 1 in opened and "doit" in sys.modules:  # doit has kept the missing stream
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
            atexit.register(_flush, sys.stdout)  # registered first, so it runs last


def _open_closed() -> list[int]:
    """Lead the closed ones of descriptors 0 to 2 to the null device; return which were closed."""
    closed = []
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number: this one
            closed.append(number)
    return closed


def _begin_anew(flags: list[str]) -> None:
    """Run the same command line in this process, from the folder in which it was called."""
    doit = sys.modules.get("doit")
    folder = doit.get_initial_workdir() if doit is not None else None  # doit has changed to the folder of dodo.py
    if folder:
        os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *flags, *sys.orig_argv[1:]])


def _wrap(stream: IO | None, raw: "Descriptor") -> bool:
    r"""Make the stream write through `raw`; return False where somebody has put another stream in its place.

    The stream object stays the same, because doit has kept it. A character that the encoding does not have is written
    as \x.., because a message must not be lost over the name of a file.
    """
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(stream.buffer, io.BufferedWriter | io.FileIO):
        return False
    if stream.fileno() != raw.fileno():
        return False
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)  # it is not with PYTHONUNBUFFERED
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
    """Write what is left while a failure can still be told: Python itself writes it too late for that."""
    try:
        stream.flush()
    except OutputGone as gone:
        os._exit(gone.status)


class Descriptor(io.RawIOBase):
    """A file descriptor like Python's own FileIO, but a failed write is not an error of the caller."""

    def __init__(self, number: int):
        self._number = number

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Return True: the descriptor is made for writing."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`; return its length.

        Another program may have made the descriptor non-blocking. Then this waits until it can be written to. A write
        that fails goes to `fail`, and the rest is dropped.
        """
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
        """Handle a write that failed. Each subclass does it in its own way; here it raises NotImplementedError."""
        raise NotImplementedError


class Errors(Descriptor):
    """Standard errors. Where they cannot be written, nobody can be told; the exit code says that there are errors."""

    def fail(self, error: OSError) -> None:
        """Leave a failed write as it is: nobody can be told."""


class Output(Descriptor):
    """Standard output. Where it cannot be written, the process ends: without a word when its reader went away."""

    def __init__(self, number: int):
        super().__init__(number)
        self._code, self._ends = 0, False

    def fail(self, error: OSError) -> None:
        """End the process, with one line of errors unless the reader of the output went away.

        Raises OutputGone once, in the main thread only. What is printed after that is dropped.
        """
        if not self._code:
            self._code = PIPE_CLOSED if error.errno == errno.EPIPE else UNWRITABLE
            if self._code == UNWRITABLE:
                cure = "make room or lead it elsewhere, then run doit again"
                errors = sys.__stderr__ or sys.stderr  # doit puts another in its place while an action runs
                errors.write(f"standard output cannot be written: {error.strerror}; {cure}\n")
                errors.flush()
        if not self._ends and threading.current_thread() is threading.main_thread():
            self._ends = True  # what the process still prints while it tidies up is dropped
            raise OutputGone(self._code)
