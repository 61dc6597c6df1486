"""The files behind an input: a .blend, a USD layer or a glTF names other files, which are read with it. So they are
watched too.

Which files these are depends only on the content of the file that names them. So each content is read for names once.
"""

import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from shotmake.files.behind.named_files import Named, list_files, place_of
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.show import get_build_folder, get_state_folder

BEHIND = ", which names "  # in an input's name: between the holder's name and the file's path from the holder
FORMATS = {
    **dict.fromkeys((".blend",), "blend"),
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), "usd"),
    **dict.fromkeys((".gltf", ".glb"), "gltf"),
}
KIND = "behind 1"  # of the cache's rows; raise the number when a reader finds other names


def add_behind(files: dict[str, Path], kinds: tuple[str, ...] = ()) -> dict[str, Path]:
    """Return the inputs, and the existing files that they name, to any depth, as inputs of their own.

    `kinds`: which structs of a .blend matter; () for all.
    """
    found = dict(files)
    for name, path in files.items():
        for file in _list_behind(path, kinds):
            found[f"{name}{BEHIND}{os.path.relpath(file, path.parent)}"] = file
    return found


def list_unwatched(files: dict[str, Path]) -> list[str]:
    """Return a line for each of these inputs (add_behind) whose names cannot be read, such as a compressed .blend."""
    blends = [path for path in files.values() if FORMATS.get(path.suffix.lower()) and _list_names(path) is None]
    return [f"{path.name}: the files that it names are not watched; save it without Compress" for path in blends]


def list_awaited(files: dict[str, Path]) -> set[Path]:
    """Return the folders where a missing file that one of these inputs names could appear."""
    found = set()
    for holder in files.values():
        for place, there in _yield_places(holder, ()):
            if not there:
                found.add(next(folder for folder in place.parents if folder.is_dir()))
    return found


def _list_behind(path: Path, kinds: tuple[str, ...]) -> list[Path]:
    """Return the files behind a file, in the order in which they are found, each once."""
    seen, todo = {path}, [path]
    found = []
    while todo:
        for _, there in _yield_places(todo.pop(0), kinds):
            new = [file for file in there if file not in seen]
            seen.update(new)
            found += new
            todo += new
    return found


def _yield_places(holder: Path, kinds: tuple[str, ...]) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each place that a file names, and the files that are there."""
    for named in _list_names(holder) or ():
        place = place_of(named, holder) if not kinds or named.kind in kinds else None
        if place is not None and not any(
            place.is_relative_to(folder) for folder in (get_state_folder(), get_build_folder())
        ):
            yield place, list_files(named, place)


def _list_names(path: Path) -> list[Named] | None:
    """Return what a file names: [] when it names none or cannot be read, None when the names cannot be told."""
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        return []
    try:
        key = f"{format} {digest(path)}"
        known = cache_database.get(KIND, key)
        if known is not None:
            return [Named(*row) for row in json.loads(known)]
        found = import_module(f"shotmake.files.behind.{format}").list_names(path)
    except OSError:  # the stage that reads the file says so
        return []
    if found is not None:
        cache_database.put(KIND, key, json.dumps([[one.text, one.is_sequence, one.kind] for one in found]))
    return found
