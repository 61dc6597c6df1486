"""The one way to open a picture of anybody with OpenImageIO: it is checked before a pixel is decoded.

A header of a hundred bytes may announce a picture of terabytes. And asked about a file that it does not know, the
library tries all formats that it can read; some of them ask for a gigabyte, and some open other files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import measure_file
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import tell_apart

if TYPE_CHECKING:
    from OpenImageIO import ImageInput, ImageSpec

FORMATS = {b"\x76\x2f\x31\x01": "openexr", b"SDPX": "dpx", b"XPDS": "dpx", b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg",
           b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff"}  # fmt: skip
NAMES = "EXR, DPX, PNG, JPEG or TIFF"
FAULTS = (UnicodeDecodeError, RuntimeError, OverflowError)  # what a damaged file raises: broken texts, and C++'s errors


@contextmanager
def open_picture(path: Path, key: str) -> "Iterator[tuple[ImageInput, ImageSpec]]":
    """Open a picture for the inside of a `with`: give the open picture and its header, to read pixels from.

    Raises ShotError for a file that is not in one of our formats or is damaged, and for one that announces more pixels,
    bytes or channels than the limits allow (shotmake.limits).
    """
    import OpenImageIO as oiio

    size = measure_file(path, key)
    with open(path, "rb") as file:
        head = file.read(4)
    if not any(head.startswith(magic) for magic in FORMATS):
        found = "it is empty" if not size else f"its first bytes are not those of {NAMES}"
        raise make_picture_fault(path, "cannot be read", found, key)
    try:
        source = oiio.ImageInput.open(str(path))
        if source is None:
            raise make_picture_fault(path, "cannot be read", oiio.geterror(), key)
        try:
            spec = source.spec()
            _check_size(spec, size, path, key)
            yield source, spec
        finally:
            source.close()
    except MemoryError as error:
        raise make_picture_fault(path, "cannot be read", "it asks for more memory than there is", key) from error
    except FAULTS as error:
        raise make_picture_fault(path, "cannot be read", "its header is damaged", key) from error


def make_picture_fault(path: Path, what: str, reason: str, key: str) -> ShotError:
    """Return the error `<file>: <what> (<the library's reason>); restore it, or check <key>`, to be raised."""
    reason = (reason.strip() or "no reason given").splitlines()[0].replace(str(path), path.name)[:200]
    return ShotError(f"{path.name}: {what} ({reason}); restore it, or check {key}")


def _check_size(spec: "ImageSpec", size: int, path: Path, key: str) -> None:
    """Check what a picture announces. Raises ShotError when it is too much.

    Both the picture's pixels and the frame that they are shown in count. Of a tiled picture, a whole tile is decoded.
    """
    allowed = get_limits()
    for what, width, height in (
        ("picture", spec.width, spec.height),
        ("display window", spec.full_width, spec.full_height),
        ("tile", spec.tile_width, spec.tile_height),
    ):
        if what != "tile" and min(width, height) < 1:
            found = f"says its {what} is {width}x{height}"
            raise ShotError(f"{path.name}: {found}; the file is damaged, restore it ({key})")
        if width * height > allowed.picture_mpx * 10**6:
            raise make_limit_fault(path.name, f"a {what} of {width}x{height}", "picture_mpx", key)
        decoded = width * height * min(spec.nchannels, 4) * spec.format.size()
        if decoded > size + allowed.picture_mb * 10**6:
            decoded_mb = tell_apart(decoded / 1e6, allowed.picture_mb, ".0f")
            found = f"a {what} of {decoded_mb} MB in a file of {size / 1e6:.3g} MB"
            raise make_limit_fault(path.name, found, "picture_mb", key)
    if not 1 <= spec.nchannels <= allowed.picture_channels:
        raise make_limit_fault(path.name, f"{spec.nchannels} channels", "picture_channels", key)
    if spec.depth > 1:
        raise ShotError(f"{path.name}: found {spec.depth} layers in depth, needed a flat picture ({key})")
