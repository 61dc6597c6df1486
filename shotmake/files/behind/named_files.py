"""What a file names, and which files on disk that is."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from shotmake.files.input_file import find_file_fault

NUMBER = re.compile(r"(?P<head>.*?)(?P<number>\d+)(?P<tail>\D*)$", re.DOTALL)
PLACEHOLDER = re.compile(r"#+|<UDIM>|<UVTILE>")


@dataclass(frozen=True)
class Named:
    """A name that stands in a file.

    text: the name as it stands there; is_sequence: whether it is one of several files that differ in a number; kind:
    the struct of a .blend that names it, "Library" for another .blend.
    """

    text: str
    is_sequence: bool = False
    kind: str = ""


def place_of(named: Named, holder: Path) -> Path | None:
    """Return the path that a name means, from the folder of the file `holder` that names it.

    Return None for a folder, and for a text that cannot be a path.
    """
    text = named.text.removeprefix("//").replace("\\", "/")
    if not text or "\0" in text or text.endswith("/"):
        return None
    return Path(os.path.normpath(holder.parent / text))


def list_files(named: Named, place: Path) -> list[Path]:
    """List the regular files that a name means, sorted; for a sequence all of its files."""
    pattern = _make_pattern(named, place.name)
    try:
        if pattern is None:
            found = [place]
        else:
            found = sorted(place.parent / name for name in os.listdir(place.parent) if pattern.fullmatch(name))
    except (OSError, ValueError):  # there is no such folder, or no disk can have such a name
        return []
    return [path for path in found if not find_file_fault(path)]


def _make_pattern(named: Named, name: str) -> re.Pattern | None:
    """Return the pattern of the file names of a sequence; None for a single file."""
    if PLACEHOLDER.search(name):
        return re.compile(r"\d+".join(map(re.escape, PLACEHOLDER.split(name))))
    found = NUMBER.match(Path(name).stem) if named.is_sequence else None
    if found is None:
        return None
    return re.compile(rf"{re.escape(found['head'])}\d+{re.escape(found['tail'])}{re.escape(Path(name).suffix)}")
