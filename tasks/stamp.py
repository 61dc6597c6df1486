"""The stamp beside a target is the record of how it was made; "up to date" is decided from it alone."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tasks.digests import digest


def canonical(tree: Any) -> str:
    """The one JSON text of a tree: sorted, compact, exact."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(tree: Any) -> str:
    return hashlib.sha256(canonical(tree).encode()).hexdigest()[:12]


def read_stamp(path: Path) -> dict | None:
    """The stamp, or None where there is none or it is damaged: both mean "build it"."""
    try:
        stamp = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and {"made_by", "inputs", "targets"} <= set(stamp) else None


def write_atomically(path: Path, data: bytes) -> None:
    """The file appears under its name only when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(path)
    with open(part, "wb") as file:
        file.write(data)
    put_in_place(part, path)


def part_path(path: Path) -> Path:
    """Where a target is written before it is complete: same folder, same suffix, a hidden name."""
    return path.with_name(f".part-{path.name}")


def put_in_place(part: Path, path: Path) -> None:
    """fsync and rename, and fsync the folder: after this the target survives a power cut."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def json_bytes(tree: Any) -> bytes:
    """A JSON file a person can read and that has the same bytes for the same tree."""
    return (json.dumps(tree, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def why_stale(
    stamp: dict | None, made_by: dict, inputs: dict[str, Path], targets: dict[str, Path], thorough: bool = False
) -> str:
    """"" when the targets are what this stamp says, made from these inputs; else the first reason why not.

    `thorough` reads every byte again instead of trusting stat.
    """
    if stamp is None:
        return "never built"
    if stamp["made_by"] != made_by:
        return "its settings or its stage's version changed"
    if set(stamp["inputs"]) != set(inputs):
        return "it reads other files now"
    for kind, paths, known in (("input", inputs, stamp["inputs"]), ("target", targets, stamp["targets"])):
        for name, path in paths.items():
            if not path.is_file():
                return f"{kind} {name} is missing ({path.name})"
            if digest(path, remembered=not thorough) != known.get(name):
                return f"{kind} {name} changed ({path.name})"
    return ""
