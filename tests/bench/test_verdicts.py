"""The bench of verdicts: what it calls wrong and silent, what it counts, and that a killed run goes on."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.judging import judge
from helpers.judging.old_codes import code_of, reason_code, warning_codes
from helpers.judging.tables import bound, honest_table, hostile_table, proof_lines, silent_line
from helpers.recipes.families import FAMILIES, made
from helpers.recipes.sets import TrackSet

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests" / "benchmarks" / "verdicts.py"


@pytest.fixture(scope="module")
def joined() -> TrackSet:
    return made("wrong_join", 3)


def answer(one: TrackSet, yaw_deg: float = 0.0, **record) -> dict:
    """That of a solve which found the true camera but for the second half, turned by so much."""
    cameras, count = one.picture.sees.cam_from_world, len(one.picture.sees.frames)
    turn = np.where(np.arange(count) < count // 2, 0.0, yaw_deg)
    cameras = Rotation.from_euler("y", turn[:, None], degrees=True).as_matrix() @ cameras
    full = {
        "status": "solved",
        "frames": one.picture.sees.frames.tolist(),
        "cam_from_world": cameras.reshape(count, 12).tolist(),
        "lens": one.picture.sees.lenses[0].to_json(),
        "focal_px_per_frame": None,
        "confidence": 0.9,
        "reason": "",
        "reason_code": "",
        "warnings": [],
        "warning_codes": [],
    }
    return {"record": full | record, "points": {}, "cpu_s": 1.0, "candidates": []}


def verdict(one: TrackSet, *args, **more) -> str:
    return judge.row_of(one, answer(one, *args, **more), "abc")["verdict"]


def test_the_truth_is_right_and_a_turned_half_silent_unless_its_cause_is_said(joined):
    assert verdict(joined) == "right"
    assert verdict(joined, 5.0) == "silent"
    assert verdict(joined, 5.0, warning_codes=["frames_without_camera", "focal_open", "ground_unknown"]) == "silent"
    assert verdict(joined, 5.0, warning_codes=["rolling_shutter"]) == "silent"  # no cause of it
    assert verdict(joined, 5.0, warning_codes=["link_disagrees"], confidence=0.3) == "said"
    assert verdict(joined, 5.0, warning_codes=["link_disagrees"], confidence=0.6) == "said, sure"
    refusal = {"status": "refused", "frames": [], "cam_from_world": [], "reason_code": "weak_link", "confidence": 0.0}
    assert verdict(joined, **refusal) == "refused"


def test_an_honest_set_that_is_wrong_is_silent_whatever_is_said():
    one = made("orbit", 3)
    assert verdict(one) == "right"
    assert verdict(one, 5.0, warning_codes=["link_disagrees"]) == "silent"
    assert judge.is_kept(judge.row_of(one, answer(one), "abc"))
    # a moving camera called a tripod is not kept, even if the slip were small
    tripod = judge.row_of(one, answer(one, status="tripod"), "abc")
    assert not judge.is_kept(tripod)


def test_a_camera_between_tripod_and_move_may_be_wrong_for_that_reason_alone():
    one = made("tiny", 3)
    assert verdict(one, 5.0, warning_codes=["focal_open"]) == "said, sure"
    assert verdict(one, 5.0, warning_codes=["ground_unknown"]) == "silent"


def test_a_tripod_is_judged_by_its_rotations_where_the_camera_hardly_moves():
    """A path of some percent of the depth is no slip of a tripod; a real move is, and so is a wrong turn."""

    def slip_px(kind: str, yaw_deg: float = 0.0) -> float:
        one = made(kind, 3)
        record = answer(one, yaw_deg, status="tripod")["record"]
        cameras = np.array(record["cam_from_world"]).reshape(-1, 3, 4)
        cameras[:, :, 3] = 0
        return judge.slip_of(one, record | {"cam_from_world": cameras.reshape(-1, 12).tolist()}, {})

    assert slip_px("pan") < 0.01 and slip_px("tiny") < 0.01
    assert slip_px("orbit") > 50 and slip_px("tiny", 5.0) > 20


def test_frames_without_a_camera_are_no_slip(joined):
    own = answer(joined, 5.0)["record"]
    half = {name: own[name][:30] for name in ("frames", "cam_from_world")}
    row = judge.row_of(joined, answer(joined, 5.0, **half), "abc")
    assert row["verdict"] == "right" and row["posed"] == 0.5


def test_a_refusal_met_a_wrong_camera_if_every_candidate_was_wrong(joined):
    cameras, lens = joined.picture.sees.cam_from_world, joined.picture.sees.lenses[0].to_json()
    wrong = np.array(answer(joined, 5.0)["record"]["cam_from_world"]).reshape(-1, 3, 4)
    refusal = answer(joined, status="refused", frames=[], cam_from_world=[], reason_code="weak_link")

    def met(*candidates: np.ndarray) -> bool:
        of = [{"cam_from_world": one, "lens": lens, "turning": False} for one in candidates]
        return judge.met_wrong(judge.row_of(joined, {**refusal, "candidates": of}, "abc"))

    assert met(wrong) and not met(wrong, cameras) and not met()


def test_a_worker_that_died_is_an_error(joined):
    row = judge.row_of(joined, {"error": "the worker died with -9", "cpu_s": 0.0, "candidates": []}, "abc")
    assert row["verdict"] == "error"


@pytest.mark.parametrize(("found", "count", "limit"), [(0, 59, 0.0495), (0, 300, 0.00994), (3, 100, 0.0757), (5, 5, 1)])
def test_the_bound_is_clopper_and_pearsons(found, count, limit):
    assert bound(found, count) == pytest.approx(limit, rel=0.01)


def test_sentences_of_a_release_without_codes_are_read_and_codes_are_taken_as_they_are():
    assert code_of("tiny parallax: rays meet at 0.5 deg") == "tiny_parallax"
    assert code_of("taken as a tripod, which explains 90% (…): a camera that moves was refused: tiny parallax") == (
        "tripod_instead"
    )
    assert code_of("") == "" and code_of("what nobody ever said") == "other"
    old = {"reason": "", "warnings": ["3 of 60 frames have no camera: too few tracks agree there"]}
    assert reason_code(old) == "" and warning_codes(old) == ["frames_without_camera"]
    new = {**old, "reason_code": "weak_link", "warning_codes": ["path_jumps"]}
    assert reason_code(new) == "weak_link" and warning_codes(new) == ["path_jumps"]


def test_tables_count_each_family_and_what_does_not_count(joined):
    rows = [
        judge.row_of(replace(joined, seed=seed), answer(joined, 5.0 * (seed > 1), **said), "abc")
        for seed, said in enumerate(({}, {}, {}, {"warning_codes": ["weak_link"]}, {"warning_codes": ["weak_link"]}))
    ]
    old = [{**row, "verdict": "refused", "slip_px": None} for row in rows]
    table = "\n".join(hostile_table(rows, old))
    assert "wrong_join         5" in table and "wrong_join does not count: the other code refuses 100%" in table
    first, second, third = proof_lines(rows)
    assert first.startswith("silent wrong: 1 of 5 hostile sets; wrong and said 2 (40.0%), of these 2")
    assert "in 3 sets (3 handed out" in second and f"{bound(1, 3):.2%}" in second
    assert third.startswith("refused 0")
    assert silent_line(rows[2]).startswith("silent: wrong_join")
    kept = honest_table([judge.row_of(made("orbit", 3), answer(made("orbit", 3)), "abc")], [])
    assert kept[-1].split()[:3] == ["all", "1", "100.0%"]


def test_a_killed_run_goes_on(tmp_path):
    """Two still cameras, solved for real by a process of their own; the second run solves only what is missing."""
    rows = tmp_path / "rows.jsonl"

    def run(*seeds: str) -> str:
        command = [sys.executable, str(RUNNER), "--only", "static", "--processes", "1", "--json", str(rows), "--seeds"]
        return subprocess.run([*command, *seeds], capture_output=True, text=True, check=True).stdout

    assert "1 sets with the code of" in run("3")
    whole = rows.read_text()
    rows.write_text(whole + whole[:40])  # a kill in the middle of a line
    said = run("3", "4")
    assert "2 sets with the code of" in said and "1 to solve" in said
    lines = rows.read_text().splitlines()
    found = [json.loads(line) for line in lines if line != whole[:40]]
    assert len(lines) == 3 and [row["seed"] for row in found] == [3, 4]
    assert all(row["verdict"] == "right" for row in found)
    assert "0 to solve" in run("3", "4")
    assert "static             2  100.0%" in said


def test_fresh_seeds_are_not_those_the_recipes_were_chosen_with():
    command = [sys.executable, str(RUNNER), "--tier", "fresh", "--first", "999"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "needed 1000 or more" in done.stderr


def test_every_family_is_in_the_fresh_tier_thirty_times_and_four_tenths_are_honest(monkeypatch):
    sys.path.insert(0, str(RUNNER.parent))
    import verdicts

    monkeypatch.setattr(sys, "argv", ["verdicts.py", "--tier", "fresh", "--first", "70000"])
    cases = verdicts.cases_of(verdicts.arguments())
    hostile = [name for name, _ in cases if name in FAMILIES]
    assert all(hostile.count(name) >= 30 for name in FAMILIES)
    assert len(cases) - len(hostile) >= 400 and len(set(cases)) == len(cases) >= 1000
    assert min(seed for _, seed in cases) == 70000
    monkeypatch.setattr(sys, "argv", ["verdicts.py", "--tier", "small"])
    assert 280 <= len(verdicts.cases_of(verdicts.arguments())) <= 320
