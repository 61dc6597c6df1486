"""The YAML files of conf/, read before Hydra reads them. Anybody may have written them, and anything may be in them."""

from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import read_utf8
from shotmake.files.input_file import find_file_fault
from shotmake.files.yaml_file import load_yaml, name_kind
from shotmake.tasks.shots.up_to_date import walk_files
from shotmake.tasks.show import get_conf_folder, name_in_show


def why_no_text(path: Path) -> str:
    """Return what lies there in place of a YAML file; "" for a file that can be read."""
    found = find_file_fault(path)
    return f"{found}; needed a YAML file" if found else ""


def load(path: Path) -> Any:
    """Return the value of a YAML file in conf/. Raises ShotError for what is not YAML, or unfolds to too much."""
    return load_yaml(read(path), name_in_show(path))


def load_block(path: Path) -> dict:
    """Return the keys of a YAML file in conf/, {} for an empty one. Raises ShotError for what is no block of keys."""
    tree = load(path)
    if tree is not None and not isinstance(tree, dict):
        raise ShotError(f"{name_in_show(path)}: found {name_kind(tree)}; needed a block of keys")
    return tree or {}


def read(path: Path) -> str:
    """Return the text of a YAML file in conf/. Raises ShotError for what is not a text file."""
    if fault := why_no_text(path):
        raise ShotError(f"{name_in_show(path)}: {fault}")
    return read_utf8(path, "yaml_mb")


def check(name: str) -> None:
    """Check the files that composing conf/shot/<name>.yaml may read: the shot's own, the shared ones, and the shots
    that their `defaults` may name.

    Raises ShotError for the first of them that is not sound YAML.
    """
    own = get_conf_folder() / "shot" / f"{name}.yaml"
    shared = [Path(place, file) for place, file in walk_files(get_conf_folder()) if file.endswith((".yaml", ".yml"))]
    shared = [path for path in shared if path.parent != get_conf_folder() / "shot" and path.is_file()]
    trees = [load(own), *(load_block(path) for path in shared)]
    named = " ".join(str(tree["defaults"]) for tree in trees if isinstance(tree, dict) and tree.get("defaults"))
    for path in sorted((get_conf_folder() / "shot").glob("*.yaml")):
        if path != own and path.stem in named and path.is_file():
            load(path)
