"""The ground under the subject: the solved points around it, a table over the floor, noise, too few points."""

import numpy as np
import pytest

from shotmake.geometry.lens import Lens
from shotmake.scene.ground import fit_ground
from shotmake.scene.ground_subject_lights import find_ground

pytestmark = pytest.mark.fast

SIZE = 0.4  # of the subject
TABLE = 0.7


def table_over_floor(noise: float, seed: int, outliers: float = 0.25, count: int = 600) -> np.ndarray:
    """A table of 1.6 x 1.6 on a floor of 6 x 6, with clutter and wrong points at any height."""
    random = np.random.default_rng(seed)
    xy = random.uniform(-3, 3, (count, 2))
    z = np.where(np.abs(xy).max(1) < 0.8, TABLE, 0.0) + random.normal(0, noise, count)
    wrong = random.random(count) < outliers
    z[wrong] += random.normal(0, 0.4, wrong.sum())
    return np.c_[xy, z]


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.03])
def test_what_stands_on_a_table_is_not_put_on_the_floor(noise):
    """Right within the points' noise, on 40 tables each; on the floor beside it the floor is found."""
    for seed in range(40):
        points, told = table_over_floor(noise, seed), np.full(600, noise / 3)
        assert fit_ground(points, told, np.zeros(2), SIZE).z == pytest.approx(TABLE, abs=noise)
        floor = fit_ground(points, told, np.array([2.0, 2.0]), SIZE)
        assert floor.z == pytest.approx(0.0, abs=noise) and " points around the subject" in floor.source


def test_points_that_do_not_agree_leave_it_at_zero():
    random = np.random.default_rng(2)
    told = np.full(300, 0.001)
    hedge = np.c_[random.uniform(-1, 1, (300, 2)), random.uniform(0.3, 2, 300)]
    assert fit_ground(hedge, told, np.zeros(2), SIZE).z == 0.0
    few = table_over_floor(0.001, 3)[:20]
    found = fit_ground(few, told[:20], np.zeros(2), SIZE)
    assert found.z == 0.0 and "8 needed" in found.source
    assert fit_ground(few[:1], told[:1], few[0, :2], SIZE).source == "z = 0: 1 point around the subject, 8 needed"
    far = table_over_floor(0.001, 3) + [50, 0, 0]
    assert fit_ground(far, told, np.zeros(2), SIZE).z == 0.0


CAMERA = np.array([[[1.0, 0, 0, 0], [0, 0, -1, 1.5], [0, 1, 0, 4]]])  # at (0, -4, 1.5), looks along +Y


def under(points: np.ndarray, ground_z: float | None = None, status: str = "solved"):
    shot = {"backdrop": {"ground_z": ground_z}, "subject": {"location": [0.0, 0.0, 0.2], "size": SIZE}}
    solution = {"status": status, "image_size_px": [960, 540]}
    return find_ground(shot, solution, CAMERA, Lens(800, 800, 480, 270), points, np.full(len(points), 0.3))


def test_a_number_is_given_and_a_camera_without_points_has_z_zero():
    points = table_over_floor(0.002, 1)
    assert under(points).z == pytest.approx(TABLE, abs=0.002)
    assert under(points, ground_z=0.25).z == 0.25 and "given" in under(points, ground_z=0.25).source
    assert under(points[:0]).z == 0.0
    assert under(points, status="tripod").z == 0.0  # its points are directions, not places
