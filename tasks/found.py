"""Found cameras: the costly part of a solve, stored under a key of its own.

It depends on the tracks and on the settings that reach the solver, not on where the world is put afterwards: another
orientation costs a moment, another limit for bad markers an adjustment. The result is the same without the store.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import STATE
from tasks.locks import locked
from tasks.stamp import read_stamp, short_hash, write_atomically, write_stamp

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.solution import Found

FOLDER = STATE / "tracking" / "solves" / "found"
VERSION = 4  # raised by hand when the numbers of a solve change; the solve stage has the same


def found(
    settings: dict, inputs: dict[str, str], shot: str, find: "Callable[[], Found | str]"
) -> "tuple[Found | str, Path]":
    """What `find` gives, from the store or made and stored, and the file it is in.

    settings, inputs (name -> digest): all that it depends on.
    """
    from shotmake.found_file import found_bytes

    made_by = {"stage": "found", "version": VERSION, "settings": settings}
    key = short_hash([made_by, inputs])
    path = FOLDER / f"{key}.npz"
    known = _load(path, made_by, inputs)
    if known is None:
        with locked(f"found-{key}", f"the camera of solve:{shot}"):
            known = _load(path, made_by, inputs)  # another build made it while we waited
            if known is None:
                started = time.time()
                known = find()
                data = found_bytes(known)
                write_atomically(path, data)
                made, timing = {"found": hashlib.sha256(data).hexdigest()}, {"seconds": round(time.time() - started, 3)}
                write_stamp(path.with_name(f"{path.name}.stamp.json"), made_by, inputs, made, {}, timing=timing)
    return known, path


def _load(path: Path, made_by: dict, inputs: dict[str, str]) -> "Found | str | None":
    """What is stored; None when it is not there, or not as it was made."""
    from shotmake.found_file import read_found

    stamp = read_stamp(path.with_name(f"{path.name}.stamp.json"))
    if stamp is None or (stamp["made_by"], stamp["inputs"]) != (made_by, inputs):
        return None
    try:
        data = path.read_bytes()  # read once: the bytes that are judged are those that are used
    except OSError:
        return None
    return read_found(data) if hashlib.sha256(data).hexdigest() == stamp["targets"].get("found") else None
