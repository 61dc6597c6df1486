"""Detections: the boxes that a detector found in one camera's frames, not yet joined to objects."""

from dataclasses import dataclass, fields

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.npz_file import pack_npz, read_npz

STORED = "stored detections"

SHARES_PX = 2.0  # in a file of shares, no box ends farther from the top-left corner than this


@dataclass(frozen=True)
class Detections:
    """N boxes of one camera.

    frame (N,): int64 plate frame numbers, ascending; xywh_px (N, 4): float64, top-left corner and size in plate px;
    confidence (N,): float64, 0..1; label (N,): str, "" where no class is said.
    """

    frame: np.ndarray
    xywh_px: np.ndarray
    confidence: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def select_frames(self, first: int, last: int) -> "Detections":
        """Return the detections of the frames first..last."""
        return self.select(slice(*np.searchsorted(self.frame, (first, last + 1))))

    def select(self, which: np.ndarray | slice) -> "Detections":
        """Return the detections that a mask (N,) or a slice selects."""
        return Detections(self.frame[which], self.xywh_px[which], self.confidence[which], self.label[which])


def join_detections(parts: list[Detections]) -> Detections:
    """Join detections, one after another. Each part must have later frames than the part before."""
    return Detections(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))


def find_misplaced(detections: Detections, size_px: tuple[int, int]) -> np.ndarray:
    """Find the boxes that do not touch a plate of this size, as (N,) bool."""
    low, high = detections.xywh_px[:, :2], detections.xywh_px[:, :2] + detections.xywh_px[:, 2:]
    return np.any((low >= size_px) | (high <= 0), 1)


def are_shares(detections: Detections) -> bool:
    """Return whether the boxes seem to be shares of the picture, as some detectors write them.

    Then no box reaches beyond the picture's first pixels.
    """
    return len(detections) > 0 and bool((detections.xywh_px[:, :2] + detections.xywh_px[:, 2:] <= SHARES_PX).all())


def pack_detections(detections: Detections) -> bytes:
    """Pack detections into an .npz. The same detections give the same bytes."""
    return pack_npz(vars(detections))


def unpack_detections(data: bytes) -> Detections:
    """Unpack what pack_detections made. Raises ShotError for other bytes."""
    names = [field.name for field in fields(Detections)]
    found = read_npz(data, STORED, needed=names)
    rows = found["frame"].shape
    shapes = {"frame": rows, "xywh_px": (*rows, 4), "confidence": rows, "label": rows}
    kinds = "".join(found[name].dtype.kind for name in names)
    if len(rows) != 1 or {name: found[name].shape for name in names} != shapes or kinds != "iffU":
        raise ShotError(f"{STORED}: their arrays do not belong together; delete them, and they are made again")
    return Detections(**found)
