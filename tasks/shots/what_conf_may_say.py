"""What the files of a show's conf/ may say to Hydra: settings of shots, and nothing that runs or leads elsewhere.

Hydra makes Python objects from `_target_`, sets up logging by a config that may call anything, and reads files from
wherever `defaults` and `hydra.searchpath` lead. A show may come from a stranger, so its files may say none of that. On
the command line the user may say all of it.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.tasks.engine.processes.users_config import read_own_config
from shotmake.tasks.shots import check_yaml_before_hydra
from shotmake.tasks.shots.up_to_date import walk_files
from shotmake.tasks.show import get_conf_folder, get_show_folder, name_in_show

PACKAGE = re.compile(r"^\s*#[#\s]*@package\s+(\S+)")
CALLS = ("_target_", "_partial_", "_args_", "()", "searchpath")  # by these keys Hydra or logging calls or reads more
HYDRAS_GROUPS = {  # the choices that conf/config.yaml may make in defaults
    "hydra/hydra_logging": ("disabled", "none", "default"),
    "hydra/job_logging": ("disabled", "none", "default", "stdout"),
    "hydra/launcher": ("shotmake", "basic"),
    "hydra/sweeper": ("shotmake", "basic"),
}
# The keys that conf/config.yaml may set under hydra:, each with the value allowed. Hydra makes and writes to folders.
# The job's name is the task that doit runs (tasks/commands/sweep/hydra_command_line.py).
FOLDER = "a folder"
HYDRAS_KEYS = {
    "job.name": "shot",
    "output_subdir": None,
    "run.dir": FOLDER,
    "sweep.dir": FOLDER,
    "sweep.subdir": FOLDER,
}
SEARCH_KEYS = ("storage", "n_trials", "n_jobs", "sampler", "params", "direction", "study_name", "max_failure_rate")
SQLITE = "sqlite:///"


def find_shared_faults() -> list[str]:
    """Return the faults of all files in conf/ but those of the shots, one line each."""
    return list(_find_shared_faults())


@cache
def _find_shared_faults() -> tuple[str, ...]:
    return tuple(fault for path in _list_shared_files() for fault in _find_faults(path))


def _list_shared_files() -> list[Path]:
    found = sorted(Path(place, name) for place, name in walk_files(get_conf_folder()) if name.endswith(".yaml"))
    return [path for path in found if path.parent != get_conf_folder() / "shot"]


def find_shot_faults(name: str) -> list[str]:
    """Return the faults of a shot's file and of the files in conf/shot/ that it may read, one line each."""
    faults = []
    for path in _list_files_read(get_conf_folder() / "shot" / f"{name}.yaml"):
        faults += _find_faults(path)
    return faults


def _list_files_read(path: Path) -> list[Path]:
    """Return a shot's file, and the files beside it that `defaults` name: its own, a shared file's or one of these
    files'.
    """
    found, new = [path], [*_list_entry_names(path), *_list_shared_names()]
    while new:
        one = get_conf_folder() / "shot" / f"{new.pop()}.yaml"
        if one.is_file() and one not in found:
            found.append(one)
            new += _list_entry_names(one)
    return found


@cache
def _list_shared_names() -> tuple[str, ...]:
    return tuple(name for path in _list_shared_files() for name in _list_entry_names(path))


def _list_entry_names(path: Path) -> list[str]:
    """Return the last part of every name in a file's `defaults`: a file's name, whichever folder it lies in."""
    names = [
        choice or group for entry in _read_entries(path) for group, choice in _yield_choices(entry) if group or choice
    ]
    return [re.sub(r"\.yaml$", "", re.split(r"[/\s]", name.partition("@")[0].strip())[-1]) for name in names]


def _read_text(path: Path) -> str:
    try:
        return check_yaml_before_hydra.read(path)
    except (ShotError, OSError):  # the fault is told where the file is really read. A pipe is not read here
        return ""


def _find_faults(path: Path) -> list[str]:
    if not path.is_file():  # told where it is named; it may be a link to nowhere
        return []
    found = [_fault_of_place(path)] if _fault_of_place(path) else [*_find_header_faults(path), *_find_tree_faults(path)]
    return [f"{name_in_show(path)}: {fault}" for fault in found]


def _fault_of_place(path: Path) -> str:
    """Return "" when a file's text lies in the show, or where the user allows links to lead; else what is wrong."""
    real = Path(os.path.realpath(path))
    folders = [get_show_folder(), get_conf_folder(), *map(Path, read_own_config().presets)]
    if any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        return ""
    return f"leads out of the show to {real}; put a copy there, or list its folder in your own config (presets:)"


def _find_header_faults(path: Path) -> Iterator[str]:
    for line in _read_text(path).splitlines():  # for Hydra too, more characters than YAML's newline end a line
        for package in PACKAGE.findall(line):
            meant = package.replace("_name_", path.stem).replace("_group_", path.parent.name)
            if "hydra" in meant.split(".") and not _is_search(path):
                yield f"@package {package}: a show's files cannot change Hydra's own settings; remove it"


def _find_tree_faults(path: Path) -> Iterator[str]:
    tree = _read_tree(path)
    keys = set(_yield_keys(tree))
    for key in (key for key in CALLS if key in keys):
        yield f"{key}: a show's files cannot name what is run or read; remove it"
        return  # one fault for each file is enough
    is_main = path == get_conf_folder() / "config.yaml"
    for entry in _read_entries(path):
        for group, choice in _yield_choices(entry):
            yield from _find_choice_faults(group, choice, is_main)
    if path.is_relative_to(get_conf_folder() / "hydra"):
        yield from (
            _find_search_faults(tree) if _is_search(path) else ["found a setting of Hydra; needed conf/hydra/search/"]
        )
    elif "hydra" in tree:
        yield from (
            _find_hydra_faults(tree["hydra"]) if is_main else ["hydra: stands in conf/config.yaml only; remove it"]
        )


def _read_tree(path: Path) -> dict:
    """Return the blocks, lists and words of a YAML file as they are written, before any word becomes a number or a
    date.

    So a word that Hydra's reader accepts cannot end this check. {} for a file that is no block of keys or no YAML: this
    is told where the file is really read, by the same parser.
    """
    import yaml

    try:
        node = yaml.compose(_read_text(path), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    tree = _to_plain(node, {})
    return tree if isinstance(tree, dict) else {}


def _to_plain(node: Any, made: dict[int, Any]) -> Any:
    """Return a node of YAML as dicts, lists, words and None.

    `made` holds the nodes already met, since anchors may lead in a circle.
    """
    if id(node) in made:
        return made[id(node)]
    if node is None or isinstance(node.value, str):
        return None if node is None or node.tag.endswith(":null") else node.value
    block: Any = {} if node.id == "mapping" else []
    made[id(node)] = block
    if isinstance(block, list):
        block += [_to_plain(one, made) for one in node.value]
        return block
    below = []
    for key, value in node.value:
        if key.tag.endswith(":merge"):
            merged = _to_plain(value, made)
            below += merged if isinstance(merged, list) else [merged]
        else:
            block[str(key.value)] = _to_plain(value, made)
    for one in below:
        for name, value in list(one.items()) if isinstance(one, dict) else ():
            block.setdefault(name, value)
    return block


def _read_entries(path: Path) -> list:
    found = _read_tree(path).get("defaults")
    return found if isinstance(found, list) else []


def _yield_choices(entry: Any) -> Iterator[tuple[str, Any]]:
    """Yield (group, choice) of an entry of `defaults`; the group is "" where a file is named alone."""
    for group, choices in list(entry.items()) if isinstance(entry, dict) else [("", entry)]:
        for choice in choices if isinstance(choices, list) else [choices]:
            yield group, choice if isinstance(choice, str) else "" if choice is None else "${}"  # not a plain name


def _is_search(path: Path) -> bool:
    return path.parent == get_conf_folder() / "hydra" / "search"


def _yield_keys(tree: Any) -> Iterator[Any]:
    """Yield every key at any depth. Each block is visited once, since YAML's anchors may lead in a circle."""
    seen: set[int] = set()
    left = [tree]
    while left:
        block = left.pop()
        if id(block) in seen or not isinstance(block, dict | list):
            continue
        seen.add(id(block))
        if isinstance(block, dict):
            yield from block
            left += block.values()
        else:
            left += block


def _find_choice_faults(group: str, choice: str, is_main: bool) -> Iterator[str]:
    """Yield the faults of an entry of `defaults`; the group is "" where a file is named alone."""
    shown = f"{group}: {choice}" if group else choice
    bare = re.sub(r"^((override|optional)\s+)+", "", group or choice).strip()
    name, _, package = bare.partition("@")
    places = [part for text in (name, choice) for part in re.split(r"[/\\]", text)]
    if ".." in places or "://" in shown or "\\" in shown or "${" in shown:
        yield f"defaults: found {shown}; needed a file in conf/, by its plain name"
    elif {"hydra", "_name_", "_group_"} & set(package.split(".")):
        yield f"defaults: {shown}: a show's files cannot change Hydra's own settings; remove it"
    elif name.lstrip("/").split("/")[0] == "hydra":
        allowed = HYDRAS_GROUPS.get(name.lstrip("/"), ()) if is_main else ()
        if choice not in allowed:
            needed = f"needed {' or '.join(allowed)}" if allowed else "remove it"
            yield f"defaults: {shown}: a show's files cannot choose this; {needed}, and type others"


def _find_hydra_faults(block: Any) -> Iterator[str]:
    for key, value in _yield_leaves(block):
        needed = HYDRAS_KEYS.get(key, "")
        if key not in HYDRAS_KEYS:
            yield f"hydra.{key}: a show's files cannot set this; remove it, or type it"
        elif needed == FOLDER and not _is_below(str(value)):
            yield f"hydra.{key}: found {value}; needed a folder of the show"
        elif needed != FOLDER and value != needed:
            found, needed = ("null" if one is None else one for one in (value, needed))
            yield f"hydra.{key}: found {found}; needed {needed}"


def _find_search_faults(tree: dict) -> Iterator[str]:
    for key in tree:
        if key not in SEARCH_KEYS:
            yield f"{key}: a show's files cannot set this; remove it, or type hydra.sweeper.{key}"
    storage = tree.get("storage")
    if storage is None:
        return
    place = str(storage).removeprefix(SQLITE)
    if place == storage or not _is_below(place) or set(place) & {"?", ":"}:
        yield f"storage: found {storage}; needed {SQLITE} and a file of the show, or type hydra.sweeper.storage"


def _is_below(place: str) -> bool:
    """Return whether a path stays below the folder in which it begins. Of interpolations, only Hydra's own job number
    is allowed.
    """
    bare = place.replace("${hydra.job.num}", "0")
    return "${" not in bare and not os.path.isabs(bare) and ".." not in bare.split("/")


def _yield_leaves(block: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of all that is not a block, or is a block in which no known key may stand."""
    for name, value in block.items() if isinstance(block, dict) else [("", block)]:
        key = f"{above}{name}"
        if isinstance(value, dict) and any(known.startswith(f"{key}.") for known in HYDRAS_KEYS):
            yield from _yield_leaves(value, f"{key}.")
        else:
            yield key, value
