"""The bytes of an uncompressed .blend: its blocks, and where each field lies, by the layout that the file itself holds.

A .blend is a row of blocks. Each has a header (code, length, the address that the block had in memory, its struct, how
many of them) and the structs. The DATA blocks of a data-block follow it. Pointers are addresses of other blocks. The
block DNA1 lists all structs with their fields. Nothing in the file counts bytes from its start, so a block can be
inserted.
"""

import re
import struct
from dataclasses import dataclass

from kit.arguments import UserError

# The header of a block: 24 bytes up to Blender 4.5, 32 in files of 5.0, whose sizes may be over 2 GB.
SMALL = struct.Struct("<4siQii")  # code, length, address, struct, count
LARGE = struct.Struct("<4siQqq")  # code, struct, address, length, count


@dataclass(frozen=True)
class Block:
    """A block of the file.

    code: four bytes; struct: the struct's name; start: where the first struct's bytes begin in the file.
    """

    code: bytes
    struct: str
    address: int
    start: int
    length: int


@dataclass(frozen=True)
class Layout:
    """The layout of a file.

    header: of a block; sizes: bytes of each struct; index: of each struct; fields: (offset, type) by struct and name.
    """

    header: struct.Struct
    sizes: dict[str, int]
    index: dict[str, int]
    fields: dict[str, dict[str, tuple[int, str]]]

    def find_offset(self, struct_name: str, field: str) -> int:
        """Return the offset of `field` in a struct, or of "reconstruction.error" through an inner struct.

        Raises UserError where this Blender's files have no such field.
        """
        offset, inner = 0, struct_name
        for name in field.split("."):
            if name not in self.fields.get(inner, {}):
                raise UserError(f"this Blender's files have no {struct_name}.{field}")
            start, kind = self.fields[inner][name]
            offset, inner = offset + start, kind
        return offset


def read_blend(data: bytes | bytearray) -> tuple[Layout, list[Block]]:
    """Read layout and blocks of an uncompressed, little-endian 64-bit .blend. Raises UserError for any other file."""
    header, position = _read_header(data)
    raw: list[tuple[bytes, int, int, int, int]] = []
    code = b""
    while code != b"ENDB":
        if position + header.size > len(data):
            raise UserError("the .blend that Blender saved ends in the middle of a block")
        if header is SMALL:
            code, length, address, number, _ = header.unpack_from(data, position)
        else:
            code, number, address, length, _ = header.unpack_from(data, position)
        raw.append((code, number, address, position + header.size, length))
        position += header.size + length
    dna = next((start for code, _, _, start, _ in raw if code == b"DNA1"), None)
    if dna is None:
        raise UserError("the .blend that Blender saved has no DNA1 block")
    layout = _read_layout(data, dna, header)
    names = list(layout.index)
    return layout, [Block(code, names[number], *place) for code, number, *place in raw]


def _read_header(data: bytes | bytearray) -> tuple[struct.Struct, int]:
    """Return what the file's first bytes say: the header of its blocks, and where the first block lies."""
    if data[:9] == b"BLENDER-v":
        return SMALL, 12
    if re.fullmatch(rb"BLENDER17-01v\d{4}", data[:17]):
        return LARGE, 17
    raise UserError(f"found a .blend that begins with {bytes(data[:17])!r}; needed one of Blender 2.80 to 5.x")


def _read_layout(data: bytes | bytearray, dna: int, header: struct.Struct) -> Layout:
    names, at = _read_strings(data, dna, dna + 4, b"NAME")
    types, at = _read_strings(data, dna, at, b"TYPE")
    lengths = struct.unpack_from(f"<{len(types)}H", data, at + 4)  # after TLEN
    at = _align(dna, at + 4 + 2 * len(types))
    (count,) = struct.unpack_from("<i", data, at + 4)  # after STRC
    at += 8
    kinds, fields = [], {}
    for _ in range(count):
        kind, field_count = struct.unpack_from("<HH", data, at)
        kinds.append(types[kind])
        offset, fields[types[kind]] = 0, {}
        for number in range(field_count):
            inner, name = struct.unpack_from("<HH", data, at + 4 + 4 * number)
            many = 1
            for size in re.findall(r"\[(\d+)\]", names[name]):
                many *= int(size)
            plain = names[name].lstrip("*(").split("[")[0].split(")")[0]
            fields[types[kind]][plain] = (offset, types[inner])
            offset += many * (8 if names[name][0] in "*(" else lengths[inner])
        at += 4 + 4 * field_count
    return Layout(header, dict(zip(types, lengths, strict=True)), {kind: n for n, kind in enumerate(kinds)}, fields)


def _read_strings(data: bytes | bytearray, dna: int, at: int, tag: bytes) -> tuple[list[str], int]:
    """Return the list of texts behind `tag`, and the place behind it."""
    if data[at : at + 4] != tag:
        raise UserError(f"the .blend that Blender saved has no {tag.decode()} where it should be")
    (count,) = struct.unpack_from("<i", data, at + 4)
    at, found = at + 8, []
    for _ in range(count):
        end = data.index(b"\0", at)
        found.append(bytes(data[at:end]).decode())
        at = end + 1
    return found, _align(dna, at)


def _align(dna: int, at: int) -> int:
    return dna + (at - dna + 3) // 4 * 4


def pack_block(layout: Layout, kind: str, address: int, structs: list[bytes]) -> bytes:
    """Return the bytes of a new DATA block with structs of one kind."""
    body, number, count = b"".join(structs), layout.index[kind], len(structs)
    if layout.header is SMALL:
        return SMALL.pack(b"DATA", len(body), address, number, count) + body
    return LARGE.pack(b"DATA", number, address, len(body), count) + body
