"""What solve.json says of links and witness, through the real solve and the real command line."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers.recipes.honest import honest_shot
from helpers.recipes.joins import lookalike_cut, other_take
from helpers.recipes.sets import set_of
from helpers.recipes.witness import look_of
from helpers.shows.project import Project
from helpers.tiers import more
from shotmake.config.schema import Camera, Solve
from shotmake.solve.checks.candidate_and_refusal import Candidate, doubt_by_certificate
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import find_candidate, solve

SESSION = "tracking.session_file=footage/tracks.npz"


def solve_json(project: Project) -> dict:
    folder = project.root / ".gsd-state" / "tracking" / "solves"
    (path,) = [path for path in folder.glob("mini-*.json") if "stamp" not in path.name]
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def found() -> tuple:
    one = set_of(honest_shot("orbit", 21, frame_count=40), "orbit", "orbit", "", 21)
    return one, find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve()))


def test_a_solve_tells_every_link_and_what_the_witness_said():
    one = set_of(honest_shot("orbit", 20, frame_count=40), "orbit", "orbit", "", 20)
    asked = (one.tracks, one.size_px, one.frames, Camera(), Solve())
    record = solve(SolveInputs(*asked, look=look_of(one))).record
    assert record["status"] == "solved" and record["warnings"] == []
    assert [link["frames"] for link in record["links"]] == [[frame, frame + 1] for frame in range(1, 40)]
    assert all(link["agree"] > 0.8 and link["tracks"] > 40 for link in record["links"])
    assert record["witness"][0]["frames"][0] == 1 and record["witness"][-1]["frames"][1] == 40
    assert all(pair["explained"] > 0.9 * pair["allowed"] for pair in record["witness"])
    assert solve(SolveInputs(*asked)).record["witness"] == []  # nobody was asked


def test_a_static_camera_has_no_links():
    one = set_of(honest_shot("static", 20, frame_count=20), "static", "static", "", 20)
    record = solve(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve(), look=look_of(one))).record
    assert (record["status"], record["links"], record["witness"]) == ("static", [], [])


def test_a_doubtful_link_takes_half_of_the_confidence(found):
    _, made = found
    assert isinstance(made, Candidate) and doubt_by_certificate(made) is made
    links = replace(made.certificate.links, jolt_px=np.where(np.arange(39) == 20, 40.0, 0.3))
    doubted = doubt_by_certificate(replace(made, certificate=replace(made.certificate, links=links)))
    assert doubted.agreement == pytest.approx(0.5 * made.agreement)
    assert [warning.code for warning in doubted.warnings] == ["path_jumps"]


@pytest.mark.parametrize(("recipe", "seed"), [(other_take, 31), *more((lookalike_cut, 31))])
def test_two_parts_that_do_not_fit_are_never_solved_in_silence(recipe, seed):
    one = recipe("made", seed)
    record = solve(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve(), look=look_of(one))).record
    assert record["status"] == "refused" and record["links"] == []


def test_the_command_line_asks_the_plate(mini):
    """And its mask; and a plate that changes is looked at again, whatever the tracks are."""
    mini.built("solve", "shot=mini")
    record = solve_json(mini)
    assert record["status"] == "solved" and len(record["links"]) == 39
    assert all(pair["explained"] > 0.85 * pair["allowed"] for pair in record["witness"] if pair["matches"] >= 40)
    seen = sum(pair["matches"] for pair in record["witness"])
    assert seen > 100
    sessions = mini.root / ".gsd-state" / "tracking" / "sessions"
    (tracks,) = sessions.glob("mini-*/tracks.npz")
    (mini.root / "footage" / "tracks.npz").write_bytes(tracks.read_bytes())
    for path in (mini.root / ".gsd-state" / "tracking" / "solves").glob("mini-*"):
        path.unlink()
    shapes = "tracking.mask.shapes=[{keys: [{frame: 1, points_px: [[0, 0], [480, 0], [480, 150], [0, 150]]}]}]"
    mini.built("solve", "shot=mini", SESSION, shapes)
    masked = solve_json(mini)
    assert 0 < sum(pair["matches"] for pair in masked["witness"]) < 0.8 * seen


def test_tracks_of_another_picture_are_contradicted_by_the_plate(mini):
    """The tracks agree with each other and with a camera; the plate beside them shows something else."""
    mini.built("tracks", "shot=mini")
    (tracks,) = (mini.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*/tracks.npz")
    with np.load(tracks) as arrays:
        values = dict(arrays)
    values["xy_px"] = values["xy_px"] * np.float32([-1, 1]) + np.float32([480, 0])  # of the plate flopped
    np.savez(mini.root / "footage" / "tracks.npz", **values)
    ran = mini.run("solve", "shot=mini", SESSION)
    record = solve_json(mini)
    assert record["status"] == "refused" and record["reason_code"] == "witness_disagrees", (record, ran.out)
