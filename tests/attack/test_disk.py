"""Disks that are full or become read-only in the middle of a build: one clear line, no damage, and it goes on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.shows.attack import (
    SIGNATURE_OF_A_CRASH,
    can_mount,
    contents,
    litter,
    make_small,
    named_files,
    one_clear_line,
)
from helpers.shows.project import Project, Ran

NO_SPACE = "No space left on device"
PAGE = os.sysconf("SC_PAGE_SIZE")
STAGES = ("footage", "tracks", "solve", "preview", "stmap", "scene", "export", "report", "composite")
WRITERS = ("footage", "tracks", "preview", "stmap", "composite")  # JSON, arrays, a movie, EXR, Blender: the rest as one


class Disk:
    """A tmpfs whose size can be changed while it is in use."""

    def __init__(self, place: Path):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        self.mount("tmpfs", "-t", "tmpfs", "-o", "size=200m")

    def mount(self, *words: str) -> None:
        subprocess.run(["mount", *words[1:], words[0], str(self.place)], check=True)

    def free(self, size: int) -> None:
        """Leave so many bytes; by growing or shrinking the disk, as an administrator would."""
        stat = os.statvfs(self.place)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        self.mount("tmpfs", "-o", f"remount,size={used + size // PAGE * PAGE}")

    def grow(self) -> None:
        self.mount("tmpfs", "-o", "remount,rw,size=200m")

    def protect(self) -> None:
        self.mount("tmpfs", "-o", "remount,ro")


@pytest.fixture
def disk_at() -> Iterator:
    reason = can_mount()
    if reason:
        pytest.skip(reason)
    disks: list[Disk] = []

    def make(place: Path) -> Disk:
        disks.append(Disk(place))
        return disks[-1]

    yield make
    for disk in disks:
        subprocess.run(["umount", "-l", str(disk.place)], check=True)


@pytest.fixture
def on_disk(disk_at, tmp_path, small_once) -> tuple[Project, Disk]:
    """A built project on a disk of its own."""
    disk = disk_at(tmp_path / "disk")
    subprocess.run(["cp", "-a", str(small_once.root), str(disk.place / "show")], check=True)
    return Project(disk.place / "show"), disk


def of_stage(project: Project, stage: str) -> list[Path]:
    """What `stage` made, but for kept segments."""
    named = named_files(project, "shot=mini")
    return [project.root / path for path, (task, name) in named.items() if task == f"{stage}:mini" and name != path]


def forget_result(project: Project, stage: str) -> dict[Path, bytes]:
    """Remove what a stage has made -> what it was."""
    was = {path: path.read_bytes() for path in of_stage(project, stage)}
    for path in was:
        path.unlink()
        path.with_name(f"{path.name}.stamp.json").unlink(missing_ok=True)
    return was


@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_is_full_in_the_middle_of_a_stage_is_one_line(on_disk, small_once, stage, thorough):
    if stage not in WRITERS and not thorough:
        pytest.skip("--kills 200")
    project, disk = on_disk
    was = forget_result(project, stage)
    size = sum(len(data) for data in was.values())
    for share in (0, 0.5) if size > 10 * PAGE else (0,):  # not even a lease can be written; half of the result fits
        disk.free(int(size * share))
        ran = project.run("shot=mini")
        if share and ran.code == 0:  # half was enough
            break
        one_clear_line(ran, stage, NO_SPACE, ".gsd-state")
        for path, data in was.items():
            assert not path.exists() or path.suffix == ".blend" or path.read_bytes() == data, path
        assert [path for path in project.root.rglob(".part-*")] == []
        faults = project.run("verify", "shot=mini").fault_lines
        faults = [line for line in faults if not line.startswith("verify:")]  # it may tell that its report has no room
        assert [line.split(": ")[:2] for line in faults] == [[f"{stage}:mini", "never built"]], faults
        disk.grow()
    disk.grow()
    made = project.built("shot=mini").executed
    shown = {"report:mini"} if stage == "preview" else set()  # a movie's bytes are not promised
    assert set(made) <= {f"{stage}:mini", "publish:mini"} | shown, made
    assert contents(project, "shot=mini") == contents(small_once, "shot=mini")
    assert litter(project) == []
    assert project.built("verify", "shot=mini").err == ""


def test_a_disk_that_grows_too_slowly_is_filled_again_and_again_and_nothing_is_lost(
    disk_at, tmp_path, small_movie, small_once, thorough
):
    if not thorough:
        pytest.skip("--kills 200")
    disk = disk_at(tmp_path / "disk")
    project = make_small(disk.place / "show", small_movie)
    lines = 0
    for size in (0, 12_000, 60_000, 250_000, 900_000, 1_300_000):
        disk.free(size)
        ran = project.run("shot=mini")
        if ran.code == 0:
            break
        assert ran.code == 1 and ran.fault_lines and SIGNATURE_OF_A_CRASH not in ran.err, (size, ran.code, ran.err)
        assert all(NO_SPACE in line for line in ran.fault_lines), (size, ran.err)
        lines += 1
    assert lines >= 4, "the disk was never full"
    disk.grow()
    project.built("shot=mini")
    assert contents(project, "shot=mini") == contents(small_once, "shot=mini")
    assert litter(project) == []
    assert project.built("shot=mini").executed == []


def test_a_full_disk_under_build_stops_the_publishing_alone(disk_at, small, small_once):
    subprocess.run(["rm", "-r", str(small.root / "build")], check=True)
    disk = disk_at(small.root / "build")
    disk.free(900_000)
    ran = small.run("shot=mini")
    one_clear_line(ran, "publish:mini", NO_SPACE, "build/mini")
    assert litter(small) == []
    disk.grow()
    assert small.built("shot=mini").executed == ["publish:mini"]
    assert contents(small, "shot=mini") == contents(small_once, "shot=mini")


def test_a_disk_that_becomes_read_only_is_one_line_and_can_still_be_looked_at(disk_at, tmp_path, small_movie):
    disk = disk_at(tmp_path / "disk")
    project = make_small(disk.place / "show", small_movie)
    project.built("tracks", "shot=mini")
    disk.protect()
    one_clear_line(project.run("shot=mini"), "Read-only file system")
    looked(project.run("plan", "shot=mini"), 0)
    looked(project.run("list", "--all", "shot=mini"), 0)
    ran = looked(project.run("verify", "shot=mini"), 1)
    assert ran.fault_lines[0] == "solve:mini: never built", ran.err
    disk.grow()
    assert project.built("solve", "shot=mini").executed == ["solve:mini"]


def looked(ran: Ran, code: int) -> Ran:
    assert ran.code == code and SIGNATURE_OF_A_CRASH not in ran.err, (ran.code, ran.err)
    return ran


def test_a_built_project_on_a_read_only_disk_is_up_to_date(on_disk):
    project, disk = on_disk
    disk.protect()
    assert project.built("shot=mini").executed == []
    looked(project.run("plan", "shot=mini"), 0)
    looked(project.run("list", "shot=mini"), 0)
    assert project.run("verify", "shot=mini").code == 0
