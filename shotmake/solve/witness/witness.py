"""A second witness of a solve, which shares nothing with the tracker.

The witness has features of another kind, matched between frames far apart. Features of some frames are matched across
every weak link, between neighbours among the frames looked at, and where the camera comes back. For two frames, the
share of the matches that the solve explains is compared with the share that the matches alone allow (the best
fundamental matrix; for a tripod, the best homography). Features that match through three frames or more must fit one
point on both sides of each boundary, as tracks must (shotmake.solve.links.measure_links). Where a weak link may depend
on something that repeats itself, the second-best matches are tried too: if they fit another camera as well, nobody can
tell which of the two it was.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.triangulate import triangulate
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.motion_groups import compute_sampson_px
from shotmake.solve.links.frames_for_witness import find_jolts, find_straight_tracks
from shotmake.solve.links.judge_links import DOUBTED
from shotmake.solve.links.measure_links import find_solid, measure_links, measure_usual_life
from shotmake.solve.links.witness_evidence import Evidence, contradict, doubt, has_serious_doubt

LEAST_SPACING, SPACING, MOST_FRAMES = 6, 24, 40  # frames between the frames looked at, where no link is weak
OF_LIFE = 0.5  # share of a track's usual life: features that left the picture cannot be matched
WEAK_AGREE, MOST_WEAK = 24, 3  # tracks: links with fewer are looked at from nearby; most runs of such links
BESIDE = (0, 5)  # solid frames between a weak link and the frames looked at, on each side
BACK_SHARE, BACK_COSINE, MOST_BACK = 0.4, 0.9, 3  # where a camera sees the same points again, from a like direction
BACK_POINTS = 60
BORNE_OUT = 0.35  # a camera with less confidence is refused where this witness has doubts of its own
EXPLAINED_PX = 1.5  # at 1280 wide
FEWEST_MATCHES, FEWEST_LEFT, FEWEST_ALIKE = 40, 15, 30
LOCAL = 0.2  # of the picture's width and height: the middle half of the matches on one thing lies in less
FEWEST_RIVAL, RIVAL_SHARE = 20, 0.09  # matches of another motion; their share of all matches
RIVAL_APART = 1.5  # x the limit for explained matches: the median match of another motion is so far off
CELLS = (12, 7)  # of the picture: covered cells tell how much of it is covered


class Matches(NamedTuple):
    """Places of the same features in two frames, in px of the plate; unsqueezed where it is anamorphic.

    xy_a (K, 2), xy_b (K, 2): each other's best match, or the best of several that look about as good. Then other_b
    (K, 2) is the second-best place in the second frame; else it is NaN. A feature has the same place in every pair in
    which it is matched.
    """

    xy_a: np.ndarray
    xy_b: np.ndarray
    other_b: np.ndarray

    @property
    def unique(self) -> "Matches":
        """The matches that nothing else looks like."""
        alone = np.isnan(self.other_b[:, 0])
        return Matches(self.xy_a[alone], self.xy_b[alone], self.other_b[alone])


Matcher = Callable[[int, int], Matches]  # called with two frame indices
Look = Callable[[np.ndarray], Matcher]  # all frame indices (F,) that will be asked for, rising -> their matcher


def ask_witness(candidate: Candidate | Reason, size_px: tuple[int, int], look: Look) -> Candidate | Reason:
    """Ask the second witness about a solve.

    Returns the solve with the evidence and its doubts, or the reason to refuse the solve. A refusal stays as it is. A
    camera that stands still is not asked about: things that move in front of it are no fault of the camera. Raises
    ShotError when the lens folds over inside the picture.
    """
    if isinstance(candidate, Reason) or candidate.status == "static":
        return candidate
    pairs, weak = choose_pairs(candidate, size_px)
    if not len(pairs):
        return candidate
    evidence = weigh_pairs(candidate, pairs, weak, look(np.unique(pairs)), compute_pixel_scale(size_px))
    refusal = contradict(evidence)
    if refusal is not None:
        return _with_cause(refusal, candidate.warnings)
    doubts = doubt(evidence)
    agreement = candidate.agreement * (DOUBTED if doubts else 1.0)
    if doubts and has_serious_doubt(evidence, doubts) and agreement < BORNE_OUT:
        what = doubts[0].text.partition("; look for slip")[0]  # a refusal has no camera to look at
        own = "".join(f", {code}" for code in dict.fromkeys(one.code for one in candidate.warnings))
        text = f"{what}; the tracks are not sure of the camera either (confidence {candidate.agreement:.2f}{own})"
        return _with_cause(Reason(doubts[0].code, text), candidate.warnings)
    return replace(candidate, evidence=evidence, warnings=(*candidate.warnings, *doubts), agreement=agreement)


def _with_cause(refusal: Reason, warnings: tuple[Reason, ...]) -> Reason:
    """Return the refusal, with the cause that the tracks themselves show, if they show one."""
    cause = next((one for one in warnings if one.code == "rolling_shutter"), None)
    if cause is None:
        return refusal
    return Reason(cause.code, f"{cause.text.partition(', or expect')[0]} ({refusal.text.partition('; ')[0]})")


def choose_pairs(candidate: Candidate, size_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Choose the frames to match: pairs of indices (P, 2), in order, and which pairs (P,) span a weak link."""
    markers = candidate.markers
    posed = np.flatnonzero(np.isfinite(candidate.cam_from_world[:, 0, 0]))
    solid = posed[find_solid(markers.per_frame[posed], posed)]
    if len(solid) < 2:
        return np.zeros((0, 2), int), np.zeros(0, bool)
    weak = _find_weak_runs(candidate)
    beside = [
        side[min(step, len(side) - 1)]
        for before, after in weak
        for side in (solid[solid <= before][::-1], solid[solid >= after])
        for step in BESIDE
        if len(side)
    ]
    beside += np.intersect1d(_list_suspects(candidate), posed).tolist()
    spacing = max(
        np.clip(OF_LIFE * measure_usual_life(markers), LEAST_SPACING, SPACING), (solid[-1] - solid[0]) / MOST_FRAMES
    )
    count = max(int(np.ceil((solid[-1] - solid[0]) / spacing)) + 1, 2)
    even = solid[np.unique(np.searchsorted(solid, np.linspace(solid[0], solid[-1], count)))]
    beside_at = np.array(beside, int)
    near = np.abs(even[:, None] - beside_at[None]).min(1, initial=10**9) < spacing / 3
    frames = np.unique(np.concatenate([even[~near], beside_at]))
    pairs = list(zip(frames[:-1].tolist(), frames[1:].tolist(), strict=True))
    pairs += [pair for pair in zip(frames[:-2].tolist(), frames[2:].tolist(), strict=True) if _is_spanned(pair, weak)]
    pairs += _find_back_pairs(candidate, frames, size_px)
    spans = [_is_spanned(pair, weak) for pair in pairs]
    return np.array(pairs, int), np.array(spans, bool)


def _is_spanned(pair: tuple[int, int], weak: list[tuple[int, int]]) -> bool:
    return any(pair[0] <= before and pair[1] >= after for before, after in weak)


def _find_weak_runs(candidate: Candidate) -> list[tuple[int, int]]:
    """Return (frame index before, after) of the weakest runs of neighbouring boundaries.

    These are boundaries that few tracks agree across, or that lie around frames without a camera.
    """
    links = candidate.certificate.links
    if links is None:
        return []
    hole = links.after - links.before > 1  # frames without a camera: a jump can hide in there
    weak = np.flatnonzero(hole | (links.agree < WEAK_AGREE))
    runs = np.split(weak, np.flatnonzero(np.diff(weak) > 1) + 1) if len(weak) else []
    runs = sorted(runs, key=lambda run: links.agree[run].min())[:MOST_WEAK]
    ends = [
        np.searchsorted(candidate.markers.plate_frames, (links.before[run[0]], links.after[run[-1]])) for run in runs
    ]
    return [(int(before), int(after)) for before, after in ends]


def _list_suspects(candidate: Candidate) -> list[int]:
    links = candidate.certificate.links
    jolts = [] if links is None else find_jolts(links, candidate.markers.plate_frames)
    return jolts + find_straight_tracks(candidate.markers)


def _find_back_pairs(candidate: Candidate, frames: np.ndarray, size_px: tuple[int, int]) -> list[tuple[int, int]]:
    """Return pairs of frames far apart in time that see the same points from like directions, the farthest first."""
    markers = candidate.markers
    out: list[tuple[int, int]] = []
    if len(frames) < 5 or candidate.status != "solved":
        return out
    points = triangulate(markers, candidate.projecting, candidate.lens)
    places = points[:, :3] / np.maximum(points[:, 3:], 1e-9)
    centres = find_camera_centres(candidate.cam_from_world)
    for distance in range(len(frames) - 1, 3, -1):
        for a in range(len(frames) - distance):
            first, second = int(frames[a]), int(frames[a + distance])
            here = markers.track[markers.frame == first]
            there = markers.track[markers.frame == second]
            if len(here) < 8 or np.isin(here, there).mean() > 0.1:  # tracks link them already
                continue
            here = here[np.linspace(0, len(here) - 1, min(len(here), BACK_POINTS)).astype(int)]
            is_new = all(abs(first - f) + abs(second - s) > 2 * SPACING for f, s in out)
            if is_new and _is_seen_again(candidate, places[here], centres[[first, second]], second, size_px):
                out.append((first, second))
            if len(out) == MOST_BACK:
                return out
    return out


def _is_seen_again(
    candidate: Candidate, places: np.ndarray, centres: np.ndarray, second: int, size_px: tuple[int, int]
) -> bool:
    camera = candidate.projecting[second]
    seen = places @ camera[:, :3].T + camera[:, 3]
    ahead = seen[:, 2] > 0
    plane = np.where(ahead[:, None], seen[:, :2] / np.where(ahead, seen[:, 2], 1.0)[:, None], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        xy_px = candidate.lens.px_from_normalised(distort(plane, candidate.lens))
        inside = ((xy_px >= 0) & (xy_px < np.array(size_px))).all(1)
    rays = [places - centre for centre in centres]
    rays = [ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12) for ray in rays]
    alike = (rays[0] * rays[1]).sum(1) > BACK_COSINE
    return bool(np.mean(inside & alike) > BACK_SHARE)


def weigh_pairs(candidate: Candidate, pairs: np.ndarray, weak: np.ndarray, match: Matcher, scale: float) -> Evidence:
    """Compare a solve with the matches of pairs (P, 2) of its frames.

    weak (P,): the pairs that span a weak link, where look-alikes are tried too. scale:
    observations.compute_pixel_scale. Raises ShotError when the lens folds over inside the picture.
    """
    numbers, lens, tripod = candidate.markers.plate_frames, candidate.lens, candidate.status != "solved"
    cameras = candidate.projecting
    rows, joined = [], []
    for (first, second), spans in zip(pairs, weak, strict=True):
        matches = match(int(first), int(second))
        unique = matches.unique
        both = cameras[[first, second]]
        own, best = _find_explained(unique, both, lens, scale, tripod)
        local = _is_local(unique.xy_a[best & ~own], lens)
        if not local:
            joined.append((first, second, unique))
        shares = _measure_shares(own, best)
        rival = _measure_rival(unique, both, lens, scale, tripod)
        alike = _measure_alike(matches, both, lens, scale, tripod) if spans else 0.0
        rows.append((numbers[first], numbers[second], len(unique.xy_a), *shares, rival, alike, local))
    seen = np.full_like(cameras, np.nan)
    frames = np.unique(pairs)
    seen[frames] = cameras[frames]
    markers = _join_matches(joined, numbers)
    columns = np.array(rows, float).reshape(-1, 9).T
    first, second, count = columns[:3].astype(int)
    explained, allowed, other, rival, alike = columns[3:8]
    links = measure_links(markers, seen, lens, scale, tripod)
    return Evidence(first, second, count, explained, allowed, other, rival, alike, columns[8].astype(bool), links)


def _undistort_px(xy_px: np.ndarray, lens: Lens) -> np.ndarray:
    """Return px (K, 2) around the lens centre, as a lens without distortion would have them."""
    return lens.fx_px * undistort(lens.normalised_from_px(xy_px), lens)


def _measure_own_misses_px(
    x_px: np.ndarray, y_px: np.ndarray, cameras: np.ndarray, lens: Lens, tripod: bool
) -> np.ndarray:
    """Return by how much (K,), in px, ideal px x and y (K, 2) of two cameras (2, 3, 4) cannot be one point."""
    inverse = np.diag([1 / lens.fx_px, 1 / lens.fx_px, 1.0])
    turn = cameras[1, :, :3] @ np.linalg.inv(cameras[0, :, :3])  # for zoomed cameras, this is no rotation
    if tripod:
        return _measure_moved_misses_px(np.linalg.inv(inverse) @ turn @ inverse, x_px, y_px)
    move = cameras[1, :, 3] - turn @ cameras[0, :, 3]
    return compute_sampson_px(inverse @ np.cross(move, turn, axisb=0, axisc=0) @ inverse, x_px, y_px)


def _measure_moved_misses_px(homography: np.ndarray, x_px: np.ndarray, y_px: np.ndarray) -> np.ndarray:
    moved = np.concatenate([x_px, np.ones((len(x_px), 1))], 1) @ homography.T
    depth = np.where(np.abs(moved[:, 2]) < 1e-9, 1e-9, moved[:, 2])
    return np.linalg.norm(moved[:, :2] / depth[:, None] - y_px, axis=1)


def _measure_best_misses_px(x_px: np.ndarray, y_px: np.ndarray, fit_px: float, tripod: bool) -> np.ndarray:
    """Return the same (K,) for the best camera that there is for these matches; infinite where there is none."""
    import cv2

    cv2.setRNGSeed(1)
    try:
        if tripod:
            best, _ = cv2.findHomography(x_px, y_px, cv2.USAC_MAGSAC, fit_px, maxIters=2000, confidence=0.999)
        else:
            best, _ = cv2.findFundamentalMat(x_px, y_px, cv2.USAC_MAGSAC, fit_px, 0.999, 2000)
    except cv2.error:  # OpenCV 4.14 asserts where no sample gives a matrix
        best = None
    if best is None or best.shape != (3, 3):
        return np.full(len(x_px), np.inf)
    return _measure_moved_misses_px(best, x_px, y_px) if tripod else compute_sampson_px(best, x_px, y_px)


def _find_explained(
    matches: Matches, cameras: np.ndarray, lens: Lens, scale: float, tripod: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return which matches (K,) the cameras explain, and which the best camera for them explains; none of too few."""
    if len(matches.xy_a) < FEWEST_LEFT:
        return np.zeros(len(matches.xy_a), bool), np.zeros(len(matches.xy_a), bool)
    x_px, y_px = _undistort_px(matches.xy_a, lens), _undistort_px(matches.xy_b, lens)
    own = _measure_own_misses_px(x_px, y_px, cameras, lens, tripod) < EXPLAINED_PX * scale
    best = _measure_best_misses_px(x_px, y_px, EXPLAINED_PX * scale, tripod) < EXPLAINED_PX * scale
    return own, best


def _measure_shares(own: np.ndarray, best: np.ndarray) -> tuple[float, float, float]:
    """Return three shares: of the matches, what the cameras and what the best camera explain; of the rest, the cameras.

    NaN where there are too few matches.
    """
    if len(own) < FEWEST_MATCHES:
        return np.nan, np.nan, np.nan
    left = float(own[~best].mean()) if (~best).sum() >= FEWEST_LEFT else 0.0
    return float(own.mean()), float(best.mean()), left


def _is_local(xy_px: np.ndarray, lens: Lens) -> bool:
    """Tell whether the middle half of the places (K, 2) lies in a small part of the picture.

    The lens centre is taken as the middle of the picture.
    """
    if len(xy_px) < FEWEST_LEFT:
        return False
    extent_px = np.subtract(*np.percentile(xy_px, [75, 25], axis=0))
    return bool((extent_px < LOCAL * 2 * np.array([lens.cx_px, lens.cy_px])).all())


def _measure_rival(matches: Matches, cameras: np.ndarray, lens: Lens, scale: float, tripod: bool) -> float:
    """Return how much of the picture one other motion covers, divided by what the explained matches cover."""
    if len(matches.xy_a) < FEWEST_MATCHES:
        return 0.0
    x_px, y_px = _undistort_px(matches.xy_a, lens), _undistort_px(matches.xy_b, lens)
    own_px, fit_px = _measure_own_misses_px(x_px, y_px, cameras, lens, tripod), EXPLAINED_PX * scale
    own, left = np.flatnonzero(own_px < fit_px), np.flatnonzero(own_px > fit_px)
    if len(left) < FEWEST_RIVAL:
        return 0.0
    misses_px = _measure_best_misses_px(x_px[left], y_px[left], fit_px, tripod)
    other = left[misses_px < fit_px]
    if len(other) < max(FEWEST_RIVAL, RIVAL_SHARE * len(x_px), 0.3 * len(left)):
        return 0.0
    if np.median(own_px[other]) < RIVAL_APART * fit_px:  # just missed: noise, or a lens that is not exact
        return 0.0
    if _is_local(matches.xy_a[other], lens):
        return 0.0
    covered = [_count_covered_cells(matches.xy_a[group], lens) for group in (other, own)]
    return covered[0] / max(covered[1], 1)


def _count_covered_cells(xy_px: np.ndarray, lens: Lens) -> int:
    """Return in how many of CELLS the places (K, 2) are. The lens centre is taken as the middle of the picture."""
    size_px = 2 * np.array([lens.cx_px, lens.cy_px])
    cells = np.clip((xy_px / size_px * CELLS).astype(int), 0, np.array(CELLS) - 1)
    return len(np.unique(cells[:, 0] * CELLS[1] + cells[:, 1]))


def _measure_alike(matches: Matches, cameras: np.ndarray, lens: Lens, scale: float, tripod: bool) -> float:
    """Return, of the features with a look-alike, the share whose second place fits one other homography."""
    import cv2

    doubled = ~np.isnan(matches.other_b[:, 0])
    if doubled.sum() < FEWEST_ALIKE:
        return 0.0
    x_px = _undistort_px(matches.xy_a[doubled], lens)
    places = [_undistort_px(place[doubled], lens) for place in (matches.xy_b, matches.other_b)]
    misses = [_measure_own_misses_px(x_px, place, cameras, lens, tripod) for place in places]
    explained = np.minimum(*misses) < EXPLAINED_PX * scale
    if explained.sum() < FEWEST_ALIKE:
        return 0.0
    second = np.where((misses[0] <= misses[1])[:, None], places[1], places[0])[explained]
    cv2.setRNGSeed(1)
    best, inside = cv2.findHomography(x_px[explained], second, cv2.RANSAC, 2 * EXPLAINED_PX * scale)
    return 0.0 if best is None else float(inside.mean())


def _join_matches(pairs: list[tuple[int, int, Matches]], plate_frames: np.ndarray) -> Observations:
    """Join the features to tracks: the same place in the same frame is one feature.

    A track with two features in a frame is left out. plate_frames (N,): the plate's number of each frame index.
    """
    import scipy.sparse
    from scipy.sparse.csgraph import connected_components

    # without pairs there are no tracks
    pairs = pairs or [(0, 0, Matches(*np.zeros((3, 0, 2))))]
    frame = np.concatenate([np.repeat([first, second], len(of.xy_a)) for first, second, of in pairs])
    xy_px = np.concatenate([np.concatenate([of.xy_a, of.xy_b]) for _, _, of in pairs])
    ends = np.cumsum([0, *(2 * len(of.xy_a) for _, _, of in pairs)])
    features, node = np.unique(np.column_stack([frame, xy_px]), axis=0, return_inverse=True)
    node = node.ravel()
    edges = [node[start:end].reshape(2, -1) for start, end in pairwise(ends)]
    joined = np.concatenate(edges, 1) if edges else np.zeros((2, 0), int)
    graph = scipy.sparse.coo_matrix((np.ones(joined.shape[1]), joined), shape=(len(features), len(features)))
    _, track = connected_components(graph, directed=False)
    at = features[:, 0].astype(int)
    once = np.unique(np.stack([track, at], 1), axis=0)
    numbers = np.bincount(track, minlength=1)
    kept = np.bincount(once[:, 0], minlength=len(numbers))[track] == numbers[track]
    ids, track = np.unique(track[kept], return_inverse=True)
    order = np.lexsort((at[kept], track))
    xy_px, at = features[kept, 1:][order], at[kept][order]
    return Observations(track[order], at, xy_px, np.zeros(len(at)), ids, len(plate_frames), numbers=plate_frames)
