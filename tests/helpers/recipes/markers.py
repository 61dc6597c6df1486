"""Tracks taken apart and put together otherwise. Every function gives new Markers; the given ones stay."""

from dataclasses import replace

import numpy as np

from helpers.measures.true_slip import Seeing
from helpers.plates.simulated import MARGIN_PX
from helpers.recipes.sets import Markers


def crossing(markers: Markers, frame: int, least: int = 5) -> np.ndarray:
    """Ids of the tracks with `least` markers before `frame` and as many from it on."""
    count = len(markers.points)
    before = np.bincount(markers.track[markers.frame < frame], minlength=count)
    after = np.bincount(markers.track[markers.frame >= frame], minlength=count)
    return np.flatnonzero((before >= least) & (after >= least))


def split_at(markers: Markers, frame: int, kept: np.ndarray) -> Markers:
    """Every track ends before `frame` and goes on as another, but those of ids `kept`."""
    later = (markers.frame >= frame) & ~np.isin(markers.track, kept)
    track = np.where(later, markers.track + len(markers.points), markers.track)
    return replace(
        markers,
        track=track,
        points=np.concatenate([markers.points, markers.points]),
        riding=np.concatenate([markers.riding, markers.riding]),
    )


def without_frames(markers: Markers, first: int, count: int) -> Markers:
    """Without the markers of `count` frames."""
    return markers.select((markers.frame < first) | (markers.frame >= first + count))


def chopped(markers: Markers, shortest: int, longest: int, random: np.random.Generator) -> Markers:
    """Every track cut into tracks of `shortest` to `longest` frames; the first piece of each ends anywhere, so that not
    all end together."""
    order = np.lexsort((markers.frame, markers.track))
    markers = markers.select(order)
    starts = np.flatnonzero(np.diff(markers.track, prepend=-1) != 0)
    ends = np.append(starts[1:], len(markers))
    track, points, riding = np.empty(len(markers), int), [], []
    for start, end in zip(starts, ends, strict=True):
        at = start
        while at < end:
            stop = min(end, at + int(random.integers(1 if at == start else shortest, longest + 1)))
            track[at:stop] = len(points)
            points.append(markers.points[markers.track[start]])
            riding.append(markers.riding[markers.track[start]])
            at = stop
    return replace(markers, track=track, points=np.array(points), riding=np.array(riding))


def ages(markers: Markers) -> np.ndarray:
    """(M,) frames since each marker's track began."""
    born = np.full(len(markers.points), np.iinfo(int).max)
    np.minimum.at(born, markers.track, markers.frame)
    return markers.frame - born[markers.track]


def gone_on(
    markers: Markers, ids: np.ndarray, frame: int, places: np.ndarray, sees: Seeing, size_px: tuple[int, int]
) -> Markers:
    """From `frame` on, the tracks `ids` (K,), which rise, follow other places (K, 3), until these leave the picture."""
    rows = np.flatnonzero((markers.frame >= frame) & np.isin(markers.track, ids))
    at = np.searchsorted(ids, markers.track[rows])
    xy_px = seen_px(places[at], markers.frame[rows], sees)
    true_px = markers.true_px.copy()
    true_px[rows] = xy_px
    outside = (xy_px < MARGIN_PX) | (xy_px > np.array(size_px) - MARGIN_PX) | ~np.isfinite(xy_px)
    # a track that leaves the picture has ended
    left = np.full(len(markers.points), np.iinfo(int).max)
    gone = rows[outside.any(1)]
    np.minimum.at(left, markers.track[gone], markers.frame[gone])
    return replace(markers, true_px=true_px).select(markers.frame < left[markers.track])


def seen_px(places: np.ndarray, frames: np.ndarray, sees: Seeing) -> np.ndarray:
    """(M, 2) plate px of places (M, 3), each in the frame of its index (M,)."""
    out = np.empty((len(places), 2))
    for frame in np.unique(frames):
        rows = np.flatnonzero(frames == frame)
        out[rows] = sees.select_frames(sees.frames[frame : frame + 1]).px(places[rows][None])[0]
    return out


def moved_px(markers: Markers, rows: np.ndarray, xy_px: np.ndarray, size_px: tuple[int, int]) -> Markers:
    """The same with the rows of a mask (M,) at other places (M, 2) px, and without those outside the picture."""
    true_px = np.where(rows[:, None], xy_px, markers.true_px)
    inside = ((true_px > 0) & (true_px < size_px)).all(1)
    return replace(markers, true_px=true_px).select(inside)


def some(random: np.random.Generator, ids: np.ndarray, count: int) -> np.ndarray:
    """Up to `count` of ids, in rising order."""
    return np.sort(random.permutation(ids)[:count])
