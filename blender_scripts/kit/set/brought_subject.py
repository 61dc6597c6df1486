"""A subject from a file: a collection of another .blend, linked or appended, on one empty that places it.

Nothing in such a file runs: scripts are not executed, drivers that need Python are not evaluated, and its text blocks
are left behind.
"""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from kit.arguments import UserError
from kit.blend_file import header
from kit.paths_in_blend import find_on_disk, name_in_blend

KEY = "shot.subject"
BODIES = {"MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD", "VOLUME", "GREASEPENCIL"}


def bring_subject(block: dict[str, Any], frame: int, collection: bpy.types.Collection) -> float:
    """Place the collection in `collection`; return its largest extent.

    Its lowest point at `frame` stands at the block's location.

    Raises UserError: no such file, no .blend, one of a newer Blender, no collection or another one, nothing to render
    in it, or something that it needs is missing.
    """
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False  # pyright: ignore
    brought = _load(block)
    _check_complete(block)
    root = bpy.data.objects.new(brought.name, None)
    root.empty_display_type = "CIRCLE"
    collection.objects.link(root)
    if block["link"]:
        root.instance_type, root.instance_collection = "COLLECTION", brought
    else:
        collection.children.link(brought)
        _hang_on(root, brought)
    low, high = _measure_extent(collection, frame)
    if not np.isfinite(low).all():
        raise UserError(f"{block['blend']}: collection {brought.name} has nothing to render; check {KEY}.collection")
    size = float(max(high - low))
    if size <= 0:
        why = "has no size (drivers that need Python do not run)"
        raise UserError(f"{block['blend']}: collection {brought.name} {why}; bake them or check {KEY}.collection")
    scale = block["scale"] or block["size"] / size
    x, y, z = block["location"]
    root.location = (x, y, z - scale * float(low[2]))
    root.rotation_euler = (0.0, 0.0, math.radians(block["rotation_z_deg"]))
    root.scale = [scale] * 3
    root.empty_display_size = 0.55 * float(max(high[:2] - low[:2]))
    return scale * size


def _load(block: dict[str, Any]) -> bpy.types.Collection:
    file, wanted = block["blend"], block["collection"]
    path = name_in_blend(file, f"{KEY}.blend")
    version = header.read_version(find_on_disk(path), file, f"{KEY}.blend")
    if version > bpy.app.version[:2]:
        theirs, ours = ("{}.{}".format(*numbers) for numbers in (version, bpy.app.version[:2]))
        raise UserError(f"{file}: saved by Blender {theirs}, this is {ours}; save it there for {ours} ({KEY}.blend)")
    try:
        load = bpy.data.libraries.load(path, link=block["link"], relative=path.startswith("//"))
        with load as (source, target):  # pyright: ignore[reportGeneralTypeIssues]
            there = sorted(source.collections)
            names = [wanted] if wanted else there
            if len(names) != 1 or names[0] not in there:
                if not there:
                    raise UserError(f"{file}: found no collection; needed one with the subject ({KEY}.blend)")
                needed = wanted or "one of them"
                raise UserError(f"{file}: has collections {', '.join(there)}; needed {needed} ({KEY}.collection)")
            target.collections = names
    except OSError as error:
        raise UserError(f"{file}: Blender cannot read it; check {KEY}.blend") from error
    (brought,) = target.collections
    if brought is None:
        raise UserError(f"{file}: Blender cannot read collection {names[0]}; check {KEY}.blend")
    if not brought.all_objects:
        raise UserError(f"{file}: collection {brought.name} is empty; check {KEY}.collection")
    return brought


def _check_complete(block: dict[str, Any]) -> None:
    """Check that what the file links or shows is there, and that it brings no script. Raises UserError."""
    file = block["blend"]
    for library in bpy.data.libraries:
        if not find_on_disk(library.filepath).is_file():
            raise UserError(f"{file}: links {library.filepath}, which is missing; restore it or check {KEY}.blend")
    for image in bpy.data.images:
        path = find_on_disk(image.filepath, image.library)
        if image.source == "FILE" and image.users and not image.packed_file and not path.is_file():
            raise UserError(f"{file}: shows {path}, which is missing; restore it or check {KEY}.blend")
    for text in list(bpy.data.texts):
        if text.library and text.use_module:
            raise UserError(f"{file}: brings the script {text.name}, which would run by itself; set {KEY}.link: false")
        if not text.library:
            bpy.data.texts.remove(text)


def _hang_on(root: bpy.types.Object, brought: bpy.types.Collection) -> None:
    """Parent what has no parent. Animation, constraints and modifiers below stay as they are."""
    for thing in list(brought.all_objects):
        top = thing
        while top.parent:
            top = top.parent
        if top is not root:
            top.parent = root
            top.matrix_parent_inverse = Matrix.Translation(-brought.instance_offset)


def _measure_extent(collection: bpy.types.Collection, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest corner (3,) of what renders; z of the lowest is that of a vertex.

    They are infinite if nothing renders.
    """
    scene = bpy.data.scenes.new("measuring")
    scene.collection.children.link(collection)
    scene.frame_set(frame)
    graph = scene.view_layers[0].depsgraph
    assert graph
    graph.update()
    corners, lowest = [], math.inf
    for instance in graph.object_instances:
        body = instance.object
        assert body
        if body.type in BODIES and not body.hide_render:
            corners.append(_move(np.array(body.bound_box), instance.matrix_world))
            if corners[-1][:, 2].min() < lowest:  # otherwise no vertex in this box reaches lower
                lowest = min(lowest, _find_lowest_vertex(body, instance.matrix_world, corners[-1]))
    bpy.data.scenes.remove(scene)
    if not corners:
        return np.full(3, np.inf), np.full(3, -np.inf)
    low, high = np.min(corners, (0, 1)), np.max(corners, (0, 1))
    return np.array([low[0], low[1], lowest]), high


def _move(points: np.ndarray, matrix: Matrix) -> np.ndarray:
    return points @ np.array(matrix)[:3, :3].T + np.array(matrix)[:3, 3]


def _find_lowest_vertex(body: bpy.types.Object, matrix: Matrix, corners: np.ndarray) -> float:
    """Return z of the lowest vertex of a mesh; for anything else, that of its box."""
    if not isinstance(body.data, bpy.types.Mesh):
        return float(corners[:, 2].min())
    vertices = np.zeros(3 * len(body.data.vertices), np.float32)
    body.data.vertices.foreach_get("co", vertices)
    return float(_move(vertices.reshape(-1, 3), matrix)[:, 2].min(initial=math.inf))
