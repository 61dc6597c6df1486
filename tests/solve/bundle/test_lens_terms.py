"""Lens values beyond focal, k1, k2: found where the tracks hold them, named where they do not."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import simulate
from shotmake.config.schema import Camera, Solve
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import compute_residuals_px, derive, lens_from_vector, vector_from_lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.to_and_from_bundle import bundle_of
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve

WHOLE = {"cx_px": 500.0, "cy_px": 255.0, "k3": -0.01, "p1": 0.002, "p2": -0.003}
REFINE = ["focal", "principal_point", "k1", "k2", "k3", "p1", "p2"]


def made(kind: str, refine: list[str], more_lens: dict = WHOLE, **settings):
    shot = simulate(kind, seed=4, frame_count=60, more_lens=more_lens, **settings)
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve(refine=refine))).record
    return record, measure({**record, "shot": ""}, shot.truth)


def test_the_lens_vector_holds_the_whole_lens():
    lens = Lens(900.0, 900.0, 480.0, 270.0, 0.1, -0.02, 0.001, -0.002, 0.03)
    assert asdict(lens_from_vector(vector_from_lens(lens))) == pytest.approx(asdict(lens))


def test_derivatives_by_lens_camera_and_point_are_those_of_the_projection():
    shot = simulate("orbit", seed=2, frame_count=10, visible=40, more_lens=WHOLE)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    bundle, _, _ = bundle_of(cameras, markers, Lens.from_json(shot.truth["lens"]), 0.1 * np.arange(10))
    slopes = derive(bundle, markers)
    by_point, by_lens, by_zoom = slopes.by_point, slopes.by_lens, slopes.by_zoom
    step = 1e-6
    for place in range(8):
        ends = [replace(bundle, lens=bundle.lens + sign * step * np.eye(8)[place]) for sign in (1, -1)]
        slope = (compute_residuals_px(ends[0], markers) - compute_residuals_px(ends[1], markers)) / (2 * step)
        assert np.allclose(slope, by_lens[:, :, place], rtol=1e-6, atol=1e-5)
    ends = [replace(bundle, log_zooms=bundle.log_zooms + sign * step) for sign in (1, -1)]
    slope = (compute_residuals_px(ends[0], markers) - compute_residuals_px(ends[1], markers)) / (2 * step)
    assert np.allclose(slope, by_zoom, rtol=1e-6, atol=1e-5)
    move = np.array([1.0, 2.0, -1.0])
    ends = [replace(bundle, translations=bundle.translations + sign * step * move) for sign in (1, -1)]
    slope = (compute_residuals_px(ends[0], markers) - compute_residuals_px(ends[1], markers)) / (2 * step)
    assert np.allclose(slope, by_point @ move * bundle.inverse_depths[markers.track][:, None], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "lens", "refine"),
    [("orbit", WHOLE, REFINE), ("pan", {"cx_px": 500.0, "cy_px": 255.0}, ["focal", "principal_point", "k1", "k2"])],
)
def test_an_off_centre_lens_is_found(kind, lens, refine):
    record, row = made(kind, refine, more_lens=lens, white_px=0.05, drift_px=0.005)
    assert abs(record["lens"]["cx_px"] - 500) < 6 and abs(record["lens"]["cy_px"] - 255) < 6
    # nine values of a lens: at the picture's corners, beyond the tracks, seeds 4 to 7 are off by 0.2 to 0.6 px
    most_deg, most_px = (0.03, 0.7) if kind == "orbit" else (0.01, 0.5)
    assert row["rot_deg"] < most_deg and row["lens_px"] < most_px
    assert not record["warnings"]


def test_what_the_tracks_do_not_determine_is_named_and_left_alone():
    """A short drive straight ahead says next to nothing of the centre."""
    record, _ = made("dolly", REFINE, more_lens={}, baseline=0.6, visible=60)
    assert any("principal_point" in line for line in record["warnings"])
    assert (record["lens"]["cx_px"], record["lens"]["cy_px"]) == (480, 270)


@pytest.mark.parametrize("refine", [["focal", "k2"], ["focal", "k1", "k3"]])
def test_a_higher_term_needs_the_lower_one(refine):
    shot = simulate("orbit", seed=1, frame_count=5)
    with pytest.raises(ShotError, match="tracking.solve.refine: found k[23] without k[12]"):
        solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve(refine=refine)))


def test_a_pan_through_an_off_centre_lens_is_no_move():
    """With the centre taken as the picture's middle it looks like one, and its focal length comes out 13 % off."""
    record, row = made("pan", ["focal", "k1", "k2"], more_lens={"cx_px": 500.0, "cy_px": 255.0}, white_px=0.05)
    assert record["status"] == "tripod" and abs(row["focal_pct"]) < 1
    assert any("principal_point" in line for line in record["warnings"])
