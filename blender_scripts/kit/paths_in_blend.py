"""Files of the show that the .blend refers to, by paths that hold in both places where the .blend lies."""

import os
from pathlib import Path

import bpy

from kit.arguments import UserError

FOLDERS_DEEP = 2  # relative paths hold in both .gsd-state/composites/x.blend and build/<shot>/x.blend


def name_in_blend(file: str, key: str) -> str:
    """Return a file's name as the open .blend writes it.

    file: its name in the config, from the show's folder, or an absolute path.

    A file in the show's folder, and one that is named from there, becomes `//../../...`, so both may move together. An
    absolute path to elsewhere stays absolute.
    Raises UserError if there is no such file.
    """
    project = Path(bpy.data.filepath).parents[FOLDERS_DEEP]
    place = place_of(project, file, key)
    if os.path.isabs(file) and not place.is_relative_to(project):
        return str(place)
    return "//" + "../" * FOLDERS_DEEP + Path(os.path.relpath(place, project)).as_posix()


def place_of(project: Path, file: str, key: str) -> Path:
    """Return the absolute path of a file, in a form that Blender understands.

    Blender takes a leading // as the .blend's folder, and reads `link/..` by its letters where the system follows the
    link.
    Raises UserError if there is no such file.
    """
    asked = project / file
    if not asked.is_file():
        raise UserError(f"{file}: no such file; check {key}")
    place = os.path.abspath(asked)
    place = place[1:] if place.startswith("//") else place
    if not os.path.exists(place) or not asked.samefile(place):
        place = os.path.join(os.path.realpath(asked.parent), asked.name)
    return Path(place)


def find_on_disk(path: str, library: bpy.types.Library | None = None) -> Path:
    """Return where Blender looks for a file that it names like this.

    It reads .. by its letters, as said for place_of.
    """
    return Path(os.path.normpath(bpy.path.abspath(path, library=library)))


def load_picture(file: str, key: str) -> bpy.types.Image:
    """Load an image that can be read. Raises UserError if it cannot."""
    try:
        image = bpy.data.images.load(name_in_blend(file, key), check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{file}: cannot read it as an image; check {key}") from error
    if not all(image.size):
        raise UserError(f"{file}: cannot read it as an image; check {key}")
    return image
