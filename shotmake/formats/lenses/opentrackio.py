"""OpenTrackIO JSON, one sample: its lens (SMPTE RIS-OSVP camdkit; the model is in
shotmake/geometry/lens_models/open_lens_io.py).

Used: static.camera.activeSensorPhysicalDimensions {width, height} (mm), lens.pinholeFocalLength (mm),
lens.distortion [{model, radial [k1..k6], tangential [p1, p2]}] where no model means "Brown-Conrady D-U",
lens.projectionOffset and lens.distortionOffset {x, y} (mm from the sensor's middle, y down). An undistorted place is
F (X/Z, Y/Z) + projectionOffset; the distortion is around projectionOffset + distortionOffset (OpenLensIO eq. 3, 4).

The picture is the whole active sensor. If there are several models, U-D is read, since it is our own model. The
format's poses, time and encoders are not read. The format has no anamorphic lenses: a squeeze is refused. Written: U-D
with every number of our lens.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from shotmake.errors import ShotError
from shotmake.formats.given_to_writers import Take
from shotmake.formats.lenses.lens_request import KEY, LensAsked, lens_of_take
from shotmake.formats.text_files import load_json, quote_word, read_number
from shotmake.geometry.lens import Lens
from shotmake.geometry.lens_fit import Seen, sample_lens
from shotmake.geometry.lens_models.inverse import invert
from shotmake.geometry.lens_models.open_lens_io import bend

UNDISTORTS, DISTORTS = "Brown-Conrady D-U", "Brown-Conrady U-D"
MISSING = object()  # in place of a value that the file does not have
SIZES_MM = (0.1, 10_000.0)


def can_read(head: str) -> bool:
    """Tell whether these first characters are an OpenTrackIO sample's: they hold one of its names."""
    return any(word in head for word in ("OpenTrackIO", "activeSensorPhysicalDimensions", "pinholeFocalLength"))


def read(path: Path, asked: LensAsked) -> tuple[Lens | Seen, tuple[int, int]]:
    """Load the lens on the plate that asks, and the size of that plate.

    Raises ShotError when the sensor size or the focal length is missing or beyond SIZES_MM, for an anamorphic squeeze,
    when the distortion is no list of blocks, has an unknown model or is no list of numbers, when the lens folds over
    inside the picture, and as `shotmake.formats.text_files.load_json` does.
    """
    tree = load_json(path, KEY)
    camera, lens = _read_block(path, tree, "static.camera"), _read_block(path, tree, "lens")
    sensor_mm = _read_pair(path, camera, "activeSensorPhysicalDimensions", ("width", "height"))
    focal_mm = _read_number(path, lens.get("pinholeFocalLength", MISSING), "lens.pinholeFocalLength")
    if not all(SIZES_MM[0] <= value <= SIZES_MM[1] for value in (*sensor_mm, focal_mm)):
        found = f"{focal_mm:g} mm on a sensor of {sensor_mm[0]:g} x {sensor_mm[1]:g} mm"
        raise ShotError(f"{path.name}: found {found}; needed a lens in mm ({KEY})")
    squeeze = camera.get("anamorphicSqueeze")
    if isinstance(squeeze, dict) and squeeze.get("num") != squeeze.get("denom"):
        raise ShotError(f"{path.name}: found an anamorphicSqueeze; the format's lens model is spherical ({KEY})")
    size_px = asked.size_px
    px_mm = size_px[0] / sensor_mm[0], size_px[1] / sensor_mm[1]
    projection, around = (
        _read_pair(path, lens, name, ("x", "y"), (0.0, 0.0)) for name in ("projectionOffset", "distortionOffset")
    )
    middle = (size_px[0] / 2, size_px[1] / 2)
    cx_px, cy_px = (side + offset * px for side, offset, px in zip(middle, projection, px_mm, strict=True))
    focal_px = focal_mm * px_mm[0], focal_mm * px_mm[1]
    model, radial, tangential = _read_distortion(path, lens.get("distortion"))
    if model == DISTORTS and not any(around) and not any(radial[1::2]):
        values = [k * focal_mm**power for k, power in zip(radial[::2], (2, 4, 6), strict=True)]
        p1, p2 = (p * focal_mm for p in tangential)
        return Lens(*focal_px, cx_px, cy_px, values[0], values[1], p1, p2, values[2]), size_px

    def bend_mm(xy_mm: np.ndarray) -> np.ndarray:
        return np.stack(bend(xy_mm[..., 0], xy_mm[..., 1], radial, tangential), -1)

    def to_plane(xy_px: np.ndarray) -> np.ndarray:
        xy_mm = (xy_px - (cx_px, cy_px)) / px_mm - around
        return ((bend_mm(xy_mm) if model == UNDISTORTS else invert(bend_mm, xy_mm)) + around) / focal_mm

    try:
        return sample_lens(to_plane, focal_px[0], (cx_px, cy_px), size_px), size_px
    except ShotError as error:
        raise ShotError(f"{path.name}: {error} ({KEY})") from error


def _read_distortion(path: Path, blocks: Any) -> tuple[str, list[float], list[float]]:
    """Return the model, k1 to k6 and p1, p2 of the best block in the list. No list is a lens without distortion."""
    blocks = [] if blocks is None else blocks
    if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
        raise ShotError(f"{path.name}: found no list of blocks in lens.distortion ({KEY})")
    named = {one.get("model") or UNDISTORTS: one for one in blocks} or {DISTORTS: {}}
    model = next((one for one in (DISTORTS, UNDISTORTS) if one in named), None)
    if model is None:
        found = ", ".join(quote_word(one) for one in named)
        raise ShotError(f"{path.name}: found the models {found} in lens.distortion; needed {DISTORTS} or D-U ({KEY})")
    counts = {"radial": 6, "tangential": 2}
    values = []
    for name, count in counts.items():
        listed = named[model].get(name) or []
        if not isinstance(listed, list) or len(listed) > count:
            raise ShotError(
                f"{path.name}: found {quote_word(listed)} as {name}; needed {count} numbers at most ({KEY})"
            )
        given = [_read_number(path, one, f"lens.distortion {name}") for one in listed]
        values.append(given + [0.0] * (count - len(given)))
    return model, *values


def _read_block(path: Path, tree: dict, dotted: str) -> dict:
    found: Any = tree
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ShotError(f"{path.name}: found no {dotted}; needed an OpenTrackIO sample with its static data ({KEY})")
    return found


def _read_pair(
    path: Path, block: dict, name: str, sides: tuple[str, str], default: tuple[float, float] | None = None
) -> tuple[float, float]:
    found = block.get(name)
    if found is None and default is not None:
        return default
    if not isinstance(found, dict):
        raise ShotError(f"{path.name}: found no {name}; needed {{{sides[0]}, {sides[1]}}} in mm ({KEY})")
    return _read_number(path, found.get(sides[0], MISSING), f"{name}.{sides[0]}"), _read_number(
        path, found.get(sides[1], MISSING), f"{name}.{sides[1]}"
    )


def _read_number(path: Path, value: Any, name: str) -> float:
    try:
        return read_number(value, path, 1, KEY)
    except ShotError as error:
        found = f"no {name}" if value is MISSING else f"{quote_word(value)} as {name}"
        raise ShotError(f"{path.name}: found {found}; needed a number ({KEY})") from error


def write(path: Path, take: Take) -> None:
    """Write the solved lens as one OpenTrackIO sample.

    Raises ShotError for a lens with a grid (no formula fits) and for a zoom.
    """
    lens = lens_of_take(take, "lens_opentrackio")
    if lens.grid is not None:
        raise ShotError("lens_opentrackio: no formula fits this lens; take lens_opentrackio out of shot.export")
    width, height = take.size_px
    width_mm = take.sensor_width_mm
    focal_mm = lens.fx_px / width * width_mm
    height_mm = focal_mm * height / lens.fy_px  # one focal length: the sensor's shape holds the pixel aspect
    rate = {"num": take.frame_rate.numerator, "denom": take.frame_rate.denominator}
    radial = [lens.k1 / focal_mm**2, 0.0, lens.k2 / focal_mm**4, 0.0, lens.k3 / focal_mm**6, 0.0]
    sample = {
        "static": {
            "camera": {
                "captureFrameRate": rate,
                "activeSensorPhysicalDimensions": {"width": width_mm, "height": height_mm},
                "activeSensorResolution": {"width": width, "height": height},
            }
        },
        "lens": {
            "distortion": [
                {"model": DISTORTS, "radial": radial, "tangential": [lens.p1 / focal_mm, lens.p2 / focal_mm]}
            ],
            "pinholeFocalLength": focal_mm,
            "projectionOffset": {
                "x": (lens.cx_px / width - 0.5) * width_mm,
                "y": (lens.cy_px / height - 0.5) * height_mm,
            },
        },
        "protocol": {"name": "OpenTrackIO", "version": [1, 0, 0]},
        "sampleId": uuid.uuid5(uuid.NAMESPACE_URL, f"shotmake:sample:{take.shot}").urn,
        "sourceId": uuid.uuid5(uuid.NAMESPACE_URL, f"shotmake:source:{take.shot}").urn,
        "sourceNumber": 1,
    }
    path.write_text(json.dumps(sample, indent=1) + "\n", newline="\n", encoding="utf-8")
