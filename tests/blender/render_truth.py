"""Runs in Blender: a sunlit ground with and without an object on it, by a pinhole camera; what a plate is made from.

python render_truth.py OUT_FOLDER TRUTH.json, with TRUTH {frames: {number: cam_from_world 3x4}, focal_px, size_px, sun:
{direction, strength, angle_deg}, sky, subject: a scene sheet's block}. Writes with.####.exr and without.####.exr, and
outline.json, the object's vertices in the world. Nothing but the object's shape is of our own scripts.
"""

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
import numpy as np
from mathutils import Matrix, Vector

from kit.set.subject import build_subject

folder, truth = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene

data = bpy.data.cameras.new("camera")
width, height = truth["size_px"]
data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, truth["focal_px"] / width * 36.0
camera = bpy.data.objects.new("camera", data)
scene.collection.objects.link(camera)
scene.camera = camera

bpy.ops.mesh.primitive_plane_add(size=40)
ground = bpy.data.materials.new("paving")
ground.use_nodes = True
nodes = ground.node_tree.nodes
slabs = nodes.new("ShaderNodeTexChecker")
slabs.inputs["Scale"].default_value = 60.0
slabs.inputs["Color1"].default_value, slabs.inputs["Color2"].default_value = (0.5, 0.45, 0.4, 1), (0.3, 0.3, 0.33, 1)
ground.node_tree.links.new(slabs.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
nodes["Principled BSDF"].inputs["Roughness"].default_value = 1.0
nodes["Principled BSDF"].inputs["Specular IOR Level"].default_value = 0.0
bpy.context.active_object.data.materials.append(ground)

light = bpy.data.lights.new("sun", "SUN")
light.energy, light.angle = truth["sun"]["strength"], math.radians(truth["sun"]["angle_deg"])
sun = bpy.data.objects.new("sun", light)
sun.rotation_euler = Vector(truth["sun"]["direction"]).to_track_quat("-Z", "Y").to_euler()
scene.collection.objects.link(sun)
scene.world = bpy.data.worlds.new("sky")
scene.world.use_nodes = True
scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*[truth["sky"]] * 3, 1.0)

objects = bpy.data.collections.new("object")
scene.collection.children.link(objects)
build_subject(truth["subject"], 1, objects)
graph = bpy.context.evaluated_depsgraph_get()
outline = []
for thing in objects.all_objects:
    if thing.type == "MESH":
        body = thing.evaluated_get(graph)
        outline += [list(body.matrix_world @ vertex.co) for vertex in body.data.vertices]
(folder / "outline.json").write_text(json.dumps(outline))

scene.render.engine = "CYCLES"
scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 6, False, False
scene.render.resolution_x, scene.render.resolution_y = width, height
scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
for number, pose in truth["frames"].items():
    cam_from_world = np.vstack([np.array(pose), [0, 0, 0, 1]])
    camera.matrix_world = Matrix((np.linalg.inv(cam_from_world) @ np.diag([1, -1, -1, 1])).tolist())
    for name, hidden in (("with", False), ("without", True)):
        objects.hide_render = hidden
        scene.render.filepath = str(folder / f"{name}.{int(number):04d}.exr")
        bpy.ops.render.render(write_still=True)
