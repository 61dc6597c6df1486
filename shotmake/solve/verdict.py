"""The camera solve: first the verdict, then the solver that fits, then a certificate.

A wrong solve is never called good. A camera that cannot be certified is refused; the refusal says what was found and
what to change.

static   the picture stands still: one pose, the focal length cannot be known (shotmake.solve.static)
tripod   the camera only turns: rotations and lens (shotmake.solve.tripod)
solved   the camera moves (shotmake.solve.moving); kind general, forward or planar
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve import imported_lens
from shotmake.solve.bundle import rotations
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.refine_lens_terms import find_refined
from shotmake.solve.bundle.stillness import measure_stillness
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks import cuts, focal, rolling_shutter, shared_errors
from shotmake.solve.checks.candidate_and_refusal import POSED_SHARE, Candidate, Refused, doubt_by_certificate
from shotmake.solve.checks.certify import FEWEST_LINKED, measure_agreement
from shotmake.solve.checks.parallax import Parallax, measure_parallax
from shotmake.solve.links.measure_links import GOOD_PX
from shotmake.solve.moving import LEAST_EXPLAINED, SMALL_MOVE_RATIO, find_zoom, solve_moving
from shotmake.solve.problem import SolveInputs, SolveProblem
from shotmake.solve.reclean import reclean
from shotmake.solve.record import Solution
from shotmake.solve.result import finish
from shotmake.solve.start import libmv
from shotmake.solve.static import solve_static
from shotmake.solve.tripod import solve_tripod
from shotmake.solve.witness.witness import ask_witness

_log = logging.getLogger(__name__)

FEWEST_FRAMES, FEWEST_TRACKS = 3, 12
FEWEST_CERTIFIED = 4  # frames: points come from every second frame, and two rays make a point
LINKED_SHARE = 0.75  # of the tracks through a jump: if so many agree with the camera, it is no jump
COUNTED = ("too_few_frames", "too_few_tracks", "tracks_too_short", "cut")  # reason codes that a jump does not explain
HOLDOUT_SHARE = 0.10
OTHER_FOCAL = 0.03  # log: a focal length so far from the locked one is another answer
TRIPOD_FITS = 0.88  # share of the markers within 1 px of a tripod, from which on the tripod is handed over instead


def solve(inputs: SolveInputs) -> Solution:
    """Solve the camera of the plate frames `inputs.frames` from their tracks, in one call.

    The stage takes the same four steps one by one, because it stores the candidate (tasks/stages/solve/stage.py).

    Unusable tracks or an uncertain solve give the status refused and a reason, not an error. Raises ShotError for
    settings that contradict each other and for a pick that misses the ground.

    confidence, 0..1: the smallest of three shares that agree with the camera within 1.5 px (at 1280 wide): of the
    held-out tracks, of the long tracks, and of the markers in the worst eighth of the time. For static shots it is the
    share of the picture that stands still. This share is multiplied by the share of frames that have a pose; by 0.7 if
    the tracks do not determine the focal length, by 0.7 if they show a rolling shutter, by 0.7 for an epipolar gap, and
    by 0.5 for each other doubt: a locked focal length or pixels that the tracks contradict, a zoom, weak links, the
    second witness, a survey that contradicts itself. Where any warning doubts the camera it is at most 0.5. A refusal
    has 0.
    """
    candidate = clean_candidate(find_candidate(inputs.as_usual()), inputs)
    if inputs.look is not None:
        inputs.on_step("ask the second witness")
        candidate = ask_witness(candidate, inputs.size_px, inputs.look)
    inputs.on_step("orient")
    return finish(candidate, inputs.tracks, inputs.size_px, inputs.frames, inputs.settings, inputs.skipped)


def find_candidate(inputs: SolveInputs) -> Candidate | Reason:
    """Find the camera, in a world of its own, or the reason why there is none: the costly part of `solve`.

    settings.orient and the second witness are not used. Raises ShotError for settings that contradict each other.
    """
    size_px, lens, refine = inputs.size_px, inputs.lens, inputs.list_refined()
    assert (inputs.by_libmv is not None) == (inputs.settings.engine == "blender")
    if inputs.by_libmv is not None:
        libmv.check_refine(refine)
    notes: tuple[Reason, ...] = ()
    if lens is not None:
        imported_lens.check(lens, refine, size_px)
        camera, notes = imported_lens.set_focal(inputs.camera, lens, size_px)
        inputs = replace(inputs, camera=camera)
    kept = None if imported_lens.is_refined(refine) else lens
    try:
        everything = inputs.all_markers
        _check_enough(everything)
        markers = everything if kept is None else imported_lens.idealise(everything, kept, size_px)
        jump = cuts.find_jump(markers, size_px[0])
        problem = _make_problem(inputs, markers, refine)
        candidate = _solve_over_jump(jump, markers, size_px, lambda: _decide(problem, markers))
        if inputs.by_libmv is not None and candidate.status == "tripod":
            inputs.on_step("tripod, by libmv")
            question = _make_libmv_question(problem, markers, tripod=True)
            candidate = libmv.solve_tripod(candidate, question, problem.scale, inputs.by_libmv)
    except Refused as refusal:
        return refusal.reason
    if kept is not None:
        candidate = imported_lens.put_back_lens(candidate, everything, kept, size_px)
    candidate = replace(candidate, warnings=(*notes, *candidate.warnings))
    if candidate.status == "static":
        return candidate
    return doubt_by_certificate(
        shared_errors.notice_shared_errors(rolling_shutter.notice_rolling_shutter(candidate, size_px[1]), size_px)
    )


def clean_candidate(candidate: Candidate | Reason, inputs: SolveInputs) -> Candidate | Reason:
    """Apply settings.clean to what was found with the default limit for bad markers.

    Where no camera was found, and where the lens is one that our adjustment does not know, the solve runs again with
    the new limit. Raises ShotError as `find_candidate` does.
    """
    if inputs.is_usual:
        return candidate
    lens = inputs.lens
    beyond = lens is not None and (lens.fx_px != lens.fy_px or lens.grid is not None)  # our adjustment has no such lens
    if isinstance(candidate, Reason) or beyond:
        return find_candidate(inputs)
    inputs.on_step("clean")
    everything = inputs.all_markers
    refine = find_refined(inputs.list_refined(), candidate.lens, inputs.size_px)
    return reclean(candidate, everything, inputs.size_px, refine, inputs.settings.clean.max_error_px)


def _make_problem(inputs: SolveInputs, markers: Observations, refine: tuple[str, ...]) -> SolveProblem:
    held = hold_out(len(markers.track_ids))
    return SolveProblem(
        markers.select_tracks(~held),
        markers.select_tracks(held),
        inputs.size_px,
        inputs.focal_px,
        inputs.camera.focal_mm is not None,
        refine,
        inputs.settings,
        inputs.on_step,
        inputs.by_libmv,
    )


def _check_enough(everything: Observations) -> None:
    frame_count, count = everything.frame_count, len(everything.track_ids)
    if frame_count < FEWEST_FRAMES:
        raise _refuse_short(frame_count)
    if count < FEWEST_TRACKS:
        raise Refused(
            "too_few_tracks",
            f"{count} tracks of 3 or more frames; at least {FEWEST_TRACKS} are needed: "
            "raise tracking.detect.min_tracks or lower tracking.detect.quality_threshold",
        )
    covered = float(np.mean(everything.per_frame >= 6))
    if covered < POSED_SHARE:
        raise Refused(
            "sparse_frames",
            f"only {covered:.0%} of the frames have 6 or more tracks; needed {POSED_SHARE:.0%}: raise "
            "tracking.detect.min_tracks or shorten shot.footage.frame_range",
        )


def _refuse_short(frame_count: int) -> Refused:
    text = f"{frame_count} frames: too few to certify a camera by; needed {FEWEST_CERTIFIED}"
    return Refused("too_few_frames", f"{text}: widen shot.footage.frame_range")


def _solve_over_jump(
    jump: cuts.Jump | None, markers: Observations, size_px: tuple[int, int], solve_all: Callable[[], Candidate]
) -> Candidate:
    """Return what `solve_all` finds, if the tracks that run through the jump agree with it.

    Then the jump becomes a note. A jump is only a suspicion. It is the reason of a refusal when no camera is found
    either, or when the tracks do not go on as the camera says. The tracks are asked both ways: with points from before
    the jump, and with points from after it. A camera that stands still needs no link.
    """
    try:
        candidate = solve_all()
    except Refused as refusal:
        if jump is None or refusal.reason.code in (*COUNTED, jump.reason.code):
            raise
        text = f"{jump.reason} (solved all the same, it was refused: {refusal})"
        raise Refused(jump.reason.code, text) from None
    if jump is None or candidate.status == "static":
        return candidate
    before = np.arange(markers.frame_count) <= jump.frame
    good_px, tripod = GOOD_PX * compute_pixel_scale(size_px), candidate.status == "tripod"
    asked = [
        measure_agreement(markers, candidate.projecting, candidate.lens, side, good_px, tripod)
        for side in (before, ~before)
    ]
    shares = [share for share, count in asked if share is not None and count >= FEWEST_LINKED]
    if not shares:
        most = max(count for _, count in asked)
        found_out = f"only {most} tracks that run through it could be asked whether they agree with the camera found"
    elif min(shares) < LINKED_SHARE:
        found_out = f"only {min(shares):.0%} of the tracks that run through it agree with the camera found"
    else:
        what = jump.reason.text.partition(": ")[0]
        text = f"{what}; {min(shares):.0%} of those that run through it agree with the camera all the same"
        return replace(candidate, notes=(*candidate.notes, Reason(jump.reason.code, text)))
    raise Refused(jump.reason.code, f"{jump.reason} ({found_out})")


def hold_out(count: int, seed: int = 0) -> np.ndarray:
    """Return a mask (count,) of the tracks that no solver sees: a seeded tenth, at least 8 where there are 40."""
    wanted = max(int(np.ceil(HOLDOUT_SHARE * count)), min(8, count // 5))
    held = np.zeros(count, bool)
    held[np.random.default_rng(seed).permutation(count)[:wanted]] = True
    return held


def _decide(problem: SolveProblem, everything: Observations) -> Candidate:
    """Return the camera of the kind that the tracks, or the settings, ask for. Raises Refused when none stands."""
    settings, size_px = problem.settings, problem.size_px
    problem.on_step("verdict")
    stillness = measure_stillness(problem.markers, size_px)
    if settings.kind == "static" or (settings.kind == "auto" and stillness is not None and stillness.is_still):
        return solve_static(problem)
    if everything.frame_count < FEWEST_CERTIFIED:
        raise _refuse_short(everything.frame_count)
    cut = cuts.find_cut(everything, size_px[0])
    if cut:
        raise Refused(cut.code, cut.text)
    parallax = _measure_parallax(problem, problem.with_first_terms().refine)
    explained, ratio = parallax.explained, parallax.ratio
    _log.debug("a move explains %.0f %% of the tracks, and %.2f times as well as a turn", 100 * explained, ratio)
    candidate = _find_tripod(problem, parallax)
    if candidate is not None:
        return candidate
    if settings.kind == "auto" and parallax.ratio < SMALL_MOVE_RATIO:
        _refuse_tripod_rows(problem, parallax)
    starts = None if problem.by_libmv is None else partial(_yield_libmv_starts, problem, parallax, problem.by_libmv)
    try:
        return solve_moving(problem, parallax, starts)
    except Refused as refusal:
        if refusal.reason.code in ("pixel_aspect", "locked_focal"):  # the camera stands, but for what the config says
            raise
        if settings.kind == "auto" and parallax.within_1px > TRIPOD_FITS:
            return _take_tripod_instead(problem, parallax, refusal)
        may_zoom = parallax.ratio > SMALL_MOVE_RATIO and parallax.explained > LEAST_EXPLAINED
        if starts is None and "focal" in problem.refine and "zoom" not in problem.refine and may_zoom:
            problem.on_step("look for a zoom")
            share = find_zoom(problem)
            if share:
                raise Refused("zoom", f"{focal.warn_of_zoom(share)} (without: {refusal})") from None
        raise


def _yield_libmv_starts(
    problem: SolveProblem, parallax: Parallax, run: libmv.Run, solving: Observations
) -> Iterator[tuple[str, Model | None]]:
    return libmv.yield_starts(_make_libmv_question(problem, solving, tripod=False), parallax, run, problem.on_step)


def _make_libmv_question(problem: SolveProblem, markers: Observations, tripod: bool) -> libmv.Question:
    ends = (0, markers.frame_count - 1)
    refine, limit_px = problem.refine, problem.max_error_px
    return libmv.make_question(markers, problem.size_px, tripod, refine, limit_px, problem.focal_px, ends)


def _measure_parallax(problem: SolveProblem, refine: tuple[str, ...]) -> Parallax:
    """Measure how well a tripod and a moving camera explain the tracks. Raises Refused when too few tracks tell."""
    width_px, starts_px = problem.size_px[0], [problem.focal_px]
    if "focal" in problem.refine and not problem.focal_is_told:
        starts_px = [0.8 * width_px, 1.6 * width_px]
    try:
        return measure_parallax(problem.markers, problem.size_px, starts_px, refine, problem.scale)
    except rotations.TooLittle as little:
        raise Refused(
            "too_few_tracks",
            f"{little}: too little to judge the camera by; raise tracking.detect.min_tracks or lower "
            "tracking.clean.min_frames",
        ) from None


def _find_tripod(problem: SolveProblem, parallax: Parallax) -> Candidate | None:
    """Return the tripod, where the tracks show one or the settings ask for one; None where the camera moves."""
    kind = problem.settings.kind
    zoom = parallax.tripod_zoom
    if kind in ("auto", "tripod") and zoom is not None and parallax.is_zoom:
        share = np.expm1(np.ptp(zoom.tripod.log_zooms))
        text = f"the focal length changes by {share:.1%}: solved as if with tracking.solve.zoom: true; set it"
        zooming = replace(problem, refine=(*problem.refine, "zoom"))
        candidate = solve_tripod(zooming, zoom)
        return replace(candidate, warnings=(Reason("zoom", text), *candidate.warnings))
    if kind == "tripod" or (kind == "auto" and parallax.is_tripod):
        return solve_tripod(problem, parallax, forced=kind != "auto")
    if kind != "auto" or "focal" in problem.refine:
        return None
    unlocked = _measure_parallax(problem, ("focal", *problem.with_first_terms().refine))
    if not unlocked.is_tripod or abs(np.log(unlocked.tripod.focal_px / problem.focal_px)) <= OTHER_FOCAL:
        return None
    try:
        return solve_tripod(problem, parallax)
    except Refused:
        raise Refused(
            "locked_focal",
            f"with {problem.focal_px:.0f} px, where the focal length is locked, the camera would have to move; with "
            f"{unlocked.tripod.focal_px:.0f} px one that only turns explains the tracks: check "
            "shot.camera.focal_mm and sensor_width_mm or the lens brought along, or set tracking.solve.kind",
        ) from None


def _refuse_tripod_rows(problem: SolveProblem, parallax: Parallax) -> None:
    """Raise Refused when a tripod with a rolling shutter fits as well as a camera that moves."""
    first = problem.with_first_terms().refine
    share = rolling_shutter.measure_tripod_read_out(parallax, problem.markers, problem.size_px[1], first)
    if share:
        raise Refused(
            "rolling_shutter",
            f"rolling shutter: a camera that turns, its rows read over {abs(share):.0%} of a frame's time, fits "
            "the tracks as well as one that moves; correct the plate for it first",
        )


def _take_tripod_instead(problem: SolveProblem, parallax: Parallax, refusal: Refused) -> Candidate:
    """Return the tripod in place of a refused camera that moves: it explains the picture well enough to work with."""
    try:
        candidate = solve_tripod(problem, parallax)
    except Refused as second:  # the reason is that of the first search; neither kind is a way out
        facts = [str(one).partition("; set tracking.solve.kind")[0] for one in (refusal, second)]
        raise Refused(refusal.reason.code, f"{facts[0]}; as a tripod it was refused too: {facts[1]}") from None
    share = f"{parallax.within_1px:.0%} of the markers"
    text = f"taken as a tripod, which explains {share} within 1 px; a camera that moves was refused: {refusal}"
    return replace(candidate, warnings=(Reason("tripod_instead", text), *candidate.warnings))
