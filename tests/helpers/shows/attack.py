"""What the attack tests share: a shot that builds in seconds, builds to be killed, and what a project holds."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.shows.in_blender import blender
from helpers.shows.project import REPOSITORY, Project, Ran, make_project

YAML = """\
# @package _global_
shot:
  name: {name}
  footage: {{file: footage/{plate}, frame_range: {frame_range}}}
tracking:
  detect: {{min_tracks: 90}}
  track: {{segment_frames: 16}}
"""
SIGNATURE_OF_A_CRASH = "Traceback"


def small_movie(path: Path, seed: int = 7, frame_count: int = 40) -> Path:
    """A plate of 320x180 whose solve is `solved`."""
    from helpers.plates.synthetic import frames, make_plate, write_movie

    write_movie(path, frames(make_plate("desk", size_px=(320, 180), frame_count=frame_count, seed=seed)))
    return path


def shot_yaml(name: str = "mini", plate: str = "mini.mp4", frame_range: str = "null", more: str = "") -> str:
    return YAML.format(name=name, plate=plate, frame_range=frame_range) + more


def make_small(root: Path, movie: Path, more: str = "") -> Project:
    """A project with one shot, `mini`; nothing is built. `root` may be there already, empty."""
    if root.exists():
        root.rmdir()
    project = make_project(root)
    shutil.copy(movie, root / "footage" / "mini.mp4")
    project.write_shot("mini", shot_yaml(more=more))
    project.remove_other_shots("mini")
    return project


def copy_of(project: Project, root: Path) -> Project:
    shutil.copytree(project.root, root, symlinks=True, dirs_exist_ok=True)
    return Project(root)


# Builds that run while the test goes on


@dataclass
class Running:
    """A build in a session of its own, so that whatever it starts can be found."""

    process: subprocess.Popen
    log: Path

    @property
    def out(self) -> str:
        return self.log.with_suffix(".out").read_text()

    @property
    def err(self) -> str:
        return self.log.with_suffix(".err").read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def stage(self) -> str:
        """The task that began last; "start" before the first."""
        begun = [line.removeprefix(".  ") for line in self.out.splitlines() if line.startswith(".  ")]
        return begun[-1].split(":")[0] if begun else "start"

    def signal(self, number: int, group: bool) -> None:
        """To its whole process group, or to doit alone."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def wait(self, seconds: float = 120) -> Ran:
        code = self.process.wait(seconds)
        return Ran(code, self.out, self.err)

    def until(self, holds: Callable[[], object], seconds: float = 60) -> bool:
        """Wait until `holds`; False when the build ended before."""
        end = time.monotonic() + seconds
        while not holds():
            if self.has_ended:
                return False
            assert time.monotonic() < end, f"nothing for {seconds} s\n{self.out}\n{self.err}"
            time.sleep(0.005)
        return True

    def processes(self) -> dict[int, str]:
        """What is alive of its session: pid -> command line."""
        return {pid: words for pid, session, words in _processes() if session == self.process.pid}

    def blender_runs(self) -> bool:
        return any("build_composite.py" in words for words in self.processes().values())

    def leftovers(self, seconds: float = 5) -> dict[int, str]:
        """What still lives this long after the build is dead; ended here, so that it disturbs no other test."""
        end = time.monotonic() + seconds
        while (alive := self.processes()) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        return alive


def start(project: Project, *words: str, **environment: str) -> Running:
    """doit, begun and left running; environment as SHOTMAKE_HOST="a"."""
    return start_command(project, [sys.executable, "-m", "doit", *words], **environment)


_logs = iter(range(10**6))


def start_command(project: Project, command: list[str], **environment: str) -> Running:
    log = project.root.parent / f"{project.root.name}-{next(_logs)}"
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", **environment}
    with open(log.with_suffix(".out"), "w") as out, open(log.with_suffix(".err"), "w") as err:
        process = subprocess.Popen(
            command, cwd=project.root, env=everything, stdout=out, stderr=err, start_new_session=True
        )
    started.append(Running(process, log))
    return started[-1]


started: list[Running] = []


def end_all() -> None:
    """For the end of a test, however it ended."""
    while started:
        build = started.pop()
        for pid in build.processes():
            os.kill(pid, signal.SIGKILL)
        build.process.wait()


def _processes() -> list[tuple[int, int, str]]:
    """(pid, session, command line) of every process but zombies."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has just ended
                continue
            if state != "Z":
                found.append((int(folder.name), int(session), words))
    return found


# What a project holds

LIST_NAMED = """
import json, os, sys
import dodo
from shotmake.tasks.commands.build import publish
from shotmake.tasks.show import name_in_show
from shotmake.tasks.engine.stamp import read_stamp
named = {}
for shot, nodes in dodo.GRAPH._yield_good():
    for node in nodes.values():
        stamp = read_stamp(node.stamp_path) or {"kept": {}}
        for name, path in node.targets.items():
            named[name_in_show(path)] = [node.task_name, name]
        for kept in stamp["kept"]:
            named[kept] = [node.task_name, kept]
    folder = publish.find_folder(shot)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.startswith(".") and path.name not in publish.REPORTS:
            named[name_in_show(path)] = [f"publish:{nodes['footage'].shot}", path.name]
print(json.dumps(named))
"""


def named_files(project: Project, *words: str) -> dict[str, tuple[str, str]]:
    """Every target, kept and published file of the shot as the graph names them: path -> (task, name)."""
    ran = project.doit_with(sys.executable, "-c", LIST_NAMED, *words)
    assert ran.code == 0, ran.err
    return {path: (task, name) for path, (task, name) in json.loads(ran.out).items()}


def contents(project: Project, *words: str) -> dict[str, str]:
    """Path -> what must be equal wherever the same shot is built from the same plate."""
    return {path: meaning(project.root / path) for path in named_files(project, *words)}


def meaning(path: Path) -> str:
    """The file's bytes as a digest; of a .blend the canonical dump, of a movie the frames that decode, of a page all
    but its pictures, which are of a movie."""
    if not path.is_file():
        return "missing"
    data = path.read_bytes()
    found = hashlib.sha256(re.sub(rb"base64,[^\"]*", b"", data) if path.suffix == ".html" else data).hexdigest()
    if path.suffix == ".blend":
        return _dump(found, path)
    return f"{_frames_that_decode(path)} frames" if path.suffix == ".mp4" else found


_dumps: dict[str, str] = {}


def _dump(found: str, path: Path) -> str:
    if found not in _dumps:
        out = path.with_name(f"dump-of-{path.name}.json")
        blender("dump_blend.py", "--blend", path, "--out", out)
        _dumps[found] = hashlib.sha256(out.read_bytes()).hexdigest()
        out.unlink()
    return _dumps[found]


def _frames_that_decode(path: Path) -> int:
    import av

    with av.open(str(path)) as movie:
        return sum(1 for _ in movie.decode(video=0))


def litter(project: Project) -> list[str]:
    """What no finished build may leave: half-written files, leases, held locks, copies of what nobody edited."""
    root = project.root
    found = [path for path in root.rglob(".part-*")]
    found += (root / "build").rglob("*.edited-*")
    locks = root / ".gsd-state" / "locks"
    found += [path for path in locks.glob("*") if path.name != "building" and not path.name.startswith("slot-")]
    found += [path for path in locks.glob("*") if is_held(path)]
    return sorted({str(path.relative_to(root)) for path in found})


def is_held(path: Path) -> bool:
    import fcntl

    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def one_clear_line(ran: Ran, *expected: str) -> None:
    """A user's fault: exit code 1, one line on stderr that holds the words, no traceback."""
    assert ran.code == 1, (ran.code, ran.out, ran.err)
    assert SIGNATURE_OF_A_CRASH not in ran.err and len(ran.fault_lines) == 1, ran.err
    for words in expected:
        assert words in ran.fault_lines[0], ran.err


def can_mount() -> str:
    """ "" when this user may mount a tmpfs, else why not."""
    import tempfile

    folder = tempfile.mkdtemp()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True, text=True)
    if done.returncode:
        return f"no tmpfs can be mounted here: {done.stderr.strip()}"
    subprocess.run(["umount", folder], check=True)
    return ""
