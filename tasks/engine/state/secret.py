"""A secret of this user, by which the build recognizes the rows of its own memory. The sender of a show does not have
it.
"""

import contextlib
import hashlib
import os
import stat
from functools import cache as once
from pathlib import Path

from shotmake.tasks.show import get_show_folder

BYTES = 32


@once
def read_secret() -> bytes:
    """Return the secret: 32 bytes in $XDG_CACHE_HOME/shotmake (or ~/.cache/shotmake), made if they are missing.

    Where no secret can be kept, it is one for this process and the processes forked from it.
    """
    path = _find_path()
    if path is None:
        return os.urandom(BYTES)
    with contextlib.suppress(OSError):
        if (found := _read(path)) is not None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(number, os.urandom(BYTES))
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(part, path)
        finally:
            os.close(number)
            part.unlink()
        if (found := _read(path)) is not None:
            return found
    return os.urandom(BYTES)


def _find_path() -> Path | None:
    """Return where the secret lies; None without a home, and in a show, where files may come from a stranger."""
    home = os.environ.get("XDG_CACHE_HOME") or (f"{os.environ['HOME']}/.cache" if os.environ.get("HOME") else "")
    if not os.path.isabs(home) or Path(os.path.realpath(home)).is_relative_to(get_show_folder()):
        return None
    return Path(home) / "shotmake" / "secret"


def _read(path: Path) -> bytes | None:
    """Return the secret in a file; None when the file is missing, not whole, or open to other users."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(number, "rb") as file:
        seen = os.fstat(number)
        private = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
        found = file.read(BYTES + 1) if private else b""
    return found if len(found) == BYTES else None


def sign(*words: str) -> str:
    """Return a short proof that this user wrote these words."""
    keyed = hashlib.blake2b(digest_size=16, key=read_secret())
    for word in words:
        data = word.encode(errors="surrogatepass")
        keyed.update(len(data).to_bytes(8, "big") + data)
    return keyed.hexdigest()


@once
def name_owner() -> str:
    """Return a name for the secret that does not give it away. Each user of a shared show has rows under
    such a name.
    """
    return sign("owner")[:8]
