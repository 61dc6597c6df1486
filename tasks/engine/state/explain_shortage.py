"""What the machine lacks, in one line that says what to do: memory, open files, disk space, the right to write."""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.state.partial_files import find_whole_name
from shotmake.tasks.show import get_show_folder

# Faults of the disk, not of the tool: no space, no permission, a read-only or failing disk.
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)
NO_RIGHT = (errno.EACCES, errno.EPERM)
NO_FILES = (errno.EMFILE, errno.ENFILE)
SAID_BY_LIBRARIES = ("failed to map segment", "cannot allocate memory", "bad_alloc")
LOST_BY_PYTHON = ("without exception set", "without setting an exception")  # a SystemError where a MemoryError got lost
NO_THREAD = "can't start new thread"  # Python's RuntimeError
ALL_FILES = "too many open files: the machine can open no more for anybody; close other programs"
ENOUGH_FILES = 1024  # files that may be open at once; some libraries cannot count further
FILES_OF_BUILD, FILES_OF_WORKER = 16, 4  # files open at once in the process that doit begins with
OPENCV_NO_MEMORY = -4  # cv2.error's code


def explain_lack(error: BaseException, folder: Path) -> str:
    """Return one line on what the machine lacks, "" for any other error.

    `folder` is the folder that was being written in, for an error of the system that names no file.
    """
    return explain_shortage(error) or (explain_disk_fault(error, folder) if isinstance(error, OSError) else "")


def explain_shortage(error: BaseException) -> str:
    """Return one line when there was too little memory, or too few open files or processes; "" for any other error."""
    for behind in _yield_chain(error):  # a library's own error may stand in front of the cause
        if isinstance(behind, OSError) and behind.errno in NO_FILES:
            return _explain_files() if behind.errno == errno.EMFILE else ALL_FILES
        if _is_of_memory(behind):
            return _explain_memory()
    if str(error) == NO_THREAD or (isinstance(error, OSError) and error.errno == errno.EAGAIN):
        if _is_memory_limited():  # there was no room for a thread's stack
            return _explain_memory()
        return "no more processes or threads may be started; close other programs, or raise the limit (ulimit -u)"
    return ""


def explain_disk_fault(error: OSError, folder: Path) -> str:
    """Return one line for a disk that is full, read-only, failing or forbidden to us, or for an error that names a
    file; "" for anything else.

    `folder` is named when the error names no file.
    """
    if error.filename is None and error.errno not in DISK_FAULTS:
        return ""
    named = error.filename2 or error.filename
    # A number is that of a descriptor.
    path = Path(os.fsdecode(folder if named is None or isinstance(named, int) else named))
    path = path.with_name(find_whole_name(path.name))
    place = path.relative_to(get_show_folder()) if path.is_relative_to(get_show_folder()) else path
    return f"cannot write or read {place}: {error.strerror}{_explain_owner(path) if error.errno in NO_RIGHT else ''}"


def _explain_owner(path: Path) -> str:
    """Return who owns the file or folder of the show that we may not change, and what to do; "" where it is our own."""
    with contextlib.suppress(OSError):
        if not path.is_relative_to(get_show_folder()):
            return ""
        there = next(one for one in (path, *path.parents) if one.exists())
        owner = there.stat().st_uid
        if owner != os.geteuid():
            place = "the show's folder" if there == get_show_folder() else there.relative_to(get_show_folder())
            cure = "users of one show need one group, umask 002, and once chmod -R g+rwX on the show"
            return f"; {place} is {name_user(owner)}'s: {cure}"
    return ""


def name_user(number: int) -> str:
    """Return the user's name, or `user <number>` where the machine knows no name."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _yield_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that lie behind it."""
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind is not None and id(behind) not in seen:
        seen.add(id(behind))
        yield behind
        behind = cause_of(behind)


def explain_shortage_behind(error: BaseException) -> str:
    """Return what `explain_shortage` says about the cause of an error that blames an input.

    Lack of memory counts only where the memory of this process is limited. Elsewhere the cause is a damaged file that
    asks for more memory than there is.
    """
    cause = cause_of(error)
    line = explain_shortage(cause) if cause is not None else ""
    return line if _is_memory_limited() or line in (_explain_files(), ALL_FILES) else ""


def _is_memory_limited() -> bool:
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def cause_of(error: BaseException) -> BaseException | None:
    """Return the error that caused this one: it was raised from that error, or while that error was handled. None
    without.
    """
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, SystemError) and _is_memory_limited() and any(word in str(error) for word in LOST_BY_PYTHON):
        return True
    if getattr(error, "code", None) == OPENCV_NO_MEMORY and type(error).__module__ == "cv2":
        return True
    return any(word in str(error).lower() for word in SAID_BY_LIBRARIES)


def _explain_memory() -> str:
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most != resource.RLIM_INFINITY:  # the limit of each process: no other program takes anything from it
        return f"out of memory: this process may have {most / 1e6:.0f} MB; raise the limit (ulimit -v)"
    return "out of memory; close other programs, or build with fewer -n"


def _explain_files(needed: int = ENOUGH_FILES) -> str:
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(needed, 4 * most)
    if hard != resource.RLIM_INFINITY and os.geteuid() != 0:  # only root goes beyond the hard limit
        wanted = min(wanted, hard)
    told = f"too many open files: at most {most} may be open at once"
    if wanted <= most:
        return f"{told}, and this user may not raise that; needed a higher hard limit (ulimit -Hn)"
    return f"{told}; raise the limit (ulimit -n {wanted})"


def allow_open_files(workers: int) -> None:
    """Let this process, and those it starts, have as many open files as its owner allows, but no more than enough.

    Enough are ENOUGH_FILES, or what so many workers need. Raises ShotError when so many workers could not be started:
    doit would wait for ever for those that were.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_OF_BUILD + FILES_OF_WORKER * workers
    wanted = max(ENOUGH_FILES, needed) if most == resource.RLIM_INFINITY else min(most, max(ENOUGH_FILES, needed))
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    if workers == 1:
        return
    try:
        with contextlib.ExitStack() as opened:
            for _ in range(needed):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        if error.errno not in NO_FILES:
            raise
        raise ShotError(_explain_files(max(ENOUGH_FILES, needed))) from error
