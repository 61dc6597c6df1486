"""Runs in Blender: .blend files to bring along, good and bad ones. `python make_assets.py FOLDER EVIL_FILE`

prop.blend   Prop: a turned, subdivided, animated body (lowest vertex at z = -1 in frame 1) with a lamp and a material
hostile.blend the same with all that would write EVIL_FILE: a registered script that the body refers to, two drivers
loose.blend  a body in no collection; bare.blend   one empty collection; lamps.blend: one with a lamp only
linking.blend links parts.blend, which is then removed; textured.blend shows textures/wood.png, beside it
"""

import os
import sys
from pathlib import Path

import bpy

folder, evil = Path(sys.argv[1]).resolve(), sys.argv[2]


def fresh() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def save(name: str) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / name), compress=True)


def collection(name: str) -> bpy.types.Collection:
    made = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(made)
    return made


def cube(name: str, into: bpy.types.Collection, half: float = 1.0) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    corners = [
        (x, y, z) for z in (-half, half) for x, y in ((-half, -half), (half, -half), (half, half), (-half, half))
    ]
    sides = [(k, (k + 1) % 4, 4 + (k + 1) % 4, 4 + k) for k in range(4)]
    mesh.from_pydata(corners, [], [(3, 2, 1, 0), (4, 5, 6, 7), *sides])
    made = bpy.data.objects.new(name, mesh)
    into.objects.link(made)
    return made


def prop() -> bpy.types.Object:
    fresh()
    into = collection("Prop")
    body = cube("body", into)
    body.rotation_euler = (0.0, 0.0, 0.3)
    for frame, height in ((1002, 0.0), (1004, 3.0)):
        body.location = (0.0, 0.0, height)
        body.keyframe_insert("location", frame=frame)
    body.modifiers.new("array", "ARRAY")  # twice as long
    material = bpy.data.materials.new("paint")
    material.use_nodes = True
    body.data.materials.append(material)
    lamp = bpy.data.objects.new("bulb", bpy.data.lights.new("bulb", "POINT"))
    lamp.parent = body
    into.objects.link(lamp)
    collection("Spare")
    return body


prop()
save("prop.blend")

body = prop()
write = f"open({evil!r}, 'a').write('ran')"
script = bpy.data.texts.new("evil.py")
script.write(f"{write}\ndef register():\n    {write}\n")
script.use_module = True
body["script"] = script
for axis, expression in enumerate((f"1 + 0 * len(str({write}))", "evil()")):
    body.driver_add("scale", axis).driver.expression = expression
save("hostile.blend")

fresh()
collection("Bare")
save("bare.blend")

fresh()
cube("loose", bpy.context.scene.collection)
save("loose.blend")

fresh()
collection("Lamps").objects.link(bpy.data.objects.new("bulb", bpy.data.lights.new("bulb", "POINT")))
save("lamps.blend")

fresh()
cube("part", collection("Parts"))
save("parts.blend")
fresh()
with bpy.data.libraries.load(str(folder / "parts.blend"), link=True, relative=True) as (_, target):
    target.objects = ["part"]
collection("Linking").objects.link(target.objects[0])
save("linking.blend")
(folder / "parts.blend").unlink()

fresh()
(folder / "textures").mkdir()
image = bpy.data.images.new("wood", 8, 8)
image.filepath_raw, image.file_format = str(folder / "textures" / "wood.png"), "PNG"
image.save()
textured = cube("textured", collection("Textured"))
material = bpy.data.materials.new("wood")
material.use_nodes = True
node = material.node_tree.nodes.new("ShaderNodeTexImage")
node.image = bpy.data.images.load(str(folder / "textures" / "wood.png"))
material.node_tree.links.new(node.outputs[0], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
textured.data.materials.append(material)
save("textured.blend")
bpy.ops.file.make_paths_relative()
save("textured.blend")

sys.stdout.flush()
os._exit(0)  # as a module Blender hangs when it frees drivers with Python in them after Python
