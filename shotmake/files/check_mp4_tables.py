"""The tables of an mp4 or mov. They are checked before FFmpeg builds an index of all frames that they announce.

Such a file is made of boxes: a length, four letters, and other boxes or a table. A table of frames that all have one
size has no rows: a movie of 6 kB that announced fifty million frames made FFmpeg take 1.8 GB.

Source: ISO/IEC 14496-12, 8.7.3 (stsz), 8.6.1.2 (stts), 8.8.8 (trun).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shotmake.errors import ShotError
from shotmake.limits import get_limits, make_limit_fault

FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"uuid")
HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}  # box -> the place of its number of frames, in bytes
ROWS = (b"stts", b"ctts")  # boxes with a table of (number of frames, time)
BOXES_MAX = 1_000_000
PACKED = b"cmov"


class Box(NamedTuple):
    """A box of the file. name: its four letters; begin, end: the place of its content, in bytes of the file."""

    name: bytes
    begin: int
    end: int


def check_boxes(path: Path, file: str, key: str) -> None:
    """Check how many frames an mp4 or mov announces. file: its name in the config.

    Raises ShotError when it announces more frames than the limit, or when its header is packed or has too many parts.
    """
    size = path.stat().st_size
    with open(path, "rb") as movie:
        if movie.read(8)[4:] not in FIRST:
            return
        announced = 0
        for count, box in enumerate(_walk_boxes(movie, 0, size), 1):
            announced = max(announced, _count_frames(movie, box))
            if announced > get_limits().movie_frames:
                raise make_limit_fault(file, f"a movie that announces {announced} frames", "movie_frames", key)
            if count > BOXES_MAX or box.name == PACKED:
                found = "a packed header" if box.name == PACKED else f"a header of over {BOXES_MAX} parts"
                raise ShotError(f"{file}: found {found}; needed a plain movie, transcode it ({key})")


def _walk_boxes(movie: BinaryIO, begin: int, end: int) -> Iterator[Box]:
    """Yield all boxes between two places, and the boxes inside of them."""
    todo = [(begin, end)]
    while todo:
        at, end = todo.pop()
        if at + 8 > end:
            continue
        movie.seek(at)
        head = movie.read(16)
        if len(head) < 8:
            continue
        length, name = struct.unpack(">L4s", head[:8])
        begin = at + 8
        if length == 1 and len(head) == 16:
            (length,), begin = struct.unpack(">Q", head[8:]), at + 16
        after = end if length == 0 else min(at + length, end)
        if after < begin:
            continue  # this is no box; FFmpeg goes no further here either
        todo.append((after, end))
        if name in HOLDERS:
            todo.append((begin, after))
        yield Box(name, begin, after)


def _count_frames(movie: BinaryIO, box: Box) -> int:
    """Return how many frames a box announces."""
    movie.seek(box.begin)
    if box.name in COUNTS:
        data = movie.read(COUNTS[box.name] + 4)
        return struct.unpack(">L", data[-4:])[0] if len(data) == COUNTS[box.name] + 4 else 0
    if box.name in ROWS:
        head = movie.read(8)
        rows = struct.unpack(">L", head[4:])[0] if len(head) == 8 else 0
        table = movie.read(min(8 * rows, box.end - box.begin - 8))
        return sum(count for count, _ in struct.iter_unpack(">2L", table[: len(table) // 8 * 8]))
    return 0
