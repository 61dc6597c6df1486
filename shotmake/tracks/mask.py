"""Masks: where no feature is born and where tracks are cut.

They come from garbage shapes with keyframes, the bright parts of a picture, and the boxes of objects.

As in Nuke's CameraTracker, white keeps features out; `invert` turns that round. Around the white there may be a
feather: nothing is born in it, but what is there stays, so that no track ends at a soft edge.
"""

from collections.abc import Callable

import cv2
import numpy as np

from shotmake.config import schema
from shotmake.config.track_annotations import Shape
from shotmake.tracks.markers import Tracks

BRIGHT = 128  # from this value of 255 on, a picture masks
SUBPIXEL_BITS = 4  # for the fixed point of cv2.fillPoly
COVERED = 255  # the value of a mask where no track may be; 1 to 254 is its feather
NO_BOXES = np.zeros((0, 4))

MaskReader = Callable[[int], np.ndarray]  # plate frame number -> (H, W) uint8


def interpolate_shape(shape: Shape, frame: int) -> np.ndarray:
    """Return a shape's points at a frame, (P, 2) px: linear between keyframes, held outside them."""
    flat = np.array(shape.points_px, float).reshape(len(shape.frames), -1)
    values = [np.interp(frame, shape.frames, column) for column in flat.T]
    return np.array(values).reshape(-1, 2)


def draw_mask(
    frame: int,
    size_px: tuple[int, int],
    shapes: tuple[Shape, ...],
    read_mask: MaskReader | None,
    mask: schema.Mask,
    boxes_px: np.ndarray = NO_BOXES,
) -> np.ndarray:
    """Return the mask at a frame, (H, W) uint8: COVERED where no track may be, less in the feather, 0 elsewhere.

    mask.feather_px is the feather's width around what is covered.

    boxes_px (K, 4): x, y of the top-left corner, width, height; each pixel that they touch is covered.
    """
    width, height = size_px
    covered = np.zeros((height, width), np.uint8)
    if read_mask is not None:
        picture = read_mask(frame)
        if picture.shape != covered.shape:
            picture = cv2.resize(picture, size_px, interpolation=cv2.INTER_NEAREST)
        covered[picture >= BRIGHT] = 1
    for shape in shapes:
        # cv2 puts the centre of the first pixel at 0
        corners = np.round((interpolate_shape(shape, frame) - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(covered, [corners], 1, shift=SUBPIXEL_BITS)
    corners = np.concatenate([np.floor(boxes_px[:, :2]), np.ceil(boxes_px[:, :2] + boxes_px[:, 2:])], 1)
    for left, top, right, bottom in np.clip(corners, 0, [*size_px, *size_px]).astype(int).tolist():
        covered[top:bottom, left:right] = 1
    return _feather((covered > 0) ^ mask.invert, mask.feather_px)


def _feather(covered: np.ndarray, feather_px: float) -> np.ndarray:
    made = covered * np.uint8(COVERED)
    if feather_px <= 0 or not covered.any():
        return made
    centres_px = cv2.distanceTransform(COVERED - made, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    reach_px = feather_px + 0.5  # the mask's edge lies half-way between the centres of two pixels
    band = np.nonzero((centres_px > 0) & (centres_px < reach_px))
    made[band] = np.clip(np.round(COVERED * (reach_px - centres_px[band]) / feather_px), 1, COVERED - 1)
    return made


def sample_mask(mask: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) at positions (N, 2) px, as (N,) uint8; 0 outside the frame."""
    column, row = np.floor(xy_px).astype(int).T
    height, width = mask.shape
    within = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    return within * mask[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def remove_masked(tracks: Tracks, mask_of: Callable[[int], np.ndarray | None]) -> Tracks:
    """Remove masked markers from the tracks of a tracker that knows no masks.

    Markers go where no track may be. Tracks that never leave the feather go too, because they must have been born
    there.
    mask_of: plate frame -> the mask (H, W) uint8, or None.
    """
    found = np.zeros(len(tracks), np.uint8)
    for frame in np.unique(tracks.frame).tolist():
        mask = mask_of(frame)
        if mask is not None:
            there = np.flatnonzero(tracks.frame == frame)
            found[there] = sample_mask(mask, tracks.xy_px[there])
    free = np.isin(tracks.track_id, tracks.track_id[found == 0])
    return tracks.select(free & (found < COVERED))
