"""A found camera as a file: what the costly part of a solve hands to the cheap one, to the bit.

Arrays go into the .npz under their dotted names, everything else into one JSON text in it.
"""

import io
import json
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import numpy as np

from shotmake.session import npz_bytes
from shotmake.solution import Found

REST = "rest"


def found_bytes(found: Found | str) -> bytes:
    """The .npz of a found camera, or of the reason why there is none."""
    arrays: dict[str, np.ndarray] = {}
    rest = found if isinstance(found, str) else _split(found, "", arrays)
    return npz_bytes({**arrays, REST: np.array(json.dumps(rest, sort_keys=True))})


def read_found(data: bytes) -> Found | str:
    """What `found_bytes` was given."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        rest = json.loads(str(arrays[REST]))
        return rest if isinstance(rest, str) else _join(Found, rest, "", arrays)


def _split(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """The value without its arrays, which are put into `arrays`."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return None
    if is_dataclass(value):
        return {one.name: _split(getattr(value, one.name), f"{name}.{one.name}", arrays) for one in fields(value)}
    return value


def _join(hint: Any, rest: Any, name: str, arrays: Any) -> Any:
    if isinstance(rest, dict):  # a dataclass, or one that may be None
        hint = next((one for one in get_args(hint) if is_dataclass(one)), hint)
        hints = get_type_hints(hint)
        return hint(**{one: _join(hints[one], rest[one], f"{name}.{one}", arrays) for one in rest})
    if name in arrays:
        return arrays[name]
    return tuple(rest) if isinstance(rest, list) else rest
