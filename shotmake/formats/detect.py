"""Which of the formats a file is in: by its suffix, and by its first words where several share one."""

from importlib import import_module
from pathlib import Path

from shotmake.config.format_registry import FORMATS, Format
from shotmake.errors import ShotError
from shotmake.formats.text_files import read_head


def format_of(path: Path, kind: str, key: str) -> Format:
    """Return the format of a file. `kind` is tracks, camera or lens; `key` is the config key that names the file.

    Raises ShotError when no format of this kind has the file's suffix, when several formats have the suffix and none
    recognises the first characters, and when the path is a folder, a pipe or a device.
    """
    known = [one for one in FORMATS if one.kind == kind and one.suffixes]
    alike = [one for one in known if path.suffix.lower() in one.suffixes]
    if not alike:
        suffixes = sorted({suffix for one in known for suffix in one.suffixes})
        raise ShotError(f"{path.name}: found {path.suffix or 'no suffix'}; needed one of {' '.join(suffixes)} ({key})")
    if len(alike) == 1:
        return alike[0]
    first = read_head(path)
    found = next((one for one in alike if import_module(f"shotmake.formats.{one.module}").can_read(first)), None)
    if found is None:
        titles = ", ".join(one.title for one in alike)
        raise ShotError(f"{path.name}:1: found no format of this suffix; needed one of: {titles} ({key})")
    return found
