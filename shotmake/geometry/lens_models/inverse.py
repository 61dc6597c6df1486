"""The inverse of a lens formula, by Newton's method. The formula must be analytic, because it gets complex numbers."""

from collections.abc import Callable

import numpy as np

from shotmake.errors import ShotError

COMPLEX_STEP = 1e-30  # derivatives exact to rounding
ROUNDS = 30
DONE = 1e-13  # normalised units
GOOD = 1e-10


def invert(bent: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> np.ndarray:
    """Find the points (..., 2) that `bent` takes to the target (..., 2).

    Raises ShotError where the formula folds over.
    """
    guess = target
    for _ in range(ROUNDS):
        miss = bent(guess) - target
        if np.abs(miss).max(initial=0.0) < DONE:
            break
        columns = [np.imag(bent(guess + 1j * COMPLEX_STEP * unit)) / COMPLEX_STEP for unit in np.eye(2)]
        try:
            guess = guess - np.linalg.solve(np.stack(columns, -1), miss[..., None])[..., 0]
        except np.linalg.LinAlgError:
            break
    if not np.abs(bent(guess) - target).max(initial=0.0) < GOOD:
        raise ShotError("its distortion folds over inside the picture: not a lens")
    return guess
