"""The inner loop of the links: what the markers of one side say of the points, and of the piece behind a boundary."""

from typing import NamedTuple

import numpy as np

from shotmake.geometry.compiled import compiled


class Pulls(NamedTuple):
    """Sums over markers. Errors and slopes are in px, and weighted.

    by_xyz (n, 3, 3) and pull_xyz (n, 3): information and gradient of each point. by_piece (7, 7) and pull (7,): the
    same of the piece, which turns, moves and grows about the origin. mixed (n, 7, 3): of the piece and each point.
    """

    by_xyz: np.ndarray
    pull_xyz: np.ndarray
    by_piece: np.ndarray
    pull: np.ndarray
    mixed: np.ndarray


class Weighed(NamedTuple):
    """Markers of one side.

    rows (K,): of all markers. points (K,): numbers of their points. local (K, 3): these points. weights (K,): factors
    of the errors.
    """

    rows: np.ndarray
    points: np.ndarray
    local: np.ndarray
    weights: np.ndarray


@compiled
def add_markers(
    side: Weighed, by_local: np.ndarray, misses_px: np.ndarray, in_piece: bool, turns_only: bool, pulls: Pulls
) -> None:
    """Add the markers of one side to the sums.

    by_local (M, 2, 3) and misses_px (M, 2): of all markers. in_piece: whether the side is of the piece that may move.
    turns_only: a piece of directions does not move or grow.
    """
    moved, slope = np.empty(7), np.empty(3)
    for k in range(len(side.rows)):
        row, at, weight = side.rows[k], side.points[k], side.weights[k]
        for axis in range(2):
            miss = misses_px[row, axis] * weight
            for i in range(3):
                slope[i] = by_local[row, axis, i] * weight
            for i in range(3):
                pulls.pull_xyz[at, i] += slope[i] * miss
                for j in range(3):
                    pulls.by_xyz[at, i, j] += slope[i] * slope[j]
            if not in_piece:
                continue
            x, y, z = side.local[k]
            moved[0], moved[1] = slope[2] * y - slope[1] * z, slope[0] * z - slope[2] * x
            moved[2] = slope[1] * x - slope[0] * y
            moved[3:] = 0.0
            if not turns_only:
                moved[3:6] = slope
                moved[6] = slope[0] * x + slope[1] * y + slope[2] * z
            for i in range(7):
                pulls.pull[i] += moved[i] * miss
                for j in range(7):
                    pulls.by_piece[i, j] += moved[i] * moved[j]
                for j in range(3):
                    pulls.mixed[at, i, j] += moved[i] * slope[j]
