"""Our detections JSON: {"schema": 1, "cameras": ["main"], "detections": [{"frame": 1001, "camera": "main", ...}, ...]}.

`frame`       the plate's own number
`camera`      a name in shot.cameras, or main, the shot's own camera
`bbox`        [x, y, width, height] px of the plate; x and y are of the box's top-left corner, and the image's top-left
              corner is (0, 0)
`confidence`  0 to 1; 1 where it is missing
`class`       any word

If a file names any camera, the detections without a camera are main's. If a file names none, all detections belong to
the camera whose file it is. "cameras" may name the cameras that were looked at, also those in which nothing was found.
The format is our own.
"""

import re
from pathlib import Path

import numpy as np

from shotmake.config.schema import MAIN_CAMERA
from shotmake.formats.detections.boxes import Boxes, read_records
from shotmake.formats.text_files import load_json, make_fault, quote_field, quote_word

SCHEMA = 1
OURS = re.compile(r'\s*\{.*"detections"\s*:', re.DOTALL)


def can_read(head: str) -> bool:
    """Tell whether these first characters are those of an object with the key "detections"."""
    return OURS.match(head) is not None


def read(path: Path, key: str) -> Boxes:
    """Load the boxes of a detections JSON. `key` is the config key that names the file.

    Raises ShotError when the schema is not 1, when detections or cameras is no list, when a class or camera is not a
    string, and as `read_records` and `shotmake.formats.text_files.load_json` do.
    """
    record = load_json(path, key)
    if record.get("schema") != SCHEMA:
        raise make_fault(path, 1, quote_field(record, "schema"), f"{SCHEMA}", key)
    found, cameras = record.get("detections"), record.get("cameras", [])
    if not isinstance(found, list) or not isinstance(cameras, list):
        raise make_fault(path, 1, "no list of detections", "detections: [...], and cameras, if any, a list too", key)
    table = read_records(found, lambda one: one["frame"], "confidence", "detections", path, key)
    label = [_read_word(one, "class", at, path, key) for at, one in enumerate(found)]
    camera = [_read_word(one, "camera", at, path, key) for at, one in enumerate(found)]
    for name in cameras:
        if not isinstance(name, str) or not name:
            raise make_fault(path, 1, f"cameras: {quote_word(name)}", "names", key)
    named = sorted({*cameras, *camera} - {""})
    if named:
        camera = [name or MAIN_CAMERA for name in camera]
        named = sorted({*named, *camera})
    frame, names = table[:, 0].astype(np.int64), np.array(camera, str)
    return Boxes(frame, table[:, 1:5], table[:, 5], np.array(label, str), "plate", names, tuple(named))


def _read_word(one: dict, name: str, at: int, path: Path, key: str) -> str:
    found = one.get(name)
    if found is not None and not isinstance(found, str):
        raise make_fault(path, 1, f"detections[{at}].{name} {quote_word(found)}", "a word in quotes", key)
    return found or ""
