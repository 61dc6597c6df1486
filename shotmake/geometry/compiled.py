"""How loops are compiled: the one place of numba's options."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when it is first called and kept on disk for the next process; compiled anew by each
    process where no folder can be written: neither ours, nor the user's cache (no home, as for `nobody`)."""
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # numba's word for it; before it has compiled anything
        return njit(function)
