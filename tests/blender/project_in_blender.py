"""Run inside Blender: project points through a camera that Blender's own importers read, with its own projection.

    python project_in_blender.py --job job.json

job.json: files (what to read, one after the other), size_px, pixel_aspect, fps, frames, points (P, 3), out. out, JSON:
for each file, for each frame, (P, 2) px from the top-left corner. Nothing here knows how shotmake reads or writes.
A .chan is read as Blender's add-on for it does: turned into Z up, vertical angle of view, rotation order ZXY.
"""

import json
import math
import sys
from pathlib import Path

import bpy
from mathutils import Euler, Matrix, Vector


def chan_camera(path: Path) -> dict[int, tuple[Matrix, float]]:
    """frame -> where it stands and its vertical angle of view."""
    made = {}
    for line in path.read_text().splitlines():
        frame, tx, ty, tz, rx, ry, rz, vfov = map(float, line.split())
        turn = Euler(map(math.radians, (rx, ry, rz)), "ZXY").to_matrix().to_4x4()
        y_up = Matrix.Translation((tx, ty, tz)) @ turn
        made[int(frame)] = (Matrix.Rotation(math.radians(90), 4, "X") @ y_up, math.radians(vfov))
    return made


def import_file(path: Path) -> bpy.types.Object:
    if path.suffix == ".usda":
        bpy.ops.wm.usd_import(filepath=str(path))
    elif path.suffix == ".abc":
        bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
    elif path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        data = bpy.data.cameras.new("chan")
        bpy.context.scene.collection.objects.link(bpy.data.objects.new("chan", data))
    (camera,) = (one for one in bpy.data.objects if one.type == "CAMERA")
    return camera


def projected(path: Path, job: dict) -> list:
    width, height = job["size_px"]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = job["fps"]
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.pixel_aspect_x = job["pixel_aspect"]
    camera = import_file(path)
    chan = chan_camera(path) if path.suffix == ".chan" else {}
    made = []
    for frame in job["frames"]:
        if chan:
            camera.matrix_world, angle = chan[frame]
            camera.data.sensor_fit = "VERTICAL"
            camera.data.angle_y = angle
        scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        seen = camera.evaluated_get(depsgraph)
        lens = seen.calc_matrix_camera(depsgraph, x=width, y=height, scale_x=job["pixel_aspect"], scale_y=1)
        whole = lens @ seen.matrix_world.inverted()
        clips = [whole @ Vector((*point, 1)) for point in job["points"]]
        made.append([[(c.x / c.w + 1) / 2 * width, (1 - c.y / c.w) / 2 * height] for c in clips])
    return made


given = json.loads(Path(sys.argv[sys.argv.index("--job") + 1]).read_text())
results = {name: projected(Path(name), given) for name in given["files"]}
Path(given["out"]).write_text(json.dumps(results))
