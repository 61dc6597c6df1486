"""Lenses and plates that are not what a solve takes them for: pixels that are no squares, crops that move, rows read
one after the other, a focal length that changes, views so narrow that depth has two readings."""

from dataclasses import replace

import numpy as np

from helpers.measures.true_slip import Seeing, warped
from helpers.plates.simulated import rolling_shutter
from helpers.recipes.honest import FRAMES, SENSOR_MM, honest_shot
from helpers.recipes.markers import moved_px
from helpers.recipes.sets import TrackSet, loose, set_of, with_markers
from shotmake.geometry.lens import Lens


def rolling(family: str, seed: int) -> TrackSet:
    random = np.random.default_rng([seed, 30])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "pan"]))
    shot = honest_shot(kind, seed, **({} if kind == "pan" else dict(unrest=float(random.uniform(2, 5)))))
    tracks = rolling_shutter(shot.tracks, shot.size_px[1], float(random.uniform(0.3, 0.9)))
    return replace(set_of(shot, kind, family, "", seed), tracks=tracks)


def aspect(family: str, seed: int) -> TrackSet:
    """The plate's pixels are taken for squares: by a few percent off, or a plate of 1.33 that nobody unsqueezed."""
    random = np.random.default_rng([seed, 31])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "pan"]))
    times = float(random.choice([0.97, 0.98, 1.02, 1.03, 1.04, 1.33]))
    focal_px, k1 = float(random.uniform(600, 1300)), float(random.uniform(-0.15, 0.02))
    lens = Lens(focal_px * times, focal_px, 480.0, 270.0, k1, 0.02)
    return set_of(honest_shot(kind, seed, lens=lens), kind, family, f"{times:g}", seed)


def recropped(family: str, seed: int) -> TrackSet:
    """stabilised: the shake was taken out by moving the picture, and the picture enlarged. punch_in: enlarged by about
    4 % midway, at once or over some frames."""
    random = np.random.default_rng([seed, 32])
    variant = str(random.choice(["stabilised", "punch_in"]))
    kind = str(random.choice(["orbit", "walk", "planar", "crane"]))
    focal_px = float(random.uniform(500, 800))
    if variant == "stabilised":
        settings = dict(lens=(focal_px, -0.05, 0.01), unrest=float(random.uniform(4, 8)))
    else:
        settings = dict(lens=(float(random.uniform(700, 1400)), -0.05, 0.01))
    shot = honest_shot(kind, seed, **settings)
    one = set_of(shot, kind, family, variant, seed)
    warp = np.tile(np.eye(3), (FRAMES, 1, 1))
    middle_px = np.array(one.size_px) / 2
    if variant == "stabilised":
        middle = np.median(shot.points, axis=0)
        seen = one.picture.sees.px(np.tile(middle, (FRAMES, 1, 1)))[:, 0]
        time = np.linspace(-1, 1, FRAMES)
        wanted = np.stack([np.polyval(np.polyfit(time, seen[:, axis], 1), time) for axis in (0, 1)], 1)
        shift_px, grown = np.clip(wanted - seen, -120, 120), np.full(FRAMES, float(random.uniform(1.05, 1.15)))
    else:
        at, ramp = int(random.integers(20, 40)), int(random.choice([1, 1, 8, 15]))
        share = np.clip((np.arange(FRAMES) - at) / ramp, 0, 1)
        shift_px = np.outer(share, random.normal(0, 6, 2))
        grown = 1 + share * float(random.uniform(0.03, 0.06))
    warp[:, :2, :2] *= grown[:, None, None]
    warp[:, :2, 2] = (1 - grown)[:, None] * middle_px + grown[:, None] * shift_px
    sees = Seeing(one.picture.sees.frames, one.picture.sees.cam_from_world, one.picture.sees.lenses, warp)
    markers = loose(shot)
    moved = warped(warp[markers.frame], markers.true_px[:, None])[:, 0]
    made = with_markers(one, moved_px(markers, np.ones(len(markers), bool), moved, one.size_px))
    return replace(made, picture=replace(one.picture, sees=sees))


def dolly_zoom(family: str, seed: int) -> TrackSet:
    """The focal length changes while the camera comes nearer, so that the subject stays as large."""
    random = np.random.default_rng([seed, 33])
    zoom = float(random.uniform(0.6, 0.95))
    shot = honest_shot("dolly", seed, zoom=zoom, baseline=float(random.uniform(0.5, 1.0)))
    return set_of(shot, "dolly", family, "", seed)


def reversed_depth(family: str, seed: int) -> TrackSet:
    """A long lens, about as long as the artist says, on something flat far away: turned the other way round with near
    and far swapped, it looks almost the same."""
    random = np.random.default_rng([seed, 34])
    focal_px = float(random.uniform(3000, 6000))
    more = dict(span_deg=float(random.uniform(12, 40)), white_px=float(random.uniform(0.1, 0.4)))
    shot = honest_shot("relief", seed, lens=(focal_px, 0.0, 0.0), **more)
    said_mm = focal_px * float(random.uniform(0.9, 1.1)) / shot.size_px[0] * SENSOR_MM
    return replace(set_of(shot, "relief", family, "", seed), camera={"focal_mm": said_mm})
