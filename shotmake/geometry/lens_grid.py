"""A distortion that no formula of ours fits, carried as it is: cubic B-splines of the displacement on a regular grid.

Anamorphic lenses and ST-maps become such a lens. It maps undistorted to distorted, as all of ours do, so that
everything that distorts, undistorts or projects treats it as any other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shotmake.errors import ShotError, said_by

TAPS = 4  # coefficients that a point feels, in each direction


@dataclass(frozen=True, eq=False)
class Grid:
    """low, high (2,): corners of its rectangle of undistorted normalised coordinates (x, y). bend (R, C, 2): spline
    coefficients of distorted minus undistorted, over R - 3 cells down and C - 3 across. Beyond the rectangle the
    distortion goes on as a straight line."""

    low: np.ndarray
    high: np.ndarray
    bend: np.ndarray

    def distort(self, xy: np.ndarray) -> np.ndarray:
        """(..., 2) undistorted -> distorted normalised coordinates."""
        return self._bent(xy)[0].reshape(np.shape(xy))

    def jacobian(self, xy: np.ndarray) -> np.ndarray:
        """(..., 2, 2) derivative of `distort`: rows are the distorted x and y."""
        return self._bent(xy)[1].reshape(*np.shape(xy), 2)

    def stretched(self, times: float) -> "Grid":
        """The same displacements on the sensor in the terms of a focal length `times` as long."""
        return Grid(self.low / times, self.high / times, self.bend / times)

    def to_json(self) -> dict:
        return {name: getattr(self, name).tolist() for name in ("low", "high", "bend")}

    @classmethod
    def from_json(cls, block: Any) -> "Grid":
        """ShotError for what is no such grid."""
        try:
            low, high, bend = (np.array(block[name], float) for name in ("low", "high", "bend"))
        except (KeyError, TypeError, ValueError) as error:
            raise ShotError(f"lens: its grid cannot be read ({said_by(error, 100)})") from error
        shaped = low.shape == high.shape == (2,) and bend.ndim == 3 and bend.shape[2] == 2 and min(bend.shape[:2]) >= 4
        if not shaped or not (low < high).all() or not np.isfinite(bend).all():
            raise ShotError(
                f"lens: its grid has {low.size}, {high.size} and {bend.shape} values; needed 2, 2, (R, C, 2)"
            )
        return cls(low, high, bend)

    def _bent(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from shotmake.geometry.lens_grid_kernels import bent

        return bent(np.ascontiguousarray(xy, float).reshape(-1, 2), self.low, self.high, self.bend)


def place(value: np.ndarray, low: float, high: float, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the cells between low and high a value is in, and where in it, 0..1."""
    at = (value - low) / (high - low) * cells
    cell = np.clip(at.astype(int), 0, cells - 1)
    return cell, at - cell


def spline(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """The weights of the four coefficients around a point of a uniform cubic B-spline."""
    rest = 1 - t
    return rest**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, t**3 / 6
