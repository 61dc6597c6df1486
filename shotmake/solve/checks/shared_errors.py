"""Errors that tracks near each other share: they come from what bends the picture, not from single tracks.

Each track errs by itself, so the errors of neighbours have nothing in common. Some causes move neighbours alike: air, a
warp, a lens or a shutter for which the camera has no value, or many tracks that are copies of one. Camera and points
hide most of that, and the path is wrong by far more than the errors show. Simulated moves whose tracks err by
themselves share up to .03 px (at 1280 wide); hazed, punched in or copied ones .06 to .47.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import compute_pixel_scale
from shotmake.solve.bundle.triangulate import compute_misses_px, triangulate
from shotmake.solve.checks.candidate_and_refusal import Candidate

SPAN, FEWEST_MARKERS = 4, 2  # frames over which a track's errors are averaged: shared errors change slowly
MISS_MAX_PX = 3.0  # at 1280 wide: a marker that misses by more slides or moves
NEAR, FAR, NEIGHBOURS = 0.02, 0.125, 4  # in plate widths: nearer tracks share the pixels by which they were tracked
FEWEST_TRACKS = 8  # in a span
SHARED_PX, SHARED_SIGMAS = 0.045, 3.5  # at 1280 wide; from so many standard deviations on, it is no accident
MUCH_PX, MUCH_SIGMAS = 0.12, 1.6  # a few tracks with large errors are no sure sign, but a strong one


class SharedError(NamedTuple):
    """The error that neighbours share.

    px: root of the mean product of neighbours' errors, px of the plate; 0 where the errors are rather opposed. sigmas:
    that mean product, in its standard deviations.
    """

    px: float
    sigmas: float


def notice_shared_errors(candidate: Candidate, size_px: tuple[int, int]) -> Candidate:
    """Add a warning to the solve of a moving camera when neighbouring tracks err alike.

    Raises ShotError as `triangulate` does.
    """
    if candidate.status != "solved":  # a tripod leaves a little parallax, which neighbours share
        return candidate
    error, scale = measure_shared_error(candidate, size_px), compute_pixel_scale(size_px)
    surely = error.px > SHARED_PX * scale and error.sigmas > SHARED_SIGMAS
    much = error.px > MUCH_PX * scale and error.sigmas > MUCH_SIGMAS
    if not surely and not much:
        return candidate
    warning = Reason(
        "errors_shared",
        f"tracks near each other err alike, by {error.px:.2g} px: the lens, the shutter, the air or a warp moves the "
        "picture, or they are copies of each other; the path may be off by more than that: look for slip",
    )
    return replace(candidate, warnings=(*candidate.warnings, warning))


def measure_shared_error(candidate: Candidate, size_px: tuple[int, int]) -> SharedError:
    """Measure the mean product of a used track's error with that of its neighbours, each the mean over SPAN frames.

    Raises ShotError as `triangulate` does.
    """
    markers = candidate.markers.select(candidate.used)
    error_px = compute_misses_px(
        triangulate(markers, candidate.projecting, candidate.lens), markers, candidate.projecting, candidate.lens
    )
    fair = np.linalg.norm(np.where(np.isfinite(error_px), error_px, np.inf), axis=1) < (
        MISS_MAX_PX * compute_pixel_scale(size_px)
    )
    spans = markers.frame_count // SPAN + 1
    chunks, chunk, number = np.unique(
        markers.track[fair].astype(np.int64) * spans + markers.frame[fair] // SPAN,
        return_inverse=True,
        return_counts=True,
    )
    place, error = (
        np.stack([np.bincount(chunk, values[fair, axis], len(chunks)) / number for axis in (0, 1)], 1)
        for values in (markers.xy_px, error_px)
    )
    kept = number >= FEWEST_MARKERS
    place, error, track, span = place[kept] / size_px[0], error[kept], chunks[kept] // spans, chunks[kept] % spans
    product, has_near = np.zeros(len(track)), np.zeros(len(track), bool)
    for one in np.unique(span):
        at = np.flatnonzero(span == one)
        if len(at) >= FEWEST_TRACKS:
            around, has_near[at] = _average_neighbours(place[at], error[at])
            product[at] = (error[at] * around).sum(1)
    if not has_near.any():
        return SharedError(0.0, 0.0)
    count = len(markers.track_ids)
    by_track, asked = (np.bincount(track[has_near], of, count) for of in (product[has_near], None))
    mean = by_track.sum() / asked.sum()
    deviation = np.sqrt(2 * ((by_track - mean * asked) ** 2).sum()) / asked.sum()  # 2: each pair is asked twice
    return SharedError(float(np.sqrt(max(mean, 0.0))), float(mean / max(deviation, 1e-12)))


def _average_neighbours(place: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean error (N, 2) of the nearest other tracks, and which tracks have any (N,).

    place (N, 2): in plate widths.
    """
    away = np.linalg.norm(place[:, None] - place[None], axis=2)
    away[(away < NEAR) | (away > FAR)] = np.inf
    nearest = np.argsort(away, axis=1, kind="stable")[:, :NEIGHBOURS]
    counts = np.isfinite(np.take_along_axis(away, nearest, 1))
    number = counts.sum(1)
    return (error[nearest] * counts[:, :, None]).sum(1) / np.maximum(number, 1)[:, None], number > 0
