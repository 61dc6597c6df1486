"""Inputs that change under the build's hands: the plate, its place, its age, and the range of frames."""

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from helpers.shows.attack import (
    SIGNATURE_OF_A_CRASH,
    Running,
    copy_of,
    make_small,
    meaning,
    named_files,
    shot_yaml,
    start,
)
from helpers.shows.project import Project

WITHOUT_BLENDER = ("footage", "tracks", "solve", "preview", "report", "export")
LARGE = 3 * 10**8  # bytes


def result(project: Project, stages: tuple[str, ...] = WITHOUT_BLENDER) -> dict[str, str]:
    """What these stages have made."""
    named = named_files(project, "shot=mini")
    wanted = [path for path, (task, _) in named.items() if task.split(":")[0] in stages]
    return {path: meaning(project.root / path) for path in wanted}


def without_segments(made: dict[str, str]) -> dict[str, str]:
    """The names of the stored segments tell the plate's bytes."""
    return {path: found for path, found in made.items() if "/segments/" not in path}


@pytest.fixture(scope="module")
def references(small_movie, other_movie, small_once, other_once) -> dict[Path, dict[str, str]]:
    """Plate -> what a clean build makes of it, up to the tracks."""
    made = {small_movie: result(small_once, READING), other_movie: result(other_once, READING)}
    assert "missing" not in made[small_movie].values() and made[small_movie] != made[other_movie]
    return made


def replace_plate(project: Project, movie: Path) -> None:
    """At one stroke, as a copy tool does it."""
    plate = project.root / "footage" / "mini.mp4"
    shutil.copyfile(movie, plate.with_name("incoming"))
    os.replace(plate.with_name("incoming"), plate)


READING = ("footage", "tracks")


def ended_honestly(build: Running, *plates: dict[str, str], project: Project) -> None:
    """It failed with one plain line, or what it made is of one plate."""
    ran = build.wait()
    if ran.code == 0:
        assert result(project, READING) in plates
    else:
        assert ran.code == 1 and len(ran.fault_lines) == 1 and SIGNATURE_OF_A_CRASH not in ran.err, ran.err
        assert "changed" in ran.fault_lines[0], ran.err


@pytest.mark.parametrize("stage", READING)
def test_a_plate_replaced_while_it_is_read_is_noticed(tmp_path, small_movie, other_movie, references, stage):
    project = make_small(tmp_path / "show", small_movie)
    build = start(project, "tracks", "shot=mini")
    assert build.until(lambda: f".  {stage}:mini" in build.out)
    time.sleep(random.Random(stage).uniform(0.1, 0.5))
    replace_plate(project, other_movie)
    ended_honestly(build, references[other_movie], project=project)
    project.built("tracks", "shot=mini")
    assert result(project, READING) == references[other_movie]


def test_a_plate_replaced_while_the_preview_reads_it_is_noticed(small, other_movie, other_once):
    (preview,) = small.root.glob(".gsd-state/previews/mini-*.mp4")
    preview.unlink()
    build = start(small, "preview", "shot=mini")
    assert build.until(lambda: build.stage == "preview")
    time.sleep(0.2)
    replace_plate(small, other_movie)
    ran = build.wait()
    assert ran.code == 1 and "changed while it was being read" in ran.err and len(ran.fault_lines) == 1, ran.err
    assert not preview.exists()
    stages = (*READING, "solve", "preview")
    small.built("preview", "shot=mini")
    assert result(small, stages) == result(other_once, stages)


def test_a_plate_replaced_and_put_back_while_it_is_read_is_noticed(tmp_path, small_movie, other_movie, references):
    project = make_small(tmp_path / "show", small_movie)
    plate = project.root / "footage" / "mini.mp4"
    stat = plate.stat()
    build = start(project, "tracks", "shot=mini")
    assert build.until(lambda: build.stage == "tracks")
    replace_plate(project, other_movie)
    time.sleep(0.4)
    replace_plate(project, small_movie)
    os.utime(plate, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as if it had never been away
    ended_honestly(build, references[small_movie], project=project)
    project.built("tracks", "shot=mini")
    assert result(project, READING) == references[small_movie]


def free_box(size: int) -> bytes:
    """The head of a part of an MP4 that every reader skips."""
    return size.to_bytes(4, "big") + b"free"


def test_a_plate_that_grows_while_it_is_read_is_noticed(tmp_path, small_movie, references):
    project = make_small(tmp_path / "show", small_movie)
    build = start(project, "tracks", "shot=mini")
    assert build.until(lambda: build.stage == "tracks")
    time.sleep(0.2)
    with open(project.root / "footage" / "mini.mp4", "ab") as plate:
        plate.write(free_box(1000) + bytes(992))
    ended_honestly(build, references[small_movie], project=project)
    ran = project.built("tracks", "shot=mini")
    assert "footage:mini" in ran.executed  # other bytes are another plate, even when they show the same
    assert without_segments(result(project, READING)) == without_segments(references[small_movie])


def test_a_project_that_was_moved_or_copied_builds_nothing(small, tmp_path):
    (tmp_path / "far" / "away").mkdir(parents=True)
    moved = Project(small.root.rename(tmp_path / "far" / "away" / "moved"))
    assert moved.built("shot=mini").executed == []
    copied = copy_of(moved, tmp_path / "copied")
    os.utime(copied.root / "footage" / "mini.mp4")
    assert copied.built("shot=mini").executed == []
    assert copied.built("verify", "shot=mini").err == ""


def bytes_read(project: Project) -> int:
    """By a build that has nothing to do. The kernel counts what our children have read, once they have ended."""

    def so_far() -> int:
        return int(dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())["rchar"])

    before = so_far()
    assert project.built("shot=mini").executed == []
    return so_far() - before


def test_a_large_plate_that_is_touched_is_read_once(small):
    plate = small.root / "footage" / "mini.mp4"
    with open(plate, "ab") as file:
        file.write(free_box(LARGE))
        file.truncate(file.tell() - 8 + LARGE)
    assert "footage:mini" in small.built("shot=mini").executed
    idle = bytes_read(small)
    os.utime(plate)
    assert LARGE < bytes_read(small) < 1.1 * LARGE
    assert bytes_read(small) < idle + 1e6 < 5e7


RANGES = ("[5, 30]", "[5, 38]", "[1, 30]", "[9, 34]")


def test_tracks_of_another_range_are_those_of_a_fresh_build(small, tmp_path, small_movie, thorough):
    for number, wanted in enumerate(RANGES if thorough else RANGES[2:3]):
        small.write_shot("mini", shot_yaml(frame_range=wanted))
        small.built("tracks", "shot=mini")
        fresh = make_small(tmp_path / f"fresh-{number}", small_movie)
        fresh.write_shot("mini", shot_yaml(frame_range=wanted))
        fresh.built("tracks", "shot=mini")
        assert result(small, READING) == result(fresh, READING), wanted


def test_all_that_follows_from_a_shifted_range_is_that_of_a_fresh_build(small, tmp_path, small_movie):
    fresh = make_small(tmp_path / "fresh", small_movie)
    for project in (small, fresh):
        project.write_shot("mini", shot_yaml(frame_range="[5, 36]", more="  preview: {enabled: false}\n"))
        project.built("report", "export", "shot=mini")
    assert result(small) == result(fresh)
