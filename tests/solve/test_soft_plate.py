"""Three frames of knob_hero out of focus (46-48): the plate that was solved wrong at confidence .94, without a word.

tests/data/blur_bridge_b15x3.mp4 has the cameras of knob_hero. Each half of it solves right; what joins them are some
fourteen tracks, most of them on a wrong place. More such plates: tests/benchmarks/soft_plates.py.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from helpers.measures.knob_verdict import CAUSES, LIMIT_PX, knob_slip_px, knob_slips_px
from helpers.shows.project import DATA, Ran, make_project
from helpers.tiers import more

SHOT_YAML = "# @package _global_\nshot:\n  name: soft\n  footage: {file: footage/soft.mp4, bad_frames: BAD}\n"


def build(root: Path, bad_frames: str) -> tuple[dict, Ran]:
    """The solve of the plate, and what the terminal says."""
    project = make_project(root / "show")
    shutil.copy(DATA / "blur_bridge_b15x3.mp4", project.root / "footage" / "soft.mp4")
    project.write_shot("soft", SHOT_YAML.replace("BAD", bad_frames))
    project.remove_other_shots("soft")
    ran = project.run("solve", "shot=soft")
    (path,) = (project.root / ".gsd-state" / "tracking" / "solves").glob("soft-????????????.json")
    return json.loads(path.read_text()), ran


@pytest.mark.parametrize("bad_frames", ["null", *more("[46-48]")])
def test_the_camera_goes_over_the_soft_frames(tmp_path, bad_frames):
    record, ran = build(tmp_path, bad_frames)
    assert (record["status"], record["warning_codes"], record["note_codes"]) == ("solved", [], ["frames_bridged"])
    assert len(record["frames"]) == 96 and record["interpolated"] == [46, 47, 48]
    assert [record["rms_px_per_frame"][frame - 1] for frame in (46, 47, 48)] == [None] * 3
    slips_px = knob_slips_px(record)
    assert knob_slip_px(record) < 0.5 and max(slips_px[frame] for frame in (46, 47, 48)) < 1.0
    assert "3 soft: 46-48" in ran.out and "in each of the 93 frames that can be tracked" in ran.out
    assert "46-48 cannot be tracked: the camera there is interpolated" in ran.out


def test_the_join_over_soft_frames_that_are_tracked_is_right_or_refused(tmp_path):
    record, ran = build(tmp_path, "[]")
    assert record.get("interpolated", []) == []
    if record["status"] == "refused":
        assert record["reason_code"] in CAUSES, record["reason"]
        named = {int(number) for number in re.findall(r"\d+", record["reason"])}
        assert named & set(range(44, 51)), f"no frame of the gap is named: {record['reason']}"
    else:
        slip = knob_slip_px(record)
        assert slip <= LIMIT_PX, f"slips {slip:.1f} px at confidence {record['confidence']}\n{ran.out}"
