"""The solved camera, with a key in every frame, and the wider camera that renders its overscan."""

from typing import Any

import bpy
import numpy as np

from kit.keyframes import set_keys

SOLVED = "solved_camera"  # the name of the solved camera
SIGHT_FRACTION = 0.1  # how large a camera is drawn, as a share of its distance


def make_solved_camera(
    sheet: dict[str, Any], clip: bpy.types.MovieClip, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Make the camera of the plate, with explicit focal, shift and sensor fit.

    It has one key for each solved frame, linear between. What stands still has one key: a tripod's place, and a static
    camera's rotation too.
    """
    solved = sheet["camera"]
    data = _make_camera_data(SOLVED, solved["focal_mm"], solved)
    data.sensor_width, data.sensor_height = solved["sensor_width_mm"], solved["sensor_height_mm"]
    data.shift_x, data.shift_y = solved["shift_x"], solved["shift_y"]
    data.passepartout_alpha = 0.9
    data.display_size = SIGHT_FRACTION * sheet["world"]["camera_distance"]
    _put_plate_behind(data, clip, sheet)
    camera = bpy.data.objects.new(SOLVED, data)
    camera.rotation_mode = "QUATERNION"
    collection.objects.link(camera)
    for path, still in (("location", ("tripod", "static")), ("rotation_quaternion", ("static",))):
        keys = slice(0, 1 if sheet["status"] in still else None)
        set_keys(camera, path, solved["frames"][keys], np.array(solved[path][keys], float))
    _set_zoom_keys(data, solved)
    return camera


def make_overscan_camera(
    sheet: dict[str, Any], parent: bpy.types.Object, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Make the wider camera: a child of the solved camera, in its place, with the same focal on a wider film back."""
    solved, overscan = sheet["camera"], sheet["overscan"]
    width, height = overscan["resolution_px"]
    data = _make_camera_data("overscan_camera", solved["focal_mm"], solved)
    data.sensor_width = overscan["sensor_width_mm"]
    data.sensor_height = overscan["sensor_width_mm"] * height / width
    data.shift_x, data.shift_y = overscan["shift_x"], overscan["shift_y"]
    data.display_size = SIGHT_FRACTION * sheet["world"]["camera_distance"]
    camera = bpy.data.objects.new("overscan_camera", data)
    camera.parent = parent
    camera.hide_select = True
    collection.objects.link(camera)
    _set_zoom_keys(data, solved)
    return camera


def _make_camera_data(name: str, focal_mm: float, solved: dict[str, Any]) -> bpy.types.Camera:
    data = bpy.data.cameras.new(name)
    data.sensor_fit = solved["sensor_fit"]
    data.lens_unit = "MILLIMETERS"
    data.lens = focal_mm
    data.clip_start, data.clip_end = solved["clip_start"], solved["clip_end"]
    return data


def _set_zoom_keys(data: bpy.types.Camera, solved: dict[str, Any]) -> None:
    """Key a focal length for each frame, where the shot zooms."""
    if solved["focal_mm_per_frame"]:
        # It gets an action of its own: Blender would put the curve into that of the object, where `set_keys` does not
        # look.
        data.animation_data_create().action = bpy.data.actions.new(f"{data.name}_zoom")  # pyright: ignore
        set_keys(data, "lens", solved["frames"], np.array(solved["focal_mm_per_frame"], float))


def _put_plate_behind(data: bpy.types.Camera, clip: bpy.types.MovieClip, sheet: dict[str, Any]) -> None:
    """Put the plate behind the view, undistorted by the clip's lens so that it lies on the undistorted CG."""
    data.show_background_images = True
    background = data.background_images.new()
    background.source = "MOVIE_CLIP"
    background.clip = clip
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "STRETCH"
    lens = sheet["lens"]
    background.clip_user.proxy_render_size = "FULL"
    bends = any(lens.get(name) for name in ("k1", "k2", "k3", "p1", "p2"))
    # Blender undistorts as if pixels were square; where they are not, the result is off by pixels.
    is_square = abs(lens["fy_px"] / lens["fx_px"] - 1) < 1e-3
    background.clip_user.use_render_undistorted = bends and is_square
