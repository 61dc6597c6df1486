"""Backwards in time: tracks that were born inside a segment are followed back to its first frame, never beyond it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from shotmake.config import schema
from shotmake.tracks import follow
from shotmake.tracks.markers import Tracks, join_tracks
from shotmake.tracks.predict import Picture
from shotmake.tracks.segments import Handover

LIVED_FRAMES = 3  # a track that ended sooner is not worth the way back
CROWDED = 0.5  # times min_distance_px: a track that is nearer to another one tells nothing new


def follow_back(
    frames: list[tuple[int, Picture]],
    newborn: list[Handover],
    forward: list[Tracks],
    detect: schema.Detect,
    track: schema.Track,
    mask_of: Callable[[int], np.ndarray | None],
) -> tuple[Tracks, np.ndarray]:
    """Follow the tracks `newborn` in each of `frames` back to before their birth, given all markers so far (`forward`).

    Returns the new markers, and the anchors renewed on the way: (K, 2) track id and frame.
    """
    known = join_tracks(forward)
    lived = np.flatnonzero(np.bincount(known.track_id) >= LIVED_FRAMES)
    last = frames[-1][0]
    going, anchors, parts = None, None, []
    for (frame, picture), (later_frame, later), born in zip(frames[-2::-1], frames[:0:-1], newborn[:0:-1], strict=True):
        worth = np.flatnonzero(np.isin(born.track_id, lived) | (born.frame > last - LIVED_FRAMES))
        born = replace(born.keep(worth), velocity_px=-born.velocity_px[worth])
        if going is None or anchors is None:
            going = follow.begin_empty(born.frame, later, track)
            anchors = follow.anchors_of(going, track)
        if len(born.track_id):
            going, anchors = going.join(born), anchors.join(follow.anchors_of(born, track))
        if not len(going.track_id):
            going = replace(going, half=born.half)
            continue
        going = replace(going, frame=later_frame)
        going, anchors = follow.follow(going, anchors, later.levels, frame, picture, track, mask_of(frame))
        there = known.xy_px[known.frame == frame]
        if len(there) and len(going.track_id):
            apart = cKDTree(there).query(going.xy_px)[0] > CROWDED * detect.min_distance_px
            going, anchors = going.keep(apart), anchors.keep(apart)
        parts.append(going.list_markers())
    return join_tracks(parts), going.renewed if going is not None else follow.NONE_RENEWED
