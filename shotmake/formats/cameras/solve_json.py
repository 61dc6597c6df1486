"""Our own solve JSON (schema 1, see shotmake.solve.record): the camera whole, with its lens and how sure a solve was.

OpenCV axes, world Z up, px from the top-left corner, plate frame numbers. Every build publishes one: solve.json.
The file of a shot that uses its imported or keyed camera as it is has `links` and `witness` too: [], nobody was asked.
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError, quote_error, quote_text
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import KEY, Cameras, cut_to_shot
from shotmake.formats.text_files import load_json, quote_word
from shotmake.geometry.lens import Lens
from shotmake.numbers_in_words import count_of
from shotmake.reasons import read_warnings

STATUSES = ("solved", "tripod", "static")  # of the solves that have cameras


def read(path: Path, asked: Asked) -> Cameras:
    """Load the cameras of a solve JSON for the shot that asks.

    Raises ShotError as `read_cameras` does.
    """
    return read_cameras(path, asked.size_px, asked.frames)


def read_cameras(path: Path, size_px: tuple[int, int], frames: tuple[int, int]) -> Cameras:
    """Load the cameras of a solve JSON (schema 1) for the plate frames first..last. Other frames are left out.

    Raises ShotError when the file is not a solve JSON or too large, when it is for another picture size, when its
    status is none of STATUSES, when its lists differ in length, when its confidence is not 0 to 1, and when
    `cut_to_shot` refuses the cameras.
    """
    record = load_json(path, KEY)
    if record.get("status") == "refused":
        why = quote_text(str(record.get("reason") or "no reason given"))
        raise ShotError(f"{path.name}: found a refused solve ({why}); needed a solve with cameras ({KEY})")
    try:
        lens, status = Lens.from_json(record["lens"]), record["status"]
        cameras = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
        numbers = np.array([int(frame) for frame in record["frames"]], int)
        width, height = record["image_size_px"]
        zoom = record.get("focal_px_per_frame")
        focals = None if zoom is None else np.array(zoom, float)
        was_solved = record.get("engine", "imported") not in ("imported", "given")
        confidence = float(record["confidence"]) if was_solved else None
        warnings = read_warnings(record) if was_solved else ()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ShotError(f"{path.name}: not a solve JSON ({quote_error(error)}); check {KEY}") from error
    except ShotError as error:  # another lens model
        raise ShotError(f"{path.name}: {str(error)[:200]} ({KEY})") from error
    if confidence is not None and not 0 <= confidence <= 1:
        raise ShotError(f"{path.name}: found confidence {confidence:g}; needed 0 to 1 ({KEY})")
    if (width, height) != size_px:
        raise ShotError(
            f"{path.name}: made for {str(width)[:9]}x{str(height)[:9]}; the plate is {size_px[0]}x{size_px[1]} ({KEY})"
        )
    if status not in STATUSES:
        found = f"status {quote_word(status)}"
        raise ShotError(f"{path.name}: found {found}; needed {', '.join(STATUSES[:-1])} or {STATUSES[-1]} ({KEY})")
    if len(cameras) != len(numbers):
        found = f"{count_of(len(cameras), 'pose')} of {count_of(len(numbers), 'frame')}"
        raise ShotError(f"{path.name}: found {found}; needed one a frame ({KEY})")
    if focals is not None and focals.shape != numbers.shape:
        found = f"{count_of(focals.size, 'focal length')} of {count_of(len(numbers), 'frame')}"
        raise ShotError(f"{path.name}: found {found}; needed a list of one a frame ({KEY})")
    kind, known = str(record.get("kind", "general")), bool(record.get("scale_known", False))
    imported = Cameras(path.name, status, kind, lens, numbers, cameras, focals, known, confidence, warnings)
    return cut_to_shot(imported, size_px, frames)
