"""What a format's writer is given: all that is known of a shot."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shotmake.objects.tracklet_file import Tracklet
from shotmake.tracks.markers import Tracks


@dataclass(frozen=True)
class Take:
    """All that is known of a shot.

    - frames: first and last frame of the shot, plate numbers.
    - solution: the solve JSON, never a refused one. points: the arrays of points.npz. Both are None where only tracks
      are asked for.
    - tracks: the 2D tracks of the session; an imported camera has none. names: by track id, for the tracks that have a
      name. weights: by track id, for the weights that are not 1.
    - plate_first_frame: the number of the plate's first frame; None = the shot's first frame.
    - tracklets: the objects that the shot's own camera sees, where objects are asked for.
    """

    shot: str
    plate_file: str
    size_px: tuple[int, int]
    pixel_aspect: float  # the width of a pixel divided by its height
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
