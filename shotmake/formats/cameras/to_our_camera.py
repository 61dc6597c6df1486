"""A camera of another program -> ours: where it stands is the file's, its lens without distortion unless one is brought
along (shot.camera.lens_from). That one's distortion then stays where it is on the sensor, under the file's focal
length.
"""

from dataclasses import replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import KEY, Cameras, cut_to_shot
from shotmake.geometry.lens import Lens
from shotmake.geometry.plausible_lens import FOCAL_LIMITS
from shotmake.reasons import Reason

SAME = 1e-6  # relative: poses and focal lengths that differ by less count as the same
CENTRED_PX = 0.01
KINDS = {"solved": "general", "tripod": "tripod", "static": "static"}


def cameras_of(
    name: str,
    asked: Asked,
    frames: np.ndarray,
    cam_from_world: np.ndarray,
    fx_px: np.ndarray | None,
    centre_px: tuple[float, float] | None = None,
    warnings: tuple[Reason, ...] = (),
) -> Cameras:
    """Make the cameras of a shot from the poses in a file.

    name: of the file. frames (N,): plate numbers in any order. cam_from_world (N, 3, 4): OpenCV axes, world Z up. fx_px
    (N,): focal lengths, or None where the file has none; then shot.camera.lens_from or shot.camera.focal_mm says the
    focal length. centre_px: the lens centre (x, y), or None where the format cannot say it.

    Raises ShotError when nothing says a focal length, when a focal length is not 0.3 to 10 plate widths, and when
    `cut_to_shot` refuses the cameras.
    """
    focals = _choose_focal_px(name, asked, len(frames)) if fx_px is None else np.asarray(fx_px, float)
    low, high = (limit * asked.size_px[0] for limit in FOCAL_LIMITS)
    with np.errstate(invalid="ignore"):
        bad = ~((focals >= low) & (focals <= high))
    if bad.any() and fx_px is None and asked.lens is None:
        low_mm, high_mm = (limit * asked.sensor_width_mm for limit in FOCAL_LIMITS)
        raise ShotError(
            f"shot.camera.focal_mm: found {asked.focal_mm:g} mm on a sensor of {asked.sensor_width_mm:g} mm; needed "
            f"{low_mm:g} to {high_mm:g} mm for {name}, which has no field of view (shot.camera.sensor_width_mm)"
        )
    if bad.any():
        raise ShotError(
            f"{name}: frame {frames[np.argmax(bad)]} has a focal length of {focals[np.argmax(bad)]:.4g} px on a plate "
            f"{asked.size_px[0]} px wide; needed {low:g} to {high:g} ({KEY})"
        )
    focal_px = float(np.median(focals) if len(focals) else asked.size_px[0])  # of no frames: refused for that below
    zooms = len(focals) > 0 and float(np.ptp(focals)) > SAME * focal_px
    status = status_of(cam_from_world)
    imported = Cameras(
        name, status, KINDS[status], _make_lens(asked, focal_px, centre_px), np.asarray(frames, int),
        cam_from_world, focals if zooms else None, scale_known=False, warnings=warnings,
    )  # fmt: skip
    return cut_to_shot(imported, asked.size_px, asked.frames)


def _choose_focal_px(name: str, asked: Asked, count: int) -> np.ndarray:
    if not count:
        return np.zeros(0)
    if asked.lens is not None:
        return np.full(count, asked.lens.fx_px)
    if asked.focal_mm is not None:
        return np.full(count, asked.focal_mm / asked.sensor_width_mm * asked.size_px[0])
    raise ShotError(f"{name}: found no field of view; needed shot.camera.focal_mm or shot.camera.lens_from ({KEY})")


def _make_lens(asked: Asked, focal_px: float, centre_px: tuple[float, float] | None) -> Lens:
    middle = asked.size_px[0] / 2, asked.size_px[1] / 2
    if asked.lens is None:
        return Lens(focal_px, focal_px * asked.pixel_aspect, *(centre_px or middle))
    lens = asked.lens.with_focal_px(focal_px)
    if centre_px is None or np.hypot(centre_px[0] - middle[0], centre_px[1] - middle[1]) < CENTRED_PX:
        return lens
    return replace(lens, cx_px=centre_px[0], cy_px=centre_px[1])


def status_of(cam_from_world: np.ndarray) -> str:
    """Tell whether a camera moves ("solved"), only turns ("tripod") or does neither ("static").

    cam_from_world: (N, 3, 4). No poses at all are "static".
    """
    if not len(cam_from_world):
        return "static"
    rotations = cam_from_world[:, :, :3]
    centres = -np.einsum("nji,nj->ni", rotations, cam_from_world[:, :, 3])
    size = max(1e-6, float(np.abs(centres).max()))
    if np.ptp(centres, axis=0).max() > SAME * size:
        return "solved"
    return "tripod" if np.ptp(rotations, axis=0).max() > SAME else "static"
