"""The world a solve is put in: up, ground, origin, scale; checked in scenes that were turned and scaled at random."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.plates.simulated import look_at
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.orient.orient import find_ground, find_up, orient_moving, orient_tripod
from shotmake.solve.orient.picks import Solved

pytestmark = pytest.mark.fast

LENS = Lens(1000.0, 1000.0, 480.0, 270.0, k1=-0.1, k2=0.02)
SIZE_PX = (960, 540)
FRAMES = np.arange(1001, 1041)


def desk(seed: int = 0, tabletop: bool = True):
    """cameras (40, 3, 4), points (P, 3): a desk at z = 0 with things on it, a wall 1.5 m behind, in metres."""
    random = np.random.default_rng(seed)
    angle = np.radians(np.linspace(-20, 20, len(FRAMES)))
    centres = np.stack([np.sin(angle), -np.cos(angle), np.full(len(angle), 0.7)], 1)
    centres += 0.02 * np.sin(np.linspace(0, 9, len(angle)))[:, None]
    rotations = look_at(centres, np.zeros_like(centres))
    roll_deg = 2 * np.sin(np.linspace(0, 7, len(angle)))
    roll = Rotation.from_euler("z", roll_deg[:, None], degrees=True).as_matrix()
    rotations = roll @ rotations
    on_desk = np.concatenate([random.uniform(-0.5, 0.5, (150, 2)), random.normal(0, 0.001, (150, 1))], 1)
    things = random.uniform([-0.4, -0.4, 0.02], [0.4, 0.4, 0.35], (80, 3))
    wall = np.stack([random.uniform(-1.5, 1.5, 120), np.full(120, 1.5), random.uniform(-0.5, 1, 120)], 1)
    points = np.concatenate([on_desk, things, wall] if tabletop else [things * 3])
    return np.concatenate([rotations, -rotations @ centres[:, :, None]], 2), points


def disturbed(cameras, points, seed: int = 5):
    """The same pictures from a world turned, scaled and shifted, as a solver would return it."""
    turn, scale, shift = Rotation.random(rng=seed).as_matrix(), 3.7, np.array([5.0, -2.0, 9.0])
    rotations = cameras[:, :, :3] @ turn.T
    translations = scale * cameras[:, :, 3] - rotations @ shift
    return np.concatenate([rotations, translations[:, :, None]], 2), scale * points @ turn.T + shift


def angle_deg(a, b) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def solved_of(cameras, points) -> Solved:
    """As a solve hands it over: every point has a track, all the way through the picture."""
    seen = np.array([project(points, camera, LENS)[0] for camera in cameras])
    track, frame = np.nonzero(((seen > 0) & (seen < SIZE_PX)).all(2).T)
    ids, noise = np.arange(len(points)), np.zeros(len(track))
    markers = Observations(track, frame, seen[frame, track], noise, ids, len(cameras), numbers=FRAMES)
    return Solved(cameras, FRAMES, LENS, SIZE_PX, markers, points, np.full(len(points), 0.1))


def oriented(settings: schema.Orient, **scene):
    true_cameras, true_points = desk(**scene)
    cameras, points = disturbed(true_cameras, true_points)
    depth = float(np.median((points @ cameras[:, 2, :3].T) + cameras[:, 2, 3]))
    world = orient_moving(solved_of(cameras, points), points, depth, settings)
    return world, cameras, points, true_cameras, true_points


def test_the_desk_becomes_the_ground():
    world, cameras, points, true_cameras, _ = oriented(schema.Orient())
    assert world.ground_found and not world.scale_known and world.warnings == ()
    placed = world.transform_points(points)
    assert np.abs(placed[:150, 2]).max() < 0.03  # of a depth of 5
    assert (placed[150:230, 2] > 0).all()
    centres = find_camera_centres(world.transform_cameras(cameras))
    assert (centres[:, 2] > 1).all()
    # the subject's place: near the origin, seen ahead along +Y
    assert np.linalg.norm(placed[:150, :2].mean(0)) < 0.5
    assert centres[:, 1].mean() < -2
    depth = placed @ world.transform_cameras(cameras)[:, 2, :3].T + world.transform_cameras(cameras)[:, 2, 3]
    assert np.median(depth) == pytest.approx(5.0, rel=1e-6)


def test_the_pictures_stay_the_same():
    world, cameras, points, true_cameras, true_points = oriented(schema.Orient())
    for index in (0, 20, 39):
        before, _ = project(true_points, true_cameras[index], LENS)
        after, _ = project(world.transform_points(points), world.transform_cameras(cameras)[index], LENS)
        assert np.nanmax(np.abs(before - after)) < 1e-6
    assert np.linalg.det(world.rotation) == pytest.approx(1.0)


def test_distance_pick_sets_metres_and_origin_pick_the_origin():
    true_cameras, _ = desk()
    corners = np.array([[0.1, 0.05, 0.0], [-0.2, 0.15, 0.0]])
    at_px, _ = project(corners, true_cameras[10], LENS)
    spot_px, _ = project(corners, true_cameras[30], LENS)
    picks = schema.Orient(
        origin={"frame": 1031, "xy_px": spot_px[1].tolist()},
        distance={
            "frame": 1011,
            "a_px": at_px[0].tolist(),
            "b_px": at_px[1].tolist(),
            "metres": float(np.linalg.norm(corners[0] - corners[1])),
        },
    )
    world, cameras, points, _, true_points = oriented(picks)
    assert world.scale_known
    placed = world.transform_points(points)
    spread = np.linalg.norm(placed[:150] - placed[:150].mean(0), axis=1).mean()
    truth = np.linalg.norm(true_points[:150] - true_points[:150].mean(0), axis=1).mean()
    assert spread == pytest.approx(truth, rel=0.01)
    centre = find_camera_centres(world.transform_cameras(cameras))[0]
    assert np.linalg.norm(centre - 0) == pytest.approx(
        np.linalg.norm(find_camera_centres(true_cameras)[0] - corners[1]), rel=0.01
    )


@pytest.mark.parametrize(
    "picks, message",
    [
        (schema.Orient(origin={"frame": 5, "xy_px": [480, 300]}), "frame 5"),
        (schema.Orient(origin={"frame": 1005, "xy_px": [480, -4000]}), "horizon"),
        (schema.Orient(distance={"frame": 1005, "a_px": [1, 2], "b_px": [3, 4]}), "metres"),
        (schema.Orient(distance={"frame": 1005, "a_px": [400, 400], "b_px": [400, 400], "metres": 1}), "two places"),
    ],
)
def test_picks_that_miss_are_the_artist_s_to_mend(picks, message):
    with pytest.raises(ShotError, match=message) as failure:
        oriented(picks)
    assert str(failure.value).startswith("tracking.solve.orient.")


def test_without_a_plane_up_is_guessed_and_said_so():
    world, _, points, true_cameras, true_points = oriented(schema.Orient(), tabletop=False)
    assert not world.ground_found and world.warnings[0].code == "ground_unknown"
    placed = world.transform_points(points)
    assert 0.02 < (placed[:, 2] < 0).mean() < 0.08
    # the guess itself: the horizon is level
    turn = np.linalg.lstsq(true_points - true_points.mean(0), placed - placed.mean(0), rcond=None)[0].T
    assert angle_deg(turn @ [0, 0, 1], np.array([0, 0, 1.0])) < 12


def test_the_wall_is_not_the_ground():
    cameras, points = desk()
    up, information = find_up(cameras)
    assert angle_deg(up, np.array([0, 0, 1.0])) < 8
    found = find_ground(points[230:], cameras, up, information)  # nothing but the wall
    assert found is None


def test_a_tripod_stands_above_the_ground_it_looks_at():
    yaw = np.radians(np.linspace(-25, 25, len(FRAMES)))
    forward = np.stack([np.sin(yaw), np.cos(yaw), np.full(len(yaw), -0.4)], 1)
    rotations = look_at(np.zeros_like(forward), forward)
    cameras, _ = disturbed(np.concatenate([rotations, np.zeros((len(yaw), 3, 1))], 2), np.zeros((1, 3)))
    cameras[:, :, 3] = 0  # the solver's centre is its origin
    world = orient_tripod(replace(solved_of(cameras, np.zeros((0, 3))), points=None), schema.Orient())
    placed = world.transform_cameras(cameras)
    centres = find_camera_centres(placed)
    assert np.ptp(centres, axis=0).max() < 1e-9
    assert 1 < centres[0, 2] < 2.5
    middle = placed[20, 2, :3]
    assert centres[0, 2] / -middle[2] == pytest.approx(5.0, rel=0.1)  # along the axis to the ground
    assert angle_deg(-placed[20, 1, :3], np.array([0, 0, 1.0])) == pytest.approx(np.degrees(np.arctan(0.4)), abs=2)


def test_same_points_same_world():
    first, *_ = oriented(schema.Orient())
    second, *_ = oriented(schema.Orient())
    assert np.array_equal(first.rotation, second.rotation) and np.array_equal(first.shift, second.shift)


def turned(yaw_deg, pitch_deg=0.0, roll_deg=0.0) -> np.ndarray:
    """(N, 3, 3) cam_from_world of a head: yaw about Z, pitch up from level, roll about the view."""
    angles = np.broadcast_arrays(*np.atleast_1d(yaw_deg, pitch_deg, roll_deg))
    world_from_gl = Rotation.from_euler("ZXY", np.stack(angles, 1).astype(float), degrees=True).as_matrix()
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x right, y down, z ahead, for a world of Z up, Y ahead
    return np.swapaxes(world_from_gl @ level, 1, 2)


ROUND = np.arange(0, 360, 9.0)
ALL_ROUND = {
    "pans round": turned(ROUND), "pans half round at once": turned([0, 180]), "four ways": turned([0, 90, 180, 270]),
    "pans round, looking down": turned(ROUND, -20), "straight down": turned([0, 0], -90),
    "straight down, spinning": turned(ROUND, -90), "straight up, spinning": turned(ROUND, 90),
    "rolls round": turned(0, 0, ROUND), "upside down at once": turned(0, 0, [0, 180]), "tumbles": turned(0, ROUND),
    "to the last bit": np.array([[[1, 0, 0], [0, -1, 0], [0, 0, -1]], [[-1, 0, 0], [0, 1, 0], [0, 0, -1]]], float),
    "one frame": turned(0),
}  # fmt: skip


@pytest.mark.parametrize("noise", [0, 1e-9, 1e-4])
@pytest.mark.parametrize("kind", ALL_ROUND)
def test_a_camera_that_looks_every_way_round_has_a_world(kind, noise):
    """Its average view is zero, or rounding noise: neither tells where ahead is."""
    random = np.random.default_rng(1)
    rotations = (
        Rotation.from_rotvec(noise * random.normal(size=(len(ALL_ROUND[kind]), 3))).as_matrix() @ ALL_ROUND[kind]
    )
    frames = 1001 + np.arange(len(rotations))
    tripod = np.concatenate([rotations, np.zeros((len(rotations), 3, 1))], 2)
    centres = random.normal(0, 0.3, (len(rotations), 3))
    moving = np.concatenate([rotations, -rotations @ centres[:, :, None]], 2)
    markers = Observations(
        *np.zeros((2, 0), int), np.zeros((0, 2)), np.zeros(0), np.zeros(0, int), len(frames), numbers=frames
    )
    for cameras, orient in ((tripod, orient_tripod), (moving, lambda one, to: orient_moving(one, NONE, 2.0, to))):
        solved = Solved(cameras, frames, LENS, SIZE_PX, markers, NONE, np.zeros(0))
        world = orient(solved, schema.Orient())
        np.testing.assert_allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-9)
        assert (
            np.linalg.det(world.rotation) > 0
            and np.isfinite(world.transform_cameras(cameras)).all()
            and world.scale > 0
        )


NONE = np.zeros((0, 3))


def test_a_pan_once_round_stands_level_and_begins_along_y():
    cameras = np.concatenate([turned(ROUND + 30), np.zeros((len(ROUND), 3, 1))], 2)
    world = orient_tripod(Solved(cameras, np.arange(40), LENS, SIZE_PX, None, None, np.zeros(0)), schema.Orient())
    placed = world.transform_cameras(cameras)
    np.testing.assert_allclose(placed[:, 1, :3], [[0, 0, -1]] * 40, atol=1e-9)  # the picture's down is down
    np.testing.assert_allclose(placed[0, 2, :3], [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose(find_camera_centres(placed)[:, 2], 1.6)
