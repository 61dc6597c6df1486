"""The tracked objects as empties before the camera.

They are its children, so they stay true to the lens and the solve.
"""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from kit.arguments import UserError, quote_error
from kit.keyframes import set_keys


def read_empties(file: str | None) -> list[dict[str, Any]]:
    """Read the objects of the scene stage's empties.json; none when there is no file.

    Raises UserError for a file that is not one.
    """
    if file is None:
        return []
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))["objects"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: cannot read the objects: {quote_error(error)}") from error


def add_object_empties(blocks: list[dict[str, Any]], camera: bpy.types.Object, frames: tuple[int, int]) -> None:
    """Add an empty for each object, in a collection "Objects" that is not rendered.

    An empty is keyed in each frame in which its object is there, and hidden in the others of first..last. Its cross is
    as high as the object's box.
    """
    if not blocks:
        return
    collection = bpy.data.collections.new("Objects")
    collection.hide_render = True
    for scene in bpy.data.scenes:
        scene.collection.children.link(collection)
    for block in blocks:
        empty = bpy.data.objects.new(block["name"], None)
        empty.empty_display_type, empty.empty_display_size, empty.show_name = "PLAIN_AXES", 0.5, True
        empty.parent = camera
        empty["track_id"], empty["camera_id"] = block["track_id"], block["camera_id"]
        collection.objects.link(empty)
        set_keys(empty, "location", block["frames"], np.array(block["location"], float))
        set_keys(empty, "scale", block["frames"], np.tile(np.array(block["scale"], float)[:, None], 3))
        changes = _find_hidden(block["frames"], *frames)
        set_keys(empty, "hide_viewport", list(changes), np.array(list(changes.values())), "CONSTANT")


def _find_hidden(there: list[int], first: int, last: int) -> dict[int, bool]:
    """Return {frame: whether the object is hidden from there on}, by frame."""
    before = {first: True} if there[0] > first else {}
    behind = {there[-1] + 1: True} if there[-1] < last else {}
    return {**before, there[0]: False, **behind}
