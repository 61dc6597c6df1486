"""What a solve must reach, by kind of move."""

from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated
from shotmake.solve.verdict import Solution

KEYS = {
    "schema", "status", "reason", "reason_code", "kind", "image_size_px", "lens", "focal_px_per_frame", "frames",
    "interpolated", "cam_from_world", "rms_px", "holdout_rms_px", "rms_px_per_frame", "confidence", "tracks_used",
    "scale_known", "engine", "warnings", "warning_codes", "notes", "note_codes", "links", "witness",
}  # fmt: skip


def accurate(shot: Simulated, solution: Solution, ate_pct=0.1, rot_deg=0.06, focal_pct=1.0, lens_px=1.0) -> None:
    found = measure(solution.record, shot.truth)
    assert found["status"] == "solved", solution.record["reason"]
    assert found["frames_pct"] == 100
    assert found["ate_pct"] < ate_pct
    assert found["rot_deg"] < rot_deg
    assert abs(found["focal_pct"]) < focal_pct
    assert found["lens_px"] < lens_px
