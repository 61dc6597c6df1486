"""Presets of the comp, built and rendered by real Blender through the command line."""

import json

import cv2
import numpy as np

from helpers.measures.slip import read_exr
from helpers.plates.comp_pictures import pictures
from helpers.shows.in_blender import blender
from helpers.shows.project import Project

FRAME = 20
SIDE_PX = 96  # of the windows that are compared
START, END = slice(0, SIDE_PX), slice(-SIDE_PX, None)


def built_with(show: Project, preset: str) -> tuple[dict, np.ndarray, np.ndarray]:
    """What the .blend of a preset holds, its comp without CG (H, W, 4), and the map that puts the lens back."""
    show.built("composite", "stmap", "shot=mini", f"composite={preset}")
    blend = max(
        (show.root / ".gsd-state/composites").glob("mini-????????????.blend"), key=lambda one: one.stat().st_mtime
    )
    blender("dump_blend.py", "--blend", blend, "--out", blend.with_suffix(".dump.json"))
    (picture,) = pictures(blend, (FRAME,))
    (stmap,) = (show.root / ".gsd-state/stmaps").glob("mini-????????????.redistort.exr")
    return json.loads(blend.with_suffix(".dump.json").read_text()), picture, read_exr(stmap)


def shifts_px(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(4, 2) how far the second picture's corners lie from the first's."""
    window = cv2.createHanningWindow((SIDE_PX, SIDE_PX), cv2.CV_32F)
    places = [np.s_[top, left] for top in (START, END) for left in (START, END)]
    pairs = [[np.float32(picture[place][..., :3].sum(2)) for picture in (one, other)] for place in places]
    return np.array([cv2.phaseCorrelate(*pair, window)[0] for pair in pairs])


def test_with_distortion_is_the_plate_without_its_lens_which_the_redistort_map_puts_back(built):
    usual, as_shot, _ = built_with(built, "over_footage")
    flat, undistorted, redistort = built_with(built, "with_distortion")
    (wide, high), (width, height) = flat["scenes"]["mini"]["resolution_px"], usual["scenes"]["mini"]["resolution_px"]
    assert (width, height) == (480, 270) and wide > width and high > height
    assert undistorted.shape == (high, wide, 4) and as_shot.shape == (height, width, 4)
    assert set(usual["scenes"]) - set(flat["scenes"]) == {"CG overscan"}  # the CG needs no field of its own
    names = [{name.split(".")[0] for name in one["scenes"]["mini"]["compositor"]["nodes"]} for one in (usual, flat)]
    assert "redistort CG" in names[0] - names[1] and "undistort background" in names[1] - names[0]
    # as an STMap node reads it: 0..1 from the bottom left
    x, y = redistort[..., 0] * wide - 0.5, (1 - redistort[..., 1]) * high - 0.5
    back = cv2.remap(undistorted[..., :3], np.float32(x), np.float32(y), cv2.INTER_CUBIC)
    inner = undistorted[(high - height) // 2 :, (wide - width) // 2 :][:height, :width, :3]
    assert np.abs(shifts_px(as_shot, back)).max() < 0.15 and np.abs(shifts_px(as_shot, inner)).min(0)[0] > 2
