"""What the demonstration desk is made of: placements, simple meshes, matte materials, painted pictures.

Units: metres unless a name says otherwise, Z up, degrees in names that end in `_deg`. Colours are sRGB
"#rrggbb", pictures (rows, columns, 3) arrays of sRGB 0..1 with the top row first.
"""

import math
from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

PRINT_LIFT_M = 0.0001  # pictures float this far above their placement, not to fight with the paper in depth

# ---------------------------------------------------------------- placing and meshes


def place(x_m: float, y_m: float, z_m: float, yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0) -> Matrix:
    """Rigid placement: roll about x, then pitch about y, then yaw about z, then move."""
    angles = [math.radians(angle) for angle in (roll_deg, pitch_deg, yaw_deg)]
    return Matrix.Translation((x_m, y_m, z_m)) @ Euler(angles, "XYZ").to_matrix().to_4x4()


def create_object(
    scene: bpy.types.Scene, data: Any, placement: Matrix, material: bpy.types.Material
) -> bpy.types.Object:
    """Link `data` (mesh or curve) into the scene with one material."""
    thing = bpy.data.objects.new(data.name, data)
    thing.matrix_world = placement
    data.materials.append(material)
    scene.collection.objects.link(thing)
    return thing


def create_box(
    scene: bpy.types.Scene,
    placement: Matrix,
    size_m: Sequence[float],
    material: bpy.types.Material,
    bevel_m: float = 0.0,
    taper: float = 1.0,
) -> None:
    """Box standing on the placement's origin; `taper` scales its top (keycaps)."""
    half_x, half_y, height_m = size_m[0] / 2, size_m[1] / 2, size_m[2]
    corners = [
        (x * half_x * scale, y * half_y * scale, z)
        for z, scale in ((0.0, 1.0), (height_m, taper))
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    mesh = bpy.data.meshes.new("box")
    mesh.from_pydata(corners, [], faces)
    box = create_object(scene, mesh, placement, material)
    if bevel_m:
        bevel = box.modifiers.new("bevel", "BEVEL")
        assert isinstance(bevel, bpy.types.BevelModifier)
        bevel.width, bevel.segments = bevel_m, 2


def create_surface(
    scene: bpy.types.Scene, placement: Matrix, points_m: np.ndarray, material: bpy.types.Material
) -> None:
    """Smooth surface through a (rows, columns, 3) grid of points."""
    rows, columns = points_m.shape[:2]
    faces = [
        (r * columns + c, r * columns + c + 1, (r + 1) * columns + c + 1, (r + 1) * columns + c)
        for r in range(rows - 1)
        for c in range(columns - 1)
    ]
    mesh = bpy.data.meshes.new("surface")
    mesh.from_pydata(points_m.reshape(-1, 3).tolist(), [], faces)
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    create_object(scene, mesh, placement, material)


def create_lathe(
    scene: bpy.types.Scene,
    placement: Matrix,
    profile_mm: Sequence[tuple[float, float]],
    material: bpy.types.Material,
) -> None:
    """Turn a profile of (radius, height) in millimetres about the local z axis."""
    # Two rows close to each corner keep the corner sharp although the surface is smooth-shaded.
    corners = np.array(profile_mm) / 1000
    steps = np.array([0.0, 0.02, 0.98])
    rows = (corners[:-1, None] * (1 - steps[:, None]) + corners[1:, None] * steps[:, None]).reshape(-1, 2)
    rows = np.concatenate([rows, corners[-1:]])
    turn = np.linspace(0, 2 * np.pi, 49)
    radius, height = rows[:, :1], rows[:, 1:]
    points = np.stack([radius * np.cos(turn), radius * np.sin(turn), height + 0 * turn], axis=-1)
    create_surface(scene, placement, points, material)


def create_tube(
    scene: bpy.types.Scene,
    placement: Matrix,
    points_m: Sequence[Sequence[float]],
    radius_m: float,
    material: bpy.types.Material,
) -> None:
    """Smooth round tube through the points (cables, handles, arms)."""
    curve = bpy.data.curves.new("tube", "CURVE")
    assert isinstance(curve, bpy.types.Curve)
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius_m, 3, True
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(len(points_m) - 1)
    for knot, point in zip(spline.bezier_points, points_m, strict=True):
        knot.co = Vector(point)
        knot.handle_left_type = knot.handle_right_type = "AUTO"
    create_object(scene, curve, placement, material)


def create_text(
    scene: bpy.types.Scene,
    placement: Matrix,
    body: str,
    height_m: float,
    color: str = "#1c1c1e",
    align: str = "CENTER",
) -> None:
    """Printed text on the placement's xy plane, reading along x; `height_m` is the line height."""
    curve: Any = bpy.data.curves.new("text", "FONT")
    curve.body, curve.size, curve.resolution_u = body, height_m, 3
    curve.align_x = align
    curve.align_y = "CENTER" if align == "CENTER" else "TOP_BASELINE"
    # 0.2 mm above the paper: enough to never fight with it in depth, too little to be seen.
    create_object(scene, curve, placement @ Matrix.Translation((0, 0, 0.0002)), create_matte(color, 0.0))


# ---------------------------------------------------------------- materials


def linear_rgba(hex_color: str) -> tuple[float, float, float, float]:
    """Return the linear RGBA of an sRGB "#rrggbb"."""
    srgb = [int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in srgb)
    return r, g, b, 1.0


def add_node(tree: bpy.types.NodeTree, kind: str, **inputs: Any) -> Any:
    """Add a shader node; each input is a constant or another node's output socket."""
    node = tree.nodes.new(kind)
    for name, value in inputs.items():
        socket: Any = node.inputs[name.replace("_", " ").title()]
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, socket)
        else:
            socket.default_value = value
    return node


def create_material(name: str, gloss: float = 0.0) -> tuple[bpy.types.Material, bpy.types.NodeTree, Any]:
    """New matte material: the material, its nodes and its Principled node (no gloss renders faster)."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    assert tree is not None
    shader: Any = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.6
    shader.inputs["Specular IOR Level"].default_value = gloss
    return material, tree, shader


def create_grain_material(
    name: str,
    stops: Sequence[tuple[float, str]],
    frequency_per_m: Sequence[float],
    gloss: float = 0.0,
    detail: float = 4.0,
) -> bpy.types.Material:
    """Noise through a colour ramp; every object gets its own cut through the noise.

    `frequency_per_m` per axis: a low value along x stretches the noise into wood grain.
    """
    material, tree, shader = create_material(name, gloss)
    coordinates = add_node(tree, "ShaderNodeTexCoord").outputs["Object"]
    chance = add_node(tree, "ShaderNodeObjectInfo").outputs["Random"]
    shift = add_node(tree, "ShaderNodeMath")
    shift.operation = "MULTIPLY"
    tree.links.new(chance, shift.inputs[0])
    shift.inputs[1].default_value = 90.0
    stretched = add_node(tree, "ShaderNodeVectorMath", Vector=coordinates)
    stretched.operation = "MULTIPLY_ADD"
    stretched.inputs[1].default_value = tuple(frequency_per_m)
    tree.links.new(shift.outputs[0], stretched.inputs[2])
    noise = add_node(tree, "ShaderNodeTexNoise", Vector=stretched.outputs[0], Scale=1.0, Detail=detail, Roughness=0.62)
    ramp = add_node(tree, "ShaderNodeValToRGB", Fac=noise.outputs[0])
    elements = ramp.color_ramp.elements
    for index, (position, color) in enumerate(stops):
        element = elements[index] if index < 2 else elements.new(position)
        element.position, element.color = position, linear_rgba(color)
    tree.links.new(ramp.outputs[0], shader.inputs["Base Color"])
    return material


def create_matte(color: str, mottle: float = 0.14, frequency_per_m: float = 70.0) -> bpy.types.Material:
    """Matte paint whose brightness wanders by +-`mottle` (dust, wear); made once per look."""
    name = f"matte {color} {mottle} {frequency_per_m}"
    known = bpy.data.materials.get(name)
    if known:
        return known
    if not mottle:
        material, _tree, shader = create_material(name)
        shader.inputs["Base Color"].default_value = linear_rgba(color)
        return material
    levels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    dark, light = (
        "#" + "".join(f"{min(255, int(level * factor)):02x}" for level in levels) for factor in (1 - mottle, 1 + mottle)
    )
    return create_grain_material(name, [(0.3, dark), (0.7, light)], [frequency_per_m] * 3, detail=2)


def create_print(scene: bpy.types.Scene, placement: Matrix, size_m: tuple[float, float], srgb: np.ndarray) -> None:
    """Picture (rows, columns, 3; 0..1 sRGB, top row first) centred on the placement's xy plane."""
    rows, columns = srgb.shape[:2]
    image = bpy.data.images.new("print", columns, rows)
    rgba = np.ones((rows, columns, 4), np.float32)
    rgba[..., :3] = np.clip(srgb[::-1], 0, 1)
    pixels: Any = image.pixels
    pixels.foreach_set(rgba.ravel())
    material, tree, shader = create_material("print")
    texture = add_node(tree, "ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    width_m, height_m = size_m
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    mesh = bpy.data.meshes.new("print")
    mesh.from_pydata([(x * width_m, y * height_m, PRINT_LIFT_M) for x, y in corners], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", [c + 0.5 for corner in corners for c in corner])
    create_object(scene, mesh, placement, material)


# ---------------------------------------------------------------- painted pictures


def paint_clouds(rng: np.random.Generator, rows: int, columns: int, slope: float = 2.0) -> np.ndarray:
    """Fractal noise, 0..1, with a 1/f**slope spectrum."""
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None] * rows, np.fft.fftfreq(columns) * columns)
    spectrum = np.fft.fft2(rng.normal(size=(rows, columns))) / np.maximum(frequency, 1) ** slope
    field = np.fft.ifft2(spectrum).real
    return (field - field.min()) / np.ptp(field)


def rgb(hex_color: str) -> np.ndarray:
    """Return the sRGB 0..1 of a "#rrggbb"."""
    return np.array([int(hex_color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def paint_map(rng: np.random.Generator, rows: int = 700, columns: int = 500) -> np.ndarray:
    """Topographic map: tinted heights, contour lines, a road."""
    height = paint_clouds(rng, rows, columns)
    tint = np.clip((height - 0.25) * 2, 0, 1)[..., None]
    picture = rgb("#b9cfb2") * (1 - tint) + rgb("#ecdcb8") * tint
    picture[height < 0.33] = rgb("#8fb6c9")
    steps = height * 22
    line = np.abs(steps - np.round(steps)) / np.maximum(np.hypot(*np.gradient(steps)), 1e-6) < 0.8
    picture[line] = picture[line] * 0.35 + rgb("#7a4a2b") * 0.65
    road = np.abs(paint_clouds(rng, rows, columns) - 0.5) < 0.004
    picture[road] = rgb("#b3382c")
    return picture


def paint_blueprint(rng: np.random.Generator, rows: int = 700, columns: int = 500) -> np.ndarray:
    """White drawing of dials on blue paper."""
    picture = rgb("#244f7d") + (paint_clouds(rng, rows, columns, 1.2)[..., None] - 0.5) * 0.12
    y, x = np.mgrid[:rows, :columns].astype(float)
    ink = np.maximum((x % 50 < 1), (y % 50 < 1)) * 0.25
    for _ in range(7):
        cx, cy, size = rng.uniform(60, columns - 60), rng.uniform(60, rows - 60), rng.uniform(35, 130)
        radius, turn = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx) / (2 * np.pi)
        for part in (1.0, 0.93, 0.6, 0.2):
            ink = np.maximum(ink, np.abs(radius - size * part) < 1.3)
        ticks = (np.abs(turn * 40 - np.round(turn * 40)) * size / 6.4 < 1.2) & (np.abs(radius / size - 0.86) < 0.06)
        cross = ((np.abs(x - cx) < 0.8) | (np.abs(y - cy) < 0.8)) & (radius < size * 1.2)
        ink = np.maximum(ink, np.maximum(ticks, cross * 0.6))
    return picture + ink[..., None] * (rgb("#e6eef5") - picture) * 0.9


def paint_shapes(rng: np.random.Generator, rows: int = 700, columns: int = 500) -> np.ndarray:
    """Geometric poster: discs, quarter discs and bars on a 5 x 7 grid."""
    palette = [rgb(c) for c in ("#e9dfc8", "#c8452f", "#1f3a54", "#e0a526", "#2e6a5f", "#222222")]
    cell = columns // 5
    y, x = np.mgrid[:cell, :cell] / cell - 0.5
    picture = np.empty((cell * 7, cell * 5, 3))
    for row in range(7):
        for column in range(5):
            back, front, dot = rng.permutation(len(palette))[:3]
            side_x, side_y = rng.choice([-0.5, 0.5], 2)
            masks = [
                np.hypot(x, y) < 0.42,
                np.hypot(x - side_x, y - side_y) < 0.95,
                (x * side_x + y * side_y) > 0,
                ((x + y * side_x * 2) * 6) % 1 < 0.5,
            ]
            tile = np.where(masks[rng.integers(4)][..., None], palette[front], palette[back])
            tile = np.where((np.hypot(x, y) < 0.14)[..., None], palette[dot], tile)
            picture[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = tile
    return picture * (0.93 + 0.1 * paint_clouds(rng, *picture.shape[:2], 1.0)[..., None])


def paint_landscape(rng: np.random.Generator, rows: int = 500, columns: int = 700) -> np.ndarray:
    """Photograph-like ridges under a sunset."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    fall = (y / rows)[..., None]
    picture = rgb("#5f86a8") * (1 - fall) + rgb("#f4c58b") * fall
    picture += (paint_clouds(rng, rows, columns, 1.6)[..., None] - 0.5) * 0.4 * (1 - fall)
    picture[np.hypot(x - columns * 0.68, y - rows * 0.42) < rows * 0.07] = rgb("#fff1d0")
    for layer in range(5):
        near = layer / 4
        ridge = rows * (0.48 + 0.12 * layer) + (paint_clouds(rng, 8, columns, 1.4)[0] - 0.5) * rows * 0.35
        color = rgb("#8f8aa0") * (1 - near) + rgb("#1d2b26") * near
        texture = (paint_clouds(rng, rows, columns, 0.9)[..., None] - 0.5) * 0.35
        picture = np.where((y > ridge[None])[..., None], color + texture * (0.3 + near), picture)
    return picture


def paint_cutting_mat(rng: np.random.Generator, size_mm: tuple[int, int], px_per_mm: int = 4) -> np.ndarray:
    """Green mat: 10 mm grid, bold every 50 mm, diagonals, ruler ticks, old cuts."""
    width, height = size_mm[0] * px_per_mm, size_mm[1] * px_per_mm
    picture = rgb("#2c5a4c") * (0.86 + 0.28 * paint_clouds(rng, height, width, 1.1)[..., None])
    y, x = np.mgrid[:height, :width]
    x_mm, y_mm = (x + 0.5 - width / 2) / px_per_mm, (y + 0.5 - height / 2) / px_per_mm
    half_x, half_y = size_mm[0] // 20 * 10 - 10, size_mm[1] // 20 * 10 - 10
    inside = (np.abs(x_mm) <= half_x + 0.3) & (np.abs(y_mm) <= half_y + 0.3)

    def distance_mm(values_mm: np.ndarray, step_mm: float) -> np.ndarray:
        return np.abs(values_mm - np.round(values_mm / step_mm) * step_mm)

    fine = np.minimum(distance_mm(x_mm, 10), distance_mm(y_mm, 10)) < 0.16
    bold = np.minimum(distance_mm(x_mm, 50), distance_mm(y_mm, 50)) < 0.3
    slant = np.minimum(np.abs(x_mm + half_x - (y_mm + half_y)), np.abs(x_mm - half_x + (y_mm + half_y) / 0.577)) < 0.25
    ticks = np.minimum(
        np.where(half_y - np.abs(y_mm) < 4, distance_mm(x_mm, 2), 9),
        np.where(half_x - np.abs(x_mm) < 4, distance_mm(y_mm, 2), 9),
    ) < 0.2  # fmt: skip
    ink = np.max([fine * 0.55, bold * 0.9, slant * 0.7, ticks * 0.6], axis=0) * inside
    picture += ink[..., None] * (rgb("#d9dca4") - picture) * 0.85
    for _ in range(70):
        start, turn, length = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, np.pi), rng.uniform(40, 420)
        along = start + np.outer(np.arange(length), (np.cos(turn), np.sin(turn)))
        column, row = along[(along >= 0).all(1) & (along < (width, height)).all(1)].astype(int).T
        picture[row, column] += rng.choice([-0.12, 0.16])
    return picture
