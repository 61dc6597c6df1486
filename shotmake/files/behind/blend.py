"""A .blend: each path that one of its structs holds, whatever the path is for.

Libraries, pictures, movie clips, fonts, sounds, volumes, caches and what a later Blender adds are all texts of a fixed
length of 768 characters or more.

A .blend is a row of blocks. The block DNA1 lists the structs with their fields, so nothing here depends on a version.
"""

import gzip
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from shotmake.files.behind.named_files import Named

# The header of a block.
SMALL = struct.Struct("<4siQii")  # code, length, address, struct, count; up to Blender 4.5
LARGE = struct.Struct("<4siQqq")  # code, struct, address, length, count; from Blender 5.0
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UNPACKED_MAX_BYTES = 4_000_000_000
PATH_CHARS = 768
# Structs whose paths are no inputs: the file's own name, where its windows looked last, and what it would write.
NO_INPUTS = (
    "FileGlobal",
    "FileSelectParams",
    "RenderData",
    "BakeData",
    "UserDef",
    "NodeImageFile",
    "NodeImageMultiFile",
)
# The values that say that one field means several files: a picture's sequence and tiles, a clip's sequence.
SEQUENCES = {("Image", "source"): (2, 6), ("MovieClip", "source"): (1,)}
IS_SEQUENCE = "is_sequence"  # the field of volumes and caches


@dataclass(frozen=True)
class PathField:
    """Where a struct holds a path: offset and length in bytes.

    flag: (offset, bytes, values) of the struct's "is a sequence" field; None where it has none. values None: any value
    but 0 means a sequence.
    """

    struct: str
    offset: int
    length: int
    flag: tuple[int, int, tuple[int, ...] | None] | None


def list_names(path: Path) -> list[Named] | None:
    """List the paths that a .blend names.

    Return None for a file whose names cannot be read: not a .blend, a .blend from before 2.80, or a zstd-compressed one
    where the library zstandard is not installed.
    """
    try:
        data = _read_data(path)
        return None if data is None else _find_names(data)
    except (struct.error, ValueError, IndexError, EOFError, gzip.BadGzipFile):
        return None


def _read_data(path: Path) -> bytes | mmap.mmap | None:
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start.startswith(GZIP):
            return gzip.GzipFile(fileobj=file).read(UNPACKED_MAX_BYTES)
        if start == ZSTD:
            try:
                import zstandard  # pyright: ignore[reportMissingImports]
            except ImportError:
                return None
            return zstandard.ZstdDecompressor().stream_reader(file).read(UNPACKED_MAX_BYTES)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _find_names(data: bytes | mmap.mmap) -> list[Named] | None:
    if data[:9] == b"BLENDER-v":
        header, at = SMALL, 12
    elif re.fullmatch(rb"BLENDER17-01v\d{4}", data[:17]):
        header, at = LARGE, 17
    else:
        return None
    blocks, dna = [], None
    while True:
        if header is SMALL:
            code, length, _, number, count = header.unpack_from(data, at)
        else:
            code, number, _, length, count = header.unpack_from(data, at)
        at += header.size
        if code == b"ENDB":
            break
        if length < 0 or at + length > len(data):
            return None
        if code == b"DNA1":
            dna = at
        else:
            blocks.append((number, at, length, count))
        at += length
    if dna is None:
        return None
    fields = _find_path_fields(data, dna)
    found: dict[Named, None] = {}
    for number, start, length, count in blocks:
        size, paths = fields[number] if 0 <= number < len(fields) else (0, [])
        for place in range(start, start + min(length, size * count), size) if paths else ():
            found.update(dict.fromkeys(_read(data, place, paths)))
    return list(found)


def _read(data: bytes | mmap.mmap, start: int, paths: list[PathField]) -> list[Named]:
    found = []
    for field in paths:
        raw = data[start + field.offset : start + field.offset + field.length].partition(b"\0")[0]
        is_sequence = False
        if field.flag is not None:
            offset, size, values = field.flag
            value = int.from_bytes(data[start + offset : start + offset + size], "little")
            is_sequence = bool(value) if values is None else value in values
        if raw:
            found.append(Named(raw.decode(errors="surrogateescape"), is_sequence, field.struct))
    return found


def _find_path_fields(data: bytes | mmap.mmap, dna: int) -> list[tuple[int, list[PathField]]]:
    """Return (size in bytes, the fields that hold paths) of each struct, by the struct's number."""
    names, at = _read_strings(data, dna, dna + 4, b"NAME")
    types, at = _read_strings(data, dna, at, b"TYPE")
    sizes = struct.unpack_from(f"<{len(types)}H", data, at + 4)  # after TLEN
    at = _align(dna, at + 4 + 2 * len(types))
    (count,) = struct.unpack_from("<i", data, at + 4)  # after STRC
    at += 8
    found = []
    for _ in range(count):
        kind, field_count = struct.unpack_from("<HH", data, at)
        pairs = struct.unpack_from(f"<{2 * field_count}H", data, at + 4)
        at += 4 + 4 * field_count
        fields = [
            (types[inner], names[name], sizes[inner]) for inner, name in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        found.append((sizes[kind], [] if types[kind] in NO_INPUTS else _paths_of(types[kind], fields)))
    return found


def _paths_of(struct_name: str, fields: list[tuple[str, str, int]]) -> list[PathField]:
    places: list[tuple[int, int]] = []
    offset, flag = 0, None
    for kind, name, size in fields:
        plain = name.partition("[")[0]
        is_pointer = name[0] in "*("
        many = 1
        for length in re.findall(r"\[(\d+)\]", name):
            many *= int(length)
        if kind == "char" and not is_pointer and many >= PATH_CHARS:
            places.append((offset, many))
        if (struct_name, plain) in SEQUENCES:
            flag = (offset, size, SEQUENCES[struct_name, plain])
        elif plain == IS_SEQUENCE:
            flag = (offset, size, None)
        offset += many * (8 if is_pointer else size)
    return [PathField(struct_name, offset, length, flag) for offset, length in places]


def _read_strings(data: bytes | mmap.mmap, dna: int, at: int, tag: bytes) -> tuple[list[str], int]:
    if data[at : at + 4] != tag:
        raise ValueError(f"no {tag!r}")
    (count,) = struct.unpack_from("<i", data, at + 4)
    at, found = at + 8, []
    for _ in range(count):
        end = data.find(b"\0", at)
        found.append(data[at:end].decode())
        at = end + 1
    return found, _align(dna, at)


def _align(dna: int, at: int) -> int:
    return dna + (at - dna + 3) // 4 * 4
