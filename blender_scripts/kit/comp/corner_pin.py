"""The corner pin as nodes: a picture over the plate, its corners keyed in the undistorted, overscanned field.

Corner Pin counts 0..1 across its *input*, from the bottom-left, so the picture is first scaled to the render's size.
Then it goes through the same redistortion as the CG.
"""

from collections.abc import Callable
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from kit import versions
from kit.arguments import UserError, quote_error
from kit.comp.nodes import NodeDesk, Socket, add_alpha_over
from kit.keyframes import set_keys
from kit.paths_in_blend import name_in_blend

KEY = "composite.corner_pin"
IMAGE = "corner_pin"  # the name of the image, whatever its file is called
SOCKETS = ("Upper Left", "Upper Right", "Lower Right", "Lower Left")
NOTHING = (0.0, 0.0, 0.0, 0.0)
COLOR = (0.34, 0.30, 0.18)
SHRINK_MAX = 1.5  # above this, Scale's bilinear filter skips pixels


def load_image(block: dict[str, Any] | None) -> None:
    """Load the picture as an image of this file. Raises UserError when Blender cannot read it."""
    if block is None:
        return
    try:
        image = bpy.data.images.load(name_in_blend(block["image"]["file"], f"{KEY}.image"), check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{KEY}.image: {block['image']['file']}: {quote_error(error)}") from error
    image.name = IMAGE
    if not image.size[0]:
        raise UserError(f"{KEY}.image: {block['image']['file']}: Blender cannot read a picture from it")
    if block["image"]["kind"] == "sequence":
        image.source = "SEQUENCE"


def pin_over(
    desk: NodeDesk,
    behind: Socket | None,
    sheet: dict[str, Any],
    cg_scene: bpy.types.Scene,
    to_plate: Callable[[Socket, str, tuple[float, float]], Socket],
) -> Socket | None:
    """Return the background with the picture over it.

    Without a background this is the picture alone; without a pin, the background as it is.

    cg_scene: its camera sees the undistorted, overscanned field; to_plate: puts a picture of that field through the
    lens of the comp, as the CG: (picture, name of the node, its place).
    Raises UserError in Blender 4.2, and for an object that cannot hold a pin.
    """
    block = sheet["corner_pin"]
    if block is None:
        return behind
    if versions.IS_4_2:
        raise UserError(f"{KEY}: Blender 4.2 pins with ragged edges; {versions.NEEDED}")
    frames, corners, visible = (
        _read_corners(block) if block["object"] is None else _find_corners(block, sheet, cg_scene)
    )
    frame = desk.add_frame("corner pin", COLOR)
    render_px = (cg_scene.render.resolution_x, cg_scene.render.resolution_y)
    whole = _stretch_to_render(desk, frame, block["image"], render_px)
    pin = desk.add_node("CompositorNodeCornerPin", "corner pin", (-600, 1000), frame, interpolation="ANISOTROPIC")
    desk.link(whole, pin.inputs["Image"])
    for number, name in enumerate(SOCKETS):
        set_keys(pin.inputs[name], "default_value", frames, corners[:, number])
    picture = to_plate(pin.outputs["Image"], "redistort pin", (-440, 1000))
    over = add_alpha_over(desk, "pin over plate", (-200, 1000), behind or NOTHING, picture, frame)
    if not visible.all():
        set_keys(versions.find_factor_socket(over), "default_value", frames, visible.astype(float), "CONSTANT")
    return over.outputs["Image"]


def _stretch_to_render(
    desk: NodeDesk, frame: bpy.types.Node, block: dict[str, Any], render_px: tuple[int, int]
) -> Socket:
    """Return the picture stretched to the render's size.

    A larger one is blurred first, because Scale alone would alias it.
    """
    image = bpy.data.images[IMAGE]
    source = desk.add_node("CompositorNodeImage", "pinned image", (-1200, 1000), frame, image=image)
    _align(source, block)
    picture = source.outputs["Image"]
    shrink = [size / wanted for size, wanted in zip(image.size, render_px, strict=True)]
    if max(shrink) > SHRINK_MAX:
        soft = {f"size_{axis}": round(times / 2) for axis, times in zip("xy", shrink, strict=True)}  # as an area's mean
        blur = desk.add_node("CompositorNodeBlur", "soften for size", (-1000, 1000), frame, filter_type="GAUSS", **soft)
        desk.link(picture, blur.inputs["Image"])
        picture = blur.outputs["Image"]
    stretched = {"space": "RENDER_SIZE", "frame_method": "STRETCH", "interpolation": "BILINEAR"}
    whole = desk.add_node("CompositorNodeScale", "to render size", (-800, 1000), frame, **stretched)
    desk.link(picture, whole.inputs["Image"])
    return whole.outputs["Image"]


def _align(node: bpy.types.Node, image: dict[str, Any]) -> None:
    """Align the picture in time: scene frame N shows the sequence's file N, or a movie that starts at first_frame.

    Before and after, it is held.
    """
    assert isinstance(node, bpy.types.CompositorNodeImage) and node.image
    node.frame_start = image["first_frame"]
    if image["kind"] == "sequence":
        node.frame_duration, node.frame_offset = image["frame_count"], image["first_frame"] - 1
    elif node.image.source == "MOVIE":
        node.frame_duration, node.frame_offset = node.image.frame_duration, 0


def _read_corners(block: dict[str, Any]) -> tuple[list[int], np.ndarray, np.ndarray]:
    return block["frames"], np.array(block["corners"], float), np.array(block["visible"], bool)


def _find_corners(
    block: dict[str, Any], sheet: dict[str, Any], scene: bpy.types.Scene
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return frames (N), corners (N, 4, 2) and visibility (N,) of a mesh of four corners.

    The corners are as the scene's camera sees them in each frame.

    The mesh itself is not rendered, because the picture stands in its place.
    """
    name = block["object"]
    thing = bpy.data.objects.get(name)
    if thing is None or not isinstance(thing.data, bpy.types.Mesh):
        found = "no object" if thing is None else f"an object of type {thing.type.lower()},"
        fitting = sorted(each.name for each in bpy.data.objects if _is_quad(each.data))
        there = f"there are: {', '.join(fitting)}" if fitting else "there is none, so pin to tracks or corners_xyz"
        raise UserError(f"{KEY}.object: found {found} {name!r}; needed a mesh of one face of four; {there}")
    frames = list(range(sheet["frame_start"], sheet["frame_end"] + 1))
    corners, visible = np.zeros((len(frames), 4, 2)), np.zeros(len(frames), bool)
    main, last_seen = bpy.context.scene, None
    assert isinstance(main, bpy.types.Scene)
    for at, frame in enumerate(frames):
        main.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        places = _find_corners_world(thing, graph)
        clip = np.array([_find_camera_matrix(scene, graph) @ Vector((*place, 1.0)) for place in places])
        if (clip[:, 3] > 1e-9).all():
            last_seen, visible[at] = clip[:, :2] / clip[:, 3:] / 2 + 0.5, True
        if last_seen is not None:
            corners[at] = last_seen
    if last_seen is None:
        raise UserError(f"{KEY}.object: {name!r} is behind the camera in every frame; choose another")
    corners[: visible.argmax()] = corners[visible.argmax()]
    thing.hide_render = True
    return frames, corners, visible


def _is_quad(data: bpy.types.ID | None) -> bool:
    return isinstance(data, bpy.types.Mesh) and (len(data.vertices), len(data.polygons)) == (4, 1)


def _find_camera_matrix(scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> Any:
    """Return the matrix from the world to the clip space of the scene's camera.

    It counts the scene's picture and pixel shape.
    """
    assert scene.camera
    camera, render = scene.camera.evaluated_get(graph), scene.render
    projection = camera.calc_matrix_camera(
        graph,
        x=render.resolution_x,
        y=render.resolution_y,
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    return projection @ camera.matrix_world.inverted()


def _find_corners_world(thing: bpy.types.Object, graph: bpy.types.Depsgraph) -> list[Vector]:
    """Return the corners top-left, top-right, bottom-right, bottom-left, world units.

    They come from the UV map, else from the face, which begins bottom-left as that of Blender's plane does. An object
    in a linked collection is found where its instance stands.
    """
    stands = (one.matrix_world.copy() for one in graph.object_instances if one.object and one.object.original == thing)
    world = next(stands, None)
    evaluated = thing.evaluated_get(graph)
    mesh = evaluated.data
    assert isinstance(mesh, bpy.types.Mesh)
    if not _is_quad(mesh):
        found = f"{len(mesh.vertices)} vertices and {len(mesh.polygons)} faces"
        raise UserError(f"{KEY}.object: {thing.name!r} has {found}; needed one face of four")
    loops = [mesh.loops[index] for index in mesh.polygons[0].loop_indices]
    order = [3, 2, 1, 0]  # of the face's corners, when they begin bottom-left
    if mesh.uv_layers.active:
        uvs = [mesh.uv_layers.active.uv[loop.index].vector for loop in loops]
        wanted = [Vector(corner) for corner in ((0, 1), (1, 1), (1, 0), (0, 0))]
        by_uv = [min(range(4), key=lambda index: (uvs[index] - corner).length) for corner in wanted]
        order = by_uv if len(set(by_uv)) == 4 else order
    return [(world or evaluated.matrix_world) @ mesh.vertices[loops[index].vertex_index].co for index in order]
