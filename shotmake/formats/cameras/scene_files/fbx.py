"""FBX (.fbx, binary), by Blender.

Axes     Y up, -z forward, in the header's GlobalSettings; an FBX camera looks along +x: Blender's exporter turns it.
Units    UnitScaleFactor 100: the numbers are metres, as ours are. Other programs work in cm and scale by it.
Lens     FocalLength mm, FilmWidth, FilmHeight and FilmOffsetX/Y in inches: the lens centre is carried.
Frames   ticks of 1/46186158000 s; TimeMode or CustomFrameRate is the plate's rate: frame = seconds * rate. Every frame
         is keyed. Blender's add-on reads a rate like 24000/1001 as 24, so in Blender the keys lie beside the frames (by
         a thousandth). This tool puts them right when it reads the file.
Points   the bundles as a mesh without faces, `points`.
Lost     distortion, scale_known; keys are single precision, Euler angles (Blender's exporter and importer leave a
         rotation good to 3e-5 degrees); frames without a camera are filled in (the export says so).
Not read text FBX, and versions before 7.1.
Bytes    not the same twice: the file holds the time when it was written.

Source: Blender's io_scene_fbx (export_fbx_bin.py, import_fbx.py) and its fbx_utils.
"""

from pathlib import Path

from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.formats.cameras.scene_files.blender_scene import check_head, read_imported, tell_gaps
from shotmake.formats.given_to_writers import Take


def list_notes(take: Take) -> tuple[str, ...]:
    """Return what the user must know of a written file: a line when frames without a camera are filled in."""
    return tell_gaps(take)


def check(path: Path) -> None:
    """Refuse a file that is no binary FBX, before Blender reads it. Raises ShotError as `check_head` does."""
    check_head(path, (b"Kaydara FBX Binary",), "binary FBX")


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    """Load the cameras of an FBX file. `found` is the JSON that Blender's read_camera.py wrote.

    Raises ShotError as `read_imported` does.
    """
    return read_imported(found, path.name, asked)
