"""The objects' boxes over a picture: a colour for each track_id, dashed where the object is coasted."""

import colorsys
from collections.abc import Sequence

import numpy as np

from shotmake.objects.tracklet_file import COASTED, Tracklet

TURN = 0.61803  # the part of the colour wheel from one track_id to the next, so that neighbours never look alike
DASH_PX, BETWEEN_PX = 7.0, 6.0
CAPTION_PX = 26  # height of the picture's caption, at its top
OUTSIDE_PX = 4  # how far outside the picture a box that leaves it is cut off
SUBPIXEL_BITS = 4


def draw_objects(picture: np.ndarray, tracklets: Sequence[Tracklet], frame: int) -> None:
    """Draw the boxes of this frame into picture (H, W, 3) uint8 BGR, each with its track_id and label."""
    import cv2

    for tracklet in tracklets:
        at = frame - int(tracklet.frames[0])
        if not 0 <= at < len(tracklet.frames):
            continue
        left, top, width, height = tracklet.bboxes[at]
        colour = choose_colour_bgr(tracklet.track_id)
        corners_px = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
        edge_px = np.array(picture.shape[1::-1]) + OUTSIDE_PX
        corners_px = np.clip(corners_px, -OUTSIDE_PX, edge_px)
        sides = list(zip(corners_px, np.roll(corners_px, -1, axis=0), strict=True))
        if tracklet.frame_status[at] == COASTED:
            sides = [dash for side in sides for dash in _make_dashes(*side)]
        # cv2 puts the first pixel's centre at 0
        strokes = [np.round((np.array(side) - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32) for side in sides]
        cv2.polylines(picture, strokes, False, colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)
        _draw_name(picture, f"{tracklet.track_id} {tracklet.label}".strip(), corners_px[0], colour)


def choose_colour_bgr(track_id: int) -> tuple[int, int, int]:
    """Return the colour of an object, as blue, green and red, 0..255."""
    red, green, blue = colorsys.hsv_to_rgb(track_id * TURN % 1.0, 0.55, 1.0)
    return round(blue * 255), round(green * 255), round(red * 255)


def _make_dashes(start_px: np.ndarray, end_px: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    length_px = float(np.linalg.norm(end_px - start_px))
    if length_px == 0:
        return []
    begins = np.arange(0.0, length_px, DASH_PX + BETWEEN_PX)
    ends = np.minimum(begins + DASH_PX, length_px)
    along = (end_px - start_px) / length_px
    return [(start_px + begin * along, start_px + end * along) for begin, end in zip(begins, ends, strict=True)]


def _draw_name(picture: np.ndarray, words: str, corner_px: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw the name above the box, or inside where there is no room."""
    import cv2

    size = (cv2.FONT_HERSHEY_SIMPLEX, 0.5)
    (width, height), below = cv2.getTextSize(words, *size, 1)
    left, top = np.round(corner_px).astype(int).tolist()
    left = max(2, min(left, picture.shape[1] - width - 2))
    bottom = top - below - 2
    if bottom - height < CAPTION_PX:
        bottom = max(top, CAPTION_PX) + height + 4
    for ink, thick in (((0, 0, 0), 2), (colour, 1)):
        cv2.putText(picture, words, (left, bottom), *size, ink, thick, cv2.LINE_AA)
