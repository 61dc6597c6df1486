"""Another limit for bad markers on a camera that was found: the end of a solve, without its beginning."""

from dataclasses import replace

import numpy as np

from shotmake.geometry.plausible_lens import folds, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.model import Model
from shotmake.solve.bundle.observations import Observations, pixel_scale
from shotmake.solve.bundle.triangulate import directions_at_infinity, marker_errors_px
from shotmake.solve.checks.candidate import POSED_SHARE, Found
from shotmake.solve.checks.certify import certify
from shotmake.solve.start.join import ROUNDS_LAST, Joining


def recleaned(
    found: Found, everything: Observations, size_px: tuple[int, int], free: tuple[str, ...], max_error_px: float
) -> Found | Reason:
    """Adjust the camera to the markers within `max_error_px`. free: the lens values that may change.

    Returns a Reason, not a camera, when too few frames keep enough tracks or when the certificate refuses the camera.
    Raises ShotError as `triangulate` does.
    """
    if found.status == "static":
        points = directions_at_infinity(found.markers, found.cam_from_world, found.lens)
        errors = marker_errors_px(points, found.markers, found.cam_from_world, found.lens)
        return replace(found, used=errors < max_error_px)
    turning, markers = found.status == "tripod", found.markers
    none, constant = np.zeros(markers.frame_count, bool), np.zeros(markers.frame_count)
    log_zooms = constant if found.log_zooms is None else found.log_zooms
    start = Model(found.lens, found.cam_from_world, np.zeros((len(markers.track_ids), 4)), found.used, log_zooms)
    zooms = () if found.log_zooms is None else ("zoom",)
    free = tuple(name for name in free if name not in zooms)
    for names in ((*free, *zooms), zooms):  # a lens that lost a value may fold: then it stays as it was
        joining = Joining(markers, size_px, turning, names, max_error_px)
        model = joining.adjusted(joining.located(start, max_error_px), none, ROUNDS_LAST, by_noise=not turning)
        if not folds(model.lens, size_px) and has_plausible_focal(model.lens, size_px):
            break
    posed_share = float(model.posed.mean())
    if posed_share < POSED_SHARE:
        return Reason(
            "frames_without_camera",
            f"only {posed_share:.0%} of the frames keep enough tracks within {max_error_px:g} px; needed "
            f"{POSED_SHARE:.0%}: raise tracking.solve.clean.max_error_px",
        )
    model = joining.located(model, max_error_px)
    held_out = everything.of_tracks(np.isin(everything.track_ids, found.held_out))
    scale = pixel_scale(size_px)
    certificate = certify(held_out, markers, model.projecting, model.lens, scale, turning)
    fault = certificate.fault()
    if fault:
        text = f"the solve is not to be trusted: {fault}; set tracking.solve.clean.max_error_px back"
        return Reason(fault.code, text)
    agreement = found.agreement * certificate.agreement / max(found.certificate.agreement, 1e-9)
    return replace(
        found,
        lens=model.lens,
        cam_from_world=model.cam_from_world,
        used=model.used,
        certificate=certificate,
        agreement=float(min(agreement, 1.0)),
        log_zooms=None if found.log_zooms is None else model.log_zooms,
    )
