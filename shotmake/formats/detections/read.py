"""A detector's file -> the detections of one camera, in plate frames. The formats are shotmake/formats/detections/."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from shotmake.config.format_registry import DETECTIONS
from shotmake.config.schema import MAIN_CAMERA
from shotmake.formats.detections.boxes import Boxes
from shotmake.formats.text_files import make_fault, read_head
from shotmake.numbers_in_words import count_of
from shotmake.objects.detections import Detections

KEY = "tracking.objects.detections"
MOT_FIELDS = "frame, id, left, top, width, height, conf"


def read_detections(
    path: Path,
    camera_id: str,
    first_frame: int,
    last_frame: int | None = None,
    key: str = KEY,
    is_shared: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Detections:
    """Load the boxes of one camera, sorted by frame, in each frame by confidence, highest first.

    The order of the lines in the file does not matter. first_frame, last_frame: the plate's; boxes in other frames are
    left out. Where a file counts its frames, its frame 1 is the plate's first, or its frame 0 where it has one. If the
    counted frames do not lie on the plate and the same numbers as plate numbers do, they are taken as plate numbers;
    numbers in file names likewise, the other way round. key: the config key that names the file. is_shared: the file is
    not the camera's own, so it must name the camera. say: called with a line for each thing that was found and dealt
    with.

    Raises ShotError when the file is in no known format, when it does not name the camera that it must name, when all
    its boxes are outside the plate, and as the reader of its format does.
    """
    found = _choose_camera(_read_boxes(path, key), camera_id, is_shared, path, key)
    frame = _to_plate_frames(found, first_frame, last_frame, path, say)
    on_plate = _is_on_plate(frame, first_frame, last_frame)
    outside = len(frame) - int(on_plate.sum())
    if outside:
        plate = f"the plate's {first_frame} to {'...' if last_frame is None else last_frame}"
        if outside == len(frame):
            low, high = int(found.frame.min()), int(found.frame.max())
            there = f"frame {low}" if low == high else f"the frames {low} to {high}"
            raise make_fault(path, 1, f"boxes in {there} alone", f"some in {plate}", key)
        say(f"{path.name}: {count_of(outside, 'box', 'boxes')} in frames outside {plate} left out")
    if ((found.confidence < 0) | (found.confidence > 1)).any():
        span = f"{found.confidence.min():g} to {found.confidence.max():g}"
        say(f"{path.name}: confidence from {span}, cut to 0..1")
    confidence = np.clip(found.confidence, 0.0, 1.0)
    order = np.lexsort((found.label, *found.xywh_px.T, -confidence, frame))
    order = order[on_plate[order]]
    return Detections(frame[order], found.xywh_px[order], confidence[order], found.label[order])


def _read_boxes(path: Path, key: str) -> Boxes:
    first = read_head(path)
    modules = [import_module(f"shotmake.formats.{one.module}") for one in DETECTIONS]
    found = next((module for module in modules if module.can_read(first)), None)
    if found is None:
        titles = ", ".join(one.title for one in DETECTIONS)
        needed = f"one of: {titles}, whose lines are {MOT_FIELDS}, without a header"
        raise make_fault(path, 1, "none of the formats of detections", needed, key)
    return found.read(path, key)


def _choose_camera(found: Boxes, camera_id: str, is_shared: bool, path: Path, key: str) -> Boxes:
    if not found.cameras:
        if is_shared and camera_id != MAIN_CAMERA:
            needed = f"shot.cameras.{camera_id}.detections, or a camera with each box"
            raise make_fault(path, 1, "boxes of no camera by name", needed, key)
        return found
    if camera_id not in found.cameras:
        raise make_fault(path, 1, f"boxes of the cameras {', '.join(found.cameras)}", f"some of {camera_id}", key)
    own = found.camera == camera_id
    return Boxes(found.frame[own], found.xywh_px[own], found.confidence[own], found.label[own], found.frames_are)


def _to_plate_frames(found: Boxes, first: int, last: int | None, path: Path, say: Callable[[str], None]) -> np.ndarray:
    frame = found.frame
    if found.frames_are == "plate" or not len(frame):
        return frame
    if frame.min() == 0 < first:
        say(f"{path.name}: its frames count from 0, the plate's {first}")
        return frame + first
    counted, told = frame + first - 1, "counted from 1, the plate's first"
    usual, other, told = (counted, frame, "plate numbers") if found.frames_are == "counted" else (frame, counted, told)
    if _is_on_plate(usual, first, last).any() or not _is_on_plate(other, first, last).any():
        return usual
    say(f"{path.name}: its frames are taken as {told}")
    return other


def _is_on_plate(frame: np.ndarray, first: int, last: int | None) -> np.ndarray:
    return (frame >= first) & (frame <= (np.inf if last is None else last))
