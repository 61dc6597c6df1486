"""Checks whether a solved lens is one that a shot can have."""

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, list_border_px, undistort

FOCAL_LIMITS = (0.3, 10.0)  # in widths of the picture


def has_plausible_focal(lens: Lens, size_px: tuple[int, int]) -> bool:
    """Return whether the focal length is 0.3 to 10 widths of the picture (11 to 360 mm on a 36 mm film back)."""
    return FOCAL_LIMITS[0] * size_px[0] <= lens.fx_px <= FOCAL_LIMITS[1] * size_px[0]


def has_fold(lens: Lens, size_px: tuple[int, int]) -> bool:
    """Return whether the lens has no inverse somewhere on the plate's border."""
    try:
        undistort(lens.normalised_from_px(list_border_px(size_px)), lens)
    except (ShotError, np.linalg.LinAlgError):
        return True
    return False
