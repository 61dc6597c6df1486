"""The epipolar gap: tracks that some rigid motion explains between two frames, but not that of the solved camera.

Where a large object takes the camera along for a while, the tracks that go on with the room are the gap.
"""

import numpy as np

from shotmake.geometry.lens import undistort
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.motion_groups import compute_sampson_px, gaps_of

STEP, FIT_PX, FEWEST = 5, 1.5, 30
WORST = 90  # percentile of the frame pairs
GAP_MAX = 0.15  # right solves have up to 0.05, up to 0.11 with many bad tracks or a rolling shutter
LEFT = 0.7  # factor of the confidence for a gap


def measure_gap(candidate: Candidate, size_px: tuple[int, int], scale: float) -> float:
    """Measure the epipolar gap in the worst tenth of the frame pairs; 0 where too few tracks tell.

    The gap is the share of the tracks that a free fundamental matrix explains, minus the share that the camera
    explains. scale: observations.compute_pixel_scale. Raises ShotError when the lens folds over inside the picture.
    """
    import cv2

    markers, focal_px, cameras = candidate.markers, candidate.lens.fx_px, candidate.projecting
    plane = undistort(candidate.lens.normalised_from_px(markers.xy_px), candidate.lens)
    ideal_px = focal_px * plane  # around the lens's centre
    inverse = np.diag([1 / focal_px, 1 / focal_px, 1.0])
    gaps = []
    for step in gaps_of(markers.frame_count):
        for first in range(0, markers.frame_count - step, STEP):
            before, after = cameras[first], cameras[first + step]
            here, there = _match_rows(markers, first, first + step)
            if len(here) < FEWEST or not np.isfinite([before, after]).all():
                continue
            x_px, y_px = ideal_px[here], ideal_px[there]
            cv2.setRNGSeed(1)
            try:
                unbound, _ = cv2.findFundamentalMat(x_px, y_px, cv2.USAC_MAGSAC, FIT_PX * scale, 0.999, 2000)
            except cv2.error:  # OpenCV 4.14 asserts where no sample gives a matrix
                continue
            if unbound is None or unbound.shape != (3, 3):
                continue
            turn = after[:, :3] @ np.linalg.inv(before[:, :3])  # rows of zoomed cameras are no rotations
            move = after[:, 3] - turn @ before[:, 3]
            own = inverse @ np.cross(move, turn, axisb=0, axisc=0) @ inverse
            shares = [np.mean(compute_sampson_px(matrix, x_px, y_px) < FIT_PX * scale) for matrix in (unbound, own)]
            gaps.append(shares[0] - shares[1])
    return float(np.percentile(gaps, WORST)) if gaps else 0.0


def _match_rows(markers: Observations, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the markers in both frames, of the tracks that are in both."""
    here, there = np.flatnonzero(markers.frame == first), np.flatnonzero(markers.frame == second)
    _, a, b = np.intersect1d(markers.track[here], markers.track[there], assume_unique=True, return_indices=True)
    return here[a], there[b]
