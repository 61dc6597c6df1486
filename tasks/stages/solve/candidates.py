"""Found cameras: the costly part of a solve, stored under its own cache key.

It depends on the tracks and on the settings that reach the solver, not on where the world is placed afterwards. So
another orientation costs a moment, and another limit for bad markers costs an adjustment. The result is the same
without the store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.tasks.engine import slices
from shotmake.tasks.engine.pieces import Piece, stored_or_made
from shotmake.tasks.show import state_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.reasons import Reason
    from shotmake.solve.checks.candidate import Found

VERSION = 11  # raised by hand when the numbers of a solve change; the solve stage has the same version


def found(
    settings: dict, inputs: dict[str, str], shot: str, find: "Callable[[], Found | Reason]"
) -> "tuple[Found | Reason, Path]":
    """Return what `find` gives, from the store or made and stored, and the file that holds it.

    settings and inputs (name -> digest) are all that it depends on.
    """
    from shotmake.solve.stored_candidate import found_bytes, read_found

    folder = state_folder() / "tracking" / "solves" / "found"
    piece = Piece(folder, ".npz", slices.made_by("found", VERSION, settings), inputs)
    got = stored_or_made(piece, f"the camera of solve:{shot}", lambda: (found_bytes(find()), {}))
    return read_found(got.data), piece.path
