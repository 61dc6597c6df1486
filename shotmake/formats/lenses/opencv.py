"""OpenCV's calibration, JSON or YAML: camera_matrix and dist_coeffs, as its samples, GUI tools and ROS write them.

k1 k2 p1 p2 k3, undistorted to distorted: the same as our own lens. But OpenCV counts px from the centre of the first
pixel, and we count from its corner: the difference is half a pixel. The picture's size is image_width and image_height,
or image_size. A matrix is nested lists, or {rows, cols, data}. Refused: skew, and models with more values (rational,
thin prism, fisheye). Source: OpenCV, calib3d's "Detailed Description", and cv2.FileStorage.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import check_size
from shotmake.files.yaml_file import load_yaml
from shotmake.formats.given_to_writers import Take
from shotmake.formats.lenses.lens_request import KEY, LensAsked, lens_of_take
from shotmake.formats.text_files import load_json, read_lines
from shotmake.geometry.lens import Lens
from shotmake.numbers_in_words import count_of

MATRIX = ("camera_matrix", "cameraMatrix", "mtx", "K")  # OpenCV's samples, its GUI tools, ROS
COEFFICIENTS = ("dist_coeffs", "distortion_coefficients", "distCoeffs", "dist")
SIZES = ("image_size_px", "image_size", "imageSize")
VALUES_MAX = 100  # in a matrix


def read(path: Path, asked: LensAsked) -> tuple[Lens, tuple[int, int] | None]:
    """Load the lens, in px of the picture that it was calibrated on, and the size of that picture (None = not said).

    Raises ShotError as `tree_of` and `lens_of_tree` do.
    """
    return lens_of_tree(tree_of(path), path.name)


def tree_of(path: Path) -> dict:
    """Load the block of keys of a JSON or YAML file.

    OpenCV's YAML has a header and a tag that are not standard YAML; both are left out. Raises ShotError when the file
    is too large, is not JSON or YAML, or is not a block of keys.
    """
    if path.suffix.lower() == ".json":
        return load_json(path, KEY)
    check_size(path, "yaml_mb", KEY)
    text = "\n".join(text for _, text in read_lines(path, KEY))
    text = re.sub(r"^%YAML[^\n]*\n", "", text).replace("!!opencv-matrix", "")
    tree = load_yaml(text, path.name, KEY)
    if not isinstance(tree, dict):
        raise ShotError(f"{path.name}: holds no lens; needed a JSON or YAML file of one ({KEY})")
    return tree


def lens_of_tree(tree: dict, name: str) -> tuple[Lens, tuple[int, int] | None]:
    """Return the lens of a block of keys, and the size of the picture that it was calibrated on, or None.

    Raises ShotError when a key is missing, when a value is not a number, and for a skew or another distortion model.
    """
    try:
        return _make_lens(tree)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ShotError(
            f"{name}: not a lens ({quote_error(error)}); needed a solve JSON, a lens JSON, or OpenCV's camera_matrix "
            f"and dist_coeffs ({KEY})"
        ) from error


def _make_lens(tree: dict) -> tuple[Lens, tuple[int, int] | None]:
    matrix = _read_numbers(_get_first(tree, MATRIX)).reshape(3, 3)
    values = _read_numbers(_get_first(tree, COEFFICIENTS))
    model = str(tree.get("distortion_model", "plumb_bob"))[:40]
    if model not in ("plumb_bob", "brown_conrady") or tree.get("fisheye_model") or np.abs(values[5:]).any():
        raise ValueError(f"distortion model {model} of {count_of(len(values), 'value')}; needed k1 k2 p1 p2 k3")
    if abs(matrix[0, 1]) > 1e-9 * abs(matrix[0, 0]) or len(values) not in (0, 4) and len(values) < 5:
        found = f"skew {matrix[0, 1]:g} and {count_of(len(values), 'distortion value')}"
        raise ValueError(f"{found}; needed none, and 4 or 5")
    k1, k2, p1, p2, k3 = (float(value) for value in np.pad(values[:5], (0, max(5 - len(values), 0))))
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    size = next((tree[name] for name in SIZES if name in tree), None)
    if size is None and "image_width" in tree:
        size = (tree["image_width"], tree["image_height"])
    made_for = None if size is None else (int(size[0]), int(size[1]))
    return Lens(fx, fy, cx + 0.5, cy + 0.5, k1, k2, p1, p2, k3), made_for


def _get_first(tree: dict, names: tuple[str, ...]) -> Any:
    return tree[next((name for name in names if name in tree), names[0])]


def _read_numbers(matrix: Any) -> np.ndarray:
    """Return the numbers (N,) of nested lists, or of a matrix as OpenCV and ROS write it: {rows, cols, data}."""
    listed = list(islice(_flatten(matrix["data"] if isinstance(matrix, dict) else matrix), VALUES_MAX))
    numbers = np.array(listed, float)
    if not np.isfinite(numbers).all():
        raise ValueError("values that are no numbers")
    return numbers


def _flatten(nested: Any) -> Iterator[Any]:
    for one in nested:
        yield from one if isinstance(one, list) else [one]


def write(path: Path, take: Take) -> None:
    """Write the solved lens as JSON with camera_matrix and dist_coeffs.

    Raises ShotError for a lens with a grid (no formula of OpenCV's fits) and for a zoom.
    """
    lens = lens_of_take(take, "lens_opencv")
    if lens.grid is not None:
        raise ShotError("lens_opencv: no formula of OpenCV's fits this lens; take lens_opencv out of shot.export")
    tree = {
        "image_width": take.size_px[0],
        "image_height": take.size_px[1],
        "camera_matrix": [[lens.fx_px, 0.0, lens.cx_px - 0.5], [0.0, lens.fy_px, lens.cy_px - 0.5], [0.0, 0.0, 1.0]],
        "distortion_model": "plumb_bob",
        "dist_coeffs": [lens.k1, lens.k2, lens.p1, lens.p2, lens.k3],
    }
    path.write_text(json.dumps(tree, indent=1) + "\n", newline="\n", encoding="utf-8")
