"""Short shots and short tracks: what could not be asked has neither agreed nor disagreed."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.measure import measure, poses
from helpers.plates.simulated import Simulated, simulate
from shotmake.config import schema
from shotmake.geometry.lens import Lens
from shotmake.reasons import CODES
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.stillness import measure_stillness
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks.candidate_and_refusal import Refused
from shotmake.solve.checks.certify import Certificate, certify
from shotmake.solve.checks.motion_groups import find_background_tracks
from shotmake.solve.checks.parallax import measure_parallax
from shotmake.solve.moving import solve_moving
from shotmake.solve.problem import SolveInputs, SolveProblem
from shotmake.solve.verdict import FEWEST_CERTIFIED, hold_out, solve
from shotmake.tracks.markers import Tracks


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    """40 degrees of an orbit in 10 frames, of which a test takes the first few."""
    return simulate("orbit", seed=1, frame_count=10, visible=120)


def certified(shot: Simulated, frame_count: int, cameras: np.ndarray | None = None, tracks=None) -> Certificate:
    everything = Observations.from_tracks(shot.tracks if tracks is None else tracks, (1, frame_count))
    held = hold_out(len(everything.track_ids))
    if cameras is None:
        cameras = np.array([poses(shot.truth)[frame] for frame in range(1, frame_count + 1)])
    lens, scale = Lens.from_json(shot.truth["lens"]), compute_pixel_scale(shot.size_px)
    return certify(everything.select_tracks(held), everything.select_tracks(~held), cameras, lens, scale)


def cut_short(tracks: Tracks, frames: int) -> Tracks:
    """Every track begins anew, under another name, after so many frames."""
    ids = tracks.track_id * 1000 + tracks.frame // frames
    return Tracks.from_markers(ids, tracks.frame, tracks.xy_px, tracks.quality, tracks.status)


@pytest.mark.parametrize("frame_count", range(FEWEST_CERTIFIED, 9))
def test_a_short_shot_that_is_right_is_solved(frame_count, orbit):
    """Under 8 frames it was refused: "100% of the long tracks disagree", of which there were none."""
    frames = (1, frame_count)
    record = solve(SolveInputs(orbit.tracks, orbit.size_px, frames, schema.Camera(), schema.Solve())).record
    assert record["status"] == "solved", record["reason"]
    path = np.array([poses(orbit.truth)[frame] for frame in range(1, frame_count + 1)])
    centres = -np.einsum("nji,nj->ni", path[:, :, :3], path[:, :, 3])
    length = float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    found = measure(record, {**orbit.truth, "path_length": length})
    assert len(record["frames"]) == frame_count and found["ate_pct"] < 0.3 and found["rot_deg"] < 0.15


@pytest.mark.parametrize("kind", ["dolly", "planar", "pan"])
def test_other_short_shots_that_are_right_are_kept(kind):
    shot = simulate(kind, seed=1, frame_count=10, visible=120)
    record = solve(SolveInputs(shot.tracks, shot.size_px, (1, 5), schema.Camera(), schema.Solve())).record
    assert record["status"] == ("tripod" if kind == "pan" else "solved"), record["reason"]
    assert measure(record, {**shot.truth, "path_length": 0.5})["rot_deg"] < 0.2


@pytest.mark.parametrize("frame_count", [1, 2, 3])
def test_fewer_frames_are_refused_with_a_true_sentence(frame_count, orbit):
    record = solve(SolveInputs(orbit.tracks, orbit.size_px, (1, frame_count), schema.Camera(), schema.Solve())).record
    assert (record["status"], record["reason_code"]) == ("refused", "too_few_frames")
    assert record["reason"].startswith(f"{frame_count} frames: too few to certify a camera by; needed 4")


def test_a_picture_that_stands_still_needs_no_certificate():
    shot = simulate("static", seed=1, frame_count=10, visible=120)
    assert (
        solve(SolveInputs(shot.tracks, shot.size_px, (1, 3), schema.Camera(), schema.Solve())).record["status"]
        == "static"
    )


@pytest.mark.parametrize("frame_count", range(FEWEST_CERTIFIED, 9))
def test_the_certificate_tells_wrong_from_right_in_a_short_shot(frame_count, orbit):
    right = np.array([poses(orbit.truth)[frame] for frame in range(1, frame_count + 1)])
    assert certified(orbit, frame_count).find_fault() is None
    half, turn = frame_count // 2, Rotation.from_euler("y", 1.0, degrees=True).as_matrix()
    turned, shifted, mirrored, swapped = (right.copy() for _ in range(4))
    turned[half:] = turn @ right[half:]
    shifted[half:, 0, 3] += 0.05
    mirrored[half:] = right[half:][::-1]
    swapped[[half - 1, half]] = right[[half, half - 1]]
    for name, wrong in {"turned": turned, "shifted": shifted, "mirrored": mirrored, "swapped": swapped}.items():
        if not np.array_equal(wrong, right):
            assert certified(orbit, frame_count, wrong).find_fault() is not None, name


def test_tracks_too_short_to_be_asked_are_called_that():
    """They were said to disagree, all of them."""
    shot = simulate("orbit", seed=1, frame_count=30, visible=120)
    certificate = certified(shot, 30, tracks=cut_short(shot.tracks, 6))
    assert (certificate.long_bad, certificate.worst_time, certificate.long_count) == (None, None, 0)
    fault = certificate.find_fault()
    assert fault is not None and fault.code == "tracks_too_short" and "only 0 tracks of 8 or more frames" in fault.text
    assert certified(shot, 30).find_fault() is None


def test_nobody_who_could_be_asked_means_no_agreement():
    """Of a share of nothing there is none, neither all nor nothing."""
    shot = simulate("orbit", seed=1, frame_count=10, visible=120)
    nowhere = np.full((10, 3, 4), np.nan)
    certificate = certified(shot, 10, nowhere)
    shares = certificate.holdout_good, certificate.holdout_bad, certificate.long_bad, certificate.worst_time
    assert shares == (None,) * 4 and certificate.agreement == 0 and certificate.find_fault().code == "tracks_too_short"


def test_a_picture_without_long_tracks_is_not_called_moving():
    """It was said that only 0% of the picture stands still."""
    shot = simulate("static", seed=1, frame_count=60, visible=80)
    assert measure_stillness(Observations.from_tracks(shot.tracks, shot.frames), shot.size_px).is_still
    short = cut_short(shot.tracks, 6)
    assert measure_stillness(Observations.from_tracks(short, shot.frames), shot.size_px) is None
    record = solve(SolveInputs(short, shot.size_px, shot.frames, schema.Camera(), schema.Solve(kind="static"))).record
    (said,) = [text for text, code in zip(record["warnings"], record["warning_codes"], strict=True)
               if code == "static_forced"]  # fmt: skip
    assert "no track is long enough" in said and "0%" not in said


def test_what_moves_on_its_own_is_looked_for_in_short_shots_too():
    """Motions are compared over 10 frames; a shorter shot was called one of a single motion."""
    for share, seen in ((0.35, True), (0.0, False)):
        shot = simulate("orbit", seed=1, frame_count=8, visible=150, moving_share=share)
        markers = Observations.from_tracks(shot.tracks, shot.frames)
        _, second_share, _ = find_background_tracks(markers, shot.size_px)
        assert (second_share > 0.1) == seen


def engine(*models: tuple[str, Model | None]):
    """Starts that come from elsewhere, as libmv's do."""
    return lambda markers: chain(models)


def refused_by(shot: Simulated, starts) -> Refused:
    everything = Observations.from_tracks(shot.tracks, shot.frames)
    held, scale = hold_out(len(everything.track_ids)), compute_pixel_scale(shot.size_px)
    known = everything.select_tracks(~held)
    parallax = measure_parallax(known, shot.size_px, [1000.0], ("focal",), scale)
    with pytest.raises(Refused) as refused:
        problem = SolveProblem(
            known, everything.select_tracks(held), shot.size_px, 1000.0, False, ("focal",), schema.Solve()
        )
        solve_moving(problem, parallax, starts)
    return refused.value


def model_of(shot: Simulated, focal_px: float, posed: int) -> Model:
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    cameras[posed:] = np.nan
    lens = replace(Lens.from_json(shot.truth["lens"]), fx_px=focal_px, fy_px=focal_px)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    nothing = np.full((len(markers.track_ids), 4), np.nan), np.zeros(len(markers), bool), np.zeros(len(cameras))
    return Model(lens, cameras, *nothing)


def test_the_fault_shown_is_that_of_the_attempt_that_came_farthest():
    """It was that of the first one."""
    shot = simulate("orbit", seed=1, frame_count=24, visible=100)
    nothing, away = ("first", None), ("second", model_of(shot, 90.0, 24))
    few = ("third", model_of(shot, 1000.0, 5))
    for order in ((nothing, away, few), (few, nothing, away), (away, few, nothing)):
        refusal = refused_by(shot, engine(*order))
        assert refusal.reason.code == "focal_unlikely" and "second: the focal length ran away to 90 px" in str(refusal)
        assert "tripod" not in str(refusal)  # the tracks show that it moves
    refusal = refused_by(shot, engine(nothing, few))
    assert refusal.reason.code == "no_start" and "third: libmv posed 5 of" in str(refusal)


def test_a_fallback_that_fails_too_does_not_take_the_reasons_place():
    """A camera that moves is looked for and not found; one that turns would do, but for the hold-outs. It was said only
    that the tripod is refused, with the advice to let it move, and before that the other way round."""
    shot = simulate("tiny", seed=7, frame_count=24, visible=80, baseline=0.008, white_px=0.05)
    ids = Observations.from_tracks(shot.tracks, shot.frames).track_ids
    spoilt = np.isin(shot.tracks.track_id, ids[hold_out(len(ids))])[:, None]
    noise_px = np.random.default_rng(1).normal(0, 20, shot.tracks.xy_px.shape)
    tracks = replace(shot.tracks, xy_px=(shot.tracks.xy_px + spoilt * noise_px).astype(np.float32))
    settings = schema.Solve(engine="blender")
    record = solve(
        SolveInputs(tracks, shot.size_px, shot.frames, schema.Camera(), settings, by_libmv=lambda asked: None)
    ).record
    assert (record["status"], record["reason_code"]) == ("refused", "tiny_parallax")
    assert "libmv posed 0 of" in record["reason"] and "held-back tracks miss" in record["reason"]
    assert "tracking.solve.kind" not in record["reason"]  # both kinds were tried


def test_no_start_at_all_is_a_refusal_too():
    """It was an IndexError."""
    shot = simulate("orbit", seed=1, frame_count=24, visible=100)
    assert refused_by(shot, engine()).reason.code == "no_start"
    assert "no_start" in CODES
