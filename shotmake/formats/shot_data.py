"""What a format's writer is given: all that is known of a shot."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shotmake.objects.tracklets import Tracklet
from shotmake.tracks.markers import Tracks


@dataclass(frozen=True)
class Take:
    """frames: first and last of the shot, plate numbers. solution: the solve JSON, never a refused one; points: the
    arrays of points.npz; tracks, names (by track id: those that were given one): of the session. Where only tracks are
    asked for, solution and points are None; an imported camera has no tracks. weights: by track id, those that are not
    1; plate_first_frame: the number of the plate's first frame, None = that of the shot's; tracklets: of the shot's own
    camera, where objects are asked for."""

    shot: str
    plate_file: str
    size_px: tuple[int, int]
    pixel_aspect: float  # a pixel's width by its height
    frame_rate: Fraction
    frames: tuple[int, int]
    sensor_width_mm: float
    solution: dict | None
    points: dict[str, np.ndarray] | None
    tracks: Tracks | None
    names: dict[int, str]
    weights: dict[int, float] = field(default_factory=dict)
    plate_first_frame: int | None = None
    tracklets: tuple[Tracklet, ...] = ()
