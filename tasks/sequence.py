"""Sequences: frames made by Blender, each stored whole with a stamp of its own, under a key of what they depend on.

Which frames are asked for is no part of that: a killed build goes on with the missing ones, another range makes only
what is new, and any number of builds, on any number of machines, share the frames between them.
"""

import os
import selectors
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from shotmake.errors import ShotError
from tasks import ROOT, STATE, claims, slices, workers
from tasks.digests import digest, signature, wait_until_settled
from tasks.frame_server import FrameServer
from tasks.input_faults import digests_of
from tasks.locks import locked, locked_if_free
from tasks.parts import part_path, remove_part
from tasks.places import make_folder
from tasks.progress import Progress
from tasks.stage import Job, Node, Stage
from tasks.stamp import announce, put_in_place, read_stamp, short_hash, why_damaged, write_stamp
from tasks.watchdog import waiting

ONLY_CHOOSE = ("frames", "frame_range")  # settings that pick frames and change none


@dataclass(frozen=True)
class Sequence:
    """Where the frames lie and what they depend on; `inputs` and `files` by the names of the stage's inputs."""

    folder: Path  # in .gsd-state; its name ends in the key
    shot: str
    ending: str
    made_by: dict
    inputs: dict[str, str]  # digests
    files: dict[str, Path]

    @property
    def key(self) -> str:
        return self.folder.name[-12:]

    def path(self, frame: int) -> Path:
        return self.folder / f"{self.shot}.{frame:04d}.{self.ending}"

    def stamp_path(self, frame: int) -> Path:
        path = self.path(frame)
        return path.with_name(f"{path.name}.stamp.json")

    def stored(self, frame: int) -> str | None:
        """The digest of a frame that is there as it was made; None when it has to be made."""
        stamp = read_stamp(self.stamp_path(frame))
        if stamp is None or stamp["made_by"] != self.made_by or stamp["inputs"] != self.inputs_of(frame):
            return None
        return None if why_damaged(stamp, {"frame": self.path(frame)}) else stamp["targets"]["frame"]

    def inputs_of(self, frame: int) -> dict[str, str]:
        """All digests but those of the plate's other pictures."""
        return {name: found for name, found in self.inputs.items() if name in self._common or name == f"plate {frame}"}

    @cached_property
    def _common(self) -> set[str]:
        return common(self.inputs)

    @cached_property
    def _seen(self) -> dict[str, str]:
        """Signatures from before the first frame was made."""
        wait_until_settled(self.files.values())
        return {name: signature(path) for name, path in self.files.items()}

    def note_inputs(self) -> None:
        """ShotError when one is no longer what its digest says."""
        for name in self._seen:
            if digest(self.files[name]) != self.inputs[name]:
                raise _changed(self.files[name])

    def check_unchanged(self, frame: int) -> None:
        for name in self.inputs_of(frame):
            path = self.files[name]
            if not path.is_file() or signature(path) != self._seen[name]:
                raise _changed(path)


def common(inputs: dict) -> set[str]:
    """Names of the inputs that all frames depend on: all but a plate's single pictures (a movie is one file)."""
    pictures = [name for name in inputs if name.startswith("plate ")]
    return set(inputs) - set(pictures if len(pictures) > 1 else ())


def of_job(job: Job, stage: Stage) -> Sequence:
    """The frames that a build of this stage makes."""
    made_by = slices.made_by(stage.name, stage.version, job.settings)
    place = Place(STATE / stage.frames, job.shot, job.settings["format"])
    return _sequence(place, made_by, job.inputs, job.digests)


def of_node(node: Node) -> Sequence | None:
    """The same without a build; None while something that the frames depend on is not there."""
    try:
        inputs = node.inputs()
        digests = digests_of(inputs)
    except (ShotError, OSError):
        return None
    place = Place(STATE / node.stage.frames, node.shot, node.settings["format"])
    return _sequence(place, node.made_by, inputs, digests)


class Place(NamedTuple):
    """Where frames lie, but for their key."""

    folder: Path
    shot: str
    ending: str


def _sequence(place: Place, made_by: dict, files: dict[str, Path], digests: dict[str, str]) -> Sequence:
    settings = {name: value for name, value in made_by["settings"].items() if name not in ONLY_CHOOSE}
    made_by = {**made_by, "settings": settings}
    key = short_hash([made_by, {name: digests[name] for name in common(digests)}])
    return Sequence(place.folder / f"{place.shot}-{key}", place.shot, place.ending, made_by, digests, files)


LOOK_S = 0.5  # while no frame is finished

Starter = Callable[[list[int]], FrameServer]  # cores -> a Blender that makes these frames


def make(sequence: Sequence, frames: list[int], job: Job, start: Starter) -> int:
    """Make those of the frames that are not there, with as many Blenders as `-n N` and the machine allow -> how many
    were made here. Frames that others are making are left to them and waited for.

    Raises what ended a Blender; the frames made before stay.
    """
    todo = [frame for frame in frames if not sequence.stored(frame)]
    if not todo:
        return 0
    make_folder(sequence.folder)
    sequence.note_inputs()
    with job.progress(len(todo), "rendering", in_workers=True) as bar, Crew(start) as crew:
        return _make(sequence, todo, crew, bar)


def _make(sequence: Sequence, todo: list[int], crew: "Crew", bar: Progress) -> int:
    total, made = len(todo), 0
    while todo or crew.tasks:
        while todo and (blender := crew.idle()):
            task, todo = Frame.begun(sequence, todo)
            if task is None:
                break
            blender.ask(task.frame, task.part)
            crew.tasks[blender] = task
        if todo and not crew.tasks:  # what is left is in the hands of others; a dead machine's is taken over
            crew.dismiss()
            with locked(_lock(sequence, todo[0]), f"frame {todo[0]} of {sequence.made_by['stage']}:{sequence.shot}"):
                pass
        for blender in crew.wait():
            blender.finish()
            crew.tasks.pop(blender).put_in_place()
            made += 1
        bar(total - len(todo) - len(crew.tasks))
    return made


@dataclass(frozen=True)
class Frame:
    """One frame in work, under its lock."""

    sequence: Sequence
    frame: int
    part: Path
    lock: ExitStack
    started: float

    @classmethod
    def begun(cls, sequence: Sequence, todo: list[int]) -> "tuple[Frame | None, list[int]]":
        """The first of `todo` that nobody else is making, and what is left then, without those that others made."""
        left = list(todo)
        for frame in todo:
            with ExitStack() as lock:
                if not lock.enter_context(locked_if_free(_lock(sequence, frame))):
                    continue
                left.remove(frame)
                if not sequence.stored(frame):
                    return cls(sequence, frame, part_path(sequence.path(frame)), lock.pop_all(), time.time()), left
        return None, left

    def put_in_place(self) -> None:
        """The frame is written: it gets its name and its stamp."""
        from shotmake.render import check_whole

        sequence, path = self.sequence, self.sequence.path(self.frame)
        check_whole(self.part)
        sequence.check_unchanged(self.frame)
        made = {"frame": digest(self.part)}
        announce(sequence.stamp_path(self.frame), sequence.made_by["stage"], made)
        put_in_place(self.part, path)
        timing = {"seconds": round(time.time() - self.started, 3)}
        inputs = sequence.inputs_of(self.frame)
        write_stamp(sequence.stamp_path(self.frame), sequence.made_by, inputs, made, {}, timing=timing)
        self.lock.close()

    def drop(self) -> None:
        remove_part(self.part)
        self.lock.close()


class Crew:
    """The Blenders of one build: the first in the build's own place, more as places are free."""

    def __init__(self, start: Starter):
        self._start, self._blenders, self._places = start, [], ExitStack()
        self.tasks: dict[FrameServer, Frame] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *problem) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """End all, and give their places back; what they have in hand is dropped."""
        for blender in self._blenders:
            blender.end()
        for task in self.tasks.values():
            task.drop()
        self._blenders, self.tasks = [], {}
        self._places.close()

    def idle(self) -> FrameServer | None:
        """One without a task; a new one when all work and there is a place for it."""
        free = [blender for blender in self._blenders if blender not in self.tasks]
        if free:
            return free[0]
        cores = self._another_place() if self._blenders else sorted(os.sched_getaffinity(0))
        if cores is not None:
            self._blenders.append(self._start(cores))
            return self._blenders[-1]
        return None

    def _another_place(self) -> list[int] | None:
        with ExitStack() as place:
            cores = place.enter_context(workers.another_place())
            if cores is not None:
                self._places.enter_context(place.pop_all())
            return cores

    def wait(self) -> list[FrameServer]:
        """Those that have an answer, at least one; none when none works. Raises ShotError when one takes too long."""
        if not self.tasks:
            return []
        with selectors.DefaultSelector() as selector:
            for blender in self.tasks:
                selector.register(blender, selectors.EVENT_READ)
            with waiting():
                while not (ready := selector.select(LOOK_S)):
                    for blender in self.tasks:
                        blender.look()
            return [key.fileobj for key, _ in ready]


def _lock(sequence: Sequence, frame: int) -> str:
    return f"frame-{sequence.shot}-{sequence.key}-{frame:04d}"


def _changed(path: Path) -> ShotError:
    return ShotError(f"{os.path.relpath(path, ROOT)} changed while it was being read; run doit again")


def listed(sequence: Sequence, frames: list[int]) -> list[dict]:
    """For a manifest: number, place in the show and digest of each; ShotError when one went missing again."""
    found = {frame: sequence.stored(frame) for frame in frames}
    gone = [frame for frame, known in found.items() if known is None]
    if gone:
        raise ShotError(f"{sequence.path(gone[0]).name} went or changed while it was in use; run doit again")
    names = {frame: os.path.relpath(sequence.path(frame), ROOT) for frame in frames}
    return [{"frame": frame, "file": names[frame], "sha256": found[frame]} for frame in frames]


def clean(node: Node, dryrun: bool) -> None:
    """`doit clean`: remove the frames, whichever were asked for and whether a build came to its end or not."""
    paths = files_in(of_node(node))
    records = [path for path in paths if path.name.endswith(claims.ENDING)]
    claims.remove_claimed(paths, claims.claimed(records), node.task_name, dryrun)


def files_in(sequence: Sequence | None) -> set[Path]:
    """All that is stored, asked for or not, and the stamps."""
    return set(sequence.folder.glob(f"{sequence.shot}.*")) if sequence else set()
