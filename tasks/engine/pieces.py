"""Pieces: parts of a result that are dear to make, each stored under a key of its own.

A build that was killed goes on from them, and another result that needs the same piece takes it as it is. A damaged
one is made again. The build that uses a piece lists its file in job.kept.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from shotmake.tasks.engine.processes.locks import locked
from shotmake.tasks.engine.stamp import announce, read_stamp, short_hash, why_damaged, write_atomically, write_stamp


@dataclass(frozen=True)
class Piece:
    """made_by ("stage" names the kind of piece) and inputs (name -> digest) are all it depends on."""

    folder: Path
    suffix: str
    made_by: dict
    inputs: dict[str, str]

    @cached_property
    def key(self) -> str:
        return short_hash([self.made_by, self.inputs])

    @property
    def path(self) -> Path:
        return self.folder / f"{self.key}{self.suffix}"

    @property
    def stamp_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.stamp.json")

    @property
    def kind(self) -> str:
        return self.made_by["stage"]

    def stamp(self) -> dict | None:
        """Its stamp, when it is the one of this piece."""
        stamp = read_stamp(self.stamp_path)
        return stamp if stamp and (stamp["made_by"], stamp["inputs"]) == (self.made_by, self.inputs) else None

    def undamaged_stamp(self) -> dict | None:
        """The same, when the file is as it was made; told by its stat where that is known."""
        stamp = self.stamp()
        return None if stamp is None or why_damaged(stamp, {self.kind: self.path}) else stamp

    def read(self) -> bytes | None:
        """What is stored; None when it is not there, or not as it was made."""
        stamp = self.stamp()
        if stamp is None:
            return None
        try:
            data = self.path.read_bytes()  # read once: the bytes that are judged are those that are used
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == stamp["targets"].get(self.kind) else None


class Stored(NamedTuple):
    """A piece as far as can be told without making any; key and path are None after the first that is missing."""

    first: int
    last: int
    key: str | None
    path: Path | None
    is_stored: bool


def in_a_row(spans: list[tuple[int, int]], piece_of: Callable[[tuple[int, int], str], Piece]) -> list[Stored]:
    """What is there of pieces that go on from each other, told by their stamps.

    piece_of: of a span of frames and the digest of what the piece before handed over, "" at the start.
    """
    found: list[Stored] = []
    handover: str | None = ""
    for span in spans:
        if handover is None:
            found.append(Stored(*span, None, None, False))
            continue
        piece = piece_of(span, handover)
        stamp = piece.undamaged_stamp()
        found.append(Stored(*span, piece.key, piece.path, stamp is not None))
        handover = stamp.get("handover") if stamp else None
    return found


class Got(NamedTuple):
    data: bytes
    was_stored: bool


def stored_or_made(piece: Piece, what: str, make: Callable[[], tuple[bytes, dict[str, Any]]]) -> Got:
    """A piece's bytes. make: them, and what else its stamp has to say; called when no other build makes the piece.

    what: it is, for whoever has to wait for it.
    """
    data = piece.read()
    if data is not None:
        return Got(data, True)
    with locked(f"{piece.kind}-{piece.key}", what):
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
