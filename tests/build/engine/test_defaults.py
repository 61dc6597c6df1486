"""A key that is as it is by default is not hashed: new keys build nothing, and a default that changes raises a version.

tasks/engine/defaults.json holds every default by stage (or kind of stored piece) and version. After adding a key, or
raising a version: `python tests/build/engine/test_defaults.py` records anew; it refuses while a default changed without
a version.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from helpers.shows.defaults import defaults_now, faults, flat, recorded
from shotmake.tasks.engine import slices

pytestmark = pytest.mark.fast


def nested(names: dict[str, Any]) -> dict:
    tree: dict = {}
    for name, value in names.items():
        *blocks, leaf = name.split(".")
        at = tree
        for block in blocks:
            at = at.setdefault(block, {})
        at[leaf] = value
    return tree


def test_every_default_is_the_recorded_one():
    moved, new = faults(recorded(), defaults_now())
    assert not moved, "\n".join(moved)
    assert not new, "\n".join([*new, "python tests/build/engine/test_defaults.py records them"])


def record() -> None:
    before, now = recorded(), defaults_now()
    moved, _ = faults(before, now)
    if moved:
        sys.exit("\n".join(moved))
    after = {}
    for kind, (version, found) in now.items():
        written = before.get(kind, {}).get(str(version), {"written": {}})["written"]
        rest = {name: value for name, value in found.items() if name not in flat(written)}
        after[kind] = {str(version): {"written": written, "left out": nested(rest)}}
    slices.FILE.write_text(json.dumps(after, sort_keys=True, indent=1) + "\n")


if __name__ == "__main__":
    record()
