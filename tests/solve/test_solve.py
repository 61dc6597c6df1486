"""Solves of simulated track sets, against the camera they were made with.

The limits are what the shot needs, two to ten times looser than what these seeds give.
"""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from helpers.judging.judge import limit_px, slip_of
from helpers.measures.accurate import KEYS, accurate
from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, rolling_shutter, simulate
from helpers.recipes.families import made
from helpers.tiers import more
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.files.npz_file import pack_npz
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations, choose_close_keyframes, choose_keyframes
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import Solution, hold_out, solve
from shotmake.tracks.markers import Tracks


def run(shot: Simulated, camera: schema.Camera | None = None, **settings) -> Solution:
    return solve(
        SolveInputs(shot.tracks, shot.size_px, shot.frames, camera or schema.Camera(), schema.Solve(**settings))
    )


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=1, frame_count=36, visible=130, first_frame=1001)


@pytest.fixture(scope="module")
def orbit_solution(orbit) -> Solution:
    return run(orbit)


@pytest.fixture(scope="module")
def pan() -> Simulated:
    return simulate("pan", seed=2, frame_count=36, visible=120)


def test_orbit(orbit, orbit_solution):
    accurate(orbit, orbit_solution)
    record = orbit_solution.record
    assert record["frames"] == list(range(1001, 1037))
    assert record["kind"] == "general" and record["warnings"] == []
    assert record["confidence"] > 0.85
    assert 0.1 < record["rms_px"] < 0.4 and 0.1 < record["holdout_rms_px"] < 0.8
    assert len(record["rms_px_per_frame"]) == 36 and max(record["rms_px_per_frame"]) < 0.6


def test_record_is_plain_json_with_the_agreed_keys(orbit_solution):
    record = orbit_solution.record
    assert set(record) == KEYS
    assert json.loads(json.dumps(record)) == record
    Lens.from_json(record["lens"])
    assert all(len(matrix) == 12 for matrix in record["cam_from_world"])


def test_points_lie_where_they_are(orbit, orbit_solution):
    """The solved points, moved by the cameras' similarity, coincide with the simulated ones."""
    from helpers.measures.measure import poses, similarity

    ours, theirs = poses(orbit_solution.record), poses(orbit.truth)
    frames = sorted(ours)
    centres = [find_camera_centres(np.array([which[frame] for frame in frames])) for which in (ours, theirs)]
    scale, rotation, shift = similarity(*centres)
    points = orbit_solution.points
    moved = scale * points["point_xyz"] @ rotation.T + shift
    miss = np.linalg.norm(moved - orbit.points[points["track_id"]], axis=1)
    assert len(miss) > 150
    assert np.median(miss) < 0.005 and np.percentile(miss, 85) < 0.03  # metres, at 1.2 m
    assert np.median(points["error_px"]) < 0.35


def test_world_is_upright_on_the_desk(orbit, orbit_solution):
    points = orbit_solution.points
    assert points["ground_found"]
    on_desk = np.abs(orbit.points[points["track_id"], 2]) < 1e-6
    good = points["error_px"] < 0.5
    assert on_desk.sum() > 40
    assert np.median(np.abs(points["point_xyz"][on_desk & good, 2])) < 0.02
    assert (points["point_xyz"][~on_desk & good, 2] > -0.05).mean() > 0.95
    cameras = np.array(orbit_solution.record["cam_from_world"]).reshape(-1, 3, 4)
    assert (find_camera_centres(cameras)[:, 2] > 1).all()


def test_hold_outs_are_seeded_and_never_solved_with(orbit, orbit_solution):
    points = orbit_solution.points
    ids = np.unique(orbit.tracks.track_id)
    held = ids[hold_out(len(ids))]
    assert 0.09 * len(ids) < len(held) < 0.12 * len(ids)
    assert set(points["track_id"][points["holdout"]]) <= set(held)
    assert orbit_solution.record["tracks_used"] <= len(ids) - len(held)
    is_held = np.isin(orbit.tracks.track_id, held)[:, None]
    noise = np.random.default_rng(0).normal(0, 1, (len(orbit.tracks), 2))

    def spoilt(noise_px: float) -> dict:
        moved = orbit.tracks.xy_px + np.where(is_held, noise_px * noise, 0)
        tracks = Tracks.from_markers(orbit.tracks.track_id, orbit.tracks.frame, moved)
        return solve(SolveInputs(tracks, orbit.size_px, orbit.frames, schema.Camera(), schema.Solve())).record

    # a little noise on them changes their own score and nothing the solver made
    noisy = spoilt(0.3)
    assert noisy["lens"] == orbit_solution.record["lens"]
    assert noisy["rms_px_per_frame"] == orbit_solution.record["rms_px_per_frame"]
    assert noisy["holdout_rms_px"] > orbit_solution.record["holdout_rms_px"] + 0.1
    # much of it refuses the solve
    useless = spoilt(20.0)
    assert useless["status"] == "refused" and "held-back" in useless["reason"]
    assert useless["reason_code"] == "holdouts_disagree" and "move" not in useless["reason"]  # nothing does


def test_same_tracks_same_bytes(orbit, orbit_solution):
    again = run(orbit)
    assert json.dumps(again.record) == json.dumps(orbit_solution.record)
    assert pack_npz(again.points) == pack_npz(orbit_solution.points)


def test_order_of_markers_does_not_matter_and_input_is_untouched(orbit, orbit_solution):
    shuffled = orbit.tracks.select(np.random.default_rng(3).permutation(len(orbit.tracks)))
    before = {name: value.copy() for name, value in vars(shuffled).items()}
    solution = solve(SolveInputs(shuffled, orbit.size_px, orbit.frames, schema.Camera(), schema.Solve()))
    assert solution.record == orbit_solution.record
    assert all(np.array_equal(before[name], value) for name, value in vars(shuffled).items())


def test_dolly_forward():
    shot = simulate("dolly", seed=3, frame_count=36, visible=130)
    solution = run(shot)
    accurate(shot, solution, focal_pct=2.0, lens_px=2.0)  # forward moves show the focal length least
    assert solution.record["kind"] == "forward"


def test_planar_scene():
    shot = simulate("planar", seed=4, frame_count=36, visible=130)
    solution = run(shot)
    accurate(shot, solution, focal_pct=2.0)
    assert solution.record["kind"] == "planar"


def test_wide_lens_with_bad_tracks():
    shot = simulate("orbit", seed=6, frame_count=36, visible=130, lens=(650.0, -0.15, 0.03), bad_share=0.10)
    accurate(shot, run(shot), lens_px=2.0)


def test_moving_object():
    """A quarter of the tracks ride on something that moves: right, or refused."""
    shot = simulate("orbit", seed=5, frame_count=48, visible=130, moving_share=0.25)
    assert len(shot.moving) > 0.15 * len(shot.points)
    solution = run(shot)
    accurate(shot, solution, lens_px=2.0)
    (note,) = solution.record["notes"]  # a fact, not a doubt
    assert "of the tracks move on their own" in note and solution.record["warnings"] == []
    assert (solution.record["note_codes"], solution.record["warning_codes"]) == (["second_motion"], [])


def test_two_motions_that_fill_the_picture_alike_are_said():
    """Which of them is the room cannot be known: half of the picture in a mirror, or through a train's window."""
    first, second = (simulate("orbit", seed, 36, visible=90, span_deg=span) for seed, span in ((1, 40.0), (2, -30.0)))
    others = replace(second.tracks, track_id=second.tracks.track_id + 1000)
    names = ("track_id", "frame", "xy_px")
    both = [np.concatenate([getattr(one, name) for one in (first.tracks, others)]) for name in names]
    record = solve(
        SolveInputs(Tracks.from_markers(*both), first.size_px, first.frames, schema.Camera(), schema.Solve())
    ).record
    assert record["status"] == "refused" or "two_motions" in record["warning_codes"]


def test_tripod_pan(pan):
    solution = run(pan)
    found = measure(solution.record, pan.truth)
    assert (found["status"], solution.record["kind"]) == ("tripod", "tripod")
    assert found["frames_pct"] == 100
    assert found["rot_deg"] < 0.08 and abs(found["focal_pct"]) < 1.5 and found["lens_px"] < 2
    cameras = np.array(solution.record["cam_from_world"]).reshape(-1, 3, 4)
    assert np.ptp(find_camera_centres(cameras), axis=0).max() < 1e-6


def test_static():
    shot = simulate("static", frame_count=30, visible=100, moving_share=0.2)
    solution = run(shot)
    record = solution.record
    assert (record["status"], record["kind"]) == ("static", "static")
    assert len(record["frames"]) == 30 and len(set(map(tuple, record["cam_from_world"]))) == 1
    assert "shot.camera.focal_mm" in record["warnings"][0] and record["warning_codes"] == ["focal_guessed"]
    known = run(shot, schema.Camera(focal_mm=50.0))
    assert known.record["lens"]["fx_px"] == pytest.approx(50 / 36 * 960)
    assert known.record["warnings"] == []


@pytest.mark.parametrize("baseline, statuses", [(0.003, {"tripod"}), (0.012, {"tripod", "refused"})])
def test_tiny_parallax_is_never_called_solved(baseline, statuses):
    shot = simulate("tiny", seed=7, frame_count=30, visible=100, baseline=baseline)
    record = run(shot).record
    assert record["status"] in statuses
    if record["status"] == "refused":
        assert "tracking.solve.kind: tripod" in record["reason"] and record["reason_code"] == "tiny_parallax"
    else:
        assert measure(record, shot.truth)["rot_deg"] < 0.25


def test_a_low_relief_is_not_taken_for_a_room():
    """With a focal length 40 % short, rays seem to meet at 9 deg instead of one: all tracks fit, CG slips 200 px."""
    one = made("tiny", 782)
    record = solve(SolveInputs(one.tracks, one.size_px, one.frames, schema.Camera(), schema.Solve())).record
    assert record["status"] == "refused" and record["reason_code"] == "tiny_parallax"


def test_a_long_lens_whose_starts_all_have_few_keyframes_is_solved():
    """COLMAP gave a pose to 3 to 7 of its 20 keyframes; no start was completed, and the shot was refused."""
    one = made("long_lens", 8022)
    solution = solve(SolveInputs(one.tracks, one.size_px, one.frames, schema.Camera(), schema.Solve()))
    assert solution.record["status"] == "solved" and slip_of(one, solution.record, solution.points) < limit_px(
        "long_lens"
    )


def test_pan_forced_to_general_is_refused(pan):
    """Reprojection error alone would have called it solved."""
    record = run(pan, kind="general").record
    assert record["status"] == "refused" and record["reason_code"] == "tiny_parallax"
    assert record["lens"] is None and record["frames"] == [] and record["cam_from_world"] == []
    assert record["confidence"] == 0


def test_orbit_forced_to_tripod_or_static_is_not_believed(orbit):
    assert run(orbit, kind="tripod").record["reason_code"] == "turning_disagrees"
    forced = run(orbit, kind="static").record
    assert forced["status"] == "static" and forced["confidence"] < 0.2
    assert any("tracking.solve.kind is static" in warning for warning in forced["warnings"])
    assert "static_forced" in forced["warning_codes"]


def test_focal_locked_and_lens_not_refined(orbit):
    camera = schema.Camera(focal_mm=1000 / 960 * 36, lock_focal=True)
    solution = run(orbit, camera, refine=["focal", "k1"])
    assert solution.record["lens"]["fx_px"] == pytest.approx(1000)
    assert solution.record["lens"]["k2"] == 0 and solution.record["lens"]["k1"] < -0.05
    accurate(orbit, solution, lens_px=2.0)
    assert solution.record["warnings"] == [] and solution.record["confidence"] > 0.8


def test_a_tripod_is_refused_where_its_lens_folds_over_inside_the_picture():
    """Tracks in the middle alone and k1 alone: the lens found turns back before the corners, where the true one does
    not; with k2 the same tracks tell the lens.
    """
    shot = simulate("pan", seed=3, frame_count=48, lens=(500.0, -0.3, 0.08), visible=300, white_px=0.05, drift_px=0.0)
    from_middle_px = np.linalg.norm(shot.tracks.xy_px - np.array(shot.size_px) / 2, axis=1)
    middle = replace(shot, tracks=shot.tracks.select(from_middle_px < 215))
    record = run(middle, refine=["focal", "k1"]).record
    assert (record["status"], record["reason_code"]) == ("refused", "lens_folds"), record["reason"]
    assert run(middle).record["status"] == "tripod"


@pytest.mark.parametrize("kind", ["orbit", "pan"])
@pytest.mark.parametrize("times", [1.03, 1.2])
def test_a_wrong_locked_focal_is_said_with_what_the_tracks_fit(kind, times, request):
    shot = request.getfixturevalue(kind)
    true_px = shot.truth["lens"]["fx_px"]
    record = run(shot, schema.Camera(focal_mm=times * true_px / 960 * 36, lock_focal=True)).record
    assert (record["status"] == "refused") == (times == 1.2) and record["confidence"] < 0.6
    if kind == "pan" and times == 1.2:  # as a move it fits even worse
        said_px = r"with (\d+) px, where the focal length is locked, .* with (\d+) px one that only turns"
    else:
        said_px = r"locked at (\d+) px, but the tracks fit (\d+) px clearly better"
    (said,) = re.findall(said_px, " ".join([record["reason"], *record["warnings"]]))
    assert [record["reason_code"], *record["warning_codes"]].count("locked_focal") == 1
    assert int(said[0]) == round(times * true_px) and int(said[1]) == pytest.approx(true_px, rel=0.03)


def test_a_pan_that_a_wrong_locked_focal_makes_a_move_is_doubted():
    """It was solved as one, with a confidence of 0.96."""
    shot = simulate("pan", seed=1741, frame_count=60, lens=(725.8315865283764, -0.08861293536186332, 0.02))
    record = run(shot, schema.Camera(focal_mm=0.85 * 725.8315865283764 / 960 * 36, lock_focal=True)).record
    assert record["status"] == "refused" or record["confidence"] < 0.6
    assert "locked_focal" in (record["reason_code"], *record["warning_codes"])


@pytest.mark.parametrize("kind, seed", [("orbit", 3), *more(("planar", 4), ("pan", 5))])
def test_a_rolling_shutter_is_noticed(kind, seed):
    shot = simulate(kind, seed=seed, frame_count=36, visible=120)
    tracks = rolling_shutter(shot.tracks, shot.size_px[1], 0.5)
    made = {name: solve(SolveInputs(tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve())).record
            for name, tracks in (("global", shot.tracks), ("rolling", tracks))}  # fmt: skip
    said = {name: "rolling_shutter" in record["warning_codes"] for name, record in made.items()}
    assert said == {"global": False, "rolling": made["rolling"]["status"] != "refused"}
    assert made["rolling"]["confidence"] < 0.75 and made["global"]["confidence"] > 0.8
    if kind == "pan":  # measured by undoing it
        assert made["rolling"]["reason_code"] == "rolling_shutter"
        (read_out_pct,) = re.findall(r"rolling shutter: .* rows read over (\d+)% of a frame", made["rolling"]["reason"])
        assert int(read_out_pct) == pytest.approx(50, abs=8)


def test_wrong_settings_are_errors_that_name_their_key(orbit):
    with pytest.raises(ShotError, match="tracking.solve.refine"):
        run(orbit, refine=["focal", "k2"])
    with pytest.raises(ShotError, match="shot.camera.lock_focal"):
        run(orbit, schema.Camera(lock_focal=True))
    with pytest.raises(ShotError, match="tracking.solve.orient.origin"):
        run(orbit, orient=schema.Orient(origin={"frame": 7, "xy_px": [480, 300]}))


def few(tracks: Tracks, count: int) -> Tracks:
    return tracks.select(tracks.track_id < count)


def test_refusals_say_what_was_found_and_what_to_change(orbit):
    cases = {
        "11 tracks": ("too_few_tracks", few(orbit.tracks, 11), orbit.frames),
        "2 frames": ("too_few_frames", orbit.tracks, (1001, 1002)),
        "0 tracks": ("too_few_tracks", few(orbit.tracks, 0), orbit.frames),
        "of the frames have": ("sparse_frames", orbit.tracks, (1001, 1100)),
    }
    for found, (code, tracks, frames) in cases.items():
        solution = solve(SolveInputs(tracks, orbit.size_px, frames, schema.Camera(), schema.Solve()))
        record = solution.record
        assert (record["status"], record["reason_code"]) == ("refused", code) and found in record["reason"]
        assert "tracking.detect" in record["reason"] or "shot.footage" in record["reason"]
        assert set(record) == KEYS and len(solution.points["track_id"]) == 0


def test_tracks_of_noise_are_refused():
    random = np.random.default_rng(0)
    walks = np.cumsum(random.normal(0, 6, (80, 20, 2)), axis=1) + random.uniform(100, 440, (80, 1, 2))
    ids, frames = np.repeat(np.arange(80), 20), np.tile(np.arange(1, 21), 80)
    tracks = Tracks.from_markers(ids, frames, walks.reshape(-1, 2))
    record = solve(SolveInputs(tracks, (960, 540), (1, 20), schema.Camera(), schema.Solve())).record
    assert record["reason_code"] == "nothing_explains" and "tripod" not in record["reason"]


def test_distance_pick_gives_metres(orbit, orbit_solution):
    """Two points of the desk, 0.3 m apart in truth, picked in the plate."""
    from helpers.measures.measure import poses
    from shotmake.geometry.camera import project

    ends = np.array([[-0.1, 0.05, 0.0], [0.2, 0.05, 0.0]])
    at_px, _ = project(ends, poses(orbit.truth)[1018], Lens.from_json(orbit.truth["lens"]))
    pick = {"frame": 1018, "a_px": at_px[0].tolist(), "b_px": at_px[1].tolist(), "metres": 0.3}
    record = run(orbit, orient=schema.Orient(distance=pick)).record
    assert record["scale_known"]
    path = [
        np.linalg.norm(
            np.diff(find_camera_centres(np.array(one["cam_from_world"]).reshape(-1, 3, 4)), axis=0), axis=1
        ).sum()
        for one in (record, orbit.truth)
    ]
    assert path[0] == pytest.approx(path[1], rel=0.01)


@pytest.mark.parametrize(("kind", "shot_kind"), [("forward", "dolly"), ("planar", "planar")])
def test_a_kind_that_is_given_is_believed(kind, shot_kind):
    shot = simulate(shot_kind, seed=2)
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve(kind=kind))).record
    assert (record["status"], record["kind"]) == ("solved", kind)
    assert measure({**record, "shot": ""}, shot.truth)["ate_pct"] < 0.1


def test_between_tripod_and_moving_is_said():
    shot = simulate("tiny", seed=7, frame_count=60, baseline=0.004, white_px=0.05)
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve())).record
    assert record["status"] == "tripod" and "between turning and moving" in record["warnings"][0]
    assert record["warning_codes"][0] == "moves_little"


def test_a_slow_long_shot_of_short_tracks_starts_from_closer_keyframes():
    """480 frames around 35 deg, 60 tracks a frame that live 50 frames: half of them survive from one keyframe to the
    next, and three keyframes share too few.
    """
    shot = simulate(
        "orbit", seed=1, frame_count=480, span_deg=35.0, visible=60, life_frames=50.0, white_px=0.08, drift_px=0.0
    )
    steps: list[str] = []
    inputs = SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve(), on_step=steps.append)
    record = solve(inputs).record
    found = measure(record, shot.truth)
    assert (record["status"], record["warnings"], found["frames_pct"]) == ("solved", [], 100.0)
    assert found["ate_pct"] < 0.05 and found["rot_deg"] < 0.02, found
    assert "map closer keyframes from 1152 px" in steps


def test_keyframes_of_a_long_shot_share_half_of_their_tracks():
    """There were 60 at most: those of a shot of 3,000 frames stood further apart than its tracks live."""
    shot = simulate("orbit", seed=5, frame_count=1500, visible=30, life_frames=5.0)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    keyframes = choose_keyframes(markers, shot.size_px)
    ids = [set(markers.track[markers.frame == frame]) for frame in keyframes]
    shared = [len(one & after) / len(one) for one, after in pairwise(ids)]
    assert len(keyframes) > 60 and np.median(shared) > 0.4


def test_closer_keyframes_are_offered_where_tracks_span_few():
    short = simulate("orbit", seed=1, frame_count=480, span_deg=35.0, visible=60, life_frames=50.0)
    markers = Observations.from_tracks(short.tracks, short.frames)
    wide = choose_keyframes(markers, short.size_px)
    close = choose_close_keyframes(markers, wide)
    assert close is not None and (close[0], close[-1]) == (0, 479)
    seen = np.bincount(markers.track[np.isin(markers.frame, close)], minlength=len(markers.track_ids))
    assert np.median(seen[markers.track]) >= 5
    assert choose_close_keyframes(markers, close) is None  # these are close enough
    assert choose_close_keyframes(markers, wide, at_most=10) is None  # more than the mapper should be asked
