"""Inside Blender: where the empties of a .blend's "Objects" collection stand in every frame, as JSON on a line that
begins with ##.

usage: project_empties.py FILE.blend
Of each, by name: custom properties; and by frame whether it is hidden, and where each camera that renders sees its
centre and the ends of its cross, up and down: 0..1 of the picture, from the bottom-left.
"""

import json
import sys

import bpy
from mathutils import Vector

bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=False)
main, collection = bpy.context.scene, bpy.data.collections["Objects"]
MARKS = ((0, 0, 0), (0, 0.5, 0), (0, -0.5, 0))


def seen(scene, marks) -> list:
    render, graph = scene.render, bpy.context.evaluated_depsgraph_get()
    size = {"x": render.resolution_x, "y": render.resolution_y}
    aspect = {"scale_x": render.pixel_aspect_x, "scale_y": render.pixel_aspect_y}
    camera = scene.camera.evaluated_get(graph)
    lens = camera.calc_matrix_camera(graph, **size, **aspect) @ camera.matrix_world.inverted()
    clip = [lens @ Vector((*mark, 1.0)) for mark in marks]
    return [[(each.x / each.w + 1) / 2, (each.y / each.w + 1) / 2] for each in clip]


found = {"hide_render": collection.hide_render, "scenes": [], "empties": {}}
found["scenes"] = sorted(scene.name for scene in bpy.data.scenes if collection.name in scene.collection.children)
for empty in collection.objects:
    told = {name: empty[name] for name in ("track_id", "camera_id")}
    told["display"] = [empty.type, empty.empty_display_type, empty.empty_display_size, empty.parent.name]
    found["empties"][empty.name] = {**told, "frames": {}}
for frame in range(main.frame_start, main.frame_end + 1):
    main.frame_set(frame)
    for empty in collection.objects:
        matrix = empty.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
        if empty.hide_viewport:  # it is not evaluated
            found["empties"][empty.name]["frames"][frame] = None
            continue
        marks = [matrix @ Vector(mark) for mark in MARKS]
        views = {scene.name: seen(scene, marks) for scene in bpy.data.scenes}
        found["empties"][empty.name]["frames"][frame] = views
print("##" + json.dumps(found))
