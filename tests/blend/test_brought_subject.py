"""A subject brought along from another .blend: placed, kept as it is, refused in one line, and never run."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.shows.project import IN_BLENDER
from shotmake.tasks.blender.private_blender import find_python, make_environment

BLOCK = {"kind": "blend", "blend": "assets/prop.blend", "collection": "Prop", "link": True, "size": None, "scale": 1.0}
PLACE = {"location": [1.0, 2.0, 0.5], "rotation_z_deg": 90.0}
TOO_NEW = b"BLENDER17-01v0900" + bytes(64)
CASES = {
    "linked": {"scale": 0.5},
    "appended": {"scale": 0.5, "link": False},
    "sized": {"scale": None, "size": 3.0},
    "hostile, appended": {"blend": "assets/hostile.blend", "link": False},
    "hostile, linked": {"blend": "assets/hostile.blend"},
    "textured": {"blend": "assets/textured.blend", "collection": None, "link": False},
    "gone": {"blend": "assets/gone.blend"},
    "text": {"blend": "assets/text.blend"},
    "cut": {"blend": "assets/cut.blend"},
    "cut header": {"blend": "assets/cut_header.blend"},
    "newer": {"blend": "assets/newer.blend"},
    "newer, gzip": {"blend": "assets/newer_gzip.blend"},
    "other collection": {"collection": "Hero"},
    "which collection": {"collection": None},
    "no collection": {"blend": "assets/loose.blend", "collection": None},
    "no collection of that name": {"blend": "assets/loose.blend"},
    "empty": {"blend": "assets/bare.blend", "collection": "Bare"},
    "nothing to render": {"blend": "assets/lamps.blend", "collection": None},
    "library gone": {"blend": "assets/linking.blend", "collection": "Linking"},
    "picture gone": {"blend": "assets/gone/textured.blend", "collection": "Textured"},
}
ERRORS = {
    "hostile, linked": "assets/hostile.blend: brings the script evil.py, which would run by itself; set .*link: false",
    "gone": "assets/gone.blend: no such file; check shot.subject.blend",
    "text": "assets/text.blend: not a .blend file; check shot.subject.blend",
    "cut": "assets/cut.blend: Blender cannot read it; check shot.subject.blend",
    "cut header": "assets/cut_header.blend: (not a .blend file|cannot be unpacked.*); check shot.subject.blend",
    "newer": r"assets/newer.blend: saved by Blender 9.0, this is 4.\d; save it there for 4.\d \(shot.subject.blend\)",
    "newer, gzip": r"assets/newer_gzip.blend: saved by Blender 4.9, this is 4.\d",
    "other collection": r"has collections Prop, Spare; needed Hero \(shot.subject.collection\)",
    "which collection": r"has collections Prop, Spare; needed one of them \(shot.subject.collection\)",
    "no collection": r"loose.blend: found no collection; needed one with the subject \(shot.subject.blend\)",
    "no collection of that name": r"loose.blend: found no collection; needed one .* \(shot.subject.blend\)",
    "empty": "collection Bare is empty; check shot.subject.collection",
    "nothing to render": "collection Lamps has nothing to render; check shot.subject.collection",
    "library gone": "assets/linking.blend: links .*parts.blend, which is missing",
    "picture gone": "assets/gone/textured.blend: shows .*gone/textures/wood.png, which is missing",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("brought") / "show"
    (root / "assets" / "gone").mkdir(parents=True)
    (root / ".gsd-state" / "composites").mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def found(project) -> dict[str, dict]:
    """What came of each case, all in one Blender."""
    assert make_environment() is None
    assets = project / "assets"
    _run("foreign/make_assets.py", assets, project / "evil")
    whole = (assets / "prop.blend").read_bytes()
    (assets / "text.blend").write_text("a poem")
    (assets / "cut.blend").write_bytes(whole[: len(whole) // 2])
    (assets / "cut_header.blend").write_bytes(whole[:6])
    (assets / "newer.blend").write_bytes(TOO_NEW)
    (assets / "newer_gzip.blend").write_bytes(gzip.compress(b"BLENDER-v409" + bytes(64)))
    (assets / "gone" / "textured.blend").write_bytes((assets / "textured.blend").read_bytes())
    wanted = project / "wanted.json"
    wanted.write_text(json.dumps({name: {**BLOCK, **PLACE, **change} for name, change in CASES.items()}))
    _run("bring_subjects.py", project / ".gsd-state" / "composites" / "x.blend", wanted, project / "result.json")
    return json.loads((project / "result.json").read_text())


def _run(script: str, *arguments: Path) -> None:
    done = subprocess.run([find_python(), IN_BLENDER / script, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]


@pytest.mark.parametrize("name", ["linked", "appended"])
def test_it_stands_where_it_should_with_all_that_belongs_to_it(found, name):
    case = found[name]
    low, high = np.array(case["box"])
    assert low[2] == pytest.approx(0.5, abs=1e-6) and high[2] == pytest.approx(1.5, abs=1e-6)
    later = np.array(case["later"])
    assert later[0, 2] == pytest.approx(0.5 + 1.5, abs=1e-5)  # animated 3 up, at half its size
    assert case["root"] == "Prop" and case["scale"] == [0.5] * 3 and case["lamps"] == ["bulb"]
    assert case["materials"] == ["paint"] and case["modifiers"] == ["ARRAY"] and case["parents"]["bulb"] == "body"
    if name == "linked":
        assert case["libraries"] == ["//../../assets/prop.blend"] and case["local"] == ["Prop"]
    else:
        assert case["libraries"] == [] and case["parents"]["body"] == "Prop" and "body" in case["local"]
    np.testing.assert_allclose(case["box"], found["linked"]["box"], atol=1e-6)


def test_a_size_is_that_of_its_largest_extent(found):
    low, high = np.array(found["sized"]["box"])
    assert max(high - low) == pytest.approx(3.0, rel=1e-5) == pytest.approx(found["sized"]["size"])


def test_pictures_are_found_from_where_our_file_lies(found, project):
    (image,) = found["textured"]["images"]
    assert Path(image).resolve() == (project / "assets/textures/wood.png").resolve()


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_one_line(found, name):
    line = found[name]["error"]
    assert re.search(ERRORS[name], line) and "\n" not in line, line


def test_nothing_of_a_hostile_file_runs_and_its_scripts_stay_behind(found, project):
    case = found["hostile, appended"]
    assert case["box"][0][2] == pytest.approx(0.5, abs=1e-6) and case["texts"] == [] and case["libraries"] == []
    assert not (project / "evil").exists()
