"""Imported ST-maps, in Nuke's convention or AliceVision's, converted to ours (shotmake.stmap.maps).

nuke         R, G = (x + 0.5) / width, (y + 0.5) / height of pixel (x, y), counted from the bottom left: ours too
alicevision  R, G = x / (width - 1), y / (height - 1): 0 and 1 are the centres of the outermost pixels, from the bottom
             left as well (Meshroom's ExportAnimatedCamera and ExportDistortion; blue is 0 and means nothing)

A redistort map counts in the plate's frame, which lies in the middle of the undistorted picture; below 0 and above 1 is
overscan. A map of this tool says in its header that 0..1 is the picture with its overscan.
"""

from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.picture_file import open_picture
from shotmake.numbers_in_words import count_of
from shotmake.stmap.maps import add_overscan, as_st, overscan_of

KEY = "composite.lens_distortion.st_map_path"
FILTER_PX = 2  # room for the resampling filter around the outermost position


def read_redistort(
    path: Path, convention: str, size_px: tuple[int, int], overscan: str | int
) -> tuple[np.ndarray, tuple[int, int], list[str]]:
    """Read a redistort map for a plate of (width, height) px.

    Return our map (H, W, 3) float32, overscan (x, y) px, and notes.

    overscan: px on each side, or "auto" = as far as the map reaches.
    Raises ShotError for a map that cannot be used.
    """
    uv, _ = _read(path)
    if _get_size_px(uv) != size_px:
        raise _make_size_fault(path, uv, f"the plate is {size_px[0]}x{size_px[1]}")
    over_of_file = overscan_of(path)
    xy_px = _to_positions_px(uv, convention, add_overscan(size_px, over_of_file)) - over_of_file
    over_px = _measure_reach_px(path, xy_px, size_px) if isinstance(overscan, str) else (overscan, overscan)
    return as_st(xy_px + over_px, add_overscan(size_px, over_px)), over_px, _make_notes(uv, size_px)


def read_undistort(
    path: Path, convention: str, size_px: tuple[int, int], overscan: str | int
) -> tuple[np.ndarray, tuple[int, int], list[str]]:
    """Read an undistort map. Return our map (H, W, 3) float32, overscan (x, y) px, and notes, as `read_redistort` does.

    The map's own size gives the overscan. A number for `overscan` must agree with it.
    Raises ShotError for a map that cannot be used.
    """
    uv, corner_px = _read(path)
    more = np.subtract(_get_size_px(uv), size_px)
    over_px = (int(more[0]) // 2, int(more[1]) // 2)
    if (more < 0).any() or (more % 2).any():
        needed = f"the plate is {size_px[0]}x{size_px[1]}; needed that, or more by the same all round"
        raise _make_size_fault(path, uv, needed)
    if corner_px not in ((0, 0), over_px):
        by_size = "" if over_px == (0, 0) else f"{-over_px[0]}, {-over_px[1]}, as its size says, or "
        found = f"a data window that begins at {-corner_px[0]}, {-corner_px[1]} px"
        raise ShotError(f"{path.name}: found {found}; needed {by_size}0, 0 ({KEY})")
    if isinstance(overscan, int) and over_px != (overscan, overscan):
        raise _make_size_fault(path, uv, f"composite.lens_distortion.overscan {overscan} is another; set it to auto")
    _measure_reach_px(path, _to_positions_px(uv, convention, size_px), size_px)
    return as_st(_to_positions_px(uv, convention, size_px), size_px), over_px, _make_notes(uv, size_px)


def _read(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """Read red and green of a map.

    Return them as stored, (H, W, 2) float16 or float32, and how far the data window begins outside the display window,
    (x, y) px.
    Raises ShotError for a file that is not a map.
    """
    import OpenImageIO as oiio

    with open_picture(path, KEY) as (source, spec):
        kind = {oiio.HALF: "half", oiio.FLOAT: "float", oiio.DOUBLE: "float"}.get(spec.format.basetype)
        if kind is None or spec.nchannels < 2:
            found = f"{count_of(spec.nchannels, 'channel')} of {spec.format}"
            raise ShotError(f"{path.name}: found {found}; needed red and green as float ({KEY})")
        names = [name.rpartition(".")[2].upper() for name in spec.channelnames]
        chosen = [names.index("R"), names.index("G")] if {"R", "G"} <= {*names} else [0, 1]
        last = min(max(chosen) + 1, spec.nchannels)
        pixels = source.read_image(0, 0, min(chosen), last, kind)
        trouble = source.geterror()
    if pixels is None or trouble:
        raise ShotError(f"{path.name}: cannot be decoded ({trouble.strip()}); check {KEY}")
    uv = pixels.reshape(spec.height, spec.width, -1)[..., np.subtract(chosen, min(chosen))]
    wrong = int((~np.isfinite(uv)).any(2).sum())
    if wrong:
        found = count_of(wrong, "pixel that is", "pixels that are")
        raise ShotError(f"{path.name}: found {found} not finite; needed a position in each ({KEY})")
    across, up = np.median(uv[:, -1, 0]) - np.median(uv[:, 0, 0]), np.median(uv[0, :, 1]) - np.median(uv[-1, :, 1])
    if not (across > 0 and up > 0):
        what = "green rises downwards" if across > 0 > up else "red does not rise to the right and green upwards"
        raise ShotError(f"{path.name}: its {what}; needed positions from the lower left corner ({KEY})")
    return uv, (spec.full_x - spec.x, spec.full_y - spec.y)


def _to_positions_px(uv: np.ndarray, convention: str, source_size_px: tuple[int, int]) -> np.ndarray:
    """Convert stored values (H, W, 2) to px from the top-left corner of the source."""
    size, uv = np.array(source_size_px), uv.astype(float)
    from_lower_left = uv * (size - 1) + 0.5 if convention == "alicevision" else uv * size
    return np.stack([from_lower_left[..., 0], size[1] - from_lower_left[..., 1]], -1)


def _measure_reach_px(path: Path, xy_px: np.ndarray, size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the overscan (x, y) on each side that holds all positions.

    Raises ShotError for offsets, px, and other values.
    """
    low, high = xy_px.min((0, 1)), xy_px.max((0, 1))
    beyond = np.maximum(-low, high - size_px)
    if (beyond > size_px).any() or (high - low < np.array(size_px) / 4).any():
        reach = f"{low[0]:.0f} to {high[0]:.0f} and {low[1]:.0f} to {high[1]:.0f} px"
        raise ShotError(f"{path.name}: reaches from {reach}; needed positions of about 0..1 of the picture ({KEY})")
    x, y = (int(np.ceil(px)) + FILTER_PX if px > 0 else 0 for px in beyond)
    return x, y


def _make_notes(uv: np.ndarray, size_px: tuple[int, int]) -> list[str]:
    """Return what a map of half floats costs: between 0.5 and 1 they are 1/2048 apart."""
    if uv.dtype != np.float16:
        return []
    loss_px = max(size_px) / 4096
    return [f"found half floats, which place pixels up to {loss_px:.2f} px off; write the map as 32-bit float"]


def _get_size_px(uv: np.ndarray) -> tuple[int, int]:
    return uv.shape[1], uv.shape[0]


def _make_size_fault(path: Path, uv: np.ndarray, needed: str) -> ShotError:
    return ShotError(f"{path.name}: found a map of {uv.shape[1]}x{uv.shape[0]}; {needed} ({KEY})")
