"""The rows of the build's memory: believed when this user wrote them, whatever else lies in the file."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from helpers.shows.project import open_in_process
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.state import secret

pytestmark = pytest.mark.fast


@pytest.fixture
def memory(tmp_path, monkeypatch) -> Path:
    """An empty memory, and a home of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "show" / ".gsd-state").mkdir(parents=True)
    open_in_process(monkeypatch, tmp_path / "show")
    begin_anew()
    yield tmp_path / "show" / ".gsd-state" / "cache.sqlite"
    begin_anew()


def begin_anew() -> None:
    """As another process would."""
    for connection in cache_database._connections.values():
        if connection is not None:
            connection.close()
    cache_database._connections.clear()
    secret.read_secret.cache_clear()
    secret.name_owner.cache_clear()


def change(memory: Path, script: str) -> None:
    begin_anew()
    connection = sqlite3.connect(memory)
    connection.executescript(script)
    connection.close()


def test_what_was_put_is_got_by_another_process_of_the_user(memory):
    cache_database.put("kind", "key", "a value with spaces")
    begin_anew()
    assert cache_database.get("kind", "key") == "a value with spaces"
    assert cache_database.get_all("kind") == {"key": "a value with spaces"}


@pytest.mark.parametrize(
    "script",
    [
        "update memory set value = replace(value, 'good', 'evil')",
        "update memory set value = 'evil'",
        "update memory set value = null",
        "update memory set value = x'ff00'",
        "update memory set key = 'key2'; insert into memory select kind, 'key', value from memory",
        "drop table memory; create table memory (kind text)",
        "drop table memory; create view memory as select 'kind' as kind, 'key' as key, 'evil' as value",
        "drop table memory; create view memory as with recursive t(x) as (select 1 union all select x + 1 from t) "
        "select 'kind' as kind, 'key' as key, x as value from t",
        "create trigger t after insert on memory begin delete from memory; end",
    ],
)
def test_what_somebody_changed_is_not_believed_and_the_memory_goes_on(memory, script):
    cache_database.put("kind", "key", "good")
    change(memory, script)
    assert cache_database.get("kind", "key") in (None, "good") and set(cache_database.get_all("kind").values()) <= {
        "good"
    }
    begin_anew()
    cache_database.put("kind", "other", "new")
    assert cache_database.get("kind", "other") == "new"


def test_rows_of_another_user_stand_beside_ours_and_are_not_believed(memory, monkeypatch, tmp_path):
    cache_database.put("kind", "key", "ours")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    begin_anew()
    assert cache_database.get("kind", "key") is None
    cache_database.put("kind", "key", "theirs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    begin_anew()
    assert cache_database.get("kind", "key") == "ours"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "loop"])
def test_a_memory_that_is_no_file_costs_time_only(memory, kind, tmp_path):
    outside = tmp_path / "outside.sqlite"
    sqlite3.connect(outside).executescript("create table theirs (x)")
    before = outside.read_bytes()
    {"link": lambda: memory.symlink_to(outside), "pipe": lambda: os.mkfifo(memory), "folder": memory.mkdir,
     "loop": lambda: memory.symlink_to(memory)}[kind]()  # fmt: skip
    cache_database.put("kind", "key", "value")
    assert cache_database.get("kind", "key") is None and outside.read_bytes() == before


def test_a_memory_that_bears_another_name_elsewhere_is_begun_anew(memory, tmp_path):
    """SQLite writes in place: through a hard link it would write into somebody's database."""
    outside = tmp_path / "outside.sqlite"
    sqlite3.connect(outside).executescript("create table theirs (x)")
    before = outside.read_bytes()
    os.link(outside, memory)
    cache_database.put("kind", "key", "value")
    assert cache_database.get("kind", "key") == "value" and outside.read_bytes() == before


def test_the_secret_is_the_users_own(memory, tmp_path):
    path = tmp_path / "home" / "shotmake" / "secret"
    found = secret.read_secret()
    assert path.read_bytes() == found and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)  # others could have read it
    begin_anew()
    assert secret.read_secret() != found


@pytest.mark.parametrize("home", ["", "relative", "/proc/none"])
def test_without_a_home_nothing_is_remembered_and_nothing_fails(memory, monkeypatch, home):
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.delenv("HOME", raising=False)
    begin_anew()
    cache_database.put("kind", "key", "value")
    assert cache_database.get("kind", "key") == "value"
    begin_anew()
    assert cache_database.get("kind", "key") is None
