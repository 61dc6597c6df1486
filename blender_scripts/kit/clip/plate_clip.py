"""The plate as a MovieClip, with the solved lens."""

from typing import Any

import bpy

from kit.arguments import UserError, quote_error, show_size
from kit.read_scene_sheet import BLENDER_COLOR_SPACE


def load_plate(sheet: dict[str, Any], relative_path: str) -> bpy.types.MovieClip:
    """Load the plate so that scene frame N shows plate frame N. `relative_path` starts with `//`.

    Raises UserError when Blender cannot open the plate, or reads another size.
    """
    plate = sheet["plate"]
    try:
        clip = bpy.data.movieclips.load(relative_path, check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{plate['file']}: Blender cannot open the plate: {quote_error(error)}") from error
    size_px, sheet_px = list(clip.size), list(sheet["resolution_px"])
    if size_px != sheet_px:
        raise UserError(f"{plate['file']}: Blender reads {show_size(size_px)} px, the sheet says {show_size(sheet_px)}")
    clip.name = sheet["shot"]
    assert clip.colorspace_settings
    clip.colorspace_settings.name = BLENDER_COLOR_SPACE[sheet["color_space"]]  # pyright: ignore[reportAttributeAccessIssue]
    clip.frame_start = plate["first_frame"]
    clip.frame_offset = 0  # a sequence counts from the file that is named, a movie from its first frame
    return clip


def set_clip_camera(clip: bpy.types.MovieClip, sheet: dict[str, Any]) -> None:
    """Set the solved lens in the clip's own terms.

    Blender's Brown model maps undistorted to distorted in coordinates normalised by the focal length, as ours does. But
    its y points up, and its p1 is OpenCV's p2 and the other way round (seen by rendering). Its focal length is that of
    x; that of y is as many times larger as its pixels are wide.
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
