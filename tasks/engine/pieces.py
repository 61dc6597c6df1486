"""Pieces: parts of a result that are costly to make. Each piece is stored under its own cache key.

A killed build goes on from its pieces, and another result that needs the same piece takes it as it is. A damaged piece
is made again. The build that uses a piece lists the piece's file in job.kept.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from shotmake.tasks.engine.processes.locks import hold_lock
from shotmake.tasks.engine.stamp import announce, hash_short, read_stamp, why_damaged, write_atomically, write_stamp


@dataclass(frozen=True)
class Piece:
    """A part of a result, and all that the part depends on: made_by ("stage" names the kind of piece) and inputs (name
    -> digest).
    """

    folder: Path
    suffix: str
    made_by: dict
    inputs: dict[str, str]

    @cached_property
    def key(self) -> str:
        """The cache key of the piece."""
        return hash_short([self.made_by, self.inputs])

    @property
    def path(self) -> Path:
        """The file of the piece: its cache key and suffix, in its folder."""
        return self.folder / f"{self.key}{self.suffix}"

    @property
    def stamp_path(self) -> Path:
        """The path of the piece's stamp."""
        return self.path.with_name(f"{self.path.name}.stamp.json")

    @property
    def kind(self) -> str:
        """The kind of piece, as made_by says."""
        return self.made_by["stage"]

    def read_stamp(self) -> dict | None:
        """Return the stamp at the piece's place when it is the stamp of this piece, else None."""
        stamp = read_stamp(self.stamp_path)
        return stamp if stamp and (stamp["made_by"], stamp["inputs"]) == (self.made_by, self.inputs) else None

    def read_undamaged_stamp(self) -> dict | None:
        """Return the piece's stamp when the file is as it was made, else None. A known stat is enough; the file is not
        read then.
        """
        stamp = self.read_stamp()
        return None if stamp is None or why_damaged(stamp, {self.kind: self.path}) else stamp

    def read(self) -> bytes | None:
        """Return the stored bytes; None when they are missing, or are not as they were made."""
        stamp = self.read_stamp()
        if stamp is None:
            return None
        try:
            data = self.path.read_bytes()  # read once: the bytes that are checked are the bytes that are used
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == stamp["targets"].get(self.kind) else None


class Stored(NamedTuple):
    """What can be told about a piece of a span of frames without making any piece.

    After the first missing piece, key and path are None.
    """

    first: int
    last: int
    key: str | None
    path: Path | None
    is_stored: bool


def follow_pieces(spans: list[tuple[int, int]], piece_of: Callable[[tuple[int, int], str], Piece]) -> list[Stored]:
    """Return what is stored of pieces that each go on from the piece before, as their stamps say.

    `piece_of` gives the piece of a span of frames and of the digest that the piece before handed over, "" at the start.
    """
    found: list[Stored] = []
    handover: str | None = ""
    for span in spans:
        if handover is None:
            found.append(Stored(*span, None, None, False))
            continue
        piece = piece_of(span, handover)
        stamp = piece.read_undamaged_stamp()
        found.append(Stored(*span, piece.key, piece.path, stamp is not None))
        handover = stamp.get("handover") if stamp else None
    return found


class Got(NamedTuple):
    """The bytes of a piece, and whether they were stored already."""

    data: bytes
    was_stored: bool


def get_or_make(piece: Piece, what: str, make: Callable[[], tuple[bytes, dict[str, Any]]]) -> Got:
    """Return a piece's bytes; make and store the piece when it is not stored.

    `make` returns the bytes, and what else the stamp says. It is called only while no other build makes the same piece.
    `what` says what the piece is, for a build that has to wait for it.
    """
    data = piece.read()
    if data is not None:
        return Got(data, True)
    with hold_lock(f"{piece.kind}-{piece.key}", what):
        data = piece.read()  # another build made it while we waited
        if data is not None:
            return Got(data, True)
        started = time.time()
        data, more = make()
        made = {piece.kind: hashlib.sha256(data).hexdigest()}
        announce(piece.stamp_path, piece.kind, made)
        write_atomically(piece.path, data)
        timing = {"seconds": round(time.time() - started, 3)}
        write_stamp(piece.stamp_path, piece.made_by, piece.inputs, made, {}, timing=timing, **more)
    return Got(data, False)
