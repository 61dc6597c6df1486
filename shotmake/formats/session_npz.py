"""Our tracks.npz: track_id, frame, xy_px, quality, status (shotmake.session). Plate frames, px from the top-left.

Weights and names of the session stay with it: they are in its quality.json, and in the groups that gave them.
"""

import struct
import zlib
from pathlib import Path
from zipfile import BadZipFile

from shotmake.errors import ShotError
from shotmake.formats.named import KEY, NamedTracks
from shotmake.session import Tracks, load_tracks

FAULTS = (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, MemoryError, NotImplementedError)
ZIP_FAULTS = (BadZipFile, zlib.error, struct.error, RuntimeError)  # RuntimeError: a password


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Those markers whose positions are finite; the others were no measurement."""
    try:
        found = load_tracks(path)
        if {len(value) for value in vars(found).values()} != {len(found)} or found.xy_px.shape != (len(found), 2):
            raise ValueError("its arrays differ in length")
        if found.frame.min(initial=0) < 0 or found.frame.dtype.kind != "i" or found.track_id.dtype.kind != "i":
            raise ValueError("its frames and ids are no whole numbers from 0")
        tracks = Tracks.from_markers(*vars(found).values())
    except (*FAULTS, *ZIP_FAULTS) as error:
        said = " ".join(str(error).split())[:120]
        raise ShotError(f"{path.name}: not a tracks.npz ({said}); check {KEY}") from error
    return NamedTracks(tracks)
