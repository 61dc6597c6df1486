"""The measure of slip itself: it finds light to a hundredth of a pixel, and tells when there is none."""

import numpy as np
import pytest

from helpers.measures.slip import centroids_px, slip_px, spread_points

pytestmark = pytest.mark.fast


def test_centroids_are_found_to_a_hundredth_of_a_pixel():
    x, y = np.meshgrid(np.arange(200) + 0.5, np.arange(120) + 0.5)
    places = np.array([[30.2, 40.9], [150.75, 80.4], [100.0, 20.5]])
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 1.5**2)) for px, py in places)
    np.testing.assert_allclose(centroids_px(light, places + [2.0, -1.5], radius_px=10), places, atol=0.01)
    assert slip_px(light, np.array([[60.0, 100.0]]), radius_px=5)[0] > 3  # no sphere there
    assert np.isinf(slip_px(np.zeros((120, 200)), places)).all()


def test_spread_points_takes_the_corners_and_keeps_its_distance():
    xy_px = np.random.default_rng(2).uniform(0, (640, 360), (300, 2))
    xy_px[7] = np.nan
    chosen = spread_points(xy_px, (640, 360), count=8)
    distances = np.linalg.norm(xy_px[chosen][:, None] - xy_px[chosen][None], axis=2) + np.eye(8) * 1e9
    assert 7 not in chosen and len(set(chosen)) == 8 and distances.min() > 40
    inside = ((xy_px > 10) & (xy_px < (630, 350))).all(1)
    for index, corner in zip(chosen, [(0, 0), (640, 0), (0, 360), (640, 360)], strict=False):
        assert index == np.argmin(np.where(inside, np.linalg.norm(xy_px - corner, axis=1), np.inf))
