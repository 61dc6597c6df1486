"""The demonstration desk, its room and its light, for `render_desk_plate.py`.

A free cutting mat lies in the middle of the desk; its top is the plane z = 0 and its centre is the world
origin, where a CG knob can stand. The window is on the left, the wall 1.56 m behind the mat. Metres, Z up.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import bpy
import numpy as np
from desk_kit import (
    PRINT_LIFT_M,
    create_box,
    create_grain_material,
    create_lathe,
    create_matte,
    create_print,
    create_surface,
    create_text,
    create_tube,
    paint_blueprint,
    paint_clouds,
    paint_cutting_mat,
    paint_landscape,
    paint_map,
    paint_shapes,
    place,
    rgb,
)
from mathutils import Matrix, Vector

TAPE_CROSS_M = 0.0003  # height of a tape cross's printed top above what it sticks to
WORDS = (
    "camera lens solve track the a of with plate focal light frame grid pixel depth point ray and "
    "knob dial screw shaft bearing torque travel detent panel where each is measured between model "
    "surface grain shutter parallax motion error residual to in from under table value index see "
    "figure section before after calibration image corner edge line plane axis world view"
).split()
BOOK_TITLES = (
    "PARALLAX", "A History of Light", "Small Machines", "KNOBS & DIALS", "The Grain of Things",
    "FIELD NOTES  vol. 3", "Drawing Rooms", "LENS / FILM / EYE", "How Far Is Far", "SHADOWS",
    "Atlas of Weather", "The Patient Workshop", "GEOMETRY at HOME", "Matchmove", "Nine Bridges",
    "Typography Primer", "SIGNAL", "Gardens in Winter", "Paper & Ink", "ORBITS", "The Long Take",
)  # fmt: skip
BOOK_COLORS = (
    "#8c2f2b", "#23466b", "#d9c79a", "#2f5d50", "#c8702d", "#3a3a3f", "#b9b3a6", "#6b3f5b",
    "#d8a633", "#4f7f94", "#7d8b52", "#e4ded0",
)  # fmt: skip


# ---------------------------------------------------------------- things on the desk


def create_sheet(
    scene: bpy.types.Scene,
    placement: Matrix,
    rng: np.random.Generator,
    title: str,
    size_m: tuple[float, float] = (0.21, 0.297),
    picture: np.ndarray | None = None,
    line_height_m: float = 0.0062,
) -> None:
    """Printed page: title, an optional picture, then lines of words down to the lower margin."""
    width_m, height_m = size_m
    create_box(scene, placement, (width_m, height_m, 0.0004), create_matte("#e9e6dc", 0.03))
    top = placement @ Matrix.Translation((0, 0, 0.0004))
    margin_m, cursor_m = 0.1 * width_m, height_m / 2 - 0.1 * width_m
    create_text(
        scene, top @ place(-width_m / 2 + margin_m, cursor_m - 0.008, 0), title, line_height_m * 1.9, align="LEFT"
    )
    cursor_m -= 0.008 + line_height_m * 2
    if picture is not None:
        picture_height_m = (width_m - 2 * margin_m) * picture.shape[0] / picture.shape[1]
        create_print(
            scene,
            top @ place(0, cursor_m - picture_height_m / 2, 0),
            (width_m - 2 * margin_m, picture_height_m),
            picture,
        )
        cursor_m -= picture_height_m + line_height_m * 2
    letters = int((width_m - 2 * margin_m) / line_height_m * 2.0)
    lines = []
    while cursor_m - len(lines) * line_height_m > -height_m / 2 + margin_m:
        line = ""
        while len(line) < letters:
            line += str(rng.choice(WORDS)) + " "
        paragraph_ends = rng.random() < 0.16
        lines.append(line[: int(letters * rng.uniform(0.3, 0.8))] if paragraph_ends else line[:letters])
    create_text(scene, top @ place(-width_m / 2 + margin_m, cursor_m, 0), "\n".join(lines), line_height_m, align="LEFT")


def create_book(
    scene: bpy.types.Scene,
    placement: Matrix,
    size_m: Sequence[float],
    color: str,
    title: str,
    cover: np.ndarray | None = None,
) -> None:
    """Book lying flat, spine towards local -y: `size_m` is spine length, page width, thickness."""
    length_m, width_m, thick_m = size_m
    cloth = create_matte(color, 0.12, 220)
    board_m = 0.0025
    for z_m in (0.0, thick_m - board_m):
        create_box(scene, placement @ place(0, 0, z_m), (length_m, width_m, board_m), cloth, 0.0006)
    spine = placement @ place(0, -width_m / 2, 0)
    create_box(scene, spine, (length_m, board_m, thick_m), cloth, 0.0006)
    pages = bpy.data.materials.get("pages") or create_grain_material(
        "pages", [(0.35, "#b7ab90"), (0.6, "#e3dac2")], (6, 6, 2500)
    )
    block_m = (length_m - 0.008, width_m - 0.006, thick_m - 2 * board_m)
    create_box(scene, placement @ place(0, 0, board_m), block_m, pages)
    ink = "#26221d" if sum(rgb(color)) > 1.6 else "#efe6cf"
    face = spine @ place(0, -board_m / 2, thick_m / 2, roll_deg=90)
    create_text(
        scene, face @ place(-length_m * 0.06, 0, 0), title, min(thick_m * 0.62, length_m * 1.25 / len(title)), ink
    )
    for x_m in (-0.46, 0.40, 0.44):
        create_box(scene, face @ place(x_m * length_m, 0, 0), (0.004, thick_m * 0.86, 0.0003), create_matte(ink, 0.0))
    top = placement @ place(0, 0, thick_m)
    if cover is not None:
        create_print(scene, top @ place(0, -width_m * 0.08, 0), (length_m * 0.86, width_m * 0.62), cover)
    create_text(scene, top @ place(0, width_m * 0.36, 0), title, min(0.024, length_m * 1.2 / len(title)), ink)


def create_tape_cross(scene: bpy.types.Scene, placement: Matrix, size_m: float = 0.03) -> None:
    """Camera-tracking cross on a torn piece of paper tape."""
    create_box(scene, placement, (size_m * 1.35, size_m * 1.2, 0.0002), create_matte("#d8cf62", 0.08))
    for yaw_deg in (0, 90):
        bar = placement @ place(0, 0, 0.0002, yaw_deg=yaw_deg)
        create_box(scene, bar, (size_m, size_m * 0.14, 0.0001), create_matte("#17171a", 0.0))


def create_keyboard(scene: bpy.types.Scene, placement: Matrix) -> None:
    """Compact keyboard, 15 units of 19 mm by 5 rows, with legends."""
    rows = (
        [("Esc", 1.0)] + [(c, 1.0) for c in "1234567890-="] + [("Back", 2.0)],
        [("Tab", 1.5)] + [(c, 1.0) for c in "QWERTYUIOP[]"] + [("\\", 1.5)],
        [("Caps", 1.75)] + [(c, 1.0) for c in "ASDFGHJKL;'"] + [("Enter", 2.25)],
        [("Shift", 2.25)] + [(c, 1.0) for c in "ZXCVBNM,./"] + [("Shift", 2.75)],
        [("Ctrl", 1.25), ("Alt", 1.25), ("Cmd", 1.25), ("", 6.25)] + [(c, 1.25) for c in ("Alt", "Fn", "Menu", "Ctrl")],
    )
    unit_m = 0.019
    tilted = placement @ place(0, 0, 0.003, roll_deg=4)
    create_box(scene, tilted, (0.299, 0.109, 0.014), create_matte("#3c4046"), 0.003)
    for row, keys in enumerate(rows):
        x_m = -7.5 * unit_m
        for legend, width in keys:
            special = len(legend) > 1
            color = "#c4573a" if legend in ("Esc", "Enter") else "#7b8288" if special else "#d9d5c9"
            key = tilted @ place(x_m + width * unit_m / 2, (2 - row) * unit_m, 0.014)
            size_m = (width * unit_m - 0.0015, unit_m - 0.0015, 0.0075)
            create_box(scene, key, size_m, create_matte(color, 0.05), 0.0012, taper=0.86)
            legend_at = key @ place(-0.001, 0.001, size_m[2])
            create_text(scene, legend_at, legend, 0.0052 if special else 0.009, "#f1ede2" if special else "#26262a")
            x_m += width * unit_m


def create_mug(scene: bpy.types.Scene, placement: Matrix) -> None:
    """Enamel-look mug with a band, a name and coffee in it."""
    glaze = create_matte("#d7d2c4", 0.03, 60)
    create_lathe(scene, placement, [(0, 0), (38, 0), (41, 4), (41, 93), (40, 95), (38, 93), (38, 6), (0, 6)], glaze)
    create_lathe(scene, placement, [(41.2, 12), (41.4, 12), (41.4, 30), (41.2, 30)], create_matte("#a63d2f", 0.1))
    create_lathe(scene, placement, [(0, 78), (37.9, 78)], create_matte("#2a1810", 0.3, 120))
    handle = [(0.038, 0, 0.075), (0.066, 0, 0.078), (0.072, 0, 0.05), (0.06, 0, 0.025), (0.039, 0, 0.02)]
    create_tube(scene, placement, handle, 0.0055, glaze)
    # Letters stand around the side one by one: a flat word would cut through the cylinder.
    for index, letter in enumerate("WORKSHOP No 7"):
        turn_deg = 258 + (index - 6) * 13
        letter_at = placement @ place(0, 0, 0.06, yaw_deg=turn_deg + 90) @ place(0, -0.0412, 0, roll_deg=90)
        create_text(scene, letter_at, letter, 0.016, "#23466b")


def create_pen(scene: bpy.types.Scene, placement: Matrix, color: str) -> None:
    """Pen 140 mm long, standing on its tip."""
    create_lathe(scene, placement, [(0.4, 0), (1, 3), (4.2, 16)], create_matte("#c9c4b8", 0.1))
    create_lathe(scene, placement, [(4.2, 16), (4.4, 60), (4.4, 100)], create_matte(color, 0.08, 200))
    create_lathe(scene, placement, [(4.7, 100), (4.7, 138), (0, 140)], create_matte("#26282c", 0.15, 200))


def create_plant(scene: bpy.types.Scene, placement: Matrix, rng: np.random.Generator) -> None:
    """Terracotta pot with earth and arching variegated leaves."""
    create_lathe(
        scene, placement,
        [(0, 0), (42, 0), (56, 85), (61, 85), (62, 102), (56, 102), (54, 90), (0, 88)],
        create_matte("#b0623f", 0.2, 90),
    )  # fmt: skip
    create_lathe(scene, placement, [(0, 91), (54, 90)], create_matte("#3a2a20", 0.5, 300))
    leaf = create_grain_material(
        "leaf", [(0.35, "#2c5a2a"), (0.5, "#4f8a3c"), (0.56, "#b5c98a"), (0.62, "#4a8038")], (14, 90, 14)
    )
    for index in range(34):
        along = np.linspace(0, 1, 9)
        length_m, lift = rng.uniform(0.10, 0.20), rng.uniform(0.55, 1.35)
        angle = lift - along * rng.uniform(0.7, 1.7)
        x = np.cumsum(np.cos(angle)) * length_m / 9
        z = np.cumsum(np.sin(angle)) * length_m / 9 + 0.085
        half_m = 0.021 * np.sin(np.pi * np.clip(along, 0.04, 0.995)) ** 0.8 * rng.uniform(0.7, 1.1)
        across = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
        points = np.stack(
            [x[:, None] + 0 * across, half_m[:, None] * across, z[:, None] + half_m[:, None] * 0.35 * np.abs(across)],
            axis=-1,
        )
        create_surface(scene, placement @ place(0, 0, 0, yaw_deg=index * 137.5), points, leaf)


def create_lamp(scene: bpy.types.Scene, placement: Matrix) -> None:
    """Switched-off desk lamp: base, two arms, shade."""
    paint, joint = create_matte("#2f6f73", 0.1, 120), create_matte("#26282c")
    create_lathe(scene, placement, [(0, 0), (75, 0), (75, 12), (68, 20), (0, 22)], paint)
    knees = [(0, 0, 0.02), (-0.09, 0, 0.24), (0.10, -0.02, 0.41)]
    for start, end in pairwise(knees):
        create_tube(scene, placement, [start, end], 0.006, paint)
        create_tube(scene, placement @ place(*end), [(0, -0.014, 0), (0, 0.014, 0)], 0.012, joint)
    shade = placement @ place(*knees[-1]) @ place(0.02, 0, 0, pitch_deg=-28)
    create_lathe(scene, shade, [(18, 30), (26, 20), (30, -10), (68, -80), (66, -80), (28, -8), (0, 10)], paint)


def create_headphones(scene: bpy.types.Scene, placement: Matrix) -> None:
    """Headphones lying on the desk, band away from the local origin."""
    dark, soft = create_matte("#2b2d33", 0.18, 150), create_matte("#6e4a35", 0.22, 120)
    turn = np.linspace(-0.15, math.pi + 0.15, 9)
    band = [(0.085 * math.cos(t), 0.09 * math.sin(t) + 0.05, 0.035 - 0.012 * math.sin(t)) for t in turn]
    create_tube(scene, placement, band, 0.009, soft)
    for side in (-1, 1):
        cup = placement @ place(side * 0.083, 0.0, 0.042, pitch_deg=side * 78)
        create_lathe(scene, cup, [(0, 22), (30, 20), (40, 10), (40, 0), (36, -2)], dark)
        create_lathe(scene, cup, [(36, -2), (42, -6), (40, -18), (24, -20), (20, -10), (0, -10)], soft)
    cable = [
        (-0.083, -0.03, 0.01),
        (-0.11, -0.09, 0.004),
        (-0.02, -0.12, 0.003),
        (0.08, -0.1, 0.003),
        (0.16, -0.16, 0.003),
    ]
    create_tube(scene, placement, cable, 0.002, dark)


def create_circuit_board(scene: bpy.types.Scene, placement: Matrix, rng: np.random.Generator) -> None:
    """Small prototype board with chips, resistors and silk-screen text."""
    create_box(scene, placement, (0.085, 0.056, 0.0016), create_matte("#1f5a3c", 0.25, 260))
    top = placement @ place(0, 0, 0.0016)
    for x in range(5):
        for y in range(4):
            at = top @ place(-0.033 + x * 0.016 + rng.uniform(-0.002, 0.002), -0.02 + y * 0.013, 0)
            wide, deep = rng.uniform(0.004, 0.012), rng.uniform(0.003, 0.009)
            color = str(rng.choice(["#1d1d20", "#1d1d20", "#b59a5a", "#3b5f9a", "#c9c4b8"]))
            create_box(scene, at, (wide, deep, rng.uniform(0.001, 0.005)), create_matte(color, 0.1), 0.0003)
            create_text(scene, at @ place(0, -deep / 2 - 0.0022, 0), f"R{x}{y}", 0.004, "#e6eef5")


def create_carton(scene: bpy.types.Scene, placement: Matrix, size_m: Sequence[float], label: str) -> None:
    """Taped cardboard box with a shipping label on its front (-y)."""
    create_box(scene, placement, size_m, create_matte("#b08a5b", 0.1, 45), 0.002)
    tape = create_matte("#cbb58a", 0.05)
    create_box(scene, placement @ place(0, 0, size_m[2]), (0.05, size_m[1] + 0.001, 0.0003), tape)
    front = placement @ place(0, -size_m[1] / 2, 0, roll_deg=90)
    create_box(scene, front @ place(0, size_m[2] * 0.86, 0), (0.05, size_m[2] * 0.28, 0.0003), tape)
    note = front @ place(-size_m[0] * 0.2, size_m[2] * 0.42, 0)
    create_sheet(scene, note, np.random.default_rng(5), label, (size_m[0] * 0.46, size_m[2] * 0.6), line_height_m=0.009)
    create_text(scene, front @ place(size_m[0] * 0.28, size_m[2] * 0.3, 0), "FRAGILE\nthis side up", 0.02, "#8c2f2b")


# ---------------------------------------------------------------- scene


def build_desk(scene: bpy.types.Scene, rng: np.random.Generator) -> dict[str, Matrix]:
    """Desk and everything on it; returns named placements whose origins are check points."""
    wood = create_grain_material(
        "wood",
        [
            (0.26, "#6f4a2c"), (0.34, "#a87b4e"), (0.38, "#7f5733"), (0.42, "#b58a5b"), (0.46, "#94683f"),
            (0.49, "#b98f60"), (0.53, "#8a5f39"), (0.57, "#b18555"), (0.62, "#99704a"), (0.72, "#5f3e25"),
        ],
        (2.2, 26, 26),
        gloss=0.25,
        detail=6,
    )  # fmt: skip
    for board in range(7):
        at = place(rng.uniform(-0.02, 0.02), -0.46 + board * 0.161, -0.033)
        create_box(scene, at, (2.1, 0.1602, 0.03), wood, 0.0012)
    desk_z_m = -0.003
    create_box(scene, place(0, 0, desk_z_m), (0.45, 0.32, 0.0029), create_matte("#2c5a4c"), 0.0005)
    create_print(scene, place(0, 0, -0.0001), (0.45, 0.32), paint_cutting_mat(rng, (450, 320)))
    for number in range(-20, 21, 5):
        create_text(scene, place(number / 100, -0.1535, 0), str(number + 20), 0.007, "#d9dca4")
    create_text(scene, place(0.17, 0.1545, 0), "SELF HEALING  A3  45 x 32 cm", 0.007, "#d9dca4")

    create_keyboard(scene, place(-0.45, 0.0, desk_z_m, yaw_deg=17))
    sheets: list[tuple[float, float, float, str, np.ndarray | None]] = [
        (-0.36, -0.33, 14, "Shot list / day 2", None),
        (-0.17, -0.36, -7, "Panel layout", paint_blueprint(rng, 300, 460)),
        (0.20, -0.35, 6, "Rotary control, rev. C", paint_blueprint(rng, 240, 460)),
        (0.42, -0.24, -16, "Survey of the site", paint_map(rng, 340, 460)),
        (0.66, -0.10, 24, "Budget notes", None),
        (-0.80, -0.12, -18, "Camera report", None),
        (-0.70, 0.14, 31, "Call sheet", paint_landscape(rng, 260, 460)),
    ]
    for layer, (x_m, y_m, yaw_deg, title, picture) in enumerate(sheets):
        at = place(x_m, y_m, desk_z_m + 0.0006 * layer, yaw_deg)
        create_sheet(scene, at, rng, title, picture=picture)
    for x_m, y_m, yaw_deg, paper, body in (
        (0.285, 0.075, 9, "#e6cf55", "order\n6 mm shaft!"), (0.30, -0.045, -6, "#e08f9b", "match the\nlight  10:40"),
        (-0.28, 0.185, -12, "#8fc3d6", "call Ines\nre: plates"), (-0.62, -0.16, 8, "#a9cf7c", "knob = 7 cm"),
    ):  # fmt: skip
        note = place(x_m, y_m, desk_z_m + 0.0012, yaw_deg)
        create_box(scene, note, (0.076, 0.076, 0.0008), create_matte(paper, 0.05))
        create_text(scene, note @ place(0, 0.004, 0.0008), body, 0.0125, "#2b3350")
    for x_m, y_m, yaw_deg, color in (
        (0.17, -0.27, 68, "#23466b"), (0.36, -0.31, -40, "#a63d2f"), (-0.27, -0.28, 100, "#2b2d33"),
        (-0.60, -0.09, 25, "#d8a633"), (0.55, 0.12, 80, "#2f5d50"),
    ):  # fmt: skip
        create_pen(scene, place(x_m, y_m, 0.0065, yaw_deg) @ place(0, 0, 0, roll_deg=90), color)

    create_mug(scene, place(0.40, 0.13, desk_z_m, yaw_deg=0))
    create_headphones(scene, place(0.62, 0.17, desk_z_m, yaw_deg=-28))
    create_circuit_board(scene, place(-0.33, 0.12, desk_z_m, yaw_deg=-21), rng)
    create_circuit_board(scene, place(0.47, -0.06, desk_z_m + 0.004, yaw_deg=38), rng)
    create_plant(scene, place(-0.66, 0.40, desk_z_m), rng)
    create_lamp(scene, place(0.70, 0.46, desk_z_m, yaw_deg=195))
    create_carton(scene, place(0.33, 0.42, desk_z_m, yaw_deg=-11), (0.26, 0.19, 0.13), "Encoders x 24")
    create_book(scene, place(0.34, 0.43, desk_z_m + 0.1303, yaw_deg=6), (0.22, 0.16, 0.02), "#d8a633", "ORBITS")
    notes = place(-0.66, -0.30, desk_z_m, yaw_deg=-24)
    create_book(scene, notes, (0.19, 0.13, 0.012), "#23466b", "FIELD NOTES", paint_map(rng)[:360])
    stack = place(-0.33, 0.36, desk_z_m, yaw_deg=7)
    height_m = 0.0
    for index, (length_m, width_m, thick_m) in enumerate(
        [(0.30, 0.21, 0.031), (0.27, 0.20, 0.024), (0.285, 0.19, 0.036), (0.24, 0.17, 0.019), (0.21, 0.145, 0.027)]
    ):
        book = stack @ place(rng.uniform(-0.015, 0.015), rng.uniform(-0.01, 0.01), height_m, rng.uniform(-9, 9))
        cover = paint_shapes(rng)[: 500 * 4 // 7] if index == 4 else None
        create_book(scene, book, (length_m, width_m, thick_m), BOOK_COLORS[index], BOOK_TITLES[index], cover)
        height_m += thick_m + 0.0003
    holder = place(0.06, 0.37, desk_z_m)
    create_lathe(
        scene, holder, [(0, 0), (38, 0), (38, 100), (36, 100), (36, 4), (0, 4)], create_matte("#8d3f30", 0.1, 60)
    )
    for index in range(6):
        lean = place(0, 0, 0.012, yaw_deg=index * 61) @ place(-0.018, 0, 0, pitch_deg=rng.uniform(9, 17))
        create_pen(scene, holder @ lean, BOOK_COLORS[index * 2])
    create_lathe(
        scene,
        place(-0.08, 0.27, desk_z_m),
        [(28, 0), (48, 0), (48, 24), (28, 24), (28, 0)],
        create_matte("#c9b27c", 0.15, 160),
    )
    ruler = place(0.02, 0.215, desk_z_m, yaw_deg=-5)
    create_box(scene, ruler, (0.31, 0.03, 0.0016), create_matte("#c8a468", 0.12, 90))
    for tick in range(0, 301, 5):
        deep_m = 0.009 if tick % 50 == 0 else 0.006 if tick % 10 == 0 else 0.004
        at = ruler @ place(tick / 1000 - 0.15, 0.0145 - deep_m / 2, 0.0016)
        create_box(scene, at, (0.0006, deep_m, 0.0001), create_matte("#1c1c1e", 0.0))
        if tick % 50 == 0:
            create_text(scene, at @ place(0, -0.011, 0), str(tick // 10), 0.007)
    for _ in range(15):  # washers, nuts and spacers that fell off the work in progress
        radius = float(rng.uniform(3, 6.5))
        x_m, y_m = rng.normal((0.285, -0.125), (0.025, 0.025))
        color = str(rng.choice(["#6f6f72", "#9a8350", "#3a3a3f"]))
        profile = [(radius * 0.45, 0), (radius, 0), (radius, 1.6), (radius * 0.45, 1.6), (radius * 0.45, 0)]
        create_lathe(scene, place(max(x_m, 0.236), y_m, desk_z_m), profile, create_matte(color, 0.15, 300))
    cable = [
        (-0.50, 0.06, 0.002),
        (-0.49, 0.16, 0.001),
        (-0.55, 0.26, 0.001),
        (-0.47, 0.37, 0.001),
        (-0.52, 0.62, 0.001),
    ]
    create_tube(scene, place(0, 0, 0), cable, 0.0026, create_matte("#26282c"))

    crosses = {
        "tape_front_left": place(-0.20, -0.19, -0.0018, 12), "tape_front_right": place(0.262, -0.195, -0.0012, -8),
        "tape_back_right": place(0.21, 0.27, desk_z_m, 20), "tape_back_left": place(-0.14, 0.49, desk_z_m, 5),
        "tape_far_right": place(0.80, 0.22, desk_z_m, 33), "tape_far_left": place(-0.86, 0.22, desk_z_m, -14),
        "tape_carton": place(0.33, 0.42, desk_z_m, -11) @ place(0.085, -0.095, 0.098, roll_deg=90) @ place(0, 0, 0, 8),
    }  # fmt: skip
    for at in crosses.values():
        create_tape_cross(scene, at)
    for name in ("tape_far_left", "tape_far_right"):  # never in clear view: no use as check points
        del crosses[name]
    inked = {name: at @ place(0, 0, TAPE_CROSS_M) for name, at in crosses.items()}
    mat_corners = {f"mat_grid_{x:+d}_{y:+d}_cm": place(x / 100, y / 100, 0) for x in (-20, 20) for y in (-15, 15)}
    return inked | mat_corners


def build_bookcase(scene: bpy.types.Scene, rng: np.random.Generator, left_m: float, right_m: float) -> None:
    """Bookcase against the wall between two x positions, shelves full of books and boxes."""
    board = create_grain_material("shelf", [(0.3, "#5a4634"), (0.6, "#7a6147")], (14, 3, 30))
    depth_m, y_m, width_m = 0.26, 1.42, right_m - left_m
    middle_m = (left_m + right_m) / 2
    for z_m in (-0.42, -0.06, 0.30, 0.66):
        create_box(scene, place(middle_m, y_m, z_m), (width_m, depth_m, 0.022), board, 0.001)
    for x_m in np.linspace(left_m, right_m, 4):
        create_box(scene, place(x_m, y_m, -0.7), (0.022, depth_m, 1.42), board, 0.001)
    create_box(scene, place(middle_m, y_m + 0.13, -0.7), (width_m, 0.01, 1.4), board)
    for z_m in (-0.398, -0.038, 0.322):
        x_m = left_m + 0.03
        while x_m < right_m - 0.09:
            thick_m, height_m, deep_m = rng.uniform((0.016, 0.19, 0.13), (0.05, 0.30, 0.19))
            title, color = str(rng.choice(BOOK_TITLES)), str(rng.choice(BOOK_COLORS))
            if rng.random() < 0.07:
                x_m += rng.uniform(0.03, 0.08)
            # Standing: the spine faces the camera, its text reads downwards.
            upright = place(x_m + thick_m / 2, y_m - 0.03, z_m + height_m / 2) @ place(0, 0, 0, pitch_deg=90)
            create_book(scene, upright @ place(0, 0, -thick_m / 2), (height_m, deep_m, thick_m), color, title)
            x_m += thick_m + 0.0015


def build_room(scene: bpy.types.Scene, rng: np.random.Generator) -> dict[str, Matrix]:
    """Back wall with bookcase, posters and sideboard; the window wall on the left, out of frame."""
    wall_y_m = 1.56
    plaster = create_grain_material(
        "plaster", [(0.3, "#8e9a96"), (0.5, "#a9b2aa"), (0.7, "#b9bdb1")], (9, 9, 9), detail=6
    )
    create_box(scene, place(0, wall_y_m + 0.05, -0.75), (7, 0.1, 2.9), plaster)
    create_box(scene, place(0, 0.3, -0.8), (7, 6, 0.05), create_matte("#6d5c4c", 0.2, 6))
    build_bookcase(scene, rng, -2.05, -0.22)

    on_wall = place(0, wall_y_m, 0, roll_deg=90)
    frame = create_matte("#3b2f28", 0.2, 60)
    pictures: list[tuple[float, float, float, Callable[..., np.ndarray], str]] = [
        (0.14, 0.30, 0.42, paint_shapes, "FORM 57"),
        (0.70, 0.27, 0.46, paint_map, "SIERRA 1:25 000"),
        (1.22, 0.42, 0.34, paint_blueprint, "DIALS"),
        (1.70, 0.24, 0.50, paint_shapes, "EXHIBITION"),
        (2.32, 0.24, 0.50, paint_map, "THE COAST"),
    ]
    corners: dict[str, Matrix] = {}
    for x_m, z_m, width_m, paint, title in pictures:
        picture = paint(rng)
        height_m = width_m * picture.shape[0] / picture.shape[1]
        at = on_wall @ place(x_m, z_m, 0)
        create_box(scene, at, (width_m + 0.07, height_m + 0.12, 0.018), frame, 0.003)
        create_box(
            scene, at @ place(0, 0, 0.004), (width_m + 0.05, height_m + 0.10, 0.0145), create_matte("#ddd8cb", 0.03)
        )
        paper = at @ place(0, 0.018, 0.0187)
        create_print(scene, paper, (width_m, height_m), picture)
        if title in ("FORM 57", "SIERRA 1:25 000"):  # those whose lower edge stays in view
            for side, x in (("left", -width_m / 2), ("right", width_m / 2)):
                corners[f"poster {title}, lower {side}"] = paper @ place(x, -height_m / 2, PRINT_LIFT_M)
        create_text(scene, at @ place(0, -height_m / 2 - 0.016, 0.0187), title, 0.03)
    for index, (x_m, z_m, tilt_deg) in enumerate(
        [
            (1.10, 0.02, 3),
            (1.25, 0.05, -4),
            (1.40, 0.0, 2),
            (0.42, 0.02, -3),
            (2.0, 0.0, 5),
            (0.42, 0.20, 4),
            (0.98, 0.16, -5),
        ]
    ):
        at = on_wall @ place(x_m, z_m, 0, tilt_deg)
        create_box(scene, at, (0.125, 0.10, 0.0006), create_matte("#e2ddd0", 0.03))
        picture = (
            paint_landscape(rng, 240, 320) if index % 3 else paint_clouds(rng, 240, 320)[..., None] * rgb("#e8c9a0")
        )
        create_print(scene, at @ place(0, 0.003, 0.0008), (0.113, 0.082), picture)

    top_z_m = -0.16
    oak = create_grain_material("oak", [(0.3, "#80664a"), (0.5, "#9c8060"), (0.6, "#846a4e")], (3, 20, 20))
    create_box(scene, place(1.35, wall_y_m - 0.2, -0.75), (2.7, 0.36, 0.75 + top_z_m), oak, 0.002)
    for x_m, length_m, color, title in (
        (0.25, 0.28, "#4f7f94", "SIGNAL"), (0.62, 0.25, "#c8702d", "Nine Bridges"), (1.62, 0.30, "#7d8b52", "SHADOWS"),
    ):  # fmt: skip
        for level in range(3):
            at = place(x_m, wall_y_m - 0.2, top_z_m + level * 0.031, float(rng.uniform(-8, 8)))
            other = str(rng.choice(BOOK_COLORS))
            create_book(
                scene, at, (length_m - level * 0.02, 0.19, 0.03), other if level else color,
                str(rng.choice(BOOK_TITLES)) if level else title,
            )  # fmt: skip
    create_carton(scene, place(1.05, wall_y_m - 0.2, top_z_m, 9), (0.24, 0.2, 0.12), "Archive 2019")
    create_plant(scene, place(1.95, wall_y_m - 0.2, top_z_m), rng)
    create_carton(scene, place(2.35, wall_y_m - 0.2, top_z_m, -6), (0.34, 0.24, 0.2), "Cables + clamps")
    for x_m, z_m, yaw_deg in ((-0.10, 0.20, 10), (0.42, 0.36, -7), (0.98, 0.33, 15), (1.42, 0.12, 4)):
        create_tape_cross(scene, on_wall @ place(x_m, z_m, 0, yaw_deg), 0.05)

    # Window wall: pieces around the opening, and bars whose shadows cross the desk.
    x_m, low_m, high_m, near_m, far_m = -2.5, 0.10, 2.0, -1.5, 0.95
    paint = create_matte("#c9c6bd", 0.05)
    create_box(scene, place(x_m, (near_m - 3) / 2, -0.75), (0.1, near_m + 3, 4), paint)
    create_box(scene, place(x_m, (far_m + 3) / 2, -0.75), (0.1, 3 - far_m, 4), paint)
    create_box(scene, place(x_m, 0, -0.75), (0.1, 6, low_m + 0.75), paint)
    create_box(scene, place(x_m, 0, high_m), (0.1, 6, 1.2), paint)
    for y_m in np.linspace(near_m, far_m, 5)[1:-1]:
        create_box(scene, place(x_m, y_m, low_m), (0.06, 0.05, high_m - low_m), paint)
    create_box(scene, place(x_m, (near_m + far_m) / 2, 1.0), (0.06, far_m - near_m, 0.05), paint)
    return corners


def join_matte_things(scene: bpy.types.Scene) -> None:
    """Join everything that shares a matte colour: 1900 small things cost seconds a frame to sync."""
    groups: dict[str, list[bpy.types.Object]] = {}
    for thing in scene.objects:
        material = thing.active_material
        if material and material.name.startswith("matte"):
            groups.setdefault(material.name, []).append(thing)
    for things in groups.values():
        context: dict[str, Any] = {"active_object": things[0], "object": things[0]}
        context |= {"selected_objects": things}
        context |= {"selected_editable_objects": things}
        with bpy.context.temp_override(**context):
            bpy.ops.object.convert(target="MESH")  # text and tubes to meshes, bevels applied
            bpy.ops.object.join()


def create_lights(scene: bpy.types.Scene) -> Vector:
    """Sun through the window, sky fill, a soft bounce; returns the unit direction towards the sun."""
    sun = bpy.data.lights.new("sun", "SUN")
    assert isinstance(sun, bpy.types.SunLight)
    sun.energy, sun.angle, sun.color = 8.5, math.radians(1.3), (1.0, 0.88, 0.72)
    to_sun = Vector((-0.82, -0.22, 0.50)).normalized()
    lamp = bpy.data.objects.new("sun", sun)
    lamp.rotation_euler = to_sun.to_track_quat("Z", "Y").to_euler()
    scene.collection.objects.link(lamp)
    window = bpy.data.lights.new("window", "AREA")
    assert isinstance(window, bpy.types.AreaLight)
    window.shape, window.size, window.size_y, window.energy, window.color = "RECTANGLE", 2.4, 1.8, 26, (0.86, 0.93, 1.0)
    glow = bpy.data.objects.new("window", window)
    glow.matrix_world = place(-2.3, -0.3, 1.1, pitch_deg=-80)
    scene.collection.objects.link(glow)
    world: Any = bpy.data.worlds.new("sky")
    scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.80, 0.88, 1.0, 1.0)
    background.inputs["Strength"].default_value = 0.32
    # An even sky needs no light sampling of its own: paths that leave the room find it anyway.
    world.cycles.sampling_method = "NONE"
    return to_sun
