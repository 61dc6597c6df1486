"""An .npz that anybody may have written. It is unpacked after its directory and the header of each array are read.

An .npz is a zip file of .npy files; each has a header (type, shape) and the numbers. A few hundred bytes can announce
terabytes of zeros, or really hold them packed.
"""

import io
import zipfile
from collections.abc import Collection
from math import prod
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import measure_file
from shotmake.files.zip_file import ZIP_FAULTS, check_directory
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import count_of, tell_apart

PACKED_MOST = 1_040  # the most bytes that can be packed into one byte (zlib: 1032)
KINDS = "biufUS"  # the kinds of types that are read: bool, whole numbers, floats, text
EMPTY_MOST = 100_000  # the longest side of an array that holds no number
READ_HEADER = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
HEADER_MAX = 10_000  # the most characters of an array's header; numpy has the same limit
# What numpy raises for a damaged header, which it reads as Python literals, and for an array that memory cannot hold.
FAULTS = (*ZIP_FAULTS, KeyError, TypeError, AttributeError, SyntaxError, RecursionError, MemoryError)


def read_npz(
    source: Path | bytes,
    name: str = "",
    key: str = "",
    needed: Collection[str] = (),
    optional: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz, by name, each in the shape that it was stored with.

    source: its path, or its bytes; name: starts the message; needed: arrays that must be there; optional: arrays that
    may be there. Where `needed` or `optional` is given, no other arrays are read.
    Raises ShotError for a file that is not an .npz or lacks an array, for arrays of Python objects, and for a file that
    unpacks to too much. Errors of reading, such as ValueError, become a ShotError too.
    """
    name = name or (source.name if isinstance(source, Path) else "npz")
    size = measure_file(source, key, name) if isinstance(source, Path) else len(source)
    with open(source, "rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        try:
            check_directory(file, size, name, key)
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive, size, name, key)
                entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
                if missing := [one for one in needed if one not in entries]:
                    raise ValueError(f"it has no {missing[0]}")
                asked = {*needed, *optional} or set(entries)
                return {one: _read_array(archive, entries[one], name, key) for one in entries if one in asked}
        except FAULTS as error:
            of_key = f"; check {key}" if key else ""
            raise ShotError(f"{name}: not an .npz that can be read ({quote_error(error, 120)}){of_key}") from error


def _check_entries(archive: zipfile.ZipFile, size: int, name: str, key: str) -> None:
    entries = archive.infolist()
    if len(entries) > get_limits().npz_arrays:
        raise make_limit_fault(name, f"{len(entries)} arrays", "npz_arrays", key)
    packed, unpacked = (sum(getattr(one, at) for one in entries) for at in ("compress_size", "file_size"))
    for one in entries:
        if one.file_size > PACKED_MOST * (one.compress_size + 1) or packed > size:
            array = ascii(one.filename)[:40]
            raise zipfile.BadZipFile(f"{array} announces {count_of(one.file_size, 'byte')}, which it cannot hold")
    if unpacked > size + get_limits().npz_mb * 10**6:
        unpacked_mb = tell_apart(unpacked / 1e6, get_limits().npz_mb, ".0f")
        raise make_limit_fault(name, f"{unpacked_mb} MB packed into {size / 1e6:.3g} MB", "npz_mb", key)


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, key: str) -> np.ndarray:
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in READ_HEADER:
            raise ValueError(f"an array of version {version}")
        shape, _, dtype = READ_HEADER[version](file, max_header_size=HEADER_MAX)
        _check_shape(shape, dtype, entry.file_size - file.tell(), f"{name}: {ascii(entry.filename)[:40]}", key)
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False, max_header_size=HEADER_MAX)


def _check_shape(shape: tuple[int, ...], dtype: np.dtype, held: int, where: str, key: str) -> None:
    """Check the announced shape and type of an array. held: how many bytes of numbers are there. Raises ShotError."""
    found = f"{where}: found an array of {ascii(shape)[:60]} {ascii(str(dtype))[1:-1][:30]}"
    of_key = f" ({key})" if key else ""
    if dtype.kind not in KINDS:
        raise ShotError(f"{found}, needed numbers or text{of_key}")
    plain = all(isinstance(side, int) and side >= 0 for side in shape)
    if not plain or prod(shape) * dtype.itemsize != held or (prod(shape) and not dtype.itemsize):
        raise ShotError(f"{found}, needed one that fills the {held} bytes that are there{of_key}")
    if not prod(shape) and max(shape) > EMPTY_MOST:
        raise ShotError(f"{found}, needed one that holds something{of_key}")


def pack_npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Pack arrays of any shape, by name, into an uncompressed .npz.

    The same arrays give the same bytes, because the zip entries have a fixed date.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
