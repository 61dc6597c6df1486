"""The inner loops of the adjustment: markers projected and derived, and the points of tracks eliminated.

A camera is written X_cam = R d + rho t (shotmake.solve.bundle.adjust). Every loop goes over the markers in their order,
in one thread. So sums have the same order, and results the same bytes, for every number of threads.
"""

from typing import NamedTuple

import numpy as np

from shotmake.geometry.compiled import compiled

BEHIND_PX = 100.0  # residual of a point at or behind the camera
LEAST_DEPTH = 1e-6
MOST_ALONG = 0.7  # part of a direction along the x axis, up to which the x axis is across it
RIDGE = 1e-9  # of a track's own block: share of its trace, and as it is


class Parts(NamedTuple):
    """The arrays of a bundle.

    rotations (F, 3, 3), translations (F, 3), log_zooms (F,), directions (P, 3), inverse_depths (P,), lens (8,).
    """

    rotations: np.ndarray
    translations: np.ndarray
    log_zooms: np.ndarray
    directions: np.ndarray
    inverse_depths: np.ndarray
    lens: np.ndarray


class Seen(NamedTuple):
    """The arrays of markers: track (M,) and frame (M,) are indices, xy_px (M, 2)."""

    track: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray


class Slopes(NamedTuple):
    """Residuals (M, 2) in px, and their derivatives.

    by_point (M, 2, 3): by X_cam. by_turn (M, 2, 3): by a left turn of the camera. by_lens (M, 2, 8): by
    adjust.LENS_NAMES. by_zoom (M, 2): by the logarithm of the frame's zoom.
    """

    residuals: np.ndarray
    by_point: np.ndarray
    by_turn: np.ndarray
    by_lens: np.ndarray
    by_zoom: np.ndarray


class Unknowns(NamedTuple):
    """What may change.

    place (F,): number of a camera among those that may move, or -1. starts (P + 1,): row of each track's first marker.
    lens (L,): places of the refined lens values. tangents (P, 3, 2). camera_size: unknowns of a camera: 3, with
    translations 6, with a zoom one more.
    """

    place: np.ndarray
    starts: np.ndarray
    lens: np.ndarray
    tangents: np.ndarray
    camera_size: int


class Normal(NamedTuple):
    """The normal equations, with one block for each camera and with the points eliminated track by track.

    cameras (C, c, c), border (C, c, L), lens (L, L), gradient (C, c), lens_gradient (L,): before the points are
    eliminated. mixed (M, c, p): of a marker's camera and its point, times the root of the point's inverse block.
    lens_mixed (P, L, p) and point_gradient (P, p): the same of the lens, and of the gradient. root (P, p, p): root @
    root^T is the inverse of a point's block.
    """

    cameras: np.ndarray
    border: np.ndarray
    lens: np.ndarray
    gradient: np.ndarray
    lens_gradient: np.ndarray
    mixed: np.ndarray
    lens_mixed: np.ndarray
    point_gradient: np.ndarray
    root: np.ndarray


@compiled
def _project_point(
    point: np.ndarray, zoom: float, lens: np.ndarray
) -> tuple[float, float, float, float, float, float, float, bool]:
    """Return plate px (u, v), the undistorted and the distorted plane (x, y), the depth, and whether it is behind."""
    depth = point[2]
    if abs(depth) < LEAST_DEPTH:
        depth = LEAST_DEPTH
    x, y = point[0] * zoom / depth, point[1] * zoom / depth
    square = x * x + y * y
    radial = 1.0 + square * (lens[1] + square * (lens[2] + square * lens[3]))
    p1, p2 = lens[4], lens[5]
    far_x = radial * x + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x)
    far_y = radial * y + p1 * (square + 2.0 * y * y) + 2.0 * p2 * x * y
    focal = np.exp(lens[0])
    return focal * far_x + lens[6], focal * far_y + lens[7], x, y, far_x, far_y, depth, depth <= 0.0


@compiled
def _derive_by_plane(x: float, y: float, lens: np.ndarray) -> tuple[float, float, float]:
    """Return (a, b, c): plate px by the undistorted plane is the symmetric matrix [[a, b], [b, c]]."""
    square = x * x + y * y
    radial = 1.0 + square * (lens[1] + square * (lens[2] + square * lens[3]))
    slope = 2.0 * (lens[1] + square * (2.0 * lens[2] + 3.0 * lens[3] * square))
    p1, p2 = lens[4], lens[5]
    focal = np.exp(lens[0])
    a = radial + slope * x * x + 2.0 * p1 * y + 6.0 * p2 * x
    b = slope * x * y + 2.0 * p1 * x + 2.0 * p2 * y
    c = radial + slope * y * y + 6.0 * p1 * y + 2.0 * p2 * x
    return focal * a, focal * b, focal * c


@compiled
def project(parts: Parts, seen: Seen, residuals: np.ndarray) -> None:
    """Fill the residuals (M, 2) in px: projected minus observed."""
    point = np.empty(3)
    for row in range(len(seen.track)):
        camera, track = seen.frame[row], seen.track[row]
        for axis in range(3):
            point[axis] = parts.inverse_depths[track] * parts.translations[camera, axis]
            for other in range(3):
                point[axis] += parts.rotations[camera, axis, other] * parts.directions[track, other]
        u, v, _, _, _, _, _, behind = _project_point(point, np.exp(parts.log_zooms[camera]), parts.lens)
        residuals[row, 0] = BEHIND_PX if behind else u - seen.xy_px[row, 0]
        residuals[row, 1] = BEHIND_PX if behind else v - seen.xy_px[row, 1]


@compiled
def derive(parts: Parts, seen: Seen, first: int, last: int, out: Slopes) -> None:
    """Fill the slopes of the markers from row `first` to before `last`, from the first row of `out` on."""
    turned, point = np.empty(3), np.empty(3)
    lens = parts.lens
    focal = np.exp(lens[0])
    for row in range(first, last):
        camera, track, at = seen.frame[row], seen.track[row], row - first
        for axis in range(3):
            turned[axis] = 0.0
            for other in range(3):
                turned[axis] += parts.rotations[camera, axis, other] * parts.directions[track, other]
            point[axis] = turned[axis] + parts.inverse_depths[track] * parts.translations[camera, axis]
        zoom = np.exp(parts.log_zooms[camera])
        u, v, x, y, far_x, far_y, depth, behind = _project_point(point, zoom, lens)
        if behind:
            out.residuals[at] = BEHIND_PX
            out.by_point[at], out.by_turn[at], out.by_lens[at], out.by_zoom[at] = 0.0, 0.0, 0.0, 0.0
            continue
        out.residuals[at, 0], out.residuals[at, 1] = u - seen.xy_px[row, 0], v - seen.xy_px[row, 1]
        a, b, c = _derive_by_plane(x, y, lens)
        for axis in range(2):
            by_x, by_y = (a, b) if axis == 0 else (b, c)
            by_point, by_turn = out.by_point[at, axis], out.by_turn[at, axis]
            by_point[0], by_point[1] = by_x * zoom / depth, by_y * zoom / depth
            by_point[2] = -(by_x * x + by_y * y) / depth
            by_turn[0] = turned[1] * by_point[2] - turned[2] * by_point[1]
            by_turn[1] = turned[2] * by_point[0] - turned[0] * by_point[2]
            by_turn[2] = turned[0] * by_point[1] - turned[1] * by_point[0]
            out.by_zoom[at, axis] = by_x * x + by_y * y
        square = x * x + y * y
        by_lens = out.by_lens[at]
        by_lens[0, 0], by_lens[1, 0] = focal * far_x, focal * far_y
        power = focal
        for term in range(1, 4):
            power *= square
            by_lens[0, term], by_lens[1, term] = power * x, power * y
        by_lens[0, 4], by_lens[1, 4] = focal * 2.0 * x * y, focal * (square + 2.0 * y * y)
        by_lens[0, 5], by_lens[1, 5] = focal * (square + 2.0 * x * x), focal * 2.0 * x * y
        by_lens[0, 6], by_lens[1, 6] = 1.0, 0.0
        by_lens[0, 7], by_lens[1, 7] = 0.0, 1.0


@compiled
def _invert_root(block: np.ndarray, damping: float, root: np.ndarray) -> bool:
    """Fill root so that root @ root^T is the inverse of the damped block. Returns False when it has none."""
    size = len(block)
    trace = 0.0
    for i in range(size):
        trace += block[i, i]
    lower = np.zeros((size, size))
    for j in range(size):
        for i in range(j, size):
            total = block[i, j]
            if i == j:
                total = total * (1.0 + damping) + RIDGE * trace + RIDGE
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 0.0:
                    return False
                lower[j, j] = np.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    root[:, :] = 0.0
    for j in range(size):  # root is the transposed inverse of the lower triangle
        root[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, size):
            total = 0.0
            for k in range(j, i):
                total -= lower[i, k] * root[j, k]
            root[j, i] = total / lower[i, i]
    return True


@compiled
def _weigh(  # noqa: PLR0913  a kernel: room that it fills is handed in
    parts: Parts,
    seen: Seen,
    unknowns: Unknowns,
    weights: np.ndarray,
    loss_px: float,
    first: int,
    last: int,
    slopes: Slopes,
    by_camera: np.ndarray,
    by_track: np.ndarray,
) -> None:
    """Weigh the slopes of a track, and fill by_camera (n, 2, c) and by_track (n, 2, p): by the unknowns themselves."""
    general = unknowns.camera_size >= 6
    zooms = unknowns.camera_size in (4, 7)
    tangent = np.empty(3)
    for row in range(first, last):
        at, camera, track = row - first, seen.frame[row], seen.track[row]
        square = slopes.residuals[at, 0] ** 2 + slopes.residuals[at, 1] ** 2
        root = np.sqrt(weights[row] / (1.0 + weights[row] * square / loss_px**2))
        for axis in range(2):
            slopes.residuals[at, axis] *= root
            by_point, out, far = slopes.by_point[at, axis], by_camera[at, axis], by_track[at, axis]
            for j in range(3):
                out[j] = root * slopes.by_turn[at, axis, j]
                tangent[j] = 0.0
                for k in range(3):
                    tangent[j] += by_point[k] * parts.rotations[camera, k, j]
            if general:
                far[2] = 0.0
                for j in range(3):
                    out[3 + j] = root * by_point[j] * parts.inverse_depths[track]
                    far[2] += root * by_point[j] * parts.translations[camera, j]
            if zooms:
                out[unknowns.camera_size - 1] = root * slopes.by_zoom[at, axis]
            for j in range(2):
                far[j] = 0.0
                for k in range(3):
                    far[j] += root * tangent[k] * unknowns.tangents[track, k, j]
            for j in range(len(unknowns.lens)):
                slopes.by_lens[at, axis, j] = root * slopes.by_lens[at, axis, unknowns.lens[j]]


@compiled
def eliminate(  # noqa: C901, PLR0913  a kernel: its loops are one pass over the markers
    parts: Parts,
    seen: Seen,
    unknowns: Unknowns,
    weights: np.ndarray,
    loss_px: float,
    damping: float,
    slopes: Slopes,
    out: Normal,
) -> bool:
    """Fill the normal equations. Returns False when a point's block has no root.

    weights (M,): factors of the squared errors. slopes: room for the markers of the longest track.
    """
    c, point_size = unknowns.camera_size, out.root.shape[1]
    lens_size = len(unknowns.lens)
    longest = len(slopes.residuals)
    by_camera, by_track = np.empty((longest, 2, c)), np.empty((longest, 2, point_size))
    block, gradient = np.empty((point_size, point_size)), np.empty(point_size)
    lens_mixed, product = np.empty((lens_size, point_size)), np.empty(point_size)
    for track in range(len(unknowns.starts) - 1):
        first, last = unknowns.starts[track], unknowns.starts[track + 1]
        derive(parts, seen, first, last, slopes)
        _weigh(parts, seen, unknowns, weights, loss_px, first, last, slopes, by_camera, by_track)
        block[:, :], gradient[:], lens_mixed[:, :] = 0.0, 0.0, 0.0
        for at in range(last - first):
            for axis in range(2):
                miss, far, by_lens = slopes.residuals[at, axis], by_track[at, axis], slopes.by_lens[at, axis]
                for i in range(point_size):
                    gradient[i] += far[i] * miss
                    for j in range(i + 1):
                        block[i, j] += far[i] * far[j]
                for i in range(lens_size):
                    out.lens_gradient[i] += by_lens[i] * miss
                    for j in range(i + 1):
                        out.lens[i, j] += by_lens[i] * by_lens[j]
                    for j in range(point_size):
                        lens_mixed[i, j] += by_lens[i] * far[j]
        root = out.root[track]
        if not _invert_root(block, damping, root):
            return False
        for i in range(point_size):
            out.point_gradient[track, i] = 0.0
            for j in range(i + 1):
                out.point_gradient[track, i] += root[j, i] * gradient[j]
            for j in range(lens_size):
                out.lens_mixed[track, j, i] = 0.0
                for k in range(i + 1):
                    out.lens_mixed[track, j, i] += lens_mixed[j, k] * root[k, i]
        for row in range(first, last):
            at, place = row - first, unknowns.place[seen.frame[row]]
            if place < 0:
                out.mixed[row] = 0.0
                continue
            one, two = by_camera[at, 0], by_camera[at, 1]
            miss_one, miss_two = slopes.residuals[at, 0], slopes.residuals[at, 1]
            for i in range(c):
                out.gradient[place, i] += one[i] * miss_one + two[i] * miss_two
                for j in range(i + 1):
                    out.cameras[place, i, j] += one[i] * one[j] + two[i] * two[j]
                for j in range(lens_size):
                    out.border[place, i, j] += one[i] * slopes.by_lens[at, 0, j] + two[i] * slopes.by_lens[at, 1, j]
                for j in range(point_size):
                    product[j] = one[i] * by_track[at, 0, j] + two[i] * by_track[at, 1, j]
                for j in range(point_size):
                    out.mixed[row, i, j] = 0.0
                    for k in range(j + 1):
                        out.mixed[row, i, j] += product[k] * root[k, j]
    return True


@compiled
def gather(
    seen: Seen,
    unknowns: Unknowns,
    mixed: np.ndarray,
    rows: np.ndarray,
    first_place: int,
    numbers: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill out (n p, w c) with the blocks of the markers `rows`, which lie in one tile of w cameras.

    first_place: the tile's first camera. numbers (R,): the number of each row's track among the n of the tile. out is 0
    before.
    """
    c, point_size = unknowns.camera_size, mixed.shape[2]
    for at in range(len(rows)):
        column = (unknowns.place[seen.frame[rows[at]]] - first_place) * c
        for j in range(point_size):
            line = out[numbers[at] * point_size + j]
            for i in range(c):
                line[column + i] = mixed[rows[at], i, j]


@compiled
def subtract_tile(band: np.ndarray, product: np.ndarray, first_row: int, first_column: int) -> None:
    """Take product (m, n) from a banded matrix at a place of its lower triangle: band[i - j, j] is entry (i, j).

    What lies outside the band, or above the diagonal, is left out.
    """
    reach = len(band)
    for j in range(product.shape[1]):
        column = first_column + j
        for i in range(max(0, column - first_row), min(product.shape[0], column - first_row + reach)):
            band[first_row + i - column, column] -= product[i, j]


@compiled
def fill_whole(band: np.ndarray, whole: np.ndarray) -> None:
    """Fill the lower triangle of whole (n, n), which is 0 before, from its band: band[i - j, j] is entry (i, j)."""
    size, reach = len(whole), len(band)
    for j in range(size):
        for i in range(j, min(size, j + reach)):
            whole[i, j] = band[i - j, j]


@compiled
def fill_tangents(directions: np.ndarray, tangents: np.ndarray) -> None:
    """Fill tangents (P, 3, 2): two unit vectors across each direction (P, 3)."""
    for row in range(len(directions)):
        x, y, z = directions[row]
        first = (0.0, z, -y) if abs(x) < MOST_ALONG else (-z, 0.0, x)  # across the x axis, or the y axis
        length = np.sqrt(first[0] * first[0] + first[1] * first[1] + first[2] * first[2])
        a, b, c = first[0] / length, first[1] / length, first[2] / length
        tangents[row, 0, 0], tangents[row, 1, 0], tangents[row, 2, 0] = a, b, c
        tangents[row, 0, 1], tangents[row, 1, 1], tangents[row, 2, 1] = y * c - z * b, z * a - x * c, x * b - y * a


@compiled
def step_points(
    seen: Seen, unknowns: Unknowns, normal: Normal, camera_step: np.ndarray, lens_step: np.ndarray, out: np.ndarray
) -> None:
    """Fill the steps (P, p) of the points for those of the cameras (C, c) and of the lens (L,)."""
    c, point_size, lens_size = unknowns.camera_size, normal.root.shape[1], len(unknowns.lens)
    wanted = np.empty(point_size)
    for track in range(len(out)):
        for j in range(point_size):
            wanted[j] = normal.point_gradient[track, j]
            for i in range(lens_size):
                wanted[j] += normal.lens_mixed[track, i, j] * lens_step[i]
        for row in range(unknowns.starts[track], unknowns.starts[track + 1]):
            place = unknowns.place[seen.frame[row]]
            if place >= 0:
                for i in range(c):
                    for j in range(point_size):
                        wanted[j] += normal.mixed[row, i, j] * camera_step[place, i]
        for i in range(point_size):
            out[track, i] = 0.0
            for j in range(i, point_size):
                out[track, i] -= normal.root[track, i, j] * wanted[j]
