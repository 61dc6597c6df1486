"""What the tracks say against a solve that stands: a focal length they do not determine, contradict, or see change."""

from dataclasses import replace

import numpy as np

from shotmake.adjust import Bundle, adjust, cauchy_cost, lens_covariance, residuals_px
from shotmake.keyframes import Observations
from shotmake.polish import TAIL, variances_px2
from shotmake.reasons import Reason

FLAT_FOCAL_RISE = 0.001  # see `focal_rise`: below this the focal length is not determined
FOCAL_SIGMA = 0.0025  # see `focal_sigma`: errors of up to 7 times as much were measured, and 2 % is wrong
FOCAL_OFF = 0.03  # so far off (log), and for so much gain, the tracks contradict a locked focal length
CONTRADICTED = 0.5  # of the confidence is left then
ZOOM_LEAST = 0.008  # log of the focal length's range: breathing while focusing is of this size
ZOOMS = 0.5  # of the confidence is left then


def focal_rise(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float:
    """How much worse the fit gets, in robust cost per degree of freedom, when the focal is 10 % off.

    The smaller of both sides, everything else readjusted. Moving cameras: good shots >= 0.0066, straight
    drives <= 0.0001 (the focal length is then not determined by the tracks).
    """
    others = tuple(name for name in free if name not in ("focal", "zoom"))
    base = adjust(bundle, markers, free, 15)
    cost = cauchy_cost(residuals_px(base, markers))
    left = _degrees_of_freedom(base, markers)
    rises = []
    for factor in (1.1, 1 / 1.1):
        off = replace(base, lens=base.lens + np.log(factor) * np.eye(len(base.lens))[0])
        off = adjust(off, markers, others, 25, tolerance=1e-5)
        rises.append((cauchy_cost(residuals_px(off, markers)) - cost) / max(left, 1))
    return float(min(rises))


def focal_sigma(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float | None:
    """Standard deviation of the focal length, as a share of it, by each track's own noise: forward moves 0.002 to 0.006
    where tracks are noisy, 0.0003 to 0.0008 with our tracker's noise; others less. What the model leaves out comes on
    top of it. None where every frame has a focal length of its own."""
    by_noise = 1 / variances_px2(bundle, markers)
    at, covariance = lens_covariance(bundle, markers, free, TAIL**0.5, by_noise)
    return float(np.sqrt(covariance[0, 0])) if len(at) and at[0] == 0 else None


def contradicted_by_px(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float | None:
    """The focal length that fits the tracks clearly better than the bundle's locked one, if there is one."""
    locked = adjust(bundle, markers, free, 15)
    freed = adjust(locked, markers, ("focal", *free), 25, tolerance=1e-5)
    costs = [cauchy_cost(residuals_px(one, markers)) for one in (locked, freed)]
    gain = (costs[0] - costs[1]) / max(_degrees_of_freedom(bundle, markers), 1)
    off = abs(np.log(freed.focal_px / locked.focal_px))
    return freed.focal_px if off > FOCAL_OFF and gain > FLAT_FOCAL_RISE else None


def contradiction(locked_px: float, fitting_px: float) -> Reason:
    """What the artist is told of it."""
    return Reason(
        "locked_focal",
        f"the focal length is locked at {locked_px:.0f} px, but the tracks fit {fitting_px:.0f} px clearly better: "
        "check shot.camera.focal_mm and sensor_width_mm, or the lens brought along",
    )


def zoom_share(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float:
    """By what share the focal length changes through the shot, if the tracks fit clearly better when it may; else 0.

    Simulated moves with one focal length gain at most 0.0003, those that zoom by 1 % at least 0.0036.
    """
    if "zoom" in free or "focal" not in free:
        return 0.0
    constant = adjust(bundle, markers, free, 15)
    zooming = adjust(constant, markers, (*free, "zoom"), 25, tolerance=1e-5)
    costs = [cauchy_cost(residuals_px(one, markers)) for one in (constant, zooming)]
    gain = (costs[0] - costs[1]) / max(_degrees_of_freedom(bundle, markers), 1)
    low, high = np.percentile(zooming.log_zooms, [5, 95])
    return float(np.expm1(high - low)) if gain > FLAT_FOCAL_RISE and high - low > ZOOM_LEAST else 0.0


def zoom_warning(share: float) -> Reason:
    """What the artist is told of it."""
    return Reason("zoom", f"the focal length changes by {share:.1%} through the shot: set tracking.solve.zoom: true")


def _degrees_of_freedom(bundle: Bundle, markers: Observations) -> int:
    sizes = (6, 3) if bundle.general else (3, 2)
    return 2 * len(markers) - sizes[0] * len(bundle.rotations) - sizes[1] * len(bundle.directions)
