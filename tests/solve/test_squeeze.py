"""An anamorphic plate: the camera is found as from the unsqueezed one, the lens told in the plate's own pixels."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import simulate
from shotmake.config import schema
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.anamorphic import squeeze, stretch_lens, unsqueeze_size, unsqueeze_tracks
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate

ASPECT = 2.0


def test_an_anamorphic_plate_is_solved_in_its_own_pixels():
    seen = simulate("orbit", seed=1, frame_count=30, visible=130, first_frame=1001)
    plate_px = (seen.size_px[0] // 2, seen.size_px[1])
    tracks = unsqueeze_tracks(seen.tracks, 1 / ASPECT)  # as the squeezed plate would have them
    true_lens = stretch_lens(Lens.from_json(seen.truth["lens"]), 1 / ASPECT)
    truth = {**seen.truth, "lens": true_lens.to_json(), "image_size_px": list(plate_px)}

    assert unsqueeze_size(plate_px, ASPECT) == tuple(seen.size_px)
    options = schema.Solve()
    candidate = find_candidate(
        SolveInputs(unsqueeze_tracks(tracks, ASPECT), tuple(seen.size_px), seen.frames, schema.Camera(), options)
    )
    record = finish(squeeze(candidate, ASPECT), tracks, plate_px, seen.frames, options).record
    error = measure(record, truth)
    assert error["status"] == "solved" and error["frames_pct"] == 100
    assert error["ate_pct"] < 0.1 and error["rot_deg"] < 0.06
    assert abs(error["focal_pct"]) < 1.0 and error["lens_px"] < 1.0
    lens = record["lens"]
    assert lens["fy_px"] / lens["fx_px"] == pytest.approx(ASPECT, rel=1e-6) and record["rms_px"] < 0.4


def test_a_refusal_stays_as_it_is():
    refused = Reason("too_few_tracks", "too few tracks")
    assert squeeze(refused, ASPECT) is refused


def test_the_lens_bends_as_the_picture_is_seen():
    lens = Lens(500, 1000, 240, 270, k1=-0.1)
    seen = stretch_lens(lens, ASPECT)
    assert seen.fx_px == seen.fy_px and replace(seen, fx_px=500, cx_px=240) == lens
    corner = np.array([480.0, 540.0])
    np.testing.assert_allclose(
        seen.normalised_from_px(corner * (ASPECT, 1)), lens.normalised_from_px(corner), atol=1e-12
    )
