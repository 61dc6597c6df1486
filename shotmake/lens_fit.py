"""A lens known by what it does -> one of ours: Brown-Conrady where that fits, else its own grid, never bent to fit."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.lens import Lens, distort
from shotmake.lens_grid import TAPS, Grid, place, spline

LADDER = (("k1",), ("k1", "k2"), ("k1", "k2", "k3"), ("k1", "k2", "k3", "p1", "p2"),
          ("scale", "centre", "k1", "k2", "k3", "p1", "p2"))  # plainest first  # fmt: skip
OUTSIDE_WEIGHT = 0.05  # of samples around the picture, beside those in it
GRID_CELLS = (16, 32, 64)  # across
GRID_AIM_PX = 0.002
GRID_MARGIN = 0.01  # of its size
STIFFNESS = 1e-10  # of coefficients that no sample tells, beside those that some do


@dataclass(frozen=True)
class Seen:
    """xy_px (N, 2): places on the plate and around it; plane (N, 2): where a pinhole camera of focal_px (fx) and
    centre_px sees them, undistorted normalised coordinates, y down."""

    focal_px: float
    centre_px: tuple[float, float]
    xy_px: np.ndarray
    plane: np.ndarray


def fitted_lens(seen: Seen, size_px: tuple[int, int], aspect: float, max_fit_px: float) -> tuple[Lens, list[str]]:
    """The lens for a plate of (width, height) px, and a line on how well it fits, if not exactly.

    aspect: a pixel's width by its height. Brown-Conrady if the largest difference in the picture is max_fit_px at most,
    else a grid. ShotError where that does not fit either: no smooth lens.
    """
    ideal = Lens(seen.focal_px, seen.focal_px * aspect, *map(float, seen.centre_px))
    inside = ((seen.xy_px >= -1e-6) & (seen.xy_px <= np.array(size_px) + 1e-6)).all(1)
    for terms in ((), *LADDER):
        lens = _brown_conrady(seen, ideal, terms, inside)
        off_px = misfit_px(lens, seen, inside)
        if off_px <= max_fit_px:
            return lens, [f"as Brown-Conrady it is off by {off_px:.2g} px at most"] if off_px > 1e-4 else []
    cells = 0
    while cells < len(GRID_CELLS):
        lens = replace(ideal, grid=_grid(seen, ideal, GRID_CELLS[cells], inside))
        grid_px = misfit_px(lens, seen, inside)
        if grid_px < GRID_AIM_PX:
            break
        cells += 1
    if not grid_px <= max_fit_px:
        raise ShotError(f"its distortion is not smooth: a grid of splines is off by {grid_px:.2g} px")
    return lens, [
        f"as Brown-Conrady it would be off by {off_px:.2g} px: kept as a grid, within {max(grid_px, 1e-4):.1g} px"
    ]


def misfit_px(lens: Lens, seen: Seen, rows: np.ndarray) -> float:
    """The largest distance, px of the plate, between where the lens sees these samples and where they are."""
    away = lens.px_from_normalised(distort(seen.plane[rows], lens)) - seen.xy_px[rows]
    return float(np.linalg.norm(away, axis=1).max())


def _brown_conrady(seen: Seen, ideal: Lens, terms: tuple[str, ...], inside: np.ndarray) -> Lens:
    """The lens with these terms that is nearest to the samples."""
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
    bent = (ideal.normalised_from_px(seen.xy_px) - seen.plane).T * weight
    matrix = np.stack([(np.array(columns[name]) * weight).ravel() for name in names], 1)
    found = dict(zip(names, np.linalg.lstsq(matrix, bent.ravel(), rcond=None)[0].tolist(), strict=True))
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


def _grid(seen: Seen, ideal: Lens, cells_across: int, inside: np.ndarray) -> Grid:
    """The grid nearest to the samples, on the rectangle that the undistorted picture spans."""
    from scipy.sparse import coo_matrix, diags, kron
    from scipy.sparse import eye as identity
    from scipy.sparse.linalg import spsolve

    low, high = seen.plane[inside].min(0), seen.plane[inside].max(0)
    low, high = low - GRID_MARGIN * (high - low), high + GRID_MARGIN * (high - low)
    cells = cells_across, max(4, round(cells_across * (high - low)[1] / (high - low)[0]))
    rows = ((seen.plane >= low) & (seen.plane <= high)).all(1)
    (column, x), (row, y) = (place(seen.plane[rows, axis], low[axis], high[axis], cells[axis]) for axis in (0, 1))
    across, down = (cells[axis] + TAPS - 1 for axis in (0, 1))
    weight = np.where(inside[rows], 1.0, OUTSIDE_WEIGHT)
    bent = (ideal.normalised_from_px(seen.xy_px[rows]) - seen.plane[rows]) * weight[:, None]
    taps, weights = [], []
    for below, weight_y in enumerate(spline(y)):
        for beside, weight_x in enumerate(spline(x)):
            taps.append((row + below) * across + column + beside)
            weights.append(weight_y * weight_x * weight)
    samples = np.tile(np.arange(len(bent)), len(taps))
    where = samples, np.concatenate(taps)
    matrix = coo_matrix((np.concatenate(weights), where), (len(bent), across * down)).tocsr()
    bending = [diags([1.0, -3.0, 3.0, -1.0], [0, 1, 2, 3], (count - 3, count)) for count in (across, down)]
    stiff = kron(identity(down), bending[0].T @ bending[0]) + kron(bending[1].T @ bending[1], identity(across))
    normal = (matrix.T @ matrix + STIFFNESS * len(bent) * stiff).tocsc()
    return Grid(low, high, np.stack([spsolve(normal, matrix.T @ part) for part in bent.T], 1).reshape(down, across, 2))
