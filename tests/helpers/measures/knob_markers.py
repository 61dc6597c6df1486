"""Light at true places of knob_hero, near, in the middle and far: how far from there it lands in a published .blend."""

from pathlib import Path

import numpy as np

from helpers.measures.knob_verdict import DEPTHS_M, knob_truth
from helpers.measures.measure import similarity
from helpers.measures.slip import carried, fit_to_points, spread_tracks
from helpers.measures.true_slip import WIDTH_PX, seeing
from helpers.shows.in_blender import rendered_miss_px
from shotmake.geometry.camera import find_camera_centres

P95_PX = 0.8  # at 1280 wide: CG that lands this close stands on the plate
MARKERS, MARGIN_PX, APART_PX = 12, 24.0, 48.0


def missed_px(blend: Path, record: dict, frames: list[int]) -> np.ndarray:
    """(frames, MARKERS) px at 1280 wide, NaN where a marker is out of the picture, infinite where no light is near.

    blend: published for this record, without the plate; frames: with a camera. The true world is laid over the solved
    one by the similarity that suits other true places best, through the whole shot.
    """
    truth = knob_truth()
    size_px, true = tuple(truth["image_size_px"]), seeing(truth)
    found = seeing(record)
    true = true.select_frames(found.frames)
    points = _true_places(true.select_frames(found.frames[len(found.frames) // 2 :][:1]), size_px)
    positions_px = true.px(np.broadcast_to(points, (len(found.frames), *points.shape)))
    positions_px, chosen = spread_tracks(positions_px, size_px, MARKERS, MARGIN_PX, APART_PX)
    assert len(chosen) == MARKERS, f"only {len(chosen)} places keep apart"
    others = np.setdiff1d(np.arange(len(points)), chosen)
    start = similarity(find_camera_centres(true.cam_from_world), find_camera_centres(found.cam_from_world))
    world = fit_to_points(record, start, points[others], positions_px[:, others])
    at = np.searchsorted(found.frames, frames)
    assert (found.frames[at] == frames).all(), f"a frame of {frames} has no camera"
    wanted_px = positions_px[at][:, chosen]
    return rendered_miss_px(blend, carried(world, points[chosen]), frames, wanted_px) * (WIDTH_PX / size_px[0])


def _true_places(one, size_px: tuple[int, int]) -> np.ndarray:
    """(N, 3) places that one frame sees, near, middle and far by turns, so that those first taken are of each depth."""
    grid = np.stack(np.meshgrid(np.linspace(0.08, 0.92, 8), np.linspace(0.1, 0.9, 6)), -1).reshape(-1, 2) * size_px
    places = one.places(grid, np.array([DEPTHS_M]))[0]  # (depths, grid, 3)
    order = np.random.default_rng(17).permutation(len(grid))
    return places[:, order].transpose(1, 0, 2).reshape(-1, 3)
