"""What the tracks say against a solve that stands: of its focal length and of the width of its pixels.

The tracks may not determine the focal length, may contradict it, or may see it change.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import (
    Bundle,
    adjust,
    compute_cauchy_cost,
    compute_lens_covariance,
    compute_residuals_px,
)
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.weights import TAIL, compute_variances_px2
from shotmake.solve.checks.candidate_and_refusal import Refused

FLAT_FOCAL_RISE = 0.001  # see `measure_focal_rise`: below this the focal length is not determined
FOCAL_SIGMA = 0.0025  # see `measure_focal_sigma`: errors up to 7 times as large were measured, and 2 % is wrong
# The tracks contradict a locked focal length when it is so far off (log), by so many sigmas of the markers' own noise.
# Simulated moves with the true focal length: .02 and 4; off by 2 %: 7 and more, except a dolly, which does not tell.
FOCAL_OFF, FOCAL_WRONG = 0.015, 0.05
FOCAL_SIGMAS, FOCAL_SURE_SIGMAS = 6.0, 20.0
ROUNDS_LOCKED = 150  # the valley of a dolly is long and flat
CONTRADICTED = 0.5  # factor of the confidence then
ASPECT_STEP, ASPECT_DOUBLINGS = 0.015, 6  # log of the aspect: the first trial on each side; how often it is doubled
ASPECT_OFF, ASPECT_WRONG = 0.01, 0.012  # log of the aspect: the slip of smaller errors is below that of right solves
# Sigmas by which square pixels fit worse, and the share of the cost. Simulated moves with square pixels have 6 and
# .003 (slow and planar ones, which hardly tell), else 3.7 and .001; pixels off by 2 %: 5 to 46 and .002 to .2
ASPECT_SIGMAS, ASPECT_SURE_SIGMAS, ASPECT_SURE_SHARE = 4.5, 8.0, 0.008
ASPECT_HINT, ASPECT_HINT_SIGMAS = 0.008, 2.0  # from 20 frames; twice as many frames have 1.5 times as many sigmas
ASPECT_MUCH_SHARE = 0.15  # of the cost: rolling shutters and real lenses stay below
ASPECT_ALIKE = 0.74  # smallest / largest of the three widths: the whole and its halves
ASPECT_ALIKE_SIGMAS = 1.5  # or so many sigmas between the halves
ASPECT_OF_PIXELS = 0.25  # so much of the width may change when the camera may move too
ASPECT_LEFT = 0.5  # factor of the confidence then
ZOOM_LEAST = 0.008  # log of the range of the focal length: breathing during a focus pull is of this size
ZOOMS = 0.5  # factor of the confidence then


def measure_focal_rise(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> float:
    """Measure how much worse the fit gets, in robust cost per degree of freedom, when the focal length is 10 % off.

    It is the smaller of both sides, with everything else adjusted again. Moving cameras: good shots have >= 0.0066,
    straight drives <= 0.0001 (the tracks do not determine the focal length then).
    """
    others = tuple(name for name in refine if name not in ("focal", "zoom"))
    base = adjust(bundle, markers, refine, 15)
    cost = compute_cauchy_cost(compute_residuals_px(base, markers))
    left = _count_freedom(base, markers)
    rises = []
    for factor in (1.1, 1 / 1.1):
        off = replace(base, lens=base.lens + np.log(factor) * np.eye(len(base.lens))[0])
        off = adjust(off, markers, others, 25, tolerance=1e-5)
        rises.append((compute_cauchy_cost(compute_residuals_px(off, markers)) - cost) / max(left, 1))
    return float(min(rises))


def measure_focal_sigma(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> float | None:
    """Return the standard deviation of the focal length, as a share of it, by each track's own noise.

    Forward moves have 0.002 to 0.006 where tracks are noisy, 0.0003 to 0.0008 with our tracker's noise; others have
    less. What the model leaves out comes on top of it. None where every frame has a focal length of its own.
    """
    by_noise = 1 / compute_variances_px2(bundle, markers)
    at, covariance = compute_lens_covariance(bundle, markers, refine, TAIL**0.5, by_noise)
    return float(np.sqrt(covariance[0, 0])) if len(at) and at[0] == 0 else None


def doubt_locked_focal(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> Reason | None:
    """Return a doubt when another focal length fits the tracks clearly better than the locked one; else None.

    Raises Refused when the other focal length is far off: a few percent may come from what a lens model leaves out.
    """
    locked = adjust(bundle, markers, refine, 15)
    unlocked = adjust(locked, markers, ("focal", *refine), ROUNDS_LOCKED, tolerance=1e-8)
    costs = [compute_cauchy_cost(compute_residuals_px(one, markers)) for one in (locked, unlocked)]
    sigmas = _count_sigmas(costs[0], costs[1], _count_freedom(bundle, markers))
    off = abs(np.log(unlocked.focal_px / locked.focal_px))
    if off < FOCAL_OFF or sigmas < FOCAL_SIGMAS:
        return None
    text = (
        f"the focal length is locked at {locked.focal_px:.0f} px, but the tracks fit {unlocked.focal_px:.0f} px "
        "clearly "
        "better: check shot.camera.focal_mm and sensor_width_mm, or the lens brought along"
    )
    if off > FOCAL_WRONG and sigmas > FOCAL_SURE_SIGMAS:
        raise Refused("locked_focal", text)
    return Reason("locked_focal", text)


def _count_sigmas(cost: float, least: float, freedom: int) -> float:
    """Return how many standard deviations of the markers' own noise lie between two costs of the same markers."""
    variance = max(least / max(freedom, 1), 1e-12)
    return float(np.sqrt(max(cost - least, 0.0) / variance))


def measure_zoom_share(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> float:
    """Return by what share the focal length changes, if the tracks fit clearly better when it may change; else 0.

    Simulated moves with one focal length gain at most 0.0003; moves that zoom by 1 % gain at least 0.0036.
    """
    if "zoom" in refine or "focal" not in refine:
        return 0.0
    constant = adjust(bundle, markers, refine, 15)
    zooming = adjust(constant, markers, (*refine, "zoom"), 25, tolerance=1e-5)
    costs = [compute_cauchy_cost(compute_residuals_px(one, markers)) for one in (constant, zooming)]
    gain = (costs[0] - costs[1]) / max(_count_freedom(bundle, markers), 1)
    low, high = np.percentile(zooming.log_zooms, [5, 95])
    return float(np.expm1(high - low)) if gain > FLAT_FOCAL_RISE and high - low > ZOOM_LEAST else 0.0


def may_bend(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> bool:
    """Tell whether a few frames and tracks hint at pixels of another width, so that a test of many is worth it."""
    log_times, sigmas, _ = _fit_aspect(bundle, markers, tuple(dict.fromkeys(("focal", *refine))))
    return abs(log_times) > ASPECT_HINT and sigmas > ASPECT_HINT_SIGMAS


def doubt_aspect(
    bundle: Bundle, markers: Observations, refine: tuple[str, ...], flat_focal: bool
) -> tuple[Reason, float] | None:
    """Return a doubt, and the factor of the confidence, when the tracks fit pixels of another width clearly better.

    Raises Refused when both halves of the time and the whole say the same width. Other things that bend a picture (rows
    read one after the other, haze, a moved frame) say another width in each half. If each half is sure of a width of
    its own, both are told: wrong pixels may look so too.

    For the test, the pixels are widened and made lower by the same factor, and everything else is adjusted again. A
    bent world and lens hide most of wrong pixels. What they cannot hide is small, and only many tracks tell it from
    noise.
    """
    refine = tuple(dict.fromkeys(("focal", *refine)))
    log_times, sigmas, share = _fit_aspect(bundle, markers, refine)
    sure = abs(log_times) > ASPECT_WRONG and sigmas > ASPECT_SURE_SIGMAS and share > ASPECT_SURE_SHARE
    if abs(log_times) < ASPECT_OFF or sigmas < ASPECT_SIGMAS or (flat_focal and not sure):
        return None
    times = np.exp(log_times)
    if sure:
        halves = [_fit_aspect(*half, refine) for half in _split_halves(bundle, markers)]
        if _are_alike((log_times, sigmas, share), *halves):
            raise Refused(
                "pixel_aspect",
                f"the tracks fit pixels that are {times:.3f} times as wide clearly better: multiply "
                f"shot.footage.pixel_aspect (where it is not set: what the file says, else 1) by {times:.3f}",
            )
        if share < ASPECT_MUCH_SHARE and min(half[1] for half in halves) > ASPECT_SURE_SIGMAS:
            earlier, later = (np.exp(half[0]) for half in halves)
            text = (
                f"something bends the picture: its earlier half fits pixels that are {earlier:.3f} times as wide "
                f"better, its later half {later:.3f} times: rows that are read one after the other, a stabiliser or "
                "a warp do this, and so may wrong pixels (shot.footage.pixel_aspect)"
            )
            return Reason("picture_bends", text), 1.0  # it may be right all the same: real lenses and shutters do this
    text = (
        f"something bends the picture: the tracks fit pixels that are {times:.2f} times as wide better; check "
        "shot.footage.pixel_aspect, and whether the plate was warped or stabilised"
    )
    return Reason("picture_bends", text), ASPECT_LEFT


def is_of_pixels(tripod: Bundle, moving: Bundle, markers: Observations, refine: tuple[str, ...]) -> bool:
    """Return whether a tripod and a moving camera find the same width of pixels.

    Wrong pixels look alike to both. The parallax of a camera that moves by less than 1 % of the depth passes for other
    pixels as long as the camera may only turn; once the camera may move, most of it is gone (5 simulated pans with
    wrong pixels: a difference of 2 to 15 %; 3 such moves: 33 to 78 %).
    """
    refine = tuple(dict.fromkeys(("focal", *refine)))
    of_tripod, of_moving = (_fit_aspect(one, markers, refine)[0] for one in (tripod, moving))
    return abs(of_moving - of_tripod) < ASPECT_OF_PIXELS * abs(of_tripod)


def _are_alike(whole: tuple[float, float, float], *halves: tuple[float, float, float]) -> bool:
    """Tell whether the whole and its two halves (each from `_fit_aspect`) say the same width.

    They do if the smallest width is most of the largest, or if the halves differ by no more than they are sure of.
    """
    log_times = np.array([one[0] for one in (whole, *halves)])
    if np.ptp(np.sign(log_times)):
        return False
    sizes = np.abs(log_times)
    loose = sizes[1:] / np.maximum([sigmas for _, sigmas, _ in halves], 1e-9)  # one standard deviation of each half
    within = np.ptp(sizes[1:]) < ASPECT_ALIKE_SIGMAS * np.hypot(*loose)
    return bool(sizes.min() > ASPECT_ALIKE * sizes.max() or within)


def _split_halves(bundle: Bundle, markers: Observations) -> Iterator[tuple[Bundle, Observations]]:
    """Yield the earlier and the later frames, with the tracks that are seen in four of them or more."""
    frames = np.arange(len(bundle.rotations))
    for chosen in (frames[: len(frames) // 2], frames[len(frames) // 2 :]):
        part = markers.select_frames(chosen, min_markers=4)
        kept = np.isin(markers.track_ids, part.track_ids)
        own = {name: getattr(bundle, name)[chosen] for name in ("rotations", "translations", "log_zooms")}
        own |= {name: getattr(bundle, name)[kept] for name in ("directions", "inverse_depths")}
        yield replace(bundle, **own), part


def _fit_aspect(bundle: Bundle, markers: Observations, refine: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the width of pixels that fits best, as the log of a factor, and how sure it is.

    The second value is by how many standard deviations of the markers' own noise it fits better than square pixels, the
    third by what share of the cost.
    """
    start = adjust(bundle, markers, refine, 15)
    cost = compute_cauchy_cost(compute_residuals_px(start, markers))

    def fit_at(log_times: float, near: Bundle = start) -> tuple[float, Bundle]:
        stretched = _stretch(markers, bundle.lens[6:], log_times)
        fit = adjust(near, stretched, refine, 25, tolerance=1e-5)
        return compute_cauchy_cost(compute_residuals_px(fit, stretched)), fit

    at, least, near = 0.0, cost, start
    low, high = fit_at(-ASPECT_STEP)[0], fit_at(ASPECT_STEP)[0]
    lowest, steps = _find_lowest(low, least, high), []
    if abs(lowest) > 2:  # too far for one parabola: find the rough place first, then fit others there
        for trial in np.sign(low - high) * ASPECT_STEP * 2.0 ** np.arange(ASPECT_DOUBLINGS):
            met, fit = fit_at(trial, near)
            if met > least:
                break
            at, least, near = trial, met, fit
        lowest, steps = 0.0, [abs(at) / 4, ASPECT_STEP]
    at += ASPECT_STEP * lowest
    for step in steps:
        middle, near = fit_at(at, near)
        at += step * np.clip(_find_lowest(fit_at(at - step, near)[0], middle, fit_at(at + step, near)[0]), -2, 2)
    least = min(least, fit_at(at, near)[0])
    sigmas = _count_sigmas(cost, least, _count_freedom(bundle, markers))
    return float(at), sigmas, float((cost - least) / max(cost, 1e-12))


def _find_lowest(low: float, middle: float, high: float) -> float:
    """Return where the parabola through (-1, low), (0, middle), (1, high) is lowest; infinite where it is nowhere."""
    bend = low + high - 2 * middle
    return float((low - high) / (2 * bend)) if bend > 0 else float(np.sign(low - high) * np.inf)


def _stretch(markers: Observations, centre_px: np.ndarray, log_aspect: float) -> Observations:
    times = np.exp(np.array([0.5, -0.5]) * log_aspect)
    return replace(markers, xy_px=(markers.xy_px - centre_px) * times + centre_px)


def warn_of_zoom(share: float) -> Reason:
    """Return the warning for a focal length that changes by this share."""
    return Reason("zoom", f"the focal length changes by {share:.1%} through the shot: set tracking.solve.zoom: true")


def _count_freedom(bundle: Bundle, markers: Observations) -> int:
    sizes = (6, 3) if bundle.general else (3, 2)
    return 2 * len(markers) - sizes[0] * len(bundle.rotations) - sizes[1] * len(bundle.directions)
