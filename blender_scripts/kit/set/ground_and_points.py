"""What the subject stands in: the ground that catches shadows, and the solved points."""

from typing import Any

import bpy

from kit.read_scene_sheet import Points


def make_ground(block: dict[str, Any], collection: bpy.types.Collection) -> bpy.types.Object:
    """Make the ground as a plane that only catches shadows."""
    half, z = block["size"] / 2.0, block["z"]
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)])
    mesh.update()
    plane = bpy.data.objects.new("ground", mesh)
    plane.location = (*block["center"], z)
    plane.is_shadow_catcher = True
    plane.display_type = "WIRE"
    collection.objects.link(plane)
    return plane


def make_points(points: Points, collection: bpy.types.Collection) -> bpy.types.Object:
    """Make one mesh of loose vertices from all bundles, with their track ids and errors as attributes.

    It is never rendered.
    """
    mesh = bpy.data.meshes.new("solved_points")
    mesh.from_pydata(points.point_xyz.astype(float).tolist(), [], [])
    track_id = mesh.attributes.new("track_id", "INT", "POINT")
    error_px = mesh.attributes.new("error_px", "FLOAT", "POINT")
    holdout = mesh.attributes.new("holdout", "BOOLEAN", "POINT")
    assert isinstance(track_id, bpy.types.IntAttribute) and isinstance(error_px, bpy.types.FloatAttribute)
    assert isinstance(holdout, bpy.types.BoolAttribute)
    track_id.data.foreach_set("value", points.track_id.astype("int32"))
    error_px.data.foreach_set("value", points.error_px.astype("float32"))
    holdout.data.foreach_set("value", points.holdout.astype(bool))
    mesh.update()
    cloud = bpy.data.objects.new("solved_points", mesh)
    cloud.hide_render = True
    cloud.show_in_front = True
    collection.objects.link(cloud)
    return cloud
