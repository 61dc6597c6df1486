"""How loops are compiled: the one place of numba's options."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the function when it is first called, and keep the result on disk for the next process.

    Each process compiles anew where no folder can be written: neither ours, nor the user's cache (no home, as for
    `nobody`).
    """
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # numba found no folder; it has compiled nothing yet
        return njit(function)
