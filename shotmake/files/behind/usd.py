"""USD: the layers that a layer names (sublayers, references, payloads, value clips), as text or as a crate file.

A text layer writes the names between @ signs. In a crate file (usdc) all texts stand in one table of tokens; the texts
that end as a layer's name does are taken. Pictures are left out, because no camera depends on them.

Source: OpenUSD, pxr/usd/sdf/textFileFormat and pxr/usd/sdf/crateFile (versions 0.4 to 0.13), LZ4's block format.
"""

import re
import struct
import zipfile
from pathlib import Path

from shotmake.files.behind.named_files import Named

LAYERS = (".usd", ".usda", ".usdc", ".usdz", ".abc", ".mtlx", ".drc")
CRATE = b"PXR-USDC"
ASSET = re.compile(rb"@@@(.+?)@@@|@([^@\r\n]+)@", re.DOTALL)
TEXT_NAME = re.compile(rb'"([^"\r\n]{1,1024})"')  # a string: templateAssetPath of value clips is one
SECTION = struct.Struct("<16sqq")
TOKENS_MAX_BYTES = 256_000_000


def list_names(path: Path) -> list[Named] | None:
    """List the layers that a USD layer names.

    Return None for a file that is not a USD layer, or whose tokens cannot be read.
    """
    try:
        if not zipfile.is_zipfile(path):
            texts = _find_texts(path.read_bytes())
        else:  # a package: its layers also name each other, but those names lie nowhere on disk
            with zipfile.ZipFile(path) as package:
                texts = [
                    text for name in package.namelist() if _is_layer(name) for text in _find_texts(package.read(name))
                ]
    except (struct.error, ValueError, IndexError, zipfile.BadZipFile):
        return None
    return [Named(text) for text in dict.fromkeys(texts) if _is_layer(text)]


def _find_texts(data: bytes) -> list[str]:
    """Return the texts of a layer that may be names. Raises ValueError for data that is not a layer."""
    return _read_tokens(data) if data.startswith(CRATE) else _find_assets(data)


def _is_layer(text: str) -> bool:
    return text.lower().endswith(LAYERS)


def _find_assets(data: bytes) -> list[str]:
    if not data.lstrip().startswith((b"#usda", b"#sdf")):
        raise ValueError("no layer")
    found = [one or other for one, other in ASSET.findall(data)] + TEXT_NAME.findall(data)
    return [_strip_folder(raw.decode(errors="surrogateescape")) for raw in found]


def _strip_folder(text: str) -> str:
    """Return the file name alone.

    set.usdz[inner.usda] is a file in a package, and the text behind ':SDF_FORMAT_ARGS:' says how to read the file.
    """
    return text.partition(":SDF_FORMAT_ARGS:")[0].partition("[")[0]


def _read_tokens(data: bytes) -> list[str]:
    """Return the token table of a crate file."""
    version, (table,) = data[8:11], struct.unpack_from("<q", data, 16)
    (count,) = struct.unpack_from("<q", data, table)
    for number in range(min(count, 64)):
        name, start, _ = SECTION.unpack_from(data, table + 8 + number * SECTION.size)
        if name.rstrip(b"\0") == b"TOKENS":
            break
    else:
        raise ValueError("no tokens")
    if tuple(version[:2]) < (0, 4):  # before version 0.4 the tokens are not compressed
        _, size = struct.unpack_from("<qq", data, start)
        raw = data[start + 16 : start + 16 + size]
    else:
        _, size, packed = struct.unpack_from("<qqq", data, start)
        if not 0 <= size <= TOKENS_MAX_BYTES:
            raise ValueError("tokens too large")
        raw = _unpack(data[start + 24 : start + 24 + packed], size)
    return [_strip_folder(one.decode(errors="surrogateescape").removeprefix(";-)")) for one in raw.split(b"\0")]


def _unpack(packed: bytes, size: int) -> bytes:
    """Return what USD's fast compression holds: one block of LZ4, or several blocks with their lengths before them."""
    if packed[0] == 0:
        return _unpack_lz4(packed[1:], size)
    at, made = 1, []
    for _ in range(packed[0]):
        (length,) = struct.unpack_from("<i", packed, at)
        made.append(_unpack_lz4(packed[at + 4 : at + 4 + length], size))
        at += 4 + length
    return b"".join(made)


def _unpack_lz4(packed: bytes, limit: int) -> bytes:
    """Unpack one block of LZ4. Raises ValueError for damaged data, and where it unpacks to more than `limit` bytes."""
    made, at, end = bytearray(), 0, len(packed)
    while at < end:
        token = packed[at]
        count, at = _read_length(packed, at + 1, token >> 4)
        made += packed[at : at + count]
        at += count
        if at >= end:
            break
        back = packed[at] | packed[at + 1] << 8
        count, at = _read_length(packed, at + 2, token & 15)
        count += 4
        if not 0 < back <= len(made) or len(made) + count > limit + 64:
            raise ValueError("damaged tokens")
        while count:
            chunk = made[len(made) - back : len(made) - back + min(count, back)]
            made += chunk
            count -= len(chunk)
    return bytes(made)


def _read_length(packed: bytes, at: int, length: int) -> tuple[int, int]:
    if length == 15:
        while True:
            more, at = packed[at], at + 1
            length += more
            if more != 255:
                break
    return length, at
