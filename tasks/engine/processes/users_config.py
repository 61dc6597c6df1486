"""The user's own config: the file $SHOTMAKE_CONFIG, else shotmake/config.yaml in $XDG_CONFIG_HOME or in ~/.config.

A show may come from a stranger. So this file decides what a show must not decide:

    run: never                        # run no program that a show's config names
    environment: [SITE, PLATE_ROOT]   # more variables that ${oc.env:NAME} in a show may read
    presets: [/studio/presets]        # folders outside of a show that links in its conf/ may lead to
    limits: {blender_minutes: 600}    # see shotmake/limits.py
"""

import logging
import os
import sys
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from shotmake.errors import ShotError, quote_error
from shotmake.files.yaml_file import name_kind, show_value
from shotmake.limits import find_own_file, name_own_file, set_limits

NEVER = "never"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnConfig:
    """The content of the user's own config; the defaults where there is no file or no such key."""

    run: str | None = None
    environment: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)


def put_in_force() -> None:
    """Read the user's own config and put its limits in force.

    A ShotError is not passed on: its faults are written to standard error, one line each, and the process exits with
    code 1.
    """
    try:
        limits = read_own_config().limits
        try:
            set_limits(limits)
        except ShotError as error:
            raise ShotError(*(f"{name_own_file()}: {fault}" for fault in error.faults)) from error
    except ShotError as error:
        _log.error("\n".join(error.faults))
        sys.exit(1)


@cache
def read_own_config() -> OwnConfig:
    """Return the config of the user who runs this.

    Raises ShotError when the file cannot be read, when it has an unknown key or a wrong value, and when
    $SHOTMAKE_CONFIG names no file. Without any file the defaults are returned.
    """
    path = find_own_file()
    if path is None:
        return OwnConfig()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if os.environ.get("SHOTMAKE_CONFIG"):
            raise ShotError(f"SHOTMAKE_CONFIG={path}: no such file; name one, or unset it") from None
        return OwnConfig()
    except (OSError, UnicodeDecodeError) as error:
        cause = quote_error(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ShotError(f"{name_own_file()}: cannot be read: {cause}") from error
    return _check(_parse(text))


def _parse(text: str) -> dict:
    import yaml

    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ShotError(f"{name_own_file()}: not YAML: {quote_error(error)}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ShotError(f"{name_own_file()}: found {name_kind(tree)}; needed a block of keys, as run: never")
    return tree


def _check(tree: dict) -> OwnConfig:
    known = [one.name for one in fields(OwnConfig)]
    faults = [f"{key}: found no such key; there are: {', '.join(known)}" for key in tree if key not in known]
    values = {key: value for key, value in tree.items() if key in known and value is not None}
    if values.get("run", NEVER) != NEVER:
        faults.append(f"run: found {show_value(values['run'])}; needed {NEVER}, or no such key")
    for key in ("environment", "presets"):
        if key in values:
            values[key] = tuple(values[key]) if isinstance(values[key], list) else (None,)
            if not all(isinstance(one, str) and one for one in values[key]):
                faults.append(f"{key}: found {show_value(tree[key])}; needed a list of names")
    faults += [
        f"presets: found {folder}; needed the whole path of a folder, as /studio/presets"
        for folder in values.get("presets", ())
        if isinstance(folder, str) and not os.path.isabs(folder)
    ]
    if not isinstance(values.get("limits", {}), dict):
        faults.append(f"limits: found {show_value(values['limits'])}; needed a block of keys, as blender_minutes: 600")
    if faults:
        raise ShotError(*(f"{name_own_file()}: {fault}" for fault in faults))
    return OwnConfig(**values)
