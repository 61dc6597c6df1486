"""Bombs: small files that ask for much. Each is made of a small honest one of its format (reader_fuzz)."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable


def laughs(depth: int = 9) -> bytes:
    """Aliases of aliases: 379 bytes of YAML that unfold to gigabytes once somebody writes them down."""
    rows = ["a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]"]
    for before, name in zip("abcdefgh"[: depth - 1], "bcdefghi", strict=False):
        rows.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    return "\n".join([*rows, "distortion_model: *i", "camera_matrix: *i", "dist_coeffs: []", ""]).encode()


def npy(shape: object, kind: str = "<f8", data: bytes = b"") -> bytes:
    head = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + data


def npz(arrays: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, data in arrays.items():
            archive.writestr(f"{name}.npy", data)
    return made.getvalue()


def tracks_of(xy_px: bytes) -> bytes:
    names = {"track_id": "<i4", "frame": "<i4", "quality": "<f4", "status": "|u1"}
    return npz({**{name: npy((0,), kind) for name, kind in names.items()}, "xy_px": xy_px})


def exr_window(data: bytes, which: bytes, window: tuple[int, int, int, int]) -> bytes:
    at = data.index(which + b"\0box2i\0") + len(which) + 11
    return data[:at] + struct.pack("<4i", *window) + data[at + 16 :]


def png_of(data: bytes, width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def jpeg_of(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">2H", height, width) + data[at + 4 :]


def movie_of(data: bytes, frames: int) -> bytes:
    """An mp4 whose tables announce so many frames, all of one size and in one piece."""
    made = bytearray(data)
    for name, place, values in ((b"stsz", 8, (1, frames)), (b"stsc", 16, (frames,)), (b"stts", 12, (frames,))):
        at = made.index(name) + place
        struct.pack_into(f">{len(values)}L", made, at, *values)
    for name in (b"ctts", b"stss", b"edts"):
        if (at := made.find(name)) >= 0:
            made[at : at + 4] = b"free"
    return bytes(made)


def with_accessor(data: bytes, count: int) -> bytes:
    """A .glb whose first array announces so many numbers."""
    (length,) = struct.unpack("<I", data[12:16])
    text = data[20 : 20 + length].replace(b'"count": 8', b'"count": %d' % count, 1)
    text += b" " * (-len(text) % 4)
    return data[:12] + struct.pack("<I", len(text)) + data[16:20] + text + data[20 + length :]


# what it is -> the honest file of which it is made, how, and what is said of it
BOMBS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "yaml laughs": ("opencv.yaml", lambda data: laughs(), r"raise limits\.yaml_nodes"),
    "yaml itself": ("opencv.yaml", lambda data: b"camera_matrix: &a [*a]\n", r":1:20: found \*a inside of &a"),
    "yaml chain": (
        "shot.yaml",
        lambda data: b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 3000)),
        r"raise limits\.yaml_depth",
    ),
    "yaml brackets": ("shot.yaml", lambda data: b"[" * 20_000, "nesting depth"),
    "yaml digits": ("shot.yaml", lambda data: b"a: " + b"9" * 900_000, "a number of 900000 characters"),
    "yaml base 60": ("shot.yaml", lambda data: b"a: " + b"1:" * 300_000 + b"1", "a number of 600001 characters"),
    "yaml values": ("shot.yaml", lambda data: b"- 1\n" * 240_000, r"raise limits\.yaml_nodes"),
    "yaml size": ("shot.yaml", lambda data: b"#" * 2_000_000, r"raise limits\.yaml_mb"),
    "yaml in utf-16": ("shot.yaml", lambda data: data.decode().encode("utf-16"), "found UTF-16, needed UTF-8"),
    "yaml in latin-1": ("shot.yaml", lambda data: data + b"# \xe9\n", ":10: found the byte 0xe9, needed UTF-8"),
    "yaml NUL": ("shot.yaml", lambda data: data + b"\0", ":10: found a NUL byte"),
    "json brackets": ("a.json", lambda data: b"[" * 20_000 + b"]" * 20_000, r"raise limits\.json_depth"),
    "json objects in one another": ("ours.json", lambda data: b'{"a":' * 20_000, r"none of the formats|json_depth"),
    "json brackets behind brackets in words": (
        "coco.json",
        lambda data: b'{"images": ["' + b"]" * 900 + b'", ' + b"[" * 500 + b"]" * 500 + b"]}",
        r"raise limits\.json_depth",
    ),
    "json objects": ("grid.json", lambda data: b"[" + b"[]," * 5_000_001 + b"[]]", r"raise limits\.json_objects"),
    "json digits": ("opencv.json", lambda data: b'{"K": ' + b"9" * 1_000_000 + b"}", "over 4300 digits"),
    "text line": ("t.csv", lambda data: data + b"1" * 1_500_000, r"raise limits\.text_line_mb"),
    "frame 10^12": ("t.csv", lambda data: data.replace(b",1003,", b",1000000000000,"), "frame 1e.12, needed"),
    "nk knob": (
        "a.nk",
        lambda data: b"Camera3 {\n translate {" + (b"1 " * 400_000 + b"\n") * 25,
        r"raise limits\.knob_mb",
    ),
    "npz header": ("t.npz", lambda data: tracks_of(npy((10**12, 2), "<f4")), "fills the 0 bytes"),
    "npz of nothing": ("t.npz", lambda data: tracks_of(npy((10**12, 0), "<f4")), "needed one that holds something"),
    "npz packed": (
        "t.npz",
        lambda data: tracks_of(npy((50_000_000, 2), "<f4", bytes(400_000_000))),
        r"found 400 MB packed .* raise limits\.npz_mb",
    ),
    "npz directory": (
        "t.npz",
        lambda data: npz({str(at): b"" for at in range(30_000)}, zipfile.ZIP_STORED),
        r"raise limits\.npz_arrays",
    ),
    "npz of objects": ("t.npz", lambda data: tracks_of(npy((1,), "|O", bytes(8))), "needed numbers or text"),
    "exr data": (
        "a.exr",
        lambda data: exr_window(data, b"dataWindow", (0, 0, 11_999, 11_999)),
        r"limits\.picture_mb|malicious",
    ),
    "exr display": (
        "a.exr",
        lambda data: exr_window(data, b"displayWindow", (0, 0, 99_999, 99_999)),
        r"raise limits\.picture_mpx",
    ),
    "st-map": (
        "map.exr",
        lambda data: exr_window(data, b"dataWindow", (0, 0, 11_999, 11_999)),
        r"limits\.picture_mb|malicious",
    ),
    "png": ("a.png", lambda data: png_of(data, 16_000, 16_000), r"raise limits\.picture_mb|malicious"),
    "png part": ("a.png", lambda data: data[:33] + b"\x7f\xff\xff\xffzTXt", "ends early|hit end of file"),
    "dpx": (
        "a.dpx",
        lambda data: data[:772] + struct.pack("<2I", 16_000, 16_000) + data[780:],
        r"raise limits\.picture_mb|malicious",
    ),
    "jpeg": (
        "a.jpg",
        lambda data: (
            (at := data.index(b"\xff\xc0") + 5) and data[:at] + struct.pack(">2H", 65000, 65000) + data[at + 4 :]
        ),
        "malicious|picture_m",
    ),
    "a playlist for a picture": ("a.exr", lambda data: b"#EXTM3U\n/etc/passwd\n", "not those of EXR, DPX, PNG"),
    "movie frames": ("a.mp4", lambda data: movie_of(data, 50_000_000), r"announces 50000000 frames.*movie_frames"),
    "usd": ("a.usda", lambda data: b"#usda 1.0\n" + b'def "a" {' * 20_000, r"raise limits\.camera_depth"),
    "gltf": ("a.glb", lambda data: with_accessor(data, 10**12), r"raise limits\.camera_values"),
    "cut": ("a.otio", lambda data: b"[" * 100_000, r"raise limits\.json_depth"),
}
