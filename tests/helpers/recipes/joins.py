"""Parts of a shot that hang together wrongly: each part agrees with itself, and the tracks between them mislead."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from helpers.measures.true_slip import Seeing
from helpers.recipes.honest import FRAMES, honest_shot
from helpers.recipes.markers import crossing, gone_on, moved_px, seen_px, some, split_at, without_frames
from helpers.recipes.sets import Markers, TrackSet, loose, set_of, with_markers

GENERAL = ("orbit", "dolly", "walk", "planar", "crane")
GRID_M = 0.08
DESK = ("orbit", "walk", "planar", "crane")


def shuffled(family: str, seed: int) -> TrackSet:
    """From the middle on, tracks go on under others' names. all: at once and at random. neighbours: after a few frames
    without markers, a part of them under the name of one beside. rows: those of a grid of marks, each under the name of
    the mark before it, as when a line is missing in a list."""
    random = np.random.default_rng([seed, 5])
    kind = str(random.choice(["orbit", "walk", "planar"]))
    variant = str(random.choice(["all", "neighbours", "rows"], p=[0.15, 0.2, 0.65]))
    shot, middle = honest_shot(kind, seed), FRAMES // 2
    one = set_of(shot, kind, family, variant, seed)
    markers = loose(shot)
    if variant == "all":
        ids = crossing(markers, middle)
        return with_markers(one, _renamed(markers, middle, ids, random.permutation(ids)))
    markers = without_frames(markers, middle - 1, int(random.integers(2, 4)))
    ids = crossing(markers, middle)
    if variant == "rows":
        ids, nodes = _on_grid(markers, ids)
        markers = gone_on(
            markers, ids, 0, np.append(nodes, np.zeros((len(ids), 1)), 1) * GRID_M, one.picture.sees, one.size_px
        )
        places = markers.points.copy()
        places[ids, :2] = nodes * GRID_M
        markers = split_at(replace(markers, points=places), middle, ids)
        names = {tuple(node): name for node, name in zip(nodes.tolist(), ids.tolist(), strict=True)}
        before = [
            names.get((x - 1, y), name + len(places)) for (x, y), name in zip(nodes.tolist(), ids.tolist(), strict=True)
        ]
        return with_markers(one, _renamed(markers, middle, ids, np.array(before)))
    ids = some(random, ids, int(random.integers(14, 40)))
    markers = split_at(markers, middle, ids)
    first = np.array([markers.true_px[(markers.track == name) & (markers.frame >= middle)][0] for name in ids])
    order = np.lexsort((first[:, 0], np.round(first[:, 1] / 60)))  # row by row, as in a list of corners
    wrong = some(random, np.arange(len(ids)), int(random.uniform(0.4, 0.6) * len(ids)))
    named = ids[order].copy()
    named[wrong] = np.roll(named[wrong], 1)
    return with_markers(one, _renamed(markers, middle, ids[order], named))


def _on_grid(markers: Markers, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of ids that are on the desk, one for each node (K, 2) of a grid on it, and their nodes."""
    on_desk = ids[np.abs(markers.points[ids, 2]) < 1e-6]
    nodes, first = np.unique(np.round(markers.points[on_desk, :2] / GRID_M).astype(int), axis=0, return_index=True)
    order = np.argsort(on_desk[first])
    return on_desk[first][order], nodes[order]


def _renamed(markers: Markers, frame: int, old: np.ndarray, new: np.ndarray) -> Markers:
    names = np.arange(len(markers.points))
    names[old] = new
    return replace(markers, track=np.where(markers.frame >= frame, names[markers.track], markers.track))


def wrong_join(family: str, seed: int) -> TrackSet:
    """Few tracks bridge a gap, and half of these go on in a wrong place: as if the room had been turned and shifted."""
    random = np.random.default_rng([seed, 6])
    kind = str(random.choice(GENERAL))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    at, gap = int(random.integers(20, 40)), int(random.integers(1, 4))
    markers = without_frames(loose(shot), at - gap, gap)
    bridging = some(random, crossing(markers, at), int(random.integers(10, 30)))
    markers = split_at(markers, at, bridging)
    wrong = some(random, bridging, int(np.ceil(random.uniform(0.5, 0.62) * len(bridging))))
    turn = Rotation.from_rotvec(np.radians(random.normal(0, 1, 3) * [3, 3, 6])).as_matrix()
    middle = markers.points[bridging].mean(0)
    places = (markers.points[wrong] - middle) @ turn.T + middle + random.normal(0, 0.03, 3)
    return with_markers(one, gone_on(markers, wrong, at, places, one.picture.sees, one.size_px))


def tile_off(family: str, seed: int) -> TrackSet:
    """Tiles: after a gap every track that bridges it goes on one tile further."""
    random = np.random.default_rng([seed, 7])
    kind = str(random.choice(DESK))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    at, gap = int(random.integers(20, 40)), int(random.integers(1, 4))
    angle = random.uniform(0, 2 * np.pi)
    period = float(random.uniform(0.04, 0.15)) * np.array([np.cos(angle), np.sin(angle), 0])
    markers = without_frames(loose(shot), at - gap, gap)
    bridging = crossing(markers, at)
    bridging = bridging[np.abs(markers.points[bridging, 2]) < 1e-6]
    markers = split_at(markers, at, bridging)
    places = markers.points[bridging] + period
    made = with_markers(one, gone_on(markers, bridging, at, places, one.picture.sees, one.size_px))
    repeated = np.abs(one.picture.features[:, 2]) < 1e-6
    return replace(made, picture=replace(one.picture, repeated=repeated, period=period))


def soft_gap(family: str, seed: int) -> TrackSet:
    """A few frames out of focus: most tracks end, the others err by several px there, and some of these have slid to
    another place when it is sharp again."""
    random = np.random.default_rng([seed, 8])
    kind = str(random.choice(GENERAL))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    at, soft = int(random.integers(20, 40)), int(random.integers(2, 5))
    markers = loose(shot)
    bridging = some(random, crossing(markers, at), int(random.integers(8, 16)))
    markers = split_at(markers, at, bridging)
    in_gap = (markers.frame >= at - soft) & (markers.frame < at)
    markers = markers.select(~in_gap | np.isin(markers.track, bridging))
    slid = some(random, bridging, int(random.uniform(0.4, 0.6) * len(bridging)))
    common_px = random.normal(0, 6, 2)
    places = _beside(markers, slid, at, common_px + random.normal(0, 5, (len(slid), 2)), one.picture.sees)
    markers = gone_on(markers, slid, at, places, one.picture.sees, one.size_px)
    in_gap = (markers.frame >= at - soft) & (markers.frame < at)
    noise_px = markers.noise_px + in_gap[:, None] * random.normal(0, float(random.uniform(2, 6)), (len(markers), 2))
    return with_markers(one, replace(markers, noise_px=noise_px))


def _beside(markers: Markers, ids: np.ndarray, frame: int, step_px: np.ndarray, sees: Seeing) -> np.ndarray:
    """(K, 3) places beside those of tracks ids (K,), as deep, and step_px (K, 2) off in the picture of `frame`."""
    camera, lens = sees.cam_from_world[frame], sees.lenses[frame]
    depth = markers.points[ids] @ camera[2, :3] + camera[2, 3]
    steps = np.concatenate([step_px / lens.fx_px * depth[:, None], np.zeros((len(ids), 1))], 1)
    return markers.points[ids] + steps @ camera[:, :3]


def halves(family: str, seed: int) -> TrackSet:
    """mirrored: the tracks of the second half are of a flopped plate, and what bridges the middle is on the desk, which
    has no other side for points. swapped: the halves come in the wrong order, and some tracks are in both."""
    random = np.random.default_rng([seed, 9])
    variant = str(random.choice(["mirrored", "swapped"]))
    middle, gap = FRAMES // 2, int(random.integers(2, 4))
    if variant == "mirrored":
        kind = str(random.choice(["orbit", "planar"]))
        shot = honest_shot(kind, seed)
        one = set_of(shot, kind, family, variant, seed)
        markers = without_frames(loose(shot), middle - gap, gap)
        bridging = crossing(markers, middle)
        bridging = bridging[np.abs(markers.points[bridging, 2]) < 1e-6]
        bridging = some(random, bridging, int(random.integers(20, 60)))
        markers = split_at(markers, middle, bridging)
        flopped = markers.true_px * [-1, 1] + [one.size_px[0], 0]
        return with_markers(one, moved_px(markers, markers.frame >= middle, flopped, one.size_px))
    kind = str(random.choice(["orbit", "walk", "planar"]))
    shot = honest_shot(kind, seed, life_frames=400.0, span_deg=float(random.uniform(10, 25)))
    one = set_of(shot, kind, family, variant, seed)
    markers = loose(shot)
    markers = replace(markers, frame=(markers.frame + middle) % FRAMES)
    return with_markers(one, without_frames(markers, middle - gap, gap))


def other_take(family: str, seed: int) -> TrackSet:
    """From somewhere on the tracks are of another take of the same set, whose camera goes on nearly alike."""
    random = np.random.default_rng([seed, 10])
    kind = str(random.choice(["orbit", "walk", "planar", "crane"]))
    shot = honest_shot(kind, seed)
    one = set_of(shot, kind, family, "", seed)
    sees, at = one.picture.sees, int(random.integers(15, 35))
    time = np.clip((np.arange(FRAMES) - at) / (FRAMES - at), 0, 1)
    away = time**1.5
    turn_deg = np.outer(away, random.normal(0, 2, 3))
    shift = np.outer(away, random.normal(0, 0.08, 3))
    turned = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix() @ sees.cam_from_world
    cameras = np.concatenate([turned[:, :, :3], (turned[:, :, 3] + shift)[:, :, None]], 2)
    markers = loose(shot)
    xy_px = seen_px(markers.points[markers.track], markers.frame, replace(sees, cam_from_world=cameras))
    return with_markers(one, moved_px(markers, markers.frame >= at, xy_px, one.size_px))


def lookalike_cut(family: str, seed: int) -> TrackSet:
    """A cut to another room: some tracks go on at what looks alike there, close to where they were in the picture."""
    random = np.random.default_rng([seed, 11])
    kind = str(random.choice(["orbit", "planar", "walk"]))
    at = int(random.integers(20, 40))
    before, after = (honest_shot(kind, one, **_same_lens(kind, seed)) for one in (seed, seed + 500_000))
    one = set_of(before, kind, family, "", seed)
    other = set_of(after, kind, family, "", seed)
    far = np.array([40.0, 25.0, 0.0])
    turn = Rotation.from_euler("z", 70, degrees=True).as_matrix()
    cameras = other.picture.sees.cam_from_world.copy()
    cameras[:, :, 3] -= np.einsum("nij,j->ni", cameras[:, :, :3], turn.T @ far)
    cameras[:, :, :3] = cameras[:, :, :3] @ turn.T
    second = np.arange(FRAMES) >= at
    first_px = loose(before).select(loose(before).frame < at)
    later_px = loose(after)
    later_px = later_px.select(later_px.frame >= at)
    count = len(first_px.points)
    ends = first_px.select(first_px.frame == at - 1)
    bridging = some(random, ends.track, int(random.integers(20, 60)))
    sees = one.picture.sees
    mixed = Seeing(sees.frames, np.where(second[:, None, None], cameras, sees.cam_from_world), sees.lenses)
    # the look-alike lies in the other room, within a few px of where the track would have gone
    was_px = ends.true_px[np.searchsorted(ends.track, bridging)] + random.normal(0, 1.5, (len(bridging), 2))
    deep = other.picture.depths[at][1] * random.uniform(0.9, 1.1, len(bridging))
    there = mixed.select_frames(mixed.frames[at : at + 1])
    places = np.concatenate([there.places(px[None], np.array([[z]]))[0, 0] for px, z in zip(was_px, deep, strict=True)])
    noise_px = random.normal(0, 0.15, (FRAMES, len(bridging), 2))
    rows = [(name, frame, place) for name, place in zip(bridging, places, strict=True)
            for frame in range(at, min(FRAMES, at + int(random.integers(8, 40))))]  # fmt: skip
    track, frame = (np.array(values) for values in zip(*[row[:2] for row in rows], strict=True))
    true_px = seen_px(np.array([row[2] for row in rows]), frame, mixed)
    inside = ((true_px > 0) & (true_px < one.size_px)).all(1)
    points = np.concatenate([before.points, (after.points @ turn.T) + far])
    parts = [
        (first_px.track, first_px.frame, first_px.true_px, first_px.noise_px),
        (later_px.track + count, later_px.frame, later_px.true_px, later_px.noise_px),
        (track[inside], frame[inside], true_px[inside], noise_px[frame, np.searchsorted(bridging, track)][inside]),
    ]
    columns = (np.concatenate(values) for values in zip(*parts, strict=True))
    joined = Markers(*columns, points, np.zeros(len(points), bool))
    features = np.concatenate([one.picture.features, other.picture.features @ turn.T + far])
    depths = np.where(second[:, None], other.picture.depths, one.picture.depths)
    split = np.arange(len(features)) >= len(one.picture.features)
    nowhere = np.zeros(len(features), bool)
    picture = replace(
        one.picture,
        sees=mixed,
        depths=depths,
        features=features,
        riding=nowhere,
        scene=second.astype(int),
        scene_of_feature=split.astype(int),
        repeated=nowhere,
    )
    return with_markers(replace(one, picture=picture), joined)


def _same_lens(kind: str, seed: int) -> dict:
    """One lens in both rooms: else the focal length gives the cut away."""
    random = np.random.default_rng([seed, len(kind)])
    return dict(lens=(float(random.uniform(700, 1700)), float(random.uniform(-0.15, 0.02)), 0.02))
