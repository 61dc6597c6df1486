"""Brown-Conrady lens: undistorted <-> distorted coordinates, and the overscan that a redistorted render needs.

The model is OpenCV's (k1 k2 p1 p2 k3), which maps *undistorted to distorted* normalised coordinates: D. C. Brown,
"Close-Range Camera Calibration", Photogrammetric Engineering 37 (1971), 855-866. Focal lengths and the centre are in
px, with the pixel convention of shotmake.geometry.camera.
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.json_file import name_kind
from shotmake.geometry.lens_grid import Grid

PLACE = ("fx_px", "fy_px", "cx_px", "cy_px")
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3")
NEWTON_ROUNDS = 50
NEWTON_DONE = 1e-13  # normalised units; far below a thousandth of a pixel at any focal


@dataclass(frozen=True)
class Lens:
    """A lens: focal lengths and centre in px of the distorted plate, coefficients in normalised units.

    grid: stands in place of the coefficients, for a lens that they do not fit.
    """

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    grid: Grid | None = None

    def normalised_from_px(self, xy_px: np.ndarray) -> np.ndarray:
        """Convert plate px (..., 2) to distorted normalised coordinates (..., 2)."""
        return (np.asarray(xy_px, float) - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)

    def px_from_normalised(self, xy: np.ndarray) -> np.ndarray:
        """Convert normalised coordinates (..., 2) to px (..., 2)."""
        return np.asarray(xy, float) * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)

    def without_distortion(self) -> "Lens":
        """Return the lens with the same focal lengths and centre, but without distortion."""
        return replace(self, k1=0.0, k2=0.0, p1=0.0, p2=0.0, k3=0.0, grid=None)

    def with_focal_px(self, focal_px: float) -> "Lens":
        """Return the lens with another focal length and the same displacements on the sensor."""
        times = focal_px / self.fx_px
        k1, k2, k3 = self.k1 * times**2, self.k2 * times**4, self.k3 * times**6
        grid = self.grid and self.grid.stretch(times)
        p1, p2 = self.p1 * times, self.p2 * times
        return Lens(focal_px, self.fy_px * times, self.cx_px, self.cy_px, k1, k2, p1, p2, k3, grid)

    def to_json(self) -> dict:
        """Return the lens as the `lens` block of a solve JSON."""
        numbers = {name: float(getattr(self, name)) for name in (*PLACE, *(() if self.grid else COEFFICIENTS))}
        direction = "undistorted_to_distorted"
        if self.grid is not None:
            return {"model": "spline_grid", "direction": direction, **numbers, "grid": self.grid.to_json()}
        return {"model": "brown_conrady", "direction": direction, **numbers}

    @classmethod
    def from_json(cls, block: dict) -> "Lens":
        """Read the `lens` block of a solve JSON. Raises ShotError for another model or direction."""
        if not isinstance(block, dict):
            raise ShotError(f"lens: found {name_kind(block)}; needed an object with model and direction")
        model, direction = block.get("model"), block.get("direction")
        if model not in ("brown_conrady", "spline_grid") or direction != "undistorted_to_distorted":
            said = {"model": model, "direction": direction}
            found = ", ".join(f"{name} {str(said[name])[:40]!a}" if name in block else f"no {name}" for name in said)
            raise ShotError(f"lens: found {found}; needed brown_conrady, undistorted_to_distorted")
        if model == "spline_grid":
            numbers = {name: float(block.get(name, 0.0)) for name in PLACE}
            return cls(**numbers, grid=Grid.from_json(block.get("grid")))
        return cls(**{name: float(block.get(name, 0.0)) for name in (*PLACE, *COEFFICIENTS)}, grid=None)


def distort(xy: np.ndarray, lens: Lens) -> np.ndarray:
    """Distort normalised coordinates: undistorted (..., 2) to distorted (..., 2)."""
    if lens.grid is not None:
        return lens.grid.distort(np.asarray(xy, float))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    return np.stack(
        [
            x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x * x),
            y * radial + lens.p1 * (r2 + 2 * y * y) + 2 * lens.p2 * x * y,
        ],
        -1,
    )


def compute_distort_jacobian(xy: np.ndarray, lens: Lens) -> np.ndarray:
    """Return the derivative of `distort` as (..., 2, 2). The rows are the distorted x and y."""
    if lens.grid is not None:
        return lens.grid.compute_jacobian(np.asarray(xy, float))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    slope = lens.k1 + r2 * (2 * lens.k2 + 3 * lens.k3 * r2)  # d radial / d r2
    cross = 2 * slope * x * y + 2 * lens.p1 * x + 2 * lens.p2 * y
    xx = radial + 2 * slope * x * x + 2 * lens.p1 * y + 6 * lens.p2 * x
    yy = radial + 2 * slope * y * y + 6 * lens.p1 * y + 2 * lens.p2 * x
    return np.stack([np.stack([xx, cross], -1), np.stack([cross, yy], -1)], -2)


def undistort(xy: np.ndarray, lens: Lens) -> np.ndarray:
    """Undistort normalised coordinates, distorted (..., 2) to undistorted (..., 2).

    It uses Newton's method with short steps.

    Raises ShotError where the lens folds, so that no undistorted point exists: such coefficients are not a lens.
    """
    target = np.asarray(xy, float)
    guess = target.copy()
    for _ in range(NEWTON_ROUNDS):
        miss = distort(guess, lens) - target
        if not np.abs(miss).max(initial=0.0) > NEWTON_DONE:
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a lens that folds is told below
            step = _solve_pairs(compute_distort_jacobian(guess, lens), miss)
            length = np.linalg.norm(step, axis=-1, keepdims=True)
            guess = guess - step * np.minimum(1.0, 0.2 / np.maximum(length, 1e-12))
    if not np.abs(distort(guess, lens) - target).max(initial=0.0) < 1e-9:
        raise ShotError(
            f"lens: k1 {lens.k1:.4g}, k2 {lens.k2:.4g}, k3 {lens.k3:.4g} fold over inside the frame; "
            "drop the last coefficient from tracking.solve.refine"
            if lens.grid is None
            else "lens: its grid folds over inside the frame"
        )
    return guess


def _solve_pairs(matrices: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Solve two equations each by Cramer's rule: matrices (..., 2, 2), sides (..., 2). Returns (..., 2)."""
    (a, b), (c, d) = np.moveaxis(matrices, (-2, -1), (0, 1))
    e, f = np.moveaxis(sides, -1, 0)
    return np.stack([d * e - b * f, a * f - c * e], -1) / (a * d - b * c)[..., None]


def list_border_px(size_px: tuple[int, int], per_side: int = 65) -> np.ndarray:
    """Return points along the outer edge of an image of size (width, height) px, as (4 * per_side, 2) px."""
    width, height = size_px
    along = np.linspace(0.0, 1.0, per_side)
    zero, one = np.zeros(per_side), np.ones(per_side)
    edges = [(along, zero), (along, one), (zero, along), (one, along)]
    return np.concatenate([np.stack([x * width, y * height], 1) for x, y in edges])


def measure_overscan_px(lens: Lens, size_px: tuple[int, int], extra_px: int = 2) -> tuple[int, int]:
    """Return the px (x, y) to add on *each* side so that an undistorted image covers the whole plate.

    `extra_px` leaves room for the resampling filter. Barrel lenses need some overscan, pincushion lenses need none.
    """
    undistorted = lens.px_from_normalised(undistort(lens.normalised_from_px(list_border_px(size_px)), lens))
    beyond = np.maximum(-undistorted.min(0), undistorted.max(0) - size_px)
    x, y = (int(np.ceil(max(0.0, px) + extra_px)) if px > 0 else 0 for px in beyond)
    return x, y
