"""Files that are read over a while: sure to be those whose digests are known, from before the first byte to after the
last. What is stored under a key made of digests must not be made of anything else."""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.engine.digests import digest, signature, wait_until_settled
from shotmake.tasks.show import in_show


class Unchanged:
    """ShotError as soon as one of the files is another than its digest says, or may have been meanwhile."""

    def __init__(self, files: dict[str, Path], digests: dict[str, str]):
        wait_until_settled(files.values())
        self._files = files
        self._seen = {name: signature(path) for name, path in files.items()}
        for name, path in files.items():
            if digest(path) != digests[name]:
                raise _changed(path)

    def check(self, names: list[str] | None = None) -> None:
        """names: of the files; None: all."""
        for name in self._seen if names is None else names:
            path = self._files[name]
            if not path.is_file() or signature(path) != self._seen[name]:
                raise _changed(path)


def _changed(path: Path) -> ShotError:
    return ShotError(f"{in_show(path)} changed while it was being read; run doit again")
