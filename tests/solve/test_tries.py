"""What is said of starts: those whose camera most tracks do not follow."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.plates.simulated import Simulated, simulate
from shotmake.config.schema import Solve
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.problem import SolveProblem
from shotmake.solve.start.keyframes_to_all_frames import complete, locate
from shotmake.solve.tries import PLANE_AGREEMENT, PLANE_START, _complete, try_starts

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def shot() -> Simulated:
    return simulate("orbit", seed=4, frame_count=40, visible=120, life_frames=30.0)


def problem_of(shot: Simulated, wrong_share: float) -> SolveProblem:
    """The shot's tracks, of which a share is nowhere near where it should be; every seventh is held out."""
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    count, random = len(markers.track_ids), np.random.default_rng(0)
    wrong = (random.permutation(count) < wrong_share * count)[markers.track]
    moved = markers.xy_px + wrong[:, None] * random.normal(0, 6, markers.xy_px.shape)
    held = np.arange(count) % 7 == 0
    markers = replace(markers, xy_px=moved)
    asked = markers.select_tracks(~held), markers.select_tracks(held)
    return SolveProblem(*asked, shot.size_px, shot.truth["lens"]["fx_px"], True, ("focal",), Solve())


def true_model(shot: Simulated, markers: Observations) -> Model:
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    lens, points = Lens.from_json(shot.truth["lens"]), np.full((len(markers.track_ids), 4), np.nan)
    return Model(lens, cameras, points, np.ones(len(markers), bool), np.zeros(len(cameras)))


@pytest.mark.parametrize(("wrong_share", "code"), [(0.0, ""), (0.33, "few_agree")])
def test_a_start_for_small_moves_must_be_followed_by_most_tracks(shot, wrong_share, code):
    problem = problem_of(shot, wrong_share)
    candidate, failed = try_starts(problem, None, lambda solving: iter([(PLANE_START, true_model(shot, solving))]))
    if not code:
        assert candidate is not None and not failed and candidate.agreement > PLANE_AGREEMENT
        return
    assert candidate is None and [one.reason.code for one in failed] == [code]
    assert failed[0].reason.text.endswith("of the tracks agree with the camera (needed 75%)")


def test_of_another_start_that_is_a_doubt_alone(shot):
    problem = problem_of(shot, 0.33)
    candidate, failed = try_starts(problem, None, lambda solving: iter([("libmv", true_model(shot, solving))]))
    assert candidate is not None and not failed and candidate.agreement < PLANE_AGREEMENT


def test_a_start_that_no_track_follows_leaves_no_frame_with_a_camera(shot):
    problem = problem_of(shot, 0.0)
    model = true_model(shot, problem.markers)
    cameras = model.cam_from_world.copy()
    cameras[:, :, :3] = cameras[np.random.default_rng(1).permutation(len(cameras)), :, :3]  # the order of the turns
    cameras[:, :, 3] *= -1
    left = _complete(replace(model, cam_from_world=cameras), problem.markers, problem)
    assert left == Reason("frames_without_camera", "fewer than 3 frames could be posed")
    assert not isinstance(_complete(model, problem.markers, problem), Reason)


def test_a_start_in_a_corner_of_the_shot_grows_until_every_frame_has_a_camera():
    """Three rounds were all: a start of 12 frames ended at 70 % of a long shot, and the shot was refused."""
    shot = simulate("orbit", seed=3, frame_count=240, visible=60, life_frames=20.0, span_deg=80.0)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    model = true_model(shot, markers)
    poses = np.full_like(model.cam_from_world, np.nan)
    poses[:12] = model.cam_from_world[:12]
    start = locate(replace(model, cam_from_world=poses), markers, 2.0)
    seen = complete(start, markers, ("focal",), 2.0)
    assert seen.posed.all()
    cameras = [one[:, :, :3].transpose(0, 2, 1) for one in (seen.cam_from_world, model.cam_from_world)]
    turned = cameras[0] @ cameras[1].transpose(0, 2, 1)
    off = np.degrees(np.arccos(np.clip((np.trace(turned[0].T @ turned, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert off.max() < 0.3
