"""The solve where Blender looks for one: in the clip's reconstruction, and a camera that reads it from there."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from kit.arguments import UserError, count_of
from kit.clip.cameras import SIGHT_FRACTION
from kit.clip.solve_into_saved_blend import Reconstruction, with_reconstruction
from kit.read_scene_sheet import Points

TOLERANCE = 1e-4  # for the numbers of a matrix, because the file stores 32-bit ones


def reconstruction_of(sheet: dict[str, Any], points: Points, names: dict[int, str]) -> Reconstruction:
    """Return the sheet's cameras, and all points whose track is in the clip, as a reconstruction.

    A clip has one focal length. Where the shot zooms, x and y of a camera shrink as the focal grows: then its points
    are drawn on their markers, and nothing else looks at a camera's scale. In tripod and static shots the points are on
    a sphere around the camera, as Blender's own tripod solver leaves them.
    """
    camera, solve = sheet["camera"], sheet["solve"]
    zooms = np.ones(len(camera["frames"]))
    if camera["focal_mm_per_frame"]:
        zooms = np.array(camera["focal_mm_per_frame"]) / camera["focal_mm"]
    matrices = np.empty((len(zooms), 4, 4))
    for matrix, location, rotation, zoom in zip(
        matrices, camera["location"], camera["rotation_quaternion"], zooms, strict=True
    ):
        matrix[:] = np.array(Matrix.LocRotScale(location, Quaternion(rotation), (1 / zoom, 1 / zoom, 1.0)))
    return Reconstruction(
        [frame - sheet["plate"]["first_frame"] + 1 for frame in camera["frames"]],
        matrices,
        solve["rms_px_per_frame"],
        solve["rms_px"],
        {
            names[track_id]: (xyz, error_px)
            for track_id, xyz, error_px in zip(
                points.track_id.tolist(), points.point_xyz.tolist(), points.error_px.tolist(), strict=True
            )
            if track_id in names
        },
    )


def make_solving_camera(
    sheet: dict[str, Any], clip: bpy.types.MovieClip, solved: bpy.types.Object, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Make a camera that the clip's solve moves, where the keyed camera is.

    Blender draws a clip's points only around such a camera, and a new solve in the Clip Editor moves it.
    """
    camera = bpy.data.objects.new("clip_camera", solved.data)
    constraint = camera.constraints.new("CAMERA_SOLVER")
    assert isinstance(constraint, bpy.types.CameraSolverConstraint)
    constraint.use_active_clip, constraint.clip = False, clip
    collection.objects.link(camera)
    assert clip.tracking and clip.tracking.settings
    clip.tracking.settings.use_tripod_solver = sheet["status"] in ("tripod", "static")
    return camera


def add_origin(sheet: dict[str, Any], collection: bpy.types.Collection) -> bpy.types.Object:
    """Add the world's axes, to be seen and snapped to."""
    axes = bpy.data.objects.new("world_origin", None)
    axes.empty_display_type, axes.empty_display_size = "ARROWS", SIGHT_FRACTION * sheet["world"]["camera_distance"]
    collection.objects.link(axes)
    return axes


def write_solve(out: Path, clip_name: str, solve: Reconstruction) -> None:
    """Put the solve into the uncompressed .blend; then let Blender open the file and check that the solve is there.

    Raises UserError where this Blender writes or reads the file in a way that we do not know.
    """
    out.write_bytes(with_reconstruction(out.read_bytes(), clip_name, solve))
    bpy.ops.wm.open_mainfile(filepath=str(out), load_ui=True, use_scripts=False)
    clip = bpy.data.movieclips[clip_name]
    assert clip.tracking and clip.tracking.reconstruction
    found = clip.tracking.reconstruction
    cameras = {camera.frame: np.array(camera.matrix) for camera in found.cameras}
    bundles = {track.name: (np.array(track.bundle), track.average_error) for track in clip.tracking.tracks
               if track.has_bundle}  # fmt: skip
    if not found.is_valid or list(cameras) != solve.clip_frames or set(bundles) != set(solve.bundles):
        counted = f"{count_of(len(cameras), 'camera')} and {count_of(len(bundles), 'point')}"
        raise UserError(f"{clip_name}: Blender reads {counted} of the solve's {len(solve.clip_frames)} and "
                        f"{len(solve.bundles)}; this Blender keeps a solve in another way")  # fmt: skip
    scale = max(1.0, float(np.abs(solve.world_from_camera).max()))
    for frame, matrix in zip(solve.clip_frames, solve.world_from_camera, strict=True):
        if np.abs(cameras[frame] - matrix).max() > TOLERANCE * scale:
            raise UserError(f"{clip_name}: Blender reads another camera in clip frame {frame} than the solve has")
