"""Corner detection: where new tracks are born.

The corner measure is the smaller eigenvalue of the gradient matrix: J. Shi and C. Tomasi, "Good
Features to Track", CVPR 1994. The picture is divided into cells, and every cell gets its share, so
that weak but usable corners far from the strong ones are tracked too.
"""

import cv2
import numpy as np

from shotmake.config import Detect

BLOCK_PX = 5  # the gradient matrix is summed over this window
PEAK_PX = 7  # a corner is the strongest pixel in this window
STRONG_PERCENTILE = 99.5  # "the strong corners": robust against one light or caption
TRACKS_PER_CELL = 4
MOST_CELLS = 60


def detect_corners(image: np.ndarray, live_xy: np.ndarray, wanted: int, detect: Detect, scale: float) -> np.ndarray:
    """New corners (K, 2) of an (H, W) uint8 image, given the live tracks (N, 2), so that about `wanted` live.

    Positions are in px of `image` (origin at its top-left corner); `scale` is how many plate pixels
    one of them spans, because the distances in `detect` are plate pixels. Cells short of their share
    get theirs even when enough tracks live elsewhere; then the strongest corners left fill the rest,
    first up to two shares a cell.
    """
    strength = cv2.cornerMinEigenVal(image, BLOCK_PX, ksize=3)
    usable = _far_from(live_xy, image.shape, detect.min_distance_px / scale)
    margin = max(2, int(np.ceil(detect.margin_px / scale)))
    usable[:margin] = usable[-margin:] = False
    usable[:, :margin] = usable[:, -margin:] = False

    strong = float(np.percentile(strength[::4, ::4], STRONG_PERCENTILE))
    usable &= strength > max(detect.quality_threshold * strong, 1e-9)
    usable &= strength >= cv2.dilate(strength, np.ones((PEAK_PX, PEAK_PX), np.uint8))

    rows, columns = np.nonzero(usable)
    by_strength = np.argsort(-strength[rows, columns], kind="stable")
    rows, columns = rows[by_strength], columns[by_strength]
    chosen = _choose(np.stack([columns, rows], 1) + 0.5, live_xy, wanted, image.shape, detect.min_distance_px / scale)
    return _peak_xy(strength, rows[chosen], columns[chosen])


def _far_from(xy: np.ndarray, shape: tuple[int, int], distance: float) -> np.ndarray:
    """(H, W) bool: pixels at least `distance` from every point."""
    empty = np.full(shape, 255, np.uint8)
    if not len(xy):
        return empty > 0
    column, row = np.clip(xy.astype(int), 0, (shape[1] - 1, shape[0] - 1)).T
    empty[row, column] = 0
    return cv2.distanceTransform(empty, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) >= distance


def _choose(candidates: np.ndarray, live_xy: np.ndarray, wanted: int, shape: tuple, distance: float) -> list[int]:
    """Indices of the candidates (strongest first) to take; see detect_corners."""
    height, width = shape
    cells = np.clip(wanted / TRACKS_PER_CELL, 1, MOST_CELLS)
    across = max(1, round(np.sqrt(cells * width / height)))
    down = max(1, round(cells / across))

    def cell_of(xy: np.ndarray) -> np.ndarray:
        column, row = np.clip((xy * (across / width, down / height)).astype(int), 0, (across - 1, down - 1)).T
        return row * across + column

    share = np.ceil(wanted / (across * down))
    in_cell = np.bincount(cell_of(live_xy), minlength=across * down)
    cell = cell_of(candidates)
    free = np.ones(shape, np.uint8)
    chosen: list[int] = []
    for shares in (1, 2, np.inf):
        for index, (x, y) in enumerate(candidates.astype(int).tolist()):
            if shares > 1 and len(live_xy) + len(chosen) >= wanted:
                break
            if free[y, x] and in_cell[cell[index]] < shares * share:
                in_cell[cell[index]] += 1
                chosen.append(index)
                cv2.circle(free, (x, y), int(distance), 0, -1)
    return chosen


def _peak_xy(strength: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(K, 2) sub-pixel peaks: a parabola through each peak and its neighbours, along x and along y."""
    middle = strength[row, column]

    def offset(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        bend = before - 2 * middle + after
        return np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -np.inf), -0.5, 0.5)

    x = column + offset(strength[row, column - 1], strength[row, column + 1])
    y = row + offset(strength[row - 1, column], strength[row + 1, column])
    return np.stack([x, y], 1) + 0.5
