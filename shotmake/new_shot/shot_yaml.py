"""The YAML of a new shot, with a comment on what was read from the plate and what was guessed."""

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate_header import MediaHeader

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
NUMBERS = re.compile(r"[._-](\[\d+-\d+\]|#+|%\d*d|\d+)$")  # the frame number in a sequence's name


def make_safe_name(text: str, suffixes: tuple[str, ...]) -> str:
    """Return the name of a shot for a clip's name: without its media's suffix, and with _ for odd characters."""
    for suffix in suffixes:
        if text.lower().endswith(suffix):
            text = NUMBERS.sub("", text[: -len(suffix)])
    text = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).lstrip("._-").rstrip("._-")
    return text or "shot"


def make_shot_yaml(
    name: str,
    plate: "MediaHeader",
    first_frame: int,
    frame_range: tuple[int, int] | None = None,
    cut_rate: Fraction | None = None,
    note: str = "",
) -> str:
    """Return the text of conf/shot/<name>.yaml.

    first_frame: the plate frame number of the plate's first frame; frame_range: inclusive, None = the whole plate;
    cut_rate: the rate of the cut that the shot comes from, used where the plate says none; note: one more line in the
    head.
    """
    width, height = plate.size_px
    rate = plate.frame_rate or cut_rate
    last = first_frame + plate.frame_count - 1
    used = frame_range or (first_frame, last)
    says = f"the file says {_format_rate(plate.frame_rate)}" if plate.frame_rate else "the file says none"
    given = "null" if plate.frame_rate or not rate else _format_rate(rate)
    rows = [
        "# @package _global_",
        f"# {_clean_comment(name)}: {_clean_comment(plate.file)}, {width}x{height}, "
        f"{_format_rate(rate) if rate else '?'} frames/s, frames {first_frame} to {last}, as its header says.",
        *([f"# {_clean_comment(note)}"] if note else []),
        "# Every key is in shotmake/config/schema.py.",
        "defaults:",
        "  - override /tracking: balanced      # fast, balanced, high_quality, tripod",
        "  - override /composite: over_footage",
        "",
        "shot:",
        f"  name: {_quote_word(name)}",
        "  footage:",
        f"    file: {_quote_word(plate.file)}",
        *([f"    first_frame: {first_frame}    # number of the movie's first frame; 1001 is common"]
          if plate.first_frame is None else []),
        f"    frame_range: [{used[0]}, {used[1]}]    # inclusive; null = all",
        f"    color_space: {plate.color_space}    # a guess ({_clean_comment(plate.color)}): Rec.709, sRGB, Linear or "
        "Raw",
        f"    frame_rate: {given}    # null = what the file says; {says}",
        f"    resolution: [{width}, {height}]    # a plate of another size is an error",
        f"    pixel_aspect: null    # the file says {plate.pixel_aspect:g}",
        "  camera:",
        *_format_camera(plate.lens),
        "  subject: {kind: knob}",
        "  export: [chan]",
        "",
        "tracking:",
        "  solve:",
        "    orient: {}    # where the world stands: picks on the plate (docs/how_to/own_plate.md)",
        "",
    ]  # fmt: skip
    return "\n".join(rows)


def _format_camera(lens: dict) -> list[str]:
    focal_mm, width_mm = lens.get("focal_mm"), lens.get("sensor_width_mm")
    said = f"the file's metadata says {focal_mm:g} mm" if focal_mm else "unknown: found by the solve"
    width = (
        f"{width_mm:.6g}    # by the file's metadata" if width_mm else "36.0    # unknown: of the picture as it is seen"
    )
    return [
        f"    sensor_width_mm: {width}",
        f"    focal_mm: {f'{focal_mm:.6g}' if focal_mm else 'null'}    # {said}",
        "    lock_focal: false    # true: focal_mm is known",
        "    lens_from: null    # another shot, or a lens file: 3DE, OpenCV, OpenTrackIO, ST-map",
    ]


def _format_rate(rate: Fraction) -> str:
    return str(rate.numerator) if rate.denominator == 1 else f'"{rate.numerator}/{rate.denominator}"'


def _quote_word(text: str) -> str:
    """Return a text in such a form that YAML reads it as a text."""
    plain = PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _clean_comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
