"""The last adjustment of a camera that moves: every marker counts by the error it was found to have.

Each track has a noise of its own, which its residuals tell better than what it promised: it is estimated from both,
and the adjustment repeated with it (variance components by iteratively reweighted least squares). On rendered plates
the error of the path is a quarter smaller for it (desk, dolly) to a half (knob_hero). The cameras' matrix is dense, so
shots of more than MOST_FRAMES stay as COLMAP left them.
"""

from dataclasses import replace

import numpy as np

from shotmake.adjust import Bundle, adjust, lens_from_vector, lens_vector, residuals_px
from shotmake.camera import camera_centres, zoomed
from shotmake.candidate import Found
from shotmake.certify import certify
from shotmake.keyframes import Observations
from shotmake.lens import Lens
from shotmake.lens_terms import TERMS, determined, with_terms
from shotmake.plausible_lens import folds, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.triangulate import triangulate

MOST_FRAMES = 400  # 8 CPU s and 0.5 GB there, measured; three times the time for twice the frames
FEWEST_MARKERS = 8  # a frame with fewer is not held by them
LOSS_PX = 0.5
FLOOR_PX = 0.1  # no marker is believed to be better: what the lens model leaves is of this size
TAIL = 4.0  # degrees of freedom of Student's t, which the errors of good markers follow
PROMISED = 4.0  # what a track promised counts like so many coordinates of its own: promises are off by 1.4 to 2 x
LEAST_PX = 0.005  # of a track's noise: simulated tracks may have none
NOISE_ROUNDS = ((6, 1e-4), (25, 1e-6))  # (most steps, tolerance) between and after its estimates
WORSE_HOLDOUTS = 1.02  # a polish after which the hold-outs fit so many times worse is not kept


def polished(
    found: Found, held_out: Observations, size_px: tuple[int, int], free: tuple[str, ...], scale: float
) -> Found:
    """The solve adjusted once more, with all lens values of `free` that the tracks determine; or as it was where that
    is not possible or the hold-outs do not bear it out."""
    better = _adjusted(found, held_out, size_px, free, scale)
    if better is not None:
        return better
    terms = ", ".join(name for name in TERMS if name in free)
    if not terms:
        return found
    text = f"{terms} left alone: the held-back tracks do not bear out the refined lens"
    return replace(found, warnings=(*found.warnings, Reason("lens_terms_open", text)))


def _adjusted(found, held_out, size_px, free, scale) -> Found | None:
    posed = np.flatnonzero(np.isfinite(found.cam_from_world[:, 0, 0]))
    markers = found.markers.only(found.used).of_frames(posed, min_markers=3)
    if len(posed) > MOST_FRAMES or not len(markers) or markers.per_frame.min() < FEWEST_MARKERS:
        return None
    log_zooms = np.zeros(len(found.cam_from_world)) if found.log_zooms is None else found.log_zooms.copy()
    bundle, middle, size = bundle_of(found.cam_from_world[posed], markers, found.lens, log_zooms[posed])
    if not np.isfinite(bundle.directions).all():
        return None
    by_error = weights(markers.expected_px)  # first: what a lens without its terms leaves is no noise
    bundle, vague = with_terms(bundle, markers, free, size_px[0], rounds=12, loss_px=LOSS_PX, weights=by_error)
    names = determined(free, lens_from_vector(bundle.lens), size_px)
    for rounds, tolerance in NOISE_ROUNDS:
        by_noise = 1 / variances_px2(bundle, markers)
        bundle = adjust(bundle, markers, names, rounds, TAIL**0.5, tolerance, by_noise)
    cameras = found.cam_from_world.copy()
    cameras[posed] = cameras_of(bundle, middle, size)
    log_zooms[posed] = bundle.log_zooms
    lens = lens_from_vector(bundle.lens)
    if folds(lens, size_px) or not has_plausible_focal(lens, size_px):
        return None
    certificate = certify(held_out, found.markers, zoomed(cameras, log_zooms), lens, scale)
    before, agreement = found.certificate, certificate.agreement
    worse = certificate.holdout_rms_px > WORSE_HOLDOUTS * before.holdout_rms_px or agreement < before.agreement - 0.02
    if certificate.fault() or worse:
        return None
    warnings = (*found.warnings, *vague)
    better = replace(found, lens=lens, cam_from_world=cameras, certificate=certificate, agreement=agreement)
    return replace(better, warnings=warnings, log_zooms=None if found.log_zooms is None else log_zooms)


def weights(expected_px: np.ndarray) -> np.ndarray:
    """(M,) by expected errors (M,) px, 1 for the usual one and for those of which nothing is known (0)."""
    known = expected_px > 0
    if not known.any():
        return np.ones(len(expected_px))
    variance = FLOOR_PX**2 + np.where(known, expected_px, np.median(expected_px[known])) ** 2
    return np.median(variance) / variance


def variances_px2(bundle: Bundle, markers: Observations) -> np.ndarray:
    """(M,) px^2, of each marker's error by axis: what it was expected to have, times how much more its track has.

    The size of a track's errors is that of Student's t, by expectation maximisation; what the point and its share of
    the cameras take away is not counted. Few markers keep what was promised. The artist's weights stand as given.
    """
    given = np.ones(len(markers)) if markers.weight is None else markers.weight[markers.track]
    promised = weights(markers.expected_px * np.sqrt(given))
    squares = (residuals_px(bundle, markers) ** 2).sum(1) * promised
    usual = max(np.median(squares) / 1.66, LEAST_PX**2)  # 1.66: the median of t's squares in two dimensions
    squares = squares / usual
    free = (2 - 6 * len(bundle.rotations) / len(markers)) * markers.lengths - 3
    times = np.ones(len(free))
    for _ in range(20):
        share = (TAIL + 2) / (TAIL + squares / times[markers.track])
        sums = np.bincount(markers.track, share * squares, minlength=len(free))
        times = (PROMISED + sums) / (PROMISED + np.maximum(free, 0))
    return (usual * times[markers.track] / promised + LEAST_PX**2) / given


def bundle_of(
    cameras: np.ndarray,
    markers: Observations,
    lens: Lens,
    log_zooms: np.ndarray,
    points: np.ndarray | None = None,
) -> tuple[Bundle, np.ndarray, float]:
    """Cameras (F, 3, 4) cam_from_world and their tracks as a bundle, in a world whose origin (3,) is the middle of
    the path and whose unit is the path's size: both are returned too. points (T, 4): triangulated if not given."""
    if points is None:
        points = triangulate(markers, zoomed(cameras, log_zooms), lens)
    centres = camera_centres(cameras)
    middle = centres.mean(0)
    size = max(float(np.linalg.norm(centres - middle, axis=1).mean()), 1e-9)
    directions = points[:, :3] - points[:, 3:] * middle
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    bundle = Bundle(
        cameras[:, :, :3],
        (cameras[:, :, 3] + cameras[:, :, :3] @ middle) / size,
        directions / length,
        (points[:, 3:] / length)[:, 0] * size,
        lens_vector(lens),
        log_zooms,
        general=True,
    )
    return bundle, middle, size


def cameras_of(bundle: Bundle, middle: np.ndarray, size: float) -> np.ndarray:
    """(F, 3, 4) cam_from_world, back in the world that `bundle_of` came from."""
    moves = bundle.translations * size - bundle.rotations @ middle
    return np.concatenate([bundle.rotations, moves[:, :, None]], 2)
