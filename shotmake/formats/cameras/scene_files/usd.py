"""USD (.usda written; .usda, .usdc, .usd read, by Blender).

Axes     the world is Z up: the file says upAxis "Z" and metersPerUnit 1, and our numbers stand in it as they are. A USD
         camera looks along -z with y up. Matrices are for row vectors: the place stands in the last row. Read: any
         up-axis (Y where the file says none) and unit that the file says; our numbers are metres.
Lens     focalLength, horizontalAperture, verticalAperture and their ...ApertureOffset in tenths of a unit: the lens
         centre is carried; a zoom is a focalLength in every frame.
Frames   time codes are plate frames; timeCodesPerSecond is the plate's rate. A sample in every frame that has a camera;
         USD runs in straight lines between them.
Points   the bundles as Points, `points`.
Lost     distortion, scale_known; with Blender 4.2, a zoom that is read (the tool says so). Reading takes every frame
         between the first and the last sample.
Follows  the layers that a file names: each is an input of its own (docs/what_is_followed.md).
Bytes    the same twice. shotmake writes the file: Blender's exporter puts prims in a random order and writes no double
         precision.

Source: OpenUSD's UsdGeomCamera, UsdGeomPoints and UsdGeomXformable; read with Blender 4.2, 4.5 and 5.0.
"""

import re
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np

from shotmake.formats.cameras.axes import to_gl_poses
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.film import film_of
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.scene_files.blender_scene import check_head, read_imported, tell_gaps
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.lens import Lens
from shotmake.limits import get_limits, make_limit_fault

CHUNK = 1 << 20
STEPS = {**dict.fromkeys(b"([{", 1), **dict.fromkeys(b")]}", -1)}  # brackets in quotes count too: the limit is generous
NO_BRACKETS = bytes(code for code in range(256) if code not in b"([{)]}")
TENTHS_OF_METRES = 0.01  # one mm in tenths of a metre
LAYER = """#usda 1.0
(
    defaultPrim = "{name}"
    doc = "shotmake"
    startTimeCode = {first}
    endTimeCode = {last}
    timeCodesPerSecond = {rate!r}
    framesPerSecond = {rate!r}
    metersPerUnit = 1
    upAxis = "Z"
)

def Xform "{name}"
{{
    def Camera "camera"
    {{
        token projection = "perspective"
        float2 clippingRange = (0.01, 10000)
        float horizontalAperture = {width:.9g}
        float verticalAperture = {height:.9g}
        float horizontalApertureOffset = {right:.9g}
        float verticalApertureOffset = {up:.9g}
        float focalLength{focal}
        matrix4d xformOp:transform.timeSamples = {matrices}
        uniform token[] xformOpOrder = ["xformOp:transform"]
    }}
{points}}}
"""
POINTS = """
    def Points "points"
    {{
        point3f[] points = [{places}]
        float[] widths = [{width:.3g}] (
            interpolation = "constant"
        )
    }}
"""


def write(path: Path, take: Take) -> tuple[str, ...]:
    """Write the camera and the bundles of a shot as a .usda.

    Returns a line for the user when frames in between have no camera, else ().
    """
    assert take.solution is not None and take.points is not None
    solution, lens = take.solution, Lens.from_json(take.solution["lens"])
    frames, zoom_px = solution["frames"], solution["focal_px_per_frame"]
    centres, world_from_gl = to_gl_poses(np.array(solution["cam_from_world"], float).reshape(-1, 3, 4))
    matrices = np.tile(np.eye(4), (len(frames), 1, 1))
    matrices[:, :3, :3], matrices[:, 3, :3] = np.swapaxes(world_from_gl, 1, 2), centres
    film = film_of(lens, take.size_px, take.sensor_width_mm * TENTHS_OF_METRES)
    focal = f" = {film.focal_mm:.9g}"
    if zoom_px:
        times = film.focal_mm / lens.fx_px
        focal = f".timeSamples = {_format_samples(frames, [f'{px * times:.9g}' for px in zoom_px])}"
    name = re.sub(r"\W", "_", take.shot, flags=re.ASCII)
    path.write_text(
        LAYER.format(
            name=name if name[:1].isalpha() else f"shot_{name}",
            first=frames[0],
            last=frames[-1],
            rate=float(take.frame_rate),
            width=film.back_mm[0],
            height=film.back_mm[1],
            right=film.shift[0] * film.back_mm[0],
            up=film.shift[1] * film.back_mm[0],
            focal=focal,
            matrices=_format_samples(
                frames, [_format_tuple(map(_format_tuple, matrix)) for matrix in matrices.tolist()]
            ),
            points=_format_points(take, centres),
        ),
        encoding="utf-8",
    )
    return tell_gaps(take)


def _format_points(take: Take, centres: np.ndarray) -> str:
    assert take.solution is not None and take.points is not None
    places = take.points["point_xyz"].astype(float)
    if take.solution["status"] != "solved" or not len(places):
        return ""
    width = float(np.linalg.norm(np.median(places, 0) - centres.mean(0))) / 200
    return POINTS.format(
        places=", ".join(_format_tuple(f"{x:.9g}" for x in place) for place in places.tolist()), width=width
    )


def _format_samples(frames: list[int], values: list[str]) -> str:
    lines = (f"            {frame}: {value},\n" for frame, value in zip(frames, values, strict=True))
    return "{\n" + "".join(lines) + "        }"


def _format_tuple(values: Iterable) -> str:
    return f"({', '.join(map(str, values))})"


def check(path: Path) -> None:
    """Refuse a file that is no USD, before Blender reads it.

    Raises ShotError as `check_head` does, and when the brackets of a text file are nested deeper than the limit
    camera_depth: the parser in Blender crashes on such a file.
    """
    check_head(path, (b"#usda", b"PXR-USDC"), "USD: #usda or PXR-USDC")
    with open(path, "rb") as file:
        if file.read(8) == b"PXR-USDC":
            return
        file.seek(0)
        depth = 0
        while chunk := file.read(CHUNK):
            steps = chunk.translate(None, NO_BRACKETS)
            depths = list(accumulate((STEPS[one] for one in steps), initial=depth))
            depth = depths[-1]
            if max(depths) > get_limits().camera_depth:
                found = f"over {get_limits().camera_depth} brackets in one another"
                raise make_limit_fault(path.name, found, "camera_depth", KEY)


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    """Load the cameras of a USD file. `found` is the JSON that Blender's read_camera.py wrote.

    Raises ShotError as `read_imported` does.
    """
    return read_imported(found, path.name, asked, zooms_since=(4, 5))
