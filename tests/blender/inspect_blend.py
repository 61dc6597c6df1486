"""Inside Blender: what its cameras see and where its nodes lie, of a .blend, as JSON on a line that begins with ##.

usage: inspect_blend.py FILE.blend FRAME [[x, y, z], ...]
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
from mathutils import Vector

from kit import versions

bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=False)
scene, points = bpy.context.scene, json.loads(sys.argv[3])
scene.frame_set(int(sys.argv[2]))
render, seen = scene.render, {}
for camera in [thing for thing in bpy.data.objects if thing.type == "CAMERA"]:
    owner = next((each for each in bpy.data.scenes if each.camera == camera), scene)
    width, height = owner.render.resolution_x, owner.render.resolution_y
    aspect = {"scale_x": owner.render.pixel_aspect_x, "scale_y": owner.render.pixel_aspect_y}
    lens = camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=width, y=height, **aspect)
    clip = [lens @ camera.matrix_world.inverted() @ Vector((*point, 1.0)) for point in points]
    seen[camera.name] = {"size_px": [width, height], "xy": [[c.x / c.w, c.y / c.w] for c in clip]}


def places(tree) -> list:
    """Name, kind, left, top, width of every node but frames, and the label of the frame around it."""
    shown = [node for node in tree.nodes if node.bl_idname != "NodeFrame"]
    return [
        [node.name, node.bl_idname, *node.location, node.width, node.parent.label if node.parent else ""]
        for node in shown
    ]


trees = {"comp": places(versions.compositor_of(scene)), **{group.name: places(group) for group in bpy.data.node_groups}}
print("##" + json.dumps({"cameras": seen, "trees": trees, "scenes": len(bpy.data.scenes)}))
