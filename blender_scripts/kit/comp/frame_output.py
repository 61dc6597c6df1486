"""Frames as files: layered EXR or PNG, with nothing in them that changes from one rendering to the next."""

import os
from pathlib import Path

import bpy

from kit import versions
from kit.comp.nodes import NodeDesk, Socket


def remove_stamps(render: bpy.types.RenderSettings) -> None:
    """Remove date, render time, file name and the like from the metadata, so that the same frame has the same bytes."""
    for item in render.bl_rna.properties:
        if item.identifier.startswith("use_stamp") and not item.is_readonly:
            setattr(render, item.identifier, False)


def set_still_format(settings: bpy.types.ImageFormatSettings, kind: str) -> None:
    """Set the format of a still. `exr`: half float, scene linear; `png`: 8 bits through the view transform."""
    settings.file_format = "PNG" if kind == "png" else "OPEN_EXR"
    settings.color_mode, settings.color_depth = "RGBA", "8" if kind == "png" else "16"


def write_still(scene: bpy.types.Scene, path: str) -> None:
    """Render the scene's comp to one file, in the format of `set_still_format`."""
    scene.render.filepath = path
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True, scene=scene.name)
    _check_written(path)


def make_layered_exr(desk: NodeDesk, layers: dict[str, Socket]) -> bpy.types.Node:
    """Make a node that writes one EXR of half floats, losslessly.

    The layer "" is written as plain R, G, B, A, the others by name.
    """
    node = desk.add_node("CompositorNodeOutputFile", "frame", (1000, 300))
    assert isinstance(node, bpy.types.CompositorNodeOutputFile) and node.format
    slots = versions.add_exr_layers(node, list(layers))
    node.format.color_depth, node.format.exr_codec = "16", "ZIP"
    for socket, slot in zip(layers.values(), slots, strict=True):
        desk.link(socket, slot)
    return node


def write_layered(scene: bpy.types.Scene, node: bpy.types.Node, path: str) -> None:
    """Render the scene's comp to the file that `node` writes."""
    assert isinstance(node, bpy.types.CompositorNodeOutputFile)
    versions.set_output_path(node, f"{path}.####.exr")  # without ####, Blender would put the number somewhere
    bpy.ops.render.render(scene=scene.name)
    written = f"{path}.{scene.frame_current:04d}.exr"
    _check_written(written)
    Path(written).replace(path)


def _check_written(path: str) -> None:
    """Check that a file was written, because Blender only prints when it cannot write. Raises OSError."""
    if not os.path.isfile(path):
        raise OSError(f"Blender wrote no {path}")
