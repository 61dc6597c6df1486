"""Interpolations of a config, as `${tracking.detect.min_tracks}`.

What they unfold to is counted before any is resolved.

Keys in a chain, each of which names the key before it twice, unfold to gigabytes in thirty lines. YAML aliases do the
same.
"""

import re
from typing import Any

from shotmake.errors import ShotError
from shotmake.limits import get_limits, make_limit_fault

# ${key} and ${.key}. A resolver, ${name:...}, is left out, because it gives a single value.
NAMED = re.compile(r"\$\{\s*(\.*)([^${}:]+)\s*\}")


def check_unfolding(tree: dict, name: str) -> None:
    """Check what the interpolations of a config unfold to.

    tree: plain, with nothing resolved; name: the name of the file, which starts the message.

    Raises ShotError when the interpolations unfold to more than limits.yaml_nodes values, or lead round in a circle.
    """
    most = get_limits().yaml_nodes
    sizes: dict[tuple, int] = {}
    under_way: set[tuple] = set()

    def measure(path: tuple) -> int:
        if path in sizes:
            return sizes[path]
        if path in under_way:
            raise ShotError(f"{name}: {'.'.join(map(str, path))}: its interpolations lead round in a circle")
        under_way.add(path)
        value = _get_value(tree, path)
        if isinstance(value, dict | list):
            inner = value if isinstance(value, dict) else range(len(value))
            size = 1 + sum(measure((*path, key)) for key in inner)
        elif isinstance(value, str) and "${" in value:
            named = [_resolve_path(path, dots, key) for dots, key in NAMED.findall(value)]
            size = 1 + sum(measure(one) for one in named if path[: len(one)] != one)
        else:
            size = 1
        under_way.discard(path)
        if size > most:
            where = f"{name}: {'.'.join(map(str, path)) or 'the whole'}"
            raise make_limit_fault(where, "interpolations that unfold to too many values", "yaml_nodes")
        sizes[path] = size
        return size

    measure(())


def _get_value(tree: Any, path: tuple) -> Any:
    """Return the value at a path, or None where there is none."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and str(part).isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def _resolve_path(path: tuple, dots: str, key: str) -> tuple:
    """Return the path that an interpolation at `path` names. One dot means the block that it stands in."""
    parts = tuple(part for part in re.split(r"[.\[\]]+", key.strip()) if part)
    return (*path[: len(path) - len(dots)], *parts) if dots else parts
