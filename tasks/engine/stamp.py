"""The stamp beside a target records how the target was made. It alone decides whether the target is up to date."""

import hashlib
import json
import logging
import os
from functools import cache as once
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError, quote_error
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.state.confined_paths import confine, make_folder
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import get_show_folder, get_state_folder, name_in_show

COMING = "coming"  # stands in a record that was written before its targets
SCANNED = "every stamp"  # the cache's row that says that the cache knows all stamps

_log = logging.getLogger(__name__)


def to_canonical(tree: Any) -> str:
    """Return the one JSON text of a tree: keys sorted, compact, numbers exact.

    Raises ValueError for NaN and infinity.
    """
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def hash_short(tree: Any) -> str:
    """Return the first 12 hex digits of the SHA-256 of a tree's canonical text."""
    return hashlib.sha256(to_canonical(tree).encode()).hexdigest()[:12]


def read_stamp(path: Path) -> dict | None:
    """Return the stamp, or None when it is missing or damaged. None means "build it" in both cases.

    A record that names files outside the place that it belongs to is not believed. This is said once.
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
        _say_once(f"{name_in_show(path)}: {error}; the record is not believed")
        return None
    return stamp


def _check_places(path: Path, stamp: dict) -> None:
    """Raise ShotError when a record names a file outside the place where such records have their files."""
    for name in stamp["kept"]:  # parts of results: the names are paths in the show
        confine(name, get_show_folder(), get_state_folder())
    for name in stamp.get("state", {}).values():
        confine(name, get_show_folder(), get_state_folder())
    # Of copies the names are paths beside the record. A stage's targets have plain names, not paths.
    if not path.is_relative_to(get_state_folder()):
        for name in (*stamp["targets"], *stamp.get("placed", {})):
            confine(name, path.parent, path.parent)


def is_texts(tree: Any) -> bool:
    """Return whether a tree is a table of texts."""
    return isinstance(tree, dict) and all(isinstance(value, str) for value in tree.values())


def _are_lists(tree: Any) -> bool:
    """Return whether a tree is a table of lists of texts."""
    return isinstance(tree, dict) and all(
        isinstance(value, list) and all(isinstance(one, str) for one in value) for value in tree.values()
    )


@once
def _say_once(line: str) -> None:
    _log.warning(line)


def write_stamp(
    path: Path, made_by: dict, inputs: dict[str, str], targets: dict[str, str], kept: dict[str, str], **more: Any
) -> None:
    """Write a stamp in one step.

    `inputs` and `targets` are name -> digest. `kept` are the other files of the result, path in the show -> digest.
    `more` is written as it is: identity and timing, and where an adopted result comes from. The cache remembers where a
    result with this identity lies.
    """
    stamp = {"made_by": made_by, "inputs": inputs, "targets": targets, "kept": kept, **more}
    write_atomically(path, to_json_bytes(stamp))
    if "identity" in more:
        cache_database.put("result", more["identity"], name_in_show(path))


def announce(path: Path, stage: str, targets: dict[str, str]) -> None:
    """Write a record of targets (name -> digest) that are about to be put in place.

    This record claims the targets. It does not say what they were made from, so no target is up to date by it.
    """
    write_atomically(path, to_json_bytes({"made_by": {"stage": stage}, "inputs": {}, "targets": targets, COMING: True}))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is complete."""
    make_folder(path.parent)
    part = make_part_path(path)
    try:
        part.write_bytes(data)
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def put_in_place(part: Path, path: Path) -> None:
    """Rename a complete file to its final name, with fsync of the file and of its folder.

    After this the file survives a power cut.
    """
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def to_json_bytes(tree: Any) -> bytes:
    """Return a tree as JSON that a person can read, with the same bytes for the same tree.

    Raises ValueError for NaN and infinity.
    """
    return (json.dumps(tree, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def why_stale(
    stamp: dict | None, made_by: dict, inputs: dict[str, Path], targets: dict[str, Path], thorough: bool = False
) -> str:
    """Return "" when the targets are what this stamp says, made from these inputs; else the first reason why not.

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
    """Return "" when all that was made is there, as it was made; else the first reason why not."""
    if stamp.get(COMING):
        return "a build of it was stopped"
    kept = {name: get_show_folder() / name for name in stamp["kept"]}
    reason = why_different("target", stamp["targets"], targets, thorough)
    return reason or why_different("target", stamp["kept"], kept, thorough)


def why_different(kind: str, known: dict[str, str], paths: dict[str, Path], thorough: bool) -> str:
    """Return "" when each file has its known digest, else what is wrong with the first that has not.

    `kind` ("input" or "target") begins the reason.
    """
    for name, path in paths.items():
        if not path.is_file():
            return f"{kind} {name} is missing ({path.name})"
        try:
            found = digest(path, remembered=not thorough)
        except OSError as error:  # the build that follows reports it as a fault of its input
            return f"{kind} {name} cannot be read ({path.name}: {quote_error(error).lower()})"
        if found != known.get(name):
            return f"{kind} {name} changed ({path.name})"
    return ""


def compute_identity(made_by: dict, inputs: dict[str, str], by_path: dict[str, str]) -> str:
    """Return the identity of a result: equal for results that must be equal.

    Such results have the same stage, version, settings and contents of inputs. `by_path`: the places of the inputs that
    a target refers to by path.
    """
    return hashlib.sha256(to_canonical([made_by, inputs, by_path]).encode()).hexdigest()


def find_equal_result(found: str) -> Path | None:
    """Return the path of the stamp of a result with this identity, or None when none is known.

    A new cache is filled from all stamps of the state folder first.
    """
    if cache_database.get("result", SCANNED) is None:  # a new cache: fill it from the stamps
        paths = sorted(get_state_folder().rglob("*.stamp.json"))
        known = [((read_stamp(path) or {}).get("identity", ""), name_in_show(path)) for path in paths]
        cache_database.put_all("result", [*known, (SCANNED, "")])
    name = cache_database.get("result", found)
    try:
        path = confine(name, get_show_folder(), get_state_folder()) if name else None
    except ShotError:  # the cache's row is not one of ours; such a row may cost time and nothing else
        return None
    return path if path is not None and path.is_file() else None
