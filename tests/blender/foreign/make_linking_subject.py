"""Runs in Blender: robot.blend and packed.blend (saved with Compress), which both link inner.blend. That one shows
tex.png, the sequence seq.###.png, and names later.png, which is not there. `python make_linking_subject.py FOLDER`
"""

import sys
from pathlib import Path

import bpy

folder = Path(sys.argv[1]).resolve()


def picture(name: str) -> None:
    image = bpy.data.images.new(name, 8, 8)
    image.filepath_raw, image.file_format = str(folder / name), "PNG"
    image.save()


bpy.ops.wm.read_factory_settings(use_empty=True)
for name in ("tex.png", "seq.001.png", "seq.002.png", "later.png"):
    picture(name)
bpy.ops.wm.read_factory_settings(use_empty=True)
mesh = bpy.data.meshes.new("part")
mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], [], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)])
part = bpy.data.objects.new("part", mesh)
inner = bpy.data.collections.new("Inner")
bpy.context.scene.collection.children.link(inner)
inner.objects.link(part)
material = bpy.data.materials.new("paint")
material.use_nodes = True
mesh.materials.append(material)
for name in ("tex.png", "seq.001.png"):
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(folder / name))
    node.image.source = "SEQUENCE" if name.startswith("seq") else "FILE"
bpy.data.images.load(str(folder / "later.png")).use_fake_user = True
(folder / "later.png").unlink()
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "inner.blend"))
bpy.ops.file.make_paths_relative()
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "inner.blend"))

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "robot.blend"))
with bpy.data.libraries.load("//inner.blend", link=True, relative=True) as (_, target):
    target.collections = ["Inner"]
robot = bpy.data.collections.new("Robot")
bpy.context.scene.collection.children.link(robot)
robot.children.link(target.collections[0])
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "robot.blend"))
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "packed.blend"), compress=True)
for backup in folder.glob("*.blend1"):
    backup.unlink()
