"""Cameras that look exactly level, stand in the subject, see nothing of it or are beyond all measure: what is made of
them is finite and of use, or refused in one line."""

import json
import random
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.synthetic import write_movie
from helpers.shows.project import make_project
from helpers.shows.solutions import PLATE, solution
from shotmake.config.keyed_camera import read_keys
from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.formats.cameras.solve_json import read_cameras
from shotmake.scene.ground_subject_lights import NEAREST
from shotmake.scene.numbers_for_blender import doubt_of, make_scene_sheet
from shotmake.solve.imported.keyed_camera import make_keyed_solution
from shotmake.solve.imported.use_camera_as_it_is import make_imported_solution

SIZE = (1920, 1080)
PLACES = {
    "origin": [0, 0, 0], "above": [0, 0, 2], "below": [0, 0, -2], "before": [0, -3, 0], "aside": [1.5, -3, 1],
    "as far as may be": [9.9e8, -9.9e8, 9.9e8], "a nanometre off": [1e-9, 0, 0], "denormal": [0, 5e-324, 1e-200],
}  # fmt: skip
TURNS = {
    "level": [90, 0, 0], "down": [0, 0, 0], "up": [180, 0, 0], "on its side": [90, 90, 0], "away": [90, 0, 180],
    "aslant": [70, 10, 30], "many times round": [9e8, -9e8, 9e8],
}  # fmt: skip


def keys_of(place: list, turn: list) -> dict[str, list[dict]]:
    """Ways for a camera to be there."""
    here = {"frame": 1001, "location": place, "rotation_deg": turn}
    later = {**here, "frame": 1003}
    return {
        "stands": [here],
        "turns": [here, {**later, "rotation_deg": [turn[0], turn[1], turn[2] + 180]}],
        "passes through": [here, {**later, "location": [-axis for axis in place]}],
        "leaves": [here, {**later, "location": [axis + 1 for axis in place]}],
    }


def sheet_of(record: dict, frames=(1001, 1003), **changes: dict) -> dict:
    """The scene sheet, as JSON gives it back."""
    shot = {**asdict(Config().shot), "frames": frames}
    shot = {**shot, **{name: {**shot[name], **change} for name, change in changes.items()}}
    made = make_scene_sheet({**record, "shot": "s"}, PLATE, shot, asdict(Config().composite))
    return json.loads(json.dumps(made, allow_nan=False))


def keyed_record(keys: list[dict], frames=(1001, 1003)) -> dict:
    found, faults = read_keys(keys)
    assert not faults
    record = make_keyed_solution(found, None, 35.0, 36.0, SIZE, frames).record
    return json.loads(json.dumps(record, allow_nan=False))


def assert_of_use(sheet: dict) -> None:
    """Sizes above 0, and directions of length 1: with rounding noise in their place all would be finite too."""
    camera, subject, backdrop = sheet["camera"], sheet["subject"], sheet["backdrop"]
    assert 1e-6 <= camera["clip_start"] < camera["clip_end"] < 1e12 and sheet["ground"]["size"] > 0
    assert subject["size"] > 0
    for lamp in sheet["lights"]["lamps"].values():
        assert np.linalg.norm(lamp["direction"]) == pytest.approx(1) and lamp["direction"][2] > 0.2
    if backdrop["picture"]:
        assert min(backdrop["picture"]["size"]) > 0
    if backdrop["curve"]:
        assert all(backdrop["curve"][name] > 0 for name in ("floor", "radius", "width"))
    np.testing.assert_allclose(np.linalg.norm(camera["rotation_quaternion"], axis=1), 1)


@pytest.mark.parametrize(("place", "turn"), list(product(PLACES, TURNS)))
def test_every_camera_has_a_scene_that_is_of_use(place, turn):
    for keys in keys_of(PLACES[place], TURNS[turn]).values():
        for backdrop in ("infinite_curve", "image"):
            assert_of_use(sheet_of(keyed_record(keys), backdrop={"kind": backdrop}, lights={"preset": "three_point"}))
    one = keyed_record([{"frame": 1001, "location": PLACES[place], "rotation_deg": TURNS[turn]}], (1001, 1001))
    assert_of_use(sheet_of(one, (1001, 1001)))


@pytest.mark.parametrize(("place", "looks_at"), [(a, b) for a, b in product(PLACES, PLACES) if a != b])
def test_a_camera_that_looks_from_place_to_place_is_made_or_refused(place, looks_at):
    keys = [{"frame": 1001, "location": PLACES[place], "look_at": PLACES[looks_at]}]
    found, faults = read_keys(keys)
    if faults:
        assert "in the camera's own place" in faults[0][1]
        assert np.linalg.norm(np.subtract(PLACES[place], PLACES[looks_at])) < 1e-6
    else:
        assert_of_use(sheet_of(keyed_record(keys), backdrop={"kind": "image"}))


@pytest.mark.parametrize("place", [[0, 0, 0], [0, 0, 2]])
@pytest.mark.parametrize("tilt_deg", [0, 1e-9, -1e-9])
@pytest.mark.parametrize("heading_deg", [0, 40, 130, -90])
def test_the_lamps_of_a_level_camera_stand_as_it_looks(place, heading_deg, tilt_deg):
    """From above the subject and from within it: the view's own heading, not rounding noise."""
    keys = [{"frame": 1001, "location": place, "rotation_deg": [90 + tilt_deg, 0, heading_deg]}]
    lamps = sheet_of(keyed_record(keys))["lights"]["lamps"]
    ahead = np.array([-np.sin(np.radians(heading_deg)), np.cos(np.radians(heading_deg))])
    assert np.array(lamps["rim"]["direction"])[:2] @ ahead > 0.3 > np.array(lamps["key"]["direction"])[:2] @ ahead


def test_only_a_camera_in_the_subject_is_told_to_move_it_and_moving_it_helps():
    record = keyed_record([{"frame": 1001, "location": [0, 0, 0], "rotation_deg": [90, 0, 0]}])
    assert "set shot.subject.location" in doubt_of(sheet_of(record))
    moved = sheet_of(record, subject={"location": [0, 3, -1]})
    assert not doubt_of(moved) and moved["world"]["camera_distance"] == pytest.approx(10**0.5)
    near = keyed_record([{"frame": 1001, "location": [0, -2 * NEAREST, 0], "rotation_deg": [90, 0, 0]}])
    assert not doubt_of(sheet_of(near)) and sheet_of(near)["world"]["camera_distance"] == pytest.approx(2 * NEAREST)


EXTREME = [
    float("nan"), float("inf"), -float("inf"), 0, -0.0, 1e300, -1e300, 1e-300, 5e-324, 1e9, 1e-9, 1.0, -1.0, 1e20,
    None, "1", True, 10**400, [], {},
]  # fmt: skip


def leaves(tree, path=()):
    if isinstance(tree, dict | list) and tree:
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return [leaf for name, value in pairs for leaf in leaves(value, (*path, name))]
    return [path]


def test_a_solve_json_with_extreme_numbers_becomes_a_finite_scene_or_is_refused(tmp_path):
    base = {**solution(), "kind": "general", "confidence": 0.9, "warnings": [], "engine": "colmap"}
    base["focal_px_per_frame"] = [800.0, 810.0, 805.0]
    chance, ended, file = random.Random(18), {"made": 0, "refused": 0}, tmp_path / "cam.json"
    for path in leaves(base):
        for value in EXTREME if path[0] not in ("cam_from_world", "frames") else chance.sample(EXTREME, 4):
            tree = json.loads(json.dumps(base))
            if path[0] != "focal_px_per_frame" and chance.random() < 0.5:
                tree["focal_px_per_frame"] = None
            block = tree
            for name in path[:-1]:
                block = block[name]
            block[path[-1]] = value
            file.write_text(json.dumps(tree))  # NaN and Infinity are written as Python reads them
            try:
                cameras = read_cameras(file, (960, 540), (1001, 1003))
            except ShotError as error:
                (line,) = error.faults
                assert line.startswith("cam.json: ") and "shot.camera.import_file" in line and "\n" not in line
                ended["refused"] += 1
                continue
            record = json.loads(json.dumps(make_imported_solution(cameras, (960, 540)).record, allow_nan=False))
            assert_of_use(sheet_of(record, backdrop={"kind": "image"}))
            assert cameras.confidence is None or 0 <= cameras.confidence <= 1
            ended["made"] += 1
    assert min(ended.values()) > 50, ended


YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4, first_frame: 1001}
  camera: {from_tracking: false, focal_mm: 35, given: [{frame: 1001, location: PLACE, rotation_deg: [90, 0, 0]}]}
  lights: {preset: three_point}
  backdrop: {kind: infinite_curve}
tracking: {enabled: false, preview: {enabled: false}}
"""


def test_the_command_line_makes_the_scene_of_a_level_camera_in_the_origin_and_says_what_is_odd(tmp_path: Path):
    show = make_project(tmp_path / "show")
    write_movie(show.root / "footage" / "mini.mp4", enumerate([np.full((270, 480, 3), 120, np.uint8)] * 3))
    show.remove_other_shots("mini")
    for place, is_odd in (("[0, 0, 0]", True), ("[0, 0, 1.6]", False)):
        show.write_shot("mini", YAML.replace("PLACE", place))
        ran = show.built("scene", "shot=mini")
        assert ("set shot.subject.location" in ran.out) == is_odd and "Traceback" not in ran.err
    made = [json.loads(path.read_text()) for path in (show.root / ".gsd-state/scenes").glob("mini-*[0-9a-f].json")]
    assert len(made) == 2 and {sheet["subject"]["size"] > 0 for sheet in made} == {True}
