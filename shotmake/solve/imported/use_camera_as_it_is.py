"""An imported camera: read and checked as strictly as one of ours, and used as it is."""

from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.reasons import Reason, record_reasons
from shotmake.solve.record import Solution, make_blank_record, make_no_points


def make_imported_solution(imported: Cameras, size_px: tuple[int, int]) -> Solution:
    """Return the imported cameras as they are: a Solution without points."""
    focals = imported.focal_px_per_frame
    # the warnings of a solve are about its own tracks: they are left out
    said = (
        [] if imported.confidence is not None else [warning.with_name(imported.name) for warning in imported.warnings]
    )
    text = f"the camera was imported from {imported.name} and not checked against tracks"
    record = make_blank_record(imported.status, imported.kind, size_px) | {
        "lens": imported.lens.to_json(),
        "focal_px_per_frame": None if focals is None else focals.tolist(),
        "frames": imported.frames.tolist(),
        "cam_from_world": imported.cam_from_world.reshape(-1, 12).tolist(),
        "scale_known": imported.scale_known,
        "engine": "imported",
        **record_reasons([Reason("camera_unchecked", text), *said]),
    }
    return Solution(record, make_no_points())
