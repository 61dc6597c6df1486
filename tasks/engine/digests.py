"""Digests of the content of files. A digest is remembered with the file's stat, so that a 4 GB plate is read once.

The rule is that of git's index: when (mtime, ctime, size, inode) are unchanged, the content is unchanged.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from shotmake.tasks.engine import cache_database
from shotmake.tasks.show import name_in_show

# A file that was written in the same clock tick as its stat could change again unseen, so such a stat is not trusted
# yet. Only ctime is looked at, since anybody may set mtime.
CLOCK_TICK_NS = 50_000_000


def digest(path: Path, remembered: bool = True) -> str:
    """Return the SHA-256 of a file's content, as hex digits.

    With `remembered=False` the file is always read anew. A file that is written to while it is read is read again.
    Raises OSError when the file cannot be read.
    """
    name = name_in_show(path)
    seen = read_signature(path)
    if remembered:
        known, _, found = (cache_database.get("digest", name) or "").rpartition(" ")
        if known == seen:
            return found
    while True:
        with open_plain(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        again = read_signature(path)
        if again == seen:
            break
        seen = again  # the file was written to while it was read
    if is_settled(path):
        cache_database.put("digest", name, f"{seen} {found}")
    return found


def open_plain(path: Path) -> BufferedReader:
    """Open a file for reading. Raises OSError for a folder, and for a device or a pipe, on which a read could wait for
    ever.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "found no plain file", str(path))
    return open(number, "rb")


def read_signature(path: Path | str) -> str:
    """Return what stat says about a file's content: equal signatures mean equal bytes.

    Raises OSError when the file is missing.
    """
    stat = os.stat(path)
    return f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}"


def is_settled(path: Path | str) -> bool:
    """Return whether a later change of the file would show in its stat: its ctime is more than one clock tick ago."""
    return time.time_ns() - os.stat(path).st_ctime_ns > CLOCK_TICK_NS


def wait_until_settled(paths: Iterable[Path]) -> None:
    """Wait until all the files are settled. The wait is at most one clock tick, and only for files written this
    instant.

    A file whose ctime lies in the future is not waited for.
    """
    for path in paths:
        while not is_settled(path) and time.time_ns() >= os.stat(path).st_ctime_ns:
            time.sleep(CLOCK_TICK_NS / 4e9)
