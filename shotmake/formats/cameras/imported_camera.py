"""A camera from a file: read as plain numbers, and checked as strictly as one of ours."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.geometry.plausible_lens import has_fold
from shotmake.numbers_in_words import tell_apart
from shotmake.reasons import Reason

KEY = "shot.camera.import_file"
FARTHEST = 1e9  # world units: a place this far has no whole centimetres in Blender; much farther, not even a number
FOCAL_WIDTHS = (1e-3, 1e4)  # in plate widths: from 2 mm on a 200 mm back to 3000 mm on a 1 mm back, with room
CENTRE_WIDTHS = 10.0  # in plate widths: how far the lens centre may be from the top-left corner, in x and y


@dataclass(frozen=True)
class Cameras:
    """The cameras of a file.

    name: of the file. status, kind: as in a solve JSON. frames (K,): plate numbers; `cut_to_shot` sorts them.
    cam_from_world (K, 3, 4): OpenCV axes, world Z up. focal_px_per_frame (K,): of a zoom, else None. confidence,
    warnings: of a solve, else None and ().
    """

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


def cut_to_shot(imported: Cameras, size_px: tuple[int, int], frames: tuple[int, int]) -> Cameras:
    """Cut the cameras of a file to the plate frames first..last, and sort them by frame.

    Raises ShotError when a frame has two poses, when a matrix is not a rotation, when a camera is farther than FARTHEST
    from the origin, when a focal length or the lens centre is beyond FOCAL_WIDTHS or CENTRE_WIDTHS, when the lens folds
    over inside the picture, and when no pose is in the range.
    """
    name, cameras, numbers = imported.name, imported.cam_from_world, imported.frames
    if len(np.unique(numbers)) != len(numbers):
        raise ShotError(f"{name}: has more than one pose for a frame ({KEY})")
    if fault := _find_odd_pose(imported) or _find_implausible(imported, size_px[0]):
        raise ShotError(f"{name}: {fault} ({KEY})")
    if has_fold(imported.lens, size_px):
        raise ShotError(f"{name}: its lens folds over inside the picture ({KEY})")
    order = np.argsort(numbers)
    inside = order[(numbers[order] >= frames[0]) & (numbers[order] <= frames[1])]
    if not len(inside):
        raise ShotError(f"{name}: has no pose for the frames {frames[0]} to {frames[1]} ({KEY})")
    focals = imported.focal_px_per_frame
    return replace(
        imported,
        frames=numbers[inside],
        cam_from_world=cameras[inside],
        focal_px_per_frame=None if focals is None else focals[inside],
    )


def _find_odd_pose(imported: Cameras) -> str:
    """Return the first pose that is no rotation and place, and what is needed; "" when there is none."""
    cameras = imported.cam_from_world
    finite = np.isfinite(cameras).all((1, 2))
    if not finite.all():
        frame = imported.frames[np.argmin(finite)]
        return f"found a pose with a number that is not finite in frame {frame}; needed finite numbers"
    rotations = cameras[:, :, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(rotations @ np.swapaxes(rotations, 1, 2) - np.eye(3)).max((1, 2))
        sound = (off < 1e-4) & (np.linalg.det(rotations) > 0)
    if not sound.all():
        found = f"a pose that is no rotation and place in frame {imported.frames[np.argmin(sound)]}"
        return f"found {found}; needed one without shear, scale or mirroring"
    return ""


def _find_implausible(imported: Cameras, width_px: int) -> str:
    """Return the first number that no real camera has, and the limits for it; "" when there is none."""
    lens, (low, high) = imported.lens, FOCAL_WIDTHS
    far = float(np.abs(imported.cam_from_world[:, :, 3]).max(initial=0))
    if far > FARTHEST:
        off = tell_apart(far, FARTHEST, ".3g")
        return f"found a camera {off} units from the world's origin; needed at most {FARTHEST:g}"
    zoom = () if imported.focal_px_per_frame is None else imported.focal_px_per_frame.tolist()
    for focal_px in (lens.fx_px, lens.fy_px, *zoom):
        if not low * width_px <= focal_px <= high * width_px:
            needed = f"needed {low * width_px:g} to {high * width_px:g}, for a plate {width_px} px wide"
            return f"found a focal length of {focal_px:g} px; {needed}"
    for centre_px in (lens.cx_px, lens.cy_px):
        if not abs(centre_px) <= CENTRE_WIDTHS * width_px:
            return f"found the lens's centre at {centre_px:g} px; needed it within {CENTRE_WIDTHS:g} plate widths"
    return ""
