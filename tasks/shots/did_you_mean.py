"""What is offered in place of a name that does not exist: only names that a command would accept."""

import difflib
import os
from pathlib import Path

from shotmake.tasks.shots import check_yaml_before_hydra
from shotmake.tasks.shots.quote_shot_name import why_refused
from shotmake.tasks.show import get_conf_folder

SHOWN = 40  # how many names are shown; a show may have thousands


def make_hint(asked: str, there: list[str]) -> str:
    """Return the name that was most likely meant; else all names there are, or as many as one line has room for."""
    close = difflib.get_close_matches(asked, there, n=1)
    if close:
        return f"did you mean {close[0]}?"
    if not there:
        return "there are none"
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return f"there are: {', '.join(there[:SHOWN])}{more}"


def list_shots() -> list[str]:
    """Return the shots that shot=<name> and lens_from would accept: the YAML file can be read, and its name is not
    refused.
    """
    return [name for name in list_yaml_names(get_conf_folder() / "shot") if not why_refused(name)]


def list_presets(group: str) -> list[str]:
    """Return the presets of conf/<group>/ that can be read."""
    return [name for name in list_yaml_names(get_conf_folder() / group) if name.isprintable()]


def list_yaml_names(folder: Path) -> list[str]:
    """Return the names of the YAML files in a folder, without the suffix.

    Folders, pipes, hidden files, links that lead nowhere and files that may not be read do not count.
    """
    found = os.listdir(folder) if folder.is_dir() else []
    names = sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml") and name[0] != ".")
    return [name for name in names if not check_yaml_before_hydra.why_no_text(folder / f"{name}.yaml")]
