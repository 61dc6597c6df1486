"""Detections as a file holds them: checked, with frames and cameras as the file calls them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shotmake.formats.text_files import make_fault, quote_word
from shotmake.formats.tracks.named_tracks import XY_MAX_PX

FRAME_MAX = 1e8
NUMBER_MAX = 1e300  # a JSON integer may have any number of digits


@dataclass(frozen=True)
class Boxes:
    """The detections in a file.

    frame (N,): int64. xywh_px (N, 4): top-left corner and size; the image's top-left corner is (0, 0). confidence (N,):
    as in the file. label (N,): str. camera (N,), str, and cameras: the cameras that the file names; most formats name
    none.

    frames_are: "counted" (from the plate's first frame), "plate" (plate numbers), or "named" (from file names: plate
    numbers or counts).
    """

    frame: np.ndarray
    xywh_px: np.ndarray
    confidence: np.ndarray
    label: np.ndarray
    frames_are: str
    camera: np.ndarray | None = None
    cameras: tuple[str, ...] = ()


def check_boxes(table: np.ndarray, where: Callable[[int], tuple[int, str]], path: Path, key: str) -> None:
    """Check the boxes of a file. table (N, 5 or more): frame, x, y, width, height in px, ...

    where: row -> the line of the row in the file, and words to put before the numbers in a fault. Raises ShotError when
    a frame is no whole number from 0 to 1e8, when a width or height is not above 0, and when a number is over
    XY_MAX_PX.
    """
    frame, box = table[:, 0], table[:, 1:5]
    faults = [
        ((frame != np.floor(frame)) | (frame < 0) | (frame > FRAME_MAX), "a whole frame number from 0 to 100000000"),
        ((box[:, 2:] <= 0).any(1), "a width and height over 0"),
        ((np.abs(box) > XY_MAX_PX).any(1), f"at most {XY_MAX_PX:g} px"),
    ]
    for bad, needed in faults:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            line, place = where(row)
            numbers = "frame {:.12g}, a box of {:g} x {:g} px at {:g}, {:g}".format(*table[row, [0, 3, 4, 1, 2]])
            raise make_fault(path, line, f"{place}{numbers}", needed, key)


def read_records(
    records: Sequence, frame_of: Callable[[dict], object], score: str, name: str, path: Path, key: str
) -> np.ndarray:
    """Return the boxes of JSON objects that have a bbox and perhaps a score: a table of the shape (N, 6).

    The columns are frame, x, y, width, height, score; the score is 1 where an object has none. frame_of: an object ->
    its frame; raises KeyError when it has none. name: the name of the list, for faults. Raises ShotError when an object
    has no bbox, no frame or a word in place of a number, and as `check_boxes` does.
    """
    table = np.zeros((0, 6))
    try:
        rows = [
            (frame_of(one), x, y, width, height, 1.0 if (found := one.get(score)) is None else found)
            for one in records
            for x, y, width, height in (one["bbox"],)
        ]
        table = np.array(rows).reshape(-1, 6)
        plain = table.dtype.kind in "if" and bool(np.isfinite(table).all())  # else it holds strings or other objects
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        plain = False
    if not plain:
        rows = [_read_row(one, frame_of, score, f"{name}[{at}]", path, key) for at, one in enumerate(records)]
        table = np.array(rows).reshape(-1, 6)
    check_boxes(table, lambda row: (1, f"{name}[{row}] of "), path, key)
    return table.astype(float)


def _read_row(one: object, frame_of: Callable, score: str, where: str, path: Path, key: str) -> list[float]:
    """Return one row of `read_records`. Slow: it looks for the fault and says where it is."""
    bbox = one.get("bbox") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(bbox, list) or len(bbox) != 4:
        raise make_fault(path, 1, f"{where} {quote_word(one)}", "an object with bbox: [x, y, width, height]", key)
    try:
        frame = frame_of(one)
    except (KeyError, TypeError):
        frame = None
    if frame is None:
        raise make_fault(path, 1, f"{where} {quote_word(one)}", "a frame, or an image_id that tells one", key)
    confidence = one.get(score)
    words = (frame, *bbox, 1.0 if confidence is None else confidence)
    for word in words:
        if isinstance(word, bool) or not isinstance(word, (int, float)) or not abs(word) < NUMBER_MAX:
            raise make_fault(path, 1, f"{where} {quote_word(word)}", "a number", key)
    return [float(word) for word in words]
