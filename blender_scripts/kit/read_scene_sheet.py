"""The scene sheet and the arrays beside it: read, and refused where Blender would fail with them only later."""

import json
import math
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kit.arguments import UserError, count_of, quote_error
from kit.config_choices import OF_THE_CONFIG

SCHEMA = 1
NEEDED = {
    "": [
        *("shot", "status", "frame_start", "frame_end", "frame_rate", "resolution_px", "pixel_aspect", "color_space"),
        *("stabilization", "corner_pin"),  # null when they are off
    ],
    "plate": ["file", "kind", "first_frame", "frame_count"],
    "world": ["unit_scale", "units", "camera_distance"],
    "solve": ["rms_px", "rms_px_per_frame"],
    "camera": [
        *("sensor_fit", "sensor_width_mm", "sensor_height_mm", "focal_mm", "focal_mm_per_frame", "shift_x", "shift_y"),
        *("clip_start", "clip_end", "frames", "location", "rotation_quaternion"),
    ],
    "overscan": ["resolution_px", "sensor_width_mm", "shift_x", "shift_y"],
    "lens": ["model", "direction", "fx_px", "fy_px", "cx_px", "cy_px"],
    "ground": ["z", "center", "size"],
    "subject": ["kind", "size", "location", "rotation_z_deg"],
    "lights": [
        *("preset", "sun_direction", "sun_strength", "sun_angle_deg", "fill_strength", "dome_strength", "image"),
        *("rotation_z_deg", "lamps"),
    ],
    "backdrop": ["kind", "color", "image", "curve", "picture"],
    "composite": [
        *("mode", "background_source", "background_image", "apply_to_cg", "shadow_catcher", "film_transparent"),
    ],
    "render": ["samples", "format"],
}
# The plate's colour space in Blender's words. Rec.709 is loaded as sRGB: with the "Standard" view, what comes
# in as sRGB goes out as it was, so the plate passes unchanged.
BLENDER_COLOR_SPACE = {"Rec.709": "sRGB", "sRGB": "sRGB", "Linear": "Linear Rec.709", "Raw": "Non-Color"}
CHOICES = {
    **OF_THE_CONFIG,
    "subject.kind": [*OF_THE_CONFIG["subject.kind"], "blend"],  # blend: shot.subject.blend is set
    "plate.kind": ["movie", "sequence"],
    "world.units": ["METRIC", "NONE"],
    "camera.sensor_fit": ["HORIZONTAL"],
    "lens.model": ["brown_conrady"],
    "lens.direction": ["undistorted_to_distorted"],
}


@dataclass(frozen=True)
class Tracks:
    """The markers of a shot.

    track_id, frame (plate frame numbers), status: (M,); xy_px (M, 2): from the top-left corner.
    """

    track_id: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class Points:
    """The bundles of a shot. track_id, error_px, holdout: (P,); point_xyz (P, 3): world units."""

    track_id: np.ndarray
    point_xyz: np.ndarray
    error_px: np.ndarray
    holdout: np.ndarray


def read_sheet(path: Path) -> dict[str, Any]:
    """Read the scene sheet as a dict. Raises UserError with the first key that is missing or cannot be used."""
    try:
        sheet = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot read the scene sheet: {quote_error(error)}") from error
    if not isinstance(sheet, dict) or sheet.get("schema") != SCHEMA:
        raise UserError(f"{path}: found no scene sheet of schema {SCHEMA}; build the scene stage again")
    for block, keys in NEEDED.items():
        found = sheet.get(block) if block else sheet
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                raise UserError(f"{path}: {'.'.join(filter(None, [block, key]))} is missing")
    for dotted, allowed in CHOICES.items():
        found = _get_value(sheet, dotted)
        if found not in allowed:
            said = "null" if found is None else repr(found)
            raise UserError(f"{path}: {dotted} is {said}; this version knows {', '.join(allowed)}")
    _check_camera(path, sheet["camera"])
    _check_overscan(path, sheet)
    if sheet["frame_start"] > sheet["frame_end"]:
        raise UserError(f"{path}: frame_start {sheet['frame_start']} lies behind frame_end {sheet['frame_end']}")
    numerator, denominator = sheet["frame_rate"]
    if not (numerator > 0 and denominator > 0):
        raise UserError(f"{path}: frame_rate {sheet['frame_rate']} is not a positive fraction")
    return sheet


def _get_value(sheet: dict[str, Any], dotted: str) -> Any:
    for key in dotted.split("."):
        sheet = sheet[key]
    return sheet


def _check_camera(path: Path, camera: dict[str, Any]) -> None:
    frames, locations, quaternions = (camera[key] for key in ("frames", "location", "rotation_quaternion"))
    if not frames or not len(frames) == len(locations) == len(quaternions):
        raise UserError(
            f"{path}: camera has {count_of(len(frames), 'frame')}, {count_of(len(locations), 'location')}, "
            f"{count_of(len(quaternions), 'rotation')}; needed the same number of each, at least one"
        )
    if any(later <= earlier for earlier, later in pairwise(frames)):
        raise UserError(f"{path}: camera.frames do not rise")
    numbers = [*(n for row in locations for n in row), *(n for row in quaternions for n in row)]
    if not all(map(math.isfinite, numbers)) or {*map(len, locations)} != {3} or {*map(len, quaternions)} != {4}:
        raise UserError(f"{path}: camera.location needs 3 and camera.rotation_quaternion 4 finite numbers a frame")


def _check_overscan(path: Path, sheet: dict[str, Any]) -> None:
    plate, overscan = sheet["resolution_px"], sheet["overscan"]["resolution_px"]
    if any((big - small) % 2 or big < small for small, big in zip(plate, overscan, strict=True)):
        raise UserError(f"{path}: overscan.resolution_px {overscan} is not plate {plate} plus the same on each side")


def read_frame_rate(sheet: dict[str, Any]) -> tuple[int, float]:
    """Return Blender's (fps, fps_base): 24000/1001 is 24 and 1.001, Blender's own way to write the rate."""
    rate = Fraction(*sheet["frame_rate"])
    fps = max(1, round(rate))
    return fps, float(fps / rate)


def read_tracks(file: str | None) -> Tracks:
    """Read tracks.npz; no tracks at all when there is no file. Raises UserError for a file that is not one."""
    if file is None:
        return Tracks(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 2)), np.zeros(0, int))
    tracks = Tracks(**_read_arrays(file, ["track_id", "frame", "xy_px", "status"]))
    if tracks.xy_px.shape != (len(tracks.track_id), 2) or len(tracks.frame) != len(tracks.track_id):
        raise UserError(
            f"{file}: xy_px {tracks.xy_px.shape} does not go with {count_of(len(tracks.track_id), 'marker')}"
        )
    return tracks


def read_points(file: str | None) -> Points:
    """Read points.npz; no points at all when there is no file. Raises UserError for a file that is not one."""
    if file is None:
        return Points(np.zeros(0, int), np.zeros((0, 3)), np.zeros(0), np.zeros(0, bool))
    points = Points(**_read_arrays(file, ["track_id", "point_xyz", "error_px", "holdout"]))
    if points.point_xyz.shape != (len(points.track_id), 3):
        raise UserError(
            f"{file}: point_xyz {points.point_xyz.shape} does not go with {count_of(len(points.track_id), 'point')}"
        )
    return points


def _read_arrays(file: str, names: list[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored.files]
            if not missing:
                return {name: stored[name] for name in names}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file}: cannot read: {quote_error(error)}") from error
    raise UserError(f"{file}: {', '.join(missing)} missing")
