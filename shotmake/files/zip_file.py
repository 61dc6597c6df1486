"""The directory of a zip file that anybody may have written. It is checked before zipfile reads all of it."""

import struct
import zipfile
import zlib
from typing import BinaryIO

from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import count_of

END, END_64 = b"PK\5\6", b"PK\6\6"  # the marks at the end of a zip file's directory
END_BYTES, LOCATOR_BYTES, COMMENT_MAX = 22, 20, 1 << 16
ENTRY_BYTES = 1_000  # bytes that one file may take in the directory: its name and little else
# What zipfile and zlib raise for a damaged file. RuntimeError: a password; NotImplementedError: another packing.
ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError,
              RuntimeError, NotImplementedError)  # fmt: skip


def check_directory(file: BinaryIO, size: int, name: str, key: str) -> None:
    """Check the size of the directory, which zipfile reads as a whole.

    Raises ShotError when it has room for far more files than the limit on an .npz, and one of ZIP_FAULTS when there is
    no directory.
    """
    end_at = max(size - COMMENT_MAX - END_BYTES - LOCATOR_BYTES, 0)
    file.seek(end_at)
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + END_BYTES:
        raise zipfile.BadZipFile("it is no zip file, or it is cut off")
    length = struct.unpack_from("<L", tail, at + 12)[0]
    if length == 2**32 - 1:
        wide = struct.unpack_from("<Q", tail, at - LOCATOR_BYTES + 8)[0] if at >= LOCATOR_BYTES else size
        file.seek(min(wide, size))
        head = file.read(56)
        if not head.startswith(END_64) or len(head) < 56:
            raise zipfile.BadZipFile("its directory is cut off")
        length = struct.unpack_from("<Q", head, 40)[0]
    files = get_limits().npz_arrays
    if length > ENTRY_BYTES * files:
        most = f"{ENTRY_BYTES * files}, for {count_of(files, 'file')}"
        raise make_limit_fault(name, f"a directory of {length} bytes", "npz_arrays", key, most)
    file.seek(0)
