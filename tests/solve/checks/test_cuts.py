"""Shots that fall apart, from simulated tracks: refused with the frame; and such that only seem to."""

import re

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, simulate
from shotmake.config.schema import Camera, Solve
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.checks.cuts import find_cut, find_jump
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve
from shotmake.tracks.markers import Tracks

LAST_BEFORE = 1018


@pytest.fixture(scope="module")
def pan() -> Simulated:
    return simulate("pan", seed=1, frame_count=36, visible=100, first_frame=1001)


def renamed(tracks: Tracks, names: np.ndarray, after: int = LAST_BEFORE) -> Tracks:
    """From the frame after `after` on, track i is called names[i]."""
    ids = np.where(tracks.frame > after, names[tracks.track_id], tracks.track_id)
    return Tracks.from_markers(ids, tracks.frame, tracks.xy_px, tracks.quality, tracks.status)


def swapped(tracks: Tracks) -> Tracks:
    return renamed(tracks, np.random.default_rng(0).permutation(tracks.track_id.max() + 1))


def ended(tracks: Tracks, after: int = LAST_BEFORE) -> Tracks:
    """No track lives through the cut."""
    return renamed(tracks, np.arange(tracks.track_id.max() + 1) + 10_000, after)


@pytest.mark.parametrize(
    ("spoilt", "code", "said"),
    [
        (swapped, "tracks_jump", "after frame 1018 the tracks jump, by"),
        (ended, "cut", "0 tracks go on from frame 1018 to 1019"),
    ],
)
def test_a_cut_is_refused_with_its_frame(spoilt, code, said, pan):
    record = solve(SolveInputs(spoilt(pan.tracks), pan.size_px, pan.frames, Camera(), Solve())).record
    assert (record["status"], record["reason_code"]) == ("refused", code)
    assert said in record["reason"] and "shot.footage.frame_range" in record["reason"]


def test_a_jump_is_refused_at_once_only_where_no_camera_could_go_through_it(pan):
    record = solve(SolveInputs(swapped(pan.tracks), pan.size_px, pan.frames, Camera(), Solve())).record
    assert re.search(r"no rigid motion explains more than \d+% of them there", record["reason"])


def missing_frames(shot: Simulated, after: int, count: int) -> tuple[Tracks, dict]:
    """The tracks and the truth of a plate from which frames were lost, and which was numbered anew."""
    tracks = shot.tracks.select((shot.tracks.frame <= after) | (shot.tracks.frame > after + count))
    frames = np.where(tracks.frame > after, tracks.frame - count, tracks.frame)
    poses = shot.truth["cam_from_world"][:after] + shot.truth["cam_from_world"][after + count :]
    truth = {**shot.truth, "frames": shot.truth["frames"][:-count], "cam_from_world": poses}
    return Tracks.from_markers(tracks.track_id, frames, tracks.xy_px, tracks.quality, tracks.status), truth


def test_a_jump_that_a_camera_explains_is_noted_and_solved():
    """Frames are missing: the tracks jump against each other, by parallax, and a camera follows. It was refused."""
    tracks, truth = missing_frames(simulate("orbit", seed=1, frame_count=52, visible=110, life_frames=200), 20, 12)
    record = solve(SolveInputs(tracks, tuple(truth["image_size_px"]), (1, 40), Camera(), Solve())).record
    found = measure(record, truth)
    assert found["status"] == "solved" and found["frames_pct"] == 100 and found["ate_pct"] < 0.1
    assert record["note_codes"] == ["tracks_jump"] and record["warning_codes"] == ["path_jumps"]
    assert "after frame 20" in record["notes"][0] and "agree with the camera all the same" in record["notes"][0]


def test_a_camera_that_the_tracks_through_a_jump_do_not_bear_out_is_refused_for_it():
    """Two thirds of the tracks are swapped half-way; most tracks live in one half only and agree with its camera."""
    shot = simulate("orbit", seed=3, frame_count=30, visible=100, life_frames=8)
    random, tracks = np.random.default_rng(0), shot.tracks
    alive = np.intersect1d(tracks.track_id[tracks.frame == 15], tracks.track_id[tracks.frame == 16])
    some = alive[random.random(len(alive)) < 0.65]
    names = np.arange(tracks.track_id.max() + 1)
    names[some] = random.permutation(some)
    markers = Observations.from_tracks(renamed(tracks, names, 15), shot.frames)
    assert find_cut(markers, shot.size_px[0]) is None  # enough of them go on for a camera to be looked for
    record = solve(SolveInputs(renamed(tracks, names, 15), shot.size_px, shot.frames, Camera(), Solve())).record
    assert (record["status"], record["reason_code"]) == ("refused", "tracks_jump")
    through = r"only \d+% of the tracks that run through it|(only \d+|none) of the \d+ tracks that go on"
    assert re.search(through + " agree with the camera", record["reason"])


def test_a_cut_near_the_end_is_one(pan):
    """A camera that turns could be given any rotation there, and every track would agree."""
    record = solve(SolveInputs(ended(pan.tracks, 1033), pan.size_px, pan.frames, Camera(), Solve())).record
    assert record["status"] == "refused" and "from frame 1033 to 1034" in record["reason"]


@pytest.mark.parametrize("kind", ["orbit", "dolly", "pan"])
def test_what_holds_together_has_no_cut(kind):
    """Fast and shaken, a tenth of the tracks bad and a third on an object of their own."""
    shot = simulate(
        kind, seed=4, frame_count=24, visible=100, unrest=5, bad_share=0.1, moving_share=0.3, life_frames=10
    )
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    assert find_cut(markers, shot.size_px[0]) is None and find_jump(markers, shot.size_px[0]) is None


def test_a_camera_that_stands_still_stands_still_through_a_flash():
    shot = simulate("static", seed=2, frame_count=36, visible=100, first_frame=1001, life_frames=500)
    assert (
        solve(SolveInputs(ended(shot.tracks), shot.size_px, shot.frames, Camera(), Solve())).record["status"]
        == "static"
    )
