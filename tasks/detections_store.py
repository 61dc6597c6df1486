"""Detections that cost time to make, stored under a key of their own: another max_coast_frames, or a build after a
killed one, does not detect again. The result is the same without the store."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import STATE
from tasks.locks import locked
from tasks.stamp import read_stamp, short_hash, write_atomically, write_stamp

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.detections import Detections

FOLDER = STATE / "tracking" / "objects" / "detections"


def from_store(
    made_by: dict, inputs: dict[str, str], what: str, find: "Callable[[], Detections]"
) -> "tuple[Detections, Path]":
    """What `find` gives, from the store or made and stored, and the file it is in.

    made_by, inputs (name -> digest): all that it depends on. what: is waited for when another build makes it.
    """
    from shotmake.detections import detections_bytes

    key = short_hash([made_by, inputs])
    path = FOLDER / f"{key}.npz"
    known = _load(path, made_by, inputs)
    if known is None:
        with locked(f"detections-{key}", what):
            known = _load(path, made_by, inputs)  # another build made it while we waited
            if known is None:
                started = time.time()
                known = find()
                data = detections_bytes(known)
                write_atomically(path, data)
                made = {"detections": hashlib.sha256(data).hexdigest()}
                timing = {"seconds": round(time.time() - started, 3)}
                write_stamp(path.with_name(f"{path.name}.stamp.json"), made_by, inputs, made, {}, timing=timing)
    return known, path


def _load(path: Path, made_by: dict, inputs: dict[str, str]) -> "Detections | None":
    """What is stored; None when it is not there, or not as it was made."""
    from shotmake.detections import detections_of

    stamp = read_stamp(path.with_name(f"{path.name}.stamp.json"))
    if stamp is None or (stamp["made_by"], stamp["inputs"]) != (made_by, inputs):
        return None
    try:
        data = path.read_bytes()  # read once: the bytes that are judged are those that are used
    except OSError:
        return None
    return detections_of(data) if hashlib.sha256(data).hexdigest() == stamp["targets"].get("detections") else None
