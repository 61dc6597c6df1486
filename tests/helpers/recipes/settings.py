"""What the artist says is wrong: of the lens, of the set's measures, of the tracks' coordinates."""

from dataclasses import replace

import numpy as np

from helpers.recipes.honest import FRAMES, SENSOR_MM, honest_shot
from helpers.recipes.markers import moved_px
from helpers.recipes.sets import TrackSet, loose, set_of, with_markers


def locked_focal(family: str, seed: int) -> TrackSet:
    random = np.random.default_rng([seed, 50])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "tiny", "pan"]))
    shot = honest_shot(kind, seed)
    times = float(random.choice([0.7, 0.85, 0.93, 1.07, 1.2, 1.4]))
    focal_mm = shot.truth["lens"]["fx_px"] * times / shot.size_px[0] * SENSOR_MM
    camera = {"focal_mm": focal_mm, "lock_focal": True}
    return replace(set_of(shot, kind, family, f"{times:g}", seed), camera=camera)


def proxy_half(family: str, seed: int) -> TrackSet:
    """A part of the tracks was made on a plate of half the size, and nobody doubled them."""
    random = np.random.default_rng([seed, 51])
    kind = str(random.choice(["orbit", "walk", "planar", "crane", "dolly"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    markers = loose(shot)
    half = random.random(len(markers.points)) < random.uniform(0.75, 0.97)
    rows = half[markers.track]
    return with_markers(one, moved_px(markers, rows, markers.true_px / 2, one.size_px))


def flipped(family: str, seed: int) -> TrackSet:
    """y counted from the bottom."""
    random = np.random.default_rng([seed, 52])
    kind = str(random.choice(["orbit", "walk", "planar", "crane", "dolly", "pan"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    markers = loose(shot)
    over = markers.true_px * [1, -1] + [0, one.size_px[1]]
    return with_markers(one, replace(markers, true_px=over, noise_px=markers.noise_px * [1, -1]))


def survey(family: str, seed: int) -> TrackSet:
    """swapped: two of the measured points bear each other's name. cm: they, or a part of them, are in centimetres, and
    the camera's height is in metres. known_cm: so is an imported camera for half of the shot."""
    random = np.random.default_rng([seed, 53])
    kind, variant = str(random.choice(["orbit", "walk"])), str(random.choice(["swapped", "cm", "known_cm"]))
    shot = honest_shot(kind, seed)
    one = replace(set_of(shot, kind, family, variant, seed), keeps_world=True)
    lives = np.bincount(shot.tracks.track_id, minlength=len(shot.points))
    lives[shot.sliding] = 0
    longest = np.argsort(-lives, kind="stable")[:30]
    count = int(random.integers(3, 6))
    chosen = random.permutation(longest)[:count]
    while _width(shot.points[chosen]) < 0.2:
        chosen = random.permutation(longest)[:count]
    xyz_m = shot.points[chosen].copy()
    if variant == "swapped":
        xyz_m[:2] = xyz_m[1::-1]
    if variant == "cm":
        xyz_m[: int(random.choice([1, 2, count]))] *= 100
    picks = [{"track": int(track), "xyz_m": place.tolist()} for track, place in zip(chosen, xyz_m, strict=True)]
    centres = -np.einsum("nji,nj->ni", *_parts(one))
    height_m = float(np.median(centres[:, 2]))
    orient = {"survey": picks, "camera_height_m": height_m}
    if variant == "known_cm":
        first, sees = one.frames[0], one.picture.sees
        cameras = sees.cam_from_world[: FRAMES // 2].copy()
        cameras[:, :, 3] *= 100
        known = {"schema": 1, "image_size_px": list(one.size_px), "lens": shot.truth["lens"], "status": "solved",
                 "kind": "general", "scale_known": True, "frames": list(range(first, first + FRAMES // 2)),
                 "cam_from_world": cameras.reshape(-1, 12).tolist()}  # fmt: skip
        one = replace(one, known=known)
    return replace(one, solve={"orient": orient})


def _parts(one: TrackSet) -> tuple[np.ndarray, np.ndarray]:
    cameras = one.picture.sees.cam_from_world
    return cameras[:, :, :3], cameras[:, :, 3]


def _width(points: np.ndarray) -> float:
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return float(spread[1] / max(spread[0], 1e-12))
