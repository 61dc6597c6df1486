"""Reading other programs' text files: any line ends and encoding, bounded memory, faults named by file and line.

In every function, `key` is the config key that names the file. A fault ends with the key; "" = no key.
"""

import gc
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, overload

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import check_size, measure_file
from shotmake.files.json_file import name_kind, parse_json
from shotmake.limits import get_limits, make_limit_fault

HEAD_CHARS = 4096


def make_fault(path: Path, line: int, found: str, needed: str, key: str = "") -> ShotError:
    """Return the error `<file>:<line>: found ..., needed ... (<key>)`. The caller raises it."""
    return ShotError(f"{Path(path).name}:{line}: found {found}, needed {needed}{f' ({key})' if key else ''}")


def quote_word(word: object) -> str:
    """Quote a word of the file for a fault: on one line, ASCII, at most 40 characters. null, true, false and what has
    brackets are shown as JSON says them, without quotes.
    """
    is_json = word is None or isinstance(word, (bool, list, dict))
    text = json.dumps(word) if is_json else str(word)
    text = text if len(text) <= 40 else f"{text[:37]}..."
    return text if is_json else ascii(text)


def quote_field(record: dict, name: str) -> str:
    """Quote a field of a JSON object for a fault: `name 'value'`, or `no name` where it is not there."""
    return f"{name} {quote_word(record[name])}" if name in record else f"no {name}"


def read_lines(path: Path, key: str = "") -> Iterator[tuple[int, str]]:
    r"""Yield the number of each line (from 1) and its text without the line end (\n, \r\n or \r).

    The text is UTF-8, with or without a byte order mark. A line that is not UTF-8 is read as latin-1. Raises ShotError
    before it reads anything when the path is not a file or the file is over the limit text_mb; later for a NUL byte,
    for a line over text_line_mb and for more lines than text_lines (shotmake.limits).
    """
    check_size(path, "text_mb", key, f"{path.name}:1")
    most_chars, most_lines = get_limits().text_line_mb * 10**6, get_limits().text_lines
    with open(path, encoding="latin-1") as file:  # each byte is a character: none fails; \r ends a line
        number = 0
        while line := file.readline(most_chars + 1):
            number += 1
            if "\0" in line:
                raise make_fault(path, number, "a NUL byte", "text (is it a binary file, or UTF-16?)", key)
            if len(line) > most_chars:
                raise make_limit_fault(
                    f"{path.name}:{number}", f"a line of over {most_chars} bytes", "text_line_mb", key
                )
            if number > most_lines:
                raise make_limit_fault(f"{path.name}:{number}", f"over {most_lines} lines", "text_lines", key)
            text = line.removesuffix("\n")
            yield number, _decode(text.removeprefix("\xef\xbb\xbf") if number == 1 else text)


@overload
def load_json(path: Path, key: str = "", or_list: Literal[False] = False) -> dict: ...
@overload
def load_json(path: Path, key: str = "", *, or_list: Literal[True]) -> dict | list: ...
def load_json(path: Path, key: str = "", or_list: bool = False) -> dict | list:
    """Read a JSON file and return its object (or_list: its object or list). The file may be one long line.

    Raises ShotError when the path is not a file, when the file is over the limit json_mb or has a NUL byte, when the
    text is not JSON or has too many or too deep brackets (shotmake.files.json_file), and when the value is not an
    object (or_list: nor a list).
    """
    check_size(path, "json_mb", key, f"{path.name}:1")
    with open(path, "rb") as file:
        head = file.read(HEAD_CHARS)
        if b"\0" in head:
            raise make_fault(path, 1, "a NUL byte", "JSON text", key)
        text = _decode((head + file.read()).removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
    gc.disable()  # the collector would check millions of values again and again: half of the time
    try:
        found = parse_json(text, path.name, key)
    finally:
        gc.enable()
    if not isinstance(found, (dict, list) if or_list else dict):
        needed = "an object: {...}, or a list: [...]" if or_list else "an object: {...}"
        raise make_fault(path, 1, name_kind(found), needed, key)
    return found


def read_head(path: Path) -> str:
    """Return the first HEAD_CHARS bytes of a file as text, for `can_read`.

    Raises ShotError only when the path is not a file, but a folder, a pipe or a device.
    """
    measure_file(path)
    with open(path, "rb") as file:
        return _decode(file.read(HEAD_CHARS).removeprefix(b"\xef\xbb\xbf").decode("latin-1"))


def read_number(word: object, path: Path, line: int, key: str = "") -> float:
    """Return the word as a finite number. Raises ShotError, with the line, when the word is not one."""
    try:
        found = float(word)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        found = math.nan
    if not math.isfinite(found) or isinstance(word, bool):
        raise make_fault(path, line, quote_word(word), "a number", key)
    return found


def read_whole_number(word: object, path: Path, line: int, key: str = "", low: int = 0, high: int = 100_000_000) -> int:
    """Return the word as a whole number from low to high, such as a frame or a count. 12.0 is a whole number.

    Raises ShotError, with the line, when the word is not one.
    """
    found = read_number(word, path, line, key)
    if found != int(found) or not low <= found <= high:
        raise make_fault(path, line, quote_word(word), f"a whole number from {low} to {high}", key)
    return int(found)


def _decode(latin: str) -> str:
    if latin.isascii():
        return latin
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return latin
