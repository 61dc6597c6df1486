"""Cameras that only turn: rotations, focal length and lens from tracks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import (
    Bundle,
    adjust,
    compute_cauchy_cost,
    compute_errors_px,
    compute_residuals_px,
    vector_from_lens,
)
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.refine_lens_terms import TERMS, adjust_terms
from shotmake.solve.bundle.triangulate import compute_track_medians


class TooLittle(Exception):
    """Not enough tracks for a fit. The message says how many there are."""


def cast_lens_rays(xy_px: np.ndarray, lens: np.ndarray, log_zooms: np.ndarray) -> np.ndarray:
    """Return the unit rays (M, 3) of plate pixels (M, 2) by the radial part of `lens` (adjust.LENS_NAMES).

    Newton's method on the radius. Where the lens folds the ray is a guess: good enough for a start, as the rest of the
    lens is small. log_zooms: (M,), of the frames of the pixels.
    """
    plane = (xy_px - lens[6:]) / np.exp(lens[0])
    distorted = np.linalg.norm(plane, axis=1)
    radius = distorted.copy()
    for _ in range(12):
        square = radius**2
        miss = radius * (1 + square * (lens[1] + square * (lens[2] + square * lens[3]))) - distorted
        slope = 1 + square * (3 * lens[1] + square * (5 * lens[2] + 7 * square * lens[3]))
        radius = np.clip(radius - miss / np.maximum(slope, 0.05), 0, 10)
    plane = plane * (radius / np.maximum(distorted, 1e-12) / np.exp(log_zooms))[:, None]
    out = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def find_rotation(source: np.ndarray, target: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Return the rotation R (3, 3) with target ~ R source for unit rays (N, 3).

    Kabsch's SVD, reweighted towards the median.
    """
    weights = np.ones(len(source))
    rotation = np.eye(3)
    for _ in range(rounds):
        u, _, vt = np.linalg.svd((target * weights[:, None]).T @ source)
        rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
        miss = np.linalg.norm(source @ rotation.T - target, axis=1)
        weights = 1 / (miss + 0.5 * np.median(miss) + 1e-6) ** 2
    return rotation


def measure_scale_changes(markers: Observations) -> np.ndarray:
    """Measure the log (F,) of how much the picture grew since the first frame, chained from neighbour to neighbour.

    This is the zoom of a camera that turns little between neighbours.
    """
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    rows = [order[a:b] for a, b in pairwise(bounds)]
    grown = np.zeros(markers.frame_count)
    for frame in range(1, markers.frame_count):
        old, new = rows[frame - 1], rows[frame]
        _, at_old, at_new = np.intersect1d(markers.track[old], markers.track[new], True, return_indices=True)
        if len(at_old) >= 6:
            spans = [xy - np.median(xy, axis=0) for xy in (markers.xy_px[old[at_old]], markers.xy_px[new[at_new]])]
            before, after = (np.linalg.norm(span, axis=1) for span in spans)
            far = before > np.median(before)
            grown[frame] = np.median(np.log(np.maximum(after[far], 1e-6) / before[far]))
    return np.cumsum(grown)


def chain_rotations(markers: Observations, lens: np.ndarray, log_zooms: np.ndarray) -> Bundle:
    """Build a start for `adjust`: rotations chained from frame to frame, directions as the mean of their rays.

    lens (8,): by adjust.LENS_NAMES. log_zooms (F,).
    """
    seen = cast_lens_rays(markers.xy_px, lens, log_zooms[markers.frame])
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    total = np.zeros((len(markers.track_ids), 3))  # the sum of world rays so far, by track
    rotations = np.zeros((markers.frame_count, 3, 3))
    last = np.eye(3)
    for frame in range(markers.frame_count):
        rows = order[bounds[frame] : bounds[frame + 1]]
        known = rows[np.abs(total[markers.track[rows]]).sum(1) > 0]
        if frame and len(known) >= 4:
            directions = total[markers.track[known]]
            last = find_rotation(directions / np.linalg.norm(directions, axis=1, keepdims=True), seen[known])
        rotations[frame] = last
        total[markers.track[rows]] += seen[rows] @ last  # R^T ray
    directions = total / np.linalg.norm(total, axis=1, keepdims=True)
    still = np.zeros((markers.frame_count, 3))
    return Bundle(rotations, still, directions, np.zeros(len(directions)), np.array(lens, float), log_zooms)


def fit_rotations(
    markers: Observations, centre_px: np.ndarray, focal_starts_px: list[float], refine: tuple[str, ...]
) -> Bundle:
    """Fit the best bundle of rotations alone, over several first guesses of the focal length. centre_px: (2,)."""
    found = []
    log_zooms = measure_scale_changes(markers) if "zoom" in refine else np.zeros(markers.frame_count)
    for focal_px in focal_starts_px:
        bundle = chain_rotations(markers, vector_from_lens(Lens(focal_px, focal_px, *centre_px)), log_zooms)
        bundle = adjust(adjust(bundle, markers, refine, 12, loss_px=3.0), markers, refine, 25)
        found.append((compute_cauchy_cost(compute_residuals_px(bundle, markers)), bundle))
    return min(found, key=lambda pair: pair[0])[1]


def solve_rotations(
    observations: Observations, lens: np.ndarray, refine: tuple[str, ...], max_error_px: float, width_px: int
) -> tuple[Bundle, np.ndarray, np.ndarray, tuple[Reason, ...]]:
    """Solve the rotations of all frames and the lens. lens (8,): the start, by adjust.LENS_NAMES.

    Returns the bundle, the frame indices that it has (F,), the mask (M,) of used markers, and a warning for each lens
    value of `refine` that the tracks do not determine. Between adjustments, markers worse than 3x, 1.5x, 1x
    `max_error_px` are dropped, and so are tracks whose median is. Frames with fewer than 6 used markers have no pose.
    Raises TooLittle when no markers are left.
    """
    base = tuple(name for name in refine if name not in TERMS)
    used = np.ones(len(observations), bool)
    rows, markers, frames = _keep_enough(observations, used)
    log_zooms = measure_scale_changes(markers) if "zoom" in refine else np.zeros(len(frames))
    bundle = adjust(chain_rotations(markers, lens, log_zooms), markers, base, 20, weights=markers.given)
    for gate in (3.0, 1.5, 1.0):
        errors = compute_errors_px(bundle, markers)
        medians = compute_track_medians(errors, markers.track, len(markers.track_ids))
        good = (errors < gate * max_error_px) & (medians[markers.track] < gate * max_error_px)
        used = np.zeros(len(observations), bool)
        used[rows[good]] = True
        before = frames
        rows, markers, frames = _keep_enough(observations, used)
        log_zooms = np.interp(frames, before, bundle.log_zooms)
        bundle = adjust(chain_rotations(markers, bundle.lens, log_zooms), markers, base, 20, weights=markers.given)
    used = np.zeros(len(observations), bool)
    used[rows] = True
    vague: tuple[Reason, ...] = ()
    if base != refine:
        bundle, vague = adjust_terms(bundle, markers, refine, width_px, 20, weights=markers.given)
    return bundle, frames, used, vague


def _keep_enough(observations: Observations, used: np.ndarray) -> tuple[np.ndarray, Observations, np.ndarray]:
    """Keep the frames with 6 markers and the tracks with 3.

    Returns the rows (K,), their markers with frames renumbered, and the frame indices. Raises TooLittle when nothing is
    left.
    """
    used = used.copy()
    while True:
        in_frame = np.bincount(observations.frame[used], minlength=observations.frame_count)
        in_track = np.bincount(observations.track[used], minlength=len(observations.track_ids))
        fewer = used & (in_frame[observations.frame] >= 6) & (in_track[observations.track] >= 3)
        if fewer.sum() == used.sum():
            break
        used = fewer
    rows = np.flatnonzero(used)
    if not len(rows):
        raise TooLittle("no tracks follow a turning camera")
    frames, frame = np.unique(observations.frame[rows], return_inverse=True)
    seen = observations.select(rows).select_tracks(in_track > 0)
    numbers = None if seen.numbers is None else seen.numbers[frames]
    markers = replace(seen, frame=frame, frame_count=len(frames), numbers=numbers)
    return rows, markers, frames
