"""Kernels are compiled once a machine, for all clones, never from a stale copy; no build fails for want of a cache."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows.attack import make_small
from helpers.shows.project import REPOSITORY, Project
from helpers.tiers import more
from shotmake.files.user_cache import find_kernels
from shotmake.prepare_kernels import PARTS

SCALE = "FACTOR = 3\n"
INNER = """
from shotmake.geometry.compiled import compiled

@compiled
def double(x):
    return 2 * x
"""
OUTER = """
import inner
from inner import double
from scale import FACTOR
from shotmake.geometry.compiled import compiled

@compiled
def work(x):
    return FACTOR * double(x)

if __name__ == "__main__":
    print(work(7.0))
"""


class Package:
    """A small package with kernels, in a folder of its own."""

    def __init__(self, folder: Path, cache: Path):
        self.folder, self.cache = folder, cache
        folder.mkdir()
        self.write(scale=SCALE, inner=INNER, outer=OUTER)

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(text)

    def run(self, folder: Path | None = None) -> float:
        """What the kernel returns for 7, in a process of its own. folder: its working folder."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(self.cache)}
        command = [sys.executable, "-B", str(self.folder / "outer.py")]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return float(done.stdout)

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.cache / "shotmake" / "kernels").iterdir())}


@pytest.fixture
def package(tmp_path) -> Package:
    return Package(tmp_path / "one", tmp_path / "cache")


def test_a_second_clone_compiles_nothing(package, tmp_path):
    assert package.run() == 42
    made = package.files
    assert len(made) == 4  # an index and the code, of two kernels
    clone = Package(tmp_path / "two", package.cache)
    assert clone.run() == 42 and clone.files == made


@pytest.mark.parametrize(
    ("change", "result"),
    [({"scale": "FACTOR = 5\n"}, 70), ({"inner": INNER.replace("2 * x", "4 * x")}, 84)],
)
def test_what_another_file_says_is_part_of_a_kernel(package, change, result):
    """numba's own cache looks at the kernel's own file alone, and would return 42."""
    assert package.run() == 42
    package.write(**change)
    assert package.run() == result
    package.write(scale=SCALE, inner=INNER)
    assert package.run() == 42


@pytest.mark.parametrize(
    ("ending", "damage"), [(".nbi", b"garbage"), (".nbc", None), *more((".nbi", b""), (".nbi", None))]
)
def test_a_damaged_cache_costs_time_only(package, ending, damage):
    assert package.run() == 42
    for path in (package.cache / "shotmake" / "kernels").glob(f"*{ending}"):
        path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    assert package.run() == 42


def test_without_a_home_kernels_are_kept_beside_the_code_or_not_at_all(package, tmp_path):
    package.cache = tmp_path / "file"
    package.cache.write_text("not a folder")
    assert package.run() == 42
    beside = package.folder / "__pycache__"
    assert len([path for path in beside.iterdir() if path.suffix in (".nbi", ".nbc")]) == 4
    shutil.rmtree(beside)
    beside.write_text("not a folder either")
    assert package.run() == 42


def test_compiled_code_that_a_show_brings_along_does_not_run(package):
    """A stranger's show with a folder .cache, opened where it is the user's home."""
    assert package.run() == 42
    kernels = package.cache / "shotmake" / "kernels"
    bomb = pickle.dumps(Bomb(str(package.folder / "ran")))
    for path in kernels.glob("*.nb?"):
        path.write_bytes(bomb)
    assert package.run(package.cache.parent) == 42 and not (package.folder / "ran").exists()
    assert {path.read_bytes() for path in kernels.glob("*.nb?")} == {bomb}  # they were not even touched
    package.run()  # elsewhere the cache is the user's own, and believed
    assert (package.folder / "ran").exists()


class Bomb:
    """What makes a file when it is unpacked."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (self.path, "w")


@pytest.fixture(scope="module")
def show(tmp_path_factory, small_movie) -> Project:
    return make_small(tmp_path_factory.mktemp("kernels") / "show", small_movie)


def test_what_is_prepared_is_all_that_a_build_needs(show):
    """tests/conftest.py has prepared the kernels."""
    folder = find_kernels()
    assert folder is not None
    before = {path.name for path in folder.glob("*.nbc")}
    assert {path.name.rpartition("-")[0] for path in folder.glob("*.ready")} >= set(PARTS)
    ran = show.built("solve", "shot=mini")
    assert "solved" in ran.out and "preparing" not in ran.out
    assert {path.name for path in folder.glob("*.nbc")} == before


@pytest.mark.matrix  # it compiles the largest kernel
def test_a_machine_without_kernels_is_told_once(show, tmp_path):
    """A part is enough to see it: the other two are there, as files that say so."""
    code = (
        "import shotmake.prepare_kernels as p; p.PARTS['match'] = lambda: print('made')\n"
        "for part in ('follow', 'solve'): p.place_ready(part).touch()\n"
        "import sys; sys.argv = ['', 'match', 'follow']; p.main(); sys.argv.pop(); p.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(tmp_path / "c")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("made\n", "")
    for path in (tmp_path / "c" / "shotmake" / "kernels").glob("match-*.ready"):
        path.unlink()
    own = {"XDG_CACHE_HOME": str(tmp_path / "c"), "SHOTMAKE_BLENDER_HOME": "/none"}
    ran = show.doit_with(sys.executable, "-m", "doit", "tracks", "shot=mini", "tracking.detect.min_tracks=57", **own)
    assert ran.code == 0 and ran.out.count("preparing the tracker, once on this machine") == 1, ran.out + ran.err
    ran = show.doit_with(sys.executable, "-m", "doit", "tracks", "shot=mini", "tracking.detect.min_tracks=58", **own)
    assert ran.code == 0 and "preparing" not in ran.out, ran.out + ran.err
