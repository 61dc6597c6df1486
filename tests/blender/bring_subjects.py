"""Runs in Blender: brings subjects into an empty file one after another and tells, as JSON, what came of each.

python bring_subjects.py OUT.blend WANTED.json RESULT.json, with WANTED {name: subject block} as in a scene sheet
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy

from kit.arguments import UserError
from kit.close_blend_at_exit import forget_files_at_exit
from kit.set.subject import build_subject

out, wanted, result = sys.argv[1:]


def world_box(frame: int) -> list[list[float]]:
    """Lowest and highest corner of the meshes' vertices, as rendered."""
    bpy.context.scene.frame_set(frame)
    low, high = [1e9] * 3, [-1e9] * 3
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        if instance.object.type == "MESH":
            for vertex in instance.object.data.vertices:
                place = instance.matrix_world @ vertex.co
                low, high = [*map(min, low, place)], [*map(max, high, place)]
    return [low, high]


def render() -> None:
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    bpy.ops.render.render()


def tell(block: dict) -> dict:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=out)
    subject = bpy.data.collections.new("subject")
    bpy.context.scene.collection.children.link(subject)
    try:
        size = build_subject(block, 1002, subject)
    except UserError as error:
        return {"error": str(error)}
    root = subject.objects[0]
    found = {"size": size, "box": world_box(1002), "later": world_box(1004), "root": root.name}
    found["scale"], found["z"] = list(root.scale), root.location.z
    bpy.ops.wm.save_as_mainfile(filepath=out)
    bpy.ops.wm.open_mainfile(filepath=out, use_scripts=False)
    if "hostile" in block["blend"]:
        render()
    return {
        **found,
        "libraries": [library.filepath for library in bpy.data.libraries],
        "texts": [text.name for text in bpy.data.texts],
        "local": sorted(thing.name for thing in bpy.data.objects if not thing.library),
        "parents": {thing.name: thing.parent and thing.parent.name for thing in bpy.data.objects},
        "lamps": [lamp.name for lamp in bpy.data.lights],
        "materials": [material.name for material in bpy.data.materials],
        "modifiers": [modifier.type for thing in bpy.data.objects for modifier in thing.modifiers],
        "images": [bpy.path.abspath(image.filepath, library=image.library) for image in bpy.data.images if image.users],
    }


forget_files_at_exit()
blocks = json.loads(Path(wanted).read_text())
Path(result).write_text(json.dumps({name: tell(block) for name, block in blocks.items()}))
