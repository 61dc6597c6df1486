"""Inside Blender: which numbered picture (numbered.py) it shows in every frame of each movie, as JSON on a ## line.

usage: see_frames.py FIRST_FRAME MOVIE ... [or FILE.blend, whose clip it is then]
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
import numpy as np

from helpers.plates.numbered import number_of
from kit import versions


def shown(clip: bpy.types.MovieClip, frames: list[int]) -> list[int]:
    """The numbers, through a comp that has nothing but the clip."""
    scene = bpy.context.scene
    scene.camera = scene.camera or bpy.data.objects.new("see", bpy.data.cameras.new("see"))
    clip.colorspace_settings.name = "Non-Color"
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "PNG"
    tree = versions.clear_compositor(scene)
    node, end = tree.nodes.new("CompositorNodeMovieClip"), tree.nodes.new(versions.name_output_kind())
    node.clip = clip
    tree.links.new(node.outputs[0], end.inputs[0])
    found = []
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/seen.png"
        for frame in frames:
            scene.frame_set(frame)
            bpy.ops.render.render(write_still=True)
            image = bpy.data.images.load(scene.render.filepath, check_existing=False)
            image.colorspace_settings.name = "Non-Color"
            pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
            found.append(number_of(pixels * 255))
            bpy.data.images.remove(image)
    return found


seen, first = {}, int(sys.argv[1])
for path in sys.argv[2:]:
    if path.endswith(".blend"):
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
        (clip,) = bpy.data.movieclips
    else:
        clip = bpy.data.movieclips.load(path, check_existing=False)
        clip.frame_start = first
    seen[path] = shown(clip, list(range(first, first + clip.frame_duration)))
print("##" + json.dumps(seen), flush=True)
