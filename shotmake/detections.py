"""Detections: the boxes that a detector found in one camera's frames, not yet joined to objects."""

from dataclasses import dataclass

import numpy as np


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
        here = slice(*np.searchsorted(self.frame, (first, last + 1)))
        return Detections(self.frame[here], self.xywh_px[here], self.confidence[here], self.label[here])
