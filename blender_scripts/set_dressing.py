"""What the subject stands in: sun, fill, the shadow-catching ground, and the solved points."""

import math
from typing import Any

import bpy
from mathutils import Vector
from nodes import NodeDesk, set_input
from sheet import Points

# The fill's colour from straight below (0) over the horizon (0.5) to straight above (1).
FILL_STOPS = [
    (0.0, (0.5, 0.46, 0.42)),
    (0.48, (0.75, 0.73, 0.70)),
    (0.55, (1.25, 1.27, 1.30)),
    (1.0, (1.30, 1.40, 1.55)),
]

FILL_MAP_PX = 128


def sun(
    lights: dict[str, Any], above: tuple[float, float, float], collection: bpy.types.Collection
) -> bpy.types.Object:
    """A sun shining along `sun_direction`; it is placed at `above` only to be found in the viewport."""
    data = bpy.data.lights.new("sun", "SUN")
    assert isinstance(data, bpy.types.SunLight)
    data.energy = lights["sun_strength"]
    data.angle = math.radians(lights["sun_angle_deg"])
    light = bpy.data.objects.new("sun", data)
    light.rotation_mode = "QUATERNION"
    light.rotation_quaternion = Vector(lights["sun_direction"]).to_track_quat("-Z", "Y")  # a lamp shines along -Z
    light.location = above
    collection.objects.link(light)
    return light


def fill(lights: dict[str, Any]) -> bpy.types.World:
    """The world's light: brighter above, dim and warm from the desk below, so that metal has something to mirror.

    Averaged over the sphere the ramp is about 1, times `fill_strength`. With a transparent film it is never seen.
    """
    world = bpy.data.worlds.new("fill")
    world.use_nodes = True
    assert world.cycles  # a ramp needs no fine map of where light comes from; Cycles makes it anew for every frame
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", FILL_MAP_PX
    desk = NodeDesk(world.node_tree)
    background = desk.tree.nodes["Background"]
    set_input(background.inputs["Strength"], lights["fill_strength"] if lights["preset"] == "sun_fill" else 0.0)
    direction = desk.node("ShaderNodeTexCoord", "direction", (-900, 300))
    separate = desk.node("ShaderNodeSeparateXYZ", "up", (-700, 300))
    height = desk.node("ShaderNodeMapRange", "-1..1 to 0..1", (-500, 300))
    ramp = desk.node("ShaderNodeValToRGB", "desk to sky", (-300, 300))
    colors = ramp
    assert isinstance(colors, bpy.types.ShaderNodeValToRGB) and colors.color_ramp
    elements = colors.color_ramp.elements
    while len(elements) < len(FILL_STOPS):
        elements.new(0.5)
    for element, (position, color) in zip(elements, FILL_STOPS, strict=True):
        element.position, element.color = position, (*color, 1.0)
    set_input(height.inputs["From Min"], -1.0)
    desk.link(direction.outputs["Generated"], separate.inputs[0])
    desk.link(separate.outputs["Z"], height.inputs["Value"])
    desk.link(height.outputs[0], ramp.inputs[0])
    desk.link(ramp.outputs["Color"], background.inputs["Color"])
    return world


def ground(block: dict[str, Any], collection: bpy.types.Collection) -> bpy.types.Object:
    """The desk as a plane that only catches shadows."""
    half, z = block["size"] / 2.0, block["z"]
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)])
    mesh.update()
    plane = bpy.data.objects.new("ground", mesh)
    plane.location = (0.0, 0.0, z)
    plane.is_shadow_catcher = True
    plane.display_type = "WIRE"
    collection.objects.link(plane)
    return plane


def solved_points(points: Points, collection: bpy.types.Collection) -> bpy.types.Object:
    """All bundles as one mesh of loose vertices, with their track ids and errors as attributes; never rendered."""
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
