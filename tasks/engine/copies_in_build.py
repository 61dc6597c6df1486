"""Copies in build/, with a record of what was placed there.

A copy that somebody has edited since is moved aside; it is never lost.
"""

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stamp import put_in_place, read_stamp, write_atomically, write_stamp
from shotmake.tasks.engine.state.confined_paths import confine, is_plain_file, make_folder
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import name_in_show

_log = logging.getLogger(__name__)


def place_copies(
    place: Path, record: Path, made_by: dict, sources: dict[str, Path], texts: dict[str, bytes], **more: Any
) -> None:
    """Place a copy of each source, and each text, in the folder `place` under its name.

    A copy that was placed there before, and is neither a source nor a text now, is removed. An edited copy is moved
    aside first. `record` is the path of the stamp that says what was placed; `made_by` and `more` are written into that
    stamp.

    Raises ShotError when a source changes while it is copied, or when a name or a link leads out of `place`.
    """
    make_folder(place)
    wanted = {name: digest(source) for name, source in sources.items()}
    wanted |= {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    before = read_stamp(record) or {"targets": {}}
    ours = {name: {found, *before.get("placed", {}).get(name, [])} for name, found in before["targets"].items()}
    for name, found in wanted.items():
        ours.setdefault(name, set()).add(found)
    # If this build is killed between two files, the next build must tell our copies from an artist's files.
    placed = {name: sorted(known) for name, known in ours.items()}
    write_stamp(record, {"stage": made_by["stage"]}, {}, {**before["targets"], **wanted}, {}, placed=placed)

    for name, known in ours.items():
        keep_if_edited(confine(name, place, place), known)
        if name not in wanted:  # no longer part of what is placed
            _remove(place, name)
        elif name in texts:
            write_atomically(place / name, texts[name])
        elif not (place / name).is_file() or digest(place / name) != wanted[name]:
            _copy(sources[name], place / name, wanted[name])
    write_stamp(record, made_by, {name: wanted[name] for name in sources}, wanted, {}, **more)


def remove_copies(place: Path, record: Path, task: str, dryrun: bool, keep: tuple[str, ...] = ()) -> bool:
    """Remove the copies that are still as they were placed; return whether a record named any.

    Names in `keep` stay. `dryrun` tells and removes nothing. Raises ShotError when a name in the record leads out of
    `place`.
    """
    published = (read_stamp(record) or {"targets": {}})["targets"]
    for name, known in published.items():
        path = confine(name, place, place)
        if name not in keep and is_plain_file(path) and digest(path) == known:
            _log.info("removing %s", name_in_show(path), extra={"task": task})
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
    part = make_part_path(path)
    try:
        shutil.copyfile(source, part)
        if digest(part) != wanted:
            raise ShotError(f"{source.name} changed while it was being copied; run doit again")
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def keep_if_edited(path: Path, ours: set[str]) -> None:
    """Move a file aside, and say so, when its digest is not one of `ours`: then it is somebody's work.

    A link is moved as a link. The new name is `<name>.edited-<number>`.
    """
    if not os.path.lexists(path) or (is_plain_file(path) and digest(path) in ours):
        return
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.edited-{number}")):
        number += 1
    path.rename(kept)
    _log.info("%s was edited; kept as %s", name_in_show(path), kept.name)
