"""matte: which boxes of the tracked objects cover a frame, with room around them in the picture and in time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.objects.tracklets import Tracklet

KEY = "tracking.mask.from_objects"


@dataclass(frozen=True)
class Boxes:
    """frame (N,) plate numbers, ascending; xywh_px (N, 4) px, room included. Each box also covers the reach_frames
    frames before and after its own."""

    frame: np.ndarray
    xywh_px: np.ndarray
    reach_frames: int

    def __len__(self) -> int:
        return len(self.frame)

    def within(self, first: int, last: int) -> "Boxes":
        """Those that cover any of the frames first..last."""
        begin, end = np.searchsorted(self.frame, (first - self.reach_frames, last + self.reach_frames + 1))
        return Boxes(self.frame[begin:end], self.xywh_px[begin:end], self.reach_frames)

    def at(self, frame: int) -> np.ndarray:
        """(K, 4) the boxes that cover this frame."""
        return self.within(frame, frame).xywh_px

    def to_bytes(self) -> bytes:
        """Equal for boxes that cover the same."""
        rows = np.column_stack([self.frame, self.xywh_px]).tolist()
        return json.dumps([self.reach_frames, rows], separators=(",", ":"), allow_nan=False).encode()


def boxes_of(tracklets: Sequence[Tracklet], chosen: bool | list[int], matte: schema.Matte) -> Boxes:
    """The boxes of the chosen objects, coasted ones too. chosen: true for all, or track_ids.

    ShotError when an id is not there.
    """
    if chosen is not True:
        tracklets = _picked(tracklets, chosen or [])
    frame = np.concatenate([np.zeros(0, np.int64), *(one.frames for one in tracklets)])
    xywh_px = np.concatenate([np.zeros((0, 4)), *(one.bboxes for one in tracklets)])
    order = np.lexsort((*xywh_px.T[::-1], frame))  # whose box it is, and under which number, does not matter
    room = matte.dilate_px * np.array([-1, -1, 2, 2])
    return Boxes(frame[order], xywh_px[order] + room, matte.dilate_frames)


def _picked(tracklets: Iterable[Tracklet], ids: list[int]) -> list[Tracklet]:
    known = {one.track_id: one for one in tracklets}
    for track_id in ids:
        if track_id not in known:
            there = f"there are: {', '.join(map(str, sorted(known)))}" if known else "there are none"
            raise ShotError(f"{KEY}: found no object {track_id}; {there}")
    return [known[track_id] for track_id in sorted(set(ids))]
