"""A solver's own result: cameras, lens and points before they are judged."""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import zoomed
from shotmake.geometry.lens import Lens


@dataclass(frozen=True)
class Model:
    """cam_from_world (N, 3, 4), NaN for frames without pose; points (T, 4) homogeneous, NaN for unused
    tracks; used (M,) markers that the adjustment kept; log_zooms (N,) as in adjust.Bundle."""

    lens: Lens
    cam_from_world: np.ndarray
    points: np.ndarray
    used: np.ndarray
    log_zooms: np.ndarray

    @property
    def projecting(self) -> np.ndarray:
        return zoomed(self.cam_from_world, self.log_zooms)

    @property
    def posed(self) -> np.ndarray:
        return np.isfinite(self.cam_from_world[:, 0, 0])
