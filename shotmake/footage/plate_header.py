"""What a plate's header says, without decoding the plate: for writing a shot's YAML.

The footage stage believes none of it.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.footage.file_names import is_sequence, list_plate_files
from shotmake.footage.images import probe_sequence
from shotmake.footage.movie import read_movie_header
from shotmake.footage.unusable_frames import Looks

FRAME = re.compile(r"(?P<head>.*?)(?P<number>\d+)(?P<tail>\.[A-Za-z]+)$")
IMAGES = (".exr", ".dpx", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
MOVIES = (".mov", ".mp4", ".mkv", ".mxf", ".avi", ".m4v", ".webm")


@dataclass(frozen=True)
class MediaHeader:
    """What the header of a movie or sequence says.

    file: its name as in the config; first_frame: of a sequence, None for a movie; color: what the file says about its
    colour, in words; color_space: the value for the config key that this suggests; lens: focal_mm and sensor_width_mm,
    as far as the tags say; frames_hidden: stored frames that an edit list hides, which frame_count does not include.
    """

    file: str
    first_frame: int | None
    frame_count: int
    size_px: tuple[int, int]
    frame_rate: Fraction | None
    pixel_aspect: float
    timecode: str
    color: str
    color_space: str
    lens: dict
    frames_hidden: int = 0


def read_media_header(file: str, root: Path) -> MediaHeader:
    """Read the header of a movie or sequence. A movie that announces no number of frames is decoded to count them.

    Raises ShotError for a file that is not a plate.
    """
    if not is_sequence(file, root):
        list_plate_files(file, root)
        found = read_movie_header(file, root)
        transfer = found["color"]["transfer"]
        space = {"iec61966-2-1": "sRGB", "linear": "Linear"}.get(transfer, "Rec.709")
        first, color = None, f"transfer {transfer}"
    else:
        numbered = list_plate_files(file, root, missing="skip")
        found = probe_sequence(numbered[:1], root, "sRGB", lambda count: None, Looks())
        media = found["media"]
        is_float = media["sample_type"] in ("half", "float")
        space = "Linear" if is_float else "Raw" if media["format"] == "dpx" else "sRGB"
        first, color = numbered[0][0], f"{media['sample_type']} {media['format']}"
        found["frame_count"] = numbered[-1][0] - first + 1
    media = found["media"]
    aspect = media.get("pixel_aspect", 1.0)
    return MediaHeader(
        file,
        first,
        found["frame_count"],
        (found["size_px"][0], found["size_px"][1]),
        found["file_rate"],
        aspect[0] / aspect[1] if isinstance(aspect, list) else aspect,
        found["timecode"],
        color,
        space,
        media.get("lens") or {},
        media.get("frames_hidden", 0),
    )


def as_pattern(file: str, root: Path) -> str:
    """Return the pattern name.####.exr for one frame of a sequence, name.1001.exr; any other name as it is."""
    match = FRAME.match(file)
    if not match or Path(file).suffix.lower() not in IMAGES or not (root / file).is_file():
        return file
    pattern = f"{match['head']}{'#' * len(match['number'])}{match['tail']}"
    try:
        return pattern if len(list_plate_files(pattern, root, missing="skip")) > 1 else file
    except ShotError:  # this is a still, not a sequence; the error is raised where the still is used
        return file


def find_media(folder: Path) -> dict[str, str]:
    """Find the movies and sequences in a folder and in the folders below it.

    Return {name in small letters: path from the folder, sequences with ####}. Each is found by its file name, and by
    that name without suffix and number.
    """
    found: dict[str, str] = {}
    patterns: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        name, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        match = FRAME.match(name)
        if suffix in IMAGES and match:
            pattern = f"{match['head']}{'#' * len(match['number'])}{match['tail']}"
            patterns[pattern] = patterns.get(pattern, 0) + 1
            names = (path.name, Path(match["head"]).name.rstrip("._-"), Path(pattern).name)
        elif suffix in MOVIES:
            pattern, names = name, (path.name, path.stem)
            patterns[pattern] = 2
        else:
            continue
        for one in names:
            found.setdefault(one.lower(), pattern)
    return {name: pattern for name, pattern in found.items() if patterns[pattern] > 1}
