"""Another limit for bad markers on a candidate: the end of a solve, without its beginning."""

from dataclasses import replace

import numpy as np

from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, find_directions
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks.candidate_and_refusal import POSED_SHARE, Candidate
from shotmake.solve.checks.certify import certify
from shotmake.solve.start.join_frames import ROUNDS_LAST, Joining


def reclean(
    candidate: Candidate,
    everything: Observations,
    size_px: tuple[int, int],
    refine: tuple[str, ...],
    max_error_px: float,
) -> Candidate | Reason:
    """Adjust the camera to the markers within `max_error_px`. refine: the lens values that may change.

    Returns a Reason, not a camera, when too few frames keep enough tracks or when the certificate refuses the camera.
    Raises ShotError as `triangulate` does.
    """
    if candidate.status == "static":
        points = find_directions(candidate.markers, candidate.cam_from_world, candidate.lens)
        errors = compute_marker_errors_px(points, candidate.markers, candidate.cam_from_world, candidate.lens)
        return replace(candidate, used=errors < max_error_px)
    tripod, markers = candidate.status == "tripod", candidate.markers
    none, constant = np.zeros(markers.frame_count, bool), np.zeros(markers.frame_count)
    log_zooms = constant if candidate.log_zooms is None else candidate.log_zooms
    start = Model(
        candidate.lens, candidate.cam_from_world, np.zeros((len(markers.track_ids), 4)), candidate.used, log_zooms
    )
    zooms = () if candidate.log_zooms is None else ("zoom",)
    refine = tuple(name for name in refine if name not in zooms)
    for refined in ((*refine, *zooms), zooms):  # a lens that lost a value may fold: then it stays as it was
        joining = Joining(markers, size_px, tripod, refined, max_error_px)
        model = joining.adjust(joining.locate(start, max_error_px), none, ROUNDS_LAST, by_noise=not tripod)
        if not has_fold(model.lens, size_px) and has_plausible_focal(model.lens, size_px):
            break
    posed_share = float(model.posed.mean())
    if posed_share < POSED_SHARE:
        return Reason(
            "frames_without_camera",
            f"only {posed_share:.0%} of the frames keep enough tracks within {max_error_px:g} px; needed "
            f"{POSED_SHARE:.0%}: raise tracking.solve.clean.max_error_px",
        )
    model = joining.locate(model, max_error_px)
    held_out = everything.select_tracks(np.isin(everything.track_ids, candidate.held_out))
    scale = compute_pixel_scale(size_px)
    certificate = certify(held_out, markers, model.projecting, model.lens, scale, tripod)
    fault = certificate.find_fault()
    if fault:
        text = f"the solve is not to be trusted: {fault}; set tracking.solve.clean.max_error_px back"
        return Reason(fault.code, text)
    agreement = candidate.agreement * certificate.agreement / max(candidate.certificate.agreement, 1e-9)
    return replace(
        candidate,
        lens=model.lens,
        cam_from_world=model.cam_from_world,
        used=model.used,
        certificate=certificate,
        agreement=float(min(agreement, 1.0)),
        log_zooms=None if candidate.log_zooms is None else model.log_zooms,
    )
