"""Two users work on one show, in one group: with umask 002 they go on with each other's work, with 022 they are told
in one line whose files are in the way. As root plays them (tests/helpers/shows/other_user.py)."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.shows import attack
from helpers.shows.other_user import NUMBERS, OtherUser, give, open_folder, why_not
from helpers.shows.project import Project
from shotmake.tasks.engine.state.partial_files import HOST

pytestmark = [pytest.mark.matrix, pytest.mark.skipif(bool(why_not()), reason=why_not())]

WITHOUT_SOLVE = "  solve: {enabled: false}\n"  # builds in seconds
RANGE = "shot.footage.frame_range=[1,30]"


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture
def show(place: Path, small_movie: Path) -> Project:
    """It is the first user's; the group may write in it."""
    project = attack.make_small(place / "show", small_movie, more=WITHOUT_SOLVE)
    give(project.root, NUMBERS[0], 0o2775)
    return project


@pytest.fixture(scope="module")
def users() -> Iterator[list[OtherUser]]:
    """With homes, in which compiled code is kept."""
    with open_folder() as folder:
        homes = [folder / str(number) for number in NUMBERS]
        for home, number in zip(homes, NUMBERS, strict=True):
            home.mkdir(mode=0o700)
            os.chown(home, number, number)
        yield [OtherUser(number, home) for number, home in zip(NUMBERS, homes, strict=True)]


def with_umask(users: list[OtherUser], umask: int) -> list[OtherUser]:
    return [replace(user, umask=umask) for user in users]


def state(project: Project) -> list[Path]:
    return [path for path in (project.root / ".gsd-state").rglob("*") if path.is_file()]


def test_with_umask_002_each_goes_on_with_the_others_work(show, users):
    first, second = with_umask(users, 0o002)
    built = first.run(show)
    assert built.code == 0, built.err
    again = second.run(show)
    assert (again.code, again.executed) == (0, []), again.out + again.err
    shot = show.root / "conf" / "shot" / "mini.yaml"
    shot.write_text(shot.read_text().replace("frame_range: null", "frame_range: [1, 30]"))
    on = second.run(show)
    assert on.code == 0 and "tracks:mini" in on.executed, on.out + on.err
    assert {path.stat().st_uid for path in (show.root / "build" / "mini").iterdir()} >= {NUMBERS[1]}
    assert first.run(show).executed == []
    listed = first.run(show, "gc")
    assert listed.code == 0 and "force=true removes them" in listed.out, listed.out + listed.err
    removed = second.run(show, "gc", "force=true")
    assert removed.code == 0 and "removing" in removed.out, removed.out + removed.err
    assert "   0 files" in first.run(show, "gc", "force=true").out
    assert first.run(show, "verify").code == 0
    assert attack.litter(show) == []


def test_with_umask_022_the_second_user_reads_on_and_is_told_in_one_line_what_stops_a_build(show, users):
    first, second = users
    assert first.run(show).code == 0
    before = {path: path.read_bytes() for path in state(show)}
    again = second.run(show)
    assert (again.code, again.executed) == (0, []), again.out + again.err
    for words in (["verify"], ["plan"], ["summary"], ["sessions"], ["list", "--all"]):
        ran = second.run(show, *words)
        assert (ran.code, ran.err) == (0, ""), (words, ran.out, ran.err)
    refused = second.run(show, RANGE)
    assert refused.code == 1 and attack.SIGNATURE_OF_A_CRASH not in refused.err, refused.err
    assert len(refused.fault_lines) == len(refused.executed), refused.err  # one for each task that was begun
    for line in refused.fault_lines:
        assert "Permission denied" in line and "user 27001's" in line and "umask 002" in line, line
    assert {path: path.read_bytes() for path in state(show)} == before


def test_with_umask_022_gc_tells_which_files_stay(show, users):
    first, second = users
    assert first.run(show, RANGE).code == 0
    for path in (show.root / "build").iterdir():
        os.rename(path, path.with_name(f"old-{path.name}"))  # so that nothing refers to its state
    for path in (show.root / "build").rglob("overrides.yaml"):
        path.unlink()
    there = set(state(show))
    ran = second.run(show, "gc", "force=true")
    attack.one_clear_line(ran, "gc: ", "files stay, the first: cannot write or read", "user 27001's", "umask 002")
    assert "removing" not in ran.out, ran.out
    assert set(state(show)) == there
    assert first.run(show, "gc", "force=true").code == 0
    assert len(state(show)) < len(there)


def test_a_dead_lock_of_the_other_user_is_no_traceback(show, users):
    first, second = users
    assert first.run(show).code == 0
    locks = show.root / ".gsd-state" / "locks"
    for name in ("tracks-mini-0123456789ab", "tracks-mini-0123456789ab.lease"):
        (locks / name).write_text(json.dumps({"host": HOST, "pid": 1, "token": "x"}))
        os.chown(locks / name, NUMBERS[0], NUMBERS[0])
    ran = second.run(show, "gc", SHOTMAKE_LEASE_S="1")
    assert attack.SIGNATURE_OF_A_CRASH not in ran.err and len(ran.fault_lines) <= 1, ran.err
    again = second.run(show)
    assert again.code == 0, again.out + again.err
    assert first.run(show, "gc").code == 0
    assert not (locks / "tracks-mini-0123456789ab").exists()


def test_what_the_other_user_keeps_private_is_told_in_one_line(show, users):
    first, second = with_umask(users, 0o077)
    assert first.run(show).code == 0
    for words in ([], ["plan"], ["verify"], ["gc"], ["gc", "force=true"], ["sessions"], ["clean"], ["summary"]):
        ran = second.run(show, *words)
        assert attack.SIGNATURE_OF_A_CRASH not in ran.err, (words, ran.err)
        assert ran.code in (0, 1) and len(ran.fault_lines) <= 2, (words, ran.out, ran.err)
    assert first.run(show).executed == []


def test_nobody_builds_without_home_and_without_a_cache_for_compiled_code(show, place):
    """Nobody has no home, and a number that the machine does not know has not even the name of one."""
    nobody = OtherUser(NUMBERS[1], None, 0o002)
    ran = nobody.run(show)
    assert ran.code == 0, ran.out + ran.err
    assert ran.err == ""
    assert nobody.run(show).executed == []
    listed = nobody.run(show, "list")
    assert listed.code == 0 and "no home" in listed.out, listed.out + listed.err


@pytest.mark.parametrize("home", [None, Path("/nonexistent")], ids=str)
def test_a_blender_that_has_no_place_is_one_line(show, home):
    nobody = OtherUser(NUMBERS[1], home, 0o002)
    ran = nobody.run(show, "blender", "tracking.solve.enabled=true")
    attack.one_clear_line(ran, "blender: ", "set SHOTMAKE_BLENDER_HOME", "composite.blender.executable")
