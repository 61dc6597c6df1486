"""The scene sheet: every number that Blender needs, already in Blender's terms.

Blender's camera looks along -Z with Y up. Its sensor is fitted to the width, and its shift counts in image widths, also
in y. Two focal lengths, in x and y, mean pixels that are not square: `pixel_aspect` is their width and height, the
smaller of them 1.
"""

import numpy as np

from shotmake.geometry.camera import GL_FROM_CV, to_quaternions_wxyz
from shotmake.geometry.cameras_of_solve_json import read_camera_matrices
from shotmake.geometry.lens import Lens, measure_overscan_px
from shotmake.geometry.lens_fit import find_brown_conrady
from shotmake.scene.ground_subject_lights import NEAREST, find_rendered_field, find_standpoint, make_blocks


def make_scene_sheet(
    solution: dict,
    plate: dict,
    shot: dict,
    composite: dict,
    over_px: tuple[int, int] | None = None,
    ground_z: float = 0.0,
) -> dict:
    """Build scene.json (a plain tree) from a solve JSON, a footage JSON and slices of the config.

    over_px: the overscan (x, y) of an imported ST-map; None = as `composite` says. ground_z: the height of the ground
    under the subject, from which the height of its place counts (ground_subject_lights.find_ground).
    Raises ShotError when there is no camera: a refused solve has no scene.
    """
    cam_from_world = read_camera_matrices(solution)
    frames = solution["frames"]
    width, height = solution["image_size_px"]
    lens = Lens.from_json(solution["lens"])
    sensor_width_mm = shot["camera"]["sensor_width_mm"]
    zoom_px = solution["focal_px_per_frame"]
    tall = lens.fx_px / lens.fy_px  # height of a pixel in widths of one
    lens_distortion = composite["lens_distortion"]
    over_x, over_y = over_px or choose_overscan_px(lens, (width, height), lens_distortion["overscan"])
    over_width, over_height = width + 2 * over_x, height + 2 * over_y
    place = np.add(shot["subject"]["location"], [0.0, 0.0, ground_z])
    stands = find_standpoint(place, cam_from_world, lens, width)
    distance = stands.distance
    field = find_rendered_field(lens, (width, height), (over_x, over_y), zoom_px)
    return {
        "schema": 1,
        "shot": solution["shot"],
        "status": solution["status"],
        "frame_start": shot["frames"][0],
        "frame_end": shot["frames"][1],
        "frame_rate": plate["frame_rate"],
        "resolution_px": [width, height],
        "pixel_aspect": [max(1.0, 1 / tall), max(1.0, tall)],
        "color_space": plate["color_space"],
        "plate": {
            "file": plate["files"][0],
            "kind": plate["kind"],
            "first_frame": plate["first_frame"],
            "frame_count": plate["frame_count"],
        },
        "world": {
            "unit_scale": 1.0,
            "units": "METRIC" if solution["scale_known"] else "NONE",
            "camera_distance": distance,
        },
        "solve": {  # imported and interpolated cameras have no measured errors
            "rms_px": solution.get("rms_px") or 0.0,
            "rms_px_per_frame": [px or 0.0 for px in solution.get("rms_px_per_frame") or [0.0] * len(frames)],
        },
        "camera": {
            **_make_camera_block(cam_from_world, frames, lens, zoom_px, (width, height), sensor_width_mm),
            "clip_start": distance / 200,
            "clip_end": distance * 200,
        },
        "overscan": {
            "resolution_px": [over_width, over_height],
            "sensor_width_mm": sensor_width_mm * over_width / width,
            "shift_x": (width / 2 - lens.cx_px) / over_width,
            "shift_y": (lens.cy_px - height / 2) / over_width * tall,
        },
        # This lens is for the Clip Editor and the view through the camera. The comp has the ST-maps.
        "lens": solution["lens"] if lens.grid is None else find_brown_conrady(lens, (width, height)).to_json(),
        **make_blocks(shot, stands, solution["scale_known"], field),
        "composite": {
            **{name: composite[name] for name in ("mode", "background_source", "background_image")},
            "apply_to_cg": lens_distortion["apply_to_cg"],
            **{name: composite[name] for name in ("shadow_catcher", "film_transparent")},
        },
        "render": composite["render"],
        "stabilization": None,  # this and the next follow tracks; tasks/stages/scene/comp_tracks.py fills them
        "corner_pin": None,
    }


def _make_camera_block(
    cam_from_world: np.ndarray,
    frames: list[int],
    lens: Lens,
    zoom_px: list[float] | None,
    size_px: tuple[int, int],
    sensor_width_mm: float,
) -> dict:
    """Return the camera's place by frame and its lens, in Blender's terms. zoom_px: a zoom's focal length by frame."""
    width, height = size_px
    tall = lens.fx_px / lens.fy_px
    centres = -np.einsum("nji,nj->ni", cam_from_world[:, :, :3], cam_from_world[:, :, 3])
    turns = to_quaternions_wxyz(np.swapaxes(cam_from_world[:, :, :3], 1, 2) @ GL_FROM_CV)
    return {
        "sensor_fit": "HORIZONTAL",
        "sensor_width_mm": sensor_width_mm,
        "sensor_height_mm": sensor_width_mm * height / width * tall,
        "focal_mm": lens.fx_px / width * sensor_width_mm,
        "focal_mm_per_frame": zoom_px and [focal_px / width * sensor_width_mm for focal_px in zoom_px],
        "shift_x": (width / 2 - lens.cx_px) / width,
        "shift_y": (lens.cy_px - height / 2) / width * tall,
        "frames": frames,
        "location": centres.tolist(),
        "rotation_quaternion": turns.tolist(),
    }


def doubt_of(sheet: dict) -> str:
    """Return, in words, why the sheet's cameras and its subject cannot both be meant; "" when they can."""
    away = np.linalg.norm(np.subtract(sheet["camera"]["location"], sheet["subject"]["location"]), axis=1)
    if np.median(away) >= NEAREST:
        return ""
    return "the camera stands where the subject does, and sees nothing of it: set shot.subject.location"


def choose_overscan_px(lens: Lens, size_px: tuple[int, int], overscan: str | int) -> tuple[int, int]:
    """Return the overscan (x, y) px that `composite.lens_distortion.overscan` means.

    auto: what the lens needs; a number: that many px on each side.
    """
    return measure_overscan_px(lens, size_px) if isinstance(overscan, str) else (overscan, overscan)
