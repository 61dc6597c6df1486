"""Tracks that agree with each other, but not with the room."""

from dataclasses import replace

import numpy as np

from helpers.plates.simulated import Simulated
from helpers.recipes.honest import FRAMES, SENSOR_MM, honest_shot
from helpers.recipes.markers import ages, chopped
from helpers.recipes.sets import Markers, TrackSet, loose, set_of, with_markers

LONG_FRAMES = 600
LARGE = dict(body_size=(0.8, 0.5, 0.4))  # half its size, in metres: it fills the picture
WINDOW = 0.56  # of the picture's width and height


def bad_tracks(family: str, seed: int) -> TrackSet:
    """Most are short, some ride on something that moves, and those that slide, as highlights do, slide alike."""
    random = np.random.default_rng([seed, 40])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "tiny", "pan"]))
    worse = dict(
        bad_share=float(random.uniform(0.05, 0.2)),
        life_frames=float(random.uniform(6, 20)),
        moving_share=float(random.uniform(0, 0.3)),
    )
    shot = honest_shot(kind, seed, **worse)
    one = set_of(shot, kind, family, "", seed)
    markers = loose(shot)
    sliding = random.random(len(markers.points)) < random.uniform(0.25, 0.45)
    angle, pace_px = random.uniform(0, 2 * np.pi), float(random.uniform(0.08, 0.3))
    slide = pace_px * np.array([np.cos(angle), np.sin(angle)]) * sliding[markers.track, None]
    return with_markers(one, replace(markers, noise_px=markers.noise_px + ages(markers)[:, None] * slide))


def equal_motions(family: str, seed: int) -> TrackSet:
    """Something that moves has as many tracks as the room. apart: each has its part of the picture. window: it is all
    over the picture, and the room is seen through a window in it."""
    random = np.random.default_rng([seed, 45])
    variant, pace = str(random.choice(["apart", "window"])), float(np.exp(random.uniform(np.log(0.03), np.log(0.6))))
    if variant == "apart":
        return set_of(honest_shot("orbit", seed, moving_share=0.5, body_pace=pace), "orbit", family, variant, seed)
    shot = honest_shot("orbit", seed, moving_share=0.4, body_pace=pace, **LARGE)
    return _through_a_window(set_of(shot, "orbit", family, variant, seed), loose(shot))


def larger_world(family: str, seed: int) -> TrackSet:
    """The camera looks out of something that moves on its own, or past it: it has more tracks than the room (more), and
    they also cover more of the picture (hull)."""
    random = np.random.default_rng([seed, 41])
    kind, variant = str(random.choice(["orbit", "walk", "crane"])), str(random.choice(["more", "hull"]))
    share, pace = float(random.uniform(0.6, 0.85)), float(np.exp(random.uniform(np.log(0.03), np.log(0.6))))
    shot = honest_shot(kind, seed, moving_share=share, body_pace=pace, **LARGE)
    one = set_of(shot, kind, family, variant, seed)
    return _through_a_window(one, loose(shot)) if variant == "hull" else one


def _through_a_window(one: TrackSet, markers: Markers) -> TrackSet:
    """Of the room only the tracks in the middle of the picture."""
    middle_px, half_px = np.array(one.size_px) / 2, np.array(one.size_px) * WINDOW / 2
    seen = (np.abs(markers.true_px - middle_px) < half_px).all(1)
    return with_markers(one, markers.select(seen | markers.riding[markers.track]))


def derived(family: str, seed: int) -> TrackSet:
    """A third and more of the tracks are copies: one homography, that of a planar tracker which slides, made them."""
    random = np.random.default_rng([seed, 42])
    kind = str(random.choice(["orbit", "walk", "planar", "crane"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    markers, (width, height) = loose(shot), one.size_px
    on_desk = np.flatnonzero(np.abs(markers.points[:, 2]) < 1e-6)
    share = float(random.uniform(0.33, 0.6))
    chosen = random.permutation(on_desk)[: int(share * len(markers.points))]
    rows = np.isin(markers.track, chosen)
    corners_px = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    time = np.arange(FRAMES) / FRAMES
    common = random.normal(0, 1, 2)
    ends_px = float(random.uniform(4, 20)) * (common + 0.5 * random.normal(0, 1, (4, 2)))
    slide = np.einsum("n,kc->nkc", time * time, ends_px)
    true_px = markers.true_px.copy()
    for frame in range(FRAMES):
        here = rows & (markers.frame == frame)
        true_px[here] = _through(_homography(corners_px, corners_px + slide[frame]), true_px[here])
    noise_px = np.where(rows[:, None], 0.0, markers.noise_px)
    return with_markers(one, replace(markers, true_px=true_px, noise_px=noise_px))


def _homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3, 3) that takes four points to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def _through(homography: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    moved = np.concatenate([xy_px, np.ones((len(xy_px), 1))], 1) @ homography.T
    return moved[:, :2] / moved[:, 2:]


def bias(family: str, seed: int) -> TrackSet:
    """Haze, water, hot air: all tracks are off by what changes slowly in place and time."""
    random = np.random.default_rng([seed, 43])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "crane"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    markers, amount_px = loose(shot), float(np.exp(random.uniform(np.log(0.3), np.log(3))))
    place, time = markers.true_px / one.size_px[0], markers.frame / FRAMES
    off_px = np.zeros((len(markers), 2))
    for _ in range(4):
        waves, phase = random.uniform(-1.5, 1.5, 3), random.uniform(0, 2 * np.pi, 2)
        at = 2 * np.pi * (place @ waves[:2] + time * waves[2])
        off_px += random.normal(0, 1, 2) * np.sin(at[:, None] + phase)
    off_px *= amount_px / np.sqrt((off_px**2).sum(1).mean())
    return with_markers(one, replace(markers, noise_px=markers.noise_px + off_px))


def corridor_shot(seed: int, frame_count: int = LONG_FRAMES, pace_m: float = 0.01) -> Simulated:
    more = dict(lens=(700.0, -0.05, 0.01), baseline=pace_m * frame_count / 12)
    return honest_shot("corridor", seed, frame_count=frame_count, visible=150, **more)


def corridor(family: str, seed: int) -> TrackSet:
    """A long way of tracks that live 12 to 15 frames, each sliding a little, and all in the same manner. long: 600
    frames. fast: 200 frames at twice the pace. most: so 400 frames, and a quarter of the tracks live longer."""
    random = np.random.default_rng([seed, 44])
    variant = str(random.choice(["long", "fast", "most", "most"]))
    frame_count, pace_m = {"long": (LONG_FRAMES, 0.01), "fast": (200, 0.02), "most": (400, 0.02)}[variant]
    shot = corridor_shot(seed, frame_count, pace_m)
    one = set_of(shot, "corridor", family, variant, seed)
    markers = loose(shot)
    kept = (markers.track % 4 == 0) & (variant == "most")
    cut = chopped(markers.select(~kept), 12, 15, random)
    whole = markers.select(kept)
    both = Markers(
        np.concatenate([cut.track, whole.track + len(cut.points)]),
        *(np.concatenate([getattr(cut, name), getattr(whole, name)]) for name in ("frame", "true_px", "noise_px")),
        *(np.concatenate([getattr(cut, name), getattr(whole, name)]) for name in ("points", "riding")),
    )
    angle = random.uniform(0, 2 * np.pi)
    slide = 0.03 * np.array([np.cos(angle), np.sin(angle)])
    focal_mm = 700.0 * float(random.uniform(0.97, 1.03)) / one.size_px[0] * SENSOR_MM
    one = replace(one, camera={"focal_mm": focal_mm})
    return with_markers(one, replace(both, noise_px=both.noise_px + ages(both)[:, None] * slide))
