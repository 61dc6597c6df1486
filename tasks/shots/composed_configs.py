"""Composed configs, remembered: Hydra composes again only when something that it read has changed.

A remembered config is good as long as all of these are unchanged: the *contents* of every conf file (of shot files,
those that it could have read), the code that composes and checks it with all that this code imports, the libraries it
is composed with, the overrides, and the environment values that it read.
"""

import json
import re
import sys
from dataclasses import asdict, fields, is_dataclass
from functools import cache as once
from pathlib import Path
from typing import Any, get_type_hints

from shotmake.config import check
from shotmake.config.schema import Config
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stamp import hash_short, to_canonical
from shotmake.tasks.shots import check_yaml_before_hydra, code_closure, readable_env_variables
from shotmake.tasks.shots.up_to_date import list_library_files, walk_files
from shotmake.tasks.show import get_conf_folder

COMPOSES = "shotmake.tasks.shots.shots"  # the module that asks Hydra, and has the result checked
# The values of these are in no file: such a config is composed every time.
NOT_REPEATABLE = re.compile(r"\$\{\s*(now|hydra)\s*:|searchpath")


def recall(name: str, overrides: tuple[str, ...]) -> Config | None:
    """Return the config of this shot as Hydra would compose it now; None when Hydra has to compose it."""
    text = cache_database.get("config", to_canonical([name, overrides]))
    if text is None:
        return None
    known = json.loads(text)
    if known["shared"] != digest_shared_sources() or known["shots"] != _digest_shot_sources(name, known["alone"]):
        return None
    if not readable_env_variables.are_unchanged(known["environment"]):
        return None
    return config_of(Config, known["config"])


def list_sources(name: str, overrides: tuple[str, ...]) -> tuple[list[Path], dict[str, str | None]] | None:
    """Return what a remembered config was made of beside what all configs are made of: its files and environment
    values.

    None when the config is not remembered.
    """
    text = cache_database.get("config", to_canonical([name, overrides]))
    if text is None:
        return None
    known = json.loads(text)
    files = (
        [get_conf_folder() / "shot" / f"{name}.yaml"]
        if known["alone"]
        else [get_conf_folder() / "shot", *sorted((get_conf_folder() / "shot").glob("*.yaml"))]
    )
    return files, known["environment"]


def remember(name: str, overrides: tuple[str, ...], config: Config, environment: dict[str, str | None]) -> None:
    """Remember a composed config, unless it cannot be repeated from files (`NOT_REPEATABLE`, or an override of Hydra's
    own).

    `environment`: the variables that its interpolations read, with their values.
    """
    texts = [
        *overrides,
        check_yaml_before_hydra.read(get_conf_folder() / "shot" / f"{name}.yaml"),
        *map(check_yaml_before_hydra.read, _list_shared_files()),
    ]
    if any(NOT_REPEATABLE.search(text) for text in texts) or any(word.startswith("hydra") for word in overrides):
        return
    alone = not _may_name_other_shots(name)
    known = {
        "shared": digest_shared_sources(),
        "shots": _digest_shot_sources(name, alone),
        "alone": alone,
        "environment": environment,
        "config": asdict(config),
    }
    cache_database.put("config", to_canonical([name, overrides]), json.dumps(known))


@once
def digest_shared_sources() -> str:
    """Return a digest of all that every shot is composed from and checked by."""
    conf = {str(path.relative_to(get_conf_folder())): digest(path) for path in _list_shared_files()}
    return hash_short(
        [conf, code_closure.code_of(COMPOSES), [digest(path) for path in list_library_files()], sys.version]
    )


def _list_shared_files() -> list[Path]:
    found = (Path(place, name) for place, name in walk_files(get_conf_folder()) if name.endswith((".yaml", ".yml")))
    return sorted(path for path in found if path.parent != get_conf_folder() / "shot" and path.is_file())


def _digest_shot_sources(name: str, alone: bool) -> str:
    """Return a digest of the shot's own file or, when it may read others, of all shot files."""
    paths = (
        [get_conf_folder() / "shot" / f"{name}.yaml"]
        if alone
        else [path for path in sorted((get_conf_folder() / "shot").glob("*.yaml")) if path.is_file()]
    )
    return hash_short({path.name: digest(path) for path in paths})


def _may_name_other_shots(name: str) -> bool:
    """Return whether the shot's defaults list, or a preset, could pull in another file of conf/shot/."""
    if any("/shot" in check_yaml_before_hydra.read(path) for path in _list_shared_files()):
        return True
    tree = check_yaml_before_hydra.load(get_conf_folder() / "shot" / f"{name}.yaml")
    for entry in tree.get("defaults") or []:
        group = next(iter(entry)) if isinstance(entry, dict) and entry else entry
        group = re.sub(r"^(override|optional)\s+", "", str(group))
        if group != "_self_" and not re.match(r"/(?!shot\b)", group):
            return True
    return False


def config_of(cls: type, tree: dict) -> Any:
    """Build the dataclass from a tree that was made from that dataclass. Nothing is checked."""
    return cls(**{name: _build_value(hint, tree[name]) for name, hint in _read_hints(cls)})


def _build_value(hint: Any, tree: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return config_of(hint, tree)
    each = check.block_of_each(hint)
    return {name: config_of(each, block) for name, block in tree.items()} if each else tree


@once
def _read_hints(cls: type) -> list[tuple[str, Any]]:
    hints = get_type_hints(cls)
    return [(item.name, hints[item.name]) for item in fields(cls)]
