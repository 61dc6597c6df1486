"""Masks: where no feature is born and where tracks are cut. Garbage shapes, keyframed, the bright parts of a matte,
and the boxes of objects.

As in Nuke's CameraTracker, white keeps features out; `invert` turns that round. Around the white a feather may lie:
nothing is born there, but what is there stays, so that no track ends at a soft edge.
"""

from collections.abc import Callable

import cv2
import numpy as np

from shotmake.config import schema
from shotmake.config.annotations import Shape
from shotmake.tracks.markers import Tracks

BRIGHT = 128  # of 255
SUBPIXEL_BITS = 4  # cv2.fillPoly's fixed point
COVERED = 255  # of a mask; 1 to 254 is its feather
NO_BOXES = np.zeros((0, 4))

Matte = Callable[[int], np.ndarray]  # plate frame number -> (H, W) uint8


def shape_at(shape: Shape, frame: int) -> np.ndarray:
    """(P, 2) px, straight between keyframes, held before the first and after the last."""
    flat = np.array(shape.points_px, float).reshape(len(shape.frames), -1)
    values = [np.interp(frame, shape.frames, column) for column in flat.T]
    return np.array(values).reshape(-1, 2)


def mask_at(
    frame: int,
    size_px: tuple[int, int],
    shapes: tuple[Shape, ...],
    matte: Matte | None,
    mask: schema.Mask,
    boxes_px: np.ndarray = NO_BOXES,
) -> np.ndarray:
    """(H, W) uint8: COVERED where no track may be, less in the feather around it (mask.feather_px), 0 elsewhere.

    boxes_px (K, 4): x, y of the top-left corner, width, height; every pixel they touch is covered.
    """
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
    corners = np.concatenate([np.floor(boxes_px[:, :2]), np.ceil(boxes_px[:, :2] + boxes_px[:, 2:])], 1)
    for left, top, right, bottom in np.clip(corners, 0, [*size_px, *size_px]).astype(int).tolist():
        covered[top:bottom, left:right] = 1
    return _feathered((covered > 0) ^ mask.invert, mask.feather_px)


def _feathered(covered: np.ndarray, feather_px: float) -> np.ndarray:
    made = covered * np.uint8(COVERED)
    if feather_px <= 0 or not covered.any():
        return made
    centres_px = cv2.distanceTransform(COVERED - made, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    reach_px = feather_px + 0.5  # the edge lies half-way between two pixels' centres
    band = np.nonzero((centres_px > 0) & (centres_px < reach_px))
    made[band] = np.clip(np.round(COVERED * (reach_px - centres_px[band]) / feather_px), 1, COVERED - 1)
    return made


def mask_under(mask: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """(N,) uint8 the mask at positions (N, 2); 0 outside the frame."""
    column, row = np.floor(xy_px).astype(int).T
    height, width = mask.shape
    within = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    return within * mask[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def without_masked(tracks: Tracks, mask_of: Callable[[int], np.ndarray | None]) -> Tracks:
    """Tracks of a tracker that knows no masks, without the markers that lie where none may be, and without the tracks
    that never leave the feather: there they must have been born."""
    found = np.zeros(len(tracks), np.uint8)
    for frame in np.unique(tracks.frame).tolist():
        mask = mask_of(frame)
        if mask is not None:
            there = np.flatnonzero(tracks.frame == frame)
            found[there] = mask_under(mask, tracks.xy_px[there])
    free = np.isin(tracks.track_id, tracks.track_id[found == 0])
    return tracks.where(free & (found < COVERED))
