"""Another user of this machine, as root can play one: a command line with that user's rights, umask and home."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpers.shows.project import REPOSITORY, Project, Ran

GROUP = 27_000  # of no user of this machine
NUMBERS = (27_001, 27_002)


@dataclass(frozen=True)
class OtherUser:
    """number: the user's; home None: the environment names none."""

    number: int
    home: Path | None
    umask: int = 0o022
    group: int = GROUP

    def run(self, project: Project, *words: str, **environment: str) -> Ran:
        """`doit <words>` in the show."""
        path = os.pathsep.join([str(project.code), sysconfig.get_path("purelib")])
        everything = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        if self.home is not None:
            everything["HOME"] = str(self.home)
        done = subprocess.run(
            [python_for_all() or "", "-m", "doit", *words],
            cwd=project.root,
            env=everything,
            capture_output=True,
            text=True,
            timeout=300,
            user=self.number,
            group=self.group,
            extra_groups=[],
            umask=self.umask,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def why_not() -> str:
    """ "" when other users can be played here, else why not."""
    if os.geteuid() != 0:
        return "only root can run a program as another user"
    if python_for_all() is None:
        return f"found no Python {sys.version_info[0]}.{sys.version_info[1]} that other users may run"
    for path in (REPOSITORY, Path(sysconfig.get_path("purelib"))):
        if not _is_open(path):
            return f"other users may not read {path}"
    return ""


def python_for_all() -> str | None:
    """A Python of this version that everybody may run: this one, or the system's."""
    name = "python{}.{}".format(*sys.version_info[:2])
    found = (os.path.realpath(sys.executable), shutil.which(name, path="/usr/local/bin:/usr/bin:/bin"))
    return next((one for one in found if one and _is_open(Path(one))), None)


def _is_open(path: Path) -> bool:
    real = Path(os.path.realpath(path))
    return all(one.stat().st_mode & 0o001 for one in (real, *real.parents))


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that everybody may enter: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="shotmake-users-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def give(root: Path, user: int, mode: int) -> None:
    """Make all below root the user's and GROUP's. mode: of the folders; files get the same without the x and s bits."""
    for place, _, names in os.walk(root):
        os.chown(place, user, GROUP)
        os.chmod(place, mode)
        for name in names:
            os.chown(os.path.join(place, name), user, GROUP)
            os.chmod(os.path.join(place, name), mode & 0o666)
