"""Draw the SVG pictures of the pages: `python docs/pictures/draw.py` writes them beside this file.

Only the standard library is needed. Each picture has a light and a dark look, which the reader's system chooses.
"""

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
STYLE = """
text{font:14px system-ui,"DejaVu Sans",sans-serif;fill:#1d2a30}
.s{font-size:12px;fill:#4a5a60}.b{font-weight:600}
.m{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:13px}
.mid{text-anchor:middle}.end{text-anchor:end}
.card{fill:#fff}.line{stroke:#4a5a60;stroke-width:1.5;fill:none}.thin{stroke:#b9c4c8;stroke-width:1;fill:none}
.dash{stroke-dasharray:4 3}.soft{fill:#f1f5f6;stroke:#b9c4c8}.stage{fill:#e3f0f1;stroke:#2f6f78;stroke-width:1.5}
.input{fill:#fdf1e0;stroke:#b8741a;stroke-width:1.5}.out{fill:#e9f4e2;stroke:#5b8a36;stroke-width:1.5}
.teal{stroke:#2f6f78;stroke-width:1.3;fill:none}.dot{fill:#1d2a30}.tip{fill:#4a5a60}
.red{stroke:#c0392b}.green{stroke:#2e8b57}.blue{stroke:#2c5fa8}.axis{stroke-width:2.6;fill:none}
.fred{fill:#c0392b}.fgreen{fill:#2e8b57}.fblue{fill:#2c5fa8}
@media (prefers-color-scheme:dark){
text{fill:#e2e9ec}.s{fill:#a9b8be}.card{fill:#1b2327}.line{stroke:#a9b8be}.thin{stroke:#4c5a61}.dot{fill:#e2e9ec}
.tip{fill:#a9b8be}.soft{fill:#253036;stroke:#4c5a61}.stage{fill:#1f3a40;stroke:#5fb0bb}.input{fill:#40321d;stroke:#d79a4a}
.out{fill:#2a3b20;stroke:#8dbb68}.teal{stroke:#5fb0bb}.red{stroke:#ef6f61}.green{stroke:#5cc48a}.blue{stroke:#7aa9ec}
.fred{fill:#ef6f61}.fgreen{fill:#5cc48a}.fblue{fill:#7aa9ec}}
"""
TIPS = {"tip": "tip", "red": "fred", "green": "fgreen", "blue": "fblue"}
AXES = {"x": "red", "y": "green", "z": "blue"}

Point = tuple[float, ...]


class Picture:
    """An SVG that is written element by element."""

    def __init__(self, name: str, title: str, width: int, height: int):
        self.name, self.title, self.width, self.height = name, title, width, height
        self.parts: list[str] = []

    def add(self, text: str) -> None:
        """Add an element as it is."""
        self.parts.append(text)

    def text(self, x: float, y: float, words: str, look: str = "") -> None:
        """Write words; (x, y) is the start of their baseline, or its middle or end if the look has mid or end."""
        self.add(f'<text x="{x:.4g}" y="{y:.4g}"{_class(look)}>{escape(words, quote=False)}</text>')

    def lines(self, x: float, y: float, rows: Iterable[str], look: str = "", step: float = 18) -> None:
        """Write rows of words below each other."""
        for count, row in enumerate(rows):
            self.text(x, y + count * step, row, look)

    def path(self, points: Iterable[Point], look: str = "line", tip: str = "", closed: bool = False) -> None:
        """Draw straight lines from point to point; tip: the colour of the arrow's head at the end."""
        way = "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in points) + ("Z" if closed else "")
        self.add(f'<path d="{way}"{_class(look)}{_tip(tip)}/>')

    def elbow(self, points: list[Point], look: str = "line", tip: str = "tip", radius: float = 9) -> None:
        """Draw lines along the axes, with round corners."""
        way = f"M{points[0][0]:.4g} {points[0][1]:.4g}"
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            near, far = _towards(at, before, radius), _towards(at, after, radius)
            way += f"L{near[0]:.4g} {near[1]:.4g}Q{at[0]:.4g} {at[1]:.4g} {far[0]:.4g} {far[1]:.4g}"
        self.add(f'<path d="{way}L{points[-1][0]:.4g} {points[-1][1]:.4g}"{_class(look)}{_tip(tip)}/>')

    def box(self, x: float, y: float, width: float, height: float, look: str, radius: float = 0) -> None:
        """Draw a rectangle by its top-left corner."""
        size = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"'
        self.add(f'<rect {size} rx="{radius:g}"{_class(look)}/>')

    def dot(self, x: float, y: float, look: str = "dot", radius: float = 4.5) -> None:
        """Draw a filled circle."""
        self.add(f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius:g}"{_class(look)}/>')

    def save(self) -> None:
        """Write the file."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z" class="{look}"/></marker>'
            for name, look in TIPS.items()
        )
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(self.title)}</title>\n'
            f"<style>{STYLE}</style>\n<defs>{heads}</defs>\n"
            f'<rect width="{self.width}" height="{self.height}" rx="8" class="card"/>\n' + "\n".join(self.parts)
        )
        path = FOLDER / f"{self.name}.svg"
        path.write_text(text + "\n</svg>\n", encoding="utf-8", newline="\n")
        print(path)


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""


def _tip(name: str) -> str:
    return f' marker-end="url(#{name})"' if name else ""


def _towards(start: Point, end: Point, length: float) -> Point:
    away = math.dist(start, end)
    share = min(length, away / 2) / away if away else 0
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


class Eye:
    """Shows places of a Z-up world on the page, seen from far away (so that parallel lines stay parallel)."""

    def __init__(self, azimuth_deg: float, elevation_deg: float, scale: float, origin: Point):
        turn, rise = math.radians(azimuth_deg), math.radians(elevation_deg)
        self.right = (math.cos(turn), math.sin(turn), 0.0)
        self.up = (-math.sin(turn) * math.sin(rise), math.cos(turn) * math.sin(rise), math.cos(rise))
        self.scale, self.origin = scale, origin

    def __call__(self, x: float, y: float, z: float) -> Point:
        across = sum(a * b for a, b in zip(self.right, (x, y, z), strict=True))
        along = sum(a * b for a, b in zip(self.up, (x, y, z), strict=True))
        return (self.origin[0] + self.scale * across, self.origin[1] - self.scale * along)


def draw_pipeline() -> None:
    """The stages, and what reads what."""
    pic = Picture("pipeline", "From a plate to the files in build/: the stages, and what each of them reads", 800, 640)
    column = [86, 243, 400, 557, 706]
    row = [22, 106, 190, 282, 384, 476]
    high = 50

    def stage(at: int, level: int, name: str, note: str, look: str = "stage", wide: float = 134) -> None:
        pic.box(column[at] - wide / 2, row[level], wide, high, look, 6)
        pic.text(column[at], row[level] + 21, name, "b mid")
        pic.text(column[at], row[level] + 39, note, "s mid")

    def down(at: int, start: int, end: int) -> None:
        pic.path([(column[at], row[start] + high), (column[at], row[end] - 2)], tip="tip")

    stage(0, 0, "detections", "or a detector", "input")
    stage(2, 0, "plate", "movie or sequence", "input")
    stage(3, 0, "lens", "file, shot or stills", "input")
    stage(4, 0, "camera", "file, or keys", "input")
    stage(2, 1, "footage", "what it really is")
    stage(0, 2, "objects", "boxes, followed")
    stage(2, 2, "tracks", "2D tracks")
    stage(3, 2, "lens", "in the plate's px")
    stage(2, 3, "solve", "camera, lens, points; or a refusal", wide=230)
    stage(0, 4, "object_mattes", "a matte a frame")
    stage(1, 4, "preview", "movie to judge slip")
    stage(2, 4, "scene", "all for Blender")
    stage(3, 4, "stmap", "both directions")
    stage(4, 4, "export", "other programs")
    stage(1, 5, "report", "one page, numbers")
    stage(2, 5, "composite", "the .blend")
    stage(3, 5, "render", "only by name", "stage dash")
    stage(4, 5, "undistorted_plate", "its frames", wide=150)

    for at, start, end in [(0, 0, 2), (2, 0, 1), (3, 0, 2), (2, 1, 2), (2, 2, 3), (0, 2, 4), (1, 4, 5), (2, 4, 5)]:
        down(at, start, end)
    down(3, 4, 5)
    middle = row[1] + high / 2
    pic.elbow([(column[2] - 67, middle), (column[0] + 36, middle), (column[0] + 36, row[2] - 2)])
    pic.elbow([(column[2] + 67, middle), (column[3] - 36, middle), (column[3] - 36, row[2] - 2)])
    pic.path([(column[0] + 67, row[2] + 25), (column[2] - 69, row[2] + 25)], tip="tip")
    pic.text((column[0] + column[2]) / 2, row[2] + 18, "as a mask", "s mid")
    pic.elbow([(column[3], row[2] + high), (column[3], row[3] + 17), (column[2] + 117, row[3] + 17)])
    pic.elbow([(column[4], row[0] + high), (column[4], row[3] + 34), (column[2] + 117, row[3] + 34)])
    bus = row[3] + high + 26
    pic.path([(column[2], row[3] + high), (column[2], row[4] - 2)], tip="tip")
    for at in (1, 3, 4):
        pic.elbow([(column[2], bus - 12), (column[2], bus), (column[at], bus), (column[at], row[4] - 2)])
    low, high_end = row[4] + high, row[5] - 2
    pic.path([(column[2] + 40, low), (column[3] - 44, high_end)], tip="tip")
    pic.path([(column[3] - 40, low), (column[2] + 44, high_end)], tip="tip")
    pic.path([(column[3] + 40, low), (column[4] - 44, high_end)], tip="tip")
    pic.box(19, 560, 762, 60, "out", 6)
    pic.text(400, 585, "publish: what you take away, under plain names, in build/<shot>/", "b mid")
    pic.text(400, 606, "Each result above lies in .gsd-state/, with a stamp that says what it was made from.", "s mid")
    for at in column:
        pic.path([(at, row[5] + high if at != column[0] else row[4] + high), (at, 558)], tip="tip")
    pic.save()


def draw_pixels() -> None:
    """Where pixels are counted from, here and elsewhere."""
    pic = Picture("pixels", "Pixels: the origin is the top-left corner of the image", 760, 350)
    left, top, size = 60, 70, 52
    for count in range(6):
        pic.path([(left + count * size, top), (left + count * size, top + 4 * size)], "thin")
    for count in range(5):
        pic.path([(left, top + count * size), (left + 5 * size, top + count * size)], "thin")
    pic.path([(left, top), (left + 5 * size + 34, top)], "axis red", "red")
    pic.path([(left, top), (left, top + 4 * size + 34)], "axis green", "green")
    pic.text(left + 5 * size + 40, top + 5, "x", "b")
    pic.text(left - 4, top + 4 * size + 50, "y", "b")
    pic.dot(left, top, "fred")
    pic.text(left - 24, top - 34, "shotmake", "b")
    pic.text(left - 24, top - 14, "(0, 0): the corner")
    pic.dot(left + size / 2, top + size / 2, "fblue")
    pic.text(left + size / 2 + 9, top + size / 2 + 5, "(0.5, 0.5)")
    pic.dot(left + 3.5 * size, top + 1.5 * size, "fblue")
    pic.text(left + 3.5 * size + 9, top + 1.5 * size + 5, "(3.5, 1.5)")
    pic.dot(left + 5 * size, top + 4 * size, "fred")
    pic.text(left + 5 * size, top + 4 * size + 22, "(width, height)", "mid")
    pic.text(420, 36, "Where others put 0", "b")
    others = [
        ("COLMAP", "the same corner", (0, 0), False),
        ("OpenCV", "centre of the first pixel", (0.5, 0.5), False),
        ("Nuke, 3DEqualizer, Blender", "bottom-left corner, y up", (0, 3), True),
        ("PFTrack", "centre of the bottom-left pixel, y up", (0.5, 2.5), True),
    ]
    for count, (name, note, (column, row), up) in enumerate(others):
        x, y, small = 424, 58 + count * 68, 15
        for line in range(5):
            pic.path([(x + line * small, y), (x + line * small, y + 3 * small)], "thin")
        for line in range(4):
            pic.path([(x, y + line * small), (x + 4 * small, y + line * small)], "thin")
        zero = (x + column * small, y + row * small)
        reach = -2 * small if up else 2 * small
        pic.path([zero, (zero[0] + 2.4 * small, zero[1])], "line red", "red")
        pic.path([zero, (zero[0], zero[1] + reach)], "line green", "green")
        pic.dot(*zero, "fred", 3.5)
        pic.text(x + 82, y + 19, name, "b")
        pic.text(x + 82, y + 38, note, "s")
    pic.save()


def draw_camera_axes() -> None:
    """The axes of a camera, ours and OpenGL's."""
    pic = Picture("camera_axes", "Camera axes: OpenCV's, and those of Blender, Nuke, USD and glTF", 760, 296)
    ways = {"right": (1, 0, 0), "forward": (0, 1, 0), "up": (0, 0, 1)}
    panels = [
        (185, "shotmake, OpenCV, COLMAP", [("x", "right", 1), ("y", "up", -1), ("z", "forward", 1)]),
        (555, "Blender, Nuke, USD, glTF", [("x", "right", 1), ("y", "up", 1), ("z", "forward", -1)]),
    ]
    signs = {("right", 1): "right", ("up", 1): "up", ("up", -1): "down", ("forward", 1): "forward"}
    signs["forward", -1] = "backward"
    for x, title, axes in panels:
        eye = Eye(-52, 20, 62, (x, 165))
        pic.text(x, 32, title, "b mid")
        corners = [eye(a * 0.95, 2.3, b * 0.6) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        pic.path(corners, "soft", closed=True)
        for corner in corners:
            pic.path([eye(0, 0, 0), corner], "thin dash")
        pic.text(corners[2][0] + 6, corners[2][1] - 6, "picture", "s end")
        for letter, way, sign in axes:
            length = 1.25 if way != "forward" else 1.5
            end = eye(*(part * sign * length for part in ways[way]))
            pic.path([eye(0, 0, 0), end], f"axis {AXES[letter]}", AXES[letter])
            words = f"{letter}: {signs[way, sign]}"
            shift = {"right": (8, 14), "up": (8, 4), "down": (9, 4), "forward": (-4, -12), "backward": (-40, 22)}
            dx, dy = shift[signs[way, sign]]
            pic.text(end[0] + dx, end[1] + dy, words, "b")
        pic.dot(*eye(0, 0, 0), radius=5.5)
    pic.text(380, 276, "From one to the other: turn half round x, which is diag(1, -1, -1).", "s mid")
    pic.save()


def draw_world() -> None:
    """The world: Z up, and where its origin is."""
    pic = Picture("world", "The world: right-handed, Z up; the origin is where the view meets the ground", 760, 340)
    eye = Eye(24, 24, 62, (400, 215))
    for count in range(-4, 5):
        pic.path([eye(count, -3, 0), eye(count, 3, 0)], "thin")
    for count in range(-3, 4):
        pic.path([eye(-4, count, 0), eye(4, count, 0)], "thin")
    path = [(-1.9 + 0.35 * step, -2.75 + 0.05 * step * step, 1.7 + 0.05 * step) for step in range(6)]
    pic.path([eye(*place) for place in path], "line")
    for place in path:
        pic.dot(*eye(*place), radius=3.5)
    look_from = path[3]
    pic.path([eye(*look_from), eye(0, 0, 0)], "line dash")
    foot = (look_from[0], look_from[1], 0)
    pic.path([eye(*look_from), eye(*foot)], "thin dash")
    x, y = eye(*path[0])
    pic.text(x - 10, y - 14, "the camera's path", "b end")
    for letter, end in {"x": (1.7, 0, 0), "y": (0, 1.9, 0), "z": (0, 0, 1.9)}.items():
        pic.path([eye(0, 0, 0), eye(*end)], f"axis {AXES[letter]}", AXES[letter])
    pic.dot(*eye(0, 0, 0), "fred", 5)
    pic.text(eye(1.7, 0, 0)[0] + 8, eye(1.7, 0, 0)[1] + 6, "X", "b")
    pic.text(eye(0, 1.9, 0)[0] + 8, eye(0, 1.9, 0)[1] + 2, "Y: along the average view", "b")
    pic.text(eye(0, 0, 1.9)[0] - 10, eye(0, 0, 1.9)[1] + 4, "Z: up", "b end")
    x, y = eye(0, 0, 0)
    pic.lines(x - 40, y + 48, ["origin: where that view", "meets the ground"], "b", 17)
    pic.text(eye(-4, 3, 0)[0], eye(-4, 3, 0)[1] - 10, "ground: z = 0", "b mid")
    notes = ["With a size given: metres.", "Without: the median depth is 5 units.", "", "Nuke, Maya (Y up):"]
    pic.lines(525, 34, [*notes, "(x, y, z) becomes (x, z, -y)"], "s")
    pic.save()


def draw_frames() -> None:
    """A frame keeps the number that it has in the plate."""
    pic = Picture("frames", "Frames: the plate's own numbers", 760, 190)
    pic.text(380, 30, "A sequence has the numbers of its files. A movie has first_frame, then one by one.", "s mid")
    for count in range(7):
        inside = 1 <= count <= 5
        pic.box(47 + count * 96, 48, 88, 58, "stage" if inside else "soft", 5)
        pic.text(91 + count * 96, 82, str(1001 + count), "b mid" if inside else "s mid")
    pic.path([(330, 126), (145, 126)], "line", "tip")
    pic.path([(430, 126), (615, 126)], "line", "tip")
    pic.text(380, 131, "the shot", "mid")
    pic.text(380, 164, "shot.footage.frame_range: [1002, 1006]", "m mid")
    pic.save()


def bend(x: float, y: float, k1: float) -> Point:
    """Brown-Conrady with k1 alone."""
    factor = 1 + k1 * (x * x + y * y)
    return (x * factor, y * factor)


def draw_lens() -> None:
    """From undistorted to distorted."""
    pic = Picture("lens", "The lens: Brown-Conrady, from undistorted to distorted", 760, 350)
    pic.text(165, 30, "undistorted", "b mid")
    pic.text(595, 30, "distorted: the plate", "b mid")
    for x, k1 in ((165, 0.0), (595, -0.16)):
        across = [(step / 40) * 2 - 1 for step in range(41)]
        for count in range(-5, 6):
            pic.path([_place(x, *bend(count / 5, b * 0.5625, k1)) for b in across], "teal")
        for count in range(-3, 4):
            pic.path([_place(x, *bend(a, count / 3 * 0.5625, k1)) for a in across], "teal")
    pic.path([(320, 105), (440, 105)], "line", "tip")
    pic.path([(440, 145), (320, 145)], "line", "tip")
    pic.text(380, 96, "distort", "b mid")
    pic.text(380, 166, "undistort (Newton)", "s mid")
    pic.lines(
        60,
        246,
        [
            "x = X / Z,  y = Y / Z,  r2 = x*x + y*y",
            "x' = x (1 + k1 r2 + k2 r2*r2 + k3 r2*r2*r2) + 2 p1 x y + p2 (r2 + 2 x*x)",
            "y' = y (1 + k1 r2 + k2 r2*r2 + k3 r2*r2*r2) + p1 (r2 + 2 y*y) + 2 p2 x y",
            "px = (fx x' + cx,  fy y' + cy), in px of the plate, from its top-left corner",
        ],
        "m",
        26,
    )
    pic.save()


def _place(x: float, a: float, b: float) -> Point:
    return (x + 118 * a, 126 + 118 * b)


def draw_stmap() -> None:
    """The two ST-maps: what a pixel holds."""
    pic = Picture("stmap", "ST-maps: redistort and undistort", 760, 340)
    pic.text(145, 30, "undistorted picture", "b mid")
    pic.box(30, 44, 230, 150, "input")
    pic.box(58, 64, 174, 110, "card")
    pic.box(58, 64, 174, 110, "thin")
    pic.text(145, 189, "overscan", "s mid")
    pic.text(615, 30, "plate", "b mid")
    pic.box(528, 64, 174, 110, "stage")
    pic.dot(528, 174, "fgreen")
    pic.dot(702, 64, "fgreen")
    pic.text(528, 196, "(0, 0)", "mid")
    pic.text(702, 54, "(1, 1)", "mid")
    pic.dot(590, 96, "fred")
    pic.dot(112, 92, "fred")
    pic.path([(580, 96), (121, 92)], "line red", "red")
    pic.text(395, 84, "redistort", "b mid")
    pic.dot(178, 142, "fblue")
    pic.dot(648, 146, "fblue")
    pic.path([(188, 142), (638, 146)], "line blue", "blue")
    pic.text(395, 164, "undistort", "b mid")
    pic.lines(
        30,
        232,
        [
            "redistort has a pixel for each pixel of the plate. It holds the place in the undistorted picture.",
            "undistort has a pixel for each pixel of the undistorted picture. It holds the place in the plate.",
            "R and G are that place: 0 to 1, from the bottom-left corner. The centre of pixel i is (i + 0.5) / width.",
            "B is 1. Files are float32 EXR. The header says the direction and the overscan.",
        ],
        "s",
        24,
    )
    pic.save()


def draw_rolling_shutter() -> None:
    """When each row of a frame is read."""
    pic = Picture("rolling_shutter", "Rolling shutter: a pose belongs to the middle row", 760, 300)
    pic.path([(60, 245), (60, 40)], "line", "tip")
    pic.path([(60, 245), (715, 245)], "line", "tip")
    pic.text(24, 32, "rows", "b")
    pic.text(715, 266, "time", "b end")
    for count in range(3):
        start = 90 + count * 200
        pic.path([(start, 62), (start + 110, 228)], "axis blue")
        pic.text(start + 6, 56, "top row", "s")
        pic.text(start + 118, 232, "bottom row", "s")
        pic.path([(start + 55, 145), (start + 55, 244)], "line red dash")
        pic.dot(start + 55, 145, "fred", 5.5)
        pic.text(start + 55, 266, f"frame {1001 + count}", "b mid")
    pic.lines(160, 140, ["the middle row:", "the time of the pose"], "s", 16)
    pic.save()


def draw_blender_camera() -> None:
    """The numbers of Blender's camera from ours."""
    pic = Picture("blender_camera", "Blender's camera: focal length, shift, sensor width", 760, 270)
    pic.box(34, 44, 300, 169, "stage")
    pic.path([(184, 44), (184, 213)], "thin dash")
    pic.path([(34, 128), (334, 128)], "thin dash")
    pic.dot(184, 128)
    pic.text(192, 121, "middle of the picture", "s")
    pic.dot(148, 154, "fred", 5.5)
    pic.text(148, 178, "lens centre (cx, cy)", "b mid")
    pic.path([(184, 230), (36, 230)], "line", "tip")
    pic.path([(184, 230), (332, 230)], "line", "tip")
    pic.text(184, 251, "sensor_width_mm: the picture as it is seen", "s mid")
    pic.lines(
        364,
        72,
        [
            "focal_mm = fx / width * sensor_width_mm",
            "shift_x = (width / 2 - cx) / width",
            "shift_y = (cy - height / 2) / width * (fx / fy)",
            "sensor fit = HORIZONTAL",
            "rotation = R transposed, times diag(1, -1, -1)",
            "pixel = 1 wide, fx / fy high",
        ],
        "m",
        27,
    )
    pic.save()


if __name__ == "__main__":
    draw_pipeline()
    draw_pixels()
    draw_camera_axes()
    draw_world()
    draw_frames()
    draw_lens()
    draw_stmap()
    draw_rolling_shutter()
    draw_blender_camera()
