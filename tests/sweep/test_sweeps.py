"""`python dodo.py -m`: one graph, each distinct step once, broken variants alone, other launchers, two hosts."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter

import pytest

from helpers.shows.attack import litter, make_small, shot_yaml, start_command
from helpers.shows.project import Project, Ran, is_of_a_whole_result

PRESETS = "tracking=fast,balanced"
SETTINGS = "tracking.solve.clean.max_error_px=1.5,2"
FOUR = ("shot=mini", PRESETS, SETTINGS)
NO_SOLVE = "  preview: {enabled: false}\n  solve: {enabled: false}\n"  # builds in a second or two
# 2 presets x 2 settings of the solve, and the referee's tracks: what there is to do, whoever does it
DISTINCT = {"footage": 1, "tracks": 3} | dict.fromkeys(
    ["solve", "stmap", "scene", "composite", "export", "report", "publish"], 4
)
NO_DISTINCT = {"footage": 1, "tracks": 2, "report": 4, "publish": 4}  # without a solve: 2 limits of the report instead
LIMITS = "tracking.qc.min_tracks_per_frame=8,9"


def executed(ran: Ran) -> Counter:
    """Stage -> how often one of its tasks ran, for whatever made its own tools."""
    names = [name for name in ran.executed if name not in ("summary", "blender")]
    return Counter(name.split(":")[0] for name in names)


def made(project: Project) -> Counter:
    """Stage -> how many results there are; each has its stamp, in its place."""
    state = (path for path in (project.root / ".gsd-state").rglob("[!.]*.stamp.json") if path.parent.name != "segments")
    stamps = [*filter(is_of_a_whole_result, state), *(project.root / "build").glob("*/.published.json")]
    return Counter(json.loads(path.read_text())["made_by"]["stage"] for path in stamps)


def finished(ran: Ran) -> Counter:
    """Stage -> how often one said that it had made something; a task that waited for another's result is silent."""
    lines = re.findall(r"^   .*\(\d+\.\d s\)$", ran.out, re.MULTILINE)
    return Counter({"all": len(lines)})


@pytest.fixture
def cheap(tmp_path, small_movie) -> Project:
    return make_small(tmp_path / "show", small_movie, more=NO_SOLVE)


def test_a_sweep_is_one_graph_of_distinct_steps_and_the_second_time_nothing(tmp_path, small_movie):
    project = make_small(tmp_path / "show", small_movie, more="  preview: {enabled: false}\n")
    ran = project.python("-m", *FOUR, "jobs=2")
    assert ran.code == 0, ran.out + ran.err
    assert executed(ran) == DISTINCT and len(set(ran.executed)) == len(ran.executed)
    assert "4 variants of 1 shot: 4 solved" in ran.out
    again = project.python("-m", *FOUR, "jobs=2")
    assert again.code == 0 and again.executed == ["summary"], again.out
    # side by side, each as doit alone makes it
    folders = [path.name for path in (project.root / "build").glob("mini@*")]
    assert len(folders) == 4
    one = ("shot=mini", "tracking=fast", "tracking.solve.clean.max_error_px=1.5")
    assert project.built(*one).executed == []


@pytest.mark.parametrize("launcher", ["joblib", "ray", "submitit_local"])
def test_other_launchers_make_every_distinct_target_once(cheap, launcher, pytestconfig):
    by_flag = pytestconfig.getoption("--launchers")
    if launcher != "joblib" and not by_flag:
        pytest.skip("--launchers")
    assert importlib.util.find_spec(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher"), f"pip install {launcher}"
    words = (*FOUR, "tracking.solve.enabled=true") if by_flag else ("shot=mini", PRESETS, LIMITS)
    jobs = ["jobs=2"] if launcher != "submitit_local" else []
    ran = cheap.python("-m", *words, f"hydra/launcher={launcher}", *jobs)
    assert ran.code == 0, ran.out + ran.err
    wanted = DISTINCT if by_flag else NO_DISTINCT
    stages = made(cheap)
    assert {stage: stages[stage] for stage in wanted} == wanted
    if launcher == "joblib":  # the others keep what their jobs say for themselves
        assert finished(ran)["all"] == sum(wanted.values()) - wanted["publish"], ran.out
    again = cheap.python("-m", *words, f"hydra/launcher={launcher}", *jobs)
    assert again.code == 0 and executed(again) == {}, again.out + again.err
    assert litter(cheap) == []


def test_broken_variants_and_shots_fail_alone_and_silenced_values_are_told(cheap):
    cheap.write_shot("typo", shot_yaml("typo").replace("min_tracks", "min_trakcs"))
    cheap.write_shot("unclosed", "shot: [\n")
    cheap.write_shot("gone", shot_yaml("gone", plate="gone.mp4"))
    words = ("shot=glob(*)", "tracking=fast", "tracking.qc.max_holdout_px=1.0,1,lots")
    ran = cheap.python("-m", *words)
    assert ran.code == 1 and "Traceback" not in ran.err, ran.err
    assert "12 variants of 4 shots: 2 built, 2 failed, 8 broken" in ran.out
    assert ran.out.count("   silenced: ") == 2  # by mini and by gone, told once each
    assert "   silenced: tracking.detect.min_tracks of tracking=fast: conf/shot/mini.yaml says 90\n" in ran.out
    assert "   the same in every step: mini@tracking.qc.max_holdout_px=1.0_tracking=fast, mini@" in ran.out
    told = [line for line in ran.fault_lines if ": broken: " in line or ": failed: " in line]
    assert Counter(line.split("@")[0] for line in told) == {"typo": 4, "unclosed": 3, "gone": 3, "mini": 1}
    (line,) = [line for line in told if line.startswith("mini")]
    assert line.endswith("tracking.qc.max_holdout_px: found 'lots'; needed a number (px)")
    assert len(list((cheap.root / "build").glob("*@*"))) == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("shot=min", "tracking=fast"), "shot=min: no conf/shot/min.yaml; did you mean mini?"),
        (("shot=mini", "jobs=two"), "jobs=two: needed a number of workers, at least 1"),
        (("shot=mini", "hydra/sweeper=optuna"), "hydra/sweeper=optuna: not installed; pip install -e '.[optuna]'"),
    ],
)
def test_a_sweep_that_cannot_begin_is_one_line(cheap, words, line):
    if "optuna" in line and importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper"):
        pytest.skip("optuna is installed")
    ran = cheap.python("-m", *words)
    assert (ran.code, ran.fault_lines) == (1, [line])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "a.json: no such file; needed a file that a sweep has written (variants=)"),
        ("", "a.json:1: not JSON: expecting value (column 1) (variants=)"),
        ("null", "a.json: found no list of variants; needed a file that a sweep has written (variants=)"),
        ('{"variants": [["a", [3]]]}', "a.json: found no list of variants; needed a file that a sweep has written"),
    ],
)
def test_a_file_of_variants_that_is_none_is_said_to_be_what_it_is(cheap, text, line):
    if text is not None:
        (cheap.root / "a.json").write_text(text)
    ran = cheap.run("plan", "variants=a.json")
    assert ran.code == 3 and ran.fault_lines[0].startswith(f"ERROR: {line}"), ran.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_sweep_that_is_killed_goes_on(cheap, number, thorough):
    if number == signal.SIGTERM and not thorough:
        pytest.skip("--kills 200")
    command = [sys.executable, "dodo.py", "-m", "shot=mini", PRESETS, LIMITS, "jobs=2"]
    sweep = start_command(cheap, command)
    assert sweep.until(lambda: made(cheap)["tracks"])
    sweep.signal(number, group=False)
    code = sweep.wait(30).code
    assert sweep.leftovers() == {} and code == (-9 if number == signal.SIGKILL else 143)
    assert "Traceback" not in sweep.err
    before = made(cheap)
    ran = cheap.python("-m", *command[3:])
    assert ran.code == 0, ran.err
    assert executed(ran) <= Counter(NO_DISTINCT) - before, f"{before}\n{sweep.out}\n{ran.out}"
    assert made(cheap) == NO_DISTINCT and litter(cheap) == []


# A host of its own: another name, another view of the folder, under another path.
HOST = 'hostname {name} && mount --bind "{show}" "{view}" && cd "{view}" && exec "$@"'


def host(project: Project, name: str, *words: str):
    view = project.root.parent / f"view-of-{name}"
    view.mkdir()
    script = HOST.format(name=name, show=project.root, view=view)
    command = ["unshare", "--map-root-user", "--uts", "--mount", "sh", "-c", script, "sh", sys.executable, *words]
    return start_command(project, command, SHOTMAKE_LEASE_S="3")


def has_namespaces() -> bool:
    words = ["unshare", "--map-root-user", "--uts", "--mount", "sh", "-c", "hostname a && mount --bind /tmp /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.skipif(not has_namespaces(), reason="needs namespaces (unshare)")
def test_a_host_takes_over_from_one_that_was_killed(cheap):
    words = ("dodo.py", "-m", "shot=mini", PRESETS, LIMITS)
    first = host(cheap, "alpha", *words)
    assert first.until(lambda: any((cheap.root / ".gsd-state" / "locks").glob("tracks-*.lease")))
    second = host(cheap, "beta", *words)
    assert second.until(lambda: "waiting for process" in second.out and "on alpha to build tracks:mini" in second.out)
    first.signal(signal.SIGKILL, group=True)
    left = made(cheap)
    assert left["tracks"] < 2  # it was in the middle
    ran = second.wait(60)
    assert ran.code == 0 and ran.err == "", ran.err
    assert ran.out.count(" tracks, at least ") == 2 - left["tracks"] and made(cheap) == NO_DISTINCT
    (listed,) = (cheap.root / "build" / "sweeps").glob("*/variants.json")
    checked = cheap.built("verify", f"variants={listed}")  # nothing is corrupt: each byte read again
    assert checked.out.count("are present, current, undamaged") == 4
    assert [name for name in litter(cheap) if "/.part-" not in name] == []  # those of alpha are gc's to list
