"""A stage -> a doit task: its key, its lock, its atomic targets and its stamp.

A stage reads inputs, calls one pure function with its own slice of the config, and writes targets.
What is hashed into the key is exactly what the function is given.
"""

import contextlib
import fcntl
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.config import Config
from shotmake.errors import ShotError
from tasks import ROOT, STATE
from tasks.digests import digest, signature
from tasks.stamp import json_bytes, part_path, put_in_place, read_stamp, short_hash, why_stale, write_atomically


@dataclass(frozen=True)
class Job:
    """What a stage's build gets: its settings, files to read, files to write (not yet under their names)."""

    shot: str
    settings: dict
    inputs: dict[str, Path]
    targets: dict[str, Path]

    def progress(self, total: int | None, label: str, unit: str = "frames") -> "Progress":
        return Progress(total, f"   {label} {self.shot}", unit)


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline, as declared in tasks/<stage>.py."""

    name: str
    version: int  # raised by hand when the numbers change, so that cosmetic edits rebuild nothing
    targets: dict[str, str]  # name -> path in .gsd-state; {id} is "<shot>-<key>"
    settings: Callable[[Config], dict]
    build: Callable[[Job], str]  # returns one line on what came out
    reads: tuple[str, ...] | Callable[[Config], tuple[str, ...]] = ()  # names of earlier stages' targets
    files: Callable[[Config], dict[str, Path]] = lambda config: {}  # outside files it reads
    wanted: Callable[[Config], bool] = lambda config: True
    after: tuple[str, ...] = ()  # tasks that make its tools


@dataclass(frozen=True)
class Node:
    """A stage of one shot: where it reads and writes."""

    stage: Stage
    shot: str
    key: str
    settings: dict
    reads: dict[str, Path]
    targets: dict[str, Path]
    needs: tuple["Node", ...]
    config: Config = field(repr=False)

    @property
    def task_name(self) -> str:
        return f"{self.stage.name}:{self.shot}"

    @property
    def stamp_path(self) -> Path:
        first = next(iter(self.targets.values()))
        return first.with_name(f"{first.name}.stamp.json")

    @property
    def made_by(self) -> dict:
        return {"stage": self.stage.name, "version": self.stage.version, "settings": self.settings}

    def inputs(self) -> dict[str, Path]:
        """Every file it reads; ShotError when an outside file is not there."""
        return {**self.reads, **self.stage.files(self.config)}

    def why_stale(self, thorough: bool = False) -> str:
        """"" when up to date, else the reason."""
        try:
            inputs = self.inputs()
        except ShotError as error:
            return error.faults[0]
        return why_stale(read_stamp(self.stamp_path), self.made_by, inputs, self.targets, thorough)


def nodes(config: Config, stages: tuple[Stage, ...]) -> dict[str, Node]:
    """The graph of one shot: stage name -> node, in order, without the stages it has no use for."""
    made: dict[str, Node] = {}
    maker: dict[str, Node] = {}  # target name -> the node that writes it
    for stage in stages:
        if not stage.wanted(config):
            continue
        names = stage.reads(config) if callable(stage.reads) else stage.reads
        sources = [name for name in names if name in maker]
        needs = tuple({maker[name].stage.name: maker[name] for name in sources}.values())
        settings = stage.settings(config)
        key = short_hash([stage.name, stage.version, settings, [node.key for node in needs]])
        targets = {
            name: STATE / pattern.format(id=f"{config.shot.name}-{key}") for name, pattern in stage.targets.items()
        }
        reads = {name: maker[name].targets[name] for name in sources}
        node = Node(stage, config.shot.name, key, settings, reads, targets, needs, config)
        made[stage.name] = node
        maker.update(dict.fromkeys(targets, node))
    return made


def doit_task(node: Node) -> dict:
    """doit schedules; the stamp decides."""
    return {
        "name": node.shot,
        "doc": f"{node.shot} {node.key}",
        "actions": [(build, [node])],
        "uptodate": [lambda: not node.why_stale()],
        "targets": [os.path.relpath(path, ROOT) for path in node.targets.values()],
        "task_dep": [need.task_name for need in node.needs] + list(node.stage.after),
        "clean": [(clean, [node])],
        "verbosity": 2,
    }


def build(node: Node) -> TaskFailed | None:
    """Build one node under its lock. A user's fault becomes a failed task with one line a fault."""
    try:
        with locked(node):
            reason = node.why_stale()
            if reason:  # else another process built it while we waited
                _build(node)
    except ShotError as error:
        return TaskFailed("\n".join(f"{node.task_name}: {fault}" for fault in error.faults))
    except OSError as error:
        if error.filename is None:
            raise
        return TaskFailed(f"{node.task_name}: cannot write or read {error.filename}: {error.strerror}")
    return None


def _build(node: Node) -> None:
    started = time.time()
    inputs = node.inputs()
    before = {name: signature(path) for name, path in inputs.items()}
    digests = {name: digest(path) for name, path in inputs.items()}
    parts = {name: part_path(path) for name, path in node.targets.items()}
    for part in parts.values():
        part.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
    try:
        line = node.stage.build(Job(node.shot, node.settings, inputs, parts))
        changed = [name for name, path in inputs.items() if signature(path) != before[name]]
        if changed:
            raise ShotError(f"{inputs[changed[0]].name} changed while it was being read; run doit again")
        made = {name: digest(part) for name, part in parts.items()}
        for name, part in parts.items():
            put_in_place(part, node.targets[name])
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    seconds = time.time() - started
    stamp = {"made_by": node.made_by, "inputs": digests, "targets": made, "timing": {"seconds": round(seconds, 3)}}
    write_atomically(node.stamp_path, json_bytes(stamp))
    print(f"   {line} ({seconds:.1f} s)")


def clean(node: Node, dryrun: bool) -> None:
    """`doit clean`: remove this node's targets and its stamp."""
    for path in [node.stamp_path, *node.targets.values()]:
        if path.exists():
            print(f"{node.task_name} - removing {os.path.relpath(path, ROOT)}")
            if not dryrun:
                path.unlink()


@contextlib.contextmanager
def locked(node: Node) -> Iterator[None]:
    """One process builds a target; others wait and say for what. The lock dies with its owner."""
    folder = STATE / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{node.stage.name}-{node.shot}-{node.key}", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"   waiting for another process to build {node.task_name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Progress:
    """A bar with frames/s and time left on a terminal, nothing elsewhere. Call it with the count done."""

    def __init__(self, total: int | None, label: str, unit: str):
        terminal = sys.__stderr__  # doit captures sys.stderr while a task runs
        self._arguments = {"total": total, "desc": label, "unit": f" {unit}", "leave": False, "file": terminal}
        self._bar = None

    def __enter__(self) -> "Progress":
        terminal = self._arguments["file"]
        alone = multiprocessing.parent_process() is None  # the bars of several workers would overwrite each other
        if alone and terminal is not None and terminal.isatty():
            from tqdm import tqdm

            self._bar = tqdm(**self._arguments)
        return self

    def __exit__(self, *problem) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def say(self, step: str) -> None:
        """What a stage without frames is doing now."""
        if self._bar is not None:
            self._bar.set_postfix_str(step)
