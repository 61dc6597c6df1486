"""Focal lengths, fields of view and film backs: what other programs say in place of our focal length in px.

A film back is (width, height) in mm of the picture as it is seen: of an anamorphic plate, unsqueezed. A pixel's aspect
is its width by its height. A field of view is the angle between two edges (horizontal, vertical) or corners (diagonal)
of the picture, without distortion, of a lens whose centre is in the picture's middle.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.lens import Lens


def fov_deg(focal: np.ndarray | float, extent: float) -> np.ndarray:
    """The angle that `extent` fills; it and the focal length in the same unit, px or mm."""
    return np.degrees(2 * np.arctan(extent / 2 / np.asarray(focal, float)))


def focal_of(fov: np.ndarray, extent: float) -> np.ndarray:
    """The focal length, in the unit of `extent`, with which it fills an angle of `fov` degrees."""
    return extent / 2 / np.tan(np.radians(fov) / 2)


def film_back_mm(size_px: tuple[int, int], width_mm: float, pixel_aspect: float = 1.0) -> tuple[float, float]:
    """(width, height) of a picture of (width, height) px."""
    return width_mm, width_mm * size_px[1] / (size_px[0] * pixel_aspect)


def fovs_deg(focal_mm: float, back_mm: tuple[float, float]) -> tuple[float, float, float]:
    """(horizontal, vertical, diagonal)."""
    width, height, diagonal = (float(fov_deg(focal_mm, extent)) for extent in (*back_mm, np.hypot(*back_mm)))
    return width, height, diagonal


@dataclass(frozen=True)
class Film:
    """A lens as cameras of other programs say it, without its distortion. shift: how far the picture's middle lies off
    the lens's centre, right and up, by the film back's width (Blender's shift, USD's aperture offset by aperture)."""

    focal_mm: float
    back_mm: tuple[float, float]
    shift: tuple[float, float]


def film_of(lens: Lens, size_px: tuple[int, int], width_mm: float) -> Film:
    focal_mm = lens.fx_px / size_px[0] * width_mm
    right = (size_px[0] / 2 - lens.cx_px) / lens.fx_px * focal_mm
    up = (lens.cy_px - size_px[1] / 2) / lens.fy_px * focal_mm
    back_mm = (width_mm, size_px[1] / lens.fy_px * focal_mm)
    return Film(focal_mm, back_mm, (right / width_mm, up / width_mm))


def centre_off_px(lens: Lens, size_px: tuple[int, int]) -> float:
    """How far the lens's centre is from the picture's middle, px."""
    return float(np.hypot(lens.cx_px - size_px[0] / 2, lens.cy_px - size_px[1] / 2))
