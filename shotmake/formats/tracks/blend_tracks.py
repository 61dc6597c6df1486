"""The 2D tracks of a Blender movie clip (.blend), as blender_scripts/read_tracks.py hands them over in an .npz.

Blender's markers are 0..1 of the image from its bottom-left corner, and count the clip's own frames from 1. A muted
marker is left out: Blender ends a track with one. Track weights come along; patterns, colours, plane tracks and the
tracks of moving objects do not. A track's offset is added. Refused: a clip of another size. Of several clips with
tracks the one is read that the scene shows. Our own .blend holds the shot's tracks, so none is written here.

Source: Blender's Python API, MovieTrackingTrack and MovieTrackingMarker (mute, co, offset_centroid's `offset`, weight).
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.npz_file import read_npz
from shotmake.formats.tracks.named import KEY, Found, NamedTracks, found_tracks

CLIP_FIRST = 1


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Of the .npz: name, weight (T,); clip_size_px (2,), 0 = its plate was not found; track, frame (M,); co (M, 2)."""
    given = read_npz(path, key=KEY, needed=("name", "weight", "clip_size_px", "track", "frame", "co"))
    clip_px = tuple(given["clip_size_px"].tolist())
    if clip_px not in (size_px, (0, 0)):
        found, needed = ("{}x{}".format(*one) for one in (clip_px, size_px))
        raise ShotError(f"the clip of the .blend is of {found} px; needed {needed}, as the plate ({KEY})")
    co = given["co"].reshape(-1, 2)
    xy_px = np.stack([co[:, 0], 1 - co[:, 1]], 1) * size_px
    ends = np.searchsorted(given["track"], np.arange(1, len(given["name"])))
    rows = np.split(np.arange(len(co)), ends) if len(given["name"]) else []
    return found_tracks(
        (
            Found(str(name), given["frame"][mine], xy_px[mine], mine, weight=np.full(len(mine), weight))
            for name, weight, mine in zip(given["name"], given["weight"].tolist(), rows, strict=True)
        ),
        path,
        CLIP_FIRST,
    )
