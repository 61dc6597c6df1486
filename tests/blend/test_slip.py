"""Slip, end to end: light put at 3D points lands in Blender's rendered comp where our lens says it should.

The camera has its principal point off the centre, so that shift matters, and the lens bends, so that the
ST-map does. Each of the three ways to be subtly wrong is broken on purpose, and must show.
(test_knob_hero.py measures the same on the real solve.)
"""

import numpy as np
import pytest

from helpers.shows.blend_shot import FRAMES, LENS, SIZE, BlendShot, make_blend_shot
from helpers.shows.in_blender import rendered_slip_px
from shotmake.geometry.lens import distort

MEDIAN_PX, WORST_PX = 0.1, 0.3


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("slip") / "show")


def bare(sheet: dict) -> None:
    sheet["composite"]["background_source"] = "none"


def shifted(sheet: dict) -> None:
    """Blender's shift with its sign the wrong way round."""
    bare(sheet)
    for view in ("camera", "overscan"):
        sheet[view]["shift_x"] *= -1
        sheet[view]["shift_y"] *= -1


def without_half_pixel(shot: BlendShot) -> np.ndarray:
    """A map that takes a pixel's corner for its centre."""
    width, height = shot.sheet["overscan"]["resolution_px"]
    return shot.redistort_st() - np.array([0.5 / width, -0.5 / height, 0], np.float32)


def wrong_direction(shot: BlendShot) -> np.ndarray:
    """A map that distorts where it should undistort."""
    centres = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), -1)
    xy_px = LENS.px_from_normalised(distort(LENS.normalised_from_px(centres), LENS)) + shot.overscan_px
    width, height = shot.sheet["overscan"]["resolution_px"]
    return np.stack([xy_px[..., 0] / width, 1 - xy_px[..., 1] / height, np.ones(centres.shape[:2])], -1)


def slip_of(shot: BlendShot, blend, *frames: int) -> np.ndarray:
    cameras = dict(zip(FRAMES, shot.poses, strict=True))
    return rendered_slip_px(blend, cameras, LENS, SIZE, shot.points, list(frames))


def test_cg_lands_where_our_lens_says(shot):
    slip = slip_of(shot, shot.build("right", bare), FRAMES[0], FRAMES[-1])
    assert np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX, slip


@pytest.mark.parametrize("broken", ["shift", "half pixel", "direction"])
def test_each_broken_convention_shows_as_slip(shot, broken):
    maps = {"half pixel": without_half_pixel, "direction": wrong_direction}
    st = maps[broken](shot) if broken in maps else None
    slip = slip_of(shot, shot.build("broken", shifted if broken == "shift" else bare, st), FRAMES[-1])
    assert np.median(slip) > 3 * MEDIAN_PX and slip.max() > WORST_PX, slip
