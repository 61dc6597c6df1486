"""Runs in Blender: measures the lights and backdrops of scene sheets with grey cards and cameras, in scene linear.

python light_meter.py FOLDER, which has sheets.json: {name: sheet with subject, ground, lights, backdrop, and meter:
{card: unit normal of a grey card (albedo 0.5) where the subject stands} or {eye: from, at: to}}. Pictures, 8x8, go to
FOLDER/<name>.exr. Files of the sheets lie two folders up, as from a .blend of ours.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
from mathutils import Vector

from kit.set import lighting
from kit.set.backdrop import build_backdrop

CARD_HEIGHT = 0.3  # of the subject's size: what the lamps are aimed at
folder = Path(sys.argv[1])


def camera_at(eye: Vector, at: Vector) -> None:
    scene, data = bpy.context.scene, bpy.data.cameras.new("meter")
    data.angle, data.clip_start = 0.02, 0.001
    scene.camera = bpy.data.objects.new("meter", data)
    scene.camera.location = eye
    scene.camera.rotation_mode = "QUATERNION"
    scene.camera.rotation_quaternion = (at - eye).to_track_quat("-Z", "Y")
    scene.collection.objects.link(scene.camera)


def card(normal: Vector, at: Vector) -> None:
    bpy.ops.mesh.primitive_plane_add(size=0.01, location=at, rotation=normal.to_track_quat("Z", "Y").to_euler())
    grey = bpy.data.materials.new("grey")
    grey.use_nodes = True
    shader = grey.node_tree.nodes["Principled BSDF"]
    for name, value in {"Base Color": (0.5, 0.5, 0.5, 1), "Roughness": 1.0, "Specular IOR Level": 0.0}.items():
        shader.inputs[name].default_value = value
    bpy.context.active_object.data.materials.append(grey)


def measure(name: str, sheet: dict) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "meter.blend"))
    scene, size = bpy.context.scene, sheet["subject"]["size"]
    lighting.add_lamps(sheet, size, scene.collection)
    build_backdrop(sheet, scene.collection)
    scene.world = lighting.make_world(sheet["lights"])
    place, meter = Vector(sheet["subject"]["location"]), sheet["meter"]
    if "card" in meter:
        aim, normal = place + Vector((0, 0, CARD_HEIGHT * size)), Vector(meter["card"])
        card(normal, aim)
        camera_at(aim + normal * 0.1, aim)
    else:
        camera_at(Vector(meter["eye"]), Vector(meter["at"]))
    scene.render.engine, scene.cycles.samples, scene.cycles.seed = "CYCLES", 16, 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.render.filepath = str(folder / f"{name}.exr")
    bpy.ops.render.render(write_still=True)


for name, sheet in json.loads((folder / "sheets.json").read_text()).items():
    measure(name, sheet)
