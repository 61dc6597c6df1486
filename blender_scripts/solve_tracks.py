r"""Solve a camera from tracks with Blender's own solver (libmv) and write what it finds as an .npz.

    python solve_tracks.py --tracks tracks.npz --out solve.npz --settings '{"size_px": [1920, 1080], \
        "frame_count": 96, "tripod": false, "refine": ["focal", "radial"], "max_error_px": 2.0, \
        "lens": [2300.0, 960.0, 540.0, 0.0, 0.0, 0.0], "keyframes": [0, 24]}'
or: blender --factory-startup --background --python-exit-code 1 --python solve_tracks.py -- ARGS

--tracks: the arrays track and frame (M,), both from 0, xy_px (M, 2) from the top-left corner, and weight (T,): how much
each track counts; track numbers have no gaps. Blender's weights end at 1, so the heaviest track has 1. refine: some of
focal, centre, radial. lens: the first guess of focal_px cx_px cy_px k1 k2 k3, OpenCV's. keyframes: the frames that
libmv begins with. After a solve, tracks whose average error is above max_error_px are left out, and it is solved once
more. The .npz holds cam_from_world (N, 3, 4), x right, y down, z forward, NaN for a frame without a camera; lens (6,)
as above; error_px () libmv's own average, NaN when it found no camera; bundles (T, 3) and track_error_px (T,), NaN for
a track without one.

Blender counts the clip's own frames from 1. All code here does the same, except the command line and the .npz.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import numpy as np

from kit.arguments import OneLineParser, UserError, list_script_arguments
from kit.libmv.clip_editor import hide_stderr, open_clip_editor

SENSOR_WIDTH_MM = 36.0  # any value would do, because focal lengths go in and out in px
TO_OPENCV = np.diag([1.0, -1.0, -1.0])  # Blender's cameras look along -z, and their y points up
REFINED = ("focal", "centre", "radial")


def make_empty_clip(size_px: list[int], folder: str) -> bpy.types.MovieClip:
    """Make a clip of one black picture. The solver asks it for nothing but its size."""
    image = bpy.data.images.new("plate", *size_px)
    image.filepath_raw, image.file_format = f"{folder}/plate.png", "PNG"
    image.save()
    return bpy.data.movieclips.load(image.filepath_raw)


def insert_tracks(
    clip: bpy.types.MovieClip, track: np.ndarray, frame: np.ndarray, xy_px: np.ndarray, weight: np.ndarray
) -> list[Any]:
    """Add a track of the clip for each index of `track`, in order.

    track, frame: (M,), from 0; xy_px (M, 2): from the top-left corner; weight (T,).
    """
    assert clip.tracking
    co = xy_px / np.array(clip.size, float)
    co[:, 1] = 1.0 - co[:, 1]
    made = []
    for index in range(int(track.max(initial=-1)) + 1):
        rows = np.flatnonzero(track == index)
        one = clip.tracking.tracks.new(name=f"{index:06d}", frame=int(frame[rows[0]]) + 1)
        one.weight = float(weight[index] / weight.max())
        for row in rows:
            one.markers.insert_frame(int(frame[row]) + 1, co=co[row].tolist())
        made.append(one)
    return made


def set_solver(clip: bpy.types.MovieClip, given: dict[str, Any]) -> None:
    """Set the solver and its first lens. Raises UserError for lens terms that libmv cannot refine here."""
    assert clip.tracking and clip.tracking.settings and clip.tracking.camera
    settings, camera, refine = clip.tracking.settings, clip.tracking.camera, given["refine"]
    if unknown := set(refine) - set(REFINED):
        raise UserError(f"refine: found {', '.join(sorted(unknown))}; needed some of {', '.join(REFINED)}")
    settings.use_keyframe_selection = False  # libmv's own choice takes more than minutes
    settings.use_tripod_solver = given["tripod"]
    settings.refine_intrinsics_focal_length = "focal" in refine
    settings.refine_intrinsics_principal_point = "centre" in refine
    settings.refine_intrinsics_radial_distortion = "radial" in refine
    # With p1 and p2, Blender's model also refines a fourth radial coefficient, which our lens does not have.
    settings.refine_intrinsics_tangential_distortion = False
    focal_px, x_px, y_px, k1, k2, k3 = given["lens"]
    camera.sensor_width, camera.pixel_aspect, camera.units = SENSOR_WIDTH_MM, 1.0, "PIXELS"
    camera.focal_length_pixels = focal_px
    camera.principal_point_pixels = (x_px, clip.size[1] - y_px)
    camera.distortion_model = "POLYNOMIAL"
    camera.k1, camera.k2, camera.k3 = k1, k2, k3
    tracked = clip.tracking.objects[0]
    tracked.keyframe_a, tracked.keyframe_b = (frame + 1 for frame in given["keyframes"])


def solve(clip: bpy.types.MovieClip) -> bool:
    """Solve the camera of the clip; return whether libmv calls it a solve."""
    assert clip.tracking and clip.tracking.reconstruction
    try:
        bpy.ops.clip.solve_camera()
    except RuntimeError:  # an operator raises this when it failed
        return False
    return clip.tracking.reconstruction.is_valid


def read_lens(clip: bpy.types.MovieClip) -> np.ndarray:
    """Return the lens as (6,): focal_px cx_px cy_px k1 k2 k3.

    Blender's polynomial model is OpenCV's without p1 and p2.
    """
    assert clip.tracking and clip.tracking.camera
    camera = clip.tracking.camera
    x, y = camera.principal_point_pixels
    return np.array([camera.focal_length_pixels, x, clip.size[1] - y, camera.k1, camera.k2, camera.k3])


def read_solve(clip: bpy.types.MovieClip, tracks: list[Any], frame_count: int) -> dict[str, np.ndarray]:
    """Return what the .npz holds of the clip's solve. Arrays: (N, 3, 4), (6,), (), (T, 3), (T,), as the module says."""
    assert clip.tracking and clip.tracking.reconstruction
    reconstruction = clip.tracking.reconstruction
    cameras = np.full((frame_count, 3, 4), np.nan)
    for camera in reconstruction.cameras:
        cameras[camera.frame - 1] = TO_OPENCV @ np.linalg.inv(np.array(camera.matrix).reshape(4, 4))[:3]
    no_bundle = (np.nan, np.nan, np.nan)
    return {
        "cam_from_world": cameras,
        "lens": read_lens(clip),
        "error_px": np.array(reconstruction.average_error),
        "bundles": np.array([one.bundle if one.has_bundle else no_bundle for one in tracks], float).reshape(-1, 3),
        "track_error_px": np.array([one.average_error if one.has_bundle else np.nan for one in tracks], float),
    }


def solve_twice(
    clip: bpy.types.MovieClip, tracks: list[Any], frame_count: int, max_error_px: float
) -> dict[str, np.ndarray]:
    """Solve the clip, and once more without the bad tracks; return what libmv finds. Arrays have the shapes of
    `read_solve`.

    All values are NaN where libmv finds no camera.
    """
    if not solve(clip):
        return {name: np.full_like(value, np.nan) for name, value in read_solve(clip, tracks, frame_count).items()}
    first = read_solve(clip, tracks, frame_count)
    bad = first["track_error_px"] > max_error_px
    for index in np.flatnonzero(bad):
        for marker in tracks[index].markers:
            marker.mute = True  # the solver does not see a muted marker
    return read_solve(clip, tracks, frame_count) if bad.any() and solve(clip) else first


def main() -> None:
    """Solve the tracks that the command line names."""
    parser = OneLineParser(prog="solve_tracks.py", description=__doc__)
    for name in ("tracks", "settings", "out"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args(list_script_arguments())
    try:
        given = json.loads(asked.settings)
        with np.load(asked.tracks, allow_pickle=False) as arrays:
            markers = [arrays[name] for name in ("track", "frame", "xy_px", "weight")]
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with tempfile.TemporaryDirectory() as folder:
            clip = make_empty_clip(given["size_px"], folder)
            set_solver(clip, given)
            tracks = insert_tracks(clip, *markers)
            with open_clip_editor(clip), hide_stderr():
                made = solve_twice(clip, tracks, given["frame_count"], given["max_error_px"])
        np.savez(asked.out, **made)  # pyright: ignore[reportArgumentType]
    except UserError as error:
        sys.stderr.write(f"solve_tracks.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
