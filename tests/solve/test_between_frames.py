"""Cameras of frames that nobody tracked: what lies between is right, and what nobody can know is left open."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, simulate
from shotmake.config.schema import Camera, Solve
from shotmake.solve.between_frames import MOST_BRIDGED, Skipped, bridge_frames
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve

pytestmark = pytest.mark.fast

FRAMES = np.arange(1001, 1061)


@pytest.fixture(scope="module")
def cameras() -> np.ndarray:
    """(60, 3, 4): a camera that turns by 50 deg while it moves on an arc, with some unrest."""
    time = np.linspace(0, 1, len(FRAMES))
    rotations = Rotation.from_rotvec(np.stack([0.1 * np.sin(7 * time), 0.9 * time, 0.05 * np.cos(5 * time)], 1))
    centres = np.stack([2 * np.sin(time), 0.1 * np.sin(9 * time), 2 * np.cos(time)], 1)
    turned = rotations.as_matrix()
    return np.concatenate([turned, -np.einsum("nij,nj->ni", turned, centres)[:, :, None]], 2)


def bridge(cameras: np.ndarray, skipped: set[int], repeated: set[int] = frozenset()):
    left = ~np.isin(FRAMES, list(skipped))
    zooms = np.linspace(0, 0.3, len(FRAMES))
    asked = Skipped(frozenset(skipped), frozenset(repeated))
    return bridge_frames(FRAMES[left], cameras[left], zooms[left], asked), zooms


def test_a_gap_is_filled_along_the_path(cameras):
    made, zooms = bridge(cameras, {1020, 1021, 1022, 1040})
    assert made.frames.tolist() == FRAMES.tolist()
    assert made.frames[~made.is_solved].tolist() == [1020, 1021, 1022, 1040]
    turned = Rotation.from_matrix(made.cam_from_world[:, :, :3] @ cameras[:, :, :3].transpose(0, 2, 1)).magnitude()
    assert np.degrees(turned).max() < 0.02
    assert np.abs(made.cam_from_world - cameras).max() < 1e-3
    assert np.abs(made.log_zooms - zooms).max() < 1e-9
    assert np.array_equal(made.cam_from_world[made.is_solved], cameras[made.is_solved])


def test_a_repeated_frame_has_the_camera_of_the_frame_it_shows(cameras):
    made, zooms = bridge(cameras, {1020, 1021, 1060}, {1020, 1021, 1060})
    at = {frame: index for index, frame in enumerate(made.frames.tolist())}
    for frame, shown in ((1020, 1019), (1021, 1019), (1060, 1059)):
        assert np.array_equal(made.cam_from_world[at[frame]], cameras[shown - 1001])
        assert made.log_zooms[at[frame]] == zooms[shown - 1001]


def test_what_nobody_can_know_has_no_camera(cameras):
    ends = {1001, 1002, 1060}
    too_long = set(range(1010, 1010 + MOST_BRIDGED + 1))
    made, _ = bridge(cameras, ends | too_long)
    assert made.is_solved.all() and not set(made.frames.tolist()) & (ends | too_long)
    made, _ = bridge(cameras, set(range(1010, 1010 + MOST_BRIDGED)))
    assert len(made.frames) == len(FRAMES)


def without(shot: Simulated, frames: set[int]) -> SolveInputs:
    tracks = shot.tracks.select(~np.isin(shot.tracks.frame, list(frames)))
    return SolveInputs(tracks, shot.size_px, shot.frames, Camera(), Solve(), skipped=Skipped(frozenset(frames)))


@pytest.mark.parametrize(("kind", "status"), [("orbit", "solved"), ("pan", "tripod")])
def test_a_solve_goes_over_frames_that_nobody_tracked(kind, status):
    shot = simulate(kind, seed=6, frame_count=50, visible=130, first_frame=101)
    gap = {120, 121, 122, 123, 150}
    record = solve(without(shot, gap)).record
    assert (record["status"], record["warning_codes"]) == (status, ["frames_without_camera"])  # the last frame has none
    assert record["frames"] == list(range(101, 150)) and record["interpolated"] == [120, 121, 122, 123]
    assert [px is None for px in record["rms_px_per_frame"]] == [frame in gap for frame in record["frames"]]
    assert record["note_codes"] == ["frames_bridged"] and "120-123 cannot be tracked" in record["notes"][0]
    found = measure(record, shot.truth)
    assert found["rot_deg"] < 0.05, found
    links = [tuple(link["frames"]) for link in record["links"]]
    assert (119, 124) in links and (119, 120) not in links


def test_every_second_frame_skipped_is_no_jump():
    """A plate with every frame twice: nothing may take the double steps for a path that jumps."""
    shot = simulate("orbit", seed=8, frame_count=60, visible=130)
    even = set(range(2, 61, 2))
    record = solve(without(shot, even)).record
    assert (record["status"], record["interpolated"]) == ("solved", sorted(even - {60}))
    mixed = {frame for frame in even if frame > 30}
    record = solve(without(shot, mixed)).record
    assert (record["status"], len(record["frames"])) == ("solved", 59)


def test_observations_know_which_frames_they_have():
    shot = simulate("orbit", seed=6, frame_count=20, visible=60, first_frame=11)
    markers = Observations.from_tracks(shot.tracks, shot.frames, skipped={14, 15, 30})
    assert markers.plate_frames.tolist() == [11, 12, 13, *range(16, 30)] and markers.frame_count == 17
    assert markers.is_even.tolist() == [False, True, False, False, *[True] * 12, False]
    of_track = shot.tracks.frame[shot.tracks.track_id == markers.track_ids[0]]
    mine = markers.plate_frames[markers.frame[markers.track == 0]]
    assert mine.tolist() == [frame for frame in of_track if frame not in (14, 15, 30)]
    some = markers.select_frames(np.array([2, 3, 9]))
    assert some.plate_frames.tolist() == [13, 16, 22]
