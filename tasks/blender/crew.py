"""The Blenders that make the frames of a sequence: one frame each at a time, as many Blenders as -n N and the machine
allow.
"""

import os
import selectors
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shotmake.tasks.blender.frame_maker import FrameServer
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.frame_sequences import Sequence, name_frame_lock
from shotmake.tasks.engine.processes import workers
from shotmake.tasks.engine.processes.end_if_stuck import mark_waiting
from shotmake.tasks.engine.processes.locks import hold_lock, hold_lock_if_free
from shotmake.tasks.engine.progress import Progress
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.stamp import announce, put_in_place, write_stamp
from shotmake.tasks.engine.state.confined_paths import make_folder
from shotmake.tasks.engine.state.partial_files import make_part_path, remove_part

LOOK_S = 0.5  # between two looks at the Blenders while no frame is finished
Starter = Callable[[list[int]], FrameServer]  # cores -> a Blender that makes these frames


def make(sequence: Sequence, frames: list[int], job: Job, start: Starter) -> int:
    """Make those of the frames that are missing; return how many were made here.

    As many Blenders work as `-n N` and the machine allow. Frames that another build is making are left to it and waited
    for. When a Blender ends, the error that ended it is raised; the frames made before stay.
    """
    todo = [frame for frame in frames if not sequence.find_stored(frame)]
    if not todo:
        return 0
    make_folder(sequence.folder)
    sequence.note_inputs()
    with job.show_progress(len(todo), "rendering", in_workers=True) as bar, Crew(start) as crew:
        return _make(sequence, todo, crew, bar)


def _make(sequence: Sequence, todo: list[int], crew: "Crew", bar: Progress) -> int:
    total, made = len(todo), 0
    while todo or crew.tasks:
        while todo and (blender := crew.find_idle()):
            task, todo = Frame.begin(sequence, todo)
            if task is None:
                break
            blender.ask(task.frame, task.part)
            crew.tasks[blender] = task
        if todo and not crew.tasks:  # others make all that is left: wait, and take over what a dead machine had
            crew.dismiss()
            with hold_lock(
                name_frame_lock(sequence, todo[0]), f"frame {todo[0]} of {sequence.made_by['stage']}:{sequence.shot}"
            ):
                pass
        for blender in crew.wait():
            blender.finish()
            crew.tasks.pop(blender).put_in_place()
            made += 1
        bar(total - len(todo) - len(crew.tasks))
    return made


@dataclass(frozen=True)
class Frame:
    """One frame that is being made, under its lock."""

    sequence: Sequence
    frame: int
    part: Path
    lock: ExitStack
    started: float

    @classmethod
    def begin(cls, sequence: Sequence, todo: list[int]) -> "tuple[Frame | None, list[int]]":
        """Begin the first frame of `todo` that nobody else is making. Return it, and the frames that are left then.

        Frames that others have made are no longer among those left. None when no frame can be begun.
        """
        left = list(todo)
        for frame in todo:
            with ExitStack() as lock:
                if not lock.enter_context(hold_lock_if_free(name_frame_lock(sequence, frame))):
                    continue
                left.remove(frame)
                if not sequence.find_stored(frame):
                    return cls(
                        sequence, frame, make_part_path(sequence.path_of(frame)), lock.pop_all(), time.time()
                    ), left
        return None, left

    def put_in_place(self) -> None:
        """Put the written frame under its name, with its stamp. Raises ShotError when the frame is not whole, or when
        an input has changed.
        """
        from shotmake.render.viewing_movie import check_whole

        sequence, path = self.sequence, self.sequence.path_of(self.frame)
        check_whole(self.part)
        sequence.check_unchanged(self.frame)
        made = {"frame": digest(self.part)}
        announce(sequence.stamp_path_of(self.frame), sequence.made_by["stage"], made)
        put_in_place(self.part, path)
        timing = {"seconds": round(time.time() - self.started, 3)}
        inputs = sequence.inputs_of(self.frame)
        write_stamp(sequence.stamp_path_of(self.frame), sequence.made_by, inputs, made, {}, timing=timing)
        self.lock.close()

    def drop(self) -> None:
        """Remove what is written of the frame, and release its lock."""
        remove_part(self.part)
        self.lock.close()


class Crew:
    """The Blenders of one build: the first in the build's own place, and more as places are free."""

    def __init__(self, start: Starter):
        self._start, self._blenders, self._places = start, [], ExitStack()
        self.tasks: dict[FrameServer, Frame] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *problem: object) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """End all Blenders and give their places back. The frames that they are making are dropped."""
        for blender in self._blenders:
            blender.end()
        for task in self.tasks.values():
            task.drop()
        self._blenders, self.tasks = [], {}
        self._places.close()

    def find_idle(self) -> FrameServer | None:
        """Return a Blender without a task. When all work and a place is free, start a new one; else return None."""
        free = [blender for blender in self._blenders if blender not in self.tasks]
        if free:
            return free[0]
        cores = self._take_place() if self._blenders else sorted(os.sched_getaffinity(0))
        if cores is not None:
            self._blenders.append(self._start(cores))
            return self._blenders[-1]
        return None

    def _take_place(self) -> list[int] | None:
        with ExitStack() as place:
            cores = place.enter_context(workers.hold_another_place())
            if cores is not None:
                self._places.enter_context(place.pop_all())
            return cores

    def wait(self) -> list[FrameServer]:
        """Wait until at least one Blender has an answer; return those that have. Without tasks, return none at once.

        Raises ShotError when a Blender takes too long.
        """
        if not self.tasks:
            return []
        with selectors.DefaultSelector() as selector:
            for blender in self.tasks:
                selector.register(blender, selectors.EVENT_READ, blender)
            with mark_waiting():
                while not (ready := selector.select(LOOK_S)):
                    for blender in self.tasks:
                        blender.look()
            return [key.data for key, _ in ready]
