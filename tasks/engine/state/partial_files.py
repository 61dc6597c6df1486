"""Where a file is written before it is complete: the same folder and suffix, a hidden name that says by whom."""

import contextlib
import glob
import os
import re
import secrets
import socket
import zlib
from pathlib import Path

from shotmake.tasks.engine.state.places import check_inside
from shotmake.tasks.show import build_folder, state_folder

HOST = os.environ.get("SHOTMAKE_HOST") or socket.gethostname()
PART = re.compile(r"^\.part-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{4}-")


def part_path(path: Path) -> Path:
    """ShotError where a link in the way of `path` leads out of the show."""
    check_inside(path.parent)
    return path.with_name(f".part-{_host()}-{os.getpid()}-{secrets.token_hex(2)}-{path.name}")


def remove_part(part: Path) -> None:
    """A part that will not be completed, and what its writer has put beside it: Blender writes name.blend@ first."""
    for path in [part, *part.parent.glob(f"{glob.escape(part.name)}?*")]:
        path.unlink(missing_ok=True)


def whole_name(name: str) -> str:
    """The name a part would get when complete; other names stay as they are."""
    return PART.sub("", name)


def remove_parts_of_the_dead() -> None:
    """What killed builds of this machine have left half-written."""
    for part in [*state_folder().rglob(".part-*"), *build_folder().rglob(".part-*")]:
        found = PART.match(part.name)
        if found and found["host"] == _host() and not is_alive(int(found["pid"])):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # another user's is that user's to remove
                part.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to take note of its end does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")  # a program's name is any bytes
        return text.rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _host() -> str:
    return f"{zlib.crc32(HOST.encode()):08x}"
