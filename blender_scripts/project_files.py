"""Files of the project that the .blend refers to, by paths that hold in both places it lies in."""

import os

import bpy
from arguments import UserError

FOLDERS_DEEP = 2  # .gsd-state/composites/x.blend and build/<shot>/x.blend: relative paths hold in both


def from_blend(file: str, key: str) -> str:
    """The `//../../...` path of a project-relative file, or an absolute one as it is; UserError if it is missing."""
    path = file if os.path.isabs(file) else "//" + "../" * FOLDERS_DEEP + file
    if not os.path.isfile(bpy.path.abspath(path)):
        raise UserError(f"{file}: no such file; check {key}")
    return path


def load_picture(file: str, key: str) -> bpy.types.Image:
    """An image that can be read; UserError if it cannot."""
    try:
        image = bpy.data.images.load(from_blend(file, key), check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{file}: cannot read it as an image; check {key}") from error
    if not all(image.size):
        raise UserError(f"{file}: cannot read it as an image; check {key}")
    return image
