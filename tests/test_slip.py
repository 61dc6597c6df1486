"""Slip, end to end through Blender: spheres at solved points land where our own projection says.

And it is shown that the test would notice: a wrong shift, half a pixel in the ST-map, and an ST-map of
the wrong direction must each push the spheres off.
"""

import json

import numpy as np
import pytest
from blend_shot import FRAMES, LENS, SIZE, BlendShot, blender, make_blend_shot
from slip import centroids_px, read_exr, slip_px, spread_points

from shotmake.stmap import undistort_map

MEDIAN_PX, WORST_PX = 0.1, 0.3
RENDERED = (FRAMES[0], FRAMES[-1])


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("slip") / "show")


def cg_only(sheet: dict) -> None:
    sheet["composite"]["background_source"] = "none"


def measured_slip_px(shot: BlendShot, name: str, change_sheet=cg_only, st=None) -> np.ndarray:
    """(frames, points) px, for 8 points of which 4 are near the corners."""
    blend = shot.build(name, change_sheet, st)
    margin = 10.0
    seen = [shot.expected_px(frame) for frame in RENDERED]
    inside = np.all([((xy > margin) & (xy < np.array(SIZE) - margin)).all(1) for xy in seen], axis=0)
    chosen = spread_points(np.where(inside[:, None], seen[0], np.nan), SIZE, count=8, margin_px=margin)
    assert len(chosen) == 8
    markers = blend.with_suffix(".markers.json")
    markers.write_text(json.dumps(shot.points[chosen].tolist()))
    pattern = blend.with_name(f"{name}.####.exr")
    frames = ",".join(map(str, RENDERED))
    blender("render_frames.py", "--blend", blend, "--frames", frames, "--out", pattern, "--markers", markers)
    pictures = [read_exr(blend.with_name(f"{name}.{frame}.exr")) for frame in RENDERED]
    assert {picture.shape[:2] for picture in pictures} == {SIZE[::-1]}
    return np.array([slip_px(picture, xy[chosen]) for picture, xy in zip(pictures, seen, strict=True)])


def test_cg_lands_on_our_projection(shot):
    slip = measured_slip_px(shot, "right")
    print(f"slip: median {np.median(slip):.3f} px, worst {slip.max():.3f} px")
    assert np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX, slip


def other_shift(sheet: dict) -> None:
    cg_only(sheet)
    for camera in (sheet["camera"], sheet["overscan"]):
        camera["shift_x"] *= -1
        camera["shift_y"] *= -1


def half_pixel_off(shot: BlendShot) -> np.ndarray:
    st = shot.redistort_st()
    grown = np.array(SIZE) + 2 * np.array(shot.overscan_px)
    return st - np.float32([*(0.5 / grown), 0])


def wrong_direction(shot: BlendShot) -> np.ndarray:
    """The undistort map's positions (in the plate), counted in the overscanned image as the comp expects them."""
    grown = np.array(SIZE) + 2 * np.array(shot.overscan_px)
    st = undistort_map(LENS, SIZE, (0, 0))
    st[..., :2] = (st[..., :2] * SIZE + shot.overscan_px) / grown
    return st


BROKEN = {
    "shift": (other_shift, None),
    "half_pixel": (cg_only, half_pixel_off),
    "direction": (cg_only, wrong_direction),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_chain_slips(shot, fault):
    change_sheet, broken_st = BROKEN[fault]
    slip = measured_slip_px(shot, fault, change_sheet, broken_st(shot) if broken_st else None)
    print(f"{fault}: median {np.median(slip):.3f} px, worst {slip.max():.3f} px")
    assert np.median(slip) > MEDIAN_PX and slip.max() > WORST_PX, slip


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
    corners = np.array([(0, 0), (640, 0), (0, 360), (640, 360)])
    assert (np.linalg.norm(xy_px[chosen[:4]] - corners, axis=1) < 60).all()
