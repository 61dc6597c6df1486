"""OpenTimelineIO in a process of its own, which edit_list.read_cut starts: it prints a cut's clips as JSON.

Some files make OpenTimelineIO die (a key twice in a clip, brackets without end), and Python with it.
"""

import json
import math
import resource
import sys
from fractions import Fraction
from typing import Any
from urllib.parse import unquote, urlparse

from shotmake.config.frame_rates import parse_frame_rate
from shotmake.new_shot.edit_list import CutClip

EDL_RATES = (24, 25, 30, 48, 50, 60)  # an EDL does not say its rate; the first one that its timecodes allow is taken
MEMORY_MAX_BYTES = 4_000_000_000
FRAMES_MAX = 10**12  # a count or a time above this comes from a damaged file


def main() -> None:
    """Read the cut that the command line names, and print its clips as JSON."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    path, rate = sys.argv[1], Fraction(sys.argv[2]) if sys.argv[2] else None
    sys.stdout.write(f"{json.dumps(answer(path, rate))}\n")


def answer(path: str, rate: Fraction | None) -> dict:
    """Return {clips: [...]}, or {fault: one line}.

    rate: the rate of an EDL's timecode; None = the lowest rate that fits.
    """
    import opentimelineio

    is_edl = path.lower().endswith(".edl")
    rates = (rate,) if rate else EDL_RATES if is_edl else (None,)
    trouble: BaseException | None = None
    for one in rates:
        options = (
            {"rate": float(math.ceil(one)), "ignore_timecode_mismatch": True} if one is not None and is_edl else {}
        )
        try:
            timeline = opentimelineio.adapters.read_from_file(path, **options)
            clips = [_read_clip(clip, one if is_edl else None) for track in timeline.video_tracks()
                     for clip in track.find_clips()]  # fmt: skip
            return {"clips": [clip.to_json() for clip in clips]}
        except Exception as error:  # the adapters raise errors of any kind
            trouble = error
    return {"fault": (str(trouble).strip().splitlines() or [type(trouble).__name__])[0][:200]}


def _read_clip(clip: Any, edl_rate: Fraction | int | None) -> CutClip:
    import opentimelineio

    used = clip.trimmed_range()
    rate = parse_frame_rate(used.start_time.rate)
    track = clip.parent()
    before, after = track.handles_of_child(clip) if isinstance(track, opentimelineio.schema.Track) else (None, None)
    speed = 1.0
    for effect in clip.effects:
        speed *= abs(float(getattr(effect, "time_scalar", 1.0)))
    length = max(1, math.ceil(used.duration.value * speed - 1e-6))
    first = used.start_time.to_frames() - _count_frames(before, used)
    count = length + _count_frames(before, used) + _count_frames(after, used)
    reference = clip.media_reference
    media, available = [], reference.available_range
    if isinstance(reference, opentimelineio.schema.ImageSequenceReference):
        media.append(_make_pattern(reference))
    elif isinstance(reference, opentimelineio.schema.ExternalReference):
        media.append(_read_path(reference.target_url))
    reel = clip.metadata.get("cmx_3600", {}).get("reel")
    media += [str(name) for name in (clip.name, reference.name, reel) if name]
    media_first = None if available is None else available.start_time.rescaled_to(used.start_time.rate).to_frames()
    given = Fraction(edl_rate) if edl_rate is not None else rate
    if max(map(abs, (first, count, media_first or 0))) > FRAMES_MAX:
        raise ValueError(f"found frame {first} and {count} frames")
    return CutClip(clip.name or "clip", tuple(dict.fromkeys(media)), given, first, count, media_first, speed == 0)


def _count_frames(time: Any, used: Any) -> int:
    return 0 if time is None else time.rescaled_to(used.start_time.rate).to_frames()


def _read_path(url: str) -> str:
    """Return the path of file:///a%20b.mov; any other text as it is."""
    return unquote(urlparse(url).path) if url.lower().startswith("file:") else url


def _make_pattern(reference: Any) -> str:
    """Return the pattern of an image sequence, as name.####.exr."""
    folder = _read_path(reference.target_url_base)
    hashes = "#" * max(1, reference.frame_zero_padding)
    separator = "" if not folder or folder.endswith("/") else "/"
    return f"{folder}{separator}{reference.name_prefix}{hashes}{reference.name_suffix}"
