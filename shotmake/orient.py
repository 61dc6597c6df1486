"""Where the world stands: Z up, the ground at z = 0, the origin where the cameras look, a scale.

A solve knows its world only up to rotation, shift and size. Up comes from how people hold cameras
(the horizon level) and, better, from the dominant plane near that up: the floor or the desk.
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake import config
from shotmake.camera import camera_centres, rays_world
from shotmake.errors import ShotError
from shotmake.lens import Lens

DEPTH_UNITS = 5.0  # median solved depth of a world without known scale
EYE_HEIGHT = 1.6
ROLL_SIGMA_DEG, PITCH_SIGMA_DEG, FLOOR_SIGMA_DEG = 3.0, 22.0, 12.0
GROUND_SIGMAS = 2.5
GROUND_TRIES = 600
GROUND_THICKNESS = 0.008  # of the median depth


@dataclass(frozen=True)
class World:
    """new = scale * rotation @ old + shift."""

    rotation: np.ndarray
    shift: np.ndarray
    scale: float
    ground_found: bool
    scale_known: bool
    warnings: tuple[str, ...]

    def points(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) old -> new."""
        return self.scale * points @ self.rotation.T + self.shift

    def cameras(self, cam_from_world: np.ndarray) -> np.ndarray:
        """(N, 3, 4) old -> new; the pictures stay the same."""
        rotations = cam_from_world[:, :, :3] @ self.rotation.T
        translations = self.scale * cam_from_world[:, :, 3] - rotations @ self.shift
        return np.concatenate([rotations, translations[:, :, None]], 2)


def level_up(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit up (3,) from camera rotations (N, 3, 4), and how sure: a (3, 3) information matrix.

    Cameras are held level (roll within 3 deg), so up is across all their x axes; where these hardly
    differ (a dolly) the pitch stays open and the cameras' own up decides, within 22 deg. For a unit
    vector u, u' A u is its squared distance from up in sigmas.
    """
    own_up = -cam_from_world[:, 1, :3].mean(0)
    own_up /= np.linalg.norm(own_up)
    sideways = cam_from_world[:, 0, :3]
    # a hand's roll is one slow movement: the frames count as four independent ones
    information = 4 * (sideways.T @ sideways) / len(sideways) / np.radians(ROLL_SIGMA_DEG) ** 2
    information += (np.eye(3) - np.outer(own_up, own_up)) / np.radians(PITCH_SIGMA_DEG) ** 2
    values, vectors = np.linalg.eigh(information)
    up = vectors[:, 0] * np.sign(vectors[:, 0] @ own_up)
    spread = np.radians(FLOOR_SIGMA_DEG) ** 2
    softened = np.maximum(values - values[0], 0)  # zero along up itself
    softened = softened / (1 + spread * softened)  # never surer than 12 deg
    return up, (vectors * softened) @ vectors.T


def find_ground(
    points: np.ndarray, cam_from_world: np.ndarray, up: np.ndarray, information: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray] | None:
    """The ground's unit normal and a point on it, or None.

    Seeded RANSAC over triples of points (N, 3); normals within 2.5 sigmas of `up`. Support counts by
    closeness to the view axes; what lies below the plane counts against it. M. Fischler and R. Bolles,
    "Random Sample Consensus", CACM 24 (1981).
    """
    if len(points) < 20:
        return None
    centres = camera_centres(cam_from_world)
    axes = cam_from_world[:, 2, :3]
    some = np.linspace(0, len(centres) - 1, min(len(centres), 12)).astype(int)
    away = points[:, None] - centres[some]
    depth = np.einsum("pci,ci->pc", away, axes[some])
    tangent = np.linalg.norm(away - depth[..., None] * axes[some], axis=2) / np.maximum(depth, 1e-9)
    weight = np.exp(-((np.median(tangent, axis=1) / 0.35) ** 2)) + 0.05
    thickness = GROUND_THICKNESS * float(np.median(depth))
    mean_centre = centres.mean(0)

    random = np.random.default_rng(seed)
    chance = weight / weight.sum()
    best_score, best = 0.0, None
    for _ in range(GROUND_TRIES):
        a, b, c = points[random.choice(len(points), 3, replace=False, p=chance)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-12:
            continue
        normal = normal / length * np.sign(normal @ up or 1.0)
        if normal @ up < 0.5 or normal @ information @ normal > GROUND_SIGMAS**2 or (mean_centre - a) @ normal <= 0:
            continue
        height = (points - a) @ normal
        score = weight[np.abs(height) < thickness].sum() - 0.3 * weight[height < -3 * thickness].sum()
        if score > best_score:
            best_score, best = score, (normal, a)
    if best is None:
        return None
    normal, middle = best
    for _ in range(5):
        near = np.abs((points - middle) @ normal) < thickness
        middle = np.average(points[near], axis=0, weights=weight[near])
        spread = (points[near] - middle) * np.sqrt(weight[near])[:, None]
        values, vectors = np.linalg.eigh(spread.T @ spread)
        normal = vectors[:, 0] * np.sign(vectors[:, 0] @ up)
    enough = near.sum() >= max(15, 0.08 * len(points)) and weight[near].sum() > 0.12 * weight.sum()
    flat = values[1] > 25 * values[0]  # a plane, not a line or a ball of points
    if not (enough and flat and normal @ information @ normal <= GROUND_SIGMAS**2):
        return None
    return normal, middle


def orient_moving(
    cam_from_world: np.ndarray,
    frames: np.ndarray,
    points: np.ndarray,
    median_depth: float,
    lens: Lens,
    settings: config.Orient,
) -> World:
    """World of a moving camera. cam_from_world (N, 3, 4) of plate frames (N,); points (P, 3) the reliable ones."""
    up, information = level_up(cam_from_world)
    ground = find_ground(points, cam_from_world, up, information)
    warnings: tuple[str, ...] = ()
    if ground is None:
        heights = points @ up if len(points) else np.array([camera_centres(cam_from_world).mean(0) @ up - 1])
        ground = up, up * np.percentile(heights, 5)
        warnings = (
            "no ground plane found among the points: up is guessed from the cameras and z = 0 lies at the lowest "
            "points; set tracking.solve.orient.origin or place the subject with shot.subject.location",
        )
    world = _upright(cam_from_world, *ground, DEPTH_UNITS / median_depth)
    world = replace(world, ground_found=not warnings, warnings=warnings)
    return _picked(world, cam_from_world, frames, lens, settings)


def orient_turning(cam_from_world: np.ndarray, frames: np.ndarray, lens: Lens, settings: config.Orient) -> World:
    """World of a camera that only turns (or stands still): all centres at the old origin.

    Nothing is known of the ground, so the camera is put above z = 0 such that its average view axis meets
    the ground 5 units away; 1.6 units above it where it looks up or almost level (less than 5 deg down).
    """
    up, _ = level_up(cam_from_world)
    axis = cam_from_world[:, 2, :3].mean(0)
    down = -float(axis @ up) / float(np.linalg.norm(axis))
    height = DEPTH_UNITS * down if down > np.sin(np.radians(5)) else EYE_HEIGHT
    world = _upright(cam_from_world, up, -up * height, 1.0)
    return _picked(world, cam_from_world, frames, lens, settings)


def _upright(cam_from_world: np.ndarray, normal: np.ndarray, on_ground: np.ndarray, scale: float) -> World:
    """Z along `normal`, Y along the average view over the ground, origin where that view meets the ground."""
    centres, axes = camera_centres(cam_from_world), cam_from_world[:, 2, :3]
    forward = axes.mean(0) - (axes.mean(0) @ normal) * normal
    if np.linalg.norm(forward) < 1e-3:  # straight down: the picture's top is away
        forward = -cam_from_world[:, 1, :3].mean(0)
        forward = forward - (forward @ normal) * normal
    forward = forward / np.linalg.norm(forward)
    rotation = np.stack([np.cross(forward, normal), forward, normal])
    slope = axes @ normal
    heights = (centres - on_ground) @ normal
    meets = slope < -0.08  # steeper than about 5 deg
    if meets.mean() > 0.5:
        hits = centres[meets] - axes[meets] * (heights[meets] / slope[meets])[:, None]
        origin = np.median(hits, axis=0)
    else:
        origin = centres.mean(0) + forward * (DEPTH_UNITS / scale)
    origin = origin - ((origin - on_ground) @ normal) * normal
    return World(rotation, -scale * rotation @ origin, scale, False, False, ())


def _picked(world: World, cam_from_world: np.ndarray, frames: np.ndarray, lens: Lens, settings: config.Orient) -> World:
    """Apply the artist's picks: the distance sets the scale, the origin is where its ray meets the ground."""
    cameras = world.cameras(cam_from_world)
    if settings.distance is not None:
        key = "tracking.solve.orient.distance"
        pick = _checked(settings.distance, key, ("frame", "a_px", "b_px", "metres"))
        ends = [_on_ground(pick["frame"], pick[name], cameras, frames, lens, key) for name in ("a_px", "b_px")]
        length = float(np.linalg.norm(ends[0] - ends[1]))
        if not float(pick["metres"]) > 0 or length < 1e-9:
            ends_px = f"{pick['a_px']} and {pick['b_px']}"
            raise ShotError(f"{key}: found {pick['metres']} metres between {ends_px}; needed two places and metres > 0")
        factor = float(pick["metres"]) / length
        world = replace(world, scale=world.scale * factor, shift=world.shift * factor, scale_known=True)
        cameras = world.cameras(cam_from_world)
    if settings.origin is not None:
        key = "tracking.solve.orient.origin"
        pick = _checked(settings.origin, key, ("frame", "xy_px"))
        spot = _on_ground(pick["frame"], pick["xy_px"], cameras, frames, lens, key)
        world = replace(world, shift=world.shift - spot)
    return world


def _checked(pick: dict, key: str, names: tuple[str, ...]) -> dict:
    missing = [name for name in names if name not in pick]
    if missing:
        raise ShotError(f"{key}: found {sorted(pick)}; needed {', '.join(names)}")
    return pick


def _on_ground(frame: int, xy_px, cameras: np.ndarray, frames: np.ndarray, lens: Lens, key: str) -> np.ndarray:
    """World point (3,) at z = 0 under a plate pixel; ShotError where there is none."""
    at = np.flatnonzero(frames == frame)
    if not len(at):
        raise ShotError(f"{key}: found frame {frame}, which has no solved camera; solved are {frames[0]}..{frames[-1]}")
    centre, directions = rays_world(np.array([xy_px], float).reshape(1, 2), cameras[at[0]], lens)
    if not directions[0, 2] * centre[2] < 0 or abs(directions[0, 2]) < 1e-3:
        place = f"{list(xy_px)} in frame {frame}"
        raise ShotError(f"{key}: found {place}, above the ground's horizon; needed a pixel on the ground")
    spot = centre - directions[0] * (centre[2] / directions[0, 2])
    return np.array([spot[0], spot[1], 0.0])
