"""A candidate as a file: what the costly part of a solve hands to the cheap part, to the bit.

Arrays go into the .npz under their dotted names, everything else into one JSON text in it.
"""

import json
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.json_file import parse_json
from shotmake.files.npz_file import pack_npz, read_npz
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate_and_refusal import Candidate

REST = "rest"
STORED = "a stored camera"
KINDS = {"found": Candidate, "refused": Reason}


def pack_candidate(candidate: Candidate | Reason) -> bytes:
    """Return the .npz of a candidate, or of the reason for a refusal."""
    arrays: dict[str, np.ndarray] = {}
    kind = "refused" if isinstance(candidate, Reason) else "found"
    rest = {kind: _split(candidate, "", arrays)}
    return pack_npz({**arrays, REST: np.array(json.dumps(rest, sort_keys=True))})


def unpack_candidate(data: bytes) -> Candidate | Reason:
    """Load what `pack_candidate` wrote. Raises ShotError for other bytes."""
    arrays = read_npz(data, STORED)
    try:
        ((kind, rest),) = parse_json(str(arrays[REST]), STORED).items()
        return _join(KINDS[kind], rest, "", arrays)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        said = quote_error(error, 80)
        raise ShotError(f"{STORED}: not as shotmake writes it ({said}); delete it, and it is solved again") from error


def _split(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return the value without its arrays. The arrays go into `arrays`."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return None
    if is_dataclass(value):
        return {one.name: _split(getattr(value, one.name), f"{name}.{one.name}", arrays) for one in fields(value)}
    if isinstance(value, tuple):
        return [_split(one, f"{name}.{index}", arrays) for index, one in enumerate(value)]
    return value


def _join(hint: Any, rest: Any, name: str, arrays: Any) -> Any:
    if isinstance(rest, dict):  # a dataclass, or one that may be None
        hint = next((one for one in get_args(hint) if is_dataclass(one)), hint)
        hints = get_type_hints(hint)
        return hint(**{one: _join(hints[one], rest[one], f"{name}.{one}", arrays) for one in rest})
    if name in arrays:
        return arrays[name]
    if isinstance(rest, list):
        return tuple(_join(get_args(hint)[0], one, f"{name}.{index}", arrays) for index, one in enumerate(rest))
    return rest
