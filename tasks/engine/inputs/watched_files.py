"""Files that are read over some time, certain to be those whose digests are known from before the first byte to after
the last.

A result that is stored under a cache key made of digests must not be made of anything else.
"""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.digests import digest, read_signature, wait_until_settled
from shotmake.tasks.show import name_in_show


def sign_files(files: dict[str, Path]) -> dict[str, str]:
    """Return the signature of each file, as its stat tells it. Raises OSError when a file is missing."""
    return {name: read_signature(path) for name, path in files.items()}


def find_change(files: dict[str, Path], seen: dict[str, str]) -> ShotError | None:
    """Return the fault of the first file that is gone, or may have changed since its signature was seen; else None."""
    for name, path in files.items():
        if not path.is_file() or read_signature(path) != seen[name]:
            return make_change(path)
    return None


def make_change(path: Path) -> ShotError:
    """Return the fault of a file that changed while it was read."""
    return ShotError(f"{name_in_show(path)} changed while it was being read; run doit again")


class Unchanged:
    """A watch over files: whether each still is the file that its digest names.

    Raises ShotError when it is made, if the content of a file differs from its digest.
    """

    def __init__(self, files: dict[str, Path], digests: dict[str, str]):
        wait_until_settled(files.values())
        self._files = files
        self._seen = sign_files(files)
        for name, path in files.items():
            if digest(path) != digests[name]:
                raise make_change(path)

    def check(self, names: list[str] | None = None) -> None:
        """Check the files of these names; None: all files. Raises ShotError when a file is gone or may have changed
        since the watch began.
        """
        watched = self._files if names is None else {name: self._files[name] for name in names}
        if change := find_change(watched, self._seen):
            raise change
