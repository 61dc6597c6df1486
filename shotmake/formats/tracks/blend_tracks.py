"""The 2D tracks of a Blender movie clip (.blend), as blender_scripts/read_tracks.py hands them over in an .npz.

Blender's markers are 0..1 of the image from its bottom-left corner, and count the frames of the movie clip from 1. A
muted marker is left out: Blender ends a track with one. Track weights are read; patterns, colours, plane tracks and the
tracks of moving objects are not. A track's offset is added. Refused: a movie clip of another size. If several movie
clips have tracks, the one that the scene shows is read. The .blend that shotmake writes holds the shot's tracks, so no
format of tracks is written here.

Source: Blender's Python API, MovieTrackingTrack and MovieTrackingMarker (mute, co, offset_centroid's `offset`, weight).
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.npz_file import read_npz
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, name_tracks

CLIP_FIRST = 1


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of the .npz that read_tracks.py wrote. size_px: (width, height) of the plate.

    The .npz holds name, weight (T,); clip_size_px (2,), 0 = the plate of the movie clip was not found; track, frame
    (M,); co (M, 2). Raises ShotError when the movie clip has another size than the plate, and as `name_tracks` does.
    """
    given = read_npz(path, key=KEY, needed=("name", "weight", "clip_size_px", "track", "frame", "co"))
    clip_px = tuple(given["clip_size_px"].tolist())
    if clip_px not in (size_px, (0, 0)):
        found, needed = ("{}x{}".format(*one) for one in (clip_px, size_px))
        raise ShotError(f"the clip of the .blend is of {found} px; needed {needed}, as the plate ({KEY})")
    co = given["co"].reshape(-1, 2)
    xy_px = np.stack([co[:, 0], 1 - co[:, 1]], 1) * size_px
    ends = np.searchsorted(given["track"], np.arange(1, len(given["name"])))
    rows = np.split(np.arange(len(co)), ends) if len(given["name"]) else []
    return name_tracks(
        (
            ReadTrack(str(name), given["frame"][mine], xy_px[mine], mine, weight=np.full(len(mine), weight))
            for name, weight, mine in zip(given["name"], given["weight"].tolist(), rows, strict=True)
        ),
        path,
        CLIP_FIRST,
    )
