"""The shot's light by preset: a sun and its fill, an overcast sky, three lamps around the subject, or a picture.

With a transparent film the world is never seen; it only gives light.
"""

import math
from typing import Any

import bpy
from mathutils import Vector

from kit.comp.nodes import NodeDesk, set_input
from kit.paths_in_blend import load_picture

# (place, colour): the place goes from straight below (0) over the horizon (0.5) to straight above (1).
Stop = tuple[float, tuple[float, float, float]]
# Brighter above, dim and warm from the desk below, so that metal has something to mirror. The average is about 1.
FILL: list[Stop] = [
    (0.0, (0.5, 0.46, 0.42)),
    (0.48, (0.75, 0.73, 0.70)),
    (0.55, (1.25, 1.27, 1.30)),
    (1.0, (1.30, 1.40, 1.55)),
]
# The CIE's overcast sky (P. Moon and D. E. Spencer, "Illumination from a non-uniform sky", Illum. Eng. 37, 1942): it is
# three times as bright above as at the horizon. It lights the ground as an even sky of 1 does. Below is a grey ground.
OVERCAST: list[Stop] = [(at, (grey, grey, grey)) for at, grey in ((0, 0.2), (0.499, 0.2), (0.5, 3 / 7), (1, 9 / 7))]

DOME_MAP_PX = 128


def add_lamps(sheet: dict[str, Any], size: float, collection: bpy.types.Collection) -> None:
    """Add the lamps of the preset. size: the subject's size, world units."""
    lights, place = sheet["lights"], Vector(sheet["subject"]["location"])
    if lights["preset"] == "sun_fill":
        _add_sun(lights, place + Vector((0.0, 0.0, 4.0 * size)), collection)
    elif lights["preset"] == "three_point":
        for name, lamp in lights["lamps"].items():
            _add_area_lamp(name, lamp, place + Vector((0.0, 0.0, 0.3 * size)), size, collection)


def make_world(lights: dict[str, Any]) -> bpy.types.World:
    """Make the light from all around; black where the preset has none."""
    preset = lights["preset"]
    if preset == "hdri":
        return _make_picture_world(lights)
    if preset == "overcast":
        return _make_dome("overcast", OVERCAST, lights["dome_strength"])
    return _make_dome("fill", FILL, lights["fill_strength"] if preset == "sun_fill" else 0.0)


def _add_sun(lights: dict[str, Any], above: Vector, collection: bpy.types.Collection) -> None:
    """Add a sun that shines along `sun_direction`. It stands at `above` only so that it is found in the viewport."""
    data = bpy.data.lights.new("sun", "SUN")
    assert isinstance(data, bpy.types.SunLight)
    data.energy = lights["sun_strength"]
    data.angle = math.radians(lights["sun_angle_deg"])
    _place("sun", data, above, Vector(lights["sun_direction"]), collection)


def _add_area_lamp(
    name: str, lamp: dict[str, Any], subject: Vector, size: float, collection: bpy.types.Collection
) -> None:
    """Add a disc that shines at the subject and is not seen by the camera.

    Its strength is what arrives at the subject, W/m2.
    """
    data = bpy.data.lights.new(name, "AREA")
    assert isinstance(data, bpy.types.AreaLight)
    distance, radius = lamp["distance"] * size, lamp["size"] * size / 2
    data.shape, data.size = "DISK", 2 * radius
    # The radiance of the lamp's face is W / (pi area).
    data.energy = math.pi * lamp["strength"] * (distance**2 + radius**2)
    direction = Vector(lamp["direction"])
    light = _place(name, data, subject + distance * direction, -direction, collection)
    light.visible_camera = False


def _place(
    name: str, data: bpy.types.Light, at: Vector, along: Vector, collection: bpy.types.Collection
) -> bpy.types.Object:
    light = bpy.data.objects.new(name, data)
    light.rotation_mode = "QUATERNION"
    light.rotation_quaternion = along.to_track_quat("-Z", "Y")  # a lamp shines along -Z
    light.location = at
    collection.objects.link(light)
    return light


def _make_dome(name: str, stops: list[Stop], strength: float) -> bpy.types.World:
    """Make a world whose colour depends on the height above the horizon."""
    world = bpy.data.worlds.new(name)
    world.use_nodes = True
    assert world.cycles  # a ramp needs no fine map of where light comes from, and Cycles makes it anew for each frame
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", DOME_MAP_PX
    desk = NodeDesk(world.node_tree)
    background = desk.tree.nodes["Background"]
    set_input(background.inputs["Strength"], strength)
    direction = desk.add_node("ShaderNodeTexCoord", "direction", (-900, 300))
    separate = desk.add_node("ShaderNodeSeparateXYZ", "up", (-700, 300))
    height = desk.add_node("ShaderNodeMapRange", "-1..1 to 0..1", (-500, 300))
    ramp = desk.add_node("ShaderNodeValToRGB", "ground to sky", (-300, 300))
    colors = ramp
    assert isinstance(colors, bpy.types.ShaderNodeValToRGB) and colors.color_ramp
    elements = colors.color_ramp.elements
    while len(elements) < len(stops):
        elements.new(0.5)
    for element, (position, color) in zip(elements, stops, strict=True):
        element.position, element.color = position, (*color, 1.0)
    set_input(height.inputs["From Min"], -1.0)
    desk.link(direction.outputs["Generated"], separate.inputs[0])
    desk.link(separate.outputs["Z"], height.inputs["Value"])
    desk.link(height.outputs[0], ramp.inputs[0])
    desk.link(ramp.outputs["Color"], background.inputs["Color"])
    return world


def _make_picture_world(lights: dict[str, Any]) -> bpy.types.World:
    """Make a world from an equirectangular picture, turned about Z."""
    world = bpy.data.worlds.new("hdri")
    world.use_nodes = True
    desk = NodeDesk(world.node_tree)
    background = desk.tree.nodes["Background"]
    set_input(background.inputs["Strength"], lights["dome_strength"])
    direction = desk.add_node("ShaderNodeTexCoord", "direction", (-900, 300))
    turn = desk.add_node("ShaderNodeMapping", "rotation_z_deg", (-700, 300))
    image = load_picture(lights["image"], "shot.lights.image")
    picture = desk.add_node("ShaderNodeTexEnvironment", "hdri", (-450, 300), image=image)
    # The mapping turns the direction that is looked up, so the picture turns the other way.
    set_input(turn.inputs["Rotation"], (0.0, 0.0, -math.radians(lights["rotation_z_deg"])))
    desk.link(direction.outputs["Generated"], turn.inputs["Vector"])
    desk.link(turn.outputs["Vector"], picture.inputs["Vector"])
    desk.link(picture.outputs["Color"], background.inputs["Color"])
    return world
