"""Many builds at once, builds that die while others wait for them, and hosts that share a folder."""

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from helpers.shows.attack import (
    SIGNATURE_OF_A_CRASH,
    Running,
    contents,
    litter,
    make_small,
    shot_yaml,
    start,
    start_command,
)
from helpers.shows.project import Project, Ran


@pytest.fixture
def crowd_size(thorough) -> int:
    return 8 if thorough else 4


def results(out: str) -> dict[str, list[str]]:
    """What each task said it made, or took over; waiting is no result."""
    found: dict[str, list[str]] = {}
    task = ""
    for line in out.splitlines():
        if line.startswith(".  "):
            task = line.removeprefix(".  ")
        elif line.startswith("   ") and line[3:4] != " " and "waiting for" not in line:
            found.setdefault(task, []).append(line.strip())
    return found


def times_made(crowd: list[Ran]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for ran in crowd:
        for task, lines in results(ran.out).items():
            counts[task] = counts.get(task, 0) + len(lines)
    return counts


def all_well(builds: list[Running]) -> list[Ran]:
    crowd = [build.wait(300) for build in builds]
    assert [(ran.code, ran.err) for ran in crowd] == [(0, "")] * len(crowd), "\n".join(ran.err for ran in crowd)
    return crowd


def test_many_builds_of_one_shot_make_every_target_once(tmp_path, small_movie, small_once, crowd_size):
    project = make_small(tmp_path / "show", small_movie)
    crowd = all_well([start(project, "shot=mini") for _ in range(crowd_size)])
    made = times_made(crowd)
    # publishing is a copy of what is there: each that waited for it may look again
    stages = {task: count for task, count in made.items() if not task.startswith("publish")}
    assert set(stages.values()) == {1} and len(stages) == 9, made
    assert any("waiting for process" in ran.out for ran in crowd)
    assert project.built("shot=mini").executed == [] and litter(project) == []
    assert contents(project, "shot=mini") == contents(small_once, "shot=mini")


def test_eight_builds_of_four_shots_make_every_target_once(tmp_path, small_movie, other_movie, thorough):
    if not thorough:
        pytest.skip("--kills 200")
    project = make_small(tmp_path / "show", small_movie)
    project.remove_other_shots("none")
    shutil.copy(other_movie, project.root / "footage" / "other.mp4")
    for name, plate in (("a", "mini.mp4"), ("b", "mini.mp4"), ("c", "other.mp4"), ("d", "other.mp4")):
        project.write_shot(name, shot_yaml(name, plate))
    crowd = all_well([start(project, f"shot={name}", "tracks") for name in "abcd" * 2])
    made = times_made(crowd)
    assert set(made) == {f"{stage}:{name}" for stage in ("footage", "tracks") for name in "abcd"}
    assert set(made.values()) == {1}, made
    assert project.built("tracks").executed == [] and litter(project) == []
    tracks = {path.parent.name[0]: path.read_bytes() for path in project.root.rglob("tracks.npz")}
    assert tracks["a"] == tracks["b"] != tracks["c"] == tracks["d"]


def test_a_killed_worker_ends_the_build_and_the_next_one_completes(tmp_path, small_movie):
    project = make_small(tmp_path / "show", small_movie)
    build = start(project, "-n", "2", "solve", "shot=mini")
    assert build.until(lambda: build.stage == "solve")
    # the worker that solves is the one that has used the most time
    workers = [pid for pid in build.processes() if pid != build.process.pid]
    worker = max(workers, key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]))
    time.sleep(0.3)
    os.kill(worker, signal.SIGKILL)
    ran = build.wait(15)
    assert ran.code == 1 and SIGNATURE_OF_A_CRASH not in ran.err, ran.err
    assert len(ran.fault_lines) == 1 and "a worker ended by signal 9" in ran.fault_lines[0], ran.err
    assert build.leftovers() == {}
    assert project.built("solve", "shot=mini").executed == ["solve:mini"]
    assert litter(project) == []


def test_a_dead_builds_lock_is_taken_over_and_a_living_ones_is_not(tmp_path, small_movie):
    project = make_small(tmp_path / "show", small_movie)
    holder = start(project, "solve", "shot=mini")
    assert holder.until(lambda: list(project.root.glob(".gsd-state/locks/solve-mini-*.lease")))
    holder.signal(signal.SIGSTOP, group=True)
    waiting = start(project, "solve", "shot=mini")
    assert waiting.until(lambda: f"waiting for process {holder.process.pid} to build solve:mini" in waiting.out)
    time.sleep(1.5)
    assert not waiting.has_ended and results(waiting.out) == {}
    holder.signal(signal.SIGKILL, group=True)
    ran = waiting.wait(60)
    assert (ran.code, ran.err) == (0, "") and list(results(ran.out)) == ["solve:mini"], ran.out
    assert litter(project) == []


# Several machines: here flock works, so the leases are tried alone. A host is a process that believes to be one.

HOLD = """
import sys, time
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.engine.processes import locks
terminal_output.show_messages()
seconds = float(sys.argv[1])
if "no-flock" in sys.argv:
    class Nothing:
        def __enter__(self): return True
        def __exit__(self, *problem): pass
    locks._hold_flock = lambda path, what: Nothing()
with locks.hold_lock("solve-mini", "solve:mini"):
    print("from", time.monotonic(), flush=True)
    time.sleep(seconds)
    print("to", time.monotonic(), flush=True)
print("left", flush=True)
"""
LEASE_S = 1.5


def host(project: Project, name: str, seconds: float) -> Running:
    """A machine that holds the lease for so long. Its flock means nothing to the others."""
    command = [sys.executable, "-c", HOLD, str(seconds), "no-flock"]
    return start_command(project, command, SHOTMAKE_HOST=name, SHOTMAKE_LEASE_S=str(LEASE_S))


def moment(build: Running, word: str) -> float:
    found = re.search(rf"^{word} ([0-9.]+)$", build.out, re.MULTILINE)
    assert found, f"{word}: {build.out}\n{build.err}"
    return float(found[1])


@pytest.fixture
def show(tmp_path, small_movie) -> Project:
    return make_small(tmp_path / "show", small_movie)


def test_a_living_host_is_waited_for_however_long_it_takes(show):
    first = host(show, "a", 4 * LEASE_S)
    assert first.until(lambda: "from" in first.out)
    second = host(show, "b", 0)
    assert second.until(lambda: f"waiting for process {first.process.pid} on a to build solve:mini" in second.out)
    assert (second.wait(30).code, first.wait(30).code) == (0, 0)
    assert moment(second, "from") > moment(first, "to")
    assert litter(show) == []


def test_a_dead_hosts_lease_is_taken_over_when_it_has_run_out_and_by_one_alone(show):
    dead = host(show, "dead", 60)
    assert dead.until(lambda: "from" in dead.out)
    dead.signal(signal.SIGKILL, group=True)
    died = time.monotonic()
    crowd = [host(show, f"host{number}", 0.4) for number in range(5)]
    assert [build.wait(60).code for build in crowd] == [0] * 5
    held = sorted((moment(build, "from"), moment(build, "to")) for build in crowd)
    assert LEASE_S * 0.8 < held[0][0] - died < LEASE_S * 4
    for (_, end), (begin, _) in zip(held[:-1], held[1:], strict=True):
        assert end <= begin, held
    assert litter(show) == []


def test_a_host_that_slept_too_long_does_not_end_the_lease_of_the_one_that_took_over(show):
    asleep = host(show, "asleep", 0.5)
    assert asleep.until(lambda: "from" in asleep.out)
    asleep.signal(signal.SIGSTOP, group=True)
    second = host(show, "second", 4)
    assert second.until(lambda: "from" in second.out)
    asleep.signal(signal.SIGCONT, group=True)
    asleep.wait(10)
    third = host(show, "third", 0)
    assert [second.wait(30).code, third.wait(30).code] == [0, 0]
    assert moment(third, "from") > moment(second, "to")


def test_two_hosts_build_one_shot_once(tmp_path, small_movie):
    project = make_small(tmp_path / "show", small_movie)
    pair = [start(project, "tracks", "shot=mini", SHOTMAKE_HOST=name, SHOTMAKE_LEASE_S="3") for name in ("a", "b")]
    made = times_made(all_well(pair))
    assert made == {"footage:mini": 1, "tracks:mini": 1}
    assert litter(project) == []
