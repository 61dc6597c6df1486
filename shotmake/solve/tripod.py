"""A tripod, a camera that only turns: its rotations and its lens, and the doubts about it.

shotmake.solve.bundle.rotations finds the rotations and the lens.
"""

from dataclasses import replace

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle import rotations
from shotmake.solve.bundle.adjust import Bundle, lens_from_vector
from shotmake.solve.bundle.observations import Observations, thin
from shotmake.solve.checks import focal
from shotmake.solve.checks.candidate_and_refusal import Candidate, Refused
from shotmake.solve.checks.certify import certify
from shotmake.solve.checks.parallax import Parallax
from shotmake.solve.problem import SolveProblem

MOST_TRACKS, PER_FRAME = 900, 150


def solve_tripod(problem: SolveProblem, parallax: Parallax, forced: bool = False) -> Candidate:
    """Solve a tripod. forced: the settings ask for a tripod, whatever the tracks show.

    Raises Refused when the tracks do not confirm it, when the focal length is implausible, and when the lens folds.
    """
    problem.on_step("tripod")
    told: list[Reason] = []
    if parallax.is_lens and "k1" in problem.refine and "principal_point" not in problem.refine:
        problem = replace(problem, refine=(*problem.refine, "principal_point"))
        text = (
            "only a lens off centre explains the tracks by turning: principal_point was refined too; add it to "
            "tracking.solve.refine"
        )
        told.append(Reason("lens_terms_added", text))
    solving = problem.markers.select_tracks(thin(problem.markers, MOST_TRACKS, PER_FRAME))
    bundle, posed, used, of_lens = _adjust(problem, parallax, solving)
    lens = lens_from_vector(bundle.lens)
    if not has_plausible_focal(lens, problem.size_px):
        text = f"the focal length came out as {lens.fx_px:.0f} px; set shot.camera.focal_mm and lock it"
        raise Refused("focal_unlikely", text)
    frame_count = problem.markers.frame_count
    cameras = np.full((frame_count, 3, 4), np.nan)
    cameras[posed] = np.concatenate([bundle.rotations, np.zeros((len(posed), 3, 1))], 2)
    log_zooms = np.interp(np.arange(frame_count), posed, bundle.log_zooms)
    projecting = zoom_cameras(cameras, log_zooms)
    certificate = certify(problem.held_out, problem.markers, projecting, lens, problem.scale, tripod=True)
    fault = certificate.find_fault()
    if fault and fault.code == "tracks_too_short":
        raise Refused(fault.code, fault.text)
    if fault:
        raise Refused(
            "turning_disagrees",
            f"a turning camera does not explain the tracks: {fault}; "
            + ("set tracking.solve.kind: auto" if forced else "set tracking.solve.kind: general"),
        )
    ids, agreement = problem.held_out.track_ids, certificate.agreement
    told += [*of_lens, *_warn_of_move(parallax, forced)]
    candidate = Candidate("tripod", "tripod", lens, cameras, solving, used, ids, certificate, agreement, tuple(told))
    candidate = replace(candidate, log_zooms=log_zooms if "zoom" in problem.refine else None)
    return _doubt(candidate, parallax, problem.refine)


def _adjust(
    problem: SolveProblem, parallax: Parallax, solving: Observations
) -> tuple[Bundle, np.ndarray, np.ndarray, list[Reason]]:
    """Return what rotations.solve_rotations returns. If the lens folds, it is solved without k2, with a warning.

    Raises Refused when too few tracks follow a tripod, and when the lens folds without k2 too.
    """
    refine, told = problem.refine, []
    for refined in (refine, tuple(name for name in refine if name != "k2")):
        start = parallax.tripod.lens.copy()
        start[2] *= "k2" in refined
        try:
            bundle, posed, used, vague = rotations.solve_rotations(
                solving, start, refined, problem.max_error_px, problem.size_px[0]
            )
        except rotations.TooLittle as little:
            text = f"{little}; set tracking.solve.kind: general or raise tracking.solve.clean.max_error_px"
            raise Refused("turning_disagrees", text) from None
        if not has_fold(lens_from_vector(bundle.lens), problem.size_px):
            return bundle, posed, used, [*told, *vague]
        told.append(Reason("lens_folds", "k2 was dropped: with it the lens folded over inside the picture"))
    text = "the lens found folds over inside the picture; set tracking.solve.refine: [focal]"
    raise Refused("lens_folds", text)


def _warn_of_move(parallax: Parallax, forced: bool) -> list[Reason]:
    if not forced and parallax.hardly_moves:
        text = (
            f"between turning and moving: a camera that moves by less than 1 % of the depth fits {parallax.ratio:.2f} "
            "times as well; set tracking.solve.kind if you know which it is"
        )
        return [Reason("moves_little", text)]
    if forced and not parallax.is_tripod:
        return [Reason("tripod_forced", "tracking.solve.kind is tripod, but the tracks show that the camera moves")]
    return []


def _doubt(candidate: Candidate, parallax: Parallax, refine: tuple[str, ...]) -> Candidate:
    """Add the doubts about the focal length, the pixels and a zoom."""
    tripod, markers = parallax.tripod, parallax.markers
    told, agreement = list(candidate.warnings), candidate.agreement
    flat = "focal" in refine and focal.measure_focal_rise(tripod, markers, refine) < focal.FLAT_FOCAL_RISE
    if flat:
        text = "the tracks hardly determine the focal length (too little turning); set shot.camera.focal_mm"
        told.append(Reason("focal_open", text))
    locked = None if "focal" in refine else focal.doubt_locked_focal(tripod, markers, refine)
    if locked is not None:
        told.append(locked)
        agreement *= focal.CONTRADICTED
    aspect = _doubt_pixels(parallax, refine, flat) if locked is None else None
    if aspect is not None:
        told += [aspect[0]] if aspect[0].code not in {one.code for one in told} else []
        agreement *= aspect[1]
    zooms = focal.measure_zoom_share(tripod, markers, refine)
    if zooms:
        told.append(focal.warn_of_zoom(zooms))
        agreement *= focal.ZOOMS
    return replace(candidate, warnings=tuple(told), agreement=agreement, flat_focal=flat)


def _doubt_pixels(parallax: Parallax, refine: tuple[str, ...], flat: bool) -> tuple[Reason, float] | None:
    """Return a doubt of the pixels, or of the camera's standing still where the parallax of a little move passes for
    other pixels; and the factor of the confidence. Raises Refused for pixels that are surely of another width.
    """
    tripod, moving, markers = parallax.tripod, parallax.moving, parallax.markers
    try:
        doubt = focal.doubt_aspect(tripod, markers, refine, flat)
    except Refused:
        if focal.is_of_pixels(tripod, moving, markers, refine):
            raise
        doubt = Reason("picture_bends", "something bends the picture"), focal.ASPECT_LEFT
    if doubt is None or focal.is_of_pixels(tripod, moving, markers, refine):
        return doubt
    text = (
        f"between turning and moving: a camera that moves by less than 1 % of the depth fits {parallax.ratio:.2f} "
        "times as well, and most of what does not fit a turning camera is then gone; set tracking.solve.kind if you "
        "know which it is"
    )
    return Reason("moves_little", text), doubt[1]
