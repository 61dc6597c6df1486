"""What a simulated set is: tracks and settings as a solve gets them, and what the plate really shows."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from helpers.measures.true_slip import Seeing, seeing
from helpers.plates.simulated import Simulated, scatter
from shotmake.tracks.markers import Tracks

SAMPLED = 6  # frames: places in the world are looked for from every such frame
FEATURES = 140  # that a frame shows, for the witness
DEPTH_SHARES = (10, 50, 90)  # percentiles of the depths in view: near, middle and far


@dataclass(frozen=True)
class Picture:
    """What the plate shows, whatever the tracks say.

    sees: its true cameras, frame by frame. depths (N, 3): near, middle and far in each frame. features (F, 3): places
    that a detector of features finds, at rest; riding (F,) those on the moving body; body (N, 3, 4) moves them.
    scene (N,): frames of different scenes show nothing in common; scene_of_feature (F,) where each is. repeated (F,):
    those of a pattern that looks the same one `period` (3,) metres on.
    """

    sees: Seeing
    depths: np.ndarray
    features: np.ndarray
    riding: np.ndarray
    body: np.ndarray
    scene: np.ndarray
    scene_of_feature: np.ndarray
    repeated: np.ndarray
    period: np.ndarray


@dataclass(frozen=True)
class TrackSet:
    """family, variant, seed: which one it is; kind: of its camera's move. tracks, and points (T, 3) by track id, NaN
    where a track has no place in the world. camera, solve: the values of config.Camera and config.Solve that differ
    from their defaults, as plain dicts; known: a solve record of an imported camera, or None. keeps_world: the
    artist said where the world is, so that the slip is measured there.
    """

    family: str
    variant: str
    seed: int
    kind: str
    size_px: tuple[int, int]
    tracks: Tracks
    points: np.ndarray
    picture: Picture
    camera: dict[str, Any] = field(default_factory=dict)
    solve: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Any] | None = None
    keeps_world: bool = False

    @property
    def frames(self) -> tuple[int, int]:
        return int(self.picture.sees.frames[0]), int(self.picture.sees.frames[-1])


@dataclass(frozen=True)
class Markers:
    """The markers of a simulated shot, loose: track (M,) id, frame (M,) index, true_px (M, 2) where each should be,
    noise_px (M, 2) what comes on top; points (T, 3) by id; riding (T,) those on the moving body."""

    track: np.ndarray
    frame: np.ndarray
    true_px: np.ndarray
    noise_px: np.ndarray
    points: np.ndarray
    riding: np.ndarray

    def __len__(self) -> int:
        return len(self.track)

    def select(self, keep: np.ndarray) -> "Markers":
        """Those of a mask or of indices (M,)."""
        parts = {name: getattr(self, name)[keep] for name in ("track", "frame", "true_px", "noise_px")}
        return replace(self, **parts)

    def tracks(self, first_frame: int = 1) -> Tracks:
        return Tracks.from_markers(self.track, self.frame + first_frame, self.true_px + self.noise_px)


def loose(shot: Simulated) -> Markers:
    tracks = shot.tracks
    riding = np.isin(np.arange(len(shot.points)), shot.moving)
    frame = tracks.frame.astype(int) - shot.frames[0]
    return Markers(tracks.track_id.astype(int), frame, shot.true_px, tracks.xy_px - shot.true_px, shot.points, riding)


def picture_of(shot: Simulated, random: np.random.Generator) -> Picture:
    """What the plate of a simulated shot shows."""
    sees, name = seeing(shot.truth), shot.truth["kind"]
    centres = -np.einsum("nji,nj->ni", sees.cam_from_world[:, :, :3], sees.cam_from_world[:, :, 3])
    found = [
        scatter(name, random, centres[at], sees.cam_from_world[at, :, :3], sees.lenses[at], shot.size_px, FEATURES // 2)
        for at in range(0, len(centres), SAMPLED)
    ]
    features = np.concatenate(found)
    riding = np.zeros(len(features), bool)
    if len(shot.moving):
        share = len(shot.moving) / len(shot.points)
        riding = random.random(len(features)) < share
        own = shot.points[random.choice(shot.moving, len(features))]
        features = np.where(riding[:, None], own + random.normal(0, 0.01, own.shape), features)
    one_scene, everywhere = np.zeros(len(sees.frames), int), np.zeros(len(features), int)
    unique = np.zeros(len(features), bool)
    depths = depths_in_view(shot, sees)
    return Picture(sees, depths, features, riding, shot.body, one_scene, everywhere, unique, np.zeros(3))


def depths_in_view(shot: Simulated, sees: Seeing) -> np.ndarray:
    """(N, 3) near, middle and far among the points that a shot's tracks are on in each frame, those that move apart."""
    still = ~np.isin(shot.tracks.track_id, shot.moving)
    track, frame = shot.tracks.track_id[still], shot.tracks.frame[still] - shot.frames[0]
    rows = sees.cam_from_world[frame, 2]
    depth = np.einsum("nj,nj->n", rows[:, :3], shot.points[track]) + rows[:, 3]
    return np.array([np.percentile(depth[frame == one], DEPTH_SHARES) for one in range(len(sees.frames))])


def set_of(shot: Simulated, kind: str, family: str, variant: str, seed: int) -> TrackSet:
    """A set with the tracks of a simulated shot as they are."""
    picture = picture_of(shot, np.random.default_rng([seed, 4711]))
    points = np.where(np.isin(np.arange(len(shot.points)), shot.moving)[:, None], np.nan, shot.points)
    return TrackSet(family, variant, seed, kind, shot.size_px, shot.tracks, points, picture)


def with_markers(one: TrackSet, markers: Markers) -> TrackSet:
    """The same plate with other tracks, those of four or more markers."""
    enough = np.bincount(markers.track, minlength=len(markers.points))[markers.track] >= 4
    points = np.where(markers.riding[:, None], np.nan, markers.points)
    return replace(one, tracks=markers.select(enough).tracks(one.frames[0]), points=points)
