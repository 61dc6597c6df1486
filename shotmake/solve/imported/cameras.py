"""An imported camera: read and checked as strictly as one of ours, and used as it is."""

from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.reasons import Reason, record_reasons
from shotmake.solve.record import Solution, blank_record, no_points


def imported(given: Cameras, size_px: tuple[int, int]) -> Solution:
    """Return the imported cameras as they are: a Solution without points."""
    focals = given.focal_px_per_frame
    # the warnings of a solve are about its own tracks: they are left out
    said = [] if given.confidence is not None else [warning.with_name(given.name) for warning in given.warnings]
    text = f"the camera was imported from {given.name} and not checked against tracks"
    record = blank_record(given.status, given.kind, size_px) | {
        "lens": given.lens.to_json(),
        "focal_px_per_frame": None if focals is None else focals.tolist(),
        "frames": given.frames.tolist(),
        "cam_from_world": given.cam_from_world.reshape(-1, 12).tolist(),
        "scale_known": given.scale_known,
        "engine": "imported",
        **record_reasons([Reason("camera_unchecked", text), *said]),
    }
    return Solution(record, no_points())
