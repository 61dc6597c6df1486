"""tracking.solve.engine: blender, on simulated tracks with known cameras, with real Blender."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.measures.accurate import KEYS, accurate
from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, half_noisy, simulate
from helpers.plates.synthetic import make_plate, truth
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import compute_marker_errors_px
from shotmake.solve.problem import SolveInputs
from shotmake.solve.start.libmv import Answer, Question, Run, make_question
from shotmake.solve.verdict import Solution, hold_out, solve
from shotmake.tasks.blender.libmv import make_solver
from shotmake.tasks.blender.private_blender import find_python, make_environment, version_of
from shotmake.tasks.stages.solve.stage import SOLVE


@pytest.fixture(scope="module")
def by_libmv(tmp_path_factory) -> Run:
    assert make_environment() is None
    return make_solver(tmp_path_factory.mktemp("libmv"))


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=1, frame_count=36, visible=130, first_frame=1001)


@pytest.fixture(scope="module")
def pan() -> Simulated:
    return simulate("pan", seed=2, frame_count=36, visible=120)


def run(shot: Simulated, by_libmv: Run, camera: schema.Camera | None = None, **settings) -> Solution:
    settings = schema.Solve(engine="blender", **settings)
    return solve(
        SolveInputs(shot.tracks, shot.size_px, shot.frames, camera or schema.Camera(), settings, by_libmv=by_libmv)
    )


def test_an_orbit_is_solved_by_libmv_which_never_sees_the_hold_outs(orbit, by_libmv):
    asked: list[Question] = []
    solution = run(orbit, lambda one: asked.append(one) or by_libmv(one))
    record = solution.record
    assert set(record) == KEYS and json.loads(json.dumps(record)) == record
    assert (record["engine"], record["kind"], record["warnings"]) == ("blender", "general", [])
    accurate(orbit, solution, ate_pct=0.1, rot_deg=0.06, focal_pct=1.0, lens_px=2.0)
    assert record["confidence"] > 0.85 and 0.1 < record["holdout_rms_px"] < 0.8
    ids = np.unique(orbit.tracks.track_id)
    held = ids[hold_out(len(ids))]
    assert asked and not any(np.isin(one.markers.track_ids, held).any() for one in asked)
    assert set(solution.points["track_id"][solution.points["holdout"]]) <= set(held)


def test_a_wrong_first_guess_of_the_focal_length(orbit, by_libmv):
    accurate(orbit, run(orbit, by_libmv, schema.Camera(focal_mm=1.8 * 1000 / 960 * 36)), lens_px=2.0)


@pytest.mark.parametrize("refine", [("focal", "k1", "k2"), ("focal", "principal_point", "k1", "k2"), ()])
def test_its_lens_and_bundles_are_the_same_in_our_terms(orbit, by_libmv, refine):
    """Bundles through our camera and lens miss the markers by just what libmv says they do."""
    markers = Observations.from_tracks(orbit.tracks, orbit.frames)
    answer = by_libmv(make_question(markers, orbit.size_px, False, refine, 1e9, 1000.0, (4, 30)))
    points = np.concatenate([answer.bundles, np.ones((len(answer.bundles), 1))], 1)
    errors_px = compute_marker_errors_px(points, markers, answer.cam_from_world, answer.lens)
    seen = np.isfinite(answer.bundles[:, 0])[markers.track]
    assert seen.mean() > 0.9
    assert errors_px[seen].mean() == pytest.approx(answer.error_px, abs=0.001)
    sums = np.bincount(markers.track[seen], errors_px[seen], len(points))
    of_track = sums / np.maximum(np.bincount(markers.track, minlength=len(points)), 1)
    known = np.isfinite(answer.track_error_px)
    np.testing.assert_allclose(of_track[known], answer.track_error_px[known], atol=0.001)
    off_centre_px = abs(answer.lens.cy_px - orbit.size_px[1] / 2)
    assert (off_centre_px > 0.5) == ("principal_point" in refine)
    assert (answer.lens.fx_px == 1000.0 and answer.lens.k1 == 0) == (refine == ())


def test_a_pan_is_a_tripod_by_blenders_tripod_solver(pan, by_libmv):
    record = run(pan, by_libmv).record
    found = measure(record, pan.truth)
    assert (found["status"], record["kind"], record["engine"]) == ("tripod", "tripod", "blender")
    assert found["frames_pct"] == 100
    assert found["rot_deg"] < 0.08 and abs(found["focal_pct"]) < 1.5 and found["lens_px"] < 2


@pytest.mark.parametrize("kind", ["orbit", "pan"])
def test_the_artists_weights_reach_libmv(kind, by_libmv):
    shot, clean = half_noisy(kind)
    settings = schema.Solve(engine="blender")
    asked = SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), settings, by_libmv=by_libmv)
    turns = [
        measure(solve(replace(asked, weights=dict.fromkeys(clean, weight))).record, shot.truth)["rot_deg"]
        for weight in (1.0, 50.0)
    ]
    assert turns[1] < 0.6 * turns[0]


def test_what_is_wrong_is_refused_with_its_reason(orbit, pan, by_libmv):
    moving, tripod = run(pan, by_libmv, kind="general").record, run(orbit, by_libmv, kind="tripod").record
    assert (moving["status"], tripod["status"]) == ("refused", "refused")
    assert "tracking.solve.kind: tripod" in moving["reason"] and "tracking.solve.kind: auto" in tripod["reason"]
    assert {moving["engine"], tripod["engine"]} == {"blender"}


@pytest.mark.parametrize(
    "kind, said", [("orbit", "100% of the held-back tracks miss"), ("pan", "Blender's tripod solver does not")]
)
def test_a_wrong_solve_of_libmvs_is_refused(kind, said, by_libmv, request):
    """Its cameras in reverse order: as smooth a path as before, and its own error as small."""

    def reversed_in_time(asked: Question) -> Answer:
        answer = by_libmv(asked)
        return replace(answer, cam_from_world=answer.cam_from_world[::-1])

    record = run(request.getfixturevalue(kind), reversed_in_time).record
    assert record["status"] == "refused" and said in record["reason"] and record["cam_from_world"] == []


def test_a_lens_of_libmvs_that_folds_is_no_camera(orbit, by_libmv):
    """Once it found k1 = 438 on a small plate: that was an error which named a key, and is a refusal."""

    def fold(asked: Question) -> Answer | None:
        answer = by_libmv(asked)
        return answer and replace(answer, lens=replace(answer.lens, k1=437.9, k2=-9.762e4, k3=2.998e4))

    record = run(orbit, fold).record
    assert (record["status"], record["reason_code"]) == ("refused", "lens_folds"), record["reason"]


def test_where_libmv_finds_no_camera_the_shot_is_refused(orbit, pan):
    moving, tripod = (run(shot, lambda asked: None).record for shot in (orbit, pan))
    assert moving["status"] == "refused" and "libmv posed 0 of" in moving["reason"]
    assert tripod["status"] == "refused" and "it found no camera" in tripod["reason"]


def test_lens_values_that_blender_cannot_refine_are_errors_that_name_their_key(orbit, by_libmv):
    with pytest.raises(ShotError, match="^tracking.solve.refine: found k1 alone; Blender refines all radial"):
        run(orbit, by_libmv, refine=["focal", "k1"])
    with pytest.raises(ShotError, match="^tracking.solve.refine: found p1, which Blender refines only in"):
        make_question(
            Observations.from_tracks(orbit.tracks, orbit.frames), orbit.size_px, False, ("p1",), 2, 1e3, (0, 9)
        )


def test_only_this_engine_needs_blender():
    one = schema.Config()
    assert SOLVE.after(one) == () and not {"executable", "version"} & set(SOLVE.settings(one))
    one.tracking.solve.engine = "blender"
    assert SOLVE.after(one) == ("blender",) and SOLVE.settings(one)["executable"] is None
    assert version_of(SOLVE.settings(one)) == "4.5"
    one.composite.blender.version = "5.0"
    assert version_of(SOLVE.settings(one)) == "5.0"


def test_libmv_runs_in_the_blender_that_makes_the_scene(mini, tmp_path):
    """Only 4.2 is installed in this home (in fact our usual one, which says when it is called)."""
    home, called = tmp_path / "home", tmp_path / "called"
    words = ("composite.blender.version=4.2", "tracking.engine=blender", "tracking.solve.engine=blender")
    stand_in = home / "blender-4.2" / "bin" / "python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(f'#!/bin/sh\necho "$*" >> {called}\nexec {find_python()} "$@"\n')
    stand_in.chmod(0o755)
    (home / "blender-4.2" / "ready.json").write_text("{}")
    command = (sys.executable, "-m", "doit", "solve", "shot=mini", *words)
    ran = mini.doit_with(*command, SHOTMAKE_BLENDER_HOME=str(home))
    assert ran.code == 0, ran.out + ran.err
    assert "track_plate.py" in called.read_text() and "solve_tracks.py" in called.read_text()
    assert [one.name for one in home.iterdir()] == ["blender-4.2"]


def test_through_the_command_line_and_when_blender_is_killed(mini, tmp_path):
    words = ("solve", "shot=mini", "tracking.solve.engine=blender")
    ran = mini.built(*words)
    assert "solve:mini" in ran.executed and "solved (general), 40 frames" in ran.out
    path = next(mini.root.glob(".gsd-state/tracking/solves/mini-????????????.json"))
    record = json.loads(path.read_text())
    found = measure(record, truth(make_plate("desk", frame_count=40)))
    assert record["engine"] == "blender" and found["frames_pct"] == 100
    assert found["ate_pct"] < 0.2 and found["rot_deg"] < 0.2 and abs(found["focal_pct"]) < 2

    killed = tmp_path / "python-killed"
    killed.write_text(f'#!/bin/sh\n{find_python()} "$@" &\nsleep 1\nkill -9 $!\nwait $!\n')
    killed.chmod(0o755)
    for executable, said in ((killed, "Blender was ended by SIGKILL"), (Path(sys.executable), "cannot import bpy")):
        ran = mini.run(*words, f"composite.blender.executable={executable}")
        assert ran.code == 1 and len(ran.fault_lines) == 1 and said in ran.fault_lines[0], ran.err
    left = [one.name for one in path.parent.iterdir() if one.name.startswith(".part-")]
    assert left == []
