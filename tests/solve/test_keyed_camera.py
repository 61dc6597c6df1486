"""A keyed camera: key by key in the shot's YAML."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.accurate import KEYS
from shotmake.config.keyed_camera import read_keys
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens
from shotmake.solve.imported.keyed_camera import make_keyed_solution

pytestmark = pytest.mark.fast

SIZE = (1920, 1080)
HERE = {"frame": 1001, "location": [4, -3, 2], "look_at": [0, 0, 0.5]}


def record(*blocks: dict, lens: Lens | None = None, focal_mm: float | None = 35.0) -> dict:
    keys, faults = read_keys(list(blocks))
    assert not faults
    solution = make_keyed_solution(keys, lens, focal_mm, 36.0, SIZE, (1001, 1011))
    assert len(solution.points["track_id"]) == 0
    return solution.record


def matrices(found: dict) -> np.ndarray:
    return np.array(found["cam_from_world"]).reshape(-1, 3, 4)


def test_one_key_is_a_locked_off_camera_that_looks_where_it_is_told():
    found = record(HERE)
    assert (found["status"], found["engine"], found["frames"]) == ("static", "given", list(range(1001, 1012)))
    assert found["scale_known"] and found["lens"]["fx_px"] == pytest.approx(35 / 36 * 1920)
    poses, lens = matrices(found), Lens.from_json(found["lens"])
    np.testing.assert_allclose(find_camera_centres(poses), [[4, -3, 2]] * 11, atol=1e-12)
    xy_px, depth = project(np.array([[0, 0, 0.5], [0, 0, 1.5]]), poses[0], lens)
    np.testing.assert_allclose(xy_px[0], (960, 540), atol=1e-9)
    assert depth[0] > 0 and xy_px[1, 1] < 540 and xy_px[1, 0] == pytest.approx(960)  # upright, the horizon level


def test_the_record_has_every_field_and_says_that_nobody_was_asked():
    found = record(HERE)
    assert set(found) == KEYS and (found["links"], found["witness"]) == ([], [])
    assert (found["rms_px"], found["tracks_used"], found["confidence"]) == (None, 0, 0.0)


def test_rotations_are_blenders_xyz_euler():
    turn = [63.6, 0.0, 46.7]  # the camera of Blender's default file
    found = matrices(record({"frame": 1, "location": [7.36, -6.93, 4.96], "rotation_deg": turn}))
    x, y, z = np.radians(turn)
    by_hand = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    )
    np.testing.assert_allclose(-found[0, 2, :3], by_hand[:, 2], atol=1e-12)  # looks along its own -Z
    np.testing.assert_allclose(-found[0, 1, :3], by_hand[:, 1], atol=1e-12)


def test_between_keys_it_runs_straight_and_turns_evenly_and_outside_it_stands():
    start, end = [80.0, 0.0, 10.0], [80.0, 0.0, 50.0]
    found = record(
        {"frame": 1009, "location": [1, 0, 3], "rotation_deg": end, "focal_mm": 50},  # in any order
        {"frame": 1003, "location": [0, 0, 1], "rotation_deg": start, "focal_mm": 30},
    )
    poses = matrices(found)
    assert found["status"] == "solved" and len(poses) == 11
    np.testing.assert_allclose(
        find_camera_centres(poses)[[0, 2, 5, 10]], [[0, 0, 1], [0, 0, 1], [0.5, 0, 2], [1, 0, 3]], atol=1e-12
    )
    step = Rotation.from_matrix(poses[3, :, :3] @ poses[2, :, :3].T).magnitude()
    turned = Rotation.from_matrix(poses[8, :, :3] @ poses[7, :, :3].T).magnitude()
    assert np.degrees(step) == pytest.approx(np.degrees(turned)) == pytest.approx(40 / 6)
    focals = np.array(found["focal_px_per_frame"]) / 1920 * 36
    np.testing.assert_allclose(focals[[0, 5, 10]], [30, 40, 50])


def test_a_camera_that_only_turns_is_a_tripod_and_an_imported_lens_is_kept():
    lens = Lens(1800, 1800, 950, 545, k1=-0.1)
    found = record(HERE, {**HERE, "frame": 1011, "look_at": [0, 1, 0.5]}, lens=lens, focal_mm=None)
    assert (found["status"], found["focal_px_per_frame"], found["lens"]) == ("tripod", None, lens.to_json())


def test_a_focal_length_is_needed_once():
    with pytest.raises(ShotError, match="found no focal_mm at frame 1001; needed it there or in shot.camera.focal_mm"):
        record(HERE, focal_mm=None)
    with pytest.raises(ShotError, match="beside an imported lens"):
        record({**HERE, "focal_mm": 35}, lens=Lens(1800, 1800, 960, 540))


FAULTS = {
    "needed {frame, location, look_at or rotation_deg}": {"frame": 1, "location": [0, 0, 0], "fov": 3},
    "needed a plate frame": {**HERE, "frame": 1.5},
    "found both": {**HERE, "rotation_deg": [0, 0, 0]},
    "found none": {"frame": 1, "location": [0, 0, 0]},
    "found look_at [0, 1]": {**HERE, "look_at": [0, 1]},
    "in the camera's own place": {**HERE, "look_at": [4, -3, 2]},
    "needed 2 to 3000 mm": {**HERE, "focal_mm": -1},
    "found 'here'": "here",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_bad_key_is_one_line(line):
    keys, faults = read_keys([HERE, FAULTS[line]])
    ((where, said),) = faults
    assert where == "shot.camera.given[1]" and line in said and len(keys) == 1


def test_one_key_a_frame():
    assert "twice" in read_keys([HERE, HERE])[1][0][1]


@pytest.mark.parametrize("look_at", [[4, -3, 2 + 1e-9], [4.0, -3 - 1e-200, 2]])
def test_a_direction_between_two_places_in_one_is_no_direction(look_at):
    assert "in the camera's own place" in read_keys([{**HERE, "look_at": look_at}])[1][0][1]


@pytest.mark.parametrize("frame", [10**12, -(10**30), 10**400])
def test_a_frame_is_a_number_that_a_plate_can_have(frame):
    assert "needed a plate frame" in read_keys([{**HERE, "frame": frame}])[1][0][1]
