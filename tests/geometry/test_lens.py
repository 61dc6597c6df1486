"""Lens and projection, against their own inverses, finite differences and cv2."""

import cv2
import numpy as np
import pytest

from shotmake.errors import ShotError
from shotmake.geometry.camera import cast_rays, find_camera_centres, project
from shotmake.geometry.lens import (
    Lens,
    compute_distort_jacobian,
    distort,
    list_border_px,
    measure_overscan_px,
    undistort,
)

pytestmark = pytest.mark.fast

SIZE_PX = (960, 540)
LENSES = {
    "barrel": Lens(900.0, 900.0, 480.0, 270.0, k1=-0.2, k2=0.05),
    "pincushion": Lens(1400.0, 1390.0, 470.0, 275.0, k1=0.08, k2=0.01, k3=0.002),
    "decentred": Lens(1000.0, 1000.0, 480.0, 270.0, k1=-0.1, k2=0.02, p1=0.001, p2=-0.0015),
    "none": Lens(1000.0, 1000.0, 480.0, 270.0),
}
CAMERA = np.concatenate([cv2.Rodrigues(np.array([0.3, -0.5, 0.1]))[0], [[0.2], [-0.3], [4.0]]], 1)


def matrix(lens: Lens) -> np.ndarray:
    """cv2's camera matrix: its pixel centres are at 0, ours at 0.5."""
    return np.array([[lens.fx_px, 0, lens.cx_px - 0.5], [0, lens.fy_px, lens.cy_px - 0.5], [0, 0, 1]])


def coefficients(lens: Lens) -> np.ndarray:
    return np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])


@pytest.fixture(params=LENSES, ids=str)
def lens(request) -> Lens:
    return LENSES[request.param]


def test_undistort_is_the_inverse_to_the_picture_s_border(lens):
    plane = lens.normalised_from_px(list_border_px(SIZE_PX))
    assert np.abs(distort(undistort(plane, lens), lens) - plane).max() < 1e-12


def test_jacobian_is_the_derivative(lens):
    plane = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 2))
    step = 1e-6
    columns = [
        (distort(plane + offset, lens) - distort(plane - offset, lens)) / (2 * step) for offset in np.eye(2) * step
    ]
    assert np.abs(compute_distort_jacobian(plane, lens) - np.stack(columns, -1)).max() < 1e-8


def test_project_agrees_with_cv2(lens):
    points = np.random.default_rng(2).uniform(-1, 1, (100, 3))
    xy_px, depth = project(points, CAMERA, lens)
    expected, _ = cv2.projectPoints(
        points, cv2.Rodrigues(CAMERA[:, :3])[0], CAMERA[:, 3], matrix(lens), coefficients(lens)
    )
    assert np.abs(xy_px - (expected[:, 0] + 0.5)).max() < 1e-9
    assert np.allclose(depth, points @ CAMERA[2, :3] + CAMERA[2, 3])


def test_undistort_agrees_with_cv2(lens):
    xy_px = list_border_px(SIZE_PX, 9)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-14)
    expected = cv2.undistortPointsIter(
        (xy_px - 0.5).reshape(-1, 1, 2), matrix(lens), coefficients(lens), None, None, criteria
    )
    assert np.abs(undistort(lens.normalised_from_px(xy_px), lens) - expected[:, 0]).max() < 1e-7


def test_rays_lead_back_to_the_points(lens):
    points = np.random.default_rng(3).uniform(-1, 1, (60, 3))
    xy_px, _ = project(points, CAMERA, lens)
    centre, directions = cast_rays(xy_px, CAMERA, lens)
    assert np.allclose(centre, find_camera_centres(CAMERA[None])[0])
    away = points - centre
    assert np.abs(directions - away / np.linalg.norm(away, axis=1, keepdims=True)).max() < 1e-9


def test_points_behind_the_camera_have_no_pixel():
    xy_px, depth = project(np.array([[0.0, 0.0, -9.0], [0.0, 0.0, 1.0]]), CAMERA, LENSES["none"])
    assert np.isnan(xy_px[0]).all() and depth[0] < 0
    assert np.isfinite(xy_px[1]).all() and depth[1] > 0


def test_overscan_covers_the_plate(lens):
    """Every plate pixel's undistorted place lies inside the enlarged picture, and little is wasted."""
    extra_x, extra_y = measure_overscan_px(lens, SIZE_PX)
    x, y = np.meshgrid(np.linspace(0, SIZE_PX[0], 60), np.linspace(0, SIZE_PX[1], 40))
    plate_px = np.stack([x.ravel(), y.ravel()], 1)
    undistorted = lens.px_from_normalised(undistort(lens.normalised_from_px(plate_px), lens))
    beyond = np.maximum(-undistorted.min(0), undistorted.max(0) - SIZE_PX)
    for needed, extra in zip(beyond, (extra_x, extra_y), strict=True):
        assert extra >= needed
        assert extra <= max(needed, 0) + 4


def test_overscan_is_zero_without_distortion():
    assert measure_overscan_px(LENSES["none"], SIZE_PX) == (0, 0)
    assert min(measure_overscan_px(LENSES["barrel"], SIZE_PX)) > 10


def test_a_folding_lens_is_refused():
    with pytest.raises(ShotError, match="tracking.solve.refine"):
        undistort(LENSES["none"].normalised_from_px(list_border_px(SIZE_PX)), Lens(500.0, 500.0, 480.0, 270.0, k1=-0.9))


def test_lens_json_round_trip_and_its_checks(lens):
    assert Lens.from_json(lens.to_json()) == lens
    with pytest.raises(ShotError, match="distorted_to_undistorted"):
        Lens.from_json(lens.to_json() | {"direction": "distorted_to_undistorted"})
