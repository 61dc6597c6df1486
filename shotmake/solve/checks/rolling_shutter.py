"""Rolling shutter: a sensor read row by row shows the top of the picture earlier than the bottom.

Cameras and points bend to hide most of it, and then the path is wrong with small errors everywhere. What they cannot
hide lies along each marker's own motion and grows with the distance of its row from the middle. Measured as a share of
a frame's time, this is below 0.0015 on shots with a global shutter, and above 0.02 on shots with a rolling shutter (a
twentieth of the true read-out).
"""

from dataclasses import replace

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import adjust, compute_cauchy_cost, compute_errors_px, compute_residuals_px
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import compute_misses_px, find_directions, triangulate
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.parallax import Parallax

SHARE_MIN = 0.01
MISS_MAX_PX = 3.0  # a marker that misses by more slides or moves: it tells nothing about rows
FEWEST_MARKERS = 200
LAG_MIN_PX = 0.3  # RMS of the effect of a read-out of a whole frame: below this, rows look alike
TRIPOD_SHARES = (-1.0, -0.5, 0.0, 0.5, 1.0)
TRIPOD_SHARE_MIN = 0.05  # least read-out of a tripod, measured by undoing it
TRIPOD_RATIO = 1.1  # Parallax.ratio with the read-out undone: pans 0.88, paths of 1 % of the depth 1.13 and more


def notice_rolling_shutter(candidate: Candidate, height_px: int) -> Candidate:
    """Add a warning, and reduce the confidence, when it looks as if the rows were read one after the other.

    Raises ShotError as `triangulate` does.
    """
    share = measure_read_out(candidate, height_px)
    if abs(share) < SHARE_MIN:
        return candidate
    warning = Reason(
        "rolling_shutter",
        "rolling shutter: markers lead and lag by the row they are in, so path and lens are bent to fit; correct the "
        "plate for it first, or expect slip where the camera moves fast",
    )
    return replace(candidate, warnings=(*candidate.warnings, warning), agreement=0.7 * candidate.agreement)


def measure_read_out(candidate: Candidate, height_px: int) -> float:
    """Return the part of the read-out, in frames, that the solve has not hidden; 0 = unknown.

    The read-out is the time between the top row and the bottom row. Raises ShotError as `triangulate` does.
    """
    markers = candidate.markers.select(candidate.used)
    locate = triangulate if candidate.status == "solved" else find_directions
    points = locate(markers, candidate.projecting, candidate.lens)
    miss_px = -compute_misses_px(points, markers, candidate.projecting, candidate.lens)
    at, pace_px = _measure_pace_px(markers)
    lag_px = (markers.xy_px[at, 1:] / height_px - 0.5) * pace_px
    fair = np.linalg.norm(miss_px[at], axis=1) < MISS_MAX_PX
    lag_px, miss_px = lag_px[fair], miss_px[at][fair]
    strength = float((lag_px**2).sum())
    if fair.sum() < FEWEST_MARKERS or strength < fair.sum() * LAG_MIN_PX**2:
        return 0.0
    return float((miss_px * lag_px).sum() / strength)


def _measure_pace_px(markers: Observations) -> tuple[np.ndarray, np.ndarray]:
    """Return the markers (K,) with one of their track on both sides, and how far they move in a frame's time (K, 2)."""
    at = np.flatnonzero((markers.track[2:] == markers.track[:-2]) & (markers.frame[2:] - markers.frame[:-2] == 2)) + 1
    frame = markers.plate_frames[markers.frame]
    passed = (frame[at + 1] - frame[at - 1])[:, None]
    return at, (markers.xy_px[at + 1] - markers.xy_px[at - 1]) / passed


def measure_tripod_read_out(parallax: Parallax, known: Observations, height_px: int, refine: tuple[str, ...]) -> float:
    """Return the read-out, in frames, with which a tripod explains the picture as well as a moving one.

    0 if there is none. known: all markers of the verdict's tracks, which tell how fast the markers of `parallax` move.
    """
    markers, tripod = parallax.markers, parallax.tripod
    pace_px = np.zeros_like(known.xy_px)
    at, known_pace_px = _measure_pace_px(known)
    pace_px[at] = known_pace_px
    track = np.searchsorted(known.track_ids, markers.track_ids)[markers.track]
    row = np.searchsorted(
        known.track * known.frame_count + known.frame, track * known.frame_count + parallax.keyframes[markers.frame]
    )
    lag_px = (markers.xy_px[:, 1:] / height_px - 0.5) * pace_px[row]

    def undo(share: float) -> tuple[float, float]:
        straight = replace(markers, xy_px=markers.xy_px - share * lag_px)
        bundle = adjust(tripod, straight, refine, 15)
        return compute_cauchy_cost(compute_residuals_px(bundle, straight)), float(
            np.median(compute_errors_px(bundle, straight))
        )

    costs = [undo(share)[0] for share in TRIPOD_SHARES]
    best = int(np.argmin(costs[1:-1])) + 1
    below, least, above = costs[best - 1 : best + 2]
    bend = max(below + above - 2 * least, 1e-9)
    step = TRIPOD_SHARES[1] - TRIPOD_SHARES[0]
    share = float(TRIPOD_SHARES[best] + step * np.clip((below - above) / (2 * bend), -1, 1))
    left_px = undo(share)[1] / np.median(compute_errors_px(tripod, markers))
    explains = left_px * parallax.ratio < TRIPOD_RATIO
    return share if explains and abs(share) > TRIPOD_SHARE_MIN else 0.0
