"""Zooms: found for every frame when asked for, noticed when not."""

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import simulate
from shotmake.config.schema import Camera, Solve
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres, project, zoom_cameras
from shotmake.geometry.lens import Lens
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve


def made(kind: str, settings: Solve, zoom: float, seed: int = 1):
    shot = simulate(kind, seed=seed, frame_count=60, zoom=zoom, first_frame=1001)
    record = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), settings)).record
    return shot, record, measure({**record, "shot": ""}, shot.truth)


def focal_errors(record: dict, truth: dict) -> np.ndarray:
    return np.abs(np.array(record["focal_px_per_frame"]) / truth["focal_px_per_frame"] - 1)


@pytest.mark.parametrize(("kind", "status", "limit"), [("pan", "tripod", 0.002), ("orbit", "solved", 0.006)])
def test_a_zoom_is_found_for_every_frame(kind, status, limit):
    shot, record, row = made(kind, Solve(zoom=True), zoom=1.5)
    assert (record["status"], record["warnings"]) == (status, [])
    assert focal_errors(record, shot.truth).max() < limit
    assert row["rot_deg"] < 0.03
    if status == "solved":
        assert row["ate_pct"] < 0.1
    assert np.median(record["focal_px_per_frame"]) == pytest.approx(record["lens"]["fx_px"], rel=1e-6)


@pytest.mark.parametrize("zoom", [1.05, 1.5])
def test_a_pan_that_zooms_is_not_taken_for_a_move(zoom):
    shot, record, _ = made("pan", Solve(), zoom)
    assert record["status"] == "tripod" and focal_errors(record, shot.truth).max() < 0.006
    assert any("tracking.solve.zoom: true" in line for line in record["warnings"])


@pytest.mark.parametrize("kind", ["orbit", "dolly"])
def test_a_moving_camera_that_zooms_a_little_is_told(kind):
    _, record, _ = made(kind, Solve(), zoom=1.02, seed=2)
    assert record["status"] == "refused" or any("focal length changes by" in line for line in record["warnings"])
    assert record["confidence"] < 0.7


def test_a_constant_focal_length_is_no_zoom():
    _, record, _ = made("orbit", Solve(), zoom=1.0)
    assert record["focal_px_per_frame"] is None and not record["warnings"]


def test_a_zoomed_camera_stands_where_it_stood_and_distorts_the_same_places():
    shot = simulate("orbit", seed=1, frame_count=8)
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    zooming = zoom_cameras(cameras, np.full(8, np.log(1.3)))
    assert np.allclose(find_camera_centres(zooming), find_camera_centres(cameras))
    lens = Lens(1000.0, 1000.0, 480.0, 270.0, -0.1, 0.03)
    points = shot.points[:20]
    seen = [project(points, zooming[0], lens)[0]]
    straight = lens.without_distortion().with_focal_px(1300.0)
    seen.append(project(points, cameras[0], straight)[0])
    again = project(points, cameras[0], lens.with_focal_px(1300.0))[0]
    assert np.allclose(seen[0], again, equal_nan=True)  # the lens in the terms of the longer focal length
    assert not np.allclose(seen[0], seen[1], equal_nan=True)


@pytest.mark.parametrize(
    ("camera", "settings", "key"),
    [
        (Camera(focal_mm=35.0, lock_focal=True), Solve(zoom=True), "shot.camera.lock_focal"),
        (Camera(), Solve(zoom=True, refine=["k1"]), "tracking.solve.refine"),
    ],
)
def test_what_contradicts_a_zoom_is_an_error(camera, settings, key):
    shot = simulate("orbit", seed=1, frame_count=5)
    with pytest.raises(ShotError, match=key):
        solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, camera, settings))


def test_a_refused_camera_that_zooms_is_refused_for_its_zoom():
    _, record, _ = made("orbit", Solve(), zoom=1.5)
    assert record["status"] == "refused"
    assert record["reason_code"] == "zoom" and "focal length changes by" in record["reason"]
    assert "tracking.solve.zoom: true" in record["reason"]
