"""The build's memory of what is costly to find out again: digests, composed configs, where results lie.

Everything in it can be found again from the files themselves, so a lost, damaged, full or read-only
cache costs time and nothing else; that is why its errors are not passed on. It may come from a stranger: each row is
signed by the user who wrote it (tasks/engine/state/secret.py), and other rows are not believed.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.state.places import check_tops
from shotmake.tasks.engine.state.secret import owner, sign
from shotmake.tasks.show import state_folder

TABLE = "CREATE TABLE memory (kind text, key text, value text, primary key (kind, key)) without rowid"
OURS = [("table", "memory", TABLE)]  # all that SQLite lists of a file of ours
LONGEST_S, STEPS = 20.0, 100_000  # no question takes longer; looked at after so many of SQLite's steps
BUSY_S = 5  # somebody who writes for longer has been stopped (Ctrl-Z): go on without

_connections: dict[int, sqlite3.Connection | None] = {}


def cache_file() -> Path:
    """Return the file of the memory."""
    return state_folder() / "cache.sqlite"


def get(kind: str, key: str) -> str | None:
    rows = _execute("select value from memory where kind = ? and key = ?", (_mine(kind), key))
    return _believed(kind, key, rows[0][0]) if rows else None


def get_all(kind: str) -> dict[str, str]:
    rows = _execute("select key, value from memory where kind = ?", (_mine(kind),))
    found = {key: _believed(kind, key, value) for key, value in rows if isinstance(key, str)}
    return {key: value for key, value in found.items() if value is not None}


def put(kind: str, key: str, value: str) -> None:
    put_all(kind, [(key, value)])


def put_all(kind: str, values: Iterable[tuple[str, str]]) -> None:
    rows = [(_mine(kind), key, f"{sign(kind, key, value)} {value}") for key, value in values]
    _execute("insert or replace into memory values (?, ?, ?)", rows, many=True)


def _mine(kind: str) -> str:
    return f"{kind} {owner()}"


def _believed(kind: str, key: str, stored: object) -> str | None:
    """The value of a row that this user wrote; None for any other row."""
    proof, _, value = stored.partition(" ") if isinstance(stored, str) else ("", "", "")
    return value if proof and proof == sign(kind, key, value) else None


def _execute(statement: str, values, many: bool = False) -> list[tuple]:
    for _ in range(2):
        connection = _connection()
        if connection is None:
            return []
        try:
            with connection:
                connection.set_progress_handler(_time_is_up(), STEPS)
                done = (connection.executemany if many else connection.execute)(statement, values)
                return done.fetchall()
        except sqlite3.OperationalError:  # full, read-only or busy: go on without, from now on
            _connections[os.getpid()] = None
            return []
        except sqlite3.DatabaseError:  # damaged: begin a new one
            try:
                _discard()
            except OSError:
                return []
    return []


def _connection() -> sqlite3.Connection | None:
    process = os.getpid()  # a connection must not be used across a fork
    if process not in _connections:
        try:
            check_tops()
            state_folder().mkdir(exist_ok=True)
            try:
                _connections[process] = _open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                cache_file().unlink()
                _connections[process] = _open()
        except (sqlite3.Error, OSError, ShotError):
            _connections[process] = None
    return _connections[process]


def _open() -> sqlite3.Connection:
    if os.path.lexists(cache_file()):
        seen = os.lstat(cache_file())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(f"{cache_file()} is no plain file")  # a link may lead anywhere, a pipe to nothing
        if seen.st_nlink > 1:  # SQLite writes in place: what bears another name elsewhere is left as it is
            raise sqlite3.DatabaseError("the file has another name")
    # No write-ahead log: it does not work in folders that several machines share.
    connection = sqlite3.connect(cache_file(), timeout=BUSY_S, check_same_thread=False)
    connection.execute("pragma synchronous=off")
    connection.set_progress_handler(_time_is_up(), STEPS)
    with connection:
        connection.execute(TABLE.replace("TABLE", "TABLE if not exists", 1))
        found = connection.execute("select type, name, sql from sqlite_master").fetchall()
    if found != OURS:  # views and triggers are programs
        connection.close()
        raise sqlite3.DatabaseError("the table is not ours")
    return connection


def _time_is_up() -> Callable[[], bool]:
    end = time.monotonic() + LONGEST_S
    return lambda: time.monotonic() > end


def _discard() -> None:
    connection = _connections.pop(os.getpid(), None)
    if connection is not None:
        connection.close()
    cache_file().unlink(missing_ok=True)
