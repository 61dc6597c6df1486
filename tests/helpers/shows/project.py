"""Temporary shows in which the real command line runs."""

import compileall
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from shotmake.tasks import show

REPOSITORY = Path(__file__).resolve().parents[3]
SHOW = ("dodo.py", "conf")  # what a show consists of, besides plates
TESTS = REPOSITORY / "tests"
DATA = TESTS / "data"
IN_BLENDER = TESTS / "blender"  # scripts that run inside Blender
CODE = ("shotmake", "tasks", "hydra_plugins", "blender_scripts")


def open_in_process(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Take `folder` as the show of this process, until the test ends."""
    monkeypatch.setattr(show, "_opened", [folder.resolve()])


@dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def executed(self) -> list[str]:
        """Names of the tasks that ran, in order."""
        return [line.removeprefix(".  ") for line in self.out.splitlines() if line.startswith(".  ")]

    @property
    def fault_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


@dataclass(frozen=True)
class Project:
    """A show in a folder of its own, run by the code of this repository or of another.

    code: where its `shotmake` lies.
    """

    root: Path
    code: Path = REPOSITORY

    def with_own_code(self) -> "Project":
        """The same show, as a clone: with a copy of our code, which a test may change, beside its dodo.py."""
        for name in CODE:
            shutil.copytree(REPOSITORY / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        return Project(self.root, self.root)

    def run(self, *words: str) -> Ran:
        return self.doit_with(sys.executable, "-m", "doit", *words)

    def python(self, *words: str) -> Ran:
        return self.doit_with(sys.executable, "dodo.py", *words)

    def doit_with(self, *command: str, **more: str) -> Ran:
        """more: environment variables, as SHOTMAKE_LEASE_S="1"."""
        environment = {**os.environ, "PYTHONPATH": str(self.code), **more}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=900)
        return Ran(done.returncode, done.stdout, done.stderr)

    def built(self, *words: str) -> Ran:
        """Run and insist on success."""
        ran = self.run(*words)
        assert ran.code == 0, f"doit {' '.join(words)}\n{ran.out}\n{ran.err}"
        return ran

    def write_shot(self, name: str, text: str) -> Path:
        path = self.root / "conf" / "shot" / f"{name}.yaml"
        path.write_text(text)
        return path

    def remove_other_shots(self, keep: str) -> None:
        for path in (self.root / "conf" / "shot").glob("*.yaml"):
            if path.stem != keep:
                path.unlink()


def make_project(root: Path, code: Path = REPOSITORY) -> Project:
    """Copy the show (not its plates) into a new folder, compiled: hundreds of tests would each compile it again."""
    root.mkdir(parents=True)
    for name in SHOW:
        source = code / name
        if source.is_dir():
            compileall.compile_dir(source, quiet=2)
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    (root / "footage").mkdir()
    return Project(root, code)


def is_of_a_whole_result(record: Path) -> bool:
    """Whether a stamp was written behind its targets; before them a build announces what is coming."""
    try:
        return "coming" not in json.loads(record.read_text())
    except FileNotFoundError:  # it was replaced just now
        return False


MINI_YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4}
tracking:
  detect: {min_tracks: 120}
"""


def make_mini(root: Path, movie: Path) -> Project:
    project = make_project(root)
    shutil.copy(movie, root / "footage" / "mini.mp4")
    project.write_shot("mini", MINI_YAML)
    project.remove_other_shots("mini")
    return project
