"""Masks: where no feature is born and where tracks are cut. Garbage shapes, keyframed, and the bright parts of a matte.

As in Nuke's CameraTracker, white keeps features out; `invert` turns that round.
"""

from collections.abc import Callable

import cv2
import numpy as np

from shotmake import config
from shotmake.marks import Shape
from shotmake.session import Tracks

BRIGHT = 128  # of 255
SUBPIXEL_BITS = 4  # cv2.fillPoly's fixed point

Matte = Callable[[int], np.ndarray]  # plate frame number -> (H, W) uint8


def shape_at(shape: Shape, frame: int) -> np.ndarray:
    """(P, 2) px, straight between keyframes, held before the first and after the last."""
    flat = np.array(shape.points_px, float).reshape(len(shape.frames), -1)
    values = [np.interp(frame, shape.frames, column) for column in flat.T]
    return np.array(values).reshape(-1, 2)


def mask_at(
    frame: int, size_px: tuple[int, int], shapes: tuple[Shape, ...], matte: Matte | None, mask: config.Mask
) -> np.ndarray:
    """(H, W) bool: True where no track may be."""
    width, height = size_px
    covered = np.zeros((height, width), np.uint8)
    if matte is not None:
        picture = matte(frame)
        if picture.shape != covered.shape:
            picture = cv2.resize(picture, size_px, interpolation=cv2.INTER_NEAREST)
        covered[picture >= BRIGHT] = 1
    for shape in shapes:
        # cv2 puts the first pixel's centre at 0
        corners = np.round((shape_at(shape, frame) - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(covered, [corners], 1, shift=SUBPIXEL_BITS)
    return (covered > 0) ^ mask.invert


def inside(mask: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """(N,) whether positions (N, 2) lie where no track may be; outside the frame nothing does."""
    column, row = np.floor(xy_px).astype(int).T
    height, width = mask.shape
    within = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    return within & mask[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def without_masked(tracks: Tracks, mask_of: Callable[[int], np.ndarray | None]) -> Tracks:
    """Tracks of a tracker that knows no masks, without the markers that lie where none may be."""
    keep = np.ones(len(tracks), bool)
    for frame in np.unique(tracks.frame).tolist():
        mask = mask_of(frame)
        if mask is not None:
            there = np.flatnonzero(tracks.frame == frame)
            keep[there] = ~inside(mask, tracks.xy_px[there])
    return tracks.where(keep)
