"""What the files of a show's conf/ may say to Hydra: settings of shots, nothing that runs or leads elsewhere.

Hydra makes Python objects of `_target_`, sets up logging by a config that may call anything, and reads files from
wherever `defaults` and `hydra.searchpath` lead. A show may come from a stranger, so none of that is taken from its
files. On the command line the user may say it all.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tasks import ROOT
from tasks.own_config import own_config
from tasks.snapshot import files_below

CONF = ROOT / "conf"
PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
CALLS = ("_target_", "_partial_", "_args_", "()", "searchpath")  # keys by which Hydra or logging calls or reads more
HYDRAS_GROUPS = {  # what conf/config.yaml may choose in defaults
    "hydra/hydra_logging": ("disabled", "none", "default"),
    "hydra/job_logging": ("disabled", "none", "default", "stdout"),
    "hydra/launcher": ("shotmake", "basic"),
    "hydra/sweeper": ("shotmake", "basic"),
}
# What conf/config.yaml may set under hydra:. The folders are made and written to.
HYDRAS_KEYS = ("job.name", "output_subdir", "run.dir", "sweep.dir", "sweep.subdir")
SEARCH_KEYS = ("storage", "n_trials", "n_jobs", "sampler", "params", "direction", "study_name", "max_failure_rate")
SQLITE = "sqlite:///"


def shared_faults() -> list[str]:
    """The faults of all files in conf/ but those of the shots, one line each."""
    return list(_shared_faults())


@cache
def _shared_faults() -> tuple[str, ...]:
    found = sorted(Path(place, name) for place, name in files_below(CONF) if name.endswith(".yaml"))
    return tuple(fault for path in found if path.parent != CONF / "shot" for fault in _faults(path))


def shot_faults(name: str) -> list[str]:
    """The faults of a shot's file and of those in conf/shot/ that it may read, one line each."""
    faults = []
    for path in _read_by(CONF / "shot" / f"{name}.yaml"):
        faults += _faults(path)
    return faults


def _read_by(path: Path) -> list[Path]:
    """A shot's file, and every other one in conf/shot/ whose name stands in its text, or in theirs."""
    others = {one.stem: one for one in sorted((CONF / "shot").glob("**/*.yaml"))}
    found, new = [], [path]
    while new:
        one = new.pop()
        found.append(one)
        text = _text(one)
        new += [other for stem, other in others.items() if stem in text and other not in (*found, *new)]
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # told where it is read in earnest
        return ""


def _faults(path: Path) -> list[str]:
    if not path.is_file():  # told by whoever names it, or a link to nowhere
        return []
    found = [_fault_of_place(path)] if _fault_of_place(path) else [*_header_faults(path), *_tree_faults(path)]
    return [f"{path.relative_to(ROOT)}: {fault}" for fault in found]


def _fault_of_place(path: Path) -> str:
    """ "" when its text lies in the show, or where the user lets links lead to."""
    real = Path(os.path.realpath(path))
    folders = [ROOT, CONF, *map(Path, own_config().presets)]
    if any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        return ""
    return f"leads out of the show to {real}; put a copy there, or list its folder in your own config (presets:)"


def _header_faults(path: Path) -> Iterator[str]:
    for package in PACKAGE.findall(_text(path)):
        if "hydra" in package.split(".") and not _is_search(path):
            yield f"@package {package}: a show's files cannot change Hydra's own settings; remove it"


def _tree_faults(path: Path) -> Iterator[str]:
    import yaml

    try:
        tree = yaml.safe_load(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError):  # told where it is read in earnest
        return
    calls = sorted(key for key in set(_keys(tree)) if key in CALLS)
    yield from (f"{key}: a show's files cannot name what is run or read; remove it" for key in calls)
    if calls:  # one line is enough for one attack
        return
    tree = tree if isinstance(tree, dict) else {}
    is_main = path == CONF / "config.yaml"
    for entry in tree.get("defaults") or () if isinstance(tree.get("defaults"), list) else ():
        yield from _entry_faults(entry, is_main)
    if path.is_relative_to(CONF / "hydra"):
        yield from _search_faults(tree) if _is_search(path) else ["found a setting of Hydra; needed conf/hydra/search/"]
    elif "hydra" in tree:
        yield from _hydra_faults(tree["hydra"]) if is_main else ["hydra: stands in conf/config.yaml only; remove it"]


def _is_search(path: Path) -> bool:
    return path.parent == CONF / "hydra" / "search"


def _keys(tree: Any) -> Iterator[Any]:
    """Every key at any depth; each block once, since YAML's anchors may lead round in a circle."""
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


def _entry_faults(entry: Any, is_main: bool) -> Iterator[str]:
    pairs = list(entry.items()) if isinstance(entry, dict) else [("", entry)]
    for group, choices in pairs:
        for choice in choices if isinstance(choices, list) else [choices]:
            yield from _choice_faults(str(group), "" if choice is None else str(choice), is_main)


def _choice_faults(group: str, choice: str, is_main: bool) -> Iterator[str]:
    """group: "" where a file is named alone."""
    shown = f"{group}: {choice}" if group else choice
    bare = re.sub(r"^((override|optional)\s+)+", "", group or choice).strip()
    name, _, package = bare.partition("@")
    places = [part for text in (name, choice) for part in re.split(r"[/\\]", text)]
    if ".." in places or "://" in shown or "\\" in shown or "${" in shown:
        yield f"defaults: found {shown}; needed a file in conf/, by its plain name"
    elif "hydra" in package.split("."):
        yield f"defaults: {shown}: a show's files cannot change Hydra's own settings; remove it"
    elif name.lstrip("/").split("/")[0] == "hydra":
        allowed = HYDRAS_GROUPS.get(name.lstrip("/"), ()) if is_main else ()
        if choice not in allowed:
            needed = f"needed {' or '.join(allowed)}" if allowed else "remove it"
            yield f"defaults: {shown}: a show's files cannot choose this; {needed}, and type others"


def _hydra_faults(block: Any) -> Iterator[str]:
    for key, value in _leaves(block):
        if key not in HYDRAS_KEYS:
            yield f"hydra.{key}: a show's files cannot set this; remove it, or type it"
        elif key != "output_subdir" and not _stays(str(value)):
            yield f"hydra.{key}: found {value}; needed a folder of the show"
        elif key == "output_subdir" and value is not None:
            yield f"hydra.{key}: found {value}; needed null"


def _search_faults(tree: dict) -> Iterator[str]:
    for key in tree:
        if key not in SEARCH_KEYS:
            yield f"{key}: a show's files cannot set this; remove it, or type hydra.sweeper.{key}"
    storage = tree.get("storage")
    if storage is None:
        return
    place = str(storage).removeprefix(SQLITE)
    if place == storage or not _stays(place) or set(place) & {"?", ":"}:
        yield f"storage: found {storage}; needed {SQLITE} and a file of the show, or type hydra.sweeper.storage"


def _stays(place: str) -> bool:
    """Whether a path leads to nowhere but below the folder it begins in; only Hydra's own numbers are filled in."""
    bare = place.replace("${hydra.job.num}", "0")
    return "${" not in bare and not os.path.isabs(bare) and ".." not in bare.split("/")


def _leaves(block: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of all that is no block. A block that holds itself ends at a depth nobody needs."""
    if not isinstance(block, dict) or above.count(".") > 8:
        yield above.rstrip("."), block
        return
    for name, value in block.items():
        yield from _leaves(value, f"{above}{name}.")
