"""What a file names, and which files that is on disk."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from shotmake.files.input_file import file_fault

NUMBER = re.compile(r"(?P<head>.*?)(?P<number>\d+)(?P<tail>\D*)$", re.DOTALL)
PLACEHOLDER = re.compile(r"#+|<UDIM>|<UVTILE>")


@dataclass(frozen=True)
class Named:
    """text: as it stands in the file. is_sequence: one of several that differ in a number. kind: of the struct of a
    .blend that names it, "Library" for another .blend."""

    text: str
    is_sequence: bool = False
    kind: str = ""


def place_of(named: Named, holder: Path) -> Path | None:
    """Where it would lie: from the folder of the file that names it. None for a folder, and what can be no path."""
    text = named.text.removeprefix("//").replace("\\", "/")
    if not text or "\0" in text or text.endswith("/"):
        return None
    return Path(os.path.normpath(holder.parent / text))


def files_at(named: Named, place: Path) -> list[Path]:
    """The regular files there, sorted; all of a sequence."""
    pattern = _pattern(named, place.name)
    try:
        if pattern is None:
            found = [place]
        else:
            found = sorted(place.parent / name for name in os.listdir(place.parent) if pattern.fullmatch(name))
    except (OSError, ValueError):  # no such folder, or a name that no disk can have
        return []
    return [path for path in found if not file_fault(path)]


def _pattern(named: Named, name: str) -> re.Pattern | None:
    """Of the names of a sequence's files; None for a file alone."""
    if PLACEHOLDER.search(name):
        return re.compile(r"\d+".join(map(re.escape, PLACEHOLDER.split(name))))
    found = NUMBER.match(Path(name).stem) if named.is_sequence else None
    if found is None:
        return None
    return re.compile(rf"{re.escape(found['head'])}\d+{re.escape(found['tail'])}{re.escape(Path(name).suffix)}")
