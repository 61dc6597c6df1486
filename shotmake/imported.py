"""A camera brought along: read and checked as strictly as one of ours, and used as it is."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError, said_by
from shotmake.formats.text import whole_json
from shotmake.lens import Lens
from shotmake.plausible_lens import folds
from shotmake.reasons import Reason, read_warnings, record_reasons
from shotmake.solve_record import Solution

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


def read_cameras(path: Path, size_px: tuple[int, int], frames: tuple[int, int]) -> Cameras:
    """The cameras of a solve JSON (design: schema 1) for the plate frames first..last; others are left out.

    ShotError for a file that is no solve JSON, has another picture size, or that `of_the_shot` refuses.
    """
    record = whole_json(path, KEY)
    try:
        lens, status = Lens.from_json(record["lens"]), record["status"]
        cameras = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
        numbers = np.array([int(frame) for frame in record["frames"]], int)
        width, height = record["image_size_px"]
        zoom = record.get("focal_px_per_frame")
        focals = None if zoom is None else np.array(zoom, float)
        was_solved = record.get("engine", "imported") not in ("imported", "given")
        confidence = float(record["confidence"]) if was_solved else None
        warnings = read_warnings(record) if was_solved else ()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ShotError(f"{path.name}: not a solve JSON ({said_by(error)}); check {KEY}") from error
    except ShotError as error:  # another lens model
        raise ShotError(f"{path.name}: {str(error)[:200]} ({KEY})") from error
    if confidence is not None and not 0 <= confidence <= 1:
        raise ShotError(f"{path.name}: found confidence {confidence:g}; needed 0 to 1 ({KEY})")
    if (width, height) != size_px:
        raise ShotError(
            f"{path.name}: made for {str(width)[:9]}x{str(height)[:9]}; the plate is {size_px[0]}x{size_px[1]} ({KEY})"
        )
    if status not in ("solved", "tripod", "static") or len(cameras) != len(numbers):
        found = f"status {str(status)[:20]!r} with {len(cameras)} poses of {len(numbers)} frames"
        raise ShotError(f"{path.name}: {found} ({KEY})")
    if focals is not None and focals.shape != numbers.shape:
        raise ShotError(f"{path.name}: {focals.size} focal lengths of {len(numbers)} frames ({KEY})")
    kind, known = str(record.get("kind", "general")), bool(record.get("scale_known", False))
    given = Cameras(path.name, status, kind, lens, numbers, cameras, focals, known, confidence, warnings)
    return of_the_shot(given, size_px, frames)


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


def imported(given: Cameras, size_px: tuple[int, int]) -> Solution:
    """The cameras as they are, as a Solution without points."""
    focals = given.focal_px_per_frame
    # those of a solve are about the tracks it had
    said = [] if given.confidence is not None else [warning.with_name(given.name) for warning in given.warnings]
    text = f"the camera was imported from {given.name} and not checked against tracks"
    record = {
        "schema": 1, "status": given.status, "reason": "", "reason_code": "", "kind": given.kind,
        "image_size_px": list(size_px), "lens": given.lens.to_json(),
        "focal_px_per_frame": None if focals is None else focals.tolist(),
        "frames": given.frames.tolist(), "cam_from_world": given.cam_from_world.reshape(-1, 12).tolist(),
        "rms_px": None, "holdout_rms_px": None, "rms_px_per_frame": [], "confidence": 0.0, "tracks_used": 0,
        "scale_known": given.scale_known, "engine": "imported",
        **record_reasons([Reason("camera_unchecked", text), *said]),
    }  # fmt: skip
    no_points = {
        "track_id": np.zeros(0, np.int32), "point_xyz": np.zeros((0, 3)), "error_px": np.zeros(0),
        "holdout": np.zeros(0, bool), "ground_found": np.array(False),
    }  # fmt: skip
    return Solution(record, no_points)
