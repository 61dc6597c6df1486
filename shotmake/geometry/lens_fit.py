"""From a lens that is known by what it does to one of ours: Brown-Conrady where that fits, else a grid of its own.

A lens is never bent to fit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.geometry.lens_grid import TAPS, Grid, find_cell, weigh_spline
from shotmake.numbers_in_words import tell_apart

LADDER = (("k1",), ("k1", "k2"), ("k1", "k2", "k3"), ("k1", "k2", "k3", "p1", "p2"),
          ("scale", "centre", "k1", "k2", "k3", "p1", "p2"))  # terms to try, the plainest first  # fmt: skip
OUTSIDE_WEIGHT = 0.05  # the weight of samples around the picture; samples in it have 1
GRID_CELLS = (16, 32, 64)  # numbers of cells across to try
TALLEST = 20.0  # an undistorted picture that is taller than so many times its width gets no grid
GRID_AIM_PX = 0.002  # a grid that misses by less needs no more cells
GRID_MARGIN = 0.01  # the grid is larger than the undistorted picture by this share of its size, on each side
MARGIN = 0.08  # samples reach this share of the picture's size beyond its border, which an undistorted picture shows
SAMPLES = (129, 81)  # samples across and down the picture and its margin
LAWSON_ROUNDS = 8
LEAST_AREA = 0.2  # a piece of the picture may not shrink below this share of the usual area
STIFFNESS = 1e-10  # weight of the smoothness that decides coefficients which no sample determines


@dataclass(frozen=True)
class Seen:
    """What a lens does, as N samples.

    xy_px (N, 2): places on the plate and around it; plane (N, 2): where a pinhole camera with focal_px (fx) and
    centre_px sees them, in undistorted normalised coordinates, y down.
    """

    focal_px: float
    centre_px: tuple[float, float]
    xy_px: np.ndarray
    plane: np.ndarray


def sample_lens(
    plane_from_px: Callable[[np.ndarray], np.ndarray],
    focal_px: float,
    centre_px: tuple[float, float],
    size_px: tuple[int, int],
) -> Seen:
    """Sample what a formula does to a plate of (width, height) px and a margin around it.

    plane_from_px: plate px (..., 2) -> undistorted normalised coordinates (..., 2), y down.
    Raises ShotError for a formula that folds over in the picture.
    """
    across, down = (np.linspace(-MARGIN, 1 + MARGIN, count) for count in SAMPLES)
    xy_px = np.stack(np.meshgrid(np.union1d(across, (0, 1)), np.union1d(down, (0, 1))), -1) * size_px
    with np.errstate(all="ignore"):  # what overflows is refused below
        plane = plane_from_px(xy_px)
        (x_down, x_across), (y_down, y_across) = (np.gradient(plane[..., axis]) for axis in (0, 1))
        px = np.gradient(xy_px[..., 0], axis=1) * np.gradient(xy_px[..., 1], axis=0)
        area = (x_across * y_down - y_across * x_down) / px
        kept = area > LEAST_AREA * np.median(area)
    inside = ((xy_px >= 0) & (xy_px <= size_px)).all(-1)
    if not (np.isfinite(plane).all() and np.median(area) > 0 and kept[inside].all()):
        raise ShotError("its distortion folds over inside the picture: not a lens")
    return Seen(focal_px, centre_px, xy_px[kept], plane[kept])


def fit_lens(seen: Seen, size_px: tuple[int, int], aspect: float, max_fit_px: float) -> tuple[Lens, list[str]]:
    """Fit the lens for a plate of (width, height) px. Return it, with a line on how well it fits where it is not exact.

    aspect: a pixel's width divided by its height. The lens is Brown-Conrady if its largest difference in the picture is
    max_fit_px or less, else a grid.
    Raises ShotError where a grid does not fit either: that is no smooth lens.
    """
    ideal = Lens(seen.focal_px, seen.focal_px * aspect, float(seen.centre_px[0]), float(seen.centre_px[1]))
    inside = np.all((seen.xy_px >= -1e-6) & (seen.xy_px <= np.array(size_px) + 1e-6), 1)
    lens, off_px, grid_px = ideal, np.inf, np.inf
    for terms in ((), *LADDER):
        lens = _fit_brown_conrady(seen, ideal, terms, inside)
        off_px = measure_misfit_px(lens, seen, inside)
        if off_px <= max_fit_px:
            return lens, [f"as Brown-Conrady it is off by {off_px:.2g} px at most"] if off_px > 1e-4 else []
    cells = 0
    while cells < len(GRID_CELLS):
        lens = replace(ideal, grid=_fit_grid(seen, ideal, GRID_CELLS[cells], inside))
        grid_px = measure_misfit_px(lens, seen, inside)
        if grid_px < GRID_AIM_PX:
            break
        cells += 1
    if not grid_px <= max_fit_px:
        off = tell_apart(grid_px, max_fit_px, ".2g")
        raise ShotError(f"its distortion is not smooth: a grid of splines is off by {off} px")
    return lens, [
        f"as Brown-Conrady it would be off by {off_px:.2g} px: kept as a grid, within {max(grid_px, 1e-4):.1g} px"
    ]


def find_brown_conrady(lens: Lens, size_px: tuple[int, int]) -> Lens:
    """Find the lens without a grid that is nearest to the given one in a picture of (width, height) px.

    It has the same focal length and centre. It is for programs that know no grid.
    """
    across, down = (np.linspace(0, side, 33) for side in size_px)
    xy_px = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2)
    seen = Seen(lens.fx_px, (lens.cx_px, lens.cy_px), xy_px, undistort(lens.normalised_from_px(xy_px), lens))
    return _fit_brown_conrady(seen, lens.without_distortion(), LADDER[3], np.ones(len(xy_px), bool))


def measure_misfit_px(lens: Lens, seen: Seen, rows: np.ndarray) -> float:
    """Measure the largest distance, in plate px, between where the lens sees the samples and where they are.

    rows: which of the N samples, as a mask (N,).
    """
    away = lens.px_from_normalised(distort(seen.plane[rows], lens)) - seen.xy_px[rows]
    return float(np.linalg.norm(away, axis=1).max())


def _fit_brown_conrady(seen: Seen, ideal: Lens, terms: tuple[str, ...], inside: np.ndarray) -> Lens:
    """Fit the lens with these terms that is nearest to the samples. inside (N,): which samples are in the picture."""
    x, y = seen.plane.T
    r2 = x * x + y * y
    columns = {
        "k1": seen.plane.T * r2, "k2": seen.plane.T * r2**2, "k3": seen.plane.T * r2**3,
        "p1": (2 * x * y, r2 + 2 * y * y), "p2": (r2 + 2 * x * x, 2 * x * y), "scale": seen.plane.T,
        "centre x": (np.ones_like(x), np.zeros_like(x)), "centre y": (np.zeros_like(x), np.ones_like(x)),
    }  # fmt: skip
    names = [name for name in columns if name.split()[0] in terms]
    if not names:
        return ideal
    weight = np.where(inside, 1.0, OUTSIDE_WEIGHT)
    bent = (ideal.normalised_from_px(seen.xy_px) - seen.plane).T
    found = dict(zip(names, fit_least_worst(np.array([columns[name] for name in names]), bent, weight), strict=True))
    scale = 1 + found.pop("scale", 0.0)
    shift = found.pop("centre x", 0.0), found.pop("centre y", 0.0)
    return replace(
        ideal,
        fx_px=ideal.fx_px * scale,
        fy_px=ideal.fy_px * scale,
        cx_px=ideal.cx_px + shift[0] * ideal.fx_px,
        cy_px=ideal.cy_px + shift[1] * ideal.fy_px,
        **{name: value / scale for name, value in found.items()},
    )


def fit_least_worst(columns: np.ndarray, target: np.ndarray, weight: np.ndarray) -> list[float]:
    """Find how much of each column (C, 2, N) comes nearest to target (2, N), so that the longest miss is short.

    It is least squares, weighted again by what is missed (C. L. Lawson's algorithm). weight (N,): how much a miss
    counts. Returns C numbers.
    """
    matrix = columns.reshape(len(columns), -1).T
    lawson = np.ones_like(weight)
    best, shortest = np.zeros(len(columns)), np.inf
    for _ in range(LAWSON_ROUNDS):
        rows = np.tile(weight * np.sqrt(lawson), 2)
        found = np.linalg.lstsq(matrix * rows[:, None], target.ravel() * rows, rcond=None)[0]
        miss = np.linalg.norm((matrix @ found).reshape(2, -1) - target, axis=0) * weight
        if miss.max() < shortest:
            best, shortest = found, miss.max()
        if not miss.mean() > 0:
            break
        lawson = lawson * miss / miss.mean()
        lawson /= lawson.mean()
    return best.tolist()


def _fit_grid(seen: Seen, ideal: Lens, cells_across: int, inside: np.ndarray) -> Grid:
    """Fit the grid that is nearest to the samples, on the rectangle that the undistorted picture spans."""
    from scipy.sparse import coo_matrix, diags, kron
    from scipy.sparse import eye as identity
    from scipy.sparse.linalg import spsolve

    low, high = seen.plane[inside].min(0), seen.plane[inside].max(0)
    low, high = low - GRID_MARGIN * (high - low), high + GRID_MARGIN * (high - low)
    wide, tall = high - low
    if not 0 < tall < TALLEST * wide < np.inf:
        raise ShotError("its undistorted picture has no size, or is far taller than wide: not a lens")
    cells = cells_across, max(4, round(cells_across * tall / wide))
    rows = ((seen.plane >= low) & (seen.plane <= high)).all(1)
    (column, x), (row, y) = (find_cell(seen.plane[rows, axis], low[axis], high[axis], cells[axis]) for axis in (0, 1))
    across, down = (cells[axis] + TAPS - 1 for axis in (0, 1))
    weight = np.where(inside[rows], 1.0, OUTSIDE_WEIGHT)
    bent = (ideal.normalised_from_px(seen.xy_px[rows]) - seen.plane[rows]) * weight[:, None]
    taps, weights = [], []
    for below, weight_y in enumerate(weigh_spline(y)):
        for beside, weight_x in enumerate(weigh_spline(x)):
            taps.append((row + below) * across + column + beside)
            weights.append(weight_y * weight_x * weight)
    samples = np.tile(np.arange(len(bent)), len(taps))
    where = samples, np.concatenate(taps)
    matrix = coo_matrix((np.concatenate(weights), where), (len(bent), across * down)).tocsr()
    thirds, places = [1.0, -3.0, 3.0, -1.0], [0, 1, 2, 3]
    bending = [
        diags(thirds, places, (count - 3, count))  # pyright: ignore[reportArgumentType]  # a guess by scipy's default
        for count in (across, down)
    ]
    stiff = kron(identity(down), bending[0].T @ bending[0]) + kron(bending[1].T @ bending[1], identity(across))
    normal = (matrix.T @ matrix + STIFFNESS * len(bent) * stiff).tocsc()
    moves = [np.asarray(spsolve(normal, matrix.T @ part)) for part in bent.T]
    return Grid(low, high, np.stack(moves, 1).reshape(down, across, 2))
