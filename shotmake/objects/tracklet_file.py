"""Objects: what moves in the plate, as tracklets.

A tracklet is one camera's boxes of one object, frame by frame, under a small number that stays.

Boxes are (x, y, w, h) in plate px, x and y of their top-left corner. The image's top-left corner is (0, 0).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.json_file import read_json

DETECTED, COASTED = "detected", "coasted"
DECIMALS = 4  # decimals of px in the file


@dataclass(frozen=True)
class Tracklet:
    """One object as one camera sees it. Its arrays are read-only.

    frames (N,): ascending plate frame numbers without gaps, from the first frame in which the object is detected to the
    last; bboxes (N, 4): px; frame_status: N times "detected" or "coasted" (not seen, between two frames in which it
    is).
    """

    camera_id: str
    track_id: int  # from 1, in the order in which objects are confirmed
    frames: np.ndarray
    bboxes: np.ndarray
    frame_status: tuple[str, ...]
    label: str = ""  # the class, where the detector says it

    def __post_init__(self) -> None:
        for array in (self.frames, self.bboxes):
            array.flags.writeable = False

    @property
    def centroids(self) -> np.ndarray:
        """The boxes' centres, (N, 2) px."""
        return self.bboxes[:, :2] + self.bboxes[:, 2:] / 2

    @property
    def is_coasted(self) -> np.ndarray:
        """Which frames are coasted, (N,) bool."""
        return np.array(self.frame_status) == COASTED

    def is_valid(self) -> bool:
        """Return whether the tracklet is as described. It may come from a file that somebody edited."""
        count = len(self.frames)
        rises = self.frames.ndim == 1 and count > 0 and bool((np.diff(self.frames) == 1).all())
        known = {self.frame_status[0], self.frame_status[-1]} == {DETECTED} if self.frame_status else False
        words = set(self.frame_status) <= {DETECTED, COASTED} and isinstance(self.label, str)
        boxes = self.bboxes.shape == (count, 4) and bool(np.isfinite(self.bboxes).all())
        return rises and known and words and boxes and len(self.frame_status) == count and type(self.track_id) is int

    def to_json(self) -> dict:
        """Return the tracklet as its record in an objects.json."""
        return {
            "camera_id": self.camera_id,
            "track_id": self.track_id,
            "label": self.label,
            "frames": self.frames.tolist(),
            "centroids": np.round(self.centroids, DECIMALS).tolist(),
            "bboxes": np.round(self.bboxes, DECIMALS).tolist(),
            "frame_status": list(self.frame_status),
        }

    @classmethod
    def from_json(cls, record: dict) -> "Tracklet":
        """Read a tracklet from its record in an objects.json."""
        frames, bboxes = np.array(record["frames"], np.int64), np.array(record["bboxes"], float).reshape(-1, 4)
        status = tuple(record["frame_status"])
        return cls(record["camera_id"], record["track_id"], frames, bboxes, status, record["label"])


def yield_objects_text(facts: dict, tracklets: Iterable[Tracklet]) -> Iterator[str]:
    """Yield the text of an objects.json, piece by piece, because that of a long shot is large.

    First come its other keys, then one line for each tracklet.
    """
    yield json.dumps(facts, sort_keys=True, allow_nan=False)[:-1] + ', "tracklets": ['
    comma = "\n"
    for one in tracklets:
        yield comma + json.dumps(one.to_json(), sort_keys=True, allow_nan=False)
        comma = ",\n"
    yield "\n]}\n"


def read_tracklets(path: Path) -> list[Tracklet]:
    """Read an objects.json.

    Raises ShotError for a file that the objects stage did not write; the ValueError inside becomes that error.
    """
    record = read_json(path)
    try:
        found = [Tracklet.from_json(one) for one in record["tracklets"]]
        if any(not one.is_valid() for one in found):
            raise ValueError("lists of different lengths")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ShotError(
            f"{path.name}: not an objects.json ({quote_error(error, 80)}); delete it and run again"
        ) from error
    return found
