"""Files of the project that the .blend refers to, by paths that hold in both places it lies in."""

import os
from pathlib import Path

import bpy

from kit.arguments import UserError

FOLDERS_DEEP = 2  # .gsd-state/composites/x.blend and build/<shot>/x.blend: relative paths hold in both


def from_blend(file: str, key: str) -> str:
    """A file as a config names it (from the project, or by an absolute path) -> as the open .blend names it.

    What lies in the project, and what is named from there, becomes `//../../...`: both may move together. An absolute
    path to elsewhere stays absolute. UserError if there is no such file.
    """
    project = Path(bpy.data.filepath).parents[FOLDERS_DEEP]
    place = place_of(project, file, key)
    if os.path.isabs(file) and not place.is_relative_to(project):
        return str(place)
    return "//" + "../" * FOLDERS_DEEP + Path(os.path.relpath(place, project)).as_posix()


def place_of(project: Path, file: str, key: str) -> Path:
    """The same file by an absolute path that Blender understands. UserError if there is no such file.

    Blender takes a leading // for the .blend's folder, and `link/..` by its letters where the system follows the link.
    """
    asked = project / file
    if not asked.is_file():
        raise UserError(f"{file}: no such file; check {key}")
    place = os.path.abspath(asked)
    place = place[1:] if place.startswith("//") else place
    if not os.path.exists(place) or not os.path.samefile(place, asked):
        place = os.path.join(os.path.realpath(asked.parent), asked.name)
    return Path(place)


def on_disk(path: str, library: bpy.types.Library | None = None) -> Path:
    """Where Blender looks for what it names like this: .. by its letters, as above."""
    return Path(os.path.normpath(bpy.path.abspath(path, library=library)))


def load_picture(file: str, key: str) -> bpy.types.Image:
    """An image that can be read; UserError if it cannot."""
    try:
        image = bpy.data.images.load(from_blend(file, key), check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{file}: cannot read it as an image; check {key}") from error
    if not all(image.size):
        raise UserError(f"{file}: cannot read it as an image; check {key}")
    return image
