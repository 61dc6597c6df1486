"""glTF: buffers and images that lie in files of their own, which the glTF names by `uri`."""

import json
import struct
from pathlib import Path
from urllib.parse import unquote

from shotmake.files.behind.named_files import Named

MAGIC, JSON_CHUNK = b"glTF", 0x4E4F534A


def list_names(path: Path) -> list[Named] | None:
    """List the files that a glTF names. Return None for a file that is not a glTF."""
    with open(path, "rb") as file:
        head = file.read(20)
        if head[:4] == MAGIC:
            if len(head) < 20:
                return None
            length, kind = struct.unpack("<II", head[12:20])
            text = file.read(length) if kind == JSON_CHUNK else b""
        else:
            text = head + file.read()
    try:
        tree = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict):
        return None
    blocks = [block for name in ("buffers", "images") for block in _as_list(tree.get(name))]
    uris = [block.get("uri") for block in blocks if isinstance(block, dict)]
    return [Named(unquote(uri)) for uri in uris if isinstance(uri, str) and not uri.startswith("data:")]


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else []
