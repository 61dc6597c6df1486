"""The imported camera of a shot (shot.camera.import_file): which files it is, and what it says."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.format_registry import Format, find_camera_format
from shotmake.config.schema import Camera, Config
from shotmake.errors import ShotError
from shotmake.files.input_file import NO_SUCH_FILE, check_file, find_file_fault
from shotmake.tasks.blender.private_blender import name_file_in_faults, run_script
from shotmake.tasks.engine.inputs.files_behind import add_behind, list_unwatched
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import get_show_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.formats.cameras.imported_camera import Cameras

KEY = "shot.camera.import_file"


def list_files(config: Config) -> dict[str, Path]:
    """Return the camera's file, and the files that belong to it; {} without an imported camera.

    Raises ShotError when the file is missing, or when cameras.txt of a COLMAP model is.
    """
    name = config.shot.camera.import_file
    if name is None:
        return {}
    path = get_show_folder() / name
    if os.path.isdir(path):
        path, name = path / "images.txt", f"{name.rstrip('/')}/images.txt"
    found = {"camera": check_file(path, name, KEY)}
    if _find_format(path).word == "colmap":
        found["camera's lens"] = path.with_name("cameras.txt")
        if find_file_fault(found["camera's lens"]) == NO_SUCH_FILE:
            raise ShotError(f"{name}: found no cameras.txt beside images.txt; needed COLMAP's text model ({KEY})")
        check_file(found["camera's lens"], name.replace("images.txt", "cameras.txt"), KEY, "COLMAP's text model")
    return add_behind(found)


def is_by_blender(config: Config) -> bool:
    """Return whether Blender has to read the camera's file."""
    name = config.shot.camera.import_file
    found = find_camera_format(name) if name else None
    return found is not None and found.read_by_blender


def read(job: Job, plate: "Plate", frames: tuple[int, int], lens: dict | None) -> "Cameras":
    """Read the imported camera. `lens` is the `lens` block of a lens.json, None without one.

    Raises ShotError for a file that is no camera, that is of no use to this shot, or that names other files which
    cannot be told.
    """
    from shotmake.formats.cameras.camera_request import Asked
    from shotmake.geometry.lens import Lens

    camera = Camera(**job.settings["camera"])
    asked = Asked(
        size_px=(plate.size_px[0], plate.size_px[1]),
        pixel_aspect=plate.pixel_aspect,
        frames=frames,
        sensor_width_mm=camera.sensor_width_mm,
        focal_mm=camera.focal_mm,
        rotation_order=camera.import_rotation_order,
        name=camera.import_name,
        lens=Lens.from_json(lens) if lens else None,
    )
    path = job.inputs["camera"]
    found = _find_format(path)
    module = import_module(f"shotmake.formats.{found.module}")
    if not found.read_by_blender:
        return module.read(path, asked)
    module.check(path)
    if list_unwatched({"camera": path}):
        raise ShotError(f"{path.name}: cannot tell which files it names; needed it without others, or as .usda ({KEY})")
    part = make_part_path(job.targets["solve"].with_name("camera.json"))
    arguments = [f"--file={path}", f"--out={part}", "--frames", *map(str, frames)]
    arguments += ["--rate={}/{}".format(*plate.frame_rate)]
    if camera.import_name is not None:
        arguments += [f"--name={camera.import_name}"]
    try:
        with name_file_in_faults("read_camera.py", path.name, KEY):
            run_script("read_camera.py", arguments, job.settings["executable"])
        return module.read(path, part, asked)
    finally:
        part.unlink(missing_ok=True)


def _find_format(path: Path) -> Format:
    found = find_camera_format(str(path))
    assert found, path  # the config was checked before
    return found
