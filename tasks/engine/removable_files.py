"""Which files may be removed.

A file may be removed when it lies in the state folder and a record of ours claims it by name and by content. The record
itself may be removed too. Every other file there belongs to somebody, whatever its name: it stays, and the user is
told.
"""

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path

from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.log import is_log
from shotmake.tasks.engine.stamp import read_stamp
from shotmake.tasks.engine.state.confined_paths import confine, is_plain_file
from shotmake.tasks.engine.state.explain_shortage import explain_disk_fault
from shotmake.tasks.engine.state.partial_files import PART
from shotmake.tasks.show import get_show_folder, get_state_folder, name_in_show

ENDING = ".stamp.json"

_log = logging.getLogger(__name__)


def list_files_beside(stamp_path: Path) -> set[Path]:
    """Return the files that may be targets of this record (a stamp's path); stamps are never among them.

    They are the file that the stamp is named after, and one of these: all files named `<shot>-<cache key>.*` beside the
    stamp, or all files in the folder named `<shot>-<cache key>`.
    """
    found = {stamp_path.with_name(stamp_path.name.removesuffix(ENDING))}
    match = re.search(r"/([^/]+-[0-9a-f]{12})([./])", str(stamp_path))
    if match and match[2] == "/":
        found |= set(stamp_path.parent.iterdir()) if stamp_path.parent.is_dir() else set()
    elif match:
        found |= set(stamp_path.parent.glob(f"{match[1]}.*"))
    return {path for path in found if not path.name.endswith(ENDING)}


def claims_of(stamp_path: Path) -> dict[Path, set[str]]:
    """Return the files that a record claims, each with the digests that it may have: {file: digests}.

    A record claims the targets that it made, which lie beside it, and the other files that it kept. Without a record
    that is believed (read_stamp) the result is empty.
    """
    stamp = read_stamp(stamp_path)
    if stamp is None:
        return {}
    made = set(stamp["targets"].values())
    found = {path: set(made) for path in list_files_beside(stamp_path)}
    for name, known in stamp["kept"].items():
        found.setdefault(confine(name, get_show_folder(), get_state_folder()), set()).add(known)
    return found


def collect_claims(records: Iterable[Path]) -> dict[Path, set[str]]:
    """Return the claims of all these records together: {file: digests}."""
    found: dict[Path, set[str]] = {}
    for record in records:
        for path, known in claims_of(record).items():
            found.setdefault(path, set()).update(known)
    return found


def may_remove(path: Path, claims: dict[Path, set[str]]) -> bool:
    """Return whether a file may be removed.

    It may when it is a record or a log of ours, a half-written file of a build of ours, or a file whose content is as
    its record says. A link, or anything else that is not a plain file, may not.
    """
    if not is_plain_file(path):
        return False
    if path.name.endswith(ENDING):
        return read_stamp(path) is not None
    return bool(PART.match(path.name)) or is_log(path) or (path in claims and digest(path) in claims[path])


def remove(path: Path) -> str:
    """Remove a file. Return "", or one line on why the file stays: it may belong to another user."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        return explain_disk_fault(error, path.parent)
    return ""


def remove_claimed(paths: Iterable[Path], claims: dict[Path, set[str]], task: str, dryrun: bool = False) -> list[Path]:
    """Remove those of the files that exist and may be removed; return the files that are left.

    Each file is told, also each file that stays, after the task's name. Records are removed last. `dryrun` tells and
    removes nothing.
    """
    found = {path for path in paths if os.path.lexists(path)}
    there = sorted(found, key=lambda path: (path.name.endswith(ENDING), path))
    left = []
    for path in there:
        if may_remove(path, claims):
            _log.info("removing %s", name_in_show(path), extra={"task": task})
            if not dryrun and (why := remove(path)):
                _log.info("%s", why, extra={"task": task})
                left.append(path)
        else:
            _log.info("leaving %s: no record says that it was made like this", name_in_show(path), extra={"task": task})
            left.append(path)
    return left
