"""Solving with an imported lens.

The solvers know a focal length, k1 and k2 around the middle of the picture. An imported lens may have more values. So
its markers are moved to where an ideal lens would put them: a lens of the same focal length, without distortion and
centred. The camera that is found there is the camera of the plate, and the lens itself is put back at the end.
"""

from dataclasses import replace

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify

SAME_FOCAL = 0.01  # relative: shot.camera.focal_mm is ignored with a warning when it differs more from the lens


def check(lens: Lens, refine: tuple[str, ...], size_px: tuple[int, int]) -> None:
    """Refuse a `refine` that asks for more than this lens allows.

    Raises ShotError when lens terms beside the focal length are to be refined and the lens has p1, p2, k3, a k2 that is
    not refined, a centre off the middle, a grid, or two focal lengths.
    """
    kept = {"p1": lens.p1, "p2": lens.p2, "k3": lens.k3, **({} if "k2" in refine else {"k2": lens.k2})}
    off_px = np.abs((lens.cx_px - size_px[0] / 2, lens.cy_px - size_px[1] / 2)).max()
    held = [name for name, value in kept.items() if value] + (["a centre off the middle"] if off_px > 0.01 else [])
    held += ["a distortion that no formula fits"] if lens.grid is not None else []
    if is_refined(refine) and (held or lens.fx_px != lens.fy_px):
        raise ShotError(
            f"tracking.solve.refine: found {', '.join(refine)} with an imported lens that has "
            f"{', '.join(held) or 'two focal lengths'}; needed [] or [focal] to keep the rest as it is"
        )


def is_refined(refine: tuple[str, ...]) -> bool:
    """Tell whether the tracks change more of the lens than its focal length."""
    return bool(set(refine) - {"focal"})


def set_focal(camera: schema.Camera, lens: Lens, size_px: tuple[int, int]) -> tuple[schema.Camera, tuple[Reason, ...]]:
    """Set the camera's focal length to that of the lens.

    Returns the camera, and a warning when shot.camera.focal_mm is ignored because it differs by more than SAME_FOCAL.
    """
    focal_mm = lens.fx_px / size_px[0] * camera.sensor_width_mm
    warnings = []
    if camera.focal_mm is not None and abs(camera.focal_mm / focal_mm - 1) > SAME_FOCAL:
        text = f"shot.camera.focal_mm {camera.focal_mm:g} is ignored: the lens brought along has {focal_mm:.4g} mm"
        warnings.append(Reason("focal_ignored", text))
    return replace(camera, focal_mm=focal_mm), tuple(warnings)


def idealise(markers: Observations, lens: Lens, size_px: tuple[int, int]) -> Observations:
    """Move the markers to where an ideal lens of the same focal length fx_px would see them.

    Raises ShotError when the lens folds over inside the picture.
    """
    plane = undistort(lens.normalised_from_px(markers.xy_px), lens)
    return replace(markers, xy_px=plane * lens.fx_px + np.array(size_px) / 2)


def put_back_lens(candidate: Candidate, everything: Observations, lens: Lens, size_px: tuple[int, int]) -> Candidate:
    """Put the lens back into a candidate that was found with the markers of `idealise`. Px and errors in px are the
    plate's again.

    A refined focal length stretches the lens as a whole, so that its distortion stays where it is in the picture.
    everything: the plate's own markers. Raises ShotError as `certify` does.
    """
    if candidate.lens.fx_px != lens.fx_px:
        lens = lens.with_focal_px(candidate.lens.fx_px)
    plane = candidate.lens.normalised_from_px(candidate.markers.xy_px)
    markers = replace(candidate.markers, xy_px=lens.px_from_normalised(distort(plane, lens)))
    held_out = everything.select_tracks(np.isin(everything.track_ids, candidate.held_out))
    tripod = candidate.status != "solved"
    certificate = certify(held_out, markers, candidate.projecting, lens, compute_pixel_scale(size_px), tripod)
    return replace(candidate, lens=lens, markers=markers, certificate=certificate)
