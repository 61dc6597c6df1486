"""Tracks of another program: with names, weights, and the frame numbers of their own file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import make_fault, quote_word
from shotmake.numbers_in_words import count_of
from shotmake.tracks.markers import DISABLED, TRACKED, Tracks, merge_tracks
from shotmake.tracks.quality import name_track

KEY = "tracking.session_file"
XY_MAX_PX = 1e6  # a larger number cannot be a pixel
NAMES_TOLD = 3


@dataclass(frozen=True)
class NamedTracks:
    """Tracks in px of this plate, with the names and weights of the tracks that have one.

    names, weights: by track id; a weight of 1 is left out. clip_first: the number that the file gives to the first
    frame of the plate; None = the file holds plate frame numbers. notes: what was found and dealt with, a line each.
    """

    tracks: Tracks
    names: dict[int, str] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)
    clip_first: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadTrack:
    """The markers of one track, as a reader finds them. Two with the same name are two tracks.

    frame (N,). xy_px (N, 2). line (N,): line numbers in the file. weight, enabled, status, quality (expected error in
    px): (N,), or None for weight 1, enabled True, the status that follows from enabled, an unknown error.
    """

    name: str
    frame: np.ndarray
    xy_px: np.ndarray
    line: np.ndarray
    weight: np.ndarray | None = None
    enabled: np.ndarray | None = None
    status: np.ndarray | None = None
    quality: np.ndarray | None = None


def name_tracks(
    found: Iterable[ReadTrack], path: Path, clip_first: int | None = None, notes: tuple[str, ...] = ()
) -> NamedTracks:
    """Check what a reader found. Give the tracks ids from 0, in the order of the file, and unique names.

    A marker of weight 0 is disabled. The weight of a track is the mean of its markers' other weights. Raises ShotError,
    with the line, when a frame is no whole number from 0 to 1e8, when a track has two markers in a frame, and when a
    position is beyond XY_MAX_PX.
    """
    every = list(found)
    track_id = np.repeat(np.arange(len(every)), [len(one.frame) for one in every])
    frame, line = (_join([getattr(one, name) for one in every]) for name in ("frame", "line"))
    xy_px = np.concatenate([np.zeros((0, 2)), *(one.xy_px for one in every)])
    weight = _join([np.ones(len(one.frame)) if one.weight is None else one.weight for one in every])
    status = _join([_make_status(one) for one in every])
    quality = _join([np.zeros(len(one.frame)) if one.quality is None else one.quality for one in every])
    with np.errstate(invalid="ignore"):
        bad = (frame != np.floor(frame)) | ~((frame >= 0) & (frame <= 1e8))
    if bad.any():
        at = np.flatnonzero(bad)[0]
        raise make_fault(path, int(line[at]), f"frame {frame[at]:g}", "a whole number from 0 to 100000000", KEY)
    if (wild := ~(np.abs(xy_px) <= XY_MAX_PX).all(1)).any():
        at = np.flatnonzero(wild)[0]
        place = f"a marker at {xy_px[at, 0]:g}, {xy_px[at, 1]:g} px"
        raise make_fault(path, int(line[at]), place, f"at most {XY_MAX_PX:g}", KEY)
    order = np.lexsort((np.arange(len(frame)), frame, track_id))
    twice = (np.diff(track_id[order]) == 0) & (np.diff(frame[order]) == 0)
    if twice.any():
        at = order[np.flatnonzero(twice)[0] + 1]
        where = f"frame {int(frame[at])} of {quote_word(every[track_id[at]].name)} again"
        raise make_fault(path, int(line[at]), where, "one marker a frame", KEY)
    status[(weight <= 0) & (status == TRACKED)] = DISABLED
    names, notes_on_names = make_unique([one.name.encode("utf-8", "replace").decode() for one in every])
    return NamedTracks(
        Tracks.from_markers(track_id, frame, xy_px, quality, status),
        {track: name for track, name in enumerate(names) if name},
        _average_weights(track_id, weight, len(every)),
        clip_first,
        (*notes, *notes_on_names),
    )


def make_unique(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Make names unique: a name that was there already becomes `name_2`, `name_3`, ...

    Returns the names in the same order, and a note when a name changed, else ().
    """
    taken, made, renamed, given = set(names), [], [], ""
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            given = next(other for at in count(2) if (other := f"{name}_{at}") not in taken)
            taken.add(given)
            renamed.append(name)
            name = given
        seen.add(name)
        made.append(name)
    if not renamed:
        return made, ()
    told = ", ".join(map(quote_word, list(dict.fromkeys(renamed))[:NAMES_TOLD]))
    now = f"it is {quote_word(given)}" if len(renamed) == 1 else "they end in _2, _3, ..."
    return made, (f"{count_of(len(renamed), 'track')} had the name of another ({told}); {now} now",)


def merge_named(sessions: list[NamedTracks], first: int, last: int) -> NamedTracks:
    """Merge the tracks of several sessions, frames first..last, as `merge_tracks` does. Names stay unique."""
    merged = merge_tracks([one.tracks for one in sessions], first, last)
    names: dict[int, str] = {}
    weights: dict[int, float] = {}
    used = 0
    for one in sessions:
        shift = used - int(one.tracks.track_id.min(initial=0))
        names |= {track + shift: name for track, name in one.names.items()}
        weights |= {track + shift: weight for track, weight in one.weights.items()}
        used = int(one.tracks.track_id.max(initial=used - 1 - shift)) + shift + 1
    left = set(np.unique(merged.track_id).tolist())
    kept = {track: name for track, name in names.items() if track in left}
    made, notes = make_unique(list(kept.values()))
    return NamedTracks(
        merged,
        dict(zip(kept, made, strict=True)),
        {track: weight for track, weight in weights.items() if track in left},
        notes=(*(note for one in sessions for note in one.notes), *notes),
    )


def shift_frames(named: NamedTracks, frames: int) -> NamedTracks:
    """Add `frames` to every frame number. The result counts as plate numbers."""
    frame = (named.tracks.frame + frames).astype(np.int32)
    return replace(named, tracks=replace(named.tracks, frame=frame), clip_first=None)


def yield_tracks(take: Take, clean: str = "") -> Iterator[tuple[int, str, Tracks]]:
    """Yield the tracks of a shot as (id, name, markers sorted by frame). Names are unique.

    Each character of `clean` in a name becomes _, and so do line ends; if clean holds a blank, all white space does. A
    track without a name is called as in quality.json. A # at the start of a name becomes _: the line would read as a
    comment.
    """
    assert take.tracks is not None
    ids, begins = np.unique(take.tracks.track_id, return_index=True)
    table = str.maketrans(dict.fromkeys(clean, "_"))
    plain = []
    for track in ids.tolist():
        name = "_".join((take.names.get(track) or name_track(track)).replace("\0", "").splitlines())
        name = ("_".join(name.split()) if " " in clean else name).translate(table).strip()
        plain.append(f"_{name[1:]}" if name.startswith("#") else name or name_track(track))
    ends = np.append(begins, len(take.tracks))[1:]
    for track, name, begin, end in zip(
        ids.tolist(), make_unique(plain)[0], begins.tolist(), ends.tolist(), strict=True
    ):
        yield track, name, take.tracks.select(slice(begin, end))


def clip_first_of(take: Take) -> int:
    """Return the number of the plate's first frame, for formats that count from the first frame of the plate."""
    return take.frames[0] if take.plate_first_frame is None else take.plate_first_frame


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *parts])


def _make_status(one: ReadTrack) -> np.ndarray:
    if one.status is not None:
        return one.status
    return np.full(len(one.frame), TRACKED) if one.enabled is None else np.where(one.enabled, TRACKED, DISABLED)


def _average_weights(track_id: np.ndarray, weight: np.ndarray, tracks: int) -> dict[int, float]:
    """Return, by track id, the mean of the weights above 0. A mean of 1 is left out."""
    counts = weight > 0
    total = np.bincount(track_id[counts], weight[counts], tracks)
    number = np.bincount(track_id[counts], minlength=tracks)
    mean = np.divide(total, number, out=np.ones(tracks), where=number > 0)
    return {int(track): float(mean[track]) for track in np.flatnonzero(np.abs(mean - 1) > 1e-9)}
