"""The build's memory of what is costly to find out again: digests, composed configs, where results lie.

Everything in it can be found again from the files themselves, so a lost, damaged, full or read-only
cache costs time and nothing else; that is why its errors are not passed on.
"""

import os
import sqlite3
from collections.abc import Iterable

from tasks import STATE

FILE = STATE / "cache.sqlite"
BUSY_S = 5  # somebody who writes for longer has been stopped (Ctrl-Z): go on without

_connections: dict[int, sqlite3.Connection | None] = {}


def get(kind: str, key: str) -> str | None:
    rows = _execute("select value from memory where kind = ? and key = ?", (kind, key))
    return rows[0][0] if rows else None


def get_all(kind: str) -> dict[str, str]:
    return dict(_execute("select key, value from memory where kind = ?", (kind,)))


def put(kind: str, key: str, value: str) -> None:
    _execute("insert or replace into memory values (?, ?, ?)", (kind, key, value))


def put_all(kind: str, values: Iterable[tuple[str, str]]) -> None:
    rows = [(kind, key, value) for key, value in values]
    _execute("insert or replace into memory values (?, ?, ?)", rows, many=True)


def _execute(statement: str, values, many: bool = False) -> list[tuple]:
    for _ in range(2):
        connection = _connection()
        if connection is None:
            return []
        try:
            with connection:
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
            STATE.mkdir(exist_ok=True)
            try:
                _connections[process] = _open()
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                FILE.unlink()
                _connections[process] = _open()
        except (sqlite3.Error, OSError):
            _connections[process] = None
    return _connections[process]


def _open() -> sqlite3.Connection:
    # No write-ahead log: it does not work in folders that several machines share.
    connection = sqlite3.connect(FILE, timeout=BUSY_S, check_same_thread=False)
    connection.execute("pragma synchronous=off")
    with connection:
        connection.execute(
            "create table if not exists memory (kind text, key text, value text, primary key (kind, key)) without rowid"
        )
    return connection


def _discard() -> None:
    connection = _connections.pop(os.getpid(), None)
    if connection is not None:
        connection.close()
    FILE.unlink(missing_ok=True)
