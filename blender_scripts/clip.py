"""The plate as a MovieClip, with our tracks and the solved lens in its Clip Editor."""

from typing import Any

import bpy
import numpy as np
from arguments import UserError
from sheet import BLENDER_COLOR_SPACE, Points, Tracks

DISABLED = 2  # `status` of a marker that must not be used
HOLDOUT_COLOR = (0.95, 0.6, 0.1)  # tracks the solver never saw: amber in the Clip Editor


def load_plate(sheet: dict[str, Any], relative_path: str) -> bpy.types.MovieClip:
    """Load the plate so that scene frame N shows plate frame N. `relative_path` starts with `//`."""
    plate = sheet["plate"]
    try:
        clip = bpy.data.movieclips.load(relative_path, check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{plate['file']}: Blender cannot open the plate: {str(error).strip()}") from error
    size_px, sheet_px = list(clip.size), list(sheet["resolution_px"])
    if size_px != sheet_px:
        raise UserError(f"{plate['file']}: Blender reads {size_px} px, the sheet says {sheet_px}")
    clip.name = sheet["shot"]
    assert clip.colorspace_settings
    clip.colorspace_settings.name = BLENDER_COLOR_SPACE[sheet["color_space"]]  # pyright: ignore[reportAttributeAccessIssue]
    clip.frame_start = plate["first_frame"]
    clip.frame_offset = 0  # a sequence counts from the file named, a movie from its first frame
    return clip


def set_clip_camera(clip: bpy.types.MovieClip, sheet: dict[str, Any]) -> None:
    """The solved lens in the clip's own terms.

    Blender's Brown model maps undistorted to distorted in coordinates normalised by the focal length, as ours
    does, but its y points up, and its p1 is OpenCV's p2 and the other way round (seen by rendering). Its focal is
    that of x; that of y is as many times larger as its pixels are wide.
    """
    assert clip.tracking and clip.tracking.camera
    lens, camera = sheet["lens"], clip.tracking.camera
    width, height = sheet["resolution_px"]
    camera.sensor_width = sheet["camera"]["sensor_width_mm"]
    camera.units = "MILLIMETERS"
    camera.focal_length = lens["fx_px"] / width * sheet["camera"]["sensor_width_mm"]
    camera.pixel_aspect = lens["fy_px"] / lens["fx_px"]
    camera.principal_point_pixels = (lens["cx_px"], height - lens["cy_px"])
    camera.distortion_model = "BROWN"
    camera.brown_k1, camera.brown_k2, camera.brown_k3 = (lens.get(key, 0.0) for key in ("k1", "k2", "k3"))
    camera.brown_k4 = 0.0
    camera.brown_p1, camera.brown_p2 = lens.get("p2", 0.0), -lens.get("p1", 0.0)


def inject_tracks(clip: bpy.types.MovieClip, sheet: dict[str, Any], tracks: Tracks, points: Points) -> None:
    """Every track as `track_00012`, hold-outs too (in amber).

    Blender holds a marker until the next one, so each gap, and the frames before and behind a track,
    begin with a muted marker: nothing is shown or solved where nothing was tracked.
    """
    assert clip.tracking
    plate = sheet["plate"]
    width, height = sheet["resolution_px"]
    holdout_ids = set(points.track_id[points.holdout.astype(bool)].tolist())
    clip_frame = tracks.frame.astype(int) - plate["first_frame"] + 1  # the clip counts its own frames from 1
    co = tracks.xy_px.astype(float) / (width, height)
    co[:, 1] = 1.0 - co[:, 1]
    order = np.lexsort((clip_frame, tracks.track_id))
    starts = np.flatnonzero(np.diff(tracks.track_id[order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        track_id = int(tracks.track_id[rows[0]])
        track = clip.tracking.tracks.new(name=f"track_{track_id:05d}", frame=int(clip_frame[rows[0]]))
        if track_id in holdout_ids:
            track.use_custom_color, track.color = True, HOLDOUT_COLOR
        frames, positions = clip_frame[rows].tolist(), co[rows].tolist()
        off = (tracks.status[rows] == DISABLED).tolist()
        for frame, position, muted in _with_muted_ends(frames, positions, off, plate["frame_count"]):
            track.markers.insert_frame(frame, co=position).mute = muted


def _with_muted_ends(
    frames: list[int], positions: list[list[float]], muted: list[bool], frame_count: int
) -> list[tuple[int, tuple[float, float], bool]]:
    """The markers of one track as (clip frame, position, muted), a muted one before, between and behind runs."""
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
