"""The report in numbers, and each tracking.qc limit."""

from dataclasses import asdict

import pytest

from shotmake.config import Qc
from shotmake.report import qc_faults, report

PLATE = {"files": ["a.mp4"], "size_px": [96, 64], "frame_rate": [24, 1], "first_frame": 1, "frame_count": 10,
         "warnings": ["the plate is interlaced"]}  # fmt: skip
QUALITY = {"tracks": 200, "tracks_per_frame_min": 50, "first_frame": 1, "last_frame": 10}
SOLUTION = {"shot": "s", "status": "solved", "reason": "", "kind": "general", "lens": {}, "rms_px": 0.3,
            "holdout_rms_px": 0.4, "rms_px_per_frame": [], "confidence": 0.9, "tracks_used": 180,
            "scale_known": False, "engine": "colmap", "frames": list(range(1, 11)),
            "warnings": ["focal is a guess"], "notes": ["2 tracks move"]}  # fmt: skip


def faults(quality=QUALITY, qc=None, **changes) -> list[str]:
    return qc_faults(quality, {**SOLUTION, **changes}, {**asdict(Qc()), **(qc or {})}, (1, 10))


def test_a_good_shot_has_no_faults_and_keeps_its_warnings():
    made = report(PLATE, QUALITY, SOLUTION, asdict(Qc()), (1, 10))
    assert made["faults"] == [] and made["solve"]["frames_pct"] == 100
    assert made["warnings"] == ["the plate is interlaced", "focal is a guess"]
    assert made["notes"] == ["2 tracks move"]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("refused: tiny parallax", {"status": "refused", "reason": "tiny parallax"}),
        ("min_frames_pct is 100", {"frames": list(range(1, 10))}),
        ("max_holdout_px is 1", {"holdout_rms_px": 1.2}),
        ("min_tracks_per_frame is 8", {"quality": {"tracks_per_frame_min": 7}}),
    ],
)
def test_each_limit(words, arguments):
    (line,) = faults(**arguments)
    assert words in line


def test_limits_can_be_loosened():
    assert faults(frames=[1, 2], holdout_rms_px=5.0, qc={"min_frames_pct": 10, "max_holdout_px": 9}) == []
    assert report(PLATE, None, None, asdict(Qc()), (1, 10))["faults"] == []
