"""The matte of the objects: which of their boxes cover a frame, with room around them in the picture and in time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.objects.tracklet_file import Tracklet

KEY = "tracking.mask.from_objects"


@dataclass(frozen=True)
class Boxes:
    """Boxes that cover frames.

    frame (N,): plate frame numbers, ascending; xywh_px (N, 4): px, with the room around the box. Each box also covers
    the reach_frames frames before and after its own frame.
    """

    frame: np.ndarray
    xywh_px: np.ndarray
    reach_frames: int

    def __len__(self) -> int:
        return len(self.frame)

    def select_frames(self, first: int, last: int) -> "Boxes":
        """Return the boxes that cover any of the frames first..last."""
        begin, end = np.searchsorted(self.frame, (first - self.reach_frames, last + self.reach_frames + 1))
        return Boxes(self.frame[begin:end], self.xywh_px[begin:end], self.reach_frames)

    def select_at(self, frame: int) -> np.ndarray:
        """Return the boxes that cover this frame, as (K, 4) px."""
        return self.select_frames(frame, frame).xywh_px

    def to_bytes(self) -> bytes:
        """Return the boxes as bytes, which are equal for boxes that cover the same."""
        rows = np.column_stack([self.frame, self.xywh_px]).tolist()
        return json.dumps([self.reach_frames, rows], separators=(",", ":"), allow_nan=False).encode()


def boxes_of(tracklets: Sequence[Tracklet], chosen: bool | list[int], matte: schema.Matte) -> Boxes:
    """Collect the boxes of the chosen objects, also the coasted ones. chosen: True for all objects, or track_ids.

    Raises ShotError for a track_id that is not there.
    """
    if chosen is not True:
        tracklets = _pick(tracklets, chosen or [])
    frame = np.concatenate([np.zeros(0, np.int64), *(one.frames for one in tracklets)])
    xywh_px = np.concatenate([np.zeros((0, 4)), *(one.bboxes for one in tracklets)])
    order = np.lexsort((*xywh_px.T[::-1], frame))  # an order that does not depend on whose box it is
    room = matte.dilate_px * np.array([-1, -1, 2, 2])
    return Boxes(frame[order], xywh_px[order] + room, matte.dilate_frames)


def _pick(tracklets: Iterable[Tracklet], ids: list[int]) -> list[Tracklet]:
    known = {one.track_id: one for one in tracklets}
    for track_id in ids:
        if track_id not in known:
            there = f"there are: {', '.join(map(str, sorted(known)))}" if known else "there are none"
            raise ShotError(f"{KEY}: found no object {track_id}; {there}")
    return [known[track_id] for track_id in sorted(set(ids))]
