"""COCO JSON: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "bbox", "category_id", "score"}], ...}.

bbox: [x, y, width, height] px from the image's top-left corner, (0, 0). score: 1 where it is missing, as in ground
truth. The class is the category's name, or its number where "categories" has no name for it. Annotations with iscrowd 1
show no single object and are left out. The bare list of results [{"image_id", "category_id", "bbox", "score"}] is read
as well.

An image's frame is the last number in its file_name (shot.1001.exr: 1001; frame_000042.PNG: 42); in a bare list, it is
the last number in image_id. If no file_name in the file has a number, the images are the frames from 1 on, in the order
of their ids. Numbers in names are plate numbers. If none of them would lie on the plate, or one of them is 0, they
count from the plate's first frame.

Source: https://cocodataset.org/#format-data and #format-results.
"""

import re
from pathlib import Path, PurePosixPath

import numpy as np

from shotmake.formats.detections.boxes import Boxes, read_records
from shotmake.formats.text_files import load_json, make_fault, quote_field, quote_word

NUMBER = re.compile(r"\d+")
PARTS = re.compile(r'\s*(\[|\{.*"(images|annotations|categories|licenses|info)"\s*:)', re.DOTALL)


def can_read(head: str) -> bool:
    """Tell whether these first characters are a COCO file's: a list, or an object with one of COCO's keys."""
    return PARTS.match(head) is not None


def read(path: Path, key: str) -> Boxes:
    """Load the boxes of a COCO file. `key` is the config key that names the file.

    Raises ShotError when the file is not JSON of this kind, when two images have the same id or the same frame, when
    only some file names have a number, and as `read_records` and `shotmake.formats.text_files.load_json` do.
    """
    record = load_json(path, key, or_list=True)
    if isinstance(record, list):
        found, frames, frames_are, names = record, None, "named", {}
    else:
        found = _read_list(record, "annotations", path, key)
        frames, frames_are = _map_frames(_read_list(record, "images", path, key), path, key)
        names = _read_categories(record, path, key)
    single = [one for one in found if not (isinstance(one, dict) and one.get("iscrowd"))]

    def frame_of(one: dict) -> object:
        return _find_number(one["image_id"]) if frames is None else frames[one["image_id"]]

    table = read_records(single, frame_of, "score", "annotations", path, key)
    label = [names.get(number, str(number)) for number in (_read_category(one) for one in single)]
    frame = table[:, 0].astype(np.int64)
    return Boxes(frame, table[:, 1:5], table[:, 5], np.array(label, str), frames_are)


def _read_list(record: dict, name: str, path: Path, key: str) -> list[dict]:
    found = record.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise make_fault(path, 1, quote_field(record, name), "a list of objects", key)
    return found


def _map_frames(images: list[dict], path: Path, key: str) -> tuple[dict, str]:
    """Return image id -> frame, and what the frames are: "counted" or "named"."""
    ids = [one.get("id") for one in images]
    if not all(isinstance(one, (int, str)) for one in ids) or len({str(one) for one in ids}) != len(ids):
        raise make_fault(path, 1, "images without an id of their own", "a number each", key)
    numbers = [_find_number(str(one.get("file_name", ""))) for one in images]
    if all(one is None for one in numbers):
        ordered = sorted(ids, key=lambda one: (isinstance(one, str), one))
        return {one: at for at, one in enumerate(ordered, 1)}, "counted"
    frames: dict[int, dict] = {}
    for one, number in zip(images, numbers, strict=True):
        if number is None:
            raise make_fault(path, 1, quote_field(one, "file_name"), "the frame's number in it, as in the others", key)
        if number in frames:
            again = f"frame {number} in {quote_field(one, 'file_name')} and {quote_word(frames[number]['file_name'])}"
            raise make_fault(path, 1, again, "one image a frame (one file a camera)", key)
        frames[number] = one
    return {one["id"]: number for number, one in frames.items()}, "named"


def _find_number(name: object) -> int | None:
    """Return the last number in a file name, without folder and suffix; None = no number. A number returns as it is."""
    if isinstance(name, str):
        found = NUMBER.findall(PurePosixPath(name.replace("\\", "/")).stem)
        return int(found[-1][-18:]) if found else None
    return name if isinstance(name, int) and not isinstance(name, bool) else None


def _read_categories(record: dict, path: Path, key: str) -> dict:
    found = _read_list(record, "categories", path, key) if "categories" in record else []
    return {one["id"]: str(one["name"]) for one in found if isinstance(one.get("id"), int) and "name" in one}


def _read_category(one: dict) -> object:
    found = one.get("category_id")
    return found if isinstance(found, (int, str)) else ""
