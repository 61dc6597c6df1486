"""The referee against cameras that are known, and against variants made to look better than they are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, simulate
from shotmake.config import schema
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import Bundle, adjust, compute_errors_px, lens_from_vector, vector_from_lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.rotations import chain_rotations
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve
from shotmake.sweep.referee import WORST_PX, Referee, Score, make_referee, rank, score
from shotmake.tracks.markers import Tracks


def shared_out(shot: Simulated) -> tuple[Tracks, Tracks]:
    """The referee's tracks, and those to solve with: no track is in both."""
    is_referees = shot.tracks.track_id % 2 == 0
    return shot.tracks.select(is_referees), shot.tracks.select(~is_referees)


def judge_of(shot: Simulated) -> Referee:
    return make_referee(shared_out(shot)[0], shot.frames, shot.size_px)


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=5, frame_count=24, visible=200, lens=(900.0, -0.2, 0.06), first_frame=1001)


@pytest.fixture(scope="module")
def orbit_judge(orbit) -> Referee:
    return judge_of(orbit)


@pytest.fixture(scope="module")
def pan() -> Simulated:
    return simulate("pan", seed=2, frame_count=24, visible=160, span_deg=30)


@pytest.fixture(scope="module")
def pan_judge(pan) -> Referee:
    return judge_of(pan)


def easiest(tracks: Tracks, size_px: tuple[int, int], share: float) -> Tracks:
    """Those that stay in the middle of the picture, away from the lens's borders."""
    middle = np.array(size_px) / 2
    far = (np.abs(tracks.xy_px - middle) > share * middle).any(1)
    return tracks.select(~np.isin(tracks.track_id, tracks.track_id[far]))


def test_keeping_only_the_easiest_tracks_does_not_pay(orbit, orbit_judge):
    """Few tracks, all in the middle: the better hold-out and confidence of its own, and the worse camera."""
    mine = shared_out(orbit)[1]
    few = easiest(mine, orbit.size_px, 0.5)
    assert len(np.unique(few.track_id)) < 0.4 * len(np.unique(mine.track_id))
    arguments = (orbit.size_px, orbit.frames, schema.Camera(), schema.Solve())
    easy, honest = solve(SolveInputs(few, *arguments)).record, solve(SolveInputs(mine, *arguments)).record
    assert easy["status"] == honest["status"] == "solved"
    assert easy["holdout_rms_px"] < honest["holdout_rms_px"]
    lens_px = [measure(one, orbit.truth)["lens_px"] for one in (easy, honest)]
    assert lens_px[0] > 2 * lens_px[1]
    scores = [score(one, orbit_judge) for one in (easy, honest, orbit.truth)]
    assert rank(scores)[-1] == 0
    assert scores[0].error_px > 1.1 * scores[1].error_px and scores[0].cost_px > scores[1].cost_px


def turned_off(pan: Simulated, factor: float) -> tuple[Bundle, Observations]:
    """A tripod at a focal length that is wrong by `factor`, and the tracks it was fitted to."""
    markers = Observations.from_tracks(shared_out(pan)[1], pan.frames)
    lens = vector_from_lens(Lens.from_json(pan.truth["lens"])) + np.log(factor) * np.eye(8)[0]
    return adjust(chain_rotations(markers, lens, np.zeros(markers.frame_count)), markers, ("k1", "k2"), 20), markers


def solved_as_a_move(pan: Simulated, factor: float) -> dict:
    """Turning less and moving sideways, at a focal length that is wrong by `factor`: it fits its tracks."""
    tripod, markers = turned_off(pan, 1.0)
    middle = tripod.rotations[len(tripod.rotations) // 2]
    turns = Rotation.from_matrix(tripod.rotations @ middle.T).as_rotvec()
    moving = replace(
        tripod,
        rotations=Rotation.from_rotvec(turns / factor).as_matrix() @ middle,
        translations=np.cross(turns * (1 - 1 / factor), [0.0, 0.0, 1.0]),
        inverse_depths=np.ones(len(tripod.directions)),
        lens=tripod.lens + np.log(factor) * np.eye(8)[0],
        general=True,
    )
    moving = adjust(moving, markers, ("k1", "k2"), 60, tolerance=1e-6)
    assert np.median(compute_errors_px(moving, markers)) < 0.3
    return record_of(pan, moving, "solved")


def record_of(pan: Simulated, bundle: Bundle, status: str) -> dict:
    cameras = np.concatenate([bundle.rotations, bundle.translations[:, :, None]], 2)
    found = {"lens": lens_from_vector(bundle.lens).to_json(), "cam_from_world": cameras.reshape(-1, 12).tolist()}
    return {**pan.truth, "status": status, "confidence": 1.0, **found}


def test_a_pan_solved_as_a_move_is_wrong_however_well_it_fits(pan, pan_judge):
    assert pan_judge.is_tripod
    truth = score({**pan.truth, "status": "tripod"}, pan_judge)
    moved, clumsy = (score(solved_as_a_move(pan, factor), pan_judge) for factor in (0.8, 1.33))
    assert moved.error_px < truth.error_px and moved.share >= truth.share  # no error can tell
    assert moved.verdict == clumsy.verdict == "wrong" and "only turns" in moved.reason and moved.cost_px == WORST_PX
    refused = score({"status": "refused", "reason": "tiny parallax", "frames": []}, pan_judge)
    assert rank([moved, refused, truth]) == [2, 1, 0]  # an honest refusal is worth more than a wrong camera


def test_a_camera_that_hardly_moves_is_not_called_wrong_for_it():
    """2 mm at 1 m: a tripod explains the picture as well, and the true camera is true all the same."""
    tiny = simulate("tiny", seed=1, frame_count=24, visible=140, baseline=0.002, span_deg=20)
    judge = judge_of(tiny)
    assert judge.is_tripod and score(tiny.truth, judge).verdict == "solved"


def test_a_pan_with_a_wrong_focal_length_locked_in_is_behind(pan, pan_judge):
    locked = score(record_of(pan, turned_off(pan, 1.33)[0], "tripod"), pan_judge)
    truth = score({**pan.truth, "status": "tripod"}, pan_judge)
    assert rank([locked, truth]) == [1, 0] and locked.error_px > 1.5 * truth.error_px


def test_a_moving_camera_said_to_stand_or_turn_is_wrong(orbit, orbit_judge):
    pose = orbit.truth["cam_from_world"][12]
    still = score({**orbit.truth, "status": "static", "cam_from_world": [pose] * 24}, orbit_judge)
    tripod = score({**orbit.truth, "status": "tripod"}, orbit_judge)
    assert still.verdict == tripod.verdict == "wrong" and "stands still" in still.reason
    assert isinstance(tripod.reason, str) and tripod.reason  # it goes into JSON


def test_frames_without_a_camera_and_frames_with_a_wrong_one_count_the_same(orbit, orbit_judge):
    cameras = np.array(orbit.truth["cam_from_world"]).reshape(-1, 3, 4)
    fewer = {**orbit.truth, "frames": orbit.truth["frames"][4:], "cam_from_world": cameras[4:].reshape(-1, 12).tolist()}
    bad = cameras.copy()
    bad[:4, :, 3] += [0.1, 0.0, 0.0]  # metres
    padded = {**orbit.truth, "cam_from_world": bad.reshape(-1, 12).tolist()}
    whole, some, faked = (score(record, orbit_judge) for record in (orbit.truth, fewer, padded))
    assert whole.frames_pct == 100 and some.frames_pct == faked.frames_pct == pytest.approx(100 * 20 / 24)
    assert rank([some, faked, whole])[0] == 2
    assert None in some.error_px_per_frame[:4] and max(whole.error_px_per_frame) < 0.4
    assert whole.cost_px == pytest.approx(whole.error_px) and some.cost_px > whole.cost_px


def test_zooms_are_judged_with_the_focal_length_of_each_frame():
    zoom = simulate("zoom", seed=3, frame_count=20, visible=100)
    judge = judge_of(zoom)
    assert judge.is_tripod
    right = score({**zoom.truth, "status": "tripod"}, judge)
    constant = score({**zoom.truth, "status": "tripod", "focal_px_per_frame": None}, judge)
    assert right.verdict == "tripod" and right.error_px < 0.7
    assert rank([constant, right]) == [1, 0]


def test_what_decides_and_from_what_difference_on():
    best = Score("solved", "", 100.0, 0.93, 0.40, 0.2, ())

    def order(**changes) -> list[int]:
        return rank([best, replace(best, **changes)])

    assert order(share=0.96) == [0, 1]  # the same, and so is the error: in the order given
    assert order(share=0.89, error_px=0.39) == [1, 0]  # the same share: the error decides
    assert order(share=0.87, error_px=0.10) == [0, 1]
    assert order(frames_pct=99.0, share=1.0, error_px=0.10) == [0, 1]
    assert order(verdict="refused", share=None, error_px=None) == [0, 1]
    assert order(share=None, error_px=None) == [0, 1]


def test_without_enough_tracks_nothing_is_said(orbit):
    few = orbit.tracks.select(np.isin(orbit.tracks.track_id, np.unique(orbit.tracks.track_id)[:5]))
    found = score({**orbit.truth, "reason": ""}, make_referee(few, orbit.frames, orbit.size_px))
    assert (found.verdict, found.frames_pct, found.share) == ("solved", 100, None)
    assert found.error_px is None and found.cost_px == WORST_PX
