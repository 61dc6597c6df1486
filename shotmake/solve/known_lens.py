"""Solving with a lens that is known.

The solvers know a focal length, k1 and k2 around the picture's middle. A known lens may have more, so its markers
are moved to where an ideal lens of the same focal length, without distortion and centred, would have put them; the
camera found there is the camera of the plate, and the lens itself is put back at the end.
"""

from dataclasses import replace

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, pixel_scale
from shotmake.solve.checks.candidate import Found
from shotmake.solve.checks.certify import certify

SAME_FOCAL = 0.01  # a focal length given beside the lens that is farther off is said to be ignored


def check(lens: Lens, refine: tuple[str, ...], size_px: tuple[int, int]) -> None:
    """ShotError where `refine` asks for more than can be refined from this lens."""
    kept = {"p1": lens.p1, "p2": lens.p2, "k3": lens.k3, **({} if "k2" in refine else {"k2": lens.k2})}
    off_px = np.abs((lens.cx_px - size_px[0] / 2, lens.cy_px - size_px[1] / 2)).max()
    held = [name for name, value in kept.items() if value] + (["a centre off the middle"] if off_px > 0.01 else [])
    held += ["a distortion that no formula fits"] if lens.grid is not None else []
    if is_refined(refine) and (held or lens.fx_px != lens.fy_px):
        raise ShotError(
            f"tracking.solve.refine: found {', '.join(refine)} with a given lens that has "
            f"{', '.join(held) or 'two focal lengths'}; needed [] or [focal] to keep the rest as it is"
        )


def is_refined(refine: tuple[str, ...]) -> bool:
    """Whether the tracks change more of the lens than its focal length."""
    return bool(set(refine) - {"focal"})


def with_focal(camera: schema.Camera, lens: Lens, size_px: tuple[int, int]) -> tuple[schema.Camera, tuple[Reason, ...]]:
    """The camera with the lens's focal length, and what is to be said of the one it had."""
    focal_mm = lens.fx_px / size_px[0] * camera.sensor_width_mm
    warnings = []
    if camera.focal_mm is not None and abs(camera.focal_mm / focal_mm - 1) > SAME_FOCAL:
        text = f"shot.camera.focal_mm {camera.focal_mm:g} is ignored: the lens brought along has {focal_mm:.4g} mm"
        warnings.append(Reason("focal_ignored", text))
    return replace(camera, focal_mm=focal_mm), tuple(warnings)


def ideal(markers: Observations, lens: Lens, size_px: tuple[int, int]) -> Observations:
    """The markers as an ideal lens of the same focal length fx_px would have seen them."""
    plane = undistort(lens.normalised_from_px(markers.xy_px), lens)
    return replace(markers, xy_px=plane * lens.fx_px + np.array(size_px) / 2)


def on_the_plate(found: Found, everything: Observations, lens: Lens, size_px: tuple[int, int]) -> Found:
    """What was found with `ideal` markers, with the lens put back: px, and errors in px, are the plate's again.

    A focal length that was refined stretches the lens as a whole, so that its distortion stays where it is in the
    picture. everything: the plate's own markers.
    """
    if found.lens.fx_px != lens.fx_px:
        lens = lens.written_for(found.lens.fx_px)
    plane = found.lens.normalised_from_px(found.markers.xy_px)
    markers = replace(found.markers, xy_px=lens.px_from_normalised(distort(plane, lens)))
    held_out = everything.of_tracks(np.isin(everything.track_ids, found.held_out))
    turning = found.status != "solved"
    certificate = certify(held_out, markers, found.projecting, lens, pixel_scale(size_px), turning)
    return replace(found, lens=lens, markers=markers, certificate=certificate)
