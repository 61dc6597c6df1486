"""Builds killed at random moments: whatever died, the next build ends as if nothing had happened.

`pytest -n 0 tests/attack/test_kills.py --kills 200 -s` is the full run; it prints how often each stage was hit.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helpers.shows.attack import (
    SIGNATURE_OF_A_CRASH,
    Running,
    contents,
    copy_of,
    litter,
    make_small,
    named_files,
    shot_yaml,
    start,
    start_command,
)
from helpers.shows.project import Project, Ran
from shotmake.tasks.engine.state.partial_files import make_part_path, remove_part

SEED = 20
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EDITS = {  # name -> what is added to the shot's YAML
    "as it was": "",
    "objects": "  objects: {enabled: true}\n",
    "tracking": "  clean: {min_frames: 6}\n",
    "solve": "  solve: {clean: {max_error_px: 1.5}}\n",
    "composite": "composite: {film_transparent: false}\n",
    "preview": "  preview: {trail_frames: 3}\n",
    "qc": "  qc: {max_holdout_px: 2.0}\n",
}
# Seconds of what is to be done.
SPAN_S = {"as it was": 9, "objects": 4, "tracking": 9, "solve": 7, "composite": 4, "preview": 2.5, "qc": 1}


@dataclass
class Attack:
    """One project that is edited, built and killed again and again, and clean builds to hold it against."""

    folder: Path
    plates: tuple[Path, Path]
    random: random.Random
    project: Project | None = None
    edit: str = "as it was"
    plate: int = 0
    references: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    killed: Counter = field(default_factory=Counter)
    late: int = 0
    rounds: int = 0

    def show(self) -> Project:
        assert self.project is not None
        return self.project

    def begin_anew(self) -> None:
        """A new project, nothing built, the shot as it was first."""
        if self.project is not None:
            shutil.rmtree(self.project.root)
        self.edit, self.plate = "as it was", 0
        self.project = make_small(self.folder / "show", self.plates[self.plate], EDITS[self.edit])

    def change(self) -> float:
        """Edit the shot, swap the plate, or begin anew -> seconds that the build then takes at most."""
        kind = self.random.choices(("anew", "edit", "plate"), (5, 4, 1))[0]
        if kind == "edit":
            self.edit = self.random.choice(list(EDITS))
            self.show().write_shot("mini", shot_yaml(more=EDITS[self.edit]))
            return SPAN_S[self.edit]
        if kind == "plate":
            self.plate = 1 - self.plate
            shutil.copy(self.plates[self.plate], self.show().root / "footage" / "mini.mp4")
        else:
            self.begin_anew()
        return SPAN_S["as it was"]

    def reference(self) -> dict[str, str]:
        """What a clean build of the present shot holds."""
        state = (self.edit, self.plate)
        if state not in self.references:
            root = self.folder / f"clean-{len(self.references)}"
            clean = make_small(root, self.plates[self.plate], EDITS[self.edit])
            clean.built("shot=mini")
            self.references[state] = contents(clean, "shot=mini")
            shutil.rmtree(root)
        return self.references[state]

    def kill_one_build(self, in_blender: bool, span_s: float) -> None:
        """Start a build and kill it; no kill when it had ended before."""
        words = ["-n", "2"] if self.random.random() < 0.3 else []
        number, group = self.random.choice(SIGNALS), self.random.random() < 0.5
        build = start(self.show(), *words, "shot=mini")
        if in_blender:
            build.until(build.blender_runs)
            time.sleep(self.random.uniform(0, 0.8))
        else:
            time.sleep(self.random.uniform(0.05, span_s))
        stage = "blender" if build.blender_runs() else build.stage
        if build.has_ended:
            self.late += 1
            return
        build.signal(number, group)
        said = f"{number.name} to {'all' if group else 'doit alone'} {words} in {stage}"
        ran = ends_soon(build, said)
        if ran.code == 0 or " files in build/" in ran.out:  # all was done
            self.late += 1
            return
        assert build.leftovers() == {}, said
        assert_died_well(ran, number, said)
        self.killed[stage] += 1

    def check(self) -> None:
        """The next build ends as a clean one, and the one after it finds nothing to do."""
        project = self.show()
        ran = project.run("shot=mini")
        assert (ran.code, ran.err) == (0, ""), f"{ran.out}\n{ran.err}"
        assert contents(project, "shot=mini") == self.reference()
        assert litter(project) == []
        assert project.built("shot=mini").executed == []
        if self.rounds % 3 == 0:
            assert project.built("verify", "shot=mini").err == ""


def ends_soon(build: Running, said: str) -> Ran:
    try:
        return build.wait(30)
    except subprocess.TimeoutExpired:
        still = build.leftovers(0)
        raise AssertionError(f"{said}: still there after 30 s: {still}\n{build.out}\n{build.err}") from None


def assert_died_well(ran: Ran, number: signal.Signals, said: str) -> None:
    """Nothing but one plain line; before the first task Python itself may still be starting."""
    if number == signal.SIGKILL:
        assert ran.err == "" or ran.err.startswith("a worker ended by signal 9"), (said, ran.err)
    elif ran.out:
        assert ran.code == 128 + number, (said, ran.code, ran.err)
        assert SIGNATURE_OF_A_CRASH not in ran.err, (said, ran.err)


@pytest.fixture(scope="module")
def attack(tmp_path_factory, small_movie, other_movie, small_once, other_once):
    made = Attack(tmp_path_factory.mktemp("kills"), (small_movie, other_movie), random.Random(SEED))
    for plate, clean in enumerate((small_once, other_once)):
        made.references["as it was", plate] = contents(clean, "shot=mini")
    made.begin_anew()
    yield made
    total = made.killed.total()
    print(f"\n{total} kills in {made.rounds} rounds; {made.late} more came after the build's end; seed {SEED}")
    for stage, count in made.killed.most_common():
        print(f"  {stage:<12}{count:>5}")


def test_killed_at_any_moment_the_next_build_ends_as_a_clean_one(attack, pytestconfig):
    wanted = pytestconfig.getoption("--kills")
    faults = []
    while attack.killed.total() < wanted:
        attack.rounds += 1
        assert attack.rounds < 4 * wanted + 20, f"too many builds end before they are killed: {attack.killed}"
        place = f"round {attack.rounds}, seed {SEED}"
        due = attack.killed["blender"] < attack.killed.total() / 12
        if due:
            attack.begin_anew()
        span_s = SPAN_S["as it was"] if due else attack.change()
        try:
            attack.kill_one_build(due, span_s)
            if attack.random.random() < 0.2:
                attack.kill_one_build(False, span_s / 2)
            attack.check()
        except AssertionError as problem:  # go on: what else is there to find?
            faults.append(f"{place}: {attack.edit}, plate {attack.plate}: {problem}")
            attack.begin_anew()
    assert not faults, "\n\n".join(faults)
    assert attack.killed["blender"] >= wanted // 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_stopped_by_hand_end_with_one_line(small, number, thorough):
    """Ctrl-C in a terminal goes to the whole group: doit and its workers all get it, and doit ends them as well."""
    if number == signal.SIGTERM and not thorough:
        pytest.skip("--kills 200")
    forget_solve(small)
    for delay_s in (0, 0.3):
        build = start(small, "-n", "2", "solve", "shot=mini")
        assert build.until(lambda build=build: build.stage == "solve")
        time.sleep(delay_s)
        build.signal(number, group=True)
        ran = ends_soon(build, number.name)
        assert (ran.code, ran.fault_lines) == (128 + number, ["stopped; the next doit goes on from here"]), ran.err
        assert build.leftovers() == {}
    assert small.built("solve", "shot=mini").executed == ["solve:mini"]
    assert litter(small) == []


def forget_solve(project: Project) -> None:
    for path in (project.root / ".gsd-state" / "tracking" / "solves").rglob("*"):
        if path.is_file():
            path.unlink()


def remove_cheap_results(project: Project) -> None:
    """All that is made in no time: the plate's record, ST-maps, scene, export, report and the published copies."""
    for path, (task, _) in named_files(project, "shot=mini").items():
        if task.split(":")[0] in ("footage", "stmap", "scene", "export", "report"):
            (project.root / path).unlink()
            (project.root / f"{path}.stamp.json").unlink(missing_ok=True)
    shutil.rmtree(project.root / "build")


CALLS = ("rename", "unlink", "link", "fsync")


def traced(project: Project, *options: str) -> Running:
    """A build of which strace sees every change of a name."""
    command = ["strace", "-f", "-qq", "-o", str(project.root.parent / "trace"), *options]
    return start_command(project, [*command, sys.executable, "-m", "doit", "shot=mini"])


def can_trace() -> bool:
    return bool(shutil.which("strace")) and subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"]).returncode == 0


@pytest.mark.skipif(not can_trace(), reason="no strace here, or it may not trace")
def test_killed_at_a_change_of_any_name_the_next_build_ends_as_a_clean_one(small, small_once, tmp_path, pytestconfig):
    """Random moments seldom meet the microseconds between two renames; these kills are all there."""
    remove_cheap_results(small)
    counted = copy_of(small, tmp_path / "counted")
    assert traced(counted, "-e", f"trace={','.join(CALLS)}").wait().code == 0
    lines = (tmp_path / "trace").read_text().splitlines()
    main = lines[0].split()[0]
    counts = {call: sum(line.startswith(f"{main} ") and f" {call}(" in line for line in lines) for call in CALLS}
    assert min(counts.values()) > 5, counts
    points = [(call, number) for call, count in counts.items() for number in range(1, count + 1)]
    wanted = pytestconfig.getoption("--kills")
    chosen = random.Random(SEED).sample(points, min(len(points), max(1, wanted * 2 // 3)))
    expected = contents(small_once, "shot=mini")
    faults = []
    for call, number in chosen:
        try:
            kill_at(copy_of(small, tmp_path / f"{call}-{number}"), call, number, expected)
        except AssertionError as problem:
            faults.append(f"killed at {call} {number}: {problem}")
    assert not faults, "\n\n".join(faults)


def kill_at(project: Project, call: str, number: int, expected: dict[str, str]) -> None:
    build = traced(project, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
    assert build.wait().code != 0
    assert build.leftovers() == {}
    ran = project.run("shot=mini")
    assert (ran.code, ran.err) == (0, ""), f"{ran.out}\n{ran.err}"
    assert litter(project) == []
    assert contents(project, "shot=mini") == expected
    assert project.built("shot=mini").executed == []
    shutil.rmtree(project.root)


def test_what_blender_writes_beside_a_part_goes_with_it(tmp_path):
    part = make_part_path(tmp_path / "shot [1].blend")
    for path in (part, part.with_name(f"{part.name}@"), other := tmp_path / ".part-1 [1].blend@"):
        path.write_bytes(b"half")
    remove_part(part)
    assert list(tmp_path.iterdir()) == [other]
