"""camera.chan: read back as Nuke would, it projects points where our camera does."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from shotmake.formats.cameras.axes import find_euler_deg
from shotmake.formats.cameras.axes import make_rotations as from_euler
from shotmake.formats.cameras.chan import make_chan_text
from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens

pytestmark = pytest.mark.fast

LENS = Lens(800, 800, 480, 270)
FRAMES = list(range(1001, 1025))


def cameras() -> np.ndarray:
    """A walk around the origin that turns past +-180 degrees."""
    made = []
    for turn in np.linspace(0, 1.5 * np.pi, len(FRAMES)):
        centre = np.array([4 * np.cos(turn), 4 * np.sin(turn), 1.5])
        z = -centre / np.linalg.norm(centre)
        x = np.cross(z, [0, 0, 1.0])
        x /= np.linalg.norm(x)
        rotation = np.stack([x, np.cross(z, x), z])
        made.append(np.column_stack([rotation, -rotation @ centre]))
    return np.array(made)


def test_chan_projects_as_nuke_does():
    matrices = cameras()
    rows = np.loadtxt(make_chan_text(FRAMES, matrices, [800.0] * len(FRAMES), 540).splitlines())
    assert rows[:, 0].tolist() == FRAMES
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    y_up = points[:, [0, 2, 1]] * [1, 1, -1]
    for row, matrix in zip(rows, matrices, strict=True):
        angles = Rotation.from_euler("YXZ", row[[5, 4, 6]], degrees=True)  # Nuke's ZXY order: Z first, then X, then Y
        in_camera = angles.inv().apply(y_up - row[1:4])
        focal_px = 270 / np.tan(np.radians(row[7] / 2))
        seen = np.stack([480 + focal_px * in_camera[:, 0] / -in_camera[:, 2],
                         270 - focal_px * in_camera[:, 1] / -in_camera[:, 2]], 1)  # fmt: skip
        np.testing.assert_allclose(seen, project(points, matrix, LENS)[0], atol=1e-4)


def test_euler_angles_never_jump():
    rows = np.loadtxt(make_chan_text(FRAMES, cameras(), [800.0] * len(FRAMES), 540).splitlines())
    assert np.abs(np.diff(rows[:, 4:7], axis=0)).max() < 20


def test_continuous_angles_stay_the_same_rotations_through_the_pole():
    pitch = np.linspace(60, 120, 41)  # straight down in the middle
    rotations = Rotation.from_euler("YXZ", np.stack([0 * pitch, -pitch, 0 * pitch], 1), degrees=True).as_matrix()
    smooth = find_euler_deg(rotations, "ZXY")
    np.testing.assert_allclose(from_euler(smooth, "ZXY"), rotations, atol=1e-9)
    assert np.abs(np.diff(smooth, axis=0)).max() < 2
