"""The build's memory of what is costly to find out again: digests, composed configs, places of results.

Everything in this memory can be found again from the files themselves. So a lost, damaged, full or read-only cache
costs time and nothing else, and its errors are not passed on.

The cache file may come from a stranger. So each row is signed by the user who wrote it (tasks/engine/state/secret.py),
and a row with another signature is not believed.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.state.confined_paths import check_tops
from shotmake.tasks.engine.state.secret import name_owner, sign
from shotmake.tasks.show import get_state_folder

TABLE = "CREATE TABLE memory (kind text, key text, value text, primary key (kind, key)) without rowid"
OURS = [("table", "memory", TABLE)]  # everything that SQLite lists in a cache file of ours
LONGEST_S, STEPS = 20.0, 100_000  # the most time for one query; the time is looked at after this many SQLite steps
BUSY_S = 5  # a process that writes for longer has been stopped (Ctrl-Z): go on without the cache

_connections: dict[int, sqlite3.Connection | None] = {}


def get_cache_file() -> Path:
    """Return the file of the memory, in the state folder."""
    return get_state_folder() / "cache.sqlite"


def get(kind: str, key: str) -> str | None:
    """Return the value stored under this kind and key, or None when this user stored none.

    A cache that cannot be read also gives None.
    """
    rows = _execute("select value from memory where kind = ? and key = ?", (_mark_mine(kind), key))
    return _believe(kind, key, rows[0][0]) if rows else None


def get_all(kind: str) -> dict[str, str]:
    """Return all values of this kind that this user stored, by their keys.

    A cache that cannot be read gives an empty table.
    """
    rows = _execute("select key, value from memory where kind = ?", (_mark_mine(kind),))
    found = {key: _believe(kind, key, value) for key, value in rows if isinstance(key, str)}
    return {key: value for key, value in found.items() if value is not None}


def put(kind: str, key: str, value: str) -> None:
    """Store a value under this kind and key. A cache that cannot be written is left as it is; no error is raised."""
    put_all(kind, [(key, value)])


def put_all(kind: str, values: Iterable[tuple[str, str]]) -> None:
    """Store many (key, value) pairs of this kind in one transaction.

    A cache that cannot be written is left as it is; no error is raised.
    """
    rows = [(_mark_mine(kind), key, f"{sign(kind, key, value)} {value}") for key, value in values]
    _execute("insert or replace into memory values (?, ?, ?)", rows, many=True)


def _mark_mine(kind: str) -> str:
    return f"{kind} {name_owner()}"


def _believe(kind: str, key: str, stored: object) -> str | None:
    """Return the value of a row that this user wrote; None for any other row."""
    proof, _, value = stored.partition(" ") if isinstance(stored, str) else ("", "", "")
    return value if proof and proof == sign(kind, key, value) else None


def _execute(statement: str, values: Sequence, many: bool = False) -> list[tuple]:
    for _ in range(2):
        connection = _connect()
        if connection is None:
            return []
        try:
            with connection:
                connection.set_progress_handler(_make_timeout(), STEPS)
                done = (connection.executemany if many else connection.execute)(statement, values)
                return done.fetchall()
        except sqlite3.OperationalError:  # full, read-only or busy: go on without the cache from now on
            _connections[os.getpid()] = None
            return []
        except sqlite3.DatabaseError:  # damaged: begin a new cache
            try:
                _discard()
            except OSError:
                return []
    return []


def _connect() -> sqlite3.Connection | None:
    process = os.getpid()  # a connection must not be used across a fork
    if process not in _connections:
        try:
            check_tops()
            get_state_folder().mkdir(exist_ok=True)
            try:
                _connections[process] = _open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                get_cache_file().unlink()
                _connections[process] = _open()
        except (sqlite3.Error, OSError, ShotError):
            _connections[process] = None
    return _connections[process]


def _open() -> sqlite3.Connection:
    if os.path.lexists(get_cache_file()):
        seen = os.lstat(get_cache_file())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(f"{get_cache_file()} is no plain file")  # a link may lead anywhere, a pipe to nothing
        if seen.st_nlink > 1:  # SQLite writes in place: a file that has another name elsewhere is not written to
            raise sqlite3.DatabaseError("the file has another name")
    # No write-ahead log: it does not work in folders that several machines share.
    connection = sqlite3.connect(get_cache_file(), timeout=BUSY_S, check_same_thread=False)
    connection.execute("pragma synchronous=off")
    connection.set_progress_handler(_make_timeout(), STEPS)
    with connection:
        connection.execute(TABLE.replace("TABLE", "TABLE if not exists", 1))
        found = connection.execute("select type, name, sql from sqlite_master").fetchall()
    if found != OURS:  # a view or a trigger could run a stranger's SQL
        connection.close()
        raise sqlite3.DatabaseError("the table is not ours")
    return connection


def _make_timeout() -> Callable[[], bool]:
    end = time.monotonic() + LONGEST_S
    return lambda: time.monotonic() > end


def _discard() -> None:
    connection = _connections.pop(os.getpid(), None)
    if connection is not None:
        connection.close()
    get_cache_file().unlink(missing_ok=True)
