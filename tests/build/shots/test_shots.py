"""conf/ -> configs: every file composes, the owner's example runs verbatim, faults name file and key."""

import json
import sys

import pytest

from helpers.shows.project import REPOSITORY

OWNERS_EXAMPLE = """\
shot:
  name: composite_knob_hero
  footage: {file: footage/knob_hero_4k.mp4, frame_range: [1, 150]}
  tracking: {enabled: true, preset: high_quality, solve: true}
  camera: {from_tracking: true}
  composite: {mode: over_footage, shadow_catcher: true}
"""


def load(project, shot: str, *overrides: str) -> dict:
    """Load one shot in a process of its own: Hydra keeps global state."""
    code = (
        "import json, sys; from dataclasses import asdict; from shotmake.tasks.shots.shots import load_shot\n"
        "shot = load_shot(sys.argv[1], tuple(sys.argv[2:]))\n"
        "print(json.dumps({'config': shot.config and asdict(shot.config), 'faults': shot.faults}))"
    )
    ran = project.doit_with(__import__("sys").executable, "-c", code, shot, *overrides)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "conf" / "shot").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shot_composes(project, path):
    assert load(project, path.stem)["faults"] == []


WANTING = {"over_plate": ["composite.background_image: not set"]}


@pytest.mark.parametrize("group", ["tracking", "composite"])
def test_every_preset_composes(project, group):
    for path in sorted((REPOSITORY / "conf" / group).glob("*.yaml")):
        found = load(project, "knob_hero", f"{group}={path.stem}")
        lines = WANTING.get(path.stem, [])
        assert len(found["faults"]) == len(lines), (path, found["faults"])
        assert all(line in fault for line, fault in zip(lines, found["faults"], strict=True)), found["faults"]


def test_the_seven_ways_to_composite():
    assert {path.stem for path in (REPOSITORY / "conf" / "composite").glob("*.yaml")} == {
        "over_footage", "over_plate", "shadow_multiply", "additive_glow", "screen_blend", "with_distortion",
        "stabilized",
    }  # fmt: skip


@pytest.mark.parametrize("group", ["tracking", "composite"])
def test_no_preset_is_another_one(project, group):
    found: dict[str, str] = {}
    for path in sorted((REPOSITORY / "conf" / group).glob("*.yaml")):
        words = (f"{group}={path.stem}", "composite.background_image=a.png")
        config = json.dumps(load(project, "knob_hero", *words)["config"][group])
        assert found.setdefault(config, path.stem) == path.stem


def test_owners_example_verbatim(project):
    project.write_shot("composite_knob_hero", OWNERS_EXAMPLE)
    found = load(project, "composite_knob_hero")
    project.write_shot("plain", "shot: {name: plain, footage: {file: a.mp4}}\n")
    preset = load(project, "plain", "tracking=high_quality")
    assert found["faults"] == []
    assert found["config"]["shot"]["name"] == "composite_knob_hero"
    assert found["config"]["shot"]["footage"]["frame_range"] == [1, 150]
    assert found["config"]["tracking"] == preset["config"]["tracking"]
    ran = project.run("shot=composite_knob_hero")
    assert ran.code != 0
    assert ran.fault_lines == [
        "footage:composite_knob_hero: footage/knob_hero_4k.mp4: no such file; needed a movie or an image sequence "
        "(shot.footage.file)"
    ]


def test_the_command_line_wins_over_the_shot_and_the_shot_over_the_preset(project):
    project.write_shot("pinned", OWNERS_EXAMPLE.replace("solve: true", "solve: true, detect: {min_tracks: 123}"))
    assert load(project, "pinned")["config"]["tracking"]["detect"]["min_tracks"] == 123
    fast = load(project, "pinned", "tracking=fast")["config"]["tracking"]["detect"]
    assert (fast["min_tracks"], fast["min_distance_px"]) == (123, 18.0)
    assert load(project, "pinned", "tracking.detect.min_tracks=55")["config"]["tracking"]["detect"]["min_tracks"] == 55
    assert load(project, "pinned", "shot.tracking.preset=fast")["config"]["tracking"]["detect"]["min_distance_px"] == 18


def test_faults_name_the_file_the_key_and_come_all_at_once(project):
    project.write_shot("wrong", OWNERS_EXAMPLE.replace("shadow_catcher", "shadow_cather").replace("[1, 150]", "[9, 1]"))
    found = load(project, "wrong", "+composite.x=1", "tracking.detect.min_tracks=lots")["faults"]
    assert found == [
        "command line: tracking.detect.min_tracks: found 'lots'; needed a whole number",
        "conf/shot/wrong.yaml: composite.shadow_cather: unknown key; did you mean composite.shadow_catcher?",
        "command line: composite.x: unknown key; known here: mode, background_source, background_image, "
        "lens_distortion, stabilization, corner_pin, shadow_catcher, film_transparent, blender, render",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shot: [", "conf/shot/bad.yaml:2:1: not YAML"),
        ("just words", "conf/shot/bad.yaml: found a text; needed a block of keys"),
        ("", "conf/shot/bad.yaml: found an empty file; needed a block of keys"),
        ("- a", "conf/shot/bad.yaml: found a list; needed a block of keys"),
        ("shot: {name: a, tracking: {preset: nope}}", "no conf/tracking/nope.yaml; there are: balanced"),
        (
            "shot: {name: a, footage: {file: '${nowhere}'}}",
            "conf/shot/bad.yaml: shot.footage.file: found ${nowhere}; needed a key that exists",
        ),
        ("shot: {name: '${shot.name}'}", "shot.name: found an interpolation that leads back to itself; needed a value"),
        ("shot: {name: '${oc.env:SHOT_X}'}", "found ${oc.env:SHOT_X}, which is not set; set it, or give a default: $"),
        ("shot: {name: '${foo:1}'}", "shot.name: found ${foo:...}; needed ${key} or ${oc.env:NAME}"),
        ("tracking: '${a'", "bad.yaml: tracking: found an interpolation that cannot be read (no viable alternative"),
        ("shot: {name: a}\nshot: {}", "conf/shot/bad.yaml:2:1: not YAML: found duplicate key shot"),
        ("tracking: {}", "shot.name: not set"),
        ("defaults: 5", "conf/shot/bad.yaml"),
    ],
)
def test_broken_yaml_is_one_line(project, text, words):
    project.write_shot("bad", text + "\n")
    ran = project.run("shot=bad")
    assert ran.code != 0 and ran.executed == []
    assert "Traceback" not in ran.err
    assert words in ran.fault_lines[0], ran.err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("detect: {min_tracks: '${nope}'}", ": tracking.detect.min_tracks: found ${nope}; needed a key that exists"),
        ("track: {}\ntrack: {}", ":2:1: not YAML: found duplicate key track"),
        ("- a", ": found a list; needed a block of keys"),
    ],
)
def test_what_is_wrong_with_a_preset_names_the_presets_file(project, text, line):
    (project.root / "conf" / "tracking" / "balanced.yaml").write_text(text + "\n")
    assert load(project, "knob_hero")["faults"] == [f"conf/tracking/balanced.yaml{line}"]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("shot.name=${nope}", "shot.name: found ${nope}; needed a key that exists"),
        (
            "shot.footage.file=a,b.mov",
            "shot.footage.file=a,b.mov: found a comma, which begins a sweep; needed 'shot.footage.file=[a,b.mov]' for "
            "a list, 'shot.footage.file=\"a,b.mov\"' for one text, or python dodo.py -m for the sweep",
        ),
        (
            "shot.name=range(1,3)",
            "shot.name=range(1,3): found a sweep; needed 'shot.name=\"range(1,3)\"' for one text, or python dodo.py "
            "-m for the sweep",
        ),
        (
            "tracking=fast,balanced",
            "tracking=fast,balanced: found a comma, which begins a sweep; needed one preset, or python dodo.py -m for "
            "the sweep",
        ),
    ],
)
def test_what_is_wrong_with_a_word_is_said_of_the_command_line(project, word, line):
    assert load(project, "knob_hero", word)["faults"] == [f"command line: {line}"]


def test_hydras_command_line_says_the_same_of_a_word(project):
    ran = project.python("shot=knob_hero", "shot.name=${nope}")
    assert ran.code == 1 and ran.fault_lines == ["command line: shot.name: found ${nope}; needed a key that exists"]


def test_a_file_with_a_comma_is_taken_in_the_quotes_that_the_message_proposes(project):
    found = load(project, "knob_hero", 'shot.footage.file="a,b.mov"')
    assert found["config"]["shot"]["footage"]["file"] == "a,b.mov"


def test_cfg_job_prints_the_composed_config(project):
    ran = project.python("shot=knob_hero", "tracking=fast", "--cfg", "job")
    assert ran.code == 0, ran.err
    assert "min_tracks: 120" in ran.out and "file: footage/knob_hero.mp4" in ran.out
    assert not (project.root / "outputs").exists() and not (project.root / "multirun").exists()


def test_empty_blocks_hidden_files_and_odd_names_are_no_trouble(project):
    nested = "shot: {name: a, footage: {file: a.mp4}, tracking: {detect: , auto_detect: {min_tracks: 55}}}\n"
    project.write_shot("empty", nested + "tracking:\ncomposite:\n")
    (project.root / "conf" / "shot" / ".#empty.yaml").symlink_to("nobody@nowhere.1:2")
    found = load(project, "empty", "shot.footage.file=footage/p.####.png")
    assert found["faults"] == []
    assert found["config"]["tracking"]["detect"]["min_tracks"] == 55
    assert found["config"]["shot"]["footage"]["file"] == "footage/p.####.png"


def test_faults_name_the_preset_in_use_and_the_command_line(project):
    (project.root / "conf" / "tracking" / "fast.yaml").write_text("detect: {min_tracks: abc}\n")
    (project.root / "conf" / "tracking" / "tripod.yaml").write_text("")
    (line,) = load(project, "knob_hero", "tracking=fast")["faults"]
    assert line.startswith("conf/tracking/fast.yaml: tracking.detect.min_tracks")
    for word in ("shot.tracking.detect.min_tracks=abc", "tracking.detect.min_tracks.foo=5"):
        (line,) = load(project, "knob_hero", word)["faults"]
        assert line.startswith("command line: "), line
    (line,) = load(project, "knob_hero", "+tracking.detct.a=3")["faults"]
    assert "did you mean tracking.detect" in line


def test_what_a_shot_overrules_is_said_as_yaml_says_it(project):
    shot = "shot: {name: mini, footage: {file: a.mp4}}\ntracking: {enabled: false, solve: {pin: null, kind: static}}\n"
    project.write_shot("mini", shot)
    preset = "enabled: true\nsolve: {pin: 0123456789ab, kind: auto}\n"
    (project.root / "conf" / "tracking" / "fast.yaml").write_text(preset)
    code = "from shotmake.tasks.shots import overruled_sweep_values, shots; import sys; "
    code += "print(*overruled_sweep_values.list_silenced(shots.load_shot('mini', ('tracking=fast',))), sep='\\n')"
    ran = project.doit_with(sys.executable, "-c", code)
    said = [
        line.removeprefix("tracking.").replace(" of tracking=fast: conf/shot/mini.yaml", "")
        for line in ran.out.splitlines()
    ]
    assert said == ["enabled says false", "solve.kind says static", "solve.pin says null"], ran.err


def test_a_preset_in_hydras_quotes_is_that_preset_for_what_a_shot_overrules(project):
    project.write_shot("mini", "shot: {name: mini, footage: {file: a.mp4}}\ntracking: {detect: {min_tracks: 90}}\n")
    code = "from shotmake.tasks.shots import overruled_sweep_values, shots; import sys; "
    code += "print(*overruled_sweep_values.list_silenced(shots.load_shot('mini', (sys.argv[1],))), sep='\\n')"
    for word in ("tracking=fast", "tracking='fast'"):
        ran = project.doit_with(sys.executable, "-c", code, word)
        assert ran.out.startswith("tracking.detect.min_tracks of tracking=fast: conf/shot/mini.yaml says 90"), ran.err
