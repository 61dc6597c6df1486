"""Tracks, or an imported camera, that are not of the frame they say; and frames that nobody tracked."""

from dataclasses import replace

import numpy as np

from helpers.recipes.honest import FRAMES, honest_shot
from helpers.recipes.markers import moved_px
from helpers.recipes.sets import Markers, Picture, TrackSet, loose, set_of, with_markers

MOVING = ("orbit", "dolly", "walk", "planar", "crane")


def jump(family: str, seed: int) -> TrackSet:
    """step: from one frame on, all tracks are some px off, and turned in the picture. bump: only for a few frames."""
    random = np.random.default_rng([seed, 20])
    kind, variant = str(random.choice(MOVING)), str(random.choice(["step", "bump"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, variant, seed)
    at = int(random.integers(15, 45))
    count = FRAMES if variant == "step" else int(random.integers(5, 9))
    angle, roll = random.uniform(0, 2 * np.pi), np.radians(random.normal(0, 0.4))
    off_px = float(random.uniform(4, 25)) * np.array([np.cos(angle), np.sin(angle)])
    markers, middle_px = loose(shot), np.array(one.size_px) / 2
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    moved = (markers.true_px - middle_px) @ turn.T + middle_px + off_px
    rows = (markers.frame >= at) & (markers.frame < at + count)
    return with_markers(one, moved_px(markers, rows, moved, one.size_px))


def conform(family: str, seed: int) -> TrackSet:
    """The tracks were made on a copy of the plate in which frames are dropped, doubled or frozen: what is said of frame
    n is of another frame."""
    random = np.random.default_rng([seed, 21])
    kind, variant = str(random.choice(MOVING)), str(random.choice(["dropped", "doubled", "frozen"]))
    more = FRAMES + 20
    shot = honest_shot(kind, seed, frame_count=more)
    at, count = int(random.integers(15, 40)), int(random.integers(2, 7))
    shown = np.arange(FRAMES)  # which frame the copy shows in its place
    if variant == "dropped":
        shown = np.where(shown < at, shown, shown + count)
    elif variant == "doubled":
        shown = np.where(shown < at, shown, np.maximum(at, shown - count))
    else:
        count = int(random.integers(8, 14))
        shown = np.where((shown < at) | (shown >= at + count), shown, at)
    one = set_of(shot, kind, family, variant, seed)
    markers = loose(shot)
    parts = [markers.select(markers.frame == there) for there in shown]
    joined = _joined([replace(part, frame=np.full(len(part), at)) for at, part in enumerate(parts)])
    fresh = random.normal(0, 0.1, joined.noise_px.shape)
    joined = replace(joined, noise_px=joined.noise_px + (variant != "dropped") * fresh)
    return with_markers(replace(one, picture=_shortened(one.picture, FRAMES)), joined)


def _joined(parts: list[Markers]) -> Markers:
    names = ("track", "frame", "true_px", "noise_px")
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _shortened(picture: Picture, count: int) -> Picture:
    """The first frames of a plate."""
    sees = picture.sees.select_frames(picture.sees.frames[:count])
    return replace(picture, sees=sees, depths=picture.depths[:count], body=picture.body[:count],
                   scene=picture.scene[:count])  # fmt: skip


def filled_in(family: str, seed: int) -> TrackSet:
    """Nobody tracked 10 to 20 frames: the tracks go straight from where they were before to where they are after."""
    random = np.random.default_rng([seed, 22])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "crane"]))
    shot = honest_shot(kind, seed, unrest=float(random.uniform(3, 6)))
    one = set_of(shot, kind, family, "", seed)
    count = int(random.integers(10, 21))
    first = int(random.integers(8, FRAMES - count - 8))
    markers = loose(shot)
    rows = {(track, frame): row for row, (track, frame) in enumerate(zip(markers.track, markers.frame, strict=True))}
    inside = (markers.frame >= first) & (markers.frame < first + count)
    true_px, noise_px, keep = markers.true_px.copy(), markers.noise_px.copy(), ~inside
    for row in np.flatnonzero(inside):
        before = rows.get((markers.track[row], first - 1))
        after = rows.get((markers.track[row], first + count))
        if before is not None and after is not None:
            share = (markers.frame[row] - first + 1) / (count + 1)
            for values in (true_px, noise_px):
                values[row] = (1 - share) * values[before] + share * values[after]
            keep[row] = True
    return with_markers(one, replace(markers, true_px=true_px, noise_px=noise_px).select(keep))


def frame_late(family: str, seed: int) -> TrackSet:
    """tracks: those of a second source, half of all, are one or two frames late. camera: an imported one is."""
    random = np.random.default_rng([seed, 23])
    kind, variant = str(random.choice(["orbit", "walk", "planar", "crane"])), str(random.choice(["tracks", "camera"]))
    late = 1 if variant == "camera" else int(random.integers(1, 3))
    unrest = float(random.uniform(0.2, 1.0) if variant == "camera" else random.uniform(1, 3))
    shot = honest_shot(kind, seed, frame_count=FRAMES + late, unrest=unrest)
    one = set_of(shot, kind, family, variant, seed)
    cut = replace(one, picture=_shortened(one.picture, FRAMES))
    markers = loose(shot)
    if variant == "camera":
        count = int(random.choice([FRAMES, FRAMES // 2]))
        made = with_markers(cut, markers.select(markers.frame < FRAMES))
        return replace(made, known=_imported(shot.truth, cut.frames[0], late, count), keeps_world=True)
    second = np.flatnonzero(random.random(len(markers.points)) < random.uniform(0.5, 0.65))
    moved = replace(markers, frame=markers.frame - late * ~np.isin(markers.track, second))
    # the others are told of the frame before: the plate that both are judged by is theirs
    inside = (moved.frame >= 0) & (moved.frame < FRAMES)
    plate, sees = one.picture, one.picture.sees.select_frames(one.picture.sees.frames[late:])
    numbered = replace(sees, frames=sees.frames - late)
    picture = replace(
        plate, sees=numbered, depths=plate.depths[late:], body=plate.body[late:], scene=plate.scene[late:]
    )
    return with_markers(replace(one, picture=picture), moved.select(inside))


def _imported(truth: dict, first: int, late: int, count: int) -> dict:
    """The record of an imported camera of `count` frames, each with the pose of `late` frames on."""
    record = {name: truth[name] for name in ("schema", "image_size_px", "lens")}
    record |= {"status": "solved", "kind": "general", "scale_known": True, "frames": list(range(first, first + count))}
    return record | {"cam_from_world": truth["cam_from_world"][late : late + count]}
