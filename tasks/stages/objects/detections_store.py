"""Stored detections. Detections cost time to make, so they are stored under their own cache key.

With another max_coast_frames, or in a build after a killed one, they are not made again. The result is the same without
the store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.tasks.engine.pieces import Piece, get_or_make
from shotmake.tasks.show import get_state_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.objects.detections import Detections


def get_detections_folder() -> Path:
    """Return the folder of stored detections."""
    return get_state_folder() / "tracking" / "objects" / "detections"


def piece_of(made_by: dict, inputs: dict[str, str]) -> Piece:
    """Return the piece of stored detections. made_by and inputs (name -> digest) are all that the
    detections depend on.
    """
    return Piece(get_detections_folder(), ".npz", made_by, inputs)


def from_store(piece: Piece, what: str, find: "Callable[[], Detections]") -> "Detections":
    """Return the detections that `find` gives, from the store or made and stored.

    `what` says what they are, for a build that waits while another build makes them.
    """
    from shotmake.objects.detections import pack_detections, unpack_detections

    return unpack_detections(get_or_make(piece, what, lambda: (pack_detections(find()), {})).data)
