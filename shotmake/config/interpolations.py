"""Interpolations of a config, `${tracking.detect.min_tracks}`: what they unfold to is counted before any is resolved.

A chain of keys that each name the one before twice unfolds to gigabytes in thirty lines, as aliases of YAML do.
"""

import re
from typing import Any

from shotmake.errors import ShotError
from shotmake.limits import limits, over_limit

NAMED = re.compile(r"\$\{\s*(\.*)([^${}:]+)\s*\}")  # ${key} and ${.key}; resolvers, ${name:...}, give single values


def check_unfolding(tree: dict, name: str) -> None:
    """ShotError for a config whose interpolations unfold to more than limits.yaml_nodes values or a million characters
    each, or lead round in a circle. tree: plain, nothing resolved; name: of the file, starts the message."""
    most = limits().yaml_nodes
    sizes: dict[tuple, int] = {}
    under_way: set[tuple] = set()

    def size_of(path: tuple) -> int:
        if path in sizes:
            return sizes[path]
        if path in under_way:
            raise ShotError(f"{name}: {'.'.join(map(str, path))}: its interpolations lead round in a circle")
        under_way.add(path)
        value = _at(tree, path)
        if isinstance(value, dict | list):
            inner = value if isinstance(value, dict) else range(len(value))
            size = 1 + sum(size_of((*path, key)) for key in inner)
        elif isinstance(value, str) and "${" in value:
            named = [_meant(path, dots, key) for dots, key in NAMED.findall(value)]
            size = 1 + sum(size_of(one) for one in named if not path[: len(one)] == one)
        else:
            size = 1
        under_way.discard(path)
        if size > most:
            where = f"{name}: {'.'.join(map(str, path)) or 'the whole'}"
            raise over_limit(where, "interpolations that unfold to too many values", "yaml_nodes")
        sizes[path] = size
        return size

    size_of(())


def _at(tree: Any, path: tuple) -> Any:
    """None where nothing is."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and str(part).isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def _meant(path: tuple, dots: str, key: str) -> tuple:
    """The path that an interpolation at `path` names; one dot is the block that it stands in."""
    parts = tuple(part for part in re.split(r"[.\[\]]+", key.strip()) if part)
    return (*path[: len(path) - len(dots)], *parts) if dots else parts
