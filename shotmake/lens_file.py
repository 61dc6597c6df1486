"""A lens brought along: the lens of a solve JSON, a lens JSON of ours, or an OpenCV calibration in JSON or YAML."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shotmake.errors import ShotError
from shotmake.lens import Lens
from shotmake.solution import folds, has_plausible_focal

KEY = "shot.camera.lens_from"
MATRIX = ("camera_matrix", "cameraMatrix", "mtx", "K")  # OpenCV's samples, its GUI tools, ROS
COEFFICIENTS = ("dist_coeffs", "distortion_coefficients", "distCoeffs", "dist")
SQUARE = 0.01  # focal lengths of x and y that differ by more, beside the plate's pixel aspect, are of other pixels
CENTRED = 0.1  # of the plate: a file that names no picture size must be for this plate


def read_lens(path: Path, size_px: tuple[int, int], aspect: float = 1.0) -> tuple[Lens, list[str]]:
    """The lens of a file for a plate of (width, height) px, and what was done to it, a line each.

    aspect: a pixel's width by its height, which the focal lengths of x and y must agree with.

    ShotError for a file that holds no lens, or none that can be ours.
    """
    tree = _tree(path)
    try:
        if "model" in tree or "lens" in tree:
            return lens_of(tree, size_px, path.name, aspect)
        return fitted(*_opencv(tree), size_px, path.name, KEY, aspect)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ShotError(
            f"{path.name}: not a lens ({error!r}); needed a solve JSON, a lens JSON, or OpenCV's camera_matrix and "
            f"dist_coeffs ({KEY})"
        ) from error


def lens_of(record: dict, size_px: tuple[int, int], name: str, aspect: float = 1.0) -> tuple[Lens, list[str]]:
    """The lens of a solve JSON, of a lens JSON or of a bare `lens` block; see read_lens. name: whose it is."""
    if record.get("status") == "refused":
        raise ShotError(f"{name}: its solve was refused ({record['reason']}); it has no lens to take ({KEY})")
    if record.get("focal_px_per_frame") is not None:
        raise ShotError(f"{name}: its lens zooms; needed one of a single focal length ({KEY})")
    try:
        lens = Lens.from_json(record.get("lens", record))
    except ShotError as error:
        raise ShotError(f"{name}: {error} ({KEY})") from error
    made_for = tuple(record["image_size_px"]) if "image_size_px" in record else None
    lens, notes = fitted(lens, made_for, size_px, name, KEY, aspect)
    if record.get("status") == "static":
        notes.append(f"{name} stands still, so its focal length was not measured but given to it")
    return lens, notes


def fitted(
    lens: Lens, made_for: tuple[int, int] | None, size_px: tuple[int, int], name: str, key: str, aspect: float = 1.0
) -> tuple[Lens, list[str]]:
    """The lens scaled by width to a plate of size_px, and a line if it was; ShotError where it cannot be used.

    made_for: the picture size of its own px, None where nothing says it.
    """
    width, height = size_px
    notes = []
    middle = np.array(size_px) / 2
    if made_for is not None and tuple(made_for) != tuple(size_px):
        scale = width / made_for[0]
        found = f"{made_for[0]}x{made_for[1]}"
        if abs(made_for[1] * scale - height) > max(1.0, scale):  # a row more or less is rounding
            raise ShotError(
                f"{name}: its lens is for {found}, the plate is {width}x{height}, of another shape; needed the same "
                f"part of the sensor ({key})"
            )
        px = {side: getattr(lens, side) * scale for side in ("fx_px", "fy_px", "cx_px", "cy_px")}
        lens = replace(lens, **px)
        notes.append(f"the lens of {name} was scaled from {found} to {width}x{height}")
    if not has_plausible_focal(lens, size_px):
        raise ShotError(f"{name}: its focal length is {lens.fx_px:g} px on a plate {width} px wide; check {key}")
    if not abs(lens.fy_px / lens.fx_px / aspect - 1) < SQUARE:
        raise ShotError(
            f"{name}: focal lengths {lens.fx_px:g} and {lens.fy_px:g} px in x and y; the plate's pixels are "
            f"{aspect:g}:1; needed a lens of such pixels ({key}, shot.footage.pixel_aspect)"
        )
    off = np.abs((lens.cx_px, lens.cy_px) - middle) / size_px
    if not (off < (0.5 if made_for else CENTRED)).all():
        hint = "check" if made_for else "it says no picture size, add image_size_px: [width, height], or check"
        raise ShotError(f"{name}: its centre is at {lens.cx_px:g}, {lens.cy_px:g} of {width}x{height}; {hint} {key}")
    if folds(lens, size_px):
        raise ShotError(f"{name}: its distortion folds over inside the picture: not a lens; check {key}")
    return lens, notes


def _tree(path: Path) -> dict:
    text = path.read_text(errors="replace")
    try:
        tree = json.loads(text) if path.suffix.lower() == ".json" else _yaml(text)
    except ValueError as error:
        raise ShotError(f"{path.name}: not JSON or YAML ({_first_line(error)}); check {KEY}") from error
    if not isinstance(tree, dict):
        raise ShotError(f"{path.name}: holds no lens; needed a JSON or YAML file of one ({KEY})")
    return tree


def _yaml(text: str) -> Any:
    """OpenCV's YAML has a header and a tag for matrices that YAML itself does not know."""
    import yaml

    text = re.sub(r"^%YAML[^\n]*\n", "", text).replace("!!opencv-matrix", "")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(_first_line(error)) from error


def _opencv(tree: dict) -> tuple[Lens, tuple[int, int] | None]:
    """OpenCV counts px from the centre of the first pixel, we from its corner: half a pixel is between them."""
    matrix = _numbers(_first(tree, MATRIX)).reshape(3, 3)
    values = _numbers(_first(tree, COEFFICIENTS))
    model = str(tree.get("distortion_model", "plumb_bob"))
    if model not in ("plumb_bob", "brown_conrady") or tree.get("fisheye_model") or np.abs(values[5:]).any():
        raise ValueError(f"distortion model {model} of {len(values)} values; needed k1 k2 p1 p2 k3")
    if abs(matrix[0, 1]) > 1e-9 * abs(matrix[0, 0]) or len(values) not in (0, 4) and len(values) < 5:
        raise ValueError(f"skew {matrix[0, 1]:g} and {len(values)} distortion values; needed none, and 4 or 5")
    k1, k2, p1, p2, k3 = (float(value) for value in np.pad(values[:5], (0, max(5 - len(values), 0))))
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    size = next((tree[name] for name in ("image_size_px", "image_size", "imageSize") if name in tree), None)
    if size is None and "image_width" in tree:
        size = (tree["image_width"], tree["image_height"])
    made_for = None if size is None else (int(size[0]), int(size[1]))
    return Lens(fx, fy, cx + 0.5, cy + 0.5, k1, k2, p1, p2, k3), made_for


def _first(tree: dict, names: tuple[str, ...]) -> Any:
    return tree[next((name for name in names if name in tree), names[0])]


def _numbers(matrix: Any) -> np.ndarray:
    """Nested lists, or a matrix as OpenCV and ROS write it: {rows, cols, data}."""
    return np.array(matrix["data"] if isinstance(matrix, dict) else matrix, float).ravel()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
