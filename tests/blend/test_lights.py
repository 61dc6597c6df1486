"""What the lights' numbers mean, and what the backdrops show, measured in tiny renders."""

import json
import subprocess

import cv2
import numpy as np
import pytest

from helpers.measures.slip import read_exr
from helpers.shows.project import IN_BLENDER
from helpers.shows.sheets import made, poses
from shotmake.geometry.camera import find_camera_centres
from shotmake.tasks.blender.private_blender import find_python, make_environment

UP = [0.0, 0.0, 1.0]
SUN = {"sun_azimuth_deg": 100.0, "sun_elevation_deg": 40.0, "sun_strength": 3.0, "fill_strength": 0.0}
NEAR = {"location": [0.5, 0.5, 0.0], "size": 0.5}
MIDDLE = find_camera_centres(poses())[4]
HDRI = {"preset": "hdri", "image": "assets/sky.png", "rotation_z_deg": 90.0, "dome_strength": 2.0}
QUADRANTS = [[(200, 0, 0), (0, 200, 0)], [(0, 0, 200), (200, 200, 0)]]  # top left, top right; bottom ones; RGB


def sheets() -> dict[str, dict]:
    found = {}
    lamps = {"preset": "three_point", "key_strength": 4.0, "fill_strength": 0.5, "rim_strength": 0.0}
    fill = made(subject=NEAR, lights=lamps)
    fill["lights"]["lamps"]["key"]["strength"] = 0.0
    found["fill"] = {**fill, "meter": {"card": fill["lights"]["lamps"]["fill"]["direction"]}}
    overcast = {"preset": "overcast", "dome_strength": 1.5}
    found["overcast"] = {**made(subject=NEAR, lights=overcast), "meter": {"card": UP}}
    found["hdri"] = {**made(subject=NEAR, lights=HDRI), "meter": {"eye": [0, 0, 5], "at": [0, 1, 5]}}
    curve = made(subject=NEAR, lights=SUN, backdrop={"kind": "infinite_curve", "color": [0.2, 0.4, 0.6]})
    found["curve"] = {**curve, "meter": {"eye": MIDDLE.tolist(), "at": [0.5, 0.5, 0.7]}}
    picture = made(subject=NEAR, lights={"preset": "none"}, backdrop={"kind": "image", "image": "assets/four.png"})
    place = picture["backdrop"]["picture"]
    centre, up, towards = (np.array(place[name]) for name in ("location", "up", "towards"))
    right = np.cross(up, towards)
    at = centre + 0.2 * place["size"][1] * up + 0.2 * place["size"][0] * right
    found["picture"] = {**picture, "meter": {"eye": MIDDLE.tolist(), "at": at.tolist()}}
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[str, np.ndarray]:
    """Mean linear RGB (3,) of each."""
    assert make_environment() is None
    root = tmp_path_factory.mktemp("lights") / "show"
    folder = root / "build" / "x"
    folder.mkdir(parents=True)
    (root / "assets").mkdir()
    sky = np.zeros((32, 64, 3), np.uint8)
    sky[:, 28:36] = 255  # the middle of the picture, which is where +X is
    cv2.imwrite(str(root / "assets" / "sky.png"), sky)
    four = np.array(QUADRANTS, np.uint8)[..., ::-1].repeat(16, 0).repeat(16, 1)
    cv2.imwrite(str(root / "assets" / "four.png"), four)
    (folder / "sheets.json").write_text(json.dumps(sheets()))
    words = [find_python(), IN_BLENDER / "light_meter.py", folder]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    return {name: read_exr(folder / f"{name}.exr")[..., :3].mean((0, 1)) for name in sheets()}


def test_a_lamps_strength_is_what_arrives_at_the_subject(seen):
    np.testing.assert_allclose(seen["fill"], 0.5 * 2.0 / np.pi, rtol=0.05)  # half of the key's


def test_an_overcast_sky_lights_the_ground_as_an_even_one(seen):
    np.testing.assert_allclose(seen["overcast"], 0.5 * 1.5, rtol=0.05)


def test_the_picture_all_around_is_turned_from_x_towards_y(seen):
    np.testing.assert_allclose(seen["hdri"], 2.0, rtol=0.01)


def test_the_curve_does_not_stand_in_the_suns_way(seen):
    floor = np.array([0.2, 0.4, 0.6]) / np.pi * 3.0 * np.sin(np.radians(40))
    assert (seen["curve"] > 0.95 * floor).all() and (seen["curve"] < 1.6 * floor).all()  # and what the wall sends back


def test_the_picture_behind_is_upright_and_as_bright_as_it_is(seen):
    bright = ((200 / 255 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(seen["picture"], np.array(QUADRANTS[0][1]) / 200 * bright, atol=0.005)  # its top right
