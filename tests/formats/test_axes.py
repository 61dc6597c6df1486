"""Axes, Euler angles, focal lengths and fields of view: against scipy, and against what Nuke means by them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.plates.interchange import SIZE_PX, poses_of, take_of
from shotmake.formats.cameras.axes import (
    ORDERS,
    find_euler_deg,
    from_gl_poses,
    from_y_up_poses,
    make_rotations,
    to_gl_poses,
    to_y_up,
    to_y_up_poses,
    to_z_up,
)
from shotmake.formats.cameras.film import compute_film_back_mm, compute_fov_deg, compute_fovs_deg, film_of, focal_of
from shotmake.formats.cameras.scene_files import usd
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens

pytestmark = pytest.mark.fast


def poses(count: int = 20) -> np.ndarray:
    random = np.random.default_rng(3)
    turns = Rotation.random(count, random_state=4).as_matrix()
    return np.concatenate([turns, random.normal(size=(count, 3, 1))], 2)


@pytest.mark.parametrize("order", ORDERS)
def test_angles_are_scipy_s_and_come_back(order):
    turns = Rotation.random(200, random_state=1).as_matrix()
    angles = find_euler_deg(turns, order)
    ours = [angles[:, "XYZ".index(axis)] for axis in order]
    theirs = Rotation.from_euler(
        order.lower(), np.stack(ours, 1), degrees=True
    ).as_matrix()  # small letters: fixed axes
    np.testing.assert_allclose(theirs, turns, atol=1e-12)
    np.testing.assert_allclose(make_rotations(angles, order), turns, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_angles_do_not_jump_where_the_camera_turns_over(order):
    time = np.linspace(0, 1, 120)
    turns = Rotation.from_euler("xyz", np.stack([400 * time, 300 * time + 20, 500 * time], 1), degrees=True).as_matrix()
    angles = find_euler_deg(turns, order)
    steps = np.abs(np.diff(angles, axis=0))
    assert np.percentile(steps, 95) < 15 and np.abs(angles).max() > 200  # beyond +-180: nothing is wrapped
    np.testing.assert_allclose(make_rotations(angles, order), turns, atol=1e-12)


def test_worlds_and_cameras_turn_and_come_back():
    given = poses()
    points = np.array([[1.0, 2, 3]])
    assert to_y_up(points).tolist() == [[1, 3, -2]]
    np.testing.assert_array_equal(to_z_up(to_y_up(points)), points)
    for there, back in ((to_gl_poses, from_gl_poses), (to_y_up_poses, from_y_up_poses)):
        centres, turns = there(given)
        np.testing.assert_allclose(np.linalg.det(turns), 1)
        np.testing.assert_allclose(back(centres, turns), given, atol=1e-12)
    np.testing.assert_allclose(to_gl_poses(given)[0], find_camera_centres(given), atol=1e-12)


def test_a_gl_camera_looks_along_minus_z_with_y_up():
    centres, turns = to_y_up_poses(poses())
    seen = poses()
    ahead, above = centres + turns @ [0, 0, -2.0], centres + turns @ [0, 0.5, -2.0]
    lens = Lens(1000.0, 1000.0, 480.0, 270.0)
    for pose, on_axis, over_it in zip(seen, to_z_up(ahead), to_z_up(above), strict=True):
        xy_px, depth = project(np.stack([on_axis, over_it]), pose, lens)
        np.testing.assert_allclose(depth, 2.0)
        np.testing.assert_allclose(xy_px, [[480, 270], [480, 20]], atol=1e-9)


def test_a_usd_of_ours_is_z_up_and_says_so(tmp_path):
    take = take_of(frame_count=4)
    usd.write(tmp_path / "camera.usda", take)
    text = (tmp_path / "camera.usda").read_text()
    assert 'upAxis = "Z"' in text and "metersPerUnit = 1" in text
    first = ", ".join(f"{x:.9g}" for x in take.points["point_xyz"][0].astype(float))
    assert f"points = [({first})" in text  # our numbers as they are


def test_a_usd_of_ours_projects_in_pixar_s_own_library_where_our_camera_does(tmp_path):
    """It is an oracle of its own: Blender reads USD by the same library, but turns the world by its own code."""
    pytest.importorskip("pxr", reason="needs usd-core, as pip install -e '.[dev]' brings it")
    from pxr import Gf, Usd, UsdGeom

    take = take_of(frame_count=4)
    usd.write(tmp_path / "camera.usda", take)
    stage = Usd.Stage.Open(str(tmp_path / "camera.usda"))
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == (UsdGeom.Tokens.z, 1.0)
    assert UsdGeom.GetFallbackUpAxis() == UsdGeom.Tokens.y  # of a file that says none
    (camera,) = [UsdGeom.Camera(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Camera)]
    points, lens = take.points["point_xyz"].astype(float), Lens.from_json(take.solution["lens"])
    for frame, pose in zip(take.solution["frames"], poses_of(take), strict=True):
        frustum = camera.GetCamera(frame).frustum
        matrix = frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix()
        seen = np.array([matrix.Transform(Gf.Vec3d(*point)) for point in points.tolist()])
        xy_px = (seen[:, :2] * (0.5, -0.5) + 0.5) * SIZE_PX
        wanted, depth = project(points, pose, lens)
        np.testing.assert_allclose(xy_px[depth > 0], wanted[depth > 0], atol=0.005)


def test_fields_of_view_and_back():
    back = compute_film_back_mm((1920, 1080), 24.9)
    assert back == pytest.approx((24.9, 14.00625))
    assert compute_fovs_deg(35.0, back) == pytest.approx((39.16, 22.63, 44.40), abs=0.01)
    for extent in (*back, float(np.hypot(*back))):
        assert focal_of(compute_fov_deg(35.0, extent), extent) == pytest.approx(35.0)
    assert compute_film_back_mm((1920, 1080), 24.9, pixel_aspect=2.0)[1] == pytest.approx(14.00625 / 2)


def test_film_of_an_anamorphic_lens_off_the_middle():
    lens = Lens(1000.0, 2000.0, 500.0, 250.0)  # pixels twice as wide as high
    film = film_of(lens, (960, 540), 24.0)
    assert film.focal_mm == pytest.approx(25.0)
    assert film.back_mm == pytest.approx((24.0, 24.0 * 540 / (960 * 2)))
    assert film.shift == pytest.approx(
        (-20 / 960, -20 / 960 / 2)
    )  # the middle lies left of and below the lens's centre
