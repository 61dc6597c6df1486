"""What 3DEqualizer's lens files have in common: its models by name, and their values checked."""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.given_to_writers import Take
from shotmake.formats.lenses.lens_request import KEY, LensAsked, lens_of_take
from shotmake.geometry.lens_fit import Seen
from shotmake.geometry.lens_models.lens_of_3de import Lens3de, fit_radial

MISFIT_PX = 0.05  # largest error of our lens as a lens of 3DE's: 3DE's models map the other way round
SHAPE = 0.01  # relative: a film back of another shape than the plate's belongs to another picture
FOCALS_CM = (0.01, 1000.0)
POSITIVE = ("Anamorphic Squeeze", "Squeeze-X", "Squeeze-Y")


def seen_of(lens: Lens3de, path: Path, line: int, asked: LensAsked) -> Seen:
    """Return what the lens does to the plate that asks. `line` is the line of the lens in the file.

    Raises ShotError, with that line, when a length is beyond FOCALS_CM, when a squeeze, bending, pixel aspect or field
    of view is impossible, when the film back does not have the shape of the plate, and when the lens folds over inside
    the picture.
    """
    where = f"{path.name}:{line}"
    sides = (lens.focal_cm, lens.width_cm, lens.height_cm)
    if not all(FOCALS_CM[0] <= side <= FOCALS_CM[1] for side in sides):
        raise ShotError(
            f"{where}: found a focal length of {lens.focal_cm:g} cm on a film back of {lens.width_cm:g} x "
            f"{lens.height_cm:g} cm, needed {FOCALS_CM[0]:g} to {FOCALS_CM[1]:g} cm ({KEY})"
        )
    left, right, bottom, top = lens.field
    squeezed = [name for name in POSITIVE if not lens.values.get(name, 1.0) > 0]
    if squeezed or not lens.values.get("B - Cylindric Bending", 0.0) > -1 or not lens.pixel_aspect > 0:
        named = (
            f"{squeezed[0]} {lens.values[squeezed[0]]:g}" if squeezed else "a bending or pixel aspect below its limit"
        )
        raise ShotError(f"{where}: found {named}, needed more ({KEY})")
    if not (right - left > 0.01 and top - bottom > 0.01):
        raise ShotError(f"{where}: found a field of view of {lens.field}, needed left < right and bottom < top ({KEY})")
    across, up = lens.compute_focal_px(asked.size_px)
    if not abs(up / across / asked.aspect - 1) < SHAPE:
        width, height = asked.size_px
        needed_cm = lens.width_cm * (top - bottom) / (right - left) * height / width / asked.aspect
        raise ShotError(
            f"{where}: found a film back of {lens.width_cm:g} x {lens.height_cm:g} cm, needed {lens.width_cm:g} x "
            f"{needed_cm:.4g} cm for {width}x{height} pixels of {asked.aspect:g}:1 ({KEY}, shot.footage.pixel_aspect)"
        )
    try:
        return lens.sample(asked.size_px)
    except ShotError as error:
        raise ShotError(f"{where}: {error} ({KEY})") from error


def radial_of_take(take: Take, word: str) -> Lens3de:
    """Fit 3DE's Radial - Standard, Degree 4 to the solved lens.

    Raises ShotError when the fit is off by more than MISFIT_PX, and for a zoom.
    """
    fitting, off_px = fit_radial(lens_of_take(take, word), take.size_px, take.sensor_width_mm)
    if not off_px <= MISFIT_PX:
        raise ShotError(
            f"{word}: as 3DE's Radial - Standard, Degree 4 the lens is off by {off_px:.2g} px, more than "
            f"{MISFIT_PX:g}; take {word} out of shot.export: the ST-maps hold it exactly"
        )
    return fitting
