"""A camera that moves: the start that stands (shotmake.solve.tries), polished, and the doubts about it."""

import logging
from dataclasses import replace

import numpy as np

from shotmake.geometry.camera import find_camera_centres
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import Bundle
from shotmake.solve.bundle.observations import Observations, thin
from shotmake.solve.bundle.to_and_from_bundle import bundle_of
from shotmake.solve.checks import epipolar_gap
from shotmake.solve.checks.candidate_and_refusal import Candidate, Refused
from shotmake.solve.checks.focal import (
    CONTRADICTED,
    FOCAL_SIGMA,
    ZOOMS,
    doubt_aspect,
    doubt_locked_focal,
    may_bend,
    measure_focal_sigma,
    measure_zoom_share,
    warn_of_zoom,
)
from shotmake.solve.checks.motion_groups import find_background_tracks
from shotmake.solve.checks.parallax import ZOOM_MIN, Parallax
from shotmake.solve.polish import polish
from shotmake.solve.problem import SolveProblem
from shotmake.solve.tries import ALL_TRACKS, SMALL_MOVE_RATIO, Failed, Starts, fault_of, rank, try_starts

_log = logging.getLogger(__name__)

NO_MOVE_RATIO = 1.7  # of Parallax: paths of 1 % of the depth have 1.9 and more
LEAST_EXPLAINED = 0.4  # Parallax.explained: below it the tracks follow no camera, but noise or many motions
SECOND_MOTION = 0.10  # share of the tracks: plates with one motion have up to 0.07
RIVAL = 0.6  # objects with half of the tracks cover up to 0.4 of what the room covers
ZOOM_STARTS = 3  # a zoom shows in the first three; more would cost 8 CPU s in every refused shot
STRONG_SECOND = 0.2  # from here on no start comes from the tracks of both motions together
SIGMA_FRAMES = 400  # at most: more frames tell as much of the focal length
DOUBT_FRAMES, DOUBT_TRACKS = 40, 400  # used to test another focal length or aspect: fewer hardly tell
TRIPOD_SHARE = 0.5  # of the markers: a tripod must explain so many before the refusal names it as a way out
FORWARD_DEG = 25.0  # a camera that moves within this angle of its axis moves forward
PLANE_SHARE, PLANE_OF_LINES = 0.78, 0.9  # of the matches, and of those that an epipolar geometry explains


def solve_moving(problem: SolveProblem, parallax: Parallax, starts: Starts | None = None) -> Candidate:
    """Solve a camera that moves: find a start whose solve is certified (`tries.try_starts`), and polish it.

    Where many tracks move on their own, they are left out first. starts: solves of another engine in place of COLMAP's;
    these are certified as they are. Raises Refused when the tracks show no parallax, and when no start is certified.
    """
    _refuse_without_move(parallax)
    candidate = _find_standing(problem, parallax, starts)
    if starts is None:
        problem.on_step("polish")
        candidate = polish(candidate, problem.held_out, problem.size_px, problem.refine, problem.scale)
    candidate = _doubt(candidate, problem)
    told = problem.settings.kind
    return replace(candidate, kind=told if told in ("forward", "planar") else _classify(candidate, problem.scale))


def _refuse_without_move(parallax: Parallax) -> None:
    if parallax.ratio >= NO_MOVE_RATIO:
        return
    if parallax.explained < LEAST_EXPLAINED:
        raise Refused(
            "nothing_explains",
            f"neither a camera that turns nor one that moves explains the tracks: only {parallax.explained:.0%} of "
            f"them follow one (needed {LEAST_EXPLAINED:.0%}): look at the tracks",
        )
    raise Refused(
        "tiny_parallax",
        f"tiny parallax: a camera that moves explains the tracks only {parallax.ratio:.2f} times as well as one "
        f"that turns (needed {NO_MOVE_RATIO:g}); set tracking.solve.kind: tripod",
    )


def _find_standing(problem: SolveProblem, parallax: Parallax, starts: Starts | None) -> Candidate:
    """Return the best camera without a fault, from the tracks that move with the room or from all tracks.

    Raises Refused when there is none.
    """
    tried: list[tuple[Candidate, Reason | None]] = []
    failed: list[Failed] = []
    problem.on_step("look for moving objects")
    background, second_share, rival = find_background_tracks(problem.markers, problem.size_px)
    first = problem.with_first_terms()
    if second_share > SECOND_MOTION:  # first: with both motions mixed, a minute of starts leads to nothing
        apart, failed = try_starts(replace(first, markers=first.markers.select_tracks(background)), None, starts)
        if apart is not None:
            apart = _doubt_two_motions(apart, float(np.mean(~background)), rival)
            tried.append((apart, fault_of(apart, problem.size_px)))
    if not tried or (tried[0][1] and second_share < STRONG_SECOND):
        best, more = try_starts(first, parallax, starts)
        failed = more + failed
        if best is not None:
            tried.append((best, fault_of(best, problem.size_px)))
    for start in failed:
        _log.debug("no camera from %s: %s", start.step, start.reason)
    candidate, fault = min(tried, key=lambda pair: rank(pair[0], problem.size_px), default=(None, None))
    if candidate is None or fault:
        failed = [Failed.from_certified("", one, reason) for one, reason in tried if reason] + failed
        raise _choose_refusal(failed, parallax, second_share)
    return candidate


def _doubt_two_motions(candidate: Candidate, left_out: float, rival: float) -> Candidate:
    text = f"{left_out:.0%} of the tracks move on their own and were left out"
    candidate = replace(candidate, notes=(Reason("second_motion", text),))
    if rival <= RIVAL:
        return candidate
    doubt = Reason(
        "two_motions",
        "two motions cover the picture alike, and the tracks do not tell which is the room: if it is the "
        "one that was left out, mask the other (tracking.mask)",
    )
    return replace(candidate, warnings=(*candidate.warnings, doubt))


def _doubt(candidate: Candidate, problem: SolveProblem) -> Candidate:
    """Add the doubts about the focal length, the pixels, a zoom, and things that move in the picture."""
    first = problem.with_first_terms().refine
    bundle, markers = thin_bundle(candidate)
    told, agreement = list(candidate.warnings), candidate.agreement
    sigma = (
        measure_focal_sigma(*thin_bundle(candidate, SIGMA_FRAMES, ALL_TRACKS), first)
        if "focal" in problem.refine
        else None
    )
    flat = sigma is not None and sigma > FOCAL_SIGMA
    if flat:
        told.append(Reason("focal_open", "the tracks hardly determine the focal length; set shot.camera.focal_mm"))
    locked, aspect = None, None
    if "focal" not in problem.refine:
        locked = doubt_locked_focal(*thin_bundle(candidate, DOUBT_FRAMES, DOUBT_TRACKS), first)
    if locked is not None:
        told.append(locked)
        agreement *= CONTRADICTED
    elif may_bend(bundle, markers, first):
        aspect = doubt_aspect(*thin_bundle(candidate, DOUBT_FRAMES, DOUBT_TRACKS), first, flat)
    if aspect is not None:
        told.append(aspect[0])
        agreement *= aspect[1]
    zooms = measure_zoom_share(bundle, markers, first)
    if zooms:
        told.append(warn_of_zoom(zooms))
        agreement *= ZOOMS
    missed = epipolar_gap.measure_gap(candidate, problem.size_px, problem.scale)
    if missed > epipolar_gap.GAP_MAX:
        text = (
            f"in some frames {missed:.0%} of the tracks move rigidly, but not with the camera: something large moves "
            "there and may have taken it along; mask it (tracking.mask)"
        )
        told.append(Reason("epipolar_gap", text))
        agreement *= epipolar_gap.LEFT
    return replace(candidate, warnings=tuple(told), agreement=agreement, flat_focal=flat)


def find_zoom(problem: SolveProblem) -> float:
    """Return by what share the focal length changes, if a zoom can be certified where no other camera could; else 0."""
    first = problem.with_first_terms()
    candidate, _ = try_starts(replace(first, refine=(*first.refine, "zoom")), None, None, most=ZOOM_STARTS)
    if candidate is None or candidate.log_zooms is None or fault_of(candidate, problem.size_px):
        return 0.0
    low, high = np.percentile(candidate.log_zooms, [5, 95])
    return float(np.expm1(high - low)) if high - low > ZOOM_MIN else 0.0


def _choose_refusal(failed: list[Failed], parallax: Parallax, second_share: float) -> Refused:
    """Return the refusal when no start stands: the fault of the start that came farthest, or the first of these."""
    nothing = Failed("any", (0, 0.0, 0.0), Reason("no_start", "no two frames share enough tracks"))
    best = max(failed, key=lambda one: one.came, default=nothing)
    turns = parallax.ratio < SMALL_MOVE_RATIO and parallax.within_2px > TRIPOD_SHARE
    what = best.reason.text.partition("; ")[0]  # without its advice
    if turns and not best.is_candidate and best.reason.code != "tiny_parallax":
        return Refused(
            "tiny_parallax",
            f"tiny parallax: a camera that only turns explains {parallax.within_2px:.0%} of the markers and none that "
            f"moves could be certified ({best.step}: {what}); set tracking.solve.kind: tripod",
        )
    if best.came[0] == 2:
        moves = f"; {second_share:.0%} of the tracks move on their own: mask them (tracking.mask)"
        return Refused(best.reason.code, best.reason.text + (moves if second_share > SECOND_MOTION else ""))
    return Refused(
        best.reason.code,
        f"no camera could be started from the tracks ({best.step}: {what}); set shot.camera.focal_mm or raise "
        "tracking.detect.min_tracks",
    )


def thin_bundle(candidate: Candidate, frames: int = 20, tracks: int = 250) -> tuple[Bundle, Observations]:
    """Return some frames and tracks, evenly spread, as a bundle and its markers: enough to test a focal length."""
    posed = np.flatnonzero(np.isfinite(candidate.cam_from_world[:, 0, 0]))
    chosen = posed[np.unique(np.linspace(0, len(posed) - 1, frames).astype(int))]
    kept = candidate.markers.select(candidate.used).select_frames(chosen, min_markers=4)
    kept = kept.select_tracks(thin(kept, tracks, 30))
    log_zooms = np.zeros(len(chosen)) if candidate.log_zooms is None else candidate.log_zooms[chosen]
    bundle, _, _ = bundle_of(candidate.cam_from_world[chosen], kept, candidate.lens, log_zooms)
    return bundle, kept


def _classify(candidate: Candidate, scale: float) -> str:
    """Return planar, forward or general.

    planar: one homography explains the tracks almost as well as an epipolar geometry. forward: the camera moves within
    25 deg of its axis.
    """
    import cv2

    posed = np.isfinite(candidate.cam_from_world[:, 0, 0])
    cameras = candidate.cam_from_world[posed]
    centres = find_camera_centres(cameras)
    span = max(1, len(centres) // 8)
    moves = centres[span:] - centres[:-span]
    lengths = np.linalg.norm(moves, axis=1)
    along = np.abs((moves * cameras[span:, 2, :3]).sum(1)) / np.maximum(lengths, 1e-12)
    markers, shares = candidate.markers, []
    for first in np.linspace(0, markers.frame_count - 1, 7).astype(int)[:-1]:
        for gap in (markers.frame_count // 2, markers.frame_count // 4, markers.frame_count // 8):
            here, there = markers.frame == first, markers.frame == first + gap
            _, a, b = np.intersect1d(markers.track[here], markers.track[there], return_indices=True)
            if gap and len(a) >= 30:
                pair = markers.xy_px[here][a], markers.xy_px[there][b]
                cv2.setRNGSeed(1)
                _, on_plane = cv2.findHomography(*pair, cv2.RANSAC, 2.0 * scale)
                cv2.setRNGSeed(1)
                _, on_lines = cv2.findFundamentalMat(*pair, cv2.FM_RANSAC, 2.0 * scale, 0.999, 2000)
                if on_plane is not None and on_lines is not None:
                    shares.append((on_plane.mean(), on_lines.mean()))
                break
    if shares:
        plane, lines = np.median(np.array(shares), axis=0)
        if plane >= PLANE_SHARE and plane >= PLANE_OF_LINES * lines:
            return "planar"
    return "forward" if np.average(along, weights=lengths + 1e-12) > np.cos(np.radians(FORWARD_DEG)) else "general"
