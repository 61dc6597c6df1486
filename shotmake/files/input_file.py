"""Checks that a file which the config names is a regular file that can be read.

This is found out before anything opens the file. A pipe or a device would make the tool wait without end, and a library
would only say that it is no movie, no EXR, no JSON.
"""

import errno
import os
import re
import stat
from pathlib import Path

from shotmake.errors import ShotError, quote_error

OTHER_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device"),
)
# Files in these folders look like regular files, but show the running system: some block, some have no end, and no stat
# says when they change.
SYSTEM = ("/proc", "/sys")
NO_SUCH_FILE = "no such file"
FOLDER = "found a folder"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_file(path: Path, name: str, key: str, needed: str = "") -> Path:
    """Return the path when it is a file that can be read.

    name: as the user wrote it; key: the config key, or the word, that named it; needed: what is needed, in words, ""
    where the key says it.
    Raises ShotError, in one line, for anything else.
    """
    found = find_file_fault(path)
    if found:
        cure = f"needed {needed} ({key})" if needed else f"check {key}"
        raise ShotError(f"{to_one_line(name)}: {found}; {cure}")
    return path


def find_file_fault(path: Path) -> str:
    """Return what is wrong with a path as an input, after all links; "" for a regular file that can be read."""
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        return "found a NUL character in its name"
    except OSError as error:
        return _why_missing(path, error)
    for is_it, word in OTHER_KINDS:
        if is_it(mode):
            return f"found {word}"
    real = os.path.realpath(path)
    if any(real.startswith(f"{folder}/") for folder in SYSTEM):
        return f"found a file of the running system ({real})"
    return "" if os.access(path, os.R_OK) else "found a file that may not be read (permission denied)"


def to_one_line(name: str) -> str:
    """Return the name with line ends and other control characters written out."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], name)


def _why_missing(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "found a link that leads round in a circle"
    if error.errno == errno.ENAMETOOLONG:
        return "found a name that is too long for the disk"
    if os.path.islink(path):
        return f"found a link that leads to no file ({to_one_line(str(path.readlink()))})"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NO_SUCH_FILE
    return f"found a file that cannot be reached ({quote_error(error).lower()})"
