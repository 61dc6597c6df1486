"""The inner loops of triangulation, a track at a time (shotmake.solve.bundle.triangulate)."""

import numpy as np

from shotmake.geometry.compiled import compiled

LEAST_DEPTH = 1e-12


@compiled
def sum_lines(plane: np.ndarray, cameras: np.ndarray, starts: np.ndarray, squares: np.ndarray) -> None:
    """Add what the direct linear transform says of each point to squares (T, 4, 4).

    plane (M, 2): undistorted. cameras (M, 3, 4): of the markers. starts (T + 1,): row of each track's first marker.
    """
    row = np.empty(4)
    for track in range(len(starts) - 1):
        for at in range(starts[track], starts[track + 1]):
            for axis in range(2):
                for i in range(4):
                    row[i] = plane[at, axis] * cameras[at, 2, i] - cameras[at, axis, i]
                for i in range(4):
                    for j in range(4):
                        squares[track, i, j] += row[i] * row[j]


@compiled
def refine_points(
    plane: np.ndarray, cameras: np.ndarray, starts: np.ndarray, sharpness: float, rounds: int, points: np.ndarray
) -> None:
    """Refine the homogeneous unit points (T, 4) by steps of Gauss and Newton, with Cauchy weights.

    sharpness: the square of the focal length over the loss, both in px.
    """
    squares, side, slope, seen, step = np.empty((4, 4)), np.empty(4), np.empty(4), np.empty(3), np.empty(4)
    for track in range(len(starts) - 1):
        point = points[track]
        for _ in range(rounds):
            squares[:, :], side[:] = 0.0, 0.0
            for at in range(starts[track], starts[track + 1]):
                camera = cameras[at]
                for i in range(3):
                    seen[i] = camera[i, 0] * point[0] + camera[i, 1] * point[1]
                    seen[i] += camera[i, 2] * point[2] + camera[i, 3] * point[3]
                depth = LEAST_DEPTH if abs(seen[2]) < LEAST_DEPTH else seen[2]
                x, y = seen[0] / depth, seen[1] / depth
                miss_x, miss_y = x - plane[at, 0], y - plane[at, 1]
                weight = 1.0 / (1.0 + (miss_x * miss_x + miss_y * miss_y) * sharpness)
                for axis in range(2):
                    value, miss = (x, miss_x) if axis == 0 else (y, miss_y)
                    for i in range(4):
                        slope[i] = (camera[axis, i] - camera[2, i] * value) / depth
                    for i in range(4):
                        side[i] += weight * slope[i] * miss
                        for j in range(i + 1):
                            squares[i, j] += weight * slope[i] * slope[j]
            trace = squares[0, 0] + squares[1, 1] + squares[2, 2] + squares[3, 3] + 1e-12
            for i in range(4):  # step across the point only: the homogeneous length is free
                for j in range(i + 1):
                    squares[i, j] += trace * point[i] * point[j]
                squares[i, i] += 1e-12 * trace
            _solve_in_place(squares, side, step)
            length = 0.0
            for i in range(4):
                point[i] -= step[i]
                length += point[i] * point[i]
            for i in range(4):
                point[i] /= np.sqrt(length)


@compiled
def _solve_in_place(squares: np.ndarray, side: np.ndarray, step: np.ndarray) -> None:
    """Fill step (4,) with the solution of a positive matrix, of which the lower triangle is given and overwritten."""
    for j in range(4):
        for i in range(j, 4):
            for k in range(j):
                squares[i, j] -= squares[i, k] * squares[j, k]
            squares[i, j] = np.sqrt(squares[j, j]) if i == j else squares[i, j] / squares[j, j]
    for i in range(4):
        step[i] = side[i]
        for k in range(i):
            step[i] -= squares[i, k] * step[k]
        step[i] /= squares[i, i]
    for i in range(3, -1, -1):
        for k in range(i + 1, 4):
            step[i] -= squares[k, i] * step[k]
        step[i] /= squares[i, i]
