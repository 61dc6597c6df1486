"""A camera brought along instead of solved: checked as strictly as one of ours."""

import json
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.lens import Lens
from shotmake.solve import Solution

KEY = "shot.camera.import_file"


def imported(path: Path, size_px: tuple[int, int], frames: tuple[int, int]) -> Solution:
    """A solve JSON (design: schema 1) -> Solution without points, cut to the frames first..last.

    ShotError for a file that is no solve JSON, has another picture size, no pose in the range, or no rotations.
    """
    try:
        record = json.loads(path.read_text())
        lens, status = Lens.from_json(record["lens"]), record["status"]
        cameras = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
        numbers = [int(frame) for frame in record["frames"]]
        found_px = tuple(record["image_size_px"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShotError(f"{path.name}: not a solve JSON ({error!r}); check {KEY}") from error
    if found_px != size_px:
        found, needed = (f"{width}x{height}" for width, height in (found_px, size_px))
        raise ShotError(f"{path.name}: made for {found}; the plate is {needed} ({KEY})")
    if status not in ("solved", "tripod", "static") or len(cameras) != len(numbers):
        raise ShotError(f"{path.name}: status {status!r} with {len(cameras)} poses of {len(numbers)} frames ({KEY})")
    rotations = cameras[:, :, :3]
    orthonormal = np.abs(rotations @ np.swapaxes(rotations, 1, 2) - np.eye(3)).max(initial=0) < 1e-4
    if not (np.isfinite(cameras).all() and orthonormal and (np.linalg.det(rotations) > 0).all()):
        raise ShotError(f"{path.name}: cam_from_world holds matrices that are no rotations ({KEY})")
    inside = [index for index, frame in enumerate(numbers) if frames[0] <= frame <= frames[1]]
    if not inside:
        raise ShotError(f"{path.name}: has no pose for the frames {frames[0]} to {frames[1]} ({KEY})")
    known = {
        "schema": 1, "status": status, "reason": "", "kind": "general", "image_size_px": list(size_px),
        "lens": lens.to_json(), "focal_px_per_frame": None, "frames": [numbers[index] for index in inside],
        "cam_from_world": cameras[inside].reshape(-1, 12).tolist(), "rms_px": None, "holdout_rms_px": None,
        "rms_px_per_frame": [], "confidence": 0.0, "tracks_used": 0,
        "scale_known": bool(record.get("scale_known", False)), "engine": "imported",
        "warnings": [f"the camera was imported from {path.name} and not checked against tracks"],
    }  # fmt: skip
    no_points = {
        "track_id": np.zeros(0, np.int32), "point_xyz": np.zeros((0, 3)), "error_px": np.zeros(0),
        "holdout": np.zeros(0, bool), "ground_found": np.array(False),
    }  # fmt: skip
    return Solution(known, no_points)
