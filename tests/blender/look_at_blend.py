"""Run in Blender on a .blend: what Blender itself makes of the clip's solve, as JSON.

python look_at_blend.py BLEND OUT [POSITIONS UNDISTORTED]: with a float image of positions, also what the clip's
lens makes of it when it undistorts.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
import numpy as np

from kit import versions

blend, out, *images = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=blend, load_ui=True)
scene, clip = bpy.context.scene, bpy.data.movieclips[0]
frames = range(scene.frame_start, scene.frame_end + 1)
tracks = clip.tracking.tracks


def empty(name: str, kind: str, data=None, **settings) -> bpy.types.Object:
    """An object at the origin with one constraint of the clip's."""
    made = bpy.data.objects.new(name, data)
    scene.collection.objects.link(made)
    constraint = made.constraints.new(kind)
    for key, value in {"use_active_clip": False, "clip": clip, **settings}.items():
        setattr(constraint, key, value)
    return made


fresh = empty("fresh", "CAMERA_SOLVER", bpy.data.cameras.new("fresh"))
drawn = bpy.data.objects["clip_camera"]  # Blender draws the clip's points around it, as this constraint places them
with_point = [track for track in tracks if track.has_bundle]
followers = {
    track.name: empty(track.name, "FOLLOW_TRACK", camera=drawn, use_3d_position=True, object="Camera", track=track.name)
    for track in with_point
}
seen = {"fresh": [], "keyed": [], "clip_camera": [], "from_frame": [], "points": {}}
for frame in frames:
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    for key, thing in (("fresh", fresh), ("clip_camera", drawn), ("keyed", bpy.data.objects["solved_camera"])):
        seen[key].append(np.array(thing.evaluated_get(graph).matrix_world).tolist())
    at = clip.tracking.reconstruction.cameras.matrix_from_frame(frame=frame - clip.frame_start + 1)
    seen["from_frame"].append(np.array(at).tolist())
    for name, follower in followers.items():
        seen["points"].setdefault(name, []).append(list(follower.evaluated_get(graph).matrix_world.translation))

window = bpy.data.window_managers[0].windows[0]
area = next(area for area in window.screen.areas if area.type == "CLIP_EDITOR")
area.spaces.active.mode = "TRACKING"
seen["grouped"] = {}
with bpy.context.temp_override(
    window=window, area=area, region=next(region for region in area.regions if region.type == "WINDOW")
):
    for color in {tuple(track.color) for track in tracks if track.use_custom_color}:
        for track in tracks:
            track.select = False
        tracks.active = next(track for track in tracks if track.use_custom_color and tuple(track.color) == color)
        tracks.active.select = True
        bpy.ops.clip.select_grouped(group="COLOR")
        seen["grouped"][tracks.active.name] = sorted(track.name for track in tracks if track.select)

if images:
    positions, undistorted = images
    scene = bpy.data.scenes.new("lens")
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.compositor_precision = "FULL"
    scene.render.filepath = str(Path(undistorted))
    tree = versions.clear_compositor(scene)
    source, lens = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeMovieDistortion")
    source.image = bpy.data.images.load(positions)
    source.image.colorspace_settings.name = "Non-Color"
    lens.clip, lens.distortion_type = clip, "UNDISTORT"
    tree.links.new(source.outputs["Image"], lens.inputs["Image"])
    tree.links.new(lens.outputs["Image"], tree.nodes.new(versions.name_output_kind()).inputs["Image"])
    bpy.ops.render.render(scene=scene.name, write_still=True)

Path(out).write_text(json.dumps(seen))
