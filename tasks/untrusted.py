"""Files that anybody may have written: read without waiting, within limits, and believed only in their shape."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

MOST_BYTES = 256 * 2**20  # of a record; the largest seen, of 10,000 frames, has 3 MB


class NotPlain(OSError):
    """It is no file: a folder, a device, a pipe, a socket."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """A plain file's bytes, after links. NotPlain for anything else (a pipe is not waited for), ValueError when it is
    larger than `most`, OSError when it cannot be read."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    seen = os.fstat(number)
    if not stat.S_ISREG(seen.st_mode):
        os.close(number)
        raise NotPlain(errno.EINVAL, "found no plain file", str(path))
    with open(number, "rb") as file:
        if seen.st_size > most:
            raise ValueError(f"found {seen.st_size / 1e6:.0f} MB; needed at most {most / 1e6:.0f}")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"found more than {most / 1e6:.0f} MB")
    return data


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The same as text; ValueError when it is not UTF-8."""
    return read_bytes(path, most).decode()


def parse_json(text: str | bytes) -> Any:
    """JSON as its specification has it: ValueError for NaN and infinities, for what is no UTF-8, and for text that is
    nested too deep."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """A JSON file. OSError or ValueError when it is none."""
    return parse_json(read_bytes(path, most))


def _no_number(word: str) -> float:
    raise ValueError(f"found {word}; JSON has no such number")


def is_texts(tree: Any) -> bool:
    """Whether it is a table of texts."""
    return isinstance(tree, dict) and all(isinstance(value, str) for value in tree.values())
