"""Leases of builds that nobody will ever finish, and what lies in the place of locks."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.shows.project import Project, Ran, make_project

LEASE_S = "1.5"
GARBAGE = {
    "no JSON": b"\xff\0{", "a list": b"[]", "no process": b'{"host": "elsewhere"}', "no host": b'{"pid": 4}',
    "deep": b"[" * 4000, "long": b" " * 10_000, "empty": b"",
}  # fmt: skip


@pytest.fixture
def show(tmp_path) -> Project:
    project = make_project(tmp_path / "show")
    (project.root / ".gsd-state" / "locks").mkdir(parents=True)
    return project


def run(project: Project, *words: str) -> Ran:
    return project.doit_with(sys.executable, "-m", "doit", *words, SHOTMAKE_LEASE_S=LEASE_S)


def lease(project: Project, content: bytes = b'{"host": "elsewhere", "pid": 12}', name: str = "solve-x-0") -> Path:
    path = project.root / ".gsd-state" / "locks" / f"{name}.lease"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b'{"host": "elsewhere", "pid": 12}', *GARBAGE.values()], ids=["a build", *GARBAGE])
def test_a_lease_that_stands_still_does_not_keep_gc_for_ever(show, content):
    path = lease(show, content)
    ran = run(show, "gc")
    assert ran.code == 0 and "0 files" in ran.out and not path.exists(), ran.err
    assert "still builds solve-x-0" in ran.out


def test_gc_names_the_build_that_lives_on_another_machine(show):
    path = lease(show)
    beat = f"import os, time\nfor _ in range(60):\n    time.sleep(0.2)\n    os.utime({str(path)!r})"
    beating = subprocess.Popen([sys.executable, "-c", beat])
    try:
        time.sleep(0.5)
        ran = run(show, "gc", "force=true")
    finally:
        beating.kill()
        beating.wait()
    line = "gc: process 12 on elsewhere builds solve-x-0; what a build makes is not referred to yet"
    assert ran.code == 1 and ran.err.splitlines() == [line] and path.exists()


def test_a_lease_that_is_a_folder_is_told_and_stays(show):
    path = lease(show)
    path.unlink()
    path.symlink_to(show.root.parent)
    ran = run(show, "gc")
    assert ran.code == 1 and "Traceback" not in ran.err and path.is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "loop"])
def test_what_is_no_lock_is_told_in_one_line(show, kind, tmp_path):
    path = show.root / ".gsd-state" / "locks" / "building"
    outside = tmp_path / "outside"
    {"pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "link": lambda: path.symlink_to(outside),
     "loop": lambda: path.symlink_to(path)}[kind]()  # fmt: skip
    ran = run(show, "gc")
    assert ran.code == 1 and not outside.exists()
    assert ran.err.splitlines() == [
        "gc: .gsd-state/locks/building: found no plain file; needed a lock of a build: remove it"
    ]
