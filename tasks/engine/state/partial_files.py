"""The place where a file is written before it is complete: the same folder and suffix, under a hidden name that says
who writes it.
"""

import contextlib
import glob
import os
import re
import secrets
import socket
import zlib
from pathlib import Path

from shotmake.tasks.engine.state.confined_paths import check_inside
from shotmake.tasks.show import get_build_folder, get_state_folder

HOST = os.environ.get("SHOTMAKE_HOST") or socket.gethostname()
PART = re.compile(r"^\.part-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{4}-")


def make_part_path(path: Path) -> Path:
    """Return a hidden path beside `path` to write its content to. Raises ShotError where a link in its way leads out of
    the show.
    """
    check_inside(path.parent)
    return path.with_name(f".part-{_hash_host()}-{os.getpid()}-{secrets.token_hex(2)}-{path.name}")


def remove_part(part: Path) -> None:
    """Remove a part that will not be completed, and what its writer has put beside it: Blender writes name.blend@
    first.
    """
    for path in [part, *part.parent.glob(f"{glob.escape(part.name)}?*")]:
        path.unlink(missing_ok=True)


def find_whole_name(name: str) -> str:
    """Return the name that a part gets when it is complete; any other name is returned as it is."""
    return PART.sub("", name)


def remove_parts_of_the_dead() -> None:
    """Remove the half-written files that killed builds of this machine have left."""
    for part in [*get_state_folder().rglob(".part-*"), *get_build_folder().rglob(".part-*")]:
        found = PART.match(part.name)
        if found and found["host"] == _hash_host() and not is_alive(int(found["pid"])):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # only its owner may remove another user's
                part.unlink()


def is_alive(pid: int) -> bool:
    """Return whether a process runs. A process that only waits for its parent to notice its end does not."""
    try:
        # errors="replace": the name of a program in this file may be any bytes.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _hash_host() -> str:
    return f"{zlib.crc32(HOST.encode()):08x}"
