"""True slip of made-up errors of which the px are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.true_slip import (
    PLACES,
    WIDTH_PX,
    Seeing,
    seeing,
    size_of_world,
    slip_px,
    still_slip_px,
    true_slip_px,
)
from helpers.plates.simulated import simulate
from helpers.recipes.sets import Picture, picture_of
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens

pytestmark = pytest.mark.fast

SIZE_PX = (960, 540)
FRAMES = 60
AT_1280 = WIDTH_PX / SIZE_PX[0]
FOCAL_PX = 1000.0


def plate(kind: str, **more) -> Picture:
    shot = simulate(kind, seed=4, frame_count=FRAMES, lens=(FOCAL_PX, 0.0, 0.0), **more)
    return picture_of(shot, np.random.default_rng(0))


@pytest.fixture(scope="module")
def orbit() -> Picture:
    return plate("orbit")


@pytest.fixture(scope="module")
def pan() -> Picture:
    return plate("pan")


def slip_of(found: Seeing, picture: Picture, **more) -> np.ndarray:
    return slip_px(found, picture.sees, picture.depths, SIZE_PX, **more)


def turned(sees: Seeing, yaw_deg: np.ndarray) -> Seeing:
    """Every camera turned about its own y axis."""
    turn = Rotation.from_euler("y", yaw_deg[:, None], degrees=True).as_matrix()
    return replace(sees, cam_from_world=turn @ sees.cam_from_world)


def in_another_world(sees: Seeing, scale: float = 3.7) -> Seeing:
    turn = Rotation.from_euler("xyz", [70, -40, 130], degrees=True).as_matrix()
    rotations = sees.cam_from_world[:, :, :3] @ turn.T
    centres = scale * find_camera_centres(sees.cam_from_world) @ turn.T + [4.0, -20.0, 9.0]
    return replace(sees, cam_from_world=np.concatenate([rotations, -rotations @ centres[:, :, None]], 2))


@pytest.mark.parametrize("kind", ["orbit", "dolly", "crane", "pan", "tiny"])
def test_the_truth_in_another_world_does_not_slip(kind):
    picture = plate(kind, baseline=0.02) if kind == "tiny" else plate(kind)
    assert slip_of(picture.sees, picture).max() < 1e-3
    assert slip_of(in_another_world(picture.sees), picture, size_of_world=3.7).max() < 0.01


def test_yaw_to_and_fro_slips_by_its_px(orbit):
    """Every second frame half a degree off in either direction: no one world takes that out."""
    yaw_deg = 0.25 * np.where(np.arange(FRAMES) % 2, 1, -1)
    slip = slip_of(in_another_world(turned(orbit.sees, yaw_deg)), orbit, size_of_world=3.7)
    assert np.allclose(slip, FOCAL_PX * np.tan(np.radians(0.25)) * AT_1280, rtol=0.15)
    assert true_slip_px(slip) == pytest.approx(5.8, rel=0.15)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_part_that_hangs_together_wrongly_slips(orbit, share):
    """By half of its angle at least: no world is right for both parts, and the percentile is in the worse one."""
    yaw_deg = np.where(np.arange(FRAMES) < share * FRAMES, 0.0, 5.0)
    slip = slip_of(turned(orbit.sees, yaw_deg), orbit)
    off_px = FOCAL_PX * np.tan(np.radians(5)) * AT_1280
    assert 0.4 * off_px < true_slip_px(slip) < 1.1 * off_px


def test_one_frame_is_no_percentile(orbit):
    yaw_deg = np.where(np.arange(FRAMES) == 30, 5.0, 0.0)
    slip = slip_of(turned(orbit.sees, yaw_deg), orbit)
    assert slip.max() > 100 and true_slip_px(slip) < 0.5


def test_a_focal_length_of_a_tripod_slips_by_its_share_of_the_radius(pan):
    longer = Lens(1.01 * FOCAL_PX, 1.01 * FOCAL_PX, *(np.array(SIZE_PX) / 2))
    found = replace(pan.sees, lenses=[longer] * FRAMES)
    found = in_another_world(found, scale=1.0)
    radius_px = np.sqrt(((PLACES * SIZE_PX) ** 2).sum(1).mean())
    slip = slip_of(found, pan)
    assert 0.6 < np.median(slip) / (0.01 * radius_px * AT_1280) < 1.2
    # turning towards the edge of a pan, a wrong focal length has no rotation to hide behind
    assert true_slip_px(slip) < 0.06 * radius_px


def test_where_the_path_is_wrong_near_things_slip_most(orbit):
    """Cameras shifted sideways by 5 mm to and fro: 5 mm / depth * focal length, and near is the worst."""
    cameras = orbit.sees.cam_from_world.copy()
    cameras[:, 0, 3] += 0.005 * np.where(np.arange(FRAMES) % 2, 1, -1)
    slip = slip_of(replace(orbit.sees, cam_from_world=cameras), orbit)
    expected = 0.005 / orbit.depths[:, 0] * FOCAL_PX * AT_1280
    assert np.allclose(slip, expected, rtol=0.1)


def test_only_frames_with_a_camera_are_judged(orbit):
    some = orbit.sees.select_frames(orbit.sees.frames[5:40])
    assert len(slip_of(some, orbit)) == 35


def test_depth_the_wrong_way_round_slips():
    """The mirror image of a path in front of a relief fits its middle, not near and far."""
    picture = plate("relief", span_deg=10.0)
    middle = np.median(picture.depths)
    cameras = picture.sees.cam_from_world
    flip = np.diag([1.0, 1.0, -1.0])
    axis = cameras[FRAMES // 2, :, :3]
    about = axis.T @ flip @ axis  # the world's reflection along the view
    rotations = flip @ cameras[:, :, :3] @ about
    centres = -middle * rotations[:, 2]
    found = replace(picture.sees, cam_from_world=np.concatenate([rotations, -rotations @ centres[:, :, None]], 2))
    assert np.allclose(np.linalg.det(rotations), 1)
    assert true_slip_px(slip_of(found, picture)) > 20


def test_a_world_that_the_artist_said_is_not_laid_over(orbit):
    centimetres = orbit.sees.cam_from_world.copy()
    centimetres[:, :, 3] *= 100
    found = replace(orbit.sees, cam_from_world=centimetres)
    assert slip_of(found, orbit, size_of_world=100.0).max() < 0.01
    assert true_slip_px(slip_of(found, orbit, keeps_world=True)) > 200


def test_a_pan_that_is_said_to_move_is_not_shrunk_to_a_point(pan):
    """Its points say how large the world is: with them a made-up path of a tenth of the depth slips."""
    cameras = pan.sees.cam_from_world.copy()
    cameras[:, :, 3] += np.outer(np.sin(np.arange(FRAMES) / 3), [0.1, 0.0, 0.0])
    assert true_slip_px(slip_of(replace(pan.sees, cam_from_world=cameras), pan)) > 20


def test_a_re_cropped_plate_is_seen_through_its_crop(orbit):
    """The true camera without the crop of 4 % is off by 4 % of the radius; with it, by nothing."""
    warp = np.tile(np.eye(3), (FRAMES, 1, 1))
    warp[FRAMES // 2 :, :2, :2] *= 1.04
    warp[FRAMES // 2 :, :2, 2] = -0.04 * np.array(SIZE_PX) / 2
    cropped = replace(orbit, sees=replace(orbit.sees, warp=warp))
    assert slip_of(cropped.sees, cropped).max() < 1e-3
    radius_px = np.sqrt(((PLACES * SIZE_PX) ** 2).sum(1).mean())
    slip = true_slip_px(slip_of(orbit.sees, cropped))
    assert 0.3 * 0.04 * radius_px < slip < 1.5 * 0.04 * radius_px * AT_1280


def test_a_static_camera_slips_by_what_moves():
    still, tiny = plate("static"), plate("tiny", baseline=0.02)
    assert still_slip_px(still.sees, still.depths, SIZE_PX).max() < 1e-6
    assert true_slip_px(still_slip_px(tiny.sees, tiny.depths, SIZE_PX)) > 20


def test_a_zoom_is_projected_with_each_frames_focal_length():
    picture = plate("orbit", zoom=1.3)
    assert slip_of(in_another_world(picture.sees), picture, size_of_world=3.7).max() < 0.01
    prime = replace(picture.sees, lenses=[picture.sees.lenses[FRAMES // 2]] * FRAMES)
    assert true_slip_px(slip_of(prime, picture)) > 5


def test_the_size_of_a_world_is_that_of_its_points():
    shot = simulate("orbit", seed=4, frame_count=FRAMES)
    true = seeing(shot.truth)
    found = in_another_world(true)
    turn = Rotation.from_euler("xyz", [70, -40, 130], degrees=True).as_matrix()
    solved = {"track_id": np.arange(50), "point_xyz": 3.7 * shot.points[:50] @ turn.T + [4.0, -20.0, 9.0]}
    assert size_of_world(solved, found, shot.points, true) == pytest.approx(3.7, rel=1e-6)
