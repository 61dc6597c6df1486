"""The change of world between the solver's own world and the one that is handed over."""

from dataclasses import dataclass, field

import numpy as np

from shotmake.reasons import Reason


@dataclass(frozen=True)
class World:
    """A similarity: new = scale * rotation @ old + shift, with rotation (3, 3) and shift (3,).

    survey: what points.npz says about survey points, in the order of the config: track_id (S,), miss_m (S,) and miss_px
    (S,). It is empty without a survey.
    """

    rotation: np.ndarray
    shift: np.ndarray
    scale: float
    ground_found: bool
    scale_known: bool
    warnings: tuple[Reason, ...]
    survey: dict[str, np.ndarray] = field(default_factory=dict)

    def transform_points(self, points: np.ndarray) -> np.ndarray:
        """Transform points (N, 3) from the old world to the new one."""
        return self.scale * points @ self.rotation.T + self.shift

    def transform_cameras(self, cam_from_world: np.ndarray) -> np.ndarray:
        """Transform cameras (N, 3, 4) from the old world to the new one. Their pictures stay the same."""
        rotations = cam_from_world[:, :, :3] @ self.rotation.T
        translations = self.scale * cam_from_world[:, :, 3] - rotations @ self.shift
        return np.concatenate([rotations, translations[:, :, None]], 2)


DEPTH_UNITS = 5.0  # the median solved depth, in units, of a world whose scale is unknown
