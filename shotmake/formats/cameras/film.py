"""Focal lengths, fields of view and film backs: what other programs say in place of our focal length in px.

A film back is (width, height) in mm of the picture as it is seen; for an anamorphic plate, unsqueezed. A pixel's aspect
is its width divided by its height. A field of view is the angle between two edges (horizontal, vertical) or corners
(diagonal) of the picture, without distortion, for a lens whose centre is in the middle of the picture.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.lens import Lens


def compute_fov_deg(focal: np.ndarray | float, extent: float) -> np.ndarray:
    """Return the angle in degrees that `extent` fills. Scalar or (N,); focal and extent in the same unit, px or mm."""
    return np.degrees(2 * np.arctan(extent / 2 / np.asarray(focal, float)))


def focal_of(fov: np.ndarray, extent: float) -> np.ndarray:
    """Return the focal length with which `extent` fills `fov` degrees. Scalar or (N,), in the unit of extent."""
    return extent / 2 / np.tan(np.radians(fov) / 2)


def compute_film_back_mm(size_px: tuple[int, int], width_mm: float, pixel_aspect: float = 1.0) -> tuple[float, float]:
    """Return (width, height) in mm of a picture. size_px: its (width, height) in px."""
    return width_mm, width_mm * size_px[1] / (size_px[0] * pixel_aspect)


def compute_fovs_deg(focal_mm: float, back_mm: tuple[float, float]) -> tuple[float, float, float]:
    """Return the (horizontal, vertical, diagonal) fields of view in degrees. back_mm: (width, height)."""
    width, height, diagonal = (float(compute_fov_deg(focal_mm, extent)) for extent in (*back_mm, np.hypot(*back_mm)))
    return width, height, diagonal


@dataclass(frozen=True)
class Film:
    """A lens as cameras of other programs say it, without distortion.

    back_mm: (width, height). shift: how far the middle of the picture lies off the lens centre, (right, up), divided by
    the width of the film back (Blender's shift; USD's aperture offset divided by the aperture).
    """

    focal_mm: float
    back_mm: tuple[float, float]
    shift: tuple[float, float]


def film_of(lens: Lens, size_px: tuple[int, int], width_mm: float) -> Film:
    """Convert a lens to a film back that is `width_mm` wide. size_px: (width, height) of the plate."""
    focal_mm = lens.fx_px / size_px[0] * width_mm
    right = (size_px[0] / 2 - lens.cx_px) / lens.fx_px * focal_mm
    up = (lens.cy_px - size_px[1] / 2) / lens.fy_px * focal_mm
    back_mm = (width_mm, size_px[1] / lens.fy_px * focal_mm)
    return Film(focal_mm, back_mm, (right / width_mm, up / width_mm))


def measure_off_centre_px(lens: Lens, size_px: tuple[int, int]) -> float:
    """Return the distance, in px, of the lens centre from the middle of the picture."""
    return float(np.hypot(lens.cx_px - size_px[0] / 2, lens.cy_px - size_px[1] / 2))
