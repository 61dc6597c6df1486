"""The judge alone: some two hundred cameras, wrong on purpose or right, held against certificate, links and witness."""

import pytest

from helpers.judging.alone import judge_alone
from helpers.judging.cameras import WRONG, make_shot

SHOTS = 17  # of each kind three or four; seeds below 5000 are for calibration (tests/benchmarks/judge.py)


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    shots = [make_shot(4000 + number, gap) for number in range(SHOTS) for gap in (False, True)]
    return [judge_alone(shot, how) for shot in shots for how in (*WRONG, "right")]


@pytest.mark.parametrize("how", WRONG)
def test_no_wrong_camera_passes_without_a_word(rows, how):
    wrong = [row for row in rows if row["how"] == how and row["wrong"]]
    assert len(wrong) >= 5
    assert [row for row in wrong if not row["refused"] and not row["doubt"]] == []


def test_most_wrong_cameras_are_refused(rows):
    wrong = [row for row in rows if row["how"] != "right" and row["wrong"]]
    assert sum(bool(row["refused"]) for row in wrong) >= 0.9 * len(wrong)


def test_right_cameras_are_kept(rows):
    right = [row for row in rows if row["how"] == "right"]
    assert len(right) == 2 * SHOTS
    assert sum(bool(row["refused"]) for row in right) <= 1
    assert [row for row in right if row["tracks"] == "whole" and (row["refused"] or row["doubt"])] == []
