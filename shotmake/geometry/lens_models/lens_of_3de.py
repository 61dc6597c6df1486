"""A lens of 3DEqualizer: one of its models on a film back, in plate px.

Its models work in diagonally normalised coordinates: centimetres from the lens centre on the film back, divided by half
the film back's diagonal, x right, y up (LDPK ldpk_ldp_builtin.h, map_unit_to_dn). The field of view is the part of the
picture that the film back spans: xa xb from the left, ya yb from the bottom, in widths and heights of the picture
(nuke_ld_3de4_base.C). The film back is that of the picture as it is seen, unsqueezed.
"""

import math
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from shotmake.geometry.lens import Lens, undistort
from shotmake.geometry.lens_fit import Seen, fit_least_worst, sample_lens
from shotmake.geometry.lens_models import anamorphic_3de, classic_3de, radial_3de
from shotmake.geometry.lens_models.inverse import invert

MODELS: dict[str, ModuleType] = {model.NAME: model for model in (classic_3de, radial_3de, anamorphic_3de)}


@dataclass(frozen=True)
class Lens3de:
    """A lens as 3DEqualizer has it. Lengths are in cm.

    model: its name in 3DE; values: its parameters by 3DE's names, where a missing one has its default; pixel_aspect: a
    pixel's width divided by its height; field: xa, xb, ya, yb.
    """

    model: str
    values: dict[str, float]
    focal_cm: float
    width_cm: float
    height_cm: float
    offset_x_cm: float = 0.0  # how far the lens centre is to the right of the film back's centre
    offset_y_cm: float = 0.0  # how far it is above
    pixel_aspect: float = 1.0
    field: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)

    @property
    def half_diagonal_cm(self) -> float:
        """Half the diagonal of the film back, cm."""
        return math.hypot(self.width_cm, self.height_cm) / 2

    def undistort(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """Undistort plate px (..., 2): return where the plate would have them without distortion, (..., 2) px."""
        return self._to_px(self._bend(self._normalise(xy_px, size_px)), size_px)

    def distort(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """Distort px (..., 2): the inverse of `undistort`. Raises ShotError where there is none."""
        return self._to_px(invert(self._bend, self._normalise(xy_px, size_px)), size_px)

    def compute_focal_px(self, size_px: tuple[int, int]) -> tuple[float, float]:
        """Return the focal length (x, y) in px: in widths and in heights of the plate's pixels."""
        left, right, bottom, top = self.field
        across, up = size_px[0] * (right - left) / self.width_cm, size_px[1] * (top - bottom) / self.height_cm
        return self.focal_cm * across, self.focal_cm * up

    def sample(self, size_px: tuple[int, int]) -> Seen:
        """Sample what the lens does to a plate of (width, height) px.

        Raises ShotError for a lens that folds over in it.
        """

        def to_plane(xy_px: np.ndarray) -> np.ndarray:
            return self._bend(self._normalise(xy_px, size_px)) * (1, -1) * self.half_diagonal_cm / self.focal_cm

        return sample_lens(
            to_plane, self.compute_focal_px(size_px)[0], tuple(self._to_px(np.zeros(2), size_px)), size_px
        )

    def _bend(self, xy: np.ndarray) -> np.ndarray:
        model = MODELS[self.model]
        return np.stack(model.undistort(xy[..., 0], xy[..., 1], model.DEFAULTS | self.values, self.pixel_aspect), -1)

    def _normalise(self, xy_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        left, right, bottom, top = self.field
        unit = np.asarray(xy_px, float) / size_px
        across, up = (unit[..., 0] - left) / (right - left), (1 - unit[..., 1] - bottom) / (top - bottom)
        x_cm = (across - 0.5) * self.width_cm - self.offset_x_cm
        y_cm = (up - 0.5) * self.height_cm - self.offset_y_cm
        return np.stack([x_cm, y_cm], -1) / self.half_diagonal_cm

    def _to_px(self, xy: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        left, right, bottom, top = self.field
        cm = xy * self.half_diagonal_cm
        across = (cm[..., 0] + self.offset_x_cm) / self.width_cm + 0.5
        up = (cm[..., 1] + self.offset_y_cm) / self.height_cm + 0.5
        return np.stack([left + across * (right - left), 1 - bottom - up * (top - bottom)], -1) * size_px


def fit_radial(lens: Lens, size_px: tuple[int, int], width_mm: float) -> tuple[Lens3de, float]:
    """Find 3DE's Radial - Standard, Degree 4 that is nearest to a lens of ours.

    Return it and how far it is off at most, px.

    width_mm: the width of the film back. Our lens maps the other way round, so k1 and k2 have no exact counterpart
    there.
    """
    width, height = size_px
    focal_cm = lens.fx_px / width * width_mm / 10
    height_cm = focal_cm * height / lens.fy_px
    bare = Lens3de(
        radial_3de.NAME,
        {},
        focal_cm,
        width_mm / 10,
        height_cm,
        (lens.cx_px / width - 0.5) * width_mm / 10,
        (0.5 - lens.cy_px / height) * height_cm,
        lens.fy_px / lens.fx_px,
    )
    across, down = (np.linspace(0, side, 65) for side in size_px)
    xy_px = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2)
    straight_px = lens.px_from_normalised(undistort(lens.normalised_from_px(xy_px), lens))
    x, y = bare._normalise(xy_px, size_px).T
    r2 = x * x + y * y
    columns = {  # the model is linear in these terms, see radial_3de
        "Distortion - Degree 2": (x * r2, y * r2),
        "Quartic Distortion - Degree 4": (x * r2 * r2, y * r2 * r2),
        "U - Degree 2": (r2 + 2 * x * x, 2 * x * y),
        "V - Degree 2": (2 * x * y, r2 + 2 * y * y),
        "U - Degree 4": ((r2 + 2 * x * x) * r2, 2 * x * y * r2),
        "V - Degree 4": (2 * x * y * r2, (r2 + 2 * y * y) * r2),
    }
    if not (lens.p1 or lens.p2 or lens.grid):
        columns = {name: columns[name] for name in list(columns)[:2]}
    bent = (bare._normalise(straight_px, size_px) - np.stack([x, y], -1)).T
    found = fit_least_worst(np.array(list(columns.values())), bent, np.ones(len(x)))
    fitting = replace(bare, values=dict(zip(columns, found, strict=True)))
    off_px = np.linalg.norm(fitting.undistort(xy_px, size_px) - straight_px, axis=1).max()
    return fitting, float(off_px)
