"""How much each marker counts in an adjustment: by its expected error, and by the error that its track has."""

import numpy as np

from shotmake.solve.bundle.adjust import Bundle, compute_residuals_px
from shotmake.solve.bundle.observations import Observations

FLOOR_PX = 0.1  # no marker counts as better than this: what the lens model leaves over is of this size
TAIL = 4.0  # degrees of freedom of Student's t: the errors of good markers follow it
PROMISED = 4.0  # a track's expected error counts like so many coordinates: it is off by 1.4 to 2 x
LEAST_PX = 0.005  # least noise of a track: simulated tracks may have none


def weigh_markers(expected_px: np.ndarray) -> np.ndarray:
    """Return weights (M,) for expected errors (M,) in px; 1 for the usual error and for an unknown one (0)."""
    known = expected_px > 0
    if not known.any():
        return np.ones(len(expected_px))
    variance = FLOOR_PX**2 + np.where(known, expected_px, np.median(expected_px[known])) ** 2
    return np.median(variance) / variance


def weigh_by_artist(markers: Observations) -> np.ndarray:
    """Return the weights (M,) of markers by their expected errors. The artist's weights stand as given."""
    return markers.given * weigh_markers(markers.expected_px * np.sqrt(markers.given))


def compute_variances_px2(bundle: Bundle, markers: Observations) -> np.ndarray:
    """Return the variance (M,), in px^2, of each marker's error along one axis.

    It is the expected variance, times how much more the track has. The size of a track's errors is that of Student's t,
    by expectation maximisation; what the point and its share of the cameras take up is not counted. A track with few
    markers keeps its expected error. The artist's weights stand as given.
    """
    given = markers.given
    promised = weigh_markers(markers.expected_px * np.sqrt(given))
    squares = (compute_residuals_px(bundle, markers) ** 2).sum(1) * promised
    usual = max(np.median(squares) / 1.66, LEAST_PX**2)  # 1.66: the median of t's squares in two dimensions
    squares = squares / usual
    freedom = (2 - 6 * len(bundle.rotations) / len(markers)) * markers.lengths - 3
    times = np.ones(len(freedom))
    for _ in range(20):
        share = (TAIL + 2) / (TAIL + squares / times[markers.track])
        sums = np.bincount(markers.track, share * squares, minlength=len(freedom))
        times = (PROMISED + sums) / (PROMISED + np.maximum(freedom, 0))
    return (usual * times[markers.track] / promised + LEAST_PX**2) / given
