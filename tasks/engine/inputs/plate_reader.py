"""The plate's luma: decoded only when it is asked for, and certain to come from the files whose digests are known."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shotmake.errors import ShotError
from shotmake.tasks.engine.inputs.watched_files import Unchanged
from shotmake.tasks.show import get_show_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate

T = TypeVar("T")  # a path or a digest


def list_file_names(plate: "Plate", first: int, last: int) -> list[str]:
    """Return the names of the inputs (shotmake.tasks.stages.footage.list_plate_inputs) that hold these frames: the
    movie, or the frames' own files.
    """
    return ["plate 0"] if plate.kind == "movie" else [f"plate {frame}" for frame in range(first, last + 1)]


def pick_files(plate: "Plate", files: dict[str, T], first: int, last: int) -> dict[str, T]:
    """Return what belongs to the files of these frames, of `files` (paths or digests) by the names of inputs.

    Raises ShotError where the record of the plate speaks of a frame that is no input: somebody has changed the record.
    """
    names = list_file_names(plate, first, last)
    stray = next((name for name in names if name not in files), None)
    if stray is not None:
        raise ShotError(f"found {stray} in the record of the plate, which has no such frame; run doit forget footage")
    return {name: files[name] for name in names}


class PlateReader:
    """A reader that only goes forward. A movie is opened once; where frames are left out, it is decoded past them."""

    def __init__(self, plate: "Plate", files: dict[str, Path], digests: dict[str, str], last: int):
        """Prepare to read. `last` is the last frame that will be asked for."""
        self.plate, self._last, self._digests = plate, last, digests
        self._files = pick_files(plate, files, plate.first_frame, plate.last_frame)
        self._watched: Unchanged | None = None  # set before the first frame is read
        self._frames: Iterator[tuple[int, np.ndarray]] = iter(())
        self._next: int | None = None  # the number of the frame that comes next

    def read(self, first: int, last: int) -> "Iterator[tuple[int, np.ndarray]]":
        """Yield (plate frame number, (H, W) uint8 luma) of the frames first..last. Each call asks for later frames.

        Raises ShotError when a file is not the one whose digest is known. When a file cannot be decoded because it
        changed meanwhile, the change is the reason told.
        """
        from shotmake.footage.plate import read_luma

        if self._watched is None:
            self._watched = Unchanged(self._files, self._digests)
        if self._next is None or (self.plate.kind == "sequence" and self._next != first):
            self._frames, self._next = read_luma(self.plate, get_show_folder(), first, self._last), first
        while self._next <= last:
            try:
                number, luma = next(self._frames)
            except ShotError:
                self._watched.check()
                raise
            self._next = number + 1
            if number >= first:
                yield number, luma

    def check_unchanged(self, first: int, last: int) -> None:
        """Check the files of these frames. Raises ShotError when one of them may no longer be the file whose digest is
        known.
        """
        if self._watched is not None:
            self._watched.check(list_file_names(self.plate, first, last))
