"""The result of a solver: cameras, lens and points before they are judged."""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.lens import Lens


@dataclass(frozen=True)
class Model:
    """The cameras, lens and points of a solver.

    cam_from_world (N, 3, 4): NaN for frames without a pose. points (T, 4): homogeneous, NaN for unused tracks. used
    (M,): mask of the markers that the adjustment kept. log_zooms (N,): as in adjust.Bundle.
    """

    lens: Lens
    cam_from_world: np.ndarray
    points: np.ndarray
    used: np.ndarray
    log_zooms: np.ndarray

    @property
    def projecting(self) -> np.ndarray:
        """The cameras to project with, (N, 3, 4): zoomed by log_zooms."""
        return zoom_cameras(self.cam_from_world, self.log_zooms)

    @property
    def posed(self) -> np.ndarray:
        """The mask (N,) of the frames that have a pose."""
        return np.isfinite(self.cam_from_world[:, 0, 0])
