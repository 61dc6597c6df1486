"""The caught shadow against the truth: the same scene rendered with the object really standing in the plate.

The truth is rendered by a pinhole, and bent through the lens here; the comp gets the plate without the object, the
camera and the lens. Shadow is what is darker than half of the way to the darkest, outside of the object.
"""

import json
import subprocess

import cv2
import numpy as np
import pytest

from helpers.measures.slip import read_exr
from helpers.shows.in_blender import blender
from helpers.shows.project import IN_BLENDER, Project, make_project
from shotmake.config.keyed_camera import read_keys
from shotmake.geometry.camera import project as project_points
from shotmake.geometry.lens import Lens, undistort
from shotmake.solve.imported.keyed_camera import make_keyed_solution
from shotmake.tasks.blender.private_blender import find_python, make_environment

SIZE = (240, 135)
PINHOLE_SIZE = (290, 170)  # overscan for the lens
LENS = Lens(225.0, 225.0, 123.0, 65.0, k1=-0.12, k2=0.02)
FRAMES = (1001, 1002)  # of the plate; the first is looked at
GIVEN = [
    {"frame": 1001, "location": [2.0, -2.4, 1.7], "look_at": [0.1, 0.2, 0.15]},
    {"frame": 1002, "location": [2.3, -2.1, 1.7], "look_at": [0.1, 0.2, 0.15]},
]
SUN_AZIMUTH, SUN_ELEVATION, SUN_STRENGTH, SUN_ANGLE, SKY = -140.0, 38.0, 3.0, 2.0, 0.4
FILL = SKY / 1.33  # its upper half is as much brighter than all of it
SUBJECT = {"kind": "cube", "size": 0.6, "location": [0.15, 0.1, 0.0], "rotation_z_deg": 25.0}
YAML = """\
# @package _global_
shot:
  name: truth
  footage: {{file: footage/truth.####.png, color_space: sRGB}}
  camera: {{from_tracking: false, lens_from: lens.json, given: {given}}}
  subject: {subject}
  lights: {{sun_azimuth_deg: {azimuth}, sun_elevation_deg: {elevation}, sun_strength: {strength},
    sun_angle_deg: {angle}, fill_strength: {fill}}}
tracking: {{enabled: false}}
composite: {{render: {{samples: 4}}}}
"""


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> tuple[Project, np.ndarray]:
    """A project whose plate is the truth without its object, and the pose (3, 4) of FRAMES[0]."""
    assert make_environment() is None
    project = make_project(tmp_path_factory.mktemp("truth") / "show")
    record = make_keyed_solution(read_keys(GIVEN)[0], LENS, None, 36.0, SIZE, FRAMES).record
    poses = np.array(record["cam_from_world"]).reshape(-1, 3, 4)
    (project.root / "lens.json").write_text(json.dumps({"image_size_px": SIZE, "lens": LENS.to_json()}))
    azimuth, elevation = np.radians([SUN_AZIMUTH, SUN_ELEVATION])
    down = [-np.cos(elevation) * np.cos(azimuth), -np.cos(elevation) * np.sin(azimuth), -np.sin(elevation)]
    truth = {
        "frames": {FRAMES[0]: poses[0].tolist()},
        "focal_px": LENS.fx_px,
        "size_px": PINHOLE_SIZE,
        "sun": {"direction": down, "strength": SUN_STRENGTH, "angle_deg": SUN_ANGLE},
        "sky": SKY,
        "subject": SUBJECT,
    }
    (project.root / "truth.json").write_text(json.dumps(truth))
    words = [find_python(), IN_BLENDER / "render_truth.py", project.root, project.root / "truth.json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    plate = encoded(bent(read_exr(project.root / f"without.{FRAMES[0]}.exr")))
    for frame in FRAMES:
        assert cv2.imwrite(str(project.root / "footage" / f"truth.{frame}.png"), plate)
    numbers = dict(azimuth=SUN_AZIMUTH, elevation=SUN_ELEVATION, strength=SUN_STRENGTH, angle=SUN_ANGLE, fill=FILL)
    project.write_shot("truth", YAML.format(given=json.dumps(GIVEN), subject=json.dumps(SUBJECT), **numbers))
    project.remove_other_shots("truth")
    return project, poses[0]


def bent(pinhole: np.ndarray) -> np.ndarray:
    """(H, W, 3) linear RGB of the plate from the pinhole's picture."""
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    ideal = undistort(LENS.normalised_from_px(np.stack([x, y], -1).reshape(-1, 2)), LENS)
    at = (ideal * LENS.fx_px + np.array(PINHOLE_SIZE) / 2 - 0.5).astype(np.float32)
    at = at.reshape(SIZE[1], SIZE[0], 2)
    return cv2.remap(np.ascontiguousarray(pinhole[..., :3], np.float32), at[..., 0], at[..., 1], cv2.INTER_LINEAR)


def encoded(linear: np.ndarray) -> np.ndarray:
    """(H, W, 3) linear RGB -> uint8 BGR, sRGB."""
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * srgb[..., ::-1]).round().astype(np.uint8)


def light(picture: np.ndarray) -> np.ndarray:
    """uint8 sRGB -> (H, W) linear light."""
    srgb = picture[..., :3] / 255.0
    return np.where(srgb < 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).mean(-1)


def shadow(picture: np.ndarray, plate: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, float]:
    """Where it is darker than half of the way to the darkest, and how dark that is, as a share of the plate's light."""
    dark = 1 - light(picture) / light(plate)
    darkest = float(np.percentile(dark[outside & (dark > 0.2)], 75))
    return (dark > darkest / 2) & outside, darkest


def test_the_shadow_falls_where_the_truth_has_it(shot):
    project, pose = shot
    project.built("composite", "shot=truth")
    (blend,) = (project.root / ".gsd-state" / "composites").glob("truth-*.blend")
    blender("render_frames.py", "--blend", blend, "--frames", FRAMES[0], "--out", project.root / "comp.####.png")
    plate = cv2.imread(str(project.root / "footage" / f"truth.{FRAMES[0]}.png"))
    comp = cv2.imread(str(project.root / f"comp.{FRAMES[0]}.png"))
    truth = encoded(bent(read_exr(project.root / f"with.{FRAMES[0]}.exr")))
    outline = np.array(json.loads((project.root / "outline.json").read_text()))
    hull = cv2.convexHull(project_points(outline, pose, LENS)[0].astype(np.float32)) - 0.5
    object_px = cv2.fillConvexPoly(np.zeros(SIZE[::-1], np.uint8), hull.round().astype(np.int32), 1)
    outside = cv2.dilate(object_px, np.ones((5, 5))) == 0
    ours, our_depth = shadow(comp, plate, outside)
    theirs, their_depth = shadow(truth, plate, outside)
    overlap = (ours & theirs).sum() / (ours | theirs).sum()
    print(f"IoU {overlap:.3f} of {theirs.sum()} px, darkest {our_depth:.3f}, in truth {their_depth:.3f}")
    assert theirs.sum() > 400 and overlap > 0.9
    assert our_depth == pytest.approx(their_depth, abs=0.05)
