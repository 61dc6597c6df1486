"""Shots that fall apart, from simulated tracks: refused at once, with the frame."""

import numpy as np
import pytest
from simulated import Simulated, simulate

from shotmake.config import Camera, Solve
from shotmake.cuts import find_cut, find_jump
from shotmake.keyframes import Observations
from shotmake.session import Tracks
from shotmake.solve import solve

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
    record = solve(spoilt(pan.tracks), pan.size_px, pan.frames, Camera(), Solve()).record
    assert (record["status"], record["reason_code"]) == ("refused", code)
    assert said in record["reason"] and "shot.footage.frame_range" in record["reason"]


def test_a_cut_near_the_end_is_one(pan):
    """A camera that turns could be given any rotation there, and every track would agree."""
    record = solve(ended(pan.tracks, 1033), pan.size_px, pan.frames, Camera(), Solve()).record
    assert record["status"] == "refused" and "from frame 1033 to 1034" in record["reason"]


@pytest.mark.parametrize("kind", ["orbit", "dolly", "pan"])
def test_what_holds_together_has_no_cut(kind):
    """Fast and shaken, a tenth of the tracks bad and a third on an object of their own."""
    shot = simulate(
        kind, seed=4, frame_count=24, visible=100, unrest=5, bad_share=0.1, moving_share=0.3, life_frames=10
    )
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    assert find_cut(markers, shot.size_px[0], 1) is None and find_jump(markers, shot.size_px[0], 1) is None


def test_a_camera_that_stands_still_stands_still_through_a_flash():
    shot = simulate("static", seed=2, frame_count=36, visible=100, first_frame=1001, life_frames=500)
    assert solve(ended(shot.tracks), shot.size_px, shot.frames, Camera(), Solve()).record["status"] == "static"
