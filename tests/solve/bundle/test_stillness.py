"""A locked-off camera is seen by what stands still, also where an actor fills the middle; a moving one never is."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.plates.simulated import Simulated, simulate
from shotmake.config.schema import Camera, Solve
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.stillness import STILL_SHARE, Stillness, measure_stillness
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve

pytestmark = pytest.mark.fast

SIZE = np.array([960, 540])


def measured(shot: Simulated) -> Stillness:
    found = measure_stillness(Observations.from_tracks(shot.tracks, shot.frames), shot.size_px)
    assert found is not None
    return found


def where_tracks_live(shot: Simulated) -> np.ndarray:
    """(M, 2), for each marker the mean place of its track, 0..1 of the picture."""
    _, at, count = np.unique(shot.tracks.track_id, return_inverse=True, return_counts=True)
    return np.stack([np.bincount(at, axis) / count for axis in shot.tracks.xy_px.T], 1)[at] / SIZE


def with_actor(shot: Simulated, wide: float, high: float, seed: int = 0) -> Simulated:
    """What lies in a box in the middle of the picture, down to its lower edge, sways by some 20 px."""
    place, random = where_tracks_live(shot), np.random.default_rng(seed)
    inside = (np.abs(place[:, 0] - 0.5) < wide / 2) & (place[:, 1] > 1 - high)
    phase = random.uniform(0, 6, int(shot.tracks.track_id.max()) + 1)[shot.tracks.track_id]
    sway = np.stack([20 * np.sin(shot.tracks.frame / 5 + phase), 9 * np.cos(shot.tracks.frame / 4 + phase)], 1)
    return replace(shot, tracks=replace(shot.tracks, xy_px=shot.tracks.xy_px + inside[:, None] * sway))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_actor_in_front_of_a_locked_off_camera(seed):
    shot = with_actor(simulate("static", seed=seed, frame_count=60, visible=400, life_frames=60), 0.65, 0.8)
    assert measured(shot).share < STILL_SHARE and measured(shot).sides >= 3
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve())).record
    assert record["status"] == "static" and record["confidence"] < STILL_SHARE


@pytest.mark.parametrize("kind", ["orbit", "dolly", "pan"])
def test_words_and_frames_burnt_into_a_moving_picture_lock_no_camera_off(kind):
    """A frame around the picture stands still on all four sides; the picture inside of it moves."""
    shot = simulate(kind, seed=4, frame_count=60, visible=400, life_frames=60)
    still = simulate("static", seed=5, frame_count=60, visible=900, life_frames=60)
    near, far = (np.abs(where_tracks_live(one) - 0.5).max(1) > edge for one, edge in ((still, 0.43), (shot, 0.43)))
    inside, burnt = shot.tracks.select(~far), still.tracks.select(near)
    ids = np.r_[inside.track_id, burnt.track_id + inside.track_id.max() + 1].astype(np.int32)
    joined = [np.concatenate([getattr(inside, name), getattr(burnt, name)]) for name in ("frame", "xy_px", "quality")]
    both = replace(shot, tracks=type(shot.tracks).from_markers(ids, *joined))
    assert measured(both).sides >= 3 and not measured(both).is_still


def test_a_bonnet_is_one_side():
    shot = simulate("dolly", seed=4, frame_count=60, visible=400, life_frames=60)
    place = where_tracks_live(shot)
    first = np.unique(shot.tracks.track_id, return_index=True)[1]
    first_xy = shot.tracks.xy_px[first][np.unique(shot.tracks.track_id, return_inverse=True)[1]]
    bonnet = (place[:, 1] > 0.6)[:, None]
    held = replace(shot, tracks=replace(shot.tracks, xy_px=np.where(bonnet, first_xy, shot.tracks.xy_px)))
    assert measured(held).sides <= 2 and not measured(held).is_still


def test_usual_cameras():
    share, sides = measured(simulate("static", seed=1, frame_count=40))
    assert share > 0.95 and sides == 4
    assert measured(simulate("orbit", seed=1, frame_count=40)) == (0.0, 0)
