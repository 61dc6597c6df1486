"""The matches that the pictures of a set would give between two frames, as a detector of features finds them.

They are drawn from what the plate shows, never from the tracks. Nearest and second nearest, as a ratio test wants them:
of a pattern that repeats, the second looks as good as the first, and either may come first.
"""

from collections.abc import Callable

import numpy as np

from helpers.recipes.sets import Picture, TrackSet
from shotmake.solve.witness.witness import Matches

NOISE_PX = 0.4
FALSE_SHARE = 0.12  # of the matches: anywhere
MARGIN_PX = 4
MOST = 600  # matches
FARTHER = 1.5  # than far: too small to be found, or hidden


def simulated_matches(one: TrackSet, frame_a: int, frame_b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """xy_a, xy_b (N, 2) plate px of features matched between two plate frames; xy_b2 (N, 2) where the second-best match
    lies, NaN for those far better than their second best. The same whenever the same is asked."""
    picture, size = one.picture, np.array(one.size_px)
    at = np.searchsorted(picture.sees.frames, [frame_a, frame_b])
    random = np.random.default_rng([one.seed, frame_a, frame_b, 815])
    visible = np.flatnonzero(picture.scene_of_feature == picture.scene[at[0]])
    ours, theirs = (
        _seen_px(picture, index, picture.features) + _found_off_px(one, index, len(picture.features)) for index in at
    )
    next_px = _seen_px(picture, at[1], picture.features + picture.period)
    in_a, in_b, has_next = (((px > MARGIN_PX) & (px < size - MARGIN_PX)).all(1) for px in (ours, theirs, next_px))
    if picture.scene[at[0]] != picture.scene[at[1]]:
        in_b[:] = False
    both = visible[(in_a & in_b)[visible]]
    both = np.sort(random.permutation(both)[:MOST])
    xy_a, xy_b = ours[both], theirs[both]
    xy_b2 = np.where((picture.repeated & has_next)[both][:, None], next_px[both], np.nan)
    swapped = np.isfinite(xy_b2[:, 0]) & (random.random(len(both)) < 0.5)
    xy_b, xy_b2 = np.where(swapped[:, None], xy_b2, xy_b), np.where(swapped[:, None], xy_b, xy_b2)
    count = int(FALSE_SHARE * max(len(both), 40))
    anywhere = [random.uniform(0, 1, (count, 2)) * size for _ in range(2)]
    nothing = np.full((count, 2), np.nan)
    xy_a, xy_b = np.concatenate([xy_a, anywhere[0]]), np.concatenate([xy_b, anywhere[1]])
    return xy_a, xy_b, np.concatenate([xy_b2, nothing])


def look_of(one: TrackSet) -> Callable[[np.ndarray], Callable[[int, int], Matches]]:
    """The hook: what a solve asks its second witness with (shotmake.solve.witness.witness.Look)."""
    first = one.frames[0]

    def match(index_a: int, index_b: int) -> Matches:
        return Matches(*simulated_matches(one, first + index_a, first + index_b))

    return lambda indices: match


def _found_off_px(one: TrackSet, index: int, count: int) -> np.ndarray:
    """(F, 2) by how much each feature is found beside its place in a frame, whatever it is matched with."""
    return np.random.default_rng([one.seed, index, 816]).normal(0, NOISE_PX, (count, 2))


def _seen_px(picture: Picture, index: int, places: np.ndarray) -> np.ndarray:
    """(F, 2) plate px of places, moved with the body where they ride on it."""
    body = picture.body[index]
    moved = places @ body[:, :3].T + body[:, 3]
    places = np.where(picture.riding[:, None], moved, places)
    sees = picture.sees.select_frames(picture.sees.frames[index : index + 1])
    depth = places @ sees.cam_from_world[0, 2, :3] + sees.cam_from_world[0, 2, 3]
    found = depth < FARTHER * picture.depths[index, 2]
    return np.where(found[:, None], np.nan_to_num(sees.px(places[None])[0], nan=-1e6), -1e6)
