"""Candidates: the costly part of a solve, stored under its own cache key.

It depends on the tracks and on the settings that reach the solver, not on where the world is placed afterwards. So
another orientation costs a moment, and another limit for bad markers costs an adjustment. The result is the same
without the store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.tasks.engine import slices
from shotmake.tasks.engine.pieces import Piece, get_or_make
from shotmake.tasks.show import get_state_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.reasons import Reason
    from shotmake.solve.checks.candidate_and_refusal import Candidate

VERSION = 15  # raised by hand when the numbers of a solve change; the solve stage has the same version


def find_or_load(
    settings: dict, inputs: dict[str, str], shot: str, find: "Callable[[], Candidate | Reason]"
) -> "tuple[Candidate | Reason, Path]":
    """Return what `find` gives, from the store or made and stored, and the file that holds it.

    settings and inputs (name -> digest) are all that it depends on.
    """
    from shotmake.solve.stored_candidate import pack_candidate, unpack_candidate

    folder = get_state_folder() / "tracking" / "solves" / "found"
    piece = Piece(folder, ".npz", slices.describe_maker("found", VERSION, settings), inputs)
    got = get_or_make(piece, f"the camera of solve:{shot}", lambda: (pack_candidate(find()), {}))
    return unpack_candidate(got.data), piece.path
