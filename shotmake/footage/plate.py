"""The plate: what a movie or an image sequence really holds, and its luma, frame by frame.

Files lie about frame counts and rates, so `probe` decodes everything once and believes only that. All readers here give
upright pictures: they obey rotation and orientation tags.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.footage.file_names import KEY, MISSING_KEY, is_sequence, list_held_frames, list_plate_files
from shotmake.footage.images import probe_sequence, read_image, to_luma
from shotmake.footage.movie import probe_movie, read_movie_frames
from shotmake.footage.movie_clock import Clock
from shotmake.footage.read_ahead import decode_ahead
from shotmake.footage.unusable_frames import Looks, list_frames
from shotmake.numbers_in_words import format_ranges

RATE_KEY = "shot.footage.frame_rate"
ASPECTS = (0.1, 10.0)  # possible pixel aspects; any other comes from a damaged header
MIN_SIDE_PX = 64  # below this there is no room for patches and the margin around them
BLENDER_LAST_FRAME = 1_048_574  # Blender cannot count further
LAST_FRAME = 1_000_000_000  # tracks store frame numbers in 32 bits
SEQUENCE_RATE = Fraction(24)  # used when neither the config nor a header says a rate


# What a record must hold to be that of a plate, and what its lists hold.
KINDS = ("movie", "sequence")
SHAPES = {
    **dict.fromkeys(("kind", "pixel_format", "color_space", "timecode"), str),
    **dict.fromkeys(("first_frame", "frame_count"), int),
    **dict.fromkeys(("files", "size_px", "frame_rate", "warnings"), list),
}
LISTS = {"files": str, "size_px": int, "frame_rate": int, "warnings": str}


def _has_only(values: list, kind: type) -> bool:
    """Return whether a list holds values of one kind only; numbers must be two."""
    return all(isinstance(value, kind) for value in values) and (kind is str or len(values) == 2)


def _has_frame_lists(value: object) -> bool:
    """Return whether a value holds lists of frame numbers, by what is wrong with the frames."""
    if not isinstance(value, dict):
        return False
    lists = value.values()
    return all(isinstance(those, list) and all(type(frame) is int for frame in those) for those in lists)


@dataclass(frozen=True)
class Plate:
    """What was found in a plate. `files` are named as in the config: one movie, or one image for each frame."""

    kind: str  # movie | sequence
    files: list[str]
    first_frame: int
    frame_count: int
    size_px: list[int]  # upright
    frame_rate: list[int]  # exact fraction
    pixel_format: str
    color_space: str
    timecode: str
    warnings: list[str]
    rotation_deg: int = 0  # by how much a movie's stored pictures are turned, counter-clockwise
    blender_fault: str = ""  # why Blender would show other pictures than the ones that are tracked
    media: dict = field(default_factory=dict)  # what ffprobe would say, and what the decode pass found
    unusable: dict[str, list[int]] = field(default_factory=dict)  # frames that cannot be tracked, by what they are

    @property
    def width_height_px(self) -> tuple[int, int]:
        """`size_px` as a pair."""
        width, height = self.size_px
        return width, height

    @property
    def last_frame(self) -> int:
        """The plate frame number of the last frame."""
        return self.first_frame + self.frame_count - 1

    @property
    def pixel_aspect(self) -> float:
        """The width of a pixel divided by its height."""
        found = self.media.get("pixel_aspect", 1.0)
        return found[0] / found[1] if isinstance(found, list) else found

    def to_json(self) -> dict:
        """Return the plate as the record of a footage JSON."""
        record = {"schema": 1, **asdict(self)}
        return record if self.unusable else {name: value for name, value in record.items() if name != "unusable"}

    @classmethod
    def from_json(cls, record: dict) -> "Plate":
        """Read a plate from the record of a footage JSON. Raises ShotError for anything else."""
        missing = next((name for name, kind in SHAPES.items() if not isinstance(record.get(name), kind)), "")
        wrong = missing or next((name for name, kind in LISTS.items() if not _has_only(record[name], kind)), "")
        wrong = wrong or ("" if record["kind"] in KINDS else "kind")
        wrong = wrong or ("" if _has_frame_lists(record.get("unusable", {})) else "unusable")
        if wrong or not record["files"]:
            raise ShotError(f"{wrong or 'files'}: found no record of a plate; remove it, and doit makes it anew")
        return cls(**{name: record[name] for name in cls.__dataclass_fields__ if name in record})


def probe(  # noqa: PLR0913  they are the keys of shot.footage, handed over as they are
    file: str,
    root: Path,
    first_frame: int = 1,
    color_space: str = "Rec.709",
    frame_rate: float | str | None = None,
    resolution: list[int] | None = None,
    pixel_aspect: float | None = None,
    missing: str = "error",
    on_frame: Callable[[int], None] = lambda count: None,
) -> Plate:
    """Read the whole plate once; return what it is. The arguments are the `shot.footage` keys.

    on_frame: called with the number of frames that are done.
    Raises ShotError, with what was found, for a plate that cannot be tracked frame by frame (unreadable, truncated,
    frames missing, variable rate).
    """
    from shotmake.config.frame_rates import parse_frame_rate

    numbered, looks = list_plate_files(file, root, missing), Looks()
    if is_sequence(file, root):
        first_frame = numbered[0][0]
        found = probe_sequence(numbered, root, color_space, on_frame, looks)
    else:
        found = probe_movie(file, root, first_frame, on_frame, looks)
    last_frame = first_frame + found["frame_count"] - 1
    if last_frame > LAST_FRAME:
        raise ShotError(f"{file}: found frame numbers to {last_frame}; needed at most {LAST_FRAME} ({KEY})")
    width, height = found["size_px"]
    if resolution is not None and list(resolution) != [width, height]:
        raise ShotError(f"{file}: found {width}x{height}; shot.footage.resolution says {resolution[0]}x{resolution[1]}")
    if min(width, height) < MIN_SIDE_PX:
        raise ShotError(f"{file}: found {width}x{height}; needed at least {MIN_SIDE_PX} px on each side ({KEY})")
    if pixel_aspect is not None:
        found["media"] = {**found["media"], "pixel_aspect": pixel_aspect}
    clock, file_rate = found.pop("clock", None), found.pop("file_rate")
    shown = found.pop("shown_by_blender", None)
    given_rate = parse_frame_rate(frame_rate) if frame_rate is not None else None
    if clock is not None and given_rate is None:
        _check_clock(file, clock, file_rate)
    rate = given_rate or file_rate or SEQUENCE_RATE
    plate = Plate(
        files=[path for _, path in numbered],
        first_frame=first_frame,
        frame_rate=[rate.numerator, rate.denominator],
        color_space=color_space,
        warnings=_collect_warnings(
            found, numbered, rate_known=bool(given_rate or file_rate), rate_given=bool(given_rate)
        ),
        blender_fault=_find_blender_fault(found, first_frame, shown),
        unusable=_number_unusable(looks.find_unusable(), first_frame, last_frame),
        **found,
    )
    if not ASPECTS[0] <= plate.pixel_aspect <= ASPECTS[1]:
        raise ShotError(f"{file}: says its pixels are {plate.pixel_aspect:g}:1; set shot.footage.pixel_aspect")
    return plate


def read_luma(plate: Plate, root: Path, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (plate frame number, (H, W) uint8 luma) for the frames first..last, inclusive. Frames are decoded ahead."""
    with closing(decode_ahead(_read_frames(plate, root, first, last, "luma"))) as frames:
        yield from frames


def read_bgr(plate: Plate, root: Path, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (plate frame number, (H, W, 3) uint8 BGR) for the frames first..last, inclusive.

    Frames are decoded ahead.
    """
    with closing(decode_ahead(_read_frames(plate, root, first, last, "bgr"))) as frames:
        yield from frames


def find_frame_span(plate: Plate, frame_range: list[int] | None) -> tuple[int, int]:
    """Return the first and the last frame to use.

    Raises ShotError when the range leaves the plate or is too short to track.
    """
    first, last = frame_range or (plate.first_frame, plate.last_frame)
    if first < plate.first_frame or last > plate.last_frame:
        raise ShotError(
            f"shot.footage.frame_range: found {[first, last]}; the plate has frames "
            f"{plate.first_frame} to {plate.last_frame}"
        )
    if last - first < 1:
        raise ShotError(
            f"{plate.files[0]}: found {last - first + 1} frame; tracking needs at least 2 "
            f"({KEY}, shot.footage.frame_range)"
        )
    return first, last


def list_bad_frames(plate: Plate, bad_frames: list[int | str] | None, first: int) -> list[int]:
    """Return the plate frames that nobody tracks, ascending: those that are named, or where None are, those found.

    first: the first frame of the shot. A repeated frame there is tracked: the frame that it shows is not in the shot.
    Raises ShotError where a name is no range of frames.
    """
    from shotmake.config.frame_ranges import parse_frames

    if bad_frames is None:
        repeated = plate.unusable.get("repeated", [])
        return [frame for frame in list_frames(plate.unusable) if frame != first or frame not in repeated]
    named = {frame for one in bad_frames for frame in parse_frames(one)}
    return sorted(frame for frame in named if plate.first_frame <= frame <= plate.last_frame)


def _read_frames(plate: Plate, root: Path, first: int, last: int, what: str) -> Generator[tuple[int, np.ndarray]]:
    if plate.kind == "sequence":
        for number in range(first, last + 1):
            image = read_image(root / plate.files[number - plate.first_frame], plate.color_space)
            yield number, to_luma(image) if what == "luma" else image
        return
    number = first
    with closing(
        read_movie_frames(root / plate.files[0], plate.rotation_deg, first - plate.first_frame, what)
    ) as images:
        for image in images:
            if number > last:
                return
            yield number, image
            number += 1
    if number <= last:
        raise ShotError(f"{plate.files[0]}: frame {number} cannot be decoded any more; the file has changed, run again")


def _number_unusable(found: dict[str, list[int]], first: int, last: int) -> dict[str, list[int]]:
    """Return frame indices as plate frame numbers, without what lies behind the last frame."""
    numbered = {name: [first + at for at in those if first + at <= last] for name, those in found.items()}
    return {name: those for name, those in numbered.items() if those}


def _check_clock(file: str, clock: Clock, file_rate: Fraction | None) -> None:
    if file_rate is None:
        raise ShotError(f"{file}: the file gives no frame rate that can be believed; set {RATE_KEY}")
    if not clock.is_constant:
        raise ShotError(
            f"{file}: variable frame rate ({clock.rates_text}); transcode it to a constant rate, or set {RATE_KEY} to "
            f"take the frames one by one as they come"
        )


def _collect_warnings(found: dict, numbered: list[tuple[int, str]], rate_known: bool, rate_given: bool) -> list[str]:
    media, warnings = found["media"], []
    held = list_held_frames(numbered)
    if held:
        warnings.append(
            f"missing frames: {format_ranges(held)}; the frame before each gap stands in ({MISSING_KEY}: hold); "
            f"Blender shows these frames black"
        )
    if not rate_known:
        warnings.append(f"nothing says the sequence's frame rate; {SEQUENCE_RATE} is assumed, set {RATE_KEY}")
    if found["kind"] == "movie":
        if not media["has_clock"] and not rate_given:
            warnings.append(f"the file has no clock; its frame rate is a guess, set {RATE_KEY}")
        if not media["is_constant_rate"]:
            warnings.append(f"variable frame rate; every frame is taken as it comes, at {RATE_KEY}")
        if media["is_interlaced"]:
            warnings.append("the plate is interlaced; a deinterlaced one tracks better")
        if "frames_hidden" in media:
            hidden, stored = media["frames_hidden"], media["frames_announced"]
            told = f"the file's edit list hides {hidden} of its {stored} frames"
            told += f"; {'it is' if hidden == 1 else 'they are'} not counted, as in Blender"
            warnings.append(told + (", and the timecode may be that of a hidden one" if found["timecode"] else ""))
        if "frames_left_out" in media:
            warnings.append("the file ends before its last frame has been shown; it is left out, as in Blender")
        if media["video_streams"] > 1:
            warnings.append(f"the file holds {media['video_streams']} video streams; the first is used")
    return warnings


def _find_blender_fault(found: dict, first_frame: int, shown: np.ndarray | None) -> str:
    """Return what Blender would show otherwise than the readers here, as Blender 4.5 does; "" when nothing.

    Blender does turn movies by their tag.

    shown: for a movie, the picture that Blender shows in each frame (shotmake.footage.frames_blender_shows); None where
    nobody can tell.
    """
    media, count = found["media"], found["frame_count"]
    if first_frame + count - 1 > BLENDER_LAST_FRAME:
        last = first_frame + count - 1
        return f"Blender counts frames to {BLENDER_LAST_FRAME}, the plate ends at {last}; set lower numbers"
    if not media.get("is_shown_as_stored", True):
        return "Blender heeds neither orientation tags nor display windows; write images that need neither"
    if not media.get("has_clock", True):
        return f"Blender cannot read a bare {media['codec']} stream; put it into a container (mp4, mov, mkv)"
    if found["kind"] != "movie":
        return ""
    if shown is None:
        return "Blender shows other pictures where the file's edit list joins parts; transcode the plate"
    if shown[0] < 0:
        return "Blender finds no frame rate or no duration in the file; transcode the plate"
    if (shown[:count] < 0).any():
        ends = f"Blender ends the clip at frame {first_frame + int((shown >= 0).sum()) - 1}, by the file's duration"
        return f"{ends}; transcode the plate"
    others = np.flatnonzero(shown[:count] != np.arange(count))
    if len(others):
        at = int(others[0])
        return (
            f"Blender goes by the file's uneven clock: it shows another picture in {len(others)} of {count} frames, in "
            f"frame {first_frame + at} that of {first_frame + int(shown[at])}; transcode the plate to a constant rate"
        )
    return ""
