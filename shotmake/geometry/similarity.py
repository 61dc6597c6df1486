"""The change of world between the solver's own and the one that is handed over."""

from dataclasses import dataclass, field

import numpy as np

from shotmake.reasons import Reason


@dataclass(frozen=True)
class World:
    """new = scale * rotation @ old + shift.

    survey: what points.npz tells of survey points, in the order of the config: track_id (S,), miss_m (S,) and
    miss_px (S,); empty without a survey.
    """

    rotation: np.ndarray
    shift: np.ndarray
    scale: float
    ground_found: bool
    scale_known: bool
    warnings: tuple[Reason, ...]
    survey: dict[str, np.ndarray] = field(default_factory=dict)

    def points(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) old -> new."""
        return self.scale * points @ self.rotation.T + self.shift

    def cameras(self, cam_from_world: np.ndarray) -> np.ndarray:
        """(N, 3, 4) old -> new; the pictures stay the same."""
        rotations = cam_from_world[:, :, :3] @ self.rotation.T
        translations = self.scale * cam_from_world[:, :, 3] - rotations @ self.shift
        return np.concatenate([rotations, translations[:, :, None]], 2)


DEPTH_UNITS = 5.0  # median solved depth of a world without known scale
