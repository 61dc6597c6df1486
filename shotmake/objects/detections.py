"""Detections: the boxes that a detector found in one camera's frames, not yet joined to objects."""

from dataclasses import dataclass, fields

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.npz_file import npz_bytes, read_npz

STORED = "stored detections"

SHARES_PX = 2.0  # no box of such a file ends farther from the top-left corner


@dataclass(frozen=True)
class Detections:
    """frame (N,) int64 plate numbers, ascending; xywh_px (N, 4) float64, top-left corner and size in plate px;
    confidence (N,) float64, 0..1; label (N,) str, "" where no class is said."""

    frame: np.ndarray
    xywh_px: np.ndarray
    confidence: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def within(self, first: int, last: int) -> "Detections":
        """Those of the frames first..last."""
        return self.where(slice(*np.searchsorted(self.frame, (first, last + 1))))

    def where(self, which: np.ndarray | slice) -> "Detections":
        """Those selected by a mask or slice."""
        return Detections(self.frame[which], self.xywh_px[which], self.confidence[which], self.label[which])


def joined(parts: list[Detections]) -> Detections:
    """One after another; each of later frames than the one before."""
    return Detections(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))


def misplaced(detections: Detections, size_px: tuple[int, int]) -> np.ndarray:
    """(N,) bool: which boxes do not touch a plate of this size."""
    low, high = detections.xywh_px[:, :2], detections.xywh_px[:, :2] + detections.xywh_px[:, 2:]
    return np.any((low >= size_px) | (high <= 0), 1)


def are_shares(detections: Detections) -> bool:
    """Whether they seem to be given in shares of the picture, as some detectors do: none is beyond its first pixels."""
    return len(detections) > 0 and bool((detections.xywh_px[:, :2] + detections.xywh_px[:, 2:] <= SHARES_PX).all())


def detections_bytes(detections: Detections) -> bytes:
    """As an .npz, with the same bytes for the same detections."""
    return npz_bytes(vars(detections))


def detections_of(data: bytes) -> Detections:
    """What detections_bytes was given. ShotError for bytes that it did not make."""
    names = [field.name for field in fields(Detections)]
    found = read_npz(data, STORED, needed=names)
    rows = found["frame"].shape
    shapes = {"frame": rows, "xywh_px": (*rows, 4), "confidence": rows, "label": rows}
    kinds = "".join(found[name].dtype.kind for name in names)
    if len(rows) != 1 or {name: found[name].shape for name in names} != shapes or kinds != "iffU":
        raise ShotError(f"{STORED}: their arrays do not belong together; delete them, and they are made again")
    return Detections(**found)
