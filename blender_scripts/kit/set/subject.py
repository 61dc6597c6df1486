"""The CG subject: a hardware control knob (or a cube or a sphere), modelled here so that nothing must be downloaded.

Everything is built one unit across with its underside at z = 0 and the pointer along +Y, and is then scaled to size.
"""

import math
from typing import Any

import bpy

from kit.set import materials
from kit.set.brought_subject import bring_subject

Ring = tuple[float, float, float]  # radius, height, depth of the flutes there (all in knob widths)
AROUND = 360  # faces around: 15 for each flute
FLUTES = 24
POINTER = math.pi / 2  # the pointer stands at +Y, on a land between two flutes


def build_subject(block: dict[str, Any], frame: int, collection: bpy.types.Collection) -> float:
    """Build the subject's objects; return its size.

    One parent empty, named after the kind, holds location, heading and size.

    frame: the first one, at which a subject from a file is measured.
    """
    if block["kind"] == "blend":
        return bring_subject(block, frame, collection)
    makers = {"knob": _make_knob_parts, "cube": _make_cube_parts, "sphere": _make_sphere_parts, "none": list}
    parts = makers[block["kind"]]()
    if not parts:
        return block["size"]
    root = bpy.data.objects.new(block["kind"], None)
    root.empty_display_type, root.empty_display_size = "CIRCLE", 0.55
    root.location = block["location"]
    root.rotation_euler = (0.0, 0.0, math.radians(block["rotation_z_deg"]))
    root.scale = [block["size"]] * 3
    for thing in [root, *parts]:
        collection.objects.link(thing)
    for part in parts:
        part.parent = root
    return block["size"]


def _make_mesh_object(
    name: str, vertices: list, faces: list, material: bpy.types.Material, sharp_deg: float | None = 32.0
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(material)
    mesh.shade_smooth()
    if sharp_deg is not None:
        mesh.set_sharp_from_angle(angle=math.radians(sharp_deg))
    mesh.update()
    return bpy.data.objects.new(name, mesh)


def _shape_flute(angle: float) -> float:
    """Return 0 on a land, 1 at the bottom of a flute: rounded valleys, narrower lands."""
    across = 0.5 - 0.5 * math.cos(FLUTES * (angle - POINTER))
    return across**1.4


def _lathe(rings: list[Ring], closed_top: bool = True, closed_bottom: bool = True) -> tuple[list, list]:
    """Turn a profile (from the underside up) around Z. The flute depth cuts into the side of a ring."""
    vertices, faces = [], []
    for radius, height, depth in rings:
        for step in range(AROUND):
            angle = 2 * math.pi * step / AROUND
            r = radius - depth * _shape_flute(angle)
            vertices.append((r * math.cos(angle), r * math.sin(angle), height))
    for level in range(len(rings) - 1):
        for step in range(AROUND):
            here, after = level * AROUND + step, level * AROUND + (step + 1) % AROUND
            faces.append((here, after, after + AROUND, here + AROUND))
    if closed_bottom:
        faces.append(tuple(reversed(range(AROUND))))
    if closed_top:
        top = (len(rings) - 1) * AROUND
        faces.append(tuple(range(top, top + AROUND)))
    return vertices, faces


def _mix(one: Ring, other: Ring, share: float) -> Ring:
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def _round(corners: list[Ring], radius: float, steps: int = 5) -> list[Ring]:
    """Round each inner corner of a profile with a quadratic curve that starts `radius` before it."""
    profile = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        start = _mix(corner, before, min(radius / math.dist(corner[:2], before[:2]), 0.5))
        end = _mix(corner, after, min(radius / math.dist(corner[:2], after[:2]), 0.5))
        for step in range(steps + 1):
            share = step / steps
            profile.append(_mix(_mix(start, corner, share), _mix(corner, end, share), share))
    return [*profile, corners[-1]]


def _make_knob_parts() -> list[bpy.types.Object]:
    """Make the skirt with its scale, the fluted body, the inlaid cap, and the pointer let in over rim and chamfer."""
    phenolic, aluminium, paint = (
        materials.make_phenolic(),
        materials.make_brushed_aluminium(),
        materials.make_white_paint(),
    )
    skirt = _round(
        [
            *((0.485, 0.0, 0.0), (0.500, 0.012, 0.0), (0.500, 0.050, 0.0)),
            *((0.475, 0.072, 0.0), (0.390, 0.088, 0.0), (0.375, 0.088, 0.0)),
        ],
        0.008,
    )
    depth, narrow = 0.02, 0.012
    body = _round(
        [
            *((0.372, 0.080, 0.0), (0.372, 0.100, 0.0), (0.364, 0.112, depth), (0.338, 0.395, narrow + 0.004)),
            *((0.326, 0.418, narrow * 0.4), (0.300, 0.432, 0.0), (0.262, 0.432, 0.0), (0.258, 0.424, 0.0)),
        ],
        0.010,
    )
    cap = _round([(0.2575, 0.418, 0), (0.2575, 0.428, 0), (0.252, 0.4335, 0), (0.02, 0.4335, 0)], 0.003)
    cap = [*cap, (0.0005, 0.4335, 0.0)]
    lip = [(0.243, 0.4338), (0.263, 0.4338), (0.2995, 0.4332), (0.3265, 0.4192), (0.339, 0.394), (0.345, 0.330)]
    line = [(0.13, 0.4335), (0.2435, 0.4335)]
    return [
        _make_mesh_object("knob_skirt", *_lathe(skirt), phenolic),
        _make_mesh_object("knob_body", *_lathe(body), phenolic, sharp_deg=50.0),
        _make_mesh_object("knob_cap", *_lathe(cap), aluminium),
        _make_mesh_object("knob_pointer", *_make_ribbon(lip, 0.011, 0.004), paint),
        _make_mesh_object("knob_pointer_cap", *_make_ribbon(line, 0.008, 0.0015), materials.make_black_ink()),
        _make_mesh_object("knob_scale", *_make_ticks(), paint),
    ]


def _make_ribbon(profile: list[tuple[float, float]], half_width: float, lift: float) -> tuple[list, list]:
    """Make a strip over the (radius, height) profile at the pointer, `lift` above it, with closed sides."""
    vertices, faces = [], []
    for index, (radius, height) in enumerate(profile):
        before, after = profile[max(index - 1, 0)], profile[min(index + 1, len(profile) - 1)]
        along = (after[0] - before[0], after[1] - before[1])
        length = math.hypot(*along)
        out = (-along[1] / length, along[0] / length)  # outwards of a profile that runs out and down
        for side, proud in ((-1, -lift), (-1, lift), (1, lift), (1, -lift)):
            vertices.append((side * half_width, radius + out[0] * proud, height + out[1] * proud))
    for index in range(len(profile) - 1):
        a, b = 4 * index, 4 * index + 4
        faces += [(a + k, a + (k + 1) % 4, b + (k + 1) % 4, b + k) for k in range(4)]
    end = 4 * (len(profile) - 1)
    faces += [(3, 2, 1, 0), (end, end + 1, end + 2, end + 3)]
    return vertices, faces


def _make_ticks(count: int = 11, sweep_deg: float = 300.0) -> tuple[list, list]:
    """Make scale marks on the skirt's slope, 0 to 10, the open end opposite the pointer.

    The marks at the ends and in the middle are longer.
    """
    vertices, faces = [], []
    for index in range(count):
        angle = math.radians(sweep_deg * (index / (count - 1) - 0.5))
        inner = 0.400 if index % 5 == 0 else 0.425
        strip, quads = _make_ribbon(
            [(inner, _find_skirt_height(inner)), (0.468, _find_skirt_height(0.468))], 0.0045, 0.0016
        )
        offset = len(vertices)
        turn_cos, turn_sin = math.cos(angle), math.sin(angle)
        vertices += [(x * turn_cos - y * turn_sin, x * turn_sin + y * turn_cos, z) for x, y, z in strip]
        faces += [tuple(offset + corner for corner in quad) for quad in quads]
    return vertices, faces


def _find_skirt_height(radius: float) -> float:
    """Return the height of the skirt's slope between its radii 0.39 and 0.475."""
    return 0.088 + (0.072 - 0.088) * (radius - 0.39) / (0.475 - 0.39)


def _make_cube_parts() -> list[bpy.types.Object]:
    mesh = bpy.data.meshes.new("cube_body")
    h = 0.5
    corners = [(x, y, z) for z in (0.0, 1.0) for x, y in ((-h, -h), (h, -h), (h, h), (-h, h))]
    sides = [(k, (k + 1) % 4, 4 + (k + 1) % 4, 4 + k) for k in range(4)]
    mesh.from_pydata(corners, [], [(3, 2, 1, 0), (4, 5, 6, 7), *sides])
    mesh.materials.append(materials.make_lacquer())
    mesh.shade_smooth()
    cube = bpy.data.objects.new("cube_body", mesh)
    bevel = cube.modifiers.new("bevel", "BEVEL")
    assert isinstance(bevel, bpy.types.BevelModifier)
    bevel.width, bevel.segments, bevel.harden_normals = 0.04, 5, True
    return [cube]


def _make_sphere_parts() -> list[bpy.types.Object]:
    rows = 96
    angles = [math.pi * row / rows for row in range(rows + 1)]
    rings = [(max(0.5 * math.sin(angle), 1e-4), 0.5 - 0.5 * math.cos(angle), 0.0) for angle in angles]
    return [_make_mesh_object("sphere_body", *_lathe(rings), materials.make_lacquer(), sharp_deg=None)]
