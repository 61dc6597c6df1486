"""An edited cut, through OpenTimelineIO (and its CMX 3600 adapter for EDLs): which frames of which media it uses."""

import math
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from shotmake.configcheck import frame_rate_fraction
from shotmake.errors import ShotError
from shotmake.limits import limits, over_limit
from shotmake.safe_file import check_size, decode_utf8, read_utf8
from shotmake.safe_json import check_brackets
from shotmake.safe_zip import ZIP_FAULTS, check_directory

CONTENT = "content.otio"  # of a bundle
EDL_RATES = (24, 25, 30, 48, 50, 60)  # an EDL does not say its own: the first that its timecodes allow


@dataclass(frozen=True)
class CutClip:
    """name: as the cut has it. media: where its media may be, paths or mere names, the best first. first, count: frames
    used, by the media's own time, with what transitions use. media_first: that time of the media's first frame, None if
    the cut does not say. still: it shows one frame."""

    name: str
    media: tuple[str, ...]
    rate: Fraction
    first: int
    count: int
    media_first: int | None
    still: bool


def read_cut(path: Path, rate: Fraction | None = None) -> list[CutClip]:
    """The clips of the video tracks, in order. rate: of an EDL's timecode, None = the lowest that fits.

    ShotError for a file that is no cut, and where OpenTimelineIO is not installed.
    """
    try:
        import opentimelineio
    except ImportError as error:
        raise ShotError("cut=: needs OpenTimelineIO; pip install -e '.[editorial]'") from error
    _check_file(path)
    is_edl = path.suffix.lower() == ".edl"
    rates = (rate,) if rate else EDL_RATES if is_edl else (None,)
    trouble: BaseException | None = None
    for one in rates:
        options = {"rate": float(math.ceil(one)), "ignore_timecode_mismatch": True} if is_edl else {}
        try:
            timeline = opentimelineio.adapters.read_from_file(str(path), **options)
            return [_clip(clip, one if is_edl else None) for track in timeline.video_tracks()
                    for clip in track.find_clips()]  # fmt: skip
        except Exception as error:  # the adapters raise whatever they meet
            trouble = error
    said = (str(trouble).strip().splitlines() or [type(trouble).__name__])[0][:200]
    raise ShotError(f"{path.name}: not a cut that OpenTimelineIO reads ({said}); check cut=") from trouble


def _check_file(path: Path) -> None:
    """ShotError for a cut that is too large, or whose brackets are too deep: OpenTimelineIO's parser dies of those, and
    Python with it."""
    kind = path.suffix.lower()
    if kind == ".otiod" and path.is_dir():
        path = path / CONTENT
        if not path.is_file():
            raise ShotError(f"{path.parent.name}: found no {CONTENT} in it; needed a cut (cut=)")
    size = check_size(path, "cut_mb", "cut=")
    if kind == ".otioz":
        try:
            with open(path, "rb") as file:
                check_directory(file, size, path.name, "cut=")
            with zipfile.ZipFile(path) as bundle:
                size = bundle.getinfo(CONTENT).file_size
                if size > limits().cut_mb * 10**6:
                    raise over_limit(path.name, f"a cut of {size / 1e6:.0f} MB in it", "cut_mb", "cut=")
                check_brackets(decode_utf8(bundle.read(CONTENT), path.name, "cut="), path.name, "cut=")
        except (*ZIP_FAULTS, KeyError) as error:
            said = " ".join(str(error).split())[:120]
            raise ShotError(f"{path.name}: not a cut that OpenTimelineIO reads ({said}); check cut=") from error
    elif kind in (".otio", ".otiod"):
        check_brackets(read_utf8(path, "cut_mb", "cut="), path.name, "cut=")


def _clip(clip: Any, edl_rate: Fraction | int | None) -> CutClip:
    import opentimelineio

    used = clip.trimmed_range()
    rate = frame_rate_fraction(used.start_time.rate)
    track = clip.parent()
    before, after = track.handles_of_child(clip) if isinstance(track, opentimelineio.schema.Track) else (None, None)
    speed = 1.0
    for effect in clip.effects:
        speed *= abs(float(getattr(effect, "time_scalar", 1.0)))
    length = max(1, math.ceil(used.duration.value * speed - 1e-6))
    first = used.start_time.to_frames() - _frames(before, used)
    count = length + _frames(before, used) + _frames(after, used)
    reference = clip.media_reference
    media, available = [], reference.available_range
    if isinstance(reference, opentimelineio.schema.ImageSequenceReference):
        media.append(_sequence(reference))
    elif isinstance(reference, opentimelineio.schema.ExternalReference):
        media.append(_path(reference.target_url))
    reel = clip.metadata.get("cmx_3600", {}).get("reel")
    media += [str(name) for name in (clip.name, reference.name, reel) if name]
    media_first = None if available is None else available.start_time.rescaled_to(used.start_time.rate).to_frames()
    given = Fraction(edl_rate) if edl_rate is not None else rate
    return CutClip(clip.name or "clip", tuple(dict.fromkeys(media)), given, first, count, media_first, speed == 0)


def _frames(time: Any, used: Any) -> int:
    return 0 if time is None else time.rescaled_to(used.start_time.rate).to_frames()


def _path(url: str) -> str:
    """file:///a%20b.mov, or a path as it is."""
    return unquote(urlparse(url).path) if url.lower().startswith("file:") else url


def _sequence(reference: Any) -> str:
    """name.####.exr."""
    folder = _path(reference.target_url_base)
    hashes = "#" * max(1, reference.frame_zero_padding)
    separator = "" if not folder or folder.endswith("/") else "/"
    return f"{folder}{separator}{reference.name_prefix}{hashes}{reference.name_suffix}"
