"""A camera from a file: read as plain numbers, and checked as strictly as one of ours."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.geometry.plausible_lens import folds
from shotmake.reasons import Reason

KEY = "shot.camera.import_file"
FARTHEST = 1e9  # world units: what lies further has no whole centimetre left in Blender, nor a number further still
FOCAL_WIDTHS = (1e-3, 1e4)  # of the plate: 2 mm on 200 mm to 3000 mm on 1 mm, with room
CENTRE_WIDTHS = 10.0  # how far off the lens's centre may be


@dataclass(frozen=True)
class Cameras:
    """name: of the file; status, kind: as in a solve JSON; frames (K,) plate numbers, rising; cam_from_world
    (K, 3, 4); focal_px_per_frame (K,) of a zoom, else None; confidence, warnings: of a solve, else None and none."""

    name: str
    status: str
    kind: str
    lens: Lens
    frames: np.ndarray
    cam_from_world: np.ndarray
    focal_px_per_frame: np.ndarray | None
    scale_known: bool
    confidence: float | None = None
    warnings: tuple[Reason, ...] = ()


def of_the_shot(given: Cameras, size_px: tuple[int, int], frames: tuple[int, int]) -> Cameras:
    """Those of the plate frames first..last, in order.

    ShotError for two poses of a frame, matrices that are no rotations, a place or a lens beyond all measure, a lens
    that folds, or no pose in the range.
    """
    name, cameras, numbers = given.name, given.cam_from_world, given.frames
    if len(np.unique(numbers)) != len(numbers):
        raise ShotError(f"{name}: has more than one pose for a frame ({KEY})")
    rotations = cameras[:, :, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        orthonormal = np.abs(rotations @ np.swapaxes(rotations, 1, 2) - np.eye(3)).max(initial=0) < 1e-4
    if not (np.isfinite(cameras).all() and orthonormal and (np.linalg.det(rotations) > 0).all()):
        raise ShotError(f"{name}: cam_from_world holds matrices that are no rotations ({KEY})")
    if fault := _beyond_measure(given, size_px[0]):
        raise ShotError(f"{name}: {fault} ({KEY})")
    if folds(given.lens, size_px):
        raise ShotError(f"{name}: its lens folds over inside the picture ({KEY})")
    order = np.argsort(numbers)
    inside = order[(numbers[order] >= frames[0]) & (numbers[order] <= frames[1])]
    if not len(inside):
        raise ShotError(f"{name}: has no pose for the frames {frames[0]} to {frames[1]} ({KEY})")
    focals = given.focal_px_per_frame
    return replace(
        given,
        frames=numbers[inside],
        cam_from_world=cameras[inside],
        focal_px_per_frame=None if focals is None else focals[inside],
    )


def _beyond_measure(given: Cameras, width_px: int) -> str:
    """The first number that no camera has, and what it may be; "" for a camera."""
    lens, (low, high) = given.lens, FOCAL_WIDTHS
    far = float(np.abs(given.cam_from_world[:, :, 3]).max(initial=0))
    if far > FARTHEST:
        return f"found a camera {far:.3g} units from the world's origin; needed at most {FARTHEST:g}"
    zoom = () if given.focal_px_per_frame is None else given.focal_px_per_frame.tolist()
    for focal_px in (lens.fx_px, lens.fy_px, *zoom):
        if not low * width_px <= focal_px <= high * width_px:
            needed = f"needed {low * width_px:g} to {high * width_px:g}, for a plate {width_px} px wide"
            return f"found a focal length of {focal_px:g} px; {needed}"
    for centre_px in (lens.cx_px, lens.cy_px):
        if not abs(centre_px) <= CENTRE_WIDTHS * width_px:
            return f"found the lens's centre at {centre_px:g} px; needed it within {CENTRE_WIDTHS:g} plate widths"
    return ""
