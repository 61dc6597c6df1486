"""A distortion that no formula of ours fits, kept as it is: cubic B-splines of the displacement on a regular grid.

Anamorphic lenses and ST-maps become such a lens. It maps undistorted to distorted, as all our lenses do, so all code
that distorts, undistorts or projects handles it as any other lens.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shotmake.errors import ShotError, quote_error

TAPS = 4  # how many coefficients act on a point, in each direction


@dataclass(frozen=True, eq=False)
class Grid:
    """A distortion on a regular grid.

    low, high (2,): corners of its rectangle, in undistorted normalised coordinates (x, y). bend (R, C, 2): spline
    coefficients of distorted minus undistorted, over R - 3 cells down and C - 3 cells across. Beyond the rectangle the
    distortion goes on as a straight line.
    """

    low: np.ndarray
    high: np.ndarray
    bend: np.ndarray

    def distort(self, xy: np.ndarray) -> np.ndarray:
        """Distort normalised coordinates: undistorted (..., 2) to distorted (..., 2)."""
        return self._bend(xy)[0].reshape(np.shape(xy))

    def compute_jacobian(self, xy: np.ndarray) -> np.ndarray:
        """Return the derivative of `distort` as (..., 2, 2). The rows are the distorted x and y."""
        return self._bend(xy)[1].reshape(*np.shape(xy), 2)

    def stretch(self, times: float) -> "Grid":
        """Return the grid with the same displacements on the sensor, for a focal length `times` as long."""
        return Grid(self.low / times, self.high / times, self.bend / times)

    def to_json(self) -> dict:
        """Return the grid as the `grid` block of a solve JSON's lens."""
        return {name: getattr(self, name).tolist() for name in ("low", "high", "bend")}

    @classmethod
    def from_json(cls, block: Any) -> "Grid":
        """Read the `grid` block of a solve JSON's lens. Raises ShotError for anything else."""
        try:
            low, high, bend = (np.array(block[name], float) for name in ("low", "high", "bend"))
        except (KeyError, TypeError, ValueError) as error:
            raise ShotError(f"lens: its grid cannot be read ({quote_error(error, 100)})") from error
        shaped = low.shape == high.shape == (2,) and bend.ndim == 3 and bend.shape[2] == 2 and min(bend.shape[:2]) >= 4
        if not shaped or not (low < high).all() or not np.isfinite(bend).all():
            raise ShotError(
                f"lens: its grid has {low.size}, {high.size} and {bend.shape} values; needed 2, 2, (R, C, 2)"
            )
        return cls(low, high, bend)

    def _bend(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from shotmake.geometry.lens_grid_kernels import bend_points

        return bend_points(np.ascontiguousarray(xy, float).reshape(-1, 2), self.low, self.high, self.bend)


def find_cell(value: np.ndarray, low: float, high: float, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Find in which of the cells between low and high each value (N,) is, and where in that cell, 0..1.

    Returns two (N,).
    """
    at = (value - low) / (high - low) * cells
    cell = np.clip(at.astype(int), 0, cells - 1)
    return cell, at - cell


def weigh_spline(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the weights of the four coefficients around points t (N,) of a uniform cubic B-spline: four (N,)."""
    rest = 1 - t
    return rest**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, t**3 / 6
