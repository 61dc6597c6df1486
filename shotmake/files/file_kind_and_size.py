"""Checks of a file that anybody may have written: what it is and how large, before any of it is read."""

import codecs
import os
import stat
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import tell_apart

KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
         stat.S_IFBLK: "a device"}  # fmt: skip
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def measure_file(path: Path, key: str = "", where: str = "") -> int:
    """Return the size of a file in bytes. where: the start of the message, where it is not the file's name.

    Raises ShotError for a folder, a pipe or a device.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise ShotError(f"{where or path.name}: found {kind}, needed a file{f' ({key})' if key else ''}")
    return found.st_size


def check_size(path: Path, limit: str, key: str = "", where: str = "") -> int:
    """Return the size of a file in bytes, checked against a limit. limit: the name of a limit in MB.

    Raises ShotError as file_size does, and for a file above the limit.
    """
    size = measure_file(path, key, where)
    most_mb = getattr(get_limits(), limit)
    if size > most_mb * 10**6:
        raise make_limit_fault(where or path.name, f"a file of {tell_apart(size / 1e6, most_mb, '.0f')} MB", limit, key)
    return size


def read_utf8(path: Path, limit: str, key: str = "") -> str:
    """Read the text of a UTF-8 file, without its byte order mark. limit: the name of a limit in MB.

    Raises ShotError as check_size does, and for bytes that are not such a text: UTF-16, NUL bytes, other encodings.
    """
    check_size(path, limit, key)
    return decode_utf8(path.read_bytes(), path.name, key)


def decode_utf8(data: bytes, name: str, key: str = "") -> str:
    """Decode bytes as UTF-8 text, without their byte order mark. name: starts the message.

    Raises ShotError, with the line, for bytes that are not such a text: UTF-16, NUL bytes, other encodings.
    """
    of_key = f" ({key})" if key else ""
    if data.startswith(WIDE):
        raise ShotError(f"{name}:1: found UTF-16, needed UTF-8{of_key}")
    if (at := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise ShotError(f"{name}:{line}: found a NUL byte, needed UTF-8 text{of_key}")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ShotError(f"{name}:{line}: found the byte {data[error.start]:#04x}, needed UTF-8 text{of_key}") from error
