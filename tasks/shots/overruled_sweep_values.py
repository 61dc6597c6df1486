"""The values of a sweep's preset that the shot's own YAML overrules: they do not vary, and that must be told."""

from dataclasses import asdict
from typing import Any

from shotmake.config import check
from shotmake.files.yaml_file import show_value
from shotmake.tasks.shots import check_yaml_before_hydra
from shotmake.tasks.shots.quote_shot_name import unquote
from shotmake.tasks.shots.shots import GROUPS, ShotConfig
from shotmake.tasks.show import get_conf_folder

ABSENT = object()


def list_silenced(shot: ShotConfig) -> list[str]:
    """Return one line for each value of a preset typed for this variant that its shot's YAML overrules."""
    if shot.config is None:
        return []
    typed = [word.removeprefix("shot.").replace(".preset=", "=").split("=", 1) for word in shot.overrides]
    typed = [(group, unquote(value)) for group, value in typed]
    final, every = asdict(shot.config), check.list_keys()
    lines = []
    for group, preset in typed:
        if group not in GROUPS:
            continue
        tree = check.normalise({group: _read_preset(group, preset)})
        for key in every:
            said, found = _get_value(tree, key), _get_value(final, key)
            overruled = said is not ABSENT and said != found and "${" not in str(said)
            if overruled and not any(key == word or key.startswith(f"{word}.") for word, _ in typed if word != group):
                lines.append(f"{key} of {group}={preset}: conf/shot/{shot.name}.yaml says {_say(found)}")
    return lines


def _say(found: Any) -> str:
    return found if isinstance(found, str) else show_value(found)


def _read_preset(group: str, name: str) -> dict:
    """Return what a preset and the presets that it is built on say."""
    tree = check_yaml_before_hydra.load(get_conf_folder() / group / f"{name}.yaml") or {}
    bases = [base for base in tree.pop("defaults", []) if isinstance(base, str) and base != "_self_"]
    return _merge([*(_read_preset(group, base) for base in bases), tree])


def _merge(trees: list[dict]) -> dict:
    """Return the trees as one; a later tree wins, block by block."""
    made: dict = {}
    for tree in trees:
        for name, value in tree.items():
            both = isinstance(value, dict) and isinstance(made.get(name), dict)
            made[name] = _merge([made[name], value]) if both else value
    return made


def _get_value(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part, ABSENT) if isinstance(tree, dict) else ABSENT
    return tree
