"""Our tracks.npz: track_id, frame, xy_px, quality, status (shotmake.tracks.markers). Plate frames, px from the
top-left.

The weights and names of the session are not in this file: they are in its quality.json, and in the groups that gave
them.
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.formats.tracks.named_tracks import KEY, XY_MAX_PX, NamedTracks
from shotmake.tracks.markers import DISABLED, INTERPOLATED, TRACKED, Tracks, load_tracks

STATUSES = (TRACKED, INTERPOLATED, DISABLED)


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the markers that have a position and an expected error. The others are left out: they are no measurements.

    Raises ShotError when the file is not a tracks.npz, and when a status is none of STATUSES. size_px is not used.
    """
    found = load_tracks(path, KEY)
    if (strange := ~np.isin(found.status, STATUSES)).any():
        status = found.status[np.argmax(strange)]
        raise ShotError(f"{path.name}: found the status {status:g}, needed one of {STATUSES} ({KEY})")
    measured = (np.abs(found.xy_px) <= XY_MAX_PX).all(1) & (found.quality >= 0) & (found.quality <= XY_MAX_PX)
    return NamedTracks(Tracks.from_markers(*vars(found.select(measured)).values()))
