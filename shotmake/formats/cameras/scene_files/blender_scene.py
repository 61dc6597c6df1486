"""Cameras that Blender writes (alembic, fbx) and reads (those, usd, gltf) for us: the numbers to and fro, as JSON.

In Blender's terms: world Z up; the camera looks along -z with y up; quaternions w x y z; the film back in mm, fitted to
the width; the shift in film backs. Blender keeps all of these in single precision: a rotation is good to about 1e-5
degrees.
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import check_size
from shotmake.formats.cameras.axes import from_gl_poses, to_gl_poses
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.film import film_of
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.to_our_camera import cameras_of
from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import load_json
from shotmake.geometry.lens import Lens
from shotmake.numbers_in_words import count_of
from shotmake.reasons import Reason

FARTHEST = 1e12


def make_sheet(take: Take) -> dict:
    """Return the facts from which blender_scripts/export_camera.py builds its scene."""
    from shotmake.geometry.camera import to_quaternions_wxyz

    assert take.solution is not None and take.points is not None
    solution, lens = take.solution, Lens.from_json(take.solution["lens"])
    centres, world_from_gl = to_gl_poses(np.array(solution["cam_from_world"], float).reshape(-1, 3, 4))
    film = film_of(lens, take.size_px, take.sensor_width_mm)
    zoom_px = solution["focal_px_per_frame"]
    points = take.points["point_xyz"].tolist() if solution["status"] == "solved" else []
    return {
        "name": take.shot,
        "size_px": list(take.size_px),
        "pixel_aspect": lens.fy_px / lens.fx_px,
        "frame_rate": [take.frame_rate.numerator, take.frame_rate.denominator],
        "frames": solution["frames"],
        "location": centres.tolist(),
        "rotation_quaternion": to_quaternions_wxyz(world_from_gl).tolist(),
        "focal_mm": film.focal_mm,
        "focal_mm_per_frame": zoom_px and [px / take.size_px[0] * take.sensor_width_mm for px in zoom_px],
        "back_mm": list(film.back_mm),
        "shift": list(film.shift),
        "points": points,
    }


def tell_gaps(take: Take) -> tuple[str, ...]:
    """Return a line for the user when frames in between have no camera, else ().

    Every file that Blender writes has a camera in every frame; Blender fills these frames in.
    """
    assert take.solution is not None
    frames = take.solution["frames"]
    missing = sorted(set(range(frames[0], frames[-1] + 1)) - set(frames))
    if not missing:
        return ()
    are, their = ("is", "its") if len(missing) == 1 else ("are", "their")
    told = f"{count_of(len(missing), 'frame')} without a camera, from {missing[0]},"
    return (f"{told} {are} filled in between {their} neighbours",)


def check_head(path: Path, beginnings: tuple[bytes, ...], what: str) -> None:
    """Refuse a file before Blender reads it. beginnings: the bytes with which such a file may begin.

    Raises ShotError when the file begins with none of them, is over the limit camera_mb, or is not a file.
    """
    check_size(path, "camera_mb", KEY)
    with open(path, "rb") as file:
        head = file.read(64)
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(beginnings):
        raise ShotError(f"{path.name}: found {head[:8].decode('latin-1')!a} at offset 0, needed {what} ({KEY})")


def read_imported(found: Path, name: str, asked: Asked, zooms_since: tuple[int, ...] | None = (0,)) -> Cameras:
    """Convert what blender_scripts/read_camera.py wrote to the cameras of the file `name`.

    zooms_since: the version of Blender that first reads the focal length of every frame from such a file; None = no
    version does so yet. Raises ShotError when the JSON lacks numbers or holds unusable ones, when it has no frames,
    when the shift is animated, and as `cameras_of` does.
    """
    record = load_json(found)
    try:
        return _make_cameras(record, name, asked, zooms_since)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, np.linalg.LinAlgError) as error:
        said = quote_error(error)
        raise ShotError(f"{name}: what Blender read of it cannot be used ({said}); bake the camera ({KEY})") from error


def _make_cameras(record: dict, name: str, asked: Asked, zooms_since: tuple[int, ...] | None) -> Cameras:
    version, warnings = tuple(record["blender"]), ()
    if zooms_since is None or version < zooms_since:
        told = "reads one focal length from such a file; if the camera zooms, that is lost"
        warnings = (Reason("camera_file_note", f"Blender {version[0]}.{version[1]} {told}"),)
    if not record["frames"]:
        raise ShotError(f"{name}: has no pose for the frames {asked.frames[0]} to {asked.frames[1]} ({KEY})")
    frames = np.array([int(frame) for frame in record["frames"]], int)
    matrices = np.array(record["matrix_world"], float).reshape(len(frames), 4, 4)
    lenses = np.array(record["lens"], float).reshape(len(frames), 3)  # focal mm, shift x and y
    if not (np.abs(matrices) < FARTHEST).all() or not (np.abs(lenses) < FARTHEST).all():
        raise ValueError("numbers that are no places")  # LAPACK does not end with an infinite number
    u, _, vt = np.linalg.svd(matrices[:, :3, :3])  # the nearest rotations: the scale of a camera object does not matter
    turns = u @ vt
    if (np.ptp(lenses[:, 1:], axis=0) > 1e-6).any():
        raise ShotError(f"{name}: its camera's shift is animated; needed one lens centre ({KEY})")
    width, height = asked.size_px
    back_mm = record["sensor_height_mm"] if record["sensor_fit"] == "VERTICAL" else record["sensor_width_mm"]
    tall = record["sensor_fit"] == "AUTO" and height > width * asked.pixel_aspect
    if record["sensor_fit"] == "VERTICAL" or tall:
        fx_px = lenses[:, 0] / back_mm * height / asked.pixel_aspect
    else:
        fx_px = lenses[:, 0] / back_mm * width
    off_px = lenses[0, 1:] * back_mm / lenses[0, 0] * fx_px[0]
    centre_px = (width / 2 - float(off_px[0]), height / 2 + float(off_px[1]) * asked.pixel_aspect)
    return cameras_of(name, asked, frames, from_gl_poses(matrices[:, :3, 3], turns), fx_px, centre_px, warnings)
