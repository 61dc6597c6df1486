"""Files that are read over some time, certain to be those whose digests are known from before the first byte to after
the last.

A result that is stored under a cache key made of digests must not be made of anything else.
"""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.digests import digest, signature, wait_until_settled
from shotmake.tasks.show import in_show


class Unchanged:
    """A watch over files: whether each still is the file that its digest names.

    Raises ShotError when it is made, if the content of a file differs from its digest.
    """

    def __init__(self, files: dict[str, Path], digests: dict[str, str]):
        wait_until_settled(files.values())
        self._files = files
        self._seen = {name: signature(path) for name, path in files.items()}
        for name, path in files.items():
            if digest(path) != digests[name]:
                raise _changed(path)

    def check(self, names: list[str] | None = None) -> None:
        """Check the files of these names; None: all files. Raises ShotError when a file is gone or may have changed
        since the watch began.
        """
        for name in self._seen if names is None else names:
            path = self._files[name]
            if not path.is_file() or signature(path) != self._seen[name]:
                raise _changed(path)


def _changed(path: Path) -> ShotError:
    return ShotError(f"{in_show(path)} changed while it was being read; run doit again")
