"""The last adjustment: markers count by their expected error, and a solve is never made worse by it."""

from dataclasses import replace

import numpy as np
import pytest
from measure import measure
from simulated import simulate

from shotmake import polish
from shotmake.adjust import Bundle, residuals_px
from shotmake.config import Camera, Solve
from shotmake.keyframes import Observations
from shotmake.lens import Lens
from shotmake.solve import solve


def test_weights_are_relative_and_the_unknown_is_usual():
    assert (polish.weights(np.zeros(5)) == 1).all()
    known = polish.weights(np.array([0.1, 0.2, 0.2, 0.8]))
    assert known[1] == known[2] == pytest.approx(1)
    assert known[0] > 2 and known[3] < 0.1
    assert polish.weights(np.array([0.2, 0.0, 0.2]))[1] == 1


@pytest.fixture(scope="module")
def uneven():
    """An orbit, half of whose tracks are ten times as noisy as the other half and say so."""
    shot = simulate("orbit", seed=5, white_px=0.05, drift_px=0.0, bad_share=0.0)
    random = np.random.default_rng(1)
    noisy = shot.tracks.track_id % 2 == 0
    sigma_px = np.where(noisy, 0.6, 0.06)
    xy_px = shot.tracks.xy_px + random.normal(0, 1, shot.tracks.xy_px.shape) * np.where(noisy, 0.6, 0.0)[:, None]
    return shot, replace(shot.tracks, xy_px=xy_px.astype(np.float32), quality=sigma_px.astype(np.float32))


def test_a_solve_is_better_for_knowing_which_markers_are_good(uneven):
    shot, tracks = uneven
    errors = {}
    for name, quality in (("told", tracks.quality), ("untold", np.zeros_like(tracks.quality))):
        made = solve(replace(tracks, quality=quality), shot.size_px, shot.frames, Camera(), Solve())
        errors[name] = measure({**made.record, "shot": ""}, shot.truth)
    assert errors["told"]["status"] == errors["untold"]["status"] == "solved"
    assert errors["told"]["ate_pct"] < 0.7 * errors["untold"]["ate_pct"]
    assert errors["told"]["rot_deg"] < 0.7 * errors["untold"]["rot_deg"]


def test_a_bundle_projects_as_its_cameras_do():
    shot = simulate("orbit", seed=2, frame_count=12, white_px=0.0, drift_px=0.0, bad_share=0.0)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    lens = Lens.from_json(shot.truth["lens"])
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    bundle, middle, size = polish.bundle_of(cameras, markers, lens, np.zeros(len(cameras)))
    assert isinstance(bundle, Bundle) and np.abs(residuals_px(bundle, markers)).max() < 2e-3
    back = bundle.translations * size - bundle.rotations @ middle
    assert np.allclose(back, cameras[:, :, 3], atol=1e-12)
