"""FBX (.fbx, binary), by Blender.

Axes     Y up, -z forward, in the header's GlobalSettings; an FBX camera looks along +x, which Blender's exporter turns.
Units    UnitScaleFactor 100: the numbers are metres, as ours are. Other programs work in cm and scale by it.
Lens     FocalLength mm, FilmWidth, FilmHeight and FilmOffsetX/Y in inches: the lens's centre is carried.
Frames   ticks of 1/46186158000 s; TimeMode or CustomFrameRate is the plate's rate: frame = seconds * rate. Every frame
         is keyed. The add-on in Blender reads a rate like 24000/1001 as 24, so there the keys lie beside the frames (by
         a thousandth); read through us they are put right.
Points   the solved points as a mesh without faces, `points`.
Lost     distortion, scale_known; keys are single precision, Euler angles (Blender's exporter and importer leave a
         rotation good to 3e-5 degrees); frames without a camera are filled in (said when it is written).
Not read text FBX, and versions before 7.1.
Bytes    not the same twice: the file holds the time it was written.

Source: Blender's io_scene_fbx (export_fbx_bin.py, import_fbx.py) and its fbx_utils.
"""

from pathlib import Path

from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.formats.cameras.request import Asked
from shotmake.formats.cameras.scene_files.blender_scene import check_head, gaps_told, read_found
from shotmake.formats.shot_data import Take


def said(take: Take) -> tuple[str, ...]:
    return gaps_told(take)


def check(path: Path) -> None:
    check_head(path, (b"Kaydara FBX Binary",), "binary FBX")


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    return read_found(found, path.name, asked)
