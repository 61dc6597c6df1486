"""Which tracks move on their own: two epipolar geometries for each pair of frames, linked over time.

For each pair of frames RANSAC finds one fundamental matrix, then another among the tracks that are left. Tracks that
fit only one of them vote. The background is the motion group that covers more of the picture and its border, not the
one with more tracks: an object can carry half of them.
"""

from itertools import pairwise

import numpy as np

from shotmake.solve.bundle.observations import Observations

GAPS, STEP, FIT_PX = (10, 20), 3, 1.5
FEWEST = 15


def gaps_of(frame_count: int) -> tuple[int, ...]:
    """Return the gaps, in frames, over which motions are compared. For a shot shorter than the first: its length."""
    return tuple(gap for gap in GAPS if gap < frame_count) or (max(frame_count - 1, 1),)


def find_background_tracks(markers: Observations, size_px: tuple[int, int]) -> tuple[np.ndarray, float, float]:
    """Find the tracks to solve with: those that move with the background.

    Returns their mask (T,), the median share of the second motion group among the tracks that vote, and how much of the
    picture the second group covers, divided by what the background covers. Plates with one motion have second shares up
    to 0.07. Tracks that never vote count as background.
    """
    count = len(markers.track_ids)
    pairs = _find_two_motions(markers, size_px)
    if not pairs:
        return np.ones(count, bool), 0.0, 0.0
    # the labels of a pair are arbitrary: turn each pair so that it agrees with the votes so far
    votes, numbers = np.zeros(count), np.zeros(count)
    for _ in range(3):
        new, numbers = np.zeros(count), np.zeros(count)
        for first, second in pairs:
            reference = votes if votes.any() else new
            agreement = np.clip(reference[first], -1, 1).sum() - np.clip(reference[second], -1, 1).sum()
            sign = 1.0 if agreement >= 0 else -1.0
            new[first] += sign
            new[second] -= sign
            numbers[first] += 1
            numbers[second] += 1
        votes = new
    mean = votes / np.maximum(numbers, 1)
    shares = [min(len(a), len(b)) / max(len(a) + len(b), 1) for a, b in pairs]
    one, other = mean > 0.3, mean < -0.3
    covered = [_measure_coverage(markers, group, size_px) for group in (one, other)]
    if covered[0] < covered[1]:
        one, other = other, one
    return ~other, float(np.median(shares)), min(covered) / max(*covered, 1e-9)


def _find_two_motions(markers: Observations, size_px: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    import cv2

    fit_px = FIT_PX * max(size_px[0] / 1280, 0.6)
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    rows = [order[a:b] for a, b in pairwise(bounds)]
    pairs = []
    for gap in gaps_of(markers.frame_count):
        for first in range(0, markers.frame_count - gap, STEP):
            here, there = rows[first], rows[first + gap]
            tracks, a, b = np.intersect1d(
                markers.track[here], markers.track[there], assume_unique=True, return_indices=True
            )
            if len(tracks) < 40:
                continue
            x, y = markers.xy_px[here[a]], markers.xy_px[there[b]]
            left, errors = np.arange(len(tracks)), []
            for _ in range(2):
                if len(left) < FEWEST:
                    break
                cv2.setRNGSeed(1)
                try:
                    matrix, inside = cv2.findFundamentalMat(x[left], y[left], cv2.USAC_MAGSAC, fit_px, 0.999, 3000)
                except cv2.error:  # OpenCV 4.14 asserts where no sample gives a matrix: there is no second motion
                    break
                if matrix is None or matrix.shape != (3, 3):
                    break
                errors.append(compute_sampson_px(matrix, x, y))
                left = left[inside.ravel() == 0]
            if len(errors) == 2:
                one = (errors[0] < fit_px) & (errors[1] > 2 * fit_px)
                other = (errors[1] < fit_px) & (errors[0] > 2 * fit_px)
                pairs.append((first, tracks[one], tracks[other]))
            else:
                pairs.append((first, tracks, tracks[:0]))
    pairs.sort(key=lambda pair: pair[0])
    return [(one, other) for _, one, other in pairs]


def compute_sampson_px(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the first-order distance (N,) in px of points x, y (N, 2) to the epipolar geometry `matrix` (3, 3)."""
    ones = np.ones((len(x), 1))
    x, y = np.concatenate([x, ones], 1), np.concatenate([y, ones], 1)
    lines, back = x @ matrix.T, y @ matrix
    squares = (lines[:, :2] ** 2).sum(1) + (back[:, :2] ** 2).sum(1)
    return np.abs((y * lines).sum(1)) / np.sqrt(np.maximum(squares, 1e-24))


def _measure_coverage(markers: Observations, chosen: np.ndarray, size_px: tuple[int, int]) -> float:
    """Return how much of the picture a motion group covers: the mean over some frames.

    It is the hull's share of the picture, plus the share of the border cells that the group touches.
    """
    import cv2

    marked = chosen[markers.track]
    shares = []
    for frame in range(0, markers.frame_count, 5):
        xy_px = markers.xy_px[marked & (markers.frame == frame)]
        if len(xy_px) < 3:
            shares.append(0.0)
            continue
        hull = cv2.contourArea(cv2.convexHull(xy_px.astype(np.float32))) / (size_px[0] * size_px[1])
        column, line = (xy_px[:, 0] * 12 // size_px[0]).astype(int), (xy_px[:, 1] * 7 // size_px[1]).astype(int)
        border = {(c, r) for c, r in zip(column, line, strict=True) if c in (0, 11) or r in (0, 6)}
        shares.append(hull + len(border) / 34)
    return float(np.mean(shares)) if shares else 0.0
