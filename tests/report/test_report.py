"""The report in numbers, and each tracking.qc limit."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from shotmake.config.schema import Config, Qc
from shotmake.objects.tracklet_file import Tracklet
from shotmake.report.objects_summary import GUESS, describe_objects, measure_cover
from shotmake.report.summary import find_qc_faults, make_report
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.stages.report import list_objects, slice_settings

pytestmark = pytest.mark.fast

PLATE = {"files": ["a.mp4"], "size_px": [96, 64], "frame_rate": [24, 1], "first_frame": 1, "frame_count": 10,
         "warnings": ["the plate is interlaced"]}  # fmt: skip
QUALITY = {"tracks": 200, "tracks_per_frame_min": 50, "first_frame": 1, "last_frame": 10}
SOLUTION = {"shot": "s", "status": "solved", "reason": "", "kind": "general", "lens": {}, "rms_px": 0.3,
            "holdout_rms_px": 0.4, "rms_px_per_frame": [], "confidence": 0.9, "tracks_used": 180,
            "scale_known": False, "engine": "colmap", "frames": list(range(1, 11)),
            "warnings": ["focal is a guess"], "notes": ["2 tracks move"]}  # fmt: skip


def faults(quality=QUALITY, qc=None, **changes) -> list[str]:
    return find_qc_faults(quality, {**SOLUTION, **changes}, {**asdict(Qc()), **(qc or {})}, (1, 10))


def test_a_good_shot_has_no_faults_and_keeps_its_warnings():
    made = make_report(PLATE, QUALITY, SOLUTION, asdict(Qc()), (1, 10))
    assert made["faults"] == [] and made["solve"]["frames_pct"] == 100
    assert made["warnings"] == ["the plate is interlaced", "focal is a guess"]
    assert made["notes"] == ["2 tracks move"]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("refused: tiny parallax", {"status": "refused", "reason": "tiny parallax"}),
        (
            "90.0 % of the frames have a camera (1 of 10 has none); tracking.qc.min_frames_pct is 100",
            {"frames": list(range(1, 10))},
        ),
        ("80.0 % of the frames have a camera (2 of 10 have none)", {"frames": list(range(1, 9))}),
        ("hold-out error 1.20 px; tracking.qc.max_holdout_px is 1", {"holdout_rms_px": 1.2}),
        ("hold-out error 1.004 px; tracking.qc.max_holdout_px is 1", {"holdout_rms_px": 1.004}),
        ("min_tracks_per_frame is 8", {"quality": {"tracks_per_frame_min": 7}}),
    ],
)
def test_each_limit(words, arguments):
    (line,) = faults(**arguments)
    assert words in line


def test_a_share_just_below_its_limit_is_not_rounded_to_it():
    (line,) = find_qc_faults(QUALITY, {**SOLUTION, "frames": list(range(1, 2500))}, asdict(Qc()), (1, 2500))
    assert line.startswith("solve: 99.96 % of the frames have a camera (1 of 2500 has none)")


def test_limits_can_be_loosened():
    assert faults(frames=[1, 2], holdout_rms_px=5.0, qc={"min_frames_pct": 10, "max_holdout_px": 9}) == []
    assert make_report(PLATE, None, None, asdict(Qc()), (1, 10))["faults"] == []


def tracklet(track_id: int, frames: range, coasted=(), label="person") -> dict:
    status = ["coasted" if frame in coasted else "detected" for frame in frames]
    return {"track_id": track_id, "label": label, "frames": list(frames), "frame_status": status}


def block(*tracklets: dict, trust="given", matte=None) -> dict:
    source = {"kind": "motion" if trust == "low" else "file", "trust": trust}
    return describe_objects({"frames": [1001, 1040], "source": source, "tracklets": list(tracklets)}, matte)


def reported(objects: dict) -> dict:
    return make_report(PLATE, QUALITY, SOLUTION, asdict(Qc()), (1, 10), {"main": objects})


def test_objects_are_counted_with_the_frames_in_which_nobody_saw_them():
    made = block(tracklet(1, range(1001, 1011), (1003, 1004, 1007)), tracklet(2, range(1010, 1040), label=""))
    assert made["objects"][0] == {
        "track_id": 1, "label": "person", "first_frame": 1001, "last_frame": 1010,
        "coasted": [[1003, 1004], [1007, 1007]],
    }  # fmt: skip
    assert (made["count"], made["coasted_pct"], made["longest"]) == (2, 7.5, 2)
    summary = reported(made)
    assert summary["objects"]["main"] == made
    assert summary["warnings"] == ["the plate is interlaced", "focal is a guess"]
    assert summary["notes"] == ["2 tracks move"]


def test_a_shot_without_objects_says_nothing_of_them():
    assert "objects" not in make_report(PLATE, QUALITY, SOLUTION, asdict(Qc()), (1, 10))


def test_no_object_was_found():
    made = block()
    assert (made["count"], made["coasted_pct"], made["longest"], made["objects"]) == (0, 0, None, [])


def test_boxes_that_are_a_guess_are_said_to_be():
    assert reported(block(tracklet(1, range(1001, 1005)), trust="low"))["notes"][1:] == [GUESS]


@pytest.mark.parametrize(("invert", "pct"), [(False, [25.0, 25.0, 100.0]), (True, [75.0, 75.0, 0.0])])
def test_what_mattes_cover_counts_once_where_boxes_overlap_and_only_on_the_plate(invert, pct):
    quarter = np.array([[-50.0, -50, 100 + 50, 50 + 50], [20, 10, 40, 20]])
    boxes = {1: quarter, 2: quarter[:1], 3: np.array([[-1e6, -1e6, 2e6, 2e6]])}
    made = measure_cover(lambda frame: boxes[frame], (200, 100), (1, 3), invert)
    assert made == {"covered_median_pct": np.median(pct), "covered_most_pct": max(pct),
                    "worst_frame": 1 + int(np.argmax(pct)), "inverted": invert}  # fmt: skip


@pytest.mark.parametrize(("most_pct", "kind"), [(88.0, "warnings"), (30.0, "notes")])
def test_mattes_that_cover_too_much_are_warned_of(most_pct, kind):
    matte = {"covered_median_pct": 20.0, "covered_most_pct": most_pct, "worst_frame": 1007, "inverted": False}
    (line,) = [line for line in reported(block(matte=matte))[kind] if "mattes" in line]
    assert f"cover 20 % of the plate (median), {most_pct:.0f} % in frame 1007" in line
    assert ("tracking.mask.from_objects" in line) == (kind == "warnings")


@pytest.mark.parametrize(("most_pct", "kind"), [(92.0, "warnings"), (30.0, "notes")])
def test_an_inverted_mask_that_leaves_too_little_is_not_told_to_cover_less(most_pct, kind):
    matte = {"covered_median_pct": 20.0, "covered_most_pct": most_pct, "worst_frame": 1007, "inverted": True}
    (line,) = [line for line in reported(block(matte=matte))[kind] if "the inverted mask keeps" in line]
    assert line.startswith(
        f"objects: the inverted mask keeps tracks out of 20 % of the plate (median), {most_pct:.0f} %"
    )
    cure = "; raise tracking.objects.matte.dilate_px, or set tracking.mask.invert: false"
    assert line.endswith(cure) == (kind == "warnings") and "from_objects" not in line


@pytest.mark.parametrize(("chosen", "pct"), [(True, 50.0), ([2], 25.0), (False, None)])
def test_the_stage_measures_the_objects_that_tracks_are_kept_out_of(tmp_path, chosen, pct):
    boxes = np.array([[0.0, 0, 50, 50], [50, 50, 50, 50]])
    seen = [Tracklet("main", at + 1, np.arange(1, 4), boxes[[at] * 3], ("detected",) * 3) for at in (0, 1)]
    record = {"camera_id": "main", "frames": [1, 3], "image_size_px": [100, 100],
              "source": {"kind": "file", "trust": "given"}, "tracklets": [one.to_json() for one in seen]}  # fmt: skip
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(record))
    config = Config()
    config.tracking.objects.enabled, config.tracking.mask.from_objects = True, chosen
    config.tracking.objects.matte.dilate_px = 0.0
    made = list_objects(Job("s", slice_settings(config), {"objects": path}, {}, {}))
    assert made["main"]["count"] == 2
    assert made["main"]["matte"] == (
        None
        if pct is None
        else {"covered_median_pct": pct, "covered_most_pct": pct, "worst_frame": 1, "inverted": False}
    )
