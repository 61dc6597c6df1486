"""Content digests of files, remembered by their stat so that a 4 GB plate is read once.

As in git's index: (mtime, ctime, size, inode) unchanged = content unchanged.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from shotmake.tasks.engine import cache
from shotmake.tasks.show import in_show

# A file written in the same clock tick as its stat could change again unseen: such a stat is not trusted yet.
# Only ctime tells, since anybody may set mtime.
CLOCK_TICK_NS = 50_000_000


def digest(path: Path, remembered: bool = True) -> str:
    """SHA-256 of a file's content; with `remembered=False` always read anew. OSError when it cannot be read."""
    name = in_show(path)
    seen = signature(path)
    if remembered:
        known, _, found = (cache.get("digest", name) or "").rpartition(" ")
        if known == seen:
            return found
    while True:
        with open_plain(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        again = signature(path)
        if again == seen:
            break
        seen = again  # written to while it was read
    if settled(path):
        cache.put("digest", name, f"{seen} {found}")
    return found


def open_plain(path: Path) -> BufferedReader:
    """The file, open to be read. OSError for a folder, a device or a pipe, which would be waited for."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "found no plain file", str(path))
    return open(number, "rb")


def signature(path: Path | str) -> str:
    """What stat says of a file's content: equal signatures mean equal bytes."""
    stat = os.stat(path)
    return f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}"


def settled(path: Path | str) -> bool:
    """Whether a change from now on would show in the file's stat."""
    return time.time_ns() - os.stat(path).st_ctime_ns > CLOCK_TICK_NS


def wait_until_settled(paths: Iterable[Path]) -> None:
    """At most one clock tick, and only after files that were written this instant."""
    for path in paths:
        while not settled(path) and time.time_ns() >= os.stat(path).st_ctime_ns:
            time.sleep(CLOCK_TICK_NS / 4e9)
