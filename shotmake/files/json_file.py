"""JSON that anybody may have written.

It is parsed after its brackets are counted, so that no depth, number or size is a surprise.
"""

import json
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import read_utf8
from shotmake.limits import get_limits, make_limit_fault

CHUNK = 1 << 20
NOT_BRACKETS = bytes(code for code in range(256) if chr(code) not in "[]{}")
ALIKE = bytes.maketrans(b"{}", b"[]")


def parse_json(text: str, name: str, key: str = "") -> Any:
    """Return the value of a JSON text. name: the name of its file, which starts the message.

    Raises ShotError, with the line, when the text is not JSON, or when its brackets are too many or too deep.
    """
    check_brackets(text, name, key)
    of_key = f" ({key})" if key else ""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        said = f"{error.msg.lower()} (column {error.colno})"
        raise ShotError(f"{name}:{error.lineno}: not JSON: {said}{of_key}") from error
    except ValueError as error:
        raise ShotError(f"{name}:1: found a whole number of over 4300 digits, needed JSON{of_key}") from error
    except RecursionError as error:  # the user's own json_depth is more than Python can do
        found = "brackets too deep in one another for Python"
        raise ShotError(f"{name}:1: found {found}, needed fewer{of_key}") from error


def name_kind(value: object) -> str:
    """Return what a JSON value is, as text for a message."""
    kinds = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return kinds.get(type(value), str(value).lower() if isinstance(value, bool) else "a number")


def read_json(path: Path, key: str = "") -> Any:
    """Return the value of a JSON file of the tool's own, in UTF-8.

    Raises ShotError as parse_json does, and for a file that is too large or not a text.
    """
    return parse_json(read_utf8(path, "json_mb", key), path.name, key)


def check_brackets(text: str, name: str, key: str = "") -> None:
    """Check how many lists and objects a JSON text has, and how deep they are nested.

    Raises ShotError above the limits.
    """
    many, deep = get_limits().json_objects, get_limits().json_depth
    opened = text.count("[") + text.count("{")
    if opened <= deep:  # most texts end here; this count includes brackets in strings
        return
    left = _find_brackets(text)
    objects = left.count(b"[")
    if objects > many:
        raise make_limit_fault(f"{name}:1", f"{objects} lists and objects", "json_objects", key)
    depth = 0
    while left and depth <= deep:
        inner = left.replace(b"[]", b"")  # takes away the innermost brackets
        if len(inner) == len(left):  # the brackets that are left never close
            depth += left.count(b"[")
            break
        left, depth = inner, depth + 1
    if depth > deep:
        raise make_limit_fault(f"{name}:1", f"over {deep} brackets in one another", "json_depth", key)


def _find_brackets(text: str) -> bytes:
    """Return all brackets outside of strings, in order, as [ and ]."""
    found = bytearray()
    in_string = is_escaped = False  # the state where the chunk begins
    for at in range(0, len(text), CHUNK):
        chunk = text[at + is_escaped : at + CHUNK]
        if "\\" in chunk:
            is_escaped = (len(chunk) - len(chunk.rstrip("\\"))) % 2 == 1
            chunk = chunk.replace("\\\\", "").replace('\\"', "")
        else:
            is_escaped = False
        pieces = chunk.split('"')
        outside = "".join(pieces[in_string::2]).encode("ascii", "replace")
        found += outside.translate(ALIKE, NOT_BRACKETS)
        in_string ^= len(pieces) % 2 == 0
    return bytes(found)
