"""Write a canonical JSON description of a .blend: two builds of the same shot give the same text, byte for byte.

Run: python dump_blend.py --blend FILE --out FILE.json
or:  blender --factory-startup --background --python-exit-code 1 --python dump_blend.py -- ARGS
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy
import numpy as np

from kit import versions
from kit.arguments import OneLineParser, list_script_arguments
from kit.close_blend_at_exit import forget_files_at_exit

DIGITS = 6
USER_DATA = (
    *("actions", "cameras", "collections", "curves", "images", "lights", "materials", "meshes", "movieclips"),
    *("node_groups", "objects", "textures", "texts", "worlds"),
)


def numbers(values: Any) -> list[float]:
    return [round(float(value), DIGITS) + 0.0 for value in values]  # + 0.0: no -0.0


def scene_block(scene: bpy.types.Scene) -> dict[str, Any]:
    render = scene.render
    assert scene.cycles
    return {
        "frame": scene.frame_current,
        "frame_range": [scene.frame_start, scene.frame_end],
        "frame_rate": [render.fps, round(render.fps_base, DIGITS)],
        "resolution_px": [render.resolution_x, render.resolution_y],
        "resolution_percentage": render.resolution_percentage,
        "pixel_aspect": numbers([render.pixel_aspect_x, render.pixel_aspect_y]),
        "engine": render.engine,
        "samples": scene.cycles.samples,
        "film_transparent": render.film_transparent,
        "file_format": render.image_settings.file_format,
        "colour": colour_block(scene),
        "units": [scene.unit_settings.system, round(scene.unit_settings.scale_length, DIGITS)],
        "camera": scene.camera.name if scene.camera else None,
        "world": scene.world.name if scene.world else None,
        "active_clip": scene.active_clip.name if scene.active_clip else None,
        "collections": sorted(scene.collection.children.keys()),
        "view_layers": {
            layer.name: {"shadow_catcher_pass": layer.cycles.use_pass_shadow_catcher}  # pyright: ignore
            for layer in scene.view_layers
        },
        "compositor": tree_block(comp) if (comp := versions.compositor_of(scene)) else None,
    }


def colour_block(scene: bpy.types.Scene) -> dict[str, Any]:
    view, display, sequencer = scene.view_settings, scene.display_settings, scene.sequencer_colorspace_settings
    assert view and display and sequencer
    return {
        "display": display.display_device,
        "view": view.view_transform,
        "look": view.look,
        "exposure_gamma": numbers([view.exposure, view.gamma]),
        "curves": view.use_curve_mapping,
        "sequencer": sequencer.name,
    }


def tree_block(tree: bpy.types.NodeTree) -> dict[str, Any]:
    """Nodes by name with what they refer to, and links as "node.socket -> node.socket"."""
    nodes: dict[str, Any] = {}
    for node in sorted(tree.nodes, key=lambda node: node.name):
        block: dict[str, Any] = {"type": node.bl_idname, "label": node.label}
        block["frame"], block["at"] = (node.parent.name if node.parent else None), numbers(node.location)
        for name in ("scene", "clip", "image", "node_tree", "filter_type", "operation", "blend_type"):
            value = getattr(node, name, None)
            if value is not None:
                block[name] = value.name if isinstance(value, bpy.types.ID) else str(value)
        if isinstance(node, bpy.types.CompositorNodeRLayers):
            block["layer"] = node.layer
        nodes[node.name] = block
    links = [
        f"{link.from_node.name}.{link.from_socket.identifier} -> {link.to_node.name}.{link.to_socket.identifier}"
        for link in tree.links
        if link.from_node and link.to_node and link.from_socket and link.to_socket
    ]
    return {"nodes": nodes, "links": sorted(links)}


def camera_blocks(scene: bpy.types.Scene) -> dict[str, Any]:
    """Each camera's settings and its world placement at every frame of the scene's range, as evaluated."""
    blocks: dict[str, Any] = {}
    cameras = sorted((thing for thing in bpy.data.objects if thing.type == "CAMERA"), key=lambda thing: thing.name)
    for camera in cameras:
        data = camera.data
        assert isinstance(data, bpy.types.Camera)
        curves = versions.curves_of(camera)
        blocks[camera.name] = {
            "sensor_fit": data.sensor_fit,
            "sensor_mm": numbers([data.sensor_width, data.sensor_height]),
            "clip": numbers([data.clip_start, data.clip_end]),
            "rotation_mode": camera.rotation_mode,
            "parent": camera.parent.name if camera.parent else None,
            "display_size": round(data.display_size, DIGITS),
            "backgrounds": [background_block(one) for one in data.background_images],
            "keys": {f"{curve.data_path}[{curve.array_index}]": len(curve.keyframe_points) for curve in curves},
            "interpolation": sorted({point.interpolation for curve in curves for point in curve.keyframe_points}),
            "frames": [],
        }
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for camera in cameras:
            evaluated = camera.evaluated_get(graph)
            data = evaluated.data
            assert isinstance(data, bpy.types.Camera)
            location, rotation, _ = evaluated.matrix_world.decompose()
            blocks[camera.name]["frames"].append(
                {
                    "frame": frame,
                    "location": numbers(location),
                    "rotation_quaternion": numbers(math.copysign(1.0, rotation[0]) * part for part in rotation),
                    "focal_mm": round(data.lens, DIGITS),
                    "shift": numbers([data.shift_x, data.shift_y]),
                }
            )
    return blocks


def background_block(background: bpy.types.CameraBackgroundImage) -> dict[str, Any]:
    assert background.clip_user
    return {
        "clip": background.clip.name if background.clip else None,
        "depth": background.display_depth,
        "fit": background.frame_method,
        "undistorted": background.clip_user.use_render_undistorted,
        "size": background.clip_user.proxy_render_size,
    }


def track_block(clip: bpy.types.MovieClip, track: bpy.types.MovieTrackingTrack) -> dict[str, Any]:
    """Sizes in px; frames are the clip's own."""
    shown = [marker for marker in track.markers if not marker.mute]
    first = track.markers[0]
    pattern, search = np.ptp(np.array(first.pattern_corners), axis=0), np.array(first.search_max) - first.search_min
    return {
        "markers": len(shown),
        "frames": [min(marker.frame for marker in track.markers), max(marker.frame for marker in track.markers)],
        "first": numbers(next((marker.co for marker in shown), ())),
        "keyed": [marker.frame for marker in shown if marker.is_keyed],
        "weight": round(track.weight, DIGITS),
        "color": numbers(track.color) if track.use_custom_color else None,
        "motion_model": track.motion_model,
        "pattern_match": track.pattern_match,
        "correlation_min": round(track.correlation_min, DIGITS),
        "pattern_px": [round(side) for side in pattern * clip.size],
        "search_px": [round(side) for side in search * clip.size],
        "bundle": numbers(track.bundle) if track.has_bundle else None,
        "error_px": round(track.average_error, DIGITS),
    }


def reconstruction_block(tracking: bpy.types.MovieTracking) -> dict[str, Any]:
    assert tracking.reconstruction and tracking.settings
    found = tracking.reconstruction
    return {
        "is_valid": found.is_valid,
        "error_px": round(found.average_error, DIGITS),
        "frames": [camera.frame for camera in found.cameras],
        "frame_error_px": numbers(camera.average_error for camera in found.cameras),
        "tripod": tracking.settings.use_tripod_solver,
    }


def clip_block(clip: bpy.types.MovieClip) -> dict[str, Any]:
    assert clip.tracking and clip.tracking.camera and clip.colorspace_settings
    camera, tracks = clip.tracking.camera, clip.tracking.tracks
    markers = [marker for track in tracks for marker in track.markers]
    return {
        "file": clip.filepath,
        "source": clip.source,
        "color_space": clip.colorspace_settings.name,
        "size_px": list(clip.size),
        "frame_start": clip.frame_start,
        "frame_duration": clip.frame_duration,
        "markers": sum(not marker.mute for marker in markers),
        "muted_markers": sum(marker.mute for marker in markers),
        "proxy": clip.use_proxy,
        "tracks": {track.name: track_block(clip, track) for track in sorted(tracks, key=lambda track: track.name)},
        "reconstruction": reconstruction_block(clip.tracking),
        "camera": {
            "model": camera.distortion_model,
            "sensor_width_mm": round(camera.sensor_width, DIGITS),
            "focal_mm": round(camera.focal_length, DIGITS),
            "principal_point_px": numbers(camera.principal_point_pixels),
            "brown": {
                name: round(getattr(camera, f"brown_{name}"), DIGITS) for name in ("k1", "k2", "k3", "k4", "p1", "p2")
            },
        },
    }


def object_block(thing: bpy.types.Object) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": thing.type,
        "location": numbers(thing.location),
        "scale": numbers(thing.scale),
        "parent": thing.parent.name if thing.parent else None,
        "hide_render": thing.hide_render,
        "shadow_catcher": thing.is_shadow_catcher,
    }
    if thing.constraints:
        block["constraints"] = [constraint.type for constraint in thing.constraints]
    if thing.type == "EMPTY":
        block["display"] = [thing.empty_display_type, round(thing.empty_display_size, DIGITS)]
    if isinstance(thing.data, bpy.types.Mesh):
        block["vertices"], block["faces"] = len(thing.data.vertices), len(thing.data.polygons)
        block["materials"] = [material.name for material in thing.data.materials if material]
    return block


def editor_blocks() -> list[list[Any]]:
    """[screen, editor, what it shows] of each area that shows something of the shot."""
    found: list[list[Any]] = []
    for screen in sorted(bpy.data.screens, key=lambda screen: screen.name):
        for area in screen.areas:
            space = area.spaces.active
            if isinstance(space, bpy.types.SpaceClipEditor):
                user = space.clip_user
                assert user
                clip = space.clip.name if space.clip else None
                shown = [clip, user.frame_current, user.proxy_render_size, space.show_bundles]
            elif isinstance(space, bpy.types.SpaceView3D) and space.region_3d:
                shown = [space.region_3d.view_perspective, *numbers([space.clip_start, space.clip_end])]
            elif isinstance(space, bpy.types.SpaceNodeEditor):
                region = next(region for region in area.regions if region.type == "WINDOW")
                corners = [region.view2d.region_to_view(*at) for at in ((0, 0), (region.width, region.height))]
                shown = [space.tree_type, space.show_backdrop, [round(end) for corner in corners for end in corner]]
            elif isinstance(space, bpy.types.SpaceDopeSheetEditor):
                region = next(region for region in area.regions if region.type == "WINDOW")
                ends = [region.view2d.region_to_view(x, 0)[0] for x in (0, region.width)]
                shown = [round(end) for end in ends] if region.width > 1 else ["hidden"]
            else:
                continue
            found.append([screen.name, area.ui_type, *shown])
    return found


def unused() -> list[str]:
    """Data-blocks that nothing uses: what Outliner > Orphan Data lists. What Blender itself brings is left out."""
    blocks = [block for blocks in (getattr(bpy.data, name) for name in USER_DATA) for block in blocks]
    return sorted(f"{type(block).__name__} {block.name}" for block in blocks if not block.users or block.use_fake_user)


def describe() -> dict[str, Any]:
    """The open file as plain data."""
    scene = bpy.context.scene
    assert isinstance(scene, bpy.types.Scene)
    shown_frame = scene.frame_current
    cameras = camera_blocks(scene)
    scene.frame_set(shown_frame)
    return {
        "blender": bpy.app.version_string,
        "scene": scene.name,
        "scenes": {each.name: scene_block(each) for each in sorted(bpy.data.scenes, key=lambda each: each.name)},
        "cameras": cameras,
        "clips": {clip.name: clip_block(clip) for clip in bpy.data.movieclips},
        "images": {
            image.name: {
                "file": image.filepath,
                "color_space": image.colorspace_settings.name if image.colorspace_settings else None,
                "size_px": list(image.size),
            }
            for image in bpy.data.images
            if image.source == "FILE"
        },
        "collections": {
            collection.name: {thing.name: object_block(thing) for thing in collection.objects}
            for collection in bpy.data.collections
        },
        "node_groups": {group.name: tree_block(group) for group in bpy.data.node_groups},
        "texts": sorted(bpy.data.texts.keys()),
        "drivers": sum(len(thing.animation_data.drivers) for thing in bpy.data.objects if thing.animation_data),
        "workspaces": sorted(bpy.data.workspaces.keys()),
        "editors": editor_blocks(),
        "unused": unused(),
        "files": sorted(bpy.utils.blend_paths(absolute=False)),
        "missing_files": sorted(file for file in bpy.utils.blend_paths(absolute=True) if not Path(file).exists()),
    }


def main() -> None:
    parser = OneLineParser(prog="dump_blend.py", description=__doc__)
    for name in ("blend", "out"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    if not Path(given.blend).is_file():
        parser.error(f"--blend {given.blend}: no such file")
    bpy.ops.wm.open_mainfile(filepath=str(Path(given.blend).resolve()), load_ui=True, use_scripts=False)
    Path(given.out).write_text(json.dumps(describe(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
