"""The scene sheet: Blender's camera, written out by hand, sees what ours sees."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.shows.solutions import LENS, PLATE, solution
from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.geometry.camera import project
from shotmake.scene.numbers_for_blender import make_scene_sheet

pytestmark = pytest.mark.fast


def sheet(**changes) -> dict:
    from dataclasses import asdict

    config = Config()
    shot = {**asdict(config.shot), "frames": (1001, 1003)}
    composite = asdict(config.composite)
    composite["lens_distortion"]["overscan"] = changes.get("overscan", "auto")
    return make_scene_sheet({**solution(), **changes.get("solution", {})}, PLATE, shot, composite)


def blender_px(points: np.ndarray, camera: dict, frame: int, width: int, height: int, focal_mm: float) -> np.ndarray:
    """Blender's own projection: quaternion wxyz, looks along -Z, fitted to the width, shift in widths."""
    w, x, y, z = camera["rotation_quaternion"][frame]
    in_camera = Rotation.from_quat([x, y, z, w]).inv().apply(points - camera["location"][frame])
    scale = focal_mm / camera["sensor_width_mm"] * width
    right = scale * in_camera[:, 0] / -in_camera[:, 2] - camera["shift_x"] * width
    up = scale * in_camera[:, 1] / -in_camera[:, 2] - camera["shift_y"] * width
    tall = camera["pixel_aspect"][1] / camera["pixel_aspect"][0]
    return np.stack([width / 2 + right, height / 2 - up / tall], 1)


@pytest.mark.parametrize("view", ["camera", "overscan"])
@pytest.mark.parametrize("fy_px", [800, 400, 1200])
def test_blenders_camera_sees_what_ours_sees(view, fy_px):
    lens = replace(LENS, fy_px=fy_px)
    made = sheet(solution={"lens": lens.to_json()})
    points = np.random.default_rng(1).uniform(-0.8, 0.8, (40, 3))
    assert min(made["pixel_aspect"]) == 1
    camera = {**made["camera"], "pixel_aspect": made["pixel_aspect"], **(made[view] if view == "overscan" else {})}
    size = made["resolution_px"] if view == "camera" else made["overscan"]["resolution_px"]
    margin = (np.array(size) - made["resolution_px"]) / 2
    for frame, row in enumerate(solution()["cam_from_world"]):
        ours, depth = project(points, np.array(row).reshape(3, 4), lens.without_distortion())
        assert (depth > 0).all()
        theirs = blender_px(points, camera, frame, *size, focal_mm=made["camera"]["focal_mm"])
        np.testing.assert_allclose(theirs - margin, ours, atol=1e-6)


def test_quaternions_do_not_flip():
    quaternions = np.array(sheet()["camera"]["rotation_quaternion"])
    assert (np.sum(quaternions[1:] * quaternions[:-1], 1) > 0.99).all()


def test_sheet_keeps_the_plates_numbers_and_is_plain_json():
    made = sheet(overscan=8)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["frame_start"], made["frame_end"], made["frame_rate"]) == (1001, 1003, [24000, 1001])
    assert made["overscan"]["resolution_px"] == [976, 556]
    assert made["world"]["units"] == "NONE"


def test_a_refused_solve_has_no_scene():
    with pytest.raises(ShotError, match="tiny parallax"):
        sheet(solution={"status": "refused", "reason": "tiny parallax"})
