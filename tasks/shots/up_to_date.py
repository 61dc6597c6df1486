"""Shots that are known to be current, told by stat alone: all was current once, and no file has changed since.

This runs before doit asks for tasks, and imports nothing heavy, so that a build with nothing to do takes no time.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache as once
from pathlib import Path

import shotmake
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import is_settled, read_signature
from shotmake.tasks.engine.stamp import to_canonical
from shotmake.tasks.show import get_conf_folder, get_show_folder, get_state_folder, get_tool_folder, name_in_show


def end_if_current(arguments: list[str]) -> None:
    """End a plain `doit [shot=...] [overrides]` at once when every shot asked for is current: say so and exit with code
    0.
    """
    names = find_shots_asked(arguments)
    if names and set(names) <= set(find_current_shots(tuple(arguments))) and not _has_leases():
        sys.stdout.write("".join(f"-- publish:{find_current_shots(tuple(arguments))[name]}\n" for name in names))
        sys.stdout.flush()
        os._exit(0)  # nothing is open, and the interpreter's own tidying up would take as long as all the rest


def _has_leases() -> bool:
    """Return whether somebody builds, or was killed while building: then there is something to remove."""
    try:
        return any(name.endswith(".lease") for name in os.listdir(get_state_folder() / "locks"))
    except OSError:
        return False


def find_shots_asked(arguments: list[str]) -> list[str] | None:
    """Return the names of the YAML files of a plain build; None for anything but a plain build."""
    program, words = Path(arguments[0]), arguments[1:]
    if "doit" not in (program.name, program.parent.name) or not all(_is_plain(word) for word in words):
        return None
    asked = [word.removeprefix("shot=") for word in words if word.startswith("shot=")]
    return split_names(asked[-1]) if asked else list_shot_names()


def split_names(value: str) -> list[str]:
    """Return the names in shot=<value>, each as its file is called: a Mac stores accents in another form than they are
    typed.
    """
    return list(dict.fromkeys(_as_stored(name) for name in value.split(",")))


def _as_stored(name: str) -> str:
    if name.isascii() or (get_conf_folder() / "shot" / f"{name}.yaml").is_file():
        return name
    from unicodedata import normalize

    return next((one for one in list_shot_names() if normalize("NFC", one) == normalize("NFC", name)), name)


def list_shot_names() -> list[str]:
    """Return the names of the YAML files in conf/shot/, without the suffix."""
    try:
        found = os.listdir(get_conf_folder() / "shot")
    except OSError:
        return []
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml") and name[0] != ".")


@once
def find_current_shots(arguments: tuple[str, ...]) -> dict[str, str]:
    """Return those shots of a plain build that are known to be current: name of the YAML file -> shot.name."""
    names = find_shots_asked(list(arguments))
    if not names:
        return {}
    overrides = keep_overrides(arguments[1:])
    known = cache_database.get_all("current") if len(names) > 8 else {}
    sources = _read_sources()
    found = {}
    for name in names:
        key = to_canonical([name, overrides])
        text = known.get(key) or cache_database.get("current", key)
        entry = json.loads(text) if text else None
        if entry and entry["sources"] == sources and _is_unchanged(entry):
            found[name] = entry["shot"]
    return found


def keep_overrides(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words that are overrides: all but `shot=...`."""
    return tuple(word for word in words if not word.startswith("shot="))


def remember(
    name: str, overrides: tuple[str, ...], shot: str, seen: dict[str, str], environment: dict[str, str | None]
) -> None:
    """Remember that a shot is current.

    The caller has found the shot current, and has taken these signatures of its files (`seen`) before it looked.
    """
    if all(is_settled(get_show_folder() / path) for path in seen):
        entry = {"shot": shot, "sources": _read_sources(), "environment": environment, "files": seen}
        cache_database.put("current", to_canonical([name, overrides]), json.dumps(entry))


def read_signatures(files: list[Path]) -> dict[str, str]:
    """Return the signatures of files, by their paths in the show. Raises OSError when one of them is missing."""
    return {name_in_show(path): read_signature(path) for path in files}


def _is_plain(word: str) -> bool:
    return "=" in word and word[0] != "-" and word.split("=", 1)[0] not in ("force", "delete", "variants")


def _is_unchanged(entry: dict) -> bool:
    if entry["environment"]:
        from shotmake.errors import ShotError  # imported here, for few shots read variables
        from shotmake.tasks.shots.readable_env_variables import are_unchanged

        try:
            if not are_unchanged(entry["environment"]):
                return False
        except ShotError:  # the user's own config is broken: this is told where it is put in force
            return False
    root = f"{get_show_folder()}{os.sep}"
    try:
        return all(read_signature(root + path) == seen for path, seen in entry["files"].items())
    except OSError:
        return False


@once
def _read_sources() -> str:
    """Return the stat of all that every shot is made of: conf (but not the shots' own files), our code, and the
    libraries that compose configs.
    """
    found = [f"dodo.py {read_signature(get_show_folder() / 'dodo.py')}", sys.version]
    found += [f"{path} {read_signature(path)}" for path in list_library_files()]
    for folder in (get_conf_folder(), get_tool_folder() / "tasks", Path(shotmake.__file__).parent):
        for place, name in walk_files(folder):
            if _is_counted(name) and place != str(get_conf_folder() / "shot"):
                try:
                    found.append(f"{name} {read_signature(os.path.join(place, name))}")
                except OSError as error:  # a link to nowhere, or in a circle: that it is one counts
                    found.append(f"{name} {error.errno}")
    return to_canonical(sorted(found))


def list_library_files() -> list[Path]:
    """Return the files that tell the versions of the libraries with which configs are composed."""
    found = []
    for package, file in (("hydra", "__init__.py"), ("omegaconf", "version.py"), ("yaml", "__init__.py")):
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None
        found.append(Path(spec.origin).with_name(file))
    return found


def walk_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield folder and name of every file below a folder, at any depth, without compiled code.

    Links to folders are followed, as Hydra does.
    """
    way = {str(folder.parent): frozenset[str]()}  # for each folder, the real folders on the way to it
    for place, inside, names in os.walk(folder, followlinks=True):
        above, real = way[os.path.dirname(place)], os.path.realpath(place)
        if real in above:  # a link that leads in a circle
            inside.clear()
            continue
        way[place] = above | {real}
        inside[:] = [name for name in inside if name != "__pycache__"]
        yield from ((place, name) for name in names)


def _is_counted(name: str) -> bool:
    return name.endswith((".py", ".json", ".yaml", ".yml")) and name[0] != "."
