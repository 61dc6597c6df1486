"""The show: the folder of the dodo.py that runs, and the folders in it. The tool: the folder of our own code."""

import os
from pathlib import Path

from shotmake.errors import ShotError

_opened: list[Path] = []  # the last folder counts


def open_show(dodo: str | Path) -> None:
    """Take the folder of this dodo.py as the show. All that follows works in this folder."""
    _opened[:] = [Path(dodo).resolve().parent]


def get_show_folder() -> Path:
    """Return the folder of the show.

    It is the folder that was opened, else the nearest folder with a dodo.py, upward from the working folder. Raises
    ShotError when there is none.
    """
    if not _opened:
        working = Path.cwd().resolve()
        found = next((folder for folder in (working, *working.parents) if (folder / "dodo.py").is_file()), None)
        if found is None:
            raise ShotError(f"{working}: found no dodo.py here or above; needed the folder of a show")
        open_show(found / "dodo.py")
    return _opened[-1]


def get_state_folder() -> Path:
    """Return the folder of results and records, .gsd-state."""
    return get_show_folder() / ".gsd-state"


def get_build_folder() -> Path:
    """Return the folder of the files that the artist takes away, build."""
    return get_show_folder() / "build"


def get_conf_folder() -> Path:
    """Return the folder of the show's configs, conf."""
    return get_show_folder() / "conf"


def get_tool_folder() -> Path:
    """Return the folder that holds our code: tasks, blender_scripts, hydra_plugins."""
    return Path(__file__).resolve().parents[1]


def name_in_show(path: str | Path) -> str:
    """Return a path as the show names it: relative to the show's folder."""
    return os.path.relpath(path, get_show_folder())
