"""The first bytes of a .blend: which Blender wrote it.

The file may be plain, or gzip (to 2.93) or zstd (from 3.0) compressed.
"""

import gzip
import re
from pathlib import Path

import zstandard  # comes with Blender  # pyright: ignore[reportMissingImports]

from kit.arguments import UserError, quote_error

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# "BLENDER", pointer size, byte order, 3 digits; from 5.0: "BLENDER", header length, format version, "v", 4 digits
HEADER = re.compile(rb"BLENDER(?:[-_][vV](\d{3})|\d\d-\d\dv(\d{4}))")
LENGTH = 17


def read_version(path: Path, name: str, key: str) -> tuple[int, int]:
    """Return (major, minor) of the Blender that saved the file.

    Raises UserError, which says `name`, for a file that is not a .blend.
    """
    with open(path, "rb") as file:
        start = file.read(len(ZSTD))
        file.seek(0)
        try:
            if start.startswith(GZIP):
                start = gzip.GzipFile(fileobj=file).read(LENGTH)
            elif start == ZSTD:
                start = zstandard.ZstdDecompressor().stream_reader(file).read(LENGTH)
            else:
                start = file.read(LENGTH)
        except (OSError, EOFError, zstandard.ZstdError) as error:
            raise UserError(f"{name}: cannot be unpacked ({quote_error(error)}); check {key}") from error
    found = HEADER.match(start)
    if found is None:
        raise UserError(f"{name}: not a .blend file; check {key}")
    number = int(found[1] or found[2])
    return number // 100, number % 100
