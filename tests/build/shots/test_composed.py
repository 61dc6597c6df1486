"""Remembered configs equal what Hydra composes, and are asked again when anything they were made of changes."""

import json
import os
import sys

import pytest

from helpers.shows.project import REPOSITORY, Project, make_project

# Loads shots as a build does and, where that asked Hydra, by Hydra alone; prints both and whom Hydra was asked for.
BOTH = """
import json, sys
from dataclasses import asdict
from shotmake.config import check
from shotmake.tasks.shots import composed_configs, shots
asked = []
real = shots.compose_shot
def counted(name, overrides, environment):
    asked.append(name)
    return real(name, overrides, environment)
shots.compose_shot = counted
found = []
for line in json.loads(sys.argv[1]):
    name, *overrides = line
    before = len(asked)
    shot = shots.load_shot(name, tuple(overrides))
    is_new = shot.config and len(asked) > before
    fresh = asdict(check.load(real(name, tuple(overrides), {}))) if is_new else None
    found.append([shot.config and asdict(shot.config), fresh, list(shot.faults)])
print(json.dumps({"found": found, "asked": asked}))
"""


def load_both(project: Project, *lines: list[str], **environment: str) -> tuple[list, list[str]]:
    """Lines of a shot and its overrides -> [[remembered or composed, by Hydra, faults], ...], whom Hydra composed."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        ran = project.doit_with(sys.executable, "-c", BOTH, json.dumps(lines))
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    return answer["found"], answer["asked"]


def every_line() -> list[list[str]]:
    """Every shot we ship with every preset, and some overrides."""
    shots = [path.stem for path in (REPOSITORY / "conf" / "shot").glob("*.yaml")]
    presets = [f"{path.parent.name}={path.stem}" for group in ("tracking", "composite")
               for path in (REPOSITORY / "conf" / group).glob("*.yaml")]  # fmt: skip
    words = [[], *([preset, "composite.background_image=still.png"] for preset in presets),
             ["tracking=fast", "tracking.detect.min_tracks=77"],
             ["shot.footage.frame_rate=24000/1001"], ["shot.camera.focal_mm=30"]]  # fmt: skip
    return [[shot, *some] for shot in shots for some in words]


def test_remembered_configs_equal_hydras_own_over_all_shots_and_presets(project):
    lines = every_line()
    first, asked = load_both(project, *lines)
    assert len(asked) == len(lines)
    second, asked = load_both(project, *lines)
    assert asked == []  # all remembered
    for line, (once, fresh, faults), (again, _, _) in zip(lines, first, second, strict=True):
        assert faults == [] and once == fresh == again, line


@pytest.mark.parametrize(
    ("file", "old", "new", "who"),
    [
        ("conf/shot/knob_hero.yaml", "shot:", "# a comment\nshot:", ["knob_hero"]),
        ("conf/tracking/fast.yaml", "min_tracks", "# a comment\n  min_tracks", ["knob_hero", "other"]),
        ("conf/config.yaml", "defaults:", "# a comment\ndefaults:", ["knob_hero", "other"]),
        ("tasks/shots/shots.py", "import re\n", "import re  # edited\n", ["knob_hero", "other"]),
    ],
)
def test_what_a_config_was_composed_from_is_noticed_by_content(project, file, old, new, who):
    project = project.with_own_code()
    project.write_shot("other", "shot: {name: other, footage: {file: a.mp4}}\n")
    lines = [["knob_hero"], ["other"]]
    load_both(project, *lines)
    path = project.root / file
    text = path.read_text()
    os.utime(path)
    assert load_both(project, *lines)[1] == []  # touched, not changed
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert load_both(project, *lines)[1] == who


def test_environment_values_are_part_of_it(project):
    text = "shot: {name: other, footage: {file: '${oc.env:SHOT_PLATE,none}.mp4'}}\n"
    project.write_shot("other", text)
    for plate, asked_again in (("a", ["other"]), ("a", []), ("b", ["other"])):
        found, asked = load_both(project, ["other"], SHOT_PLATE=plate)
        assert asked == asked_again
        assert found[0][0]["shot"]["footage"]["file"] == f"{plate}.mp4"
    found, asked = load_both(project, ["other"])
    assert asked == ["other"] and found[0][0]["shot"]["footage"]["file"] == "none.mp4"


def test_a_shot_built_on_another_follows_it(project):
    base = "shot: {name: base, footage: {file: a.mp4}, subject: {size: 2.0}}\n"
    project.write_shot("base", base)
    project.write_shot("heir", "# @package _global_\ndefaults: [base, _self_]\nshot: {name: heir}\n")
    for text, size in ((base, 2.0), (base.replace("2.0", "3.0"), 3.0)):
        project.write_shot("base", "# @package _global_\n" + text)
        found, asked = load_both(project, ["heir"])
        assert asked == ["heir"] and found[0][0]["shot"]["subject"]["size"] == size, found


def test_the_time_of_day_is_not_remembered(project):
    project.write_shot("timed", "shot: {name: timed, footage: {file: '${now:%H%M%S%f}.mp4'}}\n")
    for _ in range(2):
        assert load_both(project, ["timed"])[1] == ["timed"]


def test_many_new_shots_are_composed_on_all_cores(project):
    for number in range(12):
        faulty = ", size: x" if number == 5 else ""
        text = f"shot: {{name: s{number:02}, footage: {{file: a.mp4}}, subject: {{kind: knob{faulty}}}}}\n"
        project.write_shot(f"s{number:02}", text)
    (project.root / "conf" / "shot" / "knob_hero.yaml").unlink()
    code = (
        "from shotmake.tasks.shots.shots import load_shots\n"
        "for shot in load_shots([], {}): print(shot.name, shot.config and shot.config.shot.name, shot.faults)"
    )
    for _ in range(2):
        ran = project.doit_with(sys.executable, "-c", code)
        lines = ran.out.splitlines()
        assert [line.split()[0] for line in lines] == [f"s{number:02}" for number in range(12)], ran.err
        assert lines[7] == "s07 s07 ()" and "shot.subject.size: found 'x'" in lines[5]


@pytest.fixture(scope="module")
def own_code(tmp_path_factory):
    """A show with a shotmake of its own, to be edited."""
    return make_project(tmp_path_factory.mktemp("own") / "show").with_own_code()


CHECKS = ["check_stabilize_and_pin", "check_orient", "check_objects", "track_annotations", "picks", "check_values",
          "keyed_camera", "frame_ranges", "format_registry", "schema", "check", "../errors"]  # fmt: skip


@pytest.mark.parametrize("module", CHECKS)
def test_code_that_a_check_is_made_of_is_part_of_it(own_code, module):
    load_both(own_code, ["knob_hero"])
    assert load_both(own_code, ["knob_hero"])[1] == []
    path = own_code.root / "shotmake" / "config" / f"{module}.py"
    path.write_text(path.read_text() + "\n# edited\n")
    assert load_both(own_code, ["knob_hero"])[1] == ["knob_hero"]


def test_a_check_that_grew_stricter_is_asked_though_the_config_is_remembered(own_code):
    """Through the command line: a file that no list names."""
    own_code.write_shot("a", "shot: {name: a, footage: {file: a.mp4}}\n")
    words = ("plan", "shot=a")
    assert own_code.run(*words).code == 0 and load_both(own_code, ["a"])[1] == []
    (own_code.root / "shotmake" / "newcheck.py").write_text('WORD = "found a; needed b"\n')
    path = own_code.root / "shotmake" / "config" / "check_objects.py"
    text = path.read_text()
    strict = "\n\ndef faults_of(config):\n    from shotmake.newcheck import WORD\n\n    return [('shot.name', WORD)]\n"
    path.write_text(text + strict)
    ran = own_code.run(*words)
    assert ran.code == 1 and "shot.name: found a; needed b" in ran.err, ran.err
    (own_code.root / "shotmake" / "newcheck.py").write_text('WORD = "found a; needed another"\n')
    ran = own_code.run(*words)
    path.write_text(text)
    assert ran.code == 1 and "shot.name: found a; needed another" in ran.err, ran.err


# Everything of ours and of conf/ that is opened while shots are loaded, checked and refused.
OPENED = """
import json, os, sys, types
sys.modules["hydra_plugins"] = none = types.ModuleType("hydra_plugins")  # ours start sweeps: no part of composing
none.__path__ = []
opened = set()
sys.addaudithook(lambda event, args: opened.add(args[0]) if event == "open" and isinstance(args[0], str) else None)
from shotmake.tasks.shots import shots
for line in json.loads(sys.argv[1]):
    shots.load_shot(line[0], tuple(line[1:]))
loaded = {str(one.__file__) for one in list(sys.modules.values()) if getattr(one, "__file__", None)}
from shotmake.tasks.shots import code_closure, composed_configs
from shotmake.tasks.show import get_conf_folder
known = {str(code_closure._find_file(name)) for name in code_closure.code_of(composed_configs.COMPOSES)}
known |= {str(path) for path in composed_configs._list_shared_files()}
known |= {str(path) for path in (get_conf_folder() / "shot").iterdir()}
ours = [str(folder) for folder in (*code_closure.PACKAGES.values(), get_conf_folder())]
used = {os.path.abspath(path) for path in opened | loaded if not path.endswith(".pyc")}
print(json.dumps(sorted(path for path in used if path.startswith(tuple(ours)) and path not in known)))
"""


def test_nothing_of_ours_is_read_on_the_way_that_the_digest_does_not_hold(project):
    """Code that is imported by a computed name, a table that is read: no parser of imports finds these."""
    project.write_shot("wrong", "shot: {name: wrong, footage: {file: 5}}\ntracking: {manual: [{nam: a}]}\n")
    lines = [*every_line(), ["wrong"], ["gone"], ["knob_hero", "shot.camera.import_file=a.abc"]]
    ran = project.doit_with(sys.executable, "-c", OPENED, json.dumps(lines))
    assert ran.code == 0 and json.loads(ran.out) == [], ran.out + ran.err


def test_presets_behind_a_link_are_part_of_it(project, tmp_path):
    """A studio's presets, shared by its shows; and a link that leads round in a circle."""
    (project.root / "conf" / "tracking").rename(tmp_path / "presets")
    (project.root / "conf" / "tracking").symlink_to(tmp_path / "presets")
    (tmp_path / "presets" / "round").symlink_to(project.root / "conf")
    (tmp_path / "own.yaml").write_text(f"presets: [{tmp_path / 'presets'}]\n")
    own = {"SHOTMAKE_CONFIG": str(tmp_path / "own.yaml")}
    load_both(project, ["knob_hero"], **own)
    assert load_both(project, ["knob_hero"], **own)[1] == []
    path = tmp_path / "presets" / "balanced.yaml"
    path.write_text(path.read_text() + "\n# edited\n")
    assert load_both(project, ["knob_hero"], **own)[1] == ["knob_hero"]
