"""Our tracks in the clip: named, coloured and weighted by the artist's groups, keyed where the artist placed them."""

from typing import Any

import bpy
import numpy as np

from kit.clip.artists_tracks import Told
from kit.libmv.tracking_settings import MOTION_MODELS, set_tracking
from kit.read_scene_sheet import Points, Tracks

DISABLED = 2  # the `status` of a marker that must not be used
HOLDOUT_COLOR = (0.95, 0.6, 0.1)  # amber, for tracks that the solver never saw


def inject_tracks(
    clip: bpy.types.MovieClip, sheet: dict[str, Any], tracks: Tracks, points: Points, told: Told
) -> dict[int, str]:
    """Add all tracks to the clip, hold-outs too; return their names by id.

    Hold-outs have weight 0, and are amber unless they have a colour of their own. Blender's weights end at 1, so where
    a track weighs more, all are scaled down together.
    """
    assert clip.tracking
    if told.track:
        set_tracking(clip, told.track)
    plate = sheet["plate"]
    holdout_ids = set(points.track_id[points.holdout.astype(bool)].tolist())
    heaviest = max([1.0, *(one.get("weight", 1.0) for one in told.per_track.values())])
    placed, models = _find_placed(told, plate["first_frame"])
    clip_frame = tracks.frame.astype(int) - plate["first_frame"] + 1  # the clip counts its own frames from 1
    co = tracks.xy_px.astype(float) / sheet["resolution_px"]
    co[:, 1] = 1.0 - co[:, 1]
    order = np.lexsort((clip_frame, tracks.track_id))
    starts = np.flatnonzero(np.diff(tracks.track_id[order], prepend=-1))
    names: dict[int, str] = {}
    for rows in np.split(order, starts[1:]) if len(order) else []:
        track_id = int(tracks.track_id[rows[0]])
        track = clip.tracking.tracks.new(name=told.name_of(track_id), frame=int(clip_frame[rows[0]]))
        names[track_id] = track.name  # Blender changes the name where two tracks would have the same
        is_holdout = track_id in holdout_ids
        track.weight = 0.0 if is_holdout else told.get(track_id).get("weight", 1.0) / heaviest
        color = told.color_of(track_id) or (HOLDOUT_COLOR if is_holdout else None)
        if color:
            track.use_custom_color, track.color = True, color
        own_name = told.get(track_id).get("name", "")
        if own_name in models:
            track.motion_model = MOTION_MODELS[models[own_name]]  # pyright: ignore[reportAttributeAccessIssue]
        born = track.markers[0]  # only this marker has the sizes that were set above
        pattern = np.array(born.pattern_corners)
        low, high = np.array(born.search_min).tolist(), np.array(born.search_max).tolist()
        frames, positions = clip_frame[rows].tolist(), co[rows].tolist()
        off = (tracks.status[rows] == DISABLED).tolist()
        for frame, position, muted in _with_muted_ends(frames, positions, off, plate["frame_count"]):
            marker = track.markers.insert_frame(frame, co=position)
            marker.pattern_corners, marker.search_min, marker.search_max = pattern, low, high
            marker.mute, marker.is_keyed = muted, (own_name, frame) in placed
    return names


def _find_placed(told: Told, first_frame: int) -> tuple[set[tuple[str, int]], dict[str, str]]:
    """Return where the artist placed markers, as (name, clip frame), and the motion models of manual tracks."""
    placed = {(one["name"], one["frame"] - first_frame + 1) for one in told.manual}
    return placed, {one["name"]: one["motion_model"] for one in told.manual if one.get("motion_model")}


def _with_muted_ends(
    frames: list[int], positions: list[list[float]], muted: list[bool], frame_count: int
) -> list[tuple[int, tuple[float, float], bool]]:
    """Return the markers of one track as (clip frame, position, muted), with muted ones around its runs."""
    markers: list[tuple[int, tuple[float, float], bool]] = []
    last_frame, last_position = 0, (0.0, 0.0)
    for frame, xy, off in zip(frames, positions, muted, strict=True):
        position = (xy[0], xy[1])
        if not markers and frame > 1:
            markers.append((frame - 1, position, True))
        elif markers and frame > last_frame + 1:
            markers.append((last_frame + 1, last_position, True))
        markers.append((frame, position, off))
        last_frame, last_position = frame, position
    if last_frame < frame_count:
        markers.append((last_frame + 1, last_position, True))
    return markers
