"""Measures that are not in one unit: a survey, an imported camera, the camera's height, a distance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.simulated import Simulated, simulate
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.formats.cameras.solve_json import read_cameras
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.imported.extend import extend_imported
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate

FEET = 3.28


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=3, frame_count=60)


@pytest.fixture(scope="module")
def candidate(orbit) -> Candidate:
    return find_candidate(SolveInputs(orbit.tracks, orbit.size_px, orbit.frames, schema.Camera(), schema.Solve()))


def picks_of(shot: Simulated, times: float = 1.0, count: int = 4) -> list[dict]:
    """Survey points on tracks that live long, far from each other."""
    lives = np.bincount(shot.tracks.track_id, minlength=len(shot.points))
    lives[shot.sliding] = 0
    longest = np.argsort(-lives, kind="stable")[:40]
    chosen = [longest[0]]
    while len(chosen) < count:
        gaps = np.linalg.norm(shot.points[longest, None] - shot.points[None, chosen], axis=2).min(1)
        chosen.append(longest[int(np.argmax(gaps))])
    return [{"track": int(track), "xyz_m": (times * shot.points[track]).tolist()} for track in chosen]


def height_of(shot: Simulated) -> float:
    matrices = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    return float(np.median(-np.einsum("nji,nj->ni", matrices[:, :, :3], matrices[:, :, 3])[:, 2]))


def placed(shot: Simulated, candidate: Candidate, **orient) -> dict:
    settings = schema.Solve(orient=schema.Orient(**orient))
    return finish(candidate, shot.tracks, shot.size_px, shot.frames, settings).record


def brought(path: Path, shot: Simulated, times: float, **orient) -> dict:
    """The true camera of the first half as another program would bring it, its unit so many times a metre."""
    record = {name: shot.truth[name] for name in ("schema", "image_size_px", "lens")}
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)[:30].copy()
    cameras[:, :, 3] *= times
    record |= {"status": "solved", "kind": "general", "scale_known": True, "frames": shot.truth["frames"][:30]}
    path.write_text(json.dumps(record | {"cam_from_world": cameras.reshape(-1, 12).tolist()}))
    imported = read_cameras(path, shot.size_px, shot.frames)
    settings = schema.Solve(orient=schema.Orient(**orient))
    return extend_imported(
        SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), settings), imported
    ).record


def test_measures_that_agree_are_taken(orbit, candidate, tmp_path):
    survey, height_m = picks_of(orbit), height_of(orbit)
    record = placed(orbit, candidate, survey=survey, camera_height_m=1.1 * height_m)
    assert record["status"] == "solved" and record["confidence"] > 0.8
    record = brought(tmp_path / "brought.json", orbit, 1.0, survey=survey, camera_height_m=0.9 * height_m)
    assert record["status"] == "solved" and record["warning_codes"] == ["world_kept"]


@pytest.mark.parametrize("times", [100.0, 0.01, FEET, 1 / FEET])
def test_a_survey_in_another_unit_than_the_height_is_refused(orbit, candidate, times):
    with pytest.raises(ShotError, match=r"camera_height_m: found .* needed one size"):
        placed(orbit, candidate, survey=picks_of(orbit, times), camera_height_m=height_of(orbit))


def test_a_survey_in_another_unit_than_a_distance_is_refused(orbit, candidate):
    survey = picks_of(orbit, 100.0)
    metres = float(np.linalg.norm(np.subtract(survey[0]["xyz_m"], survey[1]["xyz_m"]))) / 100
    ends = {"a": {"track": survey[0]["track"]}, "b": {"track": survey[1]["track"]}, "metres": metres}
    with pytest.raises(ShotError, match=r"orient.distance: found .* needed one size"):
        placed(orbit, candidate, survey=survey, distance=ends)


@pytest.mark.parametrize("measure", ["survey", "height", "distance"])
def test_an_imported_camera_in_another_unit_than_what_was_measured_is_refused(orbit, tmp_path, measure):
    survey = picks_of(orbit)
    metres = float(np.linalg.norm(np.subtract(survey[0]["xyz_m"], survey[1]["xyz_m"])))
    orient = {
        "survey": {"survey": survey},
        "height": {"camera_height_m": height_of(orbit)},
        "distance": {"distance": {"a": survey[0], "b": survey[1], "metres": metres}},
    }[measure]
    orient = {name: {key: _bare(one) for key, one in value.items()} if name == "distance" else value
              for name, value in orient.items()}  # fmt: skip
    with pytest.raises(ShotError, match="needed one size"):
        brought(tmp_path / "brought.json", orbit, 100.0, **orient)


def _bare(end):
    return {"track": end["track"]} if isinstance(end, dict) else end


def test_survey_points_that_contradict_each_other_halve_the_confidence(orbit, candidate):
    survey = picks_of(orbit)
    survey[0]["xyz_m"][0] += 0.3
    record = placed(orbit, candidate, survey=survey)
    assert set(record["warning_codes"]) & {"survey_contradicts", "survey_point_left_out"}
    assert record["confidence"] <= 0.5 < placed(orbit, candidate)["confidence"]


def test_a_warning_that_doubts_the_camera_leaves_half_of_the_confidence(orbit, candidate):
    for code, is_doubt in (("ground_unknown", False), ("focal_guessed", False), ("zoom", True), ("weak_link", True)):
        told = replace(candidate, warnings=(Reason(code, "so it is"),))
        assert (placed(orbit, told)["confidence"] <= 0.5) == is_doubt, code


@pytest.mark.parametrize(("codes", "agreement", "status"), [
    (["zoom", "errors_shared"], 0.2, "refused"), (["zoom", "errors_shared"], 0.3, "solved"),
    (["zoom"], 0.2, "solved"), (["zoom", "frames_without_camera"], 0.2, "solved"),
])  # fmt: skip
def test_a_camera_with_too_many_doubts_at_once_is_refused(orbit, candidate, codes, agreement, status):
    warnings = tuple(Reason(code, f"{code} is said; advice") for code in codes)
    doubted = replace(candidate, agreement=agreement, warnings=warnings)
    record = finish(doubted, orbit.tracks, orbit.size_px, orbit.frames, schema.Solve()).record
    assert record["status"] == status
    if status == "refused":
        expected = "too much is in doubt at once (confidence 0.20, needed 0.25): zoom is said; errors_shared is said"
        assert (record["reason"], record["reason_code"]) == (expected, "zoom")


def test_a_measure_that_nothing_is_placed_by_may_name_a_track_without_a_point(orbit, tmp_path):
    nobody = [{"track": 99_999, "xyz_m": [0, 0, 0]}, *picks_of(orbit)[1:]]
    record = brought(tmp_path / "brought.json", orbit, 1.0, survey=nobody)
    assert record["status"] == "solved"
