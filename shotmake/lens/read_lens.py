"""An imported lens: that of a solve JSON, a lens JSON of the tool's own, or one of the formats of other programs."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from shotmake.config.format_registry import LENSES
from shotmake.errors import ShotError, quote_error, quote_text
from shotmake.files.file_kind_and_size import measure_file
from shotmake.formats.lenses.lens_request import KEY, LensAsked
from shotmake.formats.lenses.opencv import lens_of_tree, tree_of
from shotmake.formats.text_files import read_head
from shotmake.geometry.lens import Lens
from shotmake.geometry.lens_fit import Seen, fit_lens
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal

SIDE_MAX_PX = 100_000
# When the focal lengths of x and y differ by more than this, besides the plate's pixel aspect, the lens is for pixels
# of another shape.
SQUARE = 0.01
# How far the centre may be off the middle, as a share of the plate, in a file that says no picture size: such a file
# must be for this plate.
CENTRED = 0.1


def read_lens(path: Path, asked: LensAsked, max_fit_px: float = 0.1) -> tuple[Lens, list[str]]:
    """Read the lens of a file for the plate asked about. Return it, and what was done to it, one line each.

    max_fit_px: a lens of another model that Brown-Conrady fits less well becomes a grid.
    Raises ShotError for a file that holds no lens, or a lens that cannot be one of ours.
    """
    measure_file(path, KEY)
    module = _find_reader(path)
    if module is not None:
        found, made_for = module.read(path, asked)
    else:
        tree = tree_of(path)
        if "model" in tree or "lens" in tree:
            return _read_ours(tree, asked, path.name)
        found, made_for = lens_of_tree(tree, path.name)
    notes = []
    if isinstance(found, Seen):
        try:
            found, notes = fit_lens(found, asked.size_px, asked.aspect, max_fit_px)
        except ShotError as error:
            raise ShotError(f"{path.name}: {error} ({KEY}, shot.camera.lens_max_fit_px {max_fit_px:g})") from error
        notes = [f"{path.name}: {note}" for note in notes]
    lens, more = scale_to_plate(found, made_for, asked.size_px, path.name, KEY, asked.aspect)
    return lens, [*notes, *more]


def _find_reader(path: Path) -> ModuleType | None:
    """Return the format's module; None for the tool's own files and OpenCV's, which are known by their keys."""
    for format in LENSES:
        if path.suffix.lower() in format.suffixes and format.word != "lens_opencv":
            module = import_module(f"shotmake.formats.{format.module}")
            if not hasattr(module, "can_read") or module.can_read(read_head(path)):
                return module
    return None


def _read_ours(tree: dict, asked: LensAsked, name: str) -> tuple[Lens, list[str]]:
    try:
        return lens_of(tree, asked.size_px, name, asked.aspect)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ShotError(
            f"{name}: not a lens ({quote_error(error)}); needed a solve JSON, a lens JSON, or OpenCV's camera_matrix "
            f"and dist_coeffs ({KEY})"
        ) from error


def lens_of(record: dict, size_px: tuple[int, int], name: str, aspect: float = 1.0) -> tuple[Lens, list[str]]:
    """Read the lens of a solve JSON, of a lens JSON or of a bare `lens` block. name: whose lens it is.

    Returns what read_lens returns.
    Raises ShotError for a refused solve, a zoom, and a lens that cannot be used.
    """
    if record.get("status") == "refused":
        why = quote_text(str(record.get("reason") or "no reason given"))
        raise ShotError(f"{name}: its solve was refused ({why}); it has no lens to take ({KEY})")
    if record.get("focal_px_per_frame") is not None:
        raise ShotError(f"{name}: its lens zooms; needed one of a single focal length ({KEY})")
    try:
        lens = Lens.from_json(record.get("lens", record))
    except ShotError as error:
        raise ShotError(f"{name}: {error} ({KEY})") from error
    made_for = tuple(record["image_size_px"]) if "image_size_px" in record else None
    lens, notes = scale_to_plate(lens, made_for, size_px, name, KEY, aspect)
    if record.get("status") == "static":
        notes.append(f"{name} stands still, so its focal length was not measured but given to it")
    return lens, notes


def scale_to_plate(
    lens: Lens, made_for: tuple[int, int] | None, size_px: tuple[int, int], name: str, key: str, aspect: float = 1.0
) -> tuple[Lens, list[str]]:
    """Scale the lens by width to a plate of size_px. Return it, and a line if it was scaled.

    made_for: the picture size that the lens's px are for; None where nothing says it.
    Raises ShotError where the lens cannot be used.
    """
    width, height = size_px
    notes = []
    middle = np.array(size_px) / 2
    if made_for is not None and tuple(made_for) != tuple(size_px):
        if len(made_for) != 2 or not all(1 <= side <= SIDE_MAX_PX for side in made_for):
            raise ShotError(f"{name}: found a picture size of {str(made_for)[:40]} px; check {key}")
        scale = width / made_for[0]
        found = f"{made_for[0]}x{made_for[1]}"
        if abs(made_for[1] * scale - height) > max(1.0, scale):  # one row more or less is rounding
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
    if has_fold(lens, size_px):
        raise ShotError(f"{name}: its distortion folds over inside the picture: not a lens; check {key}")
    return lens, notes
