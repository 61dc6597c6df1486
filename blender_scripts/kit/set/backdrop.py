"""What is behind the subject and seen: a floor that curves up into a wall, or a picture."""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from kit.paths_in_blend import load_picture
from kit.set import materials

BENDS = 48  # how many strips the curve has


def build_backdrop(sheet: dict[str, Any], collection: bpy.types.Collection) -> None:
    """Build the infinite curve or the picture; nothing for the other kinds."""
    block = sheet["backdrop"]
    if block["kind"] == "infinite_curve":
        _build_curve(block["curve"], block["color"], sheet["ground"], collection)
    elif block["kind"] == "image":
        _build_picture(block["picture"], block["image"], collection)


def _build_curve(
    curve: dict[str, Any], color: list[float], ground: dict[str, Any], collection: bpy.types.Collection
) -> None:
    """Make a seamless floor and wall: flat under the subject and towards the camera, then an arc, then straight up.

    +X of the object points away from the camera.
    """
    half, floor, radius = curve["width"] / 2, curve["floor"], curve["radius"]
    angles = [math.pi / 2 * step / BENDS for step in range(BENDS + 1)]
    arc = [(floor + radius * math.sin(angle), radius * (1 - math.cos(angle))) for angle in angles]
    profile = [(-half, 0.0), *arc, (floor + radius, max(half, 2 * radius))]
    vertices = [(x, side * half, z) for x, z in profile for side in (-1, 1)]
    faces = [(2 * k, 2 * k + 2, 2 * k + 3, 2 * k + 1) for k in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("backdrop_curve")
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(materials.make_matt("backdrop_curve", color))
    mesh.shade_smooth()
    mesh.update()
    wall = bpy.data.objects.new("backdrop_curve", mesh)
    wall.location = (*ground["center"], ground["z"])
    wall.rotation_euler = (0.0, 0.0, math.radians(curve["azimuth_deg"]))
    wall.visible_shadow = False  # the sun may stand behind it
    collection.objects.link(wall)


def _build_picture(place: dict[str, Any], file: str, collection: bpy.types.Collection) -> None:
    """Put the picture on a plane, as bright as it is, and large enough to fill the place with its aspect kept."""
    image = load_picture(file, "shot.backdrop.image")
    aspect = image.size[0] / image.size[1]
    width, height = place["size"]
    half_x = max(width, height * aspect) / 2
    half_y = half_x / aspect
    corners = [(-half_x, -half_y, 0), (half_x, -half_y, 0), (half_x, half_y, 0), (-half_x, half_y, 0)]
    mesh = bpy.data.meshes.new("backdrop_image")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="picture")
    layer.data.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.materials.append(materials.make_picture("backdrop_image", image))
    mesh.update()
    plane = bpy.data.objects.new("backdrop_image", mesh)
    right = np.cross(place["up"], place["towards"]).tolist()
    plane.rotation_mode = "QUATERNION"
    plane.rotation_quaternion = Matrix((right, place["up"], place["towards"])).transposed().to_quaternion()
    plane.location = place["location"]
    plane.visible_shadow = False  # the sun may stand behind it
    collection.objects.link(plane)
