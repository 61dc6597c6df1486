"""What may be removed: a file that a record of ours claims by name and by content, in the state folder, and the record.

Everything else that lies there is somebody's, whatever it is called: it stays and is told.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stamp import read_stamp
from shotmake.tasks.engine.state.lacking import disk_fault
from shotmake.tasks.engine.state.partial_files import PART
from shotmake.tasks.engine.state.places import confined, is_plain_file
from shotmake.tasks.show import in_show, show_folder, state_folder

ENDING = ".stamp.json"


def files_beside(stamp_path: Path) -> set[Path]:
    """What may be a target of this record: all files of that name but for the ending, or in that folder."""
    found = {stamp_path.with_name(stamp_path.name.removesuffix(ENDING))}
    match = re.search(r"/([^/]+-[0-9a-f]{12})([./])", str(stamp_path))
    if match and match[2] == "/":
        found |= set(stamp_path.parent.iterdir()) if stamp_path.parent.is_dir() else set()
    elif match:
        found |= set(stamp_path.parent.glob(f"{match[1]}.*"))
    return {path for path in found if not path.name.endswith(ENDING)}


def claims_of(stamp_path: Path) -> dict[Path, set[str]]:
    """{file: digests} that a record claims: what it made, beside it, and what else it kept. Empty for no record."""
    stamp = read_stamp(stamp_path)
    if stamp is None:
        return {}
    made = set(stamp["targets"].values())
    found = {path: set(made) for path in files_beside(stamp_path)}
    for name, known in stamp["kept"].items():
        found.setdefault(confined(name, show_folder(), state_folder()), set()).add(known)
    return found


def claimed(records: Iterable[Path]) -> dict[Path, set[str]]:
    """The claims of all these records together."""
    found: dict[Path, set[str]] = {}
    for record in records:
        for path, known in claims_of(record).items():
            found.setdefault(path, set()).update(known)
    return found


def may_remove(path: Path, claims: dict[Path, set[str]]) -> bool:
    """Whether a file is a record of ours, half-written by a build of ours, or as a record says that it was made."""
    if not is_plain_file(path):
        return False
    if path.name.endswith(ENDING):
        return read_stamp(path) is not None
    return bool(PART.match(path.name)) or (path in claims and digest(path) in claims[path])


def remove(path: Path) -> str:
    """Remove a file -> "" or one line on why it stays: it may be another user's."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        return disk_fault(error, path.parent)
    return ""


def remove_claimed(paths: Iterable[Path], claims: dict[Path, set[str]], task: str, dryrun: bool = False) -> list[Path]:
    """Remove those of the files that are there and may be removed, each told; records come last -> those left."""
    found = {path for path in paths if os.path.lexists(path)}
    there = sorted(found, key=lambda path: (path.name.endswith(ENDING), path))
    left = []
    for path in there:
        if may_remove(path, claims):
            print(f"{task} - removing {in_show(path)}")
            if not dryrun and (why := remove(path)):
                print(f"{task} - {why}")
                left.append(path)
        else:
            print(f"{task} - leaving {in_show(path)}: no record says that it was made like this")
            left.append(path)
    return left
