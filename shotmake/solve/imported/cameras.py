"""An imported camera: read and checked as strictly as one of ours, and used as it is."""

import numpy as np

from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.reasons import Reason, record_reasons
from shotmake.solve.record import Solution


def imported(given: Cameras, size_px: tuple[int, int]) -> Solution:
    """Return the imported cameras as they are: a Solution without points."""
    focals = given.focal_px_per_frame
    # the warnings of a solve are about its own tracks: they are left out
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
