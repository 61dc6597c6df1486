"""The inner loop of shotmake.geometry.lens_grid, compiled: a map of a 4K plate calls it a hundred million times."""

import numpy as np

from shotmake.geometry.compiled import compiled


@compiled
def bend_points(xy: np.ndarray, low: np.ndarray, high: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distort undistorted normalised coordinates (N, 2). Return the distorted ones (N, 2) and the derivative (N, 2, 2).

    The other arguments are those of shotmake.geometry.lens_grid.Grid.
    """
    moved, slopes = np.empty((len(xy), 2)), np.empty((len(xy), 2, 2))
    cell, weight, slope, beyond = np.empty(2, np.int64), np.empty((2, 4)), np.empty((2, 4)), np.empty(2)
    for point in range(len(xy)):
        if not (np.isfinite(xy[point, 0]) and np.isfinite(xy[point, 1])):  # this point is behind the camera
            moved[point], slopes[point] = np.nan, np.nan
            continue
        for axis in range(2):
            cells = bend.shape[1 - axis] - 3
            within = min(max(xy[point, axis], low[axis]), high[axis])
            beyond[axis] = xy[point, axis] - within
            rate = cells / (high[axis] - low[axis])
            at = (within - low[axis]) * rate
            cell[axis] = min(int(at), cells - 1)
            t = at - cell[axis]
            weight[axis, 0], weight[axis, 3] = (1 - t) ** 3 / 6, t**3 / 6
            weight[axis, 1] = (4 - 6 * t**2 + 3 * t**3) / 6
            weight[axis, 2] = (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6
            slope[axis, 0], slope[axis, 3] = -((1 - t) ** 2) / 2 * rate, t**2 / 2 * rate
            slope[axis, 1] = (3 * t**2 - 4 * t) / 2 * rate
            slope[axis, 2] = (1 + 2 * t - 3 * t**2) / 2 * rate
        for side in range(2):
            total = by_x = by_y = 0.0
            for down in range(4):
                for across in range(4):
                    value = bend[cell[1] + down, cell[0] + across, side]
                    total += weight[1, down] * weight[0, across] * value
                    by_x += weight[1, down] * slope[0, across] * value
                    by_y += slope[1, down] * weight[0, across] * value
            moved[point, side] = xy[point, side] + total + by_x * beyond[0] + by_y * beyond[1]
            slopes[point, side, 0], slopes[point, side, 1] = by_x, by_y
            slopes[point, side, side] += 1
    return moved, slopes
