"""The user's cache folder: what is made once a machine, for all clones and shows of a user."""

import os
from pathlib import Path


def find_user_cache() -> Path | None:
    """Return our folder in the user's cache, $XDG_CACHE_HOME or ~/.cache; None for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    cache = cache if os.path.isabs(cache) else os.path.expanduser("~/.cache")  # a relative path does not count
    return Path(cache) / "shotmake" if os.path.isabs(cache) else None


def find_kernels() -> Path | None:
    """Return the folder of all compiled kernels; None for a user without a home.

    None too where it lies in the working folder, which is the show's during a build: a show may come from a stranger,
    and compiled code that it brings along must not run.
    """
    cache = find_user_cache()
    if cache is None or Path(os.path.realpath(cache)).is_relative_to(os.path.realpath(os.curdir)):
        return None
    return cache / "kernels"
