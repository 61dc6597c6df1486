"""Alembic (.abc), by Blender.

Axes     Y up, the camera looks along -z with y up; Blender turns its Z-up world. Units: ours.
Lens     focal length mm, apertures cm, film offset cm: the lens centre is carried.
Frames   seconds: frame / frame rate, so the reader needs the plate's rate. Every frame is sampled.
Points   the bundles as a mesh without faces, `points`.
Lost     distortion, scale_known; a rotation is good to 1.2e-5 degrees (Blender turns the world through Euler angles in
         single precision); frames without a camera are filled in (the export says so). Blender reads *one* focal
         length from an Alembic camera, that of its first sample. A zoom is therefore in the file we write (for Maya,
         Nuke, Houdini), and is lost in a file that is read. The tool says both.
Bytes    not the same twice: the file holds the time when it was written.

Source: Alembic's AbcGeom CameraSample and Ogawa IStreams; measured with Blender 4.2, 4.5 and 5.0.
"""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.scene_files.blender_scene import check_head, read_imported, tell_gaps
from shotmake.formats.given_to_writers import Take


def list_notes(take: Take) -> tuple[str, ...]:
    """Return what the user must know of a written file: frames that are filled in, a zoom that Blender cannot read."""
    assert take.solution is not None
    zooms = take.solution["focal_px_per_frame"]
    more = ("the zoom is in the file, but Blender itself reads only its first focal length",) if zooms else ()
    return (*tell_gaps(take), *more)


def check(path: Path) -> None:
    """Refuse a file that is no Alembic, or is incomplete, before Blender reads it. Blender itself would crash.

    An Ogawa file begins with its name, then a byte that is 255 once the file is complete. At offset 8 stands the place
    of its root, at the end of the file. Raises ShotError when these are not so, and as `check_head` does.
    """
    check_head(path, (b"Ogawa", b"\x89HDF"), "Alembic: Ogawa or HDF5")
    with open(path, "rb") as file:
        head = file.read(16)
    if head.startswith(b"Ogawa"):
        root = int.from_bytes(head[8:16], "little")
        if len(head) < 16 or head[5] != 0xFF or root + 8 > path.stat().st_size:
            raise ShotError(f"{path.name}: found a file cut off, its root at offset {root}, needed all of it ({KEY})")


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    """Load the cameras of an Alembic file. `found` is the JSON that Blender's read_camera.py wrote.

    Raises ShotError as `read_imported` does.
    """
    return read_imported(found, path.name, asked, zooms_since=None)
