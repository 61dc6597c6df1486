"""Three frames of knob_hero out of focus (46-48): the plate that was solved wrong at confidence .94, without a word.

tests/data/blur_bridge_b15x3.mp4 has the cameras of knob_hero. Each half of it solves right; what joins them are some
fourteen tracks, most of them on a wrong place. More such plates: tests/benchmarks/soft_plates.py.
"""

import json
import re
import shutil

from helpers.measures.knob_verdict import CAUSES, LIMIT_PX, knob_slip_px
from helpers.shows.project import DATA, make_project

SHOT_YAML = "# @package _global_\nshot:\n  name: soft\n  footage: {file: footage/soft.mp4}\n"


def test_the_join_over_soft_frames_is_right_or_refused(tmp_path):
    project = make_project(tmp_path / "show")
    shutil.copy(DATA / "blur_bridge_b15x3.mp4", project.root / "footage" / "soft.mp4")
    project.write_shot("soft", SHOT_YAML)
    project.remove_other_shots("soft")
    ran = project.run("solve", "shot=soft")
    (path,) = (project.root / ".gsd-state" / "tracking" / "solves").glob("soft-????????????.json")
    record = json.loads(path.read_text())
    if record["status"] == "refused":
        assert record["reason_code"] in CAUSES, record["reason"]
        named = {int(number) for number in re.findall(r"\d+", record["reason"])}
        assert named & set(range(44, 51)), f"no frame of the gap is named: {record['reason']}"
    else:
        slip = knob_slip_px(record)
        assert slip <= LIMIT_PX, f"slips {slip:.1f} px at confidence {record['confidence']}\n{ran.out}"
