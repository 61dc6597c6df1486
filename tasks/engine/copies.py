"""Copies in build/, with a record of what was placed: what somebody has edited since is moved aside, never lost."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stamp import put_in_place, read_stamp, write_atomically, write_stamp
from shotmake.tasks.engine.state.partial_files import part_path
from shotmake.tasks.engine.state.places import confined, is_plain_file, make_folder
from shotmake.tasks.show import in_show


def place_copies(
    place: Path, record: Path, made_by: dict, sources: dict[str, Path], texts: dict[str, bytes], **more: Any
) -> None:
    """Make the folder hold a copy of each source, and each text, under its name; what was placed there before and is
    neither, goes. record: the stamp that tells what was placed; made_by and more stand in it.
    """
    make_folder(place)
    wanted = {name: digest(source) for name, source in sources.items()}
    wanted |= {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    before = read_stamp(record) or {"targets": {}}
    ours = {name: {found, *before.get("placed", {}).get(name, [])} for name, found in before["targets"].items()}
    for name, found in wanted.items():
        ours.setdefault(name, set()).add(found)
    # Killed between two files, the next one must know this one's from an artist's.
    placed = {name: sorted(known) for name, known in ours.items()}
    write_stamp(record, {"stage": made_by["stage"]}, {}, {**before["targets"], **wanted}, {}, placed=placed)

    for name, known in ours.items():
        keep_if_edited(confined(name, place, place), known)
        if name not in wanted:  # no longer part of it
            _remove(place, name)
        elif name in texts:
            write_atomically(place / name, texts[name])
        elif not (place / name).is_file() or digest(place / name) != wanted[name]:
            _copy(sources[name], place / name, wanted[name])
    write_stamp(record, made_by, {name: wanted[name] for name in sources}, wanted, {}, **more)


def remove_copies(place: Path, record: Path, task: str, dryrun: bool, keep: tuple[str, ...] = ()) -> bool:
    """Remove what was placed and is still as it was placed -> whether there was a record."""
    published = (read_stamp(record) or {"targets": {}})["targets"]
    for name, known in published.items():
        path = confined(name, place, place)
        if name not in keep and is_plain_file(path) and digest(path) == known:
            print(f"{task} - removing {in_show(path)}")
            if not dryrun:
                _remove(place, name)
    return bool(published)


def _remove(place: Path, name: str) -> None:
    path = place / name
    path.unlink(missing_ok=True)
    if path.parent != place and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _copy(source: Path, path: Path, wanted: str) -> None:
    make_folder(path.parent)
    part = part_path(path)
    try:
        shutil.copyfile(source, part)
        if digest(part) != wanted:
            raise ShotError(f"{source.name} changed while it was being copied; run doit again")
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def keep_if_edited(path: Path, ours: set[str]) -> None:
    """What is not as we placed it is somebody's work: it is moved aside, a link as a link."""
    if not os.path.lexists(path) or (is_plain_file(path) and digest(path) in ours):
        return
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.edited-{number}")):
        number += 1
    path.rename(kept)
    print(f"   {in_show(path)} was edited; kept as {kept.name}")
