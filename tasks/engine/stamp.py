"""The stamp beside a target is the record of how it was made; "up to date" is decided from it alone."""

import hashlib
import json
import os
import sys
from functools import cache as once
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError, said_by
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import cache
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.state.partial_files import part_path
from shotmake.tasks.engine.state.places import confined, make_folder
from shotmake.tasks.show import in_show, show_folder, state_folder

COMING = "coming"  # the key of a record that was written before its targets
SCANNED = "every stamp"  # the cache's row that says it knows them all


def canonical(tree: Any) -> str:
    """The one JSON text of a tree: sorted, compact, exact."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(tree: Any) -> str:
    return hashlib.sha256(canonical(tree).encode()).hexdigest()[:12]


def read_stamp(path: Path) -> dict | None:
    """The stamp, or None where there is none or it is damaged: both mean "build it".

    A record that names files outside of the place it belongs to is not believed, and that is said.
    """
    try:
        stamp = read_json(path)
    except (OSError, ShotError):
        return None
    if not isinstance(stamp, dict):
        return None
    stamp = {"kept": {}, **stamp}
    tables = [stamp["kept"], *(stamp.get(name) for name in ("inputs", "targets"))]
    if not isinstance(stamp.get("made_by"), dict) or not all(map(is_texts, tables)):
        return None
    if not is_texts(stamp.get("state", {})) or not _are_lists(stamp.get("placed", {})):
        return None
    try:
        _check_places(path, stamp)
    except ShotError as error:
        _say_once(f"{in_show(path)}: {error}; the record is not believed")
        return None
    return stamp


def _check_places(path: Path, stamp: dict) -> None:
    """ShotError when a record names a file that is not where such records have theirs."""
    for name in stamp["kept"]:  # parts of results, by their place in the show
        confined(name, show_folder(), state_folder())
    for name in stamp.get("state", {}).values():
        confined(name, show_folder(), state_folder())
    if not path.is_relative_to(
        state_folder()
    ):  # copies, by their place beside the record; a stage's targets go by words
        for name in (*stamp["targets"], *stamp.get("placed", {})):
            confined(name, path.parent, path.parent)


def is_texts(tree: Any) -> bool:
    """Whether it is a table of texts."""
    return isinstance(tree, dict) and all(isinstance(value, str) for value in tree.values())


def _are_lists(tree: Any) -> bool:
    """Whether it is a table of lists of texts."""
    return isinstance(tree, dict) and all(
        isinstance(value, list) and all(isinstance(one, str) for one in value) for value in tree.values()
    )


@once
def _say_once(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def write_stamp(
    path: Path, made_by: dict, inputs: dict[str, str], targets: dict[str, str], kept: dict[str, str], **more: Any
) -> None:
    """inputs, targets: name -> digest; kept: other files of the result, path in the show -> digest.

    more: identity and timing, and where an adopted result comes from.
    """
    stamp = {"made_by": made_by, "inputs": inputs, "targets": targets, "kept": kept, **more}
    write_atomically(path, json_bytes(stamp))
    if "identity" in more:
        cache.put("result", more["identity"], in_show(path))


def announce(path: Path, stage: str, targets: dict[str, str]) -> None:
    """Write the record of targets (name -> digest) that are about to be put in place: it claims them and says nothing
    of what they were made from, so that nothing is up to date by it."""
    write_atomically(path, json_bytes({"made_by": {"stage": stage}, "inputs": {}, "targets": targets, COMING: True}))


def write_atomically(path: Path, data: bytes) -> None:
    """The file appears under its name only when complete."""
    make_folder(path.parent)
    part = part_path(path)
    try:
        part.write_bytes(data)
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


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
    """ "" when the targets are what this stamp says, made from these inputs; else the first reason why not.

    `thorough` reads every byte again instead of trusting stat.
    """
    if stamp is None:
        return "never built"
    if stamp.get(COMING):
        return "a build of it was stopped"
    if stamp["made_by"] != made_by:
        return "its settings or its stage's version changed"
    if set(stamp["inputs"]) != set(inputs):
        return "it reads other files now"
    return why_different("input", stamp["inputs"], inputs, thorough) or why_damaged(stamp, targets, thorough)


def why_damaged(stamp: dict, targets: dict[str, Path], thorough: bool = False) -> str:
    """ "" when all that was made is there, as it was made."""
    if stamp.get(COMING):
        return "a build of it was stopped"
    kept = {name: show_folder() / name for name in stamp["kept"]}
    reason = why_different("target", stamp["targets"], targets, thorough)
    return reason or why_different("target", stamp["kept"], kept, thorough)


def why_different(kind: str, known: dict[str, str], paths: dict[str, Path], thorough: bool) -> str:
    for name, path in paths.items():
        if not path.is_file():
            return f"{kind} {name} is missing ({path.name})"
        try:
            found = digest(path, remembered=not thorough)
        except OSError as error:  # the build that this calls for tells it as its input's fault
            return f"{kind} {name} cannot be read ({path.name}: {said_by(error).lower()})"
        if found != known.get(name):
            return f"{kind} {name} changed ({path.name})"
    return ""


def identity(made_by: dict, inputs: dict[str, str], by_path: dict[str, str]) -> str:
    """Equal for results that must be equal: same stage, version, settings and input contents.

    by_path: the places of inputs that a target refers to by path.
    """
    return hashlib.sha256(canonical([made_by, inputs, by_path]).encode()).hexdigest()


def equal_result(found: str) -> Path | None:
    """The stamp of a result with this identity, if one was ever made here."""
    if cache.get("result", SCANNED) is None:  # a new cache: the stamps know
        paths = sorted(state_folder().rglob("*.stamp.json"))
        known = [((read_stamp(path) or {}).get("identity", ""), in_show(path)) for path in paths]
        cache.put_all("result", [*known, (SCANNED, "")])
    name = cache.get("result", found)
    try:
        path = confined(name, show_folder(), state_folder()) if name else None
    except ShotError:  # the cache's row is none of ours; it may cost time only
        return None
    return path if path is not None and path.is_file() else None
