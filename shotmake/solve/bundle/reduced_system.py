"""The reduced camera system: points eliminated, cameras in a band, the lens as its border.

Two cameras share an entry only where a track sees both. So the matrix of a film is a band as wide as its longest track;
its factor (LAPACK's banded Cholesky) costs in proportion to the number of frames. The cameras are cut into tiles, and
what the tracks take from the entries of two tiles is one dense product over the tracks that both see.

A few long tracks would make the band wide. A track that spans more than BAND cameras is cut into pieces, each with a
point of its own. That is another problem, but near it: its factor preconditions conjugate gradients on the true one
(Y. Saad, "Iterative Methods for Sparse Linear Systems", 2003, chapter 9).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shotmake.solve.bundle import adjust_kernels as kernels
from shotmake.solve.bundle.adjust_kernels import Normal, Parts, Seen, Slopes, Unknowns
from shotmake.solve.bundle.observations import Observations

TILE = 12  # cameras; smaller tiles hold fewer zeros, larger ones are multiplied faster
BAND = 120  # cameras; so many are factored as fast as a whole as in a band
TINY = 1e-9
SOLVED, MOST_STEPS = 1e-5, 100  # of conjugate gradients: what is left of the residual, and the steps they may take


@dataclass(frozen=True)
class Tile:
    """Cameras that lie beside each other, and what is seen in them.

    first: the first camera. count: of cameras. rows (R,): the markers. pieces (n,): of what they are markers, sorted.
    numbers (R,): the place of each marker's piece in `pieces`.
    """

    first: int
    count: int
    rows: np.ndarray
    pieces: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Layout:
    """How a system is put together.

    unknowns: what may change; its starts are those of the pieces. seen: the markers. cut (K,): the tracks that are cut.
    of_cut: mask (Q,) of the pieces that are of them. first_piece (P,): of each track. pairs: two tiles, the later one
    first, and the places in each of the pieces that both see. band: cameras that the widest piece spans, by tiles.
    """

    unknowns: Unknowns
    seen: Seen
    cut: np.ndarray
    of_cut: np.ndarray
    first_piece: np.ndarray
    tiles: tuple[Tile, ...]
    pairs: tuple[tuple[int, int, np.ndarray, np.ndarray], ...]
    band: int

    @property
    def camera_count(self) -> int:
        """The number of cameras that may change. It is at least 1: a camera without markers."""
        return max(int(self.unknowns.place.max(initial=-1)) + 1, 1)


@dataclass(frozen=True)
class Banded:
    """A symmetric matrix: cameras (C c) in a band, then the lens (L) as a border.

    band (b, C c): the lower triangle; band[i - j, j] is entry (i, j). border (C c, L), corner (L, L).
    """

    band: np.ndarray
    border: np.ndarray
    corner: np.ndarray

    def multiply(self, vector: np.ndarray) -> np.ndarray:
        """Return matrix @ vector, for a vector (C c + L,)."""
        from scipy.linalg import get_blas_funcs

        multiply: Any = get_blas_funcs("sbmv", (self.band,))
        cameras, lens = vector[: len(self.border)], vector[len(self.border) :]
        upper = multiply(len(self.band) - 1, 1.0, self.band, cameras, lower=1) + self.border @ lens
        return np.concatenate([upper, self.border.T @ cameras + self.corner @ lens])

    def with_diagonal(self, more: np.ndarray) -> "Banded":
        """Return the matrix with more (C c + L,) on its diagonal."""
        band = self.band.copy(order="F")
        band[0] += more[: len(self.border)]
        return Banded(band, self.border, self.corner + np.diag(more[len(self.border) :]))


@dataclass(frozen=True)
class Taken:
    """What the points of some tracks take: rows @ rows^T from the matrix, rows @ point_gradient from the gradient.

    rows: sparse (C c + L, n p). point_gradient (n p,). root (n, p, p).
    """

    rows: Any
    point_gradient: np.ndarray
    root: np.ndarray


@dataclass(frozen=True)
class Reduced:
    """The equations of the cameras and the lens: matrix @ step = - gradient, both (C c + L,).

    matrix: with cut tracks in pieces. pieces, wholes: what these tracks take in pieces, and what they take as they are;
    None where no track is cut. diagonal (C c + L,): before the points were eliminated. normal: of all pieces.
    """

    matrix: Banded
    gradient: np.ndarray
    diagonal: np.ndarray
    normal: Normal
    pieces: Taken | None
    wholes: Taken | None


def lay_out(markers: Observations, moving: np.ndarray, refined: np.ndarray, camera_size: int) -> Layout:
    """Plan the system. moving: mask (F,) of the cameras that may change. refined: mask (8,)."""
    place = np.where(moving, np.cumsum(moving) - 1, -1)
    seen = Seen(markers.track, markers.frame, np.ascontiguousarray(markers.xy_px))
    piece, cut = _find_pieces(markers.track, place[markers.frame])
    count = int(piece.max(initial=-1)) + 1
    starts = np.searchsorted(piece, np.arange(count + 1))
    first_piece = piece[np.searchsorted(markers.track, np.arange(int(markers.track.max(initial=-1)) + 1))]
    unknowns = Unknowns(place, starts, np.flatnonzero(refined), np.zeros((0, 3, 2)), camera_size)
    tiles = tuple(_make_tiles(piece, place[markers.frame], int(moving.sum())))
    pairs = tuple(_pair_tiles(tiles))
    band = max((tiles[a].first + tiles[a].count - tiles[b].first for a, b, _, _ in pairs), default=1)
    of_cut = np.isin(markers.track[starts[:-1]], cut)
    return Layout(unknowns, seen, cut, of_cut, first_piece, tiles, pairs, band)


def _find_pieces(track: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the piece (M,) of each marker, and the tracks (K,) that are cut. track, place (M,): of the markers."""
    count, moves = int(track.max(initial=-1)) + 1, place >= 0
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, track[moves], place[moves])
    np.maximum.at(high, track[moves], place[moves])
    spans = np.where(high >= 0, high - low + 1, 0)
    parts = np.maximum(-(-spans // BAND), 1)
    last_place = np.maximum.accumulate(np.where(moves, place + track * (len(place) + 1), -1)) - track * (len(place) + 1)
    within = np.clip(last_place - low[track], 0, None) * parts[track] // np.maximum(spans[track], 1)
    within = np.where(last_place < 0, 0, within)
    return (np.cumsum(parts) - parts)[track] + within, np.flatnonzero(parts > 1)


def _make_tiles(piece: np.ndarray, place: np.ndarray, count: int) -> Iterator[Tile]:
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(count + 1))
    for first in range(0, count, TILE):
        last = min(first + TILE, count)
        rows = order[bounds[first] : bounds[last]]
        pieces, numbers = np.unique(piece[rows], return_inverse=True)
        yield Tile(first, last - first, rows, pieces, numbers)


def _pair_tiles(tiles: tuple[Tile, ...]) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    reach = -(-BAND // TILE) + 1  # tiles that a piece can span
    for later, one in enumerate(tiles):
        for earlier in range(later, max(later - reach, 0) - 1, -1):
            _, in_one, in_other = np.intersect1d(one.pieces, tiles[earlier].pieces, True, return_indices=True)
            if len(in_one):
                yield later, earlier, in_one, in_other


def reduce_system(parts: Parts, layout: Layout, weights: np.ndarray, loss_px: float, damping: float) -> Reduced:
    """Build the equations at a bundle, with Cauchy weights. weights (M,): factors of the squared errors.

    Raises numpy.linalg.LinAlgError when the equations of a point have no solution.
    """
    unknowns = layout.unknowns._replace(tangents=find_tangents(parts.directions))
    normal = _eliminate(parts, layout.seen, unknowns, layout.camera_count, weights, (loss_px, damping))
    c, lens_size = unknowns.camera_size, len(unknowns.lens)
    size = layout.camera_count * c
    band, border = np.zeros((layout.band * c, size), order="F"), normal.border.reshape(size, lens_size).copy()
    corner, gradient = normal.lens + np.tril(normal.lens, -1).T, normal.gradient.ravel().copy()
    diagonal = np.concatenate([np.einsum("nii->ni", normal.cameras).ravel(), np.diag(corner)])
    for i in range(c):
        for j in range(i + 1):
            band[i - j, j::c] = normal.cameras[:, i, j]
    shared = np.concatenate([normal.lens_mixed, normal.point_gradient[:, None]], 1).transpose(0, 2, 1)
    blocks = []
    for tile in layout.tiles:
        block = np.zeros((len(tile.pieces), shared.shape[1], tile.count * c))
        flat = block.reshape(-1, tile.count * c)
        kernels.gather(layout.seen, unknowns, normal.mixed, tile.rows, tile.first, tile.numbers, flat)
        taken = flat.T @ shared[tile.pieces].reshape(len(flat), lens_size + 1)
        at = slice(tile.first * c, (tile.first + tile.count) * c)
        border[at] -= taken[:, :-1]
        gradient[at] -= taken[:, -1]
        blocks.append(block)
    for later, earlier, in_later, in_earlier in layout.pairs:
        one, other = blocks[later][in_later], blocks[earlier][in_earlier]
        product = one.reshape(-1, one.shape[2]).T @ other.reshape(-1, other.shape[2])
        kernels.subtract_tile(band, product, layout.tiles[later].first * c, layout.tiles[earlier].first * c)
    flat = shared.reshape(-1, lens_size + 1)
    taken = flat.T @ flat
    gradient = np.concatenate([gradient, normal.lens_gradient - taken[:-1, -1]])
    reduced = Reduced(Banded(band, border, corner - taken[:-1, :-1]), gradient, diagonal, normal, None, None)
    return _with_wholes(reduced, parts, layout, unknowns, weights, (loss_px, damping)) if len(layout.cut) else reduced


def _eliminate(
    parts: Parts, seen: Seen, unknowns: Unknowns, camera_count: int, weights: np.ndarray, how: tuple[float, float]
) -> Normal:
    c, lens_size, count = unknowns.camera_size, len(unknowns.lens), len(unknowns.starts) - 1
    point_size = 3 if c >= 6 else 2
    normal = Normal(
        np.zeros((camera_count, c, c)),
        np.zeros((camera_count, c, lens_size)),
        np.zeros((lens_size, lens_size)),
        np.zeros((camera_count, c)),
        np.zeros(lens_size),
        np.empty((len(seen.track), c, point_size)),
        np.empty((count, lens_size, point_size)),
        np.empty((count, point_size)),
        np.empty((count, point_size, point_size)),
    )
    slopes = make_slopes(int(np.diff(unknowns.starts).max(initial=0)))
    if not kernels.eliminate(parts, seen, unknowns, weights, *how, slopes, normal):
        raise np.linalg.LinAlgError("the equations of a point have no solution")
    return normal


def _with_wholes(
    reduced: Reduced, parts: Parts, layout: Layout, unknowns: Unknowns, weights: np.ndarray, how: tuple[float, float]
) -> Reduced:
    """Return the equations with the true gradient, and with what makes the matrix the true one."""
    rows = np.flatnonzero(np.isin(layout.seen.track, layout.cut))
    seen = Seen(*(array[rows] for array in layout.seen))
    starts = np.searchsorted(seen.track, np.append(layout.cut, layout.cut[-1] + 1))
    whole = unknowns._replace(starts=starts)
    normal = _eliminate(parts, seen, whole, layout.camera_count, weights[rows], how)
    wholes = _take_out(normal, seen, whole)
    starts = np.searchsorted(rows, unknowns.starts[np.append(np.flatnonzero(layout.of_cut), len(layout.of_cut))])
    starts[-1] = len(rows)
    kept = normal._replace(
        mixed=reduced.normal.mixed[rows],
        **{name: getattr(reduced.normal, name)[layout.of_cut] for name in ("lens_mixed", "point_gradient", "root")},
    )
    pieces = _take_out(kept, seen, unknowns._replace(starts=starts))
    gradient = reduced.gradient + pieces.rows @ pieces.point_gradient - wholes.rows @ wholes.point_gradient
    return replace(reduced, gradient=gradient, pieces=pieces, wholes=wholes)


def _take_out(normal: Normal, seen: Seen, unknowns: Unknowns) -> Taken:
    import scipy.sparse

    count, lens_size, point_size = normal.lens_mixed.shape
    c, camera_count = unknowns.camera_size, len(normal.cameras)
    number = np.repeat(np.arange(count), np.diff(unknowns.starts))
    place = unknowns.place[seen.frame]
    inside = place >= 0
    row = np.broadcast_to((place[inside] * c)[:, None, None] + np.arange(c)[:, None], (inside.sum(), c, point_size))
    column = np.broadcast_to((number[inside] * point_size)[:, None, None] + np.arange(point_size), row.shape)
    lens_row = np.broadcast_to(camera_count * c + np.arange(lens_size)[:, None], normal.lens_mixed.shape)
    lens_column = np.broadcast_to(
        (np.arange(count) * point_size)[:, None, None] + np.arange(point_size), normal.lens_mixed.shape
    )
    values = np.concatenate([normal.mixed[inside].ravel(), normal.lens_mixed.ravel()])
    at = [np.concatenate([a.ravel(), b.ravel()]) for a, b in ((row, lens_row), (column, lens_column))]
    shape = (camera_count * c + lens_size, count * point_size)
    return Taken(scipy.sparse.csr_matrix((values, at), shape=shape), normal.point_gradient.ravel(), normal.root)


def solve_reduced(reduced: Reduced, damping: float, lens_damping: np.ndarray) -> np.ndarray:
    """Return the step (C c + L,) of the cameras and the lens. Raises numpy.linalg.LinAlgError when nearly singular."""
    extra = damping * reduced.diagonal + TINY * reduced.diagonal.mean() + TINY
    extra[len(extra) - len(lens_damping) :] += lens_damping
    matrix = reduced.matrix.with_diagonal(extra)
    solve = _factor(matrix)
    if reduced.pieces is None or reduced.wholes is None:
        return -solve(reduced.gradient)
    pieces, wholes = reduced.pieces.rows, reduced.wholes.rows
    step, left = np.zeros(len(reduced.gradient)), -reduced.gradient
    near = solve(left)
    direction, size = near, left @ near
    enough = SOLVED**2 * size
    for _ in range(MOST_STEPS):
        if size <= enough:
            return step
        moved = matrix.multiply(direction) + pieces @ (pieces.T @ direction) - wholes @ (wholes.T @ direction)
        length = size / (direction @ moved)
        if not length > 0:
            break
        step, left = step + length * direction, left - length * moved
        near = solve(left)
        direction, size = near + (left @ near) / size * direction, left @ near
    raise np.linalg.LinAlgError("conjugate gradients did not end: nearly singular")


def step_points(reduced: Reduced, layout: Layout, step: np.ndarray) -> np.ndarray:
    """Return the steps (P, p) of the points for the step (C c + L,) of the cameras and the lens."""
    unknowns, normal = layout.unknowns, reduced.normal
    by_piece = np.empty(normal.point_gradient.shape)
    lens_at = len(step) - len(unknowns.lens)
    cameras = step[:lens_at].reshape(-1, unknowns.camera_size)
    kernels.step_points(layout.seen, unknowns, normal, cameras, step[lens_at:], by_piece)
    points = by_piece[layout.first_piece]
    if reduced.wholes is not None:
        wanted = reduced.wholes.point_gradient + reduced.wholes.rows.T @ step
        root = reduced.wholes.root
        points[layout.cut] = -np.einsum("tij,tj->ti", root, wanted.reshape(len(root), -1))
    return points


def compute_lens_information(reduced: Reduced) -> np.ndarray:
    """Return the information (L, L) that is left of the lens when cameras and points are open too.

    Scale, origin and axes of the world are free: a little is added to the cameras' diagonal.
    """
    size = len(reduced.matrix.border)
    more = np.concatenate([TINY * reduced.matrix.band[0] + 1e-12, np.zeros(len(reduced.diagonal) - size)])
    matrix = reduced.matrix.with_diagonal(more)
    return matrix.corner - matrix.border.T @ _solve_band(matrix.band)(matrix.border)


def _factor(matrix: Banded) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that solves matrix @ x = vector. Raises numpy.linalg.LinAlgError when it is not positive."""
    solve = _solve_band(matrix.band)
    across = solve(matrix.border)
    corner = matrix.corner - matrix.border.T @ across

    def solve_both(vector: np.ndarray) -> np.ndarray:
        cameras = solve(vector[: len(across)])
        lens = (
            np.linalg.solve(corner, vector[len(across) :] - matrix.border.T @ cameras) if len(corner) else np.zeros(0)
        )
        return np.concatenate([cameras - across @ lens, lens])

    return solve_both


def _solve_band(band: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    import scipy.linalg

    size = band.shape[1]
    if 2 * len(band) < size:
        factor = scipy.linalg.cholesky_banded(band, lower=True)
        return lambda wanted: scipy.linalg.cho_solve_banded((factor, True), wanted)
    whole = np.zeros((size, size), order="F")  # nearly full: LAPACK is faster on the whole
    kernels.fill_whole(band, whole)
    factored = scipy.linalg.cho_factor(whole, lower=True, overwrite_a=True)
    return lambda wanted: scipy.linalg.cho_solve(factored, wanted)


def make_slopes(count: int) -> Slopes:
    """Return room for the slopes of `count` markers."""
    shapes = ((count, 2), (count, 2, 3), (count, 2, 3), (count, 2, 8), (count, 2))
    return Slopes(*(np.empty(shape) for shape in shapes))


def find_tangents(directions: np.ndarray) -> np.ndarray:
    """Return two unit vectors across each direction: (P, 3, 2) for (P, 3)."""
    tangents = np.empty((len(directions), 3, 2))
    kernels.fill_tangents(np.ascontiguousarray(directions), tangents)
    return tangents
