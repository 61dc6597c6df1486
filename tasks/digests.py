"""Content digests of files, remembered by their stat so that a 4 GB plate is read once.

The memory is a disposable cache, as git's index is: (mtime, ctime, size, inode) unchanged = content unchanged.
"""

import hashlib
import os
import sqlite3
import time
from pathlib import Path

from tasks import ROOT, STATE

# A file written in the same clock tick as its stat could change again unseen: such a stat is not trusted yet.
CLOCK_TICK_NS = 50_000_000

_connections: dict[int, sqlite3.Connection] = {}


def digest(path: Path, remembered: bool = True) -> str:
    """SHA-256 of a file's content; with `remembered=False` always read anew. OSError when it cannot be read."""
    name = os.path.relpath(path, ROOT)
    seen = signature(path)
    if remembered:
        row = _cache().execute("select signature, digest from digests where path = ?", (name,)).fetchone()
        if row and row[0] == seen:
            return row[1]
    while True:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        again = signature(path)
        if again == seen:
            break
        seen = again  # written to while it was read
    if time.time_ns() - max(os.stat(path).st_mtime_ns, os.stat(path).st_ctime_ns) > CLOCK_TICK_NS:
        with _cache() as cache:
            cache.execute("insert or replace into digests values (?, ?, ?)", (name, seen, found))
    return found


def signature(path: Path) -> str:
    """What stat says of a file's content: equal signatures mean equal bytes."""
    stat = os.stat(path)
    return f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}"


def _cache() -> sqlite3.Connection:
    process = os.getpid()  # a connection must not be used across a fork
    if process not in _connections:
        STATE.mkdir(exist_ok=True)
        connection = sqlite3.connect(STATE / "digests.sqlite", timeout=60, check_same_thread=False)
        connection.execute("pragma journal_mode=WAL")
        connection.execute("create table if not exists digests (path text primary key, signature text, digest text)")
        _connections[process] = connection
    return _connections[process]
