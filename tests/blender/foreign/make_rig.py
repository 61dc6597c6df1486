"""Runs in Blender: rig.blend, in which all is that could run by itself. `python make_rig.py FOLDER MOVIE`

Whatever runs would write FOLDER/evil: drivers, a registered script, handlers that it adds, an OSL script, a library
that is gone. It has a clip of MOVIE with 8 tracks, a camera, and the collection Rig.
"""

import os
import sys
from pathlib import Path

import bpy

folder, movie = (Path(word).resolve() for word in sys.argv[1:])
WRITE = f"open({str(folder / 'evil')!r}, 'a').write('ran')"


def triangle(name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [], [(0, 1, 2)])
    return bpy.data.objects.new(name, mesh)


bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.collection.objects.link(triangle("part"))
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))

bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (_, target):
    target.objects = ["part"]
scene.collection.objects.link(target.objects[0])  # not in Rig: what is gone is refused in a subject

rig = bpy.data.collections.new("Rig")
scene.collection.children.link(rig)
body = triangle("body")
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
for thing in (body, camera):
    rig.objects.link(thing)
scene.camera = camera

script = bpy.data.texts.new("evil.py")
script.write(f"import bpy\n{WRITE}\n\ndef register():\n    {WRITE}\n")
script.write(
    f"\nfor each in (bpy.app.handlers.load_post, bpy.app.handlers.frame_change_post):\n    each.append({WRITE})\n"
)
script.use_module = True
body["script"] = script
for owner in (body, camera):
    for axis, expression in enumerate((f"1 + 0 * len(str({WRITE}))", "evil()", "1 + 0 * self.location.x")):
        driver = owner.driver_add("location", axis).driver
        driver.use_self, driver.expression = True, expression

flat = bpy.data.collections.new("Flat")  # its one object has no size when its drivers do not run
scene.collection.children.link(flat)
flat.objects.link(triangle("flat"))
for axis in range(3):
    flat.objects[0].driver_add("scale", axis).driver.expression = "1 + 0 * len(str(1))"

material = bpy.data.materials.new("osl")
material.use_nodes = True
node = material.node_tree.nodes.new("ShaderNodeScript")
shader = bpy.data.texts.new("evil.osl")
shader.write('shader evil(output color C = 0) { printf("ran"); }')
node.mode, node.script = "INTERNAL", shader
body.data.materials.append(material)

clip = bpy.data.movieclips.load(str(movie))
for number in range(8):
    track = clip.tracking.tracks.new(name=f"t{number}", frame=1)
    for frame in range(1, 31):
        track.markers.insert_frame(frame, co=(0.1 + number * 0.1 + frame * 0.001, 0.5))
scene.active_clip = clip

bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rig.blend"))
sys.stdout.flush()
os._exit(0)  # as a module Blender hangs when it frees drivers with Python in them after Python
