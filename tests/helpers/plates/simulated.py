"""Track sets with a known camera, without rendering: what a KLT tracker would have handed over.

The world is Z up, the desk is z = 0. Noise per marker: heavy-tailed white error plus a random walk
(drift); `bad_share` of the tracks slide steadily; `moving_share` of them ride on a second rigid body; `blur`
adds white error by how far the picture moves in a frame.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from shotmake.geometry.camera import project, zoom_cameras
from shotmake.geometry.lens import Lens
from shotmake.tracks.markers import Tracks

MARGIN_PX = 8
CORRIDOR_M = (1.2, 2.4)  # half its width, its height
RELIEF_AWAY = 8.0


@dataclass(frozen=True)
class Simulated:
    """tracks; truth: a solve record with `path_length`; moving, sliding: track ids on the moving object, and of those
    that slide; points (T, 3) world, by track id; level_px (M,) the standard deviation of each marker's noise, by axis;
    true_px (M, 2) where each marker should be; body (N, 3, 4) moves the points of the moving object from where they
    rest to where they are in each frame.
    """

    tracks: Tracks
    truth: dict
    moving: np.ndarray
    sliding: np.ndarray
    points: np.ndarray
    level_px: np.ndarray
    true_px: np.ndarray
    body: np.ndarray

    @property
    def size_px(self) -> tuple[int, int]:
        return tuple(self.truth["image_size_px"])

    @property
    def frames(self) -> tuple[int, int]:
        return self.truth["frames"][0], self.truth["frames"][-1]


def look_at(centres: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N, 3, 3) rotations cam_from_world of level cameras in a Z-up world."""
    forward = targets - centres
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], 1)


def _wobble(random: np.random.Generator, time: np.ndarray, amount: float, waves: int = 3) -> np.ndarray:
    """(N,) a hand's unrest: a few slow sines."""
    parts = [
        random.normal(0, amount / (k + 1)) * np.sin(2 * np.pi * ((k + 1) * time * 0.8 + random.random()))
        for k in range(waves)
    ]
    return np.sum(parts, axis=0)


def _camera_path(kind: str, random: np.random.Generator, count: int, baseline: float, span_deg: float, unrest: float):
    """cam_from_world (N, 3, 4); distances in metres, the subject about 1.2 m away."""
    time = np.linspace(0, 1, count)
    hand = np.stack([_wobble(random, time, 0.02 * unrest) for _ in range(3)], 1)
    turn_deg = np.stack([_wobble(random, time, 1.0 * unrest) for _ in range(3)], 1)
    aim = np.tile([0.0, 0.0, 0.05], (count, 1))
    if kind in ("orbit", "planar"):
        angle = np.radians(span_deg) * (time - 0.5)
        centres = np.stack([baseline * np.sin(angle), -np.cos(angle), np.full(count, 0.7)], 1) + hand
    elif kind == "dolly":
        centres = np.stack([0 * time, -1.6 + 0.7 * baseline * time, 0.6 - 0.1 * baseline * time], 1) + 0.2 * hand
        aim = centres + [0.0, 1.0, -0.3]
    elif kind == "corridor":
        centres = np.stack([0 * time, 12 * baseline * time - 1.0, 0 * time + 1.5], 1) + 2 * hand
        heading = 0.5 + 0.4 * np.sin(4 * np.pi * time + random.uniform(0, 2 * np.pi))  # to the wall and ahead again
        aim = centres + np.stack([np.sin(heading), np.cos(heading), 0 * time - 0.1], 1)
    elif kind == "relief":  # far away: what the lens sees of it is as wide as a desk seen from near
        angle = np.radians(span_deg) * (time - 0.5)
        centres = RELIEF_AWAY * baseline * np.stack([np.sin(angle), -np.cos(angle), 0 * time], 1) + hand
    elif kind == "crane":
        centres = np.stack([0.3 * baseline * (time - 0.5), 0 * time - 1.2, 0.35 + baseline * time], 1) + 0.5 * hand
    elif kind in ("pan", "zoom", "tiny", "static"):
        centres = np.tile([0.0, -1.0, 0.7], (count, 1))
        if kind == "tiny":
            centres = centres + baseline * (np.outer(time - 0.5, [1.0, 0.3, 0.4]) + hand)
    else:
        raise ValueError(kind)
    rotations = look_at(centres, aim)
    if kind in ("pan", "tiny"):
        turn_deg = turn_deg + np.outer(time - 0.5, [0.15, 1.0, 0.05]) * span_deg
    if kind == "zoom":
        turn_deg = turn_deg + np.outer(time - 0.5, [0.4, 1.0, 0.05]) * span_deg
    if kind == "static":
        turn_deg = turn_deg * 0
    rotations = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix() @ rotations
    return np.concatenate([rotations, -rotations @ centres[:, :, None]], 2)


def scatter(kind: str, random: np.random.Generator, centre, rotation, lens: Lens, size_px, count: int) -> np.ndarray:
    """(count, 3) world points seen by one camera: desk top, things on it, a room behind."""
    xy_px = random.uniform(MARGIN_PX, np.array(size_px) - MARGIN_PX, (count, 2))
    plane = (xy_px - (lens.cx_px, lens.cy_px)) / lens.fx_px  # roughly; the exact pixel does not matter
    rays = np.concatenate([plane, np.ones((count, 1))], 1) @ rotation
    if kind == "corridor":
        across, height = CORRIDOR_M
        sides = (np.sign(rays[:, 0]) * across - centre[0]) / rays[:, 0]
        flats = (np.where(rays[:, 2] < 0, 0.0, height) - centre[2]) / rays[:, 2]
        depth = np.minimum(np.minimum(sides, flats), random.uniform(5, 8, count))
        return centre + rays * (depth * random.uniform(0.85, 1, count))[:, None]
    if kind == "relief":  # a wall through the middle, leaning, with a little on it
        leaning = np.array([0.35, -1.0, 0.2])
        depth = -(centre @ leaning) / (rays @ leaning)
        return centre + rays * (depth * random.uniform(0.975, 1, count))[:, None]
    downwards = rays[:, 2] < -0.05
    to_desk = np.where(downwards, -centre[2] / np.where(downwards, rays[:, 2], -1), np.inf)
    if kind == "planar":
        depth = np.where(to_desk < 8, to_desk, np.nan)
        return (centre + rays * depth[:, None])[np.isfinite(depth)]
    room = random.uniform(1.8, 3.5, count)
    depth = np.minimum(to_desk, room)
    things = random.random(count) < 0.35
    depth = np.where(things, depth * random.uniform(0.7, 0.97, count), depth)
    return centre + rays * depth[:, None]


def simulate(
    kind: str,
    seed: int = 0,
    frame_count: int = 48,
    size_px: tuple[int, int] = (960, 540),
    lens: tuple[float, float, float] | Lens = (1000.0, -0.1, 0.03),
    visible: int = 150,
    baseline: float = 1.0,
    span_deg: float = 40.0,
    unrest: float = 1.0,
    moving_share: float = 0.0,
    bad_share: float = 0.03,
    white_px: float = 0.1,
    drift_px: float = 0.02,
    first_frame: int = 1,
    life_frames: float = 50.0,
    more_lens: dict[str, float] | None = None,
    zoom: float | None = None,
    blur: float = 0.0,
    uneven: float = 0.0,
    uneven_drift: float = 0.0,
    body_size: tuple[float, float, float] = (0.25, 0.2, 0.15),
    body_pace: float = 1.0,
) -> Simulated:
    """kind: orbit, planar, dolly, crane, corridor, relief (a wall far away), pan, zoom (a tilt-pan), tiny (baseline in
    metres), static. lens = focal_px, k1, k2; more_lens: other values of Lens. zoom: the last focal length over the
    first, lens being half-way; 1.5 for the kind of that name. blur: px of white error for a px of motion a frame.
    uneven: spread (log) of the noise from track to track; the tracks then say what error they expect, as wrong by as
    much: our own tracker's rank correlation with the truth is 0.6. uneven_drift: the spread of the drift beyond that.
    body_size: half the moving object's, in metres; body_pace: how far it moves, 1 = some 30 cm and 15 deg."""
    random = np.random.default_rng(seed)
    if not isinstance(lens, Lens):
        lens = Lens(lens[0], lens[0], size_px[0] / 2, size_px[1] / 2, *lens[1:])
    true_lens = replace(lens, **(more_lens or {}))
    focal_px = true_lens.fx_px
    cameras = _camera_path(kind, random, frame_count, baseline, span_deg, unrest)
    centres = -np.einsum("nji,nj->ni", cameras[:, :, :3], cameras[:, :, 3])
    time = np.linspace(0, 1, frame_count)
    zoom = zoom or (1.5 if kind == "zoom" else 1.0)
    log_zooms = np.log(zoom) * (time * time * (3 - 2 * time) - 0.5)
    seeing = zoom_cameras(cameras, log_zooms)
    body_turn = Rotation.from_rotvec(
        body_pace * np.stack([_wobble(random, time, 0.25) for _ in range(3)], 1)
    ).as_matrix()
    body_shift = body_pace * np.stack([_wobble(random, time, a) for a in (0.25, 0.15, 0.1)], 1)
    body_centre = np.array([0.05, 0.0, 0.15])

    def paths_px(points: np.ndarray, on_body: np.ndarray, born: int) -> np.ndarray:
        """(P, N, 2) plate px in every frame from `born` on, until all have left; NaN where not in the picture."""
        out, left = np.full((len(points), frame_count, 2), np.nan), np.zeros(len(points), bool)
        for frame in range(born, frame_count):
            moved = (points - body_centre) @ body_turn[frame].T + body_centre + body_shift[frame] - body_shift[0]
            xy_px, _ = project(np.where(on_body[:, None], moved, points), seeing[frame], true_lens)
            outside = (xy_px < MARGIN_PX) | (xy_px > np.array(size_px) - MARGIN_PX)
            out[:, frame] = np.where(outside.any(1, keepdims=True) | np.isnan(xy_px), np.nan, xy_px)
            left |= np.isnan(out[:, frame, 0])
            if left.all():
                break
        return out

    seen = np.zeros(frame_count, int)
    rows_id, rows_frame, rows_xy, rows_expected, rows_level, rows_true = [], [], [], [], [], []
    all_points, moving, sliding = [], [], []
    for frame in range(frame_count):
        wanted = visible - seen[frame]
        if wanted <= 0:
            continue
        points = scatter(kind, random, centres[frame], cameras[frame, :, :3], true_lens, size_px, wanted)
        on_body = random.random(len(points)) < moving_share
        body_points = body_centre + random.uniform(-1, 1, (len(points), 3)) * np.array(body_size)
        points = np.where(on_body[:, None], body_points, points)
        paths = paths_px(points, on_body, frame)
        for point, body, path in zip(points, on_body, paths, strict=True):
            life = 8 + int(random.exponential(life_frames))
            there = np.isfinite(path[frame : frame + life, 0])
            length = len(there) if there.all() else int(np.argmin(there))
            slide = random.normal(0, 0.35, 2) if random.random() < bad_share else np.zeros(2)
            wander_px = drift_px * np.exp(random.normal(0, uneven_drift)) if uneven_drift else drift_px
            walk = np.cumsum(random.standard_t(3, (length, 2)) * wander_px + slide, axis=0)
            pace_px = np.linalg.norm(np.diff(path[frame : frame + length], axis=0, prepend=path[None, frame]), axis=1)
            white = random.standard_t(4, (length, 2)) * (white_px + blur * pace_px)[:, None]
            noise = walk - walk[:1] + white
            # the variance of Student's t is 2 with 4 degrees of freedom, 3 with 3
            level_px = np.sqrt(2 * (white_px + blur * pace_px) ** 2 + 3 * wander_px**2 * np.arange(length))
            expected_px = np.zeros(length)
            if uneven:
                worse, misjudged = np.exp(random.normal(0, uneven, 2))
                noise, expected_px = noise * worse, (white_px + blur * pace_px) * worse * misjudged
                level_px = level_px * worse
            if length < 4:
                continue
            rows_id.append(np.full(length, len(all_points)))
            rows_frame.append(np.arange(frame, frame + length))
            rows_xy.append(path[frame : frame + length] + noise)
            rows_expected.append(expected_px)
            rows_level.append(level_px)
            rows_true.append(path[frame : frame + length])
            seen[frame : frame + length] += 1
            if body:
                moving.append(len(all_points))
            if slide.any():
                sliding.append(len(all_points))
            all_points.append(point)
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    truth = {
        "schema": 1,
        "status": "solved",
        "kind": {"pan": "pan", "tiny": "smallpar", "static": "static"}.get(kind, kind),
        "image_size_px": list(size_px),
        "lens": true_lens.to_json(),
        "focal_px_per_frame": None if zoom == 1 else (focal_px * np.exp(log_zooms)).tolist(),
        "frames": list(range(first_frame, first_frame + frame_count)),
        "cam_from_world": cameras.reshape(-1, 12).tolist(),
        "path_length": float(steps.sum()),
    }
    ids, numbers = np.concatenate(rows_id), np.concatenate(rows_frame) + first_frame
    tracks = Tracks.from_markers(ids, numbers, np.concatenate(rows_xy), np.concatenate(rows_expected))
    odd = np.array(moving, int), np.array(sliding, int)
    stays = body_centre + body_shift - body_shift[0] - body_turn @ body_centre
    body = np.concatenate([body_turn, stays[:, :, None]], 2)
    levels, true_px = np.concatenate(rows_level), np.concatenate(rows_true)
    return Simulated(tracks, truth, *odd, np.array(all_points), levels, true_px, body)


def rolling_shutter(tracks: Tracks, height_px: int, readout: float) -> Tracks:
    """The rows of the picture read one after the other: a marker is where it is at its own row's time.

    readout: of the frame's time, from the first row to the last.
    """
    pace_px = np.gradient(tracks.xy_px.astype(float), axis=0)
    ends = np.diff(tracks.track_id, prepend=-1, append=-1) != 0
    pace_px[ends[:-1] | ends[1:]] = 0
    late = readout * (tracks.xy_px[:, 1:] / height_px - 0.5)
    return replace(tracks, xy_px=(tracks.xy_px + late * pace_px).astype(np.float32))


def half_noisy(kind: str) -> tuple[Simulated, list[int]]:
    """A shot whose tracks with even ids have ten times the noise, and the ids of the others.

    No track tells its expected error: so are the tracks of Blender, and most of other programs.
    """
    shot = simulate(kind, seed=3, frame_count=40, visible=100, first_frame=1001, white_px=0.05, drift_px=0.0,
                    bad_share=0.0)  # fmt: skip
    noisy = shot.tracks.track_id % 2 == 0
    noise_px = np.random.default_rng(1).normal(0, 0.6, shot.tracks.xy_px.shape) * noisy[:, None]
    xy_px = (shot.tracks.xy_px + noise_px).astype(np.float32)
    tracks = replace(shot.tracks, xy_px=xy_px, quality=np.zeros_like(shot.tracks.quality))
    return replace(shot, tracks=tracks), np.unique(tracks.track_id[~noisy]).tolist()
