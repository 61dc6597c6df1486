"""A second witness of a solve, which shares nothing with the tracker: features of another kind, matched between frames
far apart.

SIFT features (D. Lowe, IJCV 60, 2004) of some frames are matched between neighbours among them, and joined to tracks
of three or more frames where they can be. What the solve explains of the matches of two frames is held against what a
fundamental matrix of the matches alone explains; and the joined tracks must fit one point on both sides of every gap
between the frames, as the tracker's own must (shotmake.links).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shotmake.keyframes import Observations
from shotmake.lens import Lens, undistort
from shotmake.links import Links, measure_links
from shotmake.segment import sampson_px

FEATURES, WIDEST_PX = 2000, 1280  # of a frame, in a picture made so small
RATIO = 0.8  # of the best match's distance to the second's: above it both look alike
SPACING = 14  # frames between those looked at where nothing is weak
EXPLAINED_PX = 1.5  # at 1280 wide
FEWEST_MATCHES = 30


@dataclass(frozen=True)
class Features:
    """xy_px (K, 2) in the plate, descriptors (K, 128) of one frame."""

    xy_px: np.ndarray
    descriptors: np.ndarray


@dataclass(frozen=True)
class Testimony:
    """first, second (P,): frame indices of the pairs that were matched. matches (P,): how many. explained (P,): the
    share that the solve explains; allowed (P,): the share that a fundamental matrix of the matches alone explains.
    links: of the joined tracks, between the frames looked at."""

    first: np.ndarray
    second: np.ndarray
    matches: np.ndarray
    explained: np.ndarray
    allowed: np.ndarray
    links: Links


def find_features(luma: np.ndarray) -> Features:
    """SIFT features of a picture (H, W) uint8."""
    import cv2

    shrink = min(1.0, WIDEST_PX / luma.shape[1])
    small = cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else luma
    points, descriptors = cv2.SIFT_create(FEATURES).detectAndCompute(small, None)
    if not points:
        return Features(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    return Features((np.array([point.pt for point in points]) + 0.5) / shrink, descriptors)


def match_features(one: Features, other: Features) -> tuple[np.ndarray, np.ndarray]:
    """Indices (K, 2) of features that are each other's best match by far."""
    import cv2

    if len(one.xy_px) < 2 or len(other.xy_px) < 2:
        return np.zeros((0, 2), int)
    pairs = cv2.BFMatcher().knnMatch(one.descriptors, other.descriptors, k=2)
    best = [(first.queryIdx, first.trainIdx) for first, second in pairs if first.distance < RATIO * second.distance]
    best = np.array(best, int).reshape(-1, 2)
    _, once = np.unique(best[:, 1], return_index=True)
    numbers = np.bincount(best[:, 1], minlength=len(other.xy_px))
    return best[np.sort(once[numbers[best[once, 1]] == 1])]


def testify(
    frames: np.ndarray,
    features: list[Features],
    cam_from_world: np.ndarray,
    lens: Lens,
    scale: float,
    turning: bool = False,
) -> Testimony:
    """Hold a solve against the features of some of its frames.

    frames (F,) indices, posed, in order; cam_from_world (N, 3, 4), zoomed where the shot zooms.
    """
    pairs = [(a, a + step) for a in range(len(frames)) for step in (1, 2) if a + step < len(frames)]
    matched = [match_features(features[a], features[b]) for a, b in pairs]
    rows = []
    for (a, b), both in zip(pairs, matched, strict=True):
        x_px, y_px = features[a].xy_px[both[:, 0]], features[b].xy_px[both[:, 1]]
        shares = _shares(x_px, y_px, cam_from_world[frames[[a, b]]], lens, scale)
        rows.append((frames[a], frames[b], len(both), *shares))
    markers = _joined(frames, features, pairs, matched, len(cam_from_world))
    seen = np.full_like(cam_from_world, np.nan)
    seen[frames] = cam_from_world[frames]
    columns = np.array(rows, float).reshape(-1, 5).T
    return Testimony(*columns[:3].astype(int), *columns[3:], measure_links(markers, seen, lens, scale, turning))


def _shares(x_px, y_px, cameras: np.ndarray, lens: Lens, scale: float) -> tuple[float, float]:
    """Of matches (K, 2) in two frames with cameras (2, 3, 4): what the cameras explain, what the best matrix does."""
    import cv2

    if len(x_px) < FEWEST_MATCHES:
        return np.nan, np.nan
    x, y = (lens.fx_px * undistort(lens.normalised_from_px(px), lens) for px in (x_px, y_px))
    inverse = np.diag([1 / lens.fx_px, 1 / lens.fx_px, 1.0])
    turn = cameras[1, :, :3] @ np.linalg.inv(cameras[0, :, :3])
    move = cameras[1, :, 3] - turn @ cameras[0, :, 3]
    own = inverse @ np.cross(move, turn, axisb=0, axisc=0) @ inverse
    cv2.setRNGSeed(1)
    free, _ = cv2.findFundamentalMat(x, y, cv2.USAC_MAGSAC, EXPLAINED_PX * scale, 0.999, 2000)
    shares = [
        float(np.mean(sampson_px(matrix, x, y) < EXPLAINED_PX * scale)) if matrix is not None else 0.0
        for matrix in (own, free)
    ]
    return shares[0], shares[1]


def _joined(frames, features, pairs, matched, frame_count: int) -> Observations:
    """Features that match through frames, as tracks."""
    starts = np.concatenate([[0], np.cumsum([len(one.xy_px) for one in features])])
    import scipy.sparse
    from scipy.sparse.csgraph import connected_components

    edges = [both + [starts[a], starts[b]] for (a, b), both in zip(pairs, matched, strict=True)]
    edges = np.concatenate([*edges, np.zeros((0, 2), int)])
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(starts[-1], starts[-1]))
    _, track = connected_components(graph, directed=False)
    place = np.repeat(np.arange(len(frames)), np.diff(starts))
    numbers = np.bincount(track)
    distinct = np.zeros(len(numbers), int)
    np.add.at(distinct, np.unique(np.stack([track, place], 1), axis=0)[:, 0], 1)
    kept = np.flatnonzero((numbers[track] >= 2) & (distinct[track] == numbers[track]))  # once in each frame
    ids, track = np.unique(track[kept], return_inverse=True)
    order = np.lexsort((place[kept], track))
    xy_px = np.concatenate([one.xy_px for one in features])[kept][order]
    at = frames[place[kept][order]]
    return Observations(track[order], at, xy_px, np.zeros(len(at)), ids, frame_count)
