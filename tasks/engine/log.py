"""The full log of each task, in .gsd-state/logs/: what was said, the steps with their times, the output of programs.

Modules log with Python's `logging`, each under its own name. From INFO on it is shown to the artist
(tasks/commands/terminal_output.py); DEBUG goes into the log of the task alone. A log begins when its task begins to
work, so a build with nothing to do writes none. No result depends on a log, and no build fails for want of one.
"""

import contextlib
import logging
import os
import platform
import re
import sys
from functools import cache as once
from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.tasks.engine.state.confined_paths import is_plain_file, make_folder
from shotmake.tasks.engine.state.partial_files import HOST, make_part_path
from shotmake.tasks.show import get_state_folder, name_in_show

LOGGERS = ("shotmake", "py.warnings")  # ours, and that of Python's warnings
HEAD = "shotmake log of "  # how each log begins: only such files are ours
ENDING, OLDER = ".log", ".old"
MOST_BYTES, KEPT_BYTES = 4 * 2**20, 2**20  # of a longer log the beginning and the end are kept
MOST_FOLDER_BYTES = 256 * 2**20

_log = logging.getLogger(__name__)


def get_logs_folder() -> Path:
    """Return the folder of the logs."""
    return get_state_folder() / "logs"


def path_of(task: str, machine: str = "") -> Path:
    """Return the path of a task's log, as solve-sc010.log or solve-sc010@<cache key>.log.

    `machine` is the host's name where several machines do the task at once: each has a log of its own.
    """
    words = [re.sub(r"[^\w.%-]", "_", word) for word in [*task.split(":", 1)[-1].split(":"), machine] if word]
    stage = f"{task.split(':')[0]}-" if ":" in task else ""
    return get_logs_folder() / f"{stage}{'@'.join(words)}{ENDING}"


def logs_of(task: str) -> set[Path]:
    """Return the logs of a task that are there: of all machines, and those of the run before."""
    name = path_of(task).name.removesuffix(ENDING)
    found = (path for each in (name, f"{name}@*") for path in get_logs_folder().glob(f"{each}{ENDING}*"))
    return {path for path in found if _task_of(path) == task}


def is_log(path: Path) -> bool:
    """Return whether a file is a log of ours: it lies in the folder of the logs and begins as they do."""
    return bool(_task_of(path))


def find_last_log(task: str) -> Path | None:
    """Return the log of a task's last run on this machine, None when there is none."""
    paths = (path_of(task, HOST), path_of(task))
    return next((path for path in paths if _task_of(path) == task), None)


def find_open_log() -> Path | None:
    """Return the log that this process writes now, None where it writes none."""
    handlers = logging.getLogger(LOGGERS[0]).handlers
    return next((one.path for one in handlers if isinstance(one, TaskLog)), None)


def _task_of(path: Path) -> str:
    """Return the task whose log a file is, "" for any other file."""
    if path.parent != get_logs_folder() or not is_plain_file(path):
        return ""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        line = file.readline(1000).decode(errors="replace").rstrip("\n")
        return line.removeprefix(HEAD) if line.startswith(HEAD) else ""
    return ""


class TaskLog(logging.Handler):
    """The log of one run of a task: all that is logged between `begin` and the end of the block.

    Processes that are forked meanwhile write into it too. Where it cannot be written, the build goes on, and one line
    says so when the task is done; a task that fails has its own line.
    """

    def __init__(self, task: str, machine: str = ""):
        """Prepare the log; nothing is written. `machine`: see `path_of`."""
        super().__init__(logging.DEBUG)
        label = task.replace("%", "%%")
        self.setFormatter(logging.Formatter(f"%(asctime)s {label} %(levelname)s %(name)s: %(message)s"))
        self._task, self.path = task, path_of(task, machine)
        self._file: int | None = None
        self._fault = ""

    def __enter__(self) -> "TaskLog":
        return self

    def begin(self, why: str) -> None:
        """Begin the log, if it has not begun yet. The log of the run before is kept as `<name>.log.old`.

        `why` is the reason why the task runs.
        """
        if self._file is not None or self._fault:
            return
        try:
            self._file = _open(self.path)
            self._write(f"{HEAD}{self._task}\n")
        except (OSError, ShotError) as error:
            self._lose(error)
            return
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).setLevel(logging.DEBUG)
        _log.debug("Python %s on %s, process %d: %s", platform.python_version(), HOST, os.getpid(), " ".join(sys.argv))
        _log.debug("runs: %s", why)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record at once, so that it is there whatever happens next."""
        if self._file is None:
            return
        try:
            self._write(_spell_out(self.format(record)) + "\n")
        except OSError as error:
            self._lose(error)

    def _write(self, text: str) -> None:
        assert self._file is not None
        left = text.encode(errors="backslashreplace")
        while left:
            left = left[os.write(self._file, left) :]
        size = os.fstat(self._file).st_size
        if size > MOST_BYTES:
            end = os.pread(self._file, KEPT_BYTES, size - KEPT_BYTES)
            os.ftruncate(self._file, KEPT_BYTES)
            os.write(self._file, b"\n... %d bytes are left out ...\n" % (size - 2 * KEPT_BYTES) + end)

    def _lose(self, error: OSError | ShotError) -> None:
        self._fault = str(error) if isinstance(error, ShotError) else f"{name_in_show(self.path)}: {quote_error(error)}"
        self.close()

    def close(self) -> None:
        """Take the log from the loggers and close its file."""
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)
        if self._file is not None:
            os.close(self._file)
            self._file = None
        super().close()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ShotError):
            _log.debug("failed: %s", error)
        elif error is not None:
            _log.debug("ended by %s", type(error).__name__, exc_info=error)
        self.close()
        if self._fault and error is None:
            _say_once(f"no log is written: {self._fault}")


@once
def _say_once(line: str) -> None:
    _log.warning(line)


def _open(path: Path) -> int:
    """Open a new log and put it in place of the one before; return its descriptor.

    Raises ShotError where a link leads out of the show. A link of the log's own name is moved, not followed.
    """
    make_folder(path.parent)
    _make_room()
    part = make_part_path(path)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(part, flags, 0o666)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(path.name + OLDER))
        part.replace(path)
    except OSError:
        os.close(file)
        part.unlink(missing_ok=True)
        raise
    return file


def _make_room() -> None:
    """Remove the oldest logs while all of them take more than MOST_FOLDER_BYTES."""
    found = []
    for path in get_logs_folder().iterdir():
        with contextlib.suppress(FileNotFoundError):  # another build has removed it just now
            found.append((path.lstat(), path))
    size = sum(seen.st_size for seen, _ in found)
    for seen, path in sorted(found, key=lambda one: one[0].st_mtime):
        if size <= MOST_FOLDER_BYTES:
            break
        if is_log(path):
            path.unlink(missing_ok=True)
            size -= seen.st_size


def _spell_out(text: str) -> str:
    """Return a text without characters that a terminal would obey: these are spelt out."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in "\n\t" else ascii(letter)[1:-1] for letter in text)
