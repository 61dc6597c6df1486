"""A lens of 3DEqualizer: one of its models on a film back, in plate px.

Its models work in diagonally normalised coordinates: centimetres from the lens centre on the film back, divided by
half the film back's diagonal, x right, y up (LDPK ldpk_ldp_builtin.h, map_unit_to_dn). The field of view is the part
of the picture that the film back spans: xa xb from the left, ya yb from the bottom, in widths and heights of the
picture (nuke_ld_3de4_base.C). The film back is that of the picture as it is seen, unsqueezed.
"""

import math
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from shotmake.errors import ShotError
from shotmake.lens_fit import Seen
from shotmake.models import anamorphic_3de, classic_3de, radial_3de

MODELS: dict[str, ModuleType] = {model.NAME: model for model in (classic_3de, radial_3de, anamorphic_3de)}
COMPLEX_STEP = 1e-30  # derivatives of polynomials, exact to rounding
NEWTON_ROUNDS = 30
NEWTON_DONE = 1e-13  # half diagonals
MARGIN = 0.08  # of the picture's size, seen beyond its border: what the undistorted picture's edges show
SAMPLES = (193, 129)  # across and down the picture and its margin


@dataclass(frozen=True)
class Lens3de:
    """model: its name in 3DE; values: its parameters by 3DE's names, those missing at their defaults. Lengths in cm;
    pixel_aspect: a pixel's width by its height; field: xa, xb, ya, yb."""

    model: str
    values: dict[str, float]
    focal_cm: float
    width_cm: float
    height_cm: float
    offset_x_cm: float = 0.0  # of the lens centre from the film back's, to the right
    offset_y_cm: float = 0.0  # upwards
    pixel_aspect: float = 1.0
    field: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)

    @property
    def half_diagonal_cm(self) -> float:
        return math.hypot(self.width_cm, self.height_cm) / 2

    def undistort(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(..., 2) plate px -> (..., 2) where the plate would have it without distortion."""
        return self._px(self._bent(self._normalised(xy_px, size_px)), size_px)

    def distort(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """The inverse of `undistort`, by Newton's method; ShotError where there is none."""
        target = self._normalised(xy_px, size_px)
        guess = target
        for _ in range(NEWTON_ROUNDS):
            miss = self._bent(guess) - target
            if np.abs(miss).max(initial=0.0) < NEWTON_DONE:
                break
            columns = [self._bent(guess + 1j * COMPLEX_STEP * unit).imag / COMPLEX_STEP for unit in np.eye(2)]
            guess = guess - np.linalg.solve(np.stack(columns, -1), miss[..., None])[..., 0]
        if not np.abs(self._bent(guess) - target).max(initial=0.0) < 1e-10:
            raise ShotError(f"{self.model}: it folds over inside the picture")
        return self._px(guess, size_px)

    def focal_px(self, size_px: tuple[int, int]) -> float:
        """In widths of the plate's pixels."""
        left, right, _, _ = self.field
        return self.focal_cm * size_px[0] * (right - left) / self.width_cm

    def seen(self, size_px: tuple[int, int]) -> Seen:
        """What it does to a plate of (width, height) px and a margin around it, by example."""
        across, down = (np.linspace(-MARGIN, 1 + MARGIN, count) for count in SAMPLES)
        xy_px = np.stack(np.meshgrid(np.union1d(across, (0, 1)), np.union1d(down, (0, 1))), -1) * size_px
        bent = self._bent(self._normalised(xy_px, size_px))
        plane = bent * (1, -1) * self.half_diagonal_cm / self.focal_cm
        (top_x, left_x), (top_y, left_y) = (np.gradient(plane[..., axis]) for axis in (0, 1))
        area = left_x * top_y - left_y * top_x
        spread = np.abs(np.gradient(xy_px[..., 0], axis=1) * np.gradient(xy_px[..., 1], axis=0))
        turned = area / spread < 0.2 * np.median(area / spread)
        inside = ((xy_px >= 0) & (xy_px <= size_px)).all(-1)
        if not np.isfinite(plane).all() or (turned & inside).any():
            raise ShotError("its distortion folds over inside the picture: not a lens")
        centre_px = self._px(np.zeros(2), size_px)
        return Seen(self.focal_px(size_px), tuple(centre_px), xy_px[~turned], plane[~turned])

    def _bent(self, xy: np.ndarray) -> np.ndarray:
        model = MODELS[self.model]
        return np.stack(model.undistort(xy[..., 0], xy[..., 1], model.DEFAULTS | self.values, self.pixel_aspect), -1)

    def _normalised(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        left, right, bottom, top = self.field
        unit = np.asarray(xy_px, float) / size_px
        across, up = (unit[..., 0] - left) / (right - left), (1 - unit[..., 1] - bottom) / (top - bottom)
        x_cm = (across - 0.5) * self.width_cm - self.offset_x_cm
        y_cm = (up - 0.5) * self.height_cm - self.offset_y_cm
        return np.stack([x_cm, y_cm], -1) / self.half_diagonal_cm

    def _px(self, xy: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        left, right, bottom, top = self.field
        cm = xy * self.half_diagonal_cm
        across = (cm[..., 0] + self.offset_x_cm) / self.width_cm + 0.5
        up = (cm[..., 1] + self.offset_y_cm) / self.height_cm + 0.5
        return np.stack([left + across * (right - left), 1 - bottom - up * (top - bottom)], -1) * size_px
