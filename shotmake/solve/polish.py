"""The last adjustment of a camera that moves: every marker counts by the error it was found to have.

Each track has a noise of its own, which its residuals show better than its expected error. The noise is estimated from
both, and the adjustment is repeated with it (variance components by iteratively reweighted least squares). On rendered
plates this makes the error of the path smaller, by a quarter (desk, dolly) to a half (knob_hero).
"""

from dataclasses import replace

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import Bundle, adjust, lens_from_vector
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.refine_lens_terms import TERMS, adjust_terms, find_refined
from shotmake.solve.bundle.to_and_from_bundle import FEWEST_MARKERS, LOSS_PX, bundle_of, cameras_of
from shotmake.solve.bundle.weights import TAIL, compute_variances_px2, weigh_by_artist
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify

NOISE_ROUNDS = ((6, 1e-4), (25, 1e-6))  # (most steps, tolerance) between the estimates of noise and after them
WORSE_HOLDOUTS = 1.02  # the polish is not kept if the held-out tracks fit worse by more than this factor


def polish(
    candidate: Candidate, held_out: Observations, size_px: tuple[int, int], refine: tuple[str, ...], scale: float
) -> Candidate:
    """Adjust the solve once more, with all lens values of `refine` that the tracks determine.

    Returns the solve as it was when this is not possible or when it makes the solve no better. For each lens term of
    `refine` that was left alone there is a line: a warning for one that was tried, a note for one that was not. Raises
    ShotError as `triangulate` does.
    """
    posed = np.flatnonzero(np.isfinite(candidate.cam_from_world[:, 0, 0]))
    markers = candidate.markers.select(candidate.used).select_frames(posed, min_markers=3)
    log_zooms = np.zeros(len(candidate.cam_from_world)) if candidate.log_zooms is None else candidate.log_zooms.copy()
    fault = _explain_too_little(markers)
    if fault:
        return _note_untried(candidate, refine, fault)
    bundle, middle, size = bundle_of(candidate.cam_from_world[posed], markers, candidate.lens, log_zooms[posed])
    if not np.isfinite(bundle.directions).all():
        return _note_untried(candidate, refine, "a track has no point")
    bundle, names, vague = _adjust(bundle, markers, refine, size_px)
    warned = (*candidate.warnings, *vague)
    cameras = candidate.cam_from_world.copy()
    cameras[posed] = cameras_of(bundle, middle, size)
    log_zooms[posed] = bundle.log_zooms
    lens = lens_from_vector(bundle.lens)
    if has_fold(lens, size_px) or not has_plausible_focal(lens, size_px):
        return _warn_of_left_alone(
            replace(candidate, warnings=warned), names, "the refined lens folds over, or has an unlikely focal length"
        )
    certificate = certify(held_out, candidate.markers, zoom_cameras(cameras, log_zooms), lens, scale)
    before, agreement = candidate.certificate, certificate.agreement
    worse = certificate.holdout_rms_px > WORSE_HOLDOUTS * before.holdout_rms_px or agreement < before.agreement - 0.02
    if certificate.find_fault() or worse:
        text = "the held-back tracks do not bear out the refined lens"
        return _warn_of_left_alone(replace(candidate, warnings=warned), names, text)
    better = replace(candidate, lens=lens, cam_from_world=cameras, certificate=certificate, agreement=agreement)
    return replace(better, warnings=warned, log_zooms=None if candidate.log_zooms is None else log_zooms)


def _adjust(
    bundle: Bundle, markers: Observations, refine: tuple[str, ...], size_px: tuple[int, int]
) -> tuple[Bundle, tuple[str, ...], tuple[Reason, ...]]:
    """Return the bundle, the lens values that changed, and a warning for each that the tracks do not determine."""
    by_error = weigh_by_artist(markers)  # first: what a lens without its terms leaves is not noise
    bundle, vague = adjust_terms(bundle, markers, refine, size_px[0], rounds=12, loss_px=LOSS_PX, weights=by_error)
    refined = find_refined(refine, lens_from_vector(bundle.lens), size_px)
    for rounds, tolerance in NOISE_ROUNDS:
        by_noise = 1 / compute_variances_px2(bundle, markers)
        bundle = adjust(bundle, markers, refined, rounds, TAIL**0.5, tolerance, by_noise)
    return bundle, refined, vague


def _explain_too_little(markers: Observations) -> str:
    """Return why these frames cannot be adjusted here; "" where they can."""
    fewest = int(markers.per_frame.min()) if len(markers) else 0
    return f"a frame has {fewest} markers; needed {FEWEST_MARKERS}" if fewest < FEWEST_MARKERS else ""


def _note_untried(candidate: Candidate, refine: tuple[str, ...], fault: str) -> Candidate:
    """Return the solve with a note of the lens terms that nobody looked for."""
    terms = ", ".join(name for name in TERMS if name in refine)
    if not terms:
        return candidate
    return replace(candidate, notes=(*candidate.notes, Reason("lens_terms_open", f"{terms} not looked for: {fault}")))


def _warn_of_left_alone(candidate: Candidate, refine: tuple[str, ...], fault: str) -> Candidate:
    """Return the solve with a warning of the lens terms that were tried, and did not stand."""
    terms = ", ".join(name for name in TERMS if name in refine)
    if not terms:
        return candidate
    return replace(candidate, warnings=(*candidate.warnings, Reason("lens_terms_open", f"{terms} left alone: {fault}")))
