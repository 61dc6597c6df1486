"""Cameras made from true ones, right or wrong on purpose, as the end of a solve would have left them: the judge alone
has to tell them apart.

A wrong camera is the true one whose frames from somewhere on are one piece that was turned, shifted, grown, mirrored,
or ramped (turned a little more in every frame). Both kinds then have a few steps of the adjustment, which pull at what
does not fit; the lens stays as it is, since it would need many steps to come back. With a gap, most tracks end in a few
frames, and some of those that go on go on in a wrong place.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from helpers.plates.simulated import Simulated, simulate
from helpers.recipes.markers import crossing, some, split_at
from helpers.recipes.sets import TrackSet, loose, set_of, with_markers
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import adjust, lens_from_vector
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.to_and_from_bundle import bundle_of, cameras_of
from shotmake.solve.bundle.weights import weigh_markers
from shotmake.solve.verdict import hold_out

FRAMES, VISIBLE = 48, 90
KINDS = {
    "orbit": {},
    "dolly": {},
    "crane": {},
    "planar": {},
    "walk": {"kind": "orbit", "unrest": 3.0, "span_deg": 25.0},
}
WRONG = ("turned", "shifted", "grown", "mirrored", "ramped")
STEPS = 3
TURNED_DEG, SHIFTED, GROWN, RAMPED_DEG = 8.0, 0.2, 0.5, 0.4  # at an amount of 1; the shift as a share of the path
LEAST = 0.06


@dataclass(frozen=True)
class Shot:
    """A simulated shot, its tracks as a set, whole or with a gap before frame index `at`; random: what comes next."""

    one: TrackSet
    at: int
    random: np.random.Generator


@dataclass(frozen=True)
class Judged:
    """A camera to judge: cam_from_world (N, 3, 4), its lens, the markers it has and those held out."""

    cam_from_world: np.ndarray
    lens: Lens
    markers: Observations
    held_out: Observations


def make_shot(seed: int, gap: bool) -> Shot:
    """A shot of a kind by its seed; with a gap, 12 to 30 tracks bridge it, up to a third of them on a wrong place."""
    random = np.random.default_rng([seed, 71])
    kind = list(KINDS)[seed % len(KINDS)]
    settings = {"kind": kind, **KINDS[kind]}
    lens = (float(random.uniform(700, 1700)), float(random.uniform(-0.15, 0.02)), 0.02)
    life, bad = float(random.choice([20, 50])), float(random.uniform(0, 0.1))
    settings |= {"lens": lens, "frame_count": FRAMES, "visible": VISIBLE, "life_frames": life, "bad_share": bad}
    shot = simulate(seed=seed, **settings)
    at = int(random.integers(12, FRAMES - 8))
    one = set_of(shot, kind, "judge", "gap" if gap else "whole", seed)
    return Shot(_with_gap(shot, one, at, random) if gap else one, at, random)


def _with_gap(shot: Simulated, one: TrackSet, at: int, random: np.random.Generator) -> TrackSet:
    soft = int(random.integers(1, 5))
    markers = loose(shot)
    bridging = some(random, crossing(markers, at), int(random.integers(12, 31)))
    markers = split_at(markers, at, bridging)
    inside = (markers.frame >= at - soft) & (markers.frame < at)
    markers = markers.select(~inside | np.isin(markers.track, bridging))
    inside = (markers.frame >= at - soft) & (markers.frame < at)
    slid = some(random, bridging, int(random.uniform(0, 0.34) * len(bridging)))
    noise_px = markers.noise_px + inside[:, None] * random.normal(0, 1.5, markers.noise_px.shape)
    for name in slid:
        noise_px[(markers.track == name) & (markers.frame >= at)] += random.normal(0, 10, 2)
    return with_markers(one, replace(markers, noise_px=noise_px))


def make_camera(shot: Shot, how: str) -> Judged:
    """how: "right", or one of WRONG by an amount drawn at random."""
    sees = shot.one.picture.sees
    cameras = sees.cam_from_world
    if how != "right":
        cameras = _spoil(cameras, how, shot)
    everything = Observations.from_tracks(shot.one.tracks, shot.one.frames)
    held = hold_out(len(everything.track_ids))
    markers = everything.select_tracks(~held)
    still = np.zeros(len(cameras))
    bundle, middle, size = bundle_of(cameras, markers, sees.lenses[0], still)
    told = np.isfinite(bundle.directions).all(1)
    if not told.all():
        markers = markers.select_tracks(told)
        bundle, middle, size = bundle_of(cameras, markers, sees.lenses[0], still)
    bundle = adjust(bundle, markers, (), STEPS, 0.5, 1e-9, weigh_markers(markers.expected_px))
    return Judged(
        cameras_of(bundle, middle, size), lens_from_vector(bundle.lens), markers, everything.select_tracks(held)
    )


def _spoil(cameras: np.ndarray, how: str, shot: Shot) -> np.ndarray:
    random, at = shot.random, shot.at
    amount = float(LEAST ** random.uniform(0, 1))
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    turns, centres = cameras[:, :, :3].copy(), find_camera_centres(cameras)
    behind = np.arange(len(cameras)) >= at
    away = centres[behind] - centres[at]
    if how == "turned":
        turn = Rotation.from_rotvec(np.radians(TURNED_DEG * amount) * axis).as_matrix()
        turns[behind], centres[behind] = turns[behind] @ turn.T, centres[at] + away @ turn.T
    if how == "shifted":
        path = np.linalg.norm(np.diff(centres, axis=0), axis=1).sum()
        centres[behind] += SHIFTED * amount * path * axis
    if how == "grown":
        centres[behind] = centres[at] + np.exp(GROWN * amount * random.choice([-1, 1])) * away
    if how == "mirrored":
        centres[behind] = centres[at] + away - 2 * np.outer(away @ axis, axis)
    if how == "ramped":
        angles = np.radians(RAMPED_DEG * amount) * np.arange(1, behind.sum() + 1)
        turns[behind] = turns[behind] @ Rotation.from_rotvec(np.outer(-angles, axis)).as_matrix()
    return np.concatenate([turns, -np.einsum("nij,nj->ni", turns, centres)[:, :, None]], 2)
