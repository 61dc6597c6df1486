"""Where the show's own files may lie once links are followed.

A path that a file names is confined to one folder. A folder that is made, written in or removed from lies in the show,
or where a link leads that its owner allows.

A show may come from a stranger: what its records and links say is no reason to touch anything else.
"""

import os
import stat
from functools import cache as once
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.tasks.show import get_build_folder, get_conf_folder, get_show_folder, get_state_folder

CLAIM = ".shotmake-show"  # a file in the folder that a link leads to: that folder's owner put it there as permission
SHOWN_CHARS = 80


def list_links() -> dict[str, Path]:
    """Return the folders that may be links, by their names in conf/config.yaml."""
    return {".gsd-state": get_state_folder(), "build": get_build_folder()}


def quote_name(name: object) -> str:
    """Return something that stands in a file as text that fits in one line of a message."""
    text = name if isinstance(name, str) else repr(name)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."


def confine(name: object, base: Path, folder: Path) -> Path:
    """Return base / name, which must be a path in `folder`.

    Raises ShotError for everything else: an absolute path, a path that climbs out of `folder` or leaves it through a
    link, and what is no path at all. The last part may itself be a link: then the link itself is removed or replaced.
    """
    if not isinstance(name, str) or not name or "\0" in name or os.path.isabs(name):
        raise ShotError(f"found {quote_name(name)}; needed the name of a file in {_from_root(folder)}")
    path = Path(os.path.normpath(base / name))
    if path == folder or not path.is_relative_to(folder) or not _is_inside(path.parent, folder):
        raise ShotError(f"found {quote_name(name)}; needed the name of a file in {_from_root(folder)}")
    return path


def make_folder(path: Path) -> Path:
    """Make the folder if it is missing, and return it.

    Raises ShotError where a link in its way leads out of the show.
    """
    check_inside(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def check_inside(path: Path) -> None:
    """Check that a folder of the show is in the show when links are followed. Raises ShotError when it is not.

    The folder need not exist yet. A path that is not named below the show is not checked, for the show did not choose
    it.
    """
    if not path.is_relative_to(get_show_folder()):
        return
    top = next((one for one in (get_state_folder(), get_build_folder()) if path.is_relative_to(one)), get_show_folder())
    if not _is_inside(path, top):
        raise ShotError(f"{_from_root(path)}: a link leads to {os.path.realpath(path)}; needed a folder in the show")


def check_tops() -> None:
    """Check .gsd-state and build. Raises ShotError where one is not a folder, or is a link that conf/config.yaml does
    not allow.
    """
    for path in list_links().values():
        _find_real_top(path)


@once
def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path, when links are followed, is `folder` or in it, and no link lies between the show and
    `folder`.
    """
    top = next(
        (one for one in (get_state_folder(), get_build_folder()) if folder.is_relative_to(one)), get_show_folder()
    )
    wanted = os.path.normpath(os.path.join(_find_real_top(top), os.path.relpath(folder, top)))
    real = os.path.realpath(path)
    return os.path.realpath(wanted) == wanted and (real == wanted or real.startswith(wanted + os.sep))


@once
def _find_real_top(path: Path) -> str:
    """Return where the show's root, state or build folder really is. Raises ShotError where it may not be."""
    if path == get_show_folder() or not path.is_symlink():
        if path != get_show_folder() and path.exists() and not path.is_dir():
            raise ShotError(f"{_from_root(path)}: found a file; needed a folder, move the file away")
        return os.path.realpath(path)
    name, real = path.name, os.path.realpath(path)
    if read_allowed_links().get(name) != real:
        raise ShotError(
            f"{name}: a link leads to {real}; needed a folder of the show's own, or in conf/config.yaml the lines "
            f"`show: {{links: {{{name}: {real}}}}}` and in {real} a file {CLAIM}"
        )
    if not os.path.isfile(os.path.join(real, CLAIM)):
        line = f"a link leads to {real}, in which no file {CLAIM} says that a show may use it; make one"
        raise ShotError(f"{name}: {line}")
    return real


def read_allowed_links() -> dict[str, str]:
    """Return show.links of conf/config.yaml: which of these folders are links, and where each leads."""
    from shotmake.files.file_kind_and_size import read_utf8
    from shotmake.files.yaml_file import load_yaml

    config = get_conf_folder() / "config.yaml"
    tree = load_yaml(read_utf8(config, "yaml_mb"), "conf/config.yaml") if config.is_file() else {}
    links = ((tree or {}).get("show") or {}).get("links") if isinstance(tree, dict) else None
    return {name: to for name, to in links.items() if name in list_links()} if isinstance(links, dict) else {}


def is_plain_file(path: Path) -> bool:
    """Return whether a path is a file, and not a link to one: we remove nothing else."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _from_root(path: Path) -> str:
    return str(path.relative_to(get_show_folder())) if path.is_relative_to(get_show_folder()) else str(path)
