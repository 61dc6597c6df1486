"""Image sequences: EXR, DPX, PNG, JPEG and TIFF frames, upright and in 8 bits; and what is wrong with them."""

import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import measure_file
from shotmake.files.picture_file import make_picture_fault, open_picture
from shotmake.footage.file_names import KEY
from shotmake.footage.lens_metadata import lens_of_tags
from shotmake.footage.tracking_curve import to_eight_bits
from shotmake.footage.unusable_frames import Looks

TURNED_FORMATS = ("jpeg", "png", "tiff")  # the formats whose orientation tag is meant to be obeyed
# EXIF orientation -> (mirrored left to right first, then quarter turns counter-clockwise)
ORIENTATIONS = {1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3),
                8: (False, 1)}  # fmt: skip
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_image(path: Path, color_space: str) -> np.ndarray:
    """Read one frame of a sequence as (H, W, 3) uint8 BGR, display-like. Linear light gets the tracking curve."""
    return _show(_decode(path)[0], color_space)


def to_luma(image: np.ndarray) -> np.ndarray:
    """Return the luma (H, W) uint8 of a picture (H, W, 3) uint8 BGR."""
    import cv2

    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _show(pixels: np.ndarray, color_space: str) -> np.ndarray:
    """Return stored pixels (H, W, 1 to 3) as (H, W, 3) uint8 BGR."""
    if pixels.dtype == np.float32:
        shown = to_eight_bits(pixels, color_space == "Linear")
    else:
        words = pixels.view(np.uint16) if pixels.dtype == np.float16 else pixels
        shown = _make_table(pixels.dtype.name, color_space == "Linear")[words]
    return np.ascontiguousarray((np.repeat(shown[..., :1], 3, 2) if shown.shape[2] < 3 else shown)[..., ::-1])


def probe_sequence(
    numbered: list[tuple[int, str]], root: Path, color_space: str, on_frame: Callable[[int], None], looks: Looks
) -> dict:
    """Decode each frame once, show it to `looks`, and return what the sequence is.

    Raises ShotError for a frame that is damaged, of another size, or of another pixel aspect.
    """
    first: dict = {}
    held, as_stored = 0, True
    for count, (path, frames) in enumerate(groupby(numbered, key=lambda entry: entry[1]), 1):
        times_held = len(list(frames)) - 1
        held += times_held
        try:
            _check_png(root / path)
            pixels, found = _decode(root / path, first.get("size_px"))
        except OSError as error:
            raise _make_fault(root / path, "cannot be read", quote_error(error)) from error
        first = first or found
        if found["pixel_aspect"] != first["pixel_aspect"]:
            before = f"{first['pixel_aspect']:g}:1 before"
            raise ShotError(f"{Path(path).name}: pixels of {found['pixel_aspect']:g}:1; they are {before} ({KEY})")
        as_stored &= found["orientation"] == 1 and found["data_window"] == found["display_window"]
        looks.add(to_luma(_show(pixels, color_space)))
        for _ in range(times_held):
            looks.hold()
        on_frame(count + held)
    size_px, timecode, rate = first.pop("size_px"), first.pop("timecode"), first.pop("file_rate")
    return dict(
        kind="sequence",
        frame_count=len(numbered),
        size_px=size_px,
        pixel_format=first["format"],
        rotation_deg=0,
        timecode=timecode,
        file_rate=rate,
        media={**first, "is_shown_as_stored": as_stored, "frames_decoded": len(numbered) - held, "frames_held": held},
    )


def _decode(path: Path, size_px: list[int] | None = None) -> tuple[np.ndarray, dict]:
    """Decode a file, upright; return the pixels, and what its header says.

    The pixels are (H, W, 1 to 3) uint8, uint16, float16 or float32, as stored.
    """
    import OpenImageIO as oiio

    with open_picture(path, KEY) as (source, spec):
        found = _read_header(spec, source.format_name())
        _check_header(path, found, size_px)
        kind = {oiio.UINT8: "uint8", oiio.UINT16: "uint16", oiio.HALF: "half"}.get(spec.format.basetype, "float")
        pixels = source.read_image(0, 0, 0, min(spec.nchannels, 3), kind)
        trouble = source.geterror()
    if pixels is None or trouble:
        raise _make_fault(path, "cannot be decoded", trouble)
    pixels = _place_window(pixels.reshape(pixels.shape[0], pixels.shape[1], -1), found)
    mirrored, quarter_turns = ORIENTATIONS[found["orientation"]]
    return np.rot90(pixels[:, ::-1] if mirrored else pixels, quarter_turns), found


def _make_fault(path: Path, what: str, reason: str) -> ShotError:
    return make_picture_fault(path, what, reason, KEY)


def _check_png(path: Path) -> None:
    """Check a PNG for damage.

    Raises ShotError. libpng would find the damage too, but would print lines of its own on stderr.
    """
    left = measure_file(path, KEY) - len(PNG_SIGNATURE)
    with open(path, "rb") as file:
        if file.read(8) != PNG_SIGNATURE:
            return
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[:4])
            left -= 12 + length  # 12 bytes: the chunk's length, name and checksum
            if left < 0:
                break
            body, crc = file.read(length), file.read(4)
            if int.from_bytes(crc) != zlib.crc32(body, zlib.crc32(head[4:])):
                raise _make_fault(path, "cannot be decoded", "its bytes were changed: a checksum is wrong")
            if head[4:] == b"IEND":
                return
    raise _make_fault(path, "cannot be decoded", "the file ends early")


def _read_header(spec: Any, format_name: str) -> dict:
    orientation = spec.get_int_attribute("Orientation", 1) if format_name in TURNED_FORMATS else 1
    orientation = orientation if orientation in ORIENTATIONS else 1
    data = display = [spec.x, spec.y, spec.width, spec.height]
    if format_name == "openexr":  # in other formats the full size has another meaning
        display = [spec.full_x, spec.full_y, spec.full_width, spec.full_height]
    size_px = display[2:]
    return {
        "format": format_name,
        "sample_type": str(spec.format),
        "bits": spec.get_int_attribute("oiio:BitsPerSample", spec.format.size() * 8),
        "channels": list(spec.channelnames),
        "compression": spec.get_string_attribute("compression"),
        "pixel_aspect": spec.get_float_attribute("PixelAspectRatio", 1.0) or 1.0,
        "orientation": orientation,
        "data_window": data,  # x, y, width, height in px
        "display_window": display,
        "size_px": size_px[::-1] if ORIENTATIONS[orientation][1] % 2 else size_px,
        "timecode": spec.get_string_attribute("smpte:TimeCode"),
        "file_rate": _read_rate(spec),
        **lens_of_tags({attribute.name: attribute.value for attribute in spec.extra_attribs}),
    }


def _read_rate(spec: Any) -> Fraction | None:
    from shotmake.config.frame_rates import parse_frame_rate

    named = {attribute.name: attribute.value for attribute in spec.extra_attribs}
    rate = named.get("FramesPerSecond", named.get("dpx:FrameRate"))
    if rate is None:
        return None
    try:
        rate = Fraction(*map(int, rate)) if isinstance(rate, (tuple, list)) else parse_frame_rate(float(rate))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return rate if 1 <= rate <= 1000 else None


def _check_header(path: Path, found: dict, size_px: list[int] | None) -> None:
    width, height = found["size_px"]
    if size_px is not None and found["size_px"] != size_px:
        raise ShotError(f"{path.name}: found {width}x{height}; the frames before are {size_px[0]}x{size_px[1]} ({KEY})")


def _place_window(pixels: np.ndarray, found: dict) -> np.ndarray:
    """Place an EXR's data window in its display window: the picture that compositors see.

    It is black where there is no data.
    """
    if found["data_window"] == found["display_window"]:
        return pixels
    (x, y, wide, high), (full_x, full_y, width, height) = found["data_window"], found["display_window"]
    left, top = x - full_x, y - full_y
    shown = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + wide, width), min(top + high, height)
    if x1 > x0 and y1 > y0:
        shown[y0:y1, x0:x1] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return shown


@lru_cache
def _make_table(dtype_name: str, is_linear: bool) -> np.ndarray:
    """Return the 8-bit value of each value that 8 or 16 bits can hold, as (256,) or (65536,) uint8."""
    if dtype_name == "float16":
        return to_eight_bits(np.arange(2**16, dtype=np.uint16).view(np.float16), is_linear)
    top = np.iinfo(dtype_name).max
    return to_eight_bits(np.arange(top + 1, dtype=np.float32) / np.float32(top), is_linear)
