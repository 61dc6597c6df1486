"""From boxes that belong together to tracklets.

It decides which objects count, and what lies between two detections of one object.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shotmake.objects.tracklet_file import COASTED, DETECTED, Tracklet


@dataclass(frozen=True)
class Rows:
    """Frames of tracklets that have become certain, because an object was confirmed or seen again.

    track_id (N,); frame (N,); xywh_px (N, 4); coasted (N,): bool; label (N,): str, in a coasted frame that of the
    detection before it. The rows of one object are in the order of their frames.
    """

    track_id: np.ndarray
    frame: np.ndarray
    xywh_px: np.ndarray
    coasted: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Rows. xywh_px is four numbers."""

    track_id: int
    frame: int
    xywh_px: tuple[float, ...]
    coasted: bool
    label: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """One detected box, (x, y, w, h) px, with its frame and label."""

    frame: int
    xywh_px: tuple[float, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known about an object that is being followed.

    track_id: 0 until the object is confirmed; seen: its detections until then, and after that only the last one.
    """

    track_id: int = 0
    seen: tuple[Sighting, ...] = ()


def see_again(subject: Subject, now: Sighting, n_init: int, next_id: int) -> tuple[Subject, list[Row]]:
    """Return the subject after one more detection, and the rows that become certain by it.

    next_id: the track_id that the subject gets if this detection confirms it.
    """
    if subject.track_id:
        rows = [*_fill_between(subject.track_id, subject.seen[-1], now), _make_row(subject.track_id, now)]
        return Subject(subject.track_id, (now,)), rows
    seen = (*subject.seen, now)
    if len(seen) < n_init:
        return Subject(0, seen), []
    return Subject(next_id, (now,)), [_make_row(next_id, sighting) for sighting in seen]


def rows_of(rows: list[Row]) -> Rows:
    """Collect single rows into arrays."""
    return Rows(
        np.array([row.track_id for row in rows], np.int64),
        np.array([row.frame for row in rows], np.int64),
        np.array([row.xywh_px for row in rows], float).reshape(-1, 4),
        np.array([row.coasted for row in rows], bool),
        np.array([row.label for row in rows], str),
    )


def build_tracklets(rows: Iterable[Rows], camera_id: str) -> list[Tracklet]:
    """Build the tracklets of one camera, by id, from the rows of all its stretches in their order.

    The label is the one that most of the detections have; of several, the one that came first.
    """
    parts = [part for part in rows if len(part)]
    if not parts:
        return []
    track_id, frame, xywh_px, coasted, label = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("track_id", "frame", "xywh_px", "coasted", "label")
    )
    order = np.argsort(track_id, kind="stable")
    found = []
    for which in np.split(order, np.flatnonzero(np.diff(track_id[order])) + 1):
        status = tuple(COASTED if is_coasted else DETECTED for is_coasted in coasted[which])
        common = Counter(label[which][~coasted[which]].tolist()).most_common(1)[0][0]
        one = int(track_id[which[0]])
        found.append(Tracklet(camera_id, one, frame[which], xywh_px[which], status, common))
    return found


def _make_row(track_id: int, sighting: Sighting) -> Row:
    return Row(track_id, sighting.frame, sighting.xywh_px, False, sighting.label)


def _fill_between(track_id: int, before: Sighting, after: Sighting) -> list[Row]:
    """Return the rows between two detections, on the straight line from box to box.

    This is the virtual trajectory of OC-SORT (Cao et al. 2023).
    """
    span = after.frame - before.frame
    return [
        Row(track_id, before.frame + k, _mix(before.xywh_px, after.xywh_px, k / span), True, before.label)
        for k in range(1, span)
    ]


def _mix(a: tuple[float, ...], b: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))
