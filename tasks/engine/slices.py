"""A stage's slice of the config. The stage is given the whole slice; hashed are only the values that differ from their
defaults.

So a release with a new key in the config builds nothing again. Whoever changes a default raises the version of the
stages that read it (tests/build/engine/test_defaults.py compares each stage with defaults.json).

Releases before this rule also hashed the defaults. What they hashed stands in defaults.json as "written", by stage and
version. It is hashed as before for as long as the version stays, so results of these releases keep their cache keys.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shotmake.tasks.engine.stamp import to_canonical

FILE = Path(__file__).with_name("defaults.json")
DEFAULT_BLOCK = "a block whose keys are all as they are by default"


class Slice(dict):
    """Settings by name that know their defaults.

    A setting without a default is always hashed. These are the settings that a stage adds by hand, and the settings
    that exist only under a condition.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any]):
        super().__init__(values)
        self.defaults = dict(defaults)

    def __or__(self, other: Mapping[Any, Any]) -> "Slice":
        return Slice({**self, **other}, self.defaults | getattr(other, "defaults", {}))

    def __ror__(self, other: Mapping[Any, Any]) -> "Slice":
        return Slice({**other, **self}, getattr(other, "defaults", {}) | self.defaults)


def slice_block(values: Any, *names: str) -> Slice:
    """Return the keys of a block of the schema as a Slice, with the blocks inside it. `names`: only these keys."""
    return _slice_block(values, _default_of(type(values)), names)


def keep_only(settings: Mapping[str, Any], *names: str) -> Any:
    """Return only the settings of these names, as a Slice if `settings` is a Slice."""
    return _make_like(settings, {name: settings[name] for name in names})


def leave_out(settings: Mapping[str, Any], *names: str) -> Any:
    """Return all settings but those of these names, as a Slice if `settings` is a Slice."""
    return _make_like(settings, {name: value for name, value in settings.items() if name not in names})


def describe_maker(kind: str, version: int, settings: Mapping[str, Any]) -> dict:
    """Return what a stamp and a cache key hold about a stage, or about a kind of stored piece: its name, version and
    the settings that are hashed.
    """
    return {"stage": kind, "version": version, "settings": _drop_defaults(settings, find_written(kind, version))}


def find_written(kind: str, version: int) -> dict:
    """Return the defaults that are hashed all the same: those that earlier releases hashed for this version."""
    return _read_recorded().get(kind, {}).get(str(version), {}).get("written", {})


@cache
def _read_recorded() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _default_of(schema: type) -> Any:
    return schema()


def _make_like(settings: Mapping[str, Any], values: dict) -> Any:
    return Slice(values, settings.defaults) if isinstance(settings, Slice) else values


def _slice_block(values: Any, default: Any, names: tuple[str, ...] = ()) -> Slice:
    """Return a block as a Slice.

    `default` is the same block as its holder has it by default. `names`: only these keys; () for all.
    """
    found, defaults = {}, {}
    for item in (one for one in fields(values) if not names or one.name in names):
        value, other = getattr(values, item.name), getattr(default, item.name)
        found[item.name] = _to_plain(value, other)
        is_block = is_dataclass(value) and type(value) is type(other)
        defaults[item.name] = DEFAULT_BLOCK if is_block else _to_plain(other, other)
    return Slice(found, defaults)


def _to_plain(value: Any, default: Any) -> Any:
    if is_dataclass(value):
        return _slice_block(value, default if type(default) is type(value) else _default_of(type(value)))
    if isinstance(value, dict):
        return {name: _to_plain(one, None) for name, one in value.items()}
    if isinstance(value, list):
        return [_to_plain(one, None) for one in value]
    return copy.deepcopy(value)


def _drop_defaults(tree: Any, written: dict) -> Any:
    """Return the tree without its defaults, except the defaults that are `find_written`."""
    if isinstance(tree, list):
        return [_drop_defaults(one, {}) for one in tree]
    if not isinstance(tree, dict):
        return tree
    defaults = getattr(tree, "defaults", {})
    found = {}
    for name, value in tree.items():
        before = written.get(name)
        told = _drop_defaults(value, before if isinstance(before, dict) else {})
        if name in written or name not in defaults or not _is_default(told, defaults[name]):
            found[name] = told
    return found


def _is_default(told: Any, default: Any) -> bool:
    """Return whether a value equals its default in type as well: 1 is neither 1.0 nor true."""
    if default is DEFAULT_BLOCK:
        return told == {}
    return told == default and to_canonical(told) == to_canonical(default)
