"""An ST-map as a lens: a float EXR whose R and G say where each pixel finds its colour, 0..1, origin bottom-left,
pixel centres at (x + 0.5) / width; Nuke's STMap, and shotmake/stmap/maps.py.

undistort: each pixel of the undistorted picture points into the plate. redistort: each pixel of the plate points into
the undistorted picture. Our own maps say in their headers which of both they are, and their overscan. For a map of
another program, shot.camera.st_map_direction says which it is; its overscan is the difference between its data window
and its display window (then 0..1 spans the display window). A pixel without a value is 0, 0 or no number.

A map says nothing of the camera: the focal length is shot.camera.focal_mm, the centre is the middle of the picture.
Lost: nothing in the picture; beyond it the distortion goes on smoothly. Half floats err by up to 0.4 px at 1920.
Source: Foundry's STMap reference; shotmake/stmap/maps.py.
"""

from pathlib import Path

import numpy as np

from shotmake.config.schema import Camera, choices_of
from shotmake.errors import ShotError
from shotmake.files.picture_file import make_picture_fault, open_picture
from shotmake.formats.lenses.lens_request import KEY, LensAsked
from shotmake.geometry.lens_fit import MARGIN, Seen
from shotmake.numbers_in_words import count_of

DIRECTIONS = choices_of(Camera, "st_map_direction")
SIDE_MAX_PX = 20_000
SAMPLES_ACROSS = 160
SHAPE_PX = 1.0  # px: a row more or less comes from rounding


def read(path: Path, asked: LensAsked) -> tuple[Seen, tuple[int, int]]:
    """Load what the map does to the plate that asks, and the size of that plate.

    Raises ShotError when the file is no EXR with R and G, or cannot be decoded; when neither the file nor the shot says
    a direction; when the shot has no focal length; when the map has another shape than the plate; and when the map
    leaves out part of the plate's border.
    """
    places, over, window, direction = _load(path, asked)
    if asked.focal_px is None:
        raise ShotError(
            f"{path.name}: an ST-map has no focal length; needed shot.camera.focal_mm (and tracking.solve.refine: "
            "[focal] where that is a guess)"
        )
    width, height = window
    if abs(height / width * asked.size_px[0] - asked.size_px[1]) > max(SHAPE_PX, asked.size_px[0] / width):
        raise ShotError(
            f"{path.name}: found a map for {width}x{height}, needed the shape of the plate, {asked.size_px[0]}x"
            f"{asked.size_px[1]} ({KEY})"
        )
    step = -(-width // SAMPLES_ACROSS)
    rows, columns = (np.union1d(np.arange(0, side, step), side - 1) for side in places.shape[:2])
    values = places[np.ix_(rows, columns)].astype(float)
    here = np.stack(np.meshgrid(columns + 0.5, rows + 0.5), -1)
    spread = np.array(over["values"]) * 2 + window  # px of the map that 0..1 spans
    there = values * (1, -1) * spread + (0, spread[1]) - over["values"]
    here = here - over["pixels"]
    told = np.isfinite(values).all(-1) & (values != 0).any(-1)
    plate, straight = (there, here) if direction == "undistort" else (here, there)
    scale = asked.size_px[0] / width
    middle = np.array(asked.size_px) / 2
    plane = (straight * scale - middle) / (asked.focal_px, asked.focal_px * asked.aspect)
    xy_px = plate * scale
    around = np.abs(xy_px - middle) <= (0.5 + MARGIN) * np.array(asked.size_px)
    told &= around.all(-1)
    _check_cover(path, xy_px[told], asked.size_px, 2 * step * scale + 2)
    return Seen(asked.focal_px, (float(middle[0]), float(middle[1])), xy_px[told], plane[told]), asked.size_px


def _check_cover(path: Path, xy_px: np.ndarray, size_px: tuple[int, int], reach_px: float) -> None:
    """Refuse a map that leaves out part of the plate's border. xy_px (N, 2): the plate px that the map covers."""
    from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

    from shotmake.geometry.lens import list_border_px

    if not len(xy_px):
        raise ShotError(f"{path.name}: found no place of the plate in the map; needed an ST-map ({KEY})")
    away = cKDTree(xy_px).query(list_border_px(size_px))[0]
    if not away.max() <= reach_px:
        x, y = list_border_px(size_px)[away.argmax()]
        raise ShotError(
            f"{path.name}: found nothing of the plate around {x:.0f}, {y:.0f} px in the map; needed a map with "
            f"overscan, or the redistort map ({KEY})"
        )


def _load(path: Path, asked: LensAsked) -> tuple[np.ndarray, dict[str, tuple[int, int]], tuple[int, int], str]:
    """Load R and G (H, W, 2), the overscan of pixels and of values in px, the size without overscan, the direction."""
    import OpenImageIO as oiio

    with open_picture(path, KEY) as (image, spec):
        if image.format_name() != "openexr":
            raise ShotError(f"{path.name}: found a picture in {image.format_name()}; needed an ST-map in EXR ({KEY})")
        if spec.nchannels < 2 or not 2 <= spec.width <= SIDE_MAX_PX or not 2 <= spec.height <= SIDE_MAX_PX:
            found = f"{count_of(spec.nchannels, 'channel')} of {spec.width}x{spec.height} px"
            raise ShotError(f"{path.name}: found {found}, needed R and G of an ST-map ({KEY})")
        pixels = image.read_image(0, 0, 0, 2, oiio.FLOAT)
        if pixels is None:
            raise make_picture_fault(path, "cannot be decoded", image.geterror(), KEY)
        direction = spec.get_string_attribute("shotmake:direction") or asked.direction
        if direction not in DIRECTIONS:
            raise ShotError(f"{path.name}: does not say which way it goes; needed shot.camera.st_map_direction")
        over = spec.get_int_attribute("shotmake:overscan_x_px"), spec.get_int_attribute("shotmake:overscan_y_px")
        if spec.get_string_attribute("shotmake:direction"):
            if direction == "redistort":
                return pixels, {"pixels": (0, 0), "values": over}, (spec.width, spec.height), direction
            window = spec.width - 2 * over[0], spec.height - 2 * over[1]
            if min(window) < 2:
                raise ShotError(f"{path.name}: found an overscan of {over} px in {spec.width}x{spec.height} ({KEY})")
            return pixels, {"pixels": over, "values": (0, 0)}, window, direction
        beside = spec.full_x - spec.x, spec.full_y - spec.y
        return pixels, {"pixels": beside, "values": (0, 0)}, (spec.full_width, spec.full_height), direction
