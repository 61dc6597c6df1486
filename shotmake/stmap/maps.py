"""ST-maps: where each pixel of the output finds its colour in the source.

float32 EXR; R, G = absolute position in the source image, 0..1, origin *bottom-left* (Nuke's STMap), pixel centres at
(x + 0.5) / width; B = 1, because Blender's Map UV takes it as alpha.

  redistort  plate-sized: for each plate pixel, its place in the undistorted, overscanned image
  undistort  overscanned: for each undistorted pixel, its place in the plate
"""

from pathlib import Path

import numpy as np

from shotmake.files.picture_file import open_picture
from shotmake.geometry.lens import Lens, distort, undistort


def make_redistort_map(lens: Lens, size_px: tuple[int, int], overscan_px: tuple[int, int]) -> np.ndarray:
    """Make the map for the plate of size (W, H), as (H, W, 3) float32.

    It reads an image with `overscan_px` more on each side.
    """
    undistorted = lens.px_from_normalised(undistort(lens.normalised_from_px(_make_pixel_centres(size_px)), lens))
    return as_st(undistorted + overscan_px, add_overscan(size_px, overscan_px))


def make_undistort_map(lens: Lens, size_px: tuple[int, int], overscan_px: tuple[int, int]) -> np.ndarray:
    """Make the map that reads the plate of size (W, H), as (H + 2 oy, W + 2 ox, 3) float32.

    Values leave 0..1 where the plate ends.
    """
    centres = _make_pixel_centres(add_overscan(size_px, overscan_px)) - overscan_px
    return as_st(lens.px_from_normalised(distort(lens.normalised_from_px(centres), lens)), size_px)


def write_stmap(path: Path, st: np.ndarray, direction: str, overscan_px: tuple[int, int]) -> None:
    """Write an ST-map st (H, W, 3). The header holds the direction and the overscan; the bytes depend on nothing else.

    Raises OSError when the file cannot be written.
    """
    import OpenImageIO as oiio

    height, width = st.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "float")  # half floats err by 0.4 px at 1920
    spec.channelnames = ("R", "G", "B")
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", "2000:01:01 00:00:00")  # with the real date, each write would differ
    spec.attribute("shotmake:direction", direction)
    spec.attribute("shotmake:overscan_x_px", int(overscan_px[0]))
    spec.attribute("shotmake:overscan_y_px", int(overscan_px[1]))
    output = oiio.ImageOutput.create(str(path))
    assert output is not None  # OpenImageIO is never built without EXR
    written = output.open(str(path), spec) and output.write_image(np.ascontiguousarray(st, np.float32))
    if not (output.close() and written):
        raise OSError(f"{path}: {output.geterror()}")


def overscan_of(path: Path) -> tuple[int, int]:
    """Return the overscan (x, y) in px on each side, from the header of a map of this tool; else (0, 0)."""
    with open_picture(path, "composite.lens_distortion") as (_, spec):
        return spec.get_int_attribute("shotmake:overscan_x_px"), spec.get_int_attribute("shotmake:overscan_y_px")


def _make_pixel_centres(size_px: tuple[int, int]) -> np.ndarray:
    """Return the positions of the pixel centres, (H, W, 2) px, origin at the top-left corner."""
    width, height = size_px
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)


def add_overscan(size_px: tuple[int, int], overscan_px: tuple[int, int]) -> tuple[int, int]:
    """Return a picture size with the overscan added on each side, (width, height) px."""
    return size_px[0] + 2 * overscan_px[0], size_px[1] + 2 * overscan_px[1]


def as_st(xy_px: np.ndarray, source_size_px: tuple[int, int]) -> np.ndarray:
    """Convert positions (H, W, 2), px from the source's top-left corner, to a map to write, (H, W, 3) float32."""
    u = xy_px[..., 0] / source_size_px[0]
    v = 1.0 - xy_px[..., 1] / source_size_px[1]
    return np.stack([u, v, np.ones_like(u)], -1).astype(np.float32)
