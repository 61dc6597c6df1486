"""The epipolar gap of true cameras, and of ones that follow an object for a while."""

import numpy as np
import pytest

from helpers.plates.simulated import simulate
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.checks import epipolar_gap
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify

pytestmark = pytest.mark.fast


def test_the_gap_tells_a_camera_that_leaves_its_tracks_for_a_while():
    shot = simulate("orbit", seed=1, frame_count=40, moving_share=0.2)
    markers, lens = Observations.from_tracks(shot.tracks, shot.frames), Lens.from_json(shot.truth["lens"])
    true = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    astray = true.copy()
    astray[20:, :, 3] += np.linspace(0, 0.3, 20)[:, None] * [0.3, 1.0, 0.2]  # metres, at 1.2 m

    def gap(cameras: np.ndarray) -> float:
        scale = compute_pixel_scale(shot.size_px)
        certificate = certify(markers, markers, cameras, lens, scale)
        candidate = Candidate(
            "solved",
            "general",
            lens,
            cameras,
            markers,
            np.ones(len(markers), bool),
            markers.track_ids,
            certificate,
            1.0,
        )
        return epipolar_gap.measure_gap(candidate, shot.size_px, scale)

    assert gap(true) < 0.05 and gap(astray) > 0.3
