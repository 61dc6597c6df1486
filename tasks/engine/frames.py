"""Sequences: frames made by Blender, each stored whole with a stamp of its own, under a key of what they depend on.

Which frames are asked for is no part of that: a killed build goes on with the missing ones, another range makes only
what is new, and any number of builds, on any number of machines, share the frames between them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from shotmake.errors import ShotError
from shotmake.tasks.engine import claims, slices
from shotmake.tasks.engine.digests import digest, signature, wait_until_settled
from shotmake.tasks.engine.input_faults import digests_of
from shotmake.tasks.engine.stage import Job, Node, Stage
from shotmake.tasks.engine.stamp import read_stamp, short_hash, why_damaged
from shotmake.tasks.show import in_show, state_folder

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
    place = Place(state_folder() / stage.frames, job.shot, job.settings["format"])
    return _sequence(place, made_by, job.inputs, job.digests)


def of_node(node: Node) -> Sequence | None:
    """The same without a build; None while something that the frames depend on is not there."""
    try:
        inputs = node.inputs()
        digests = digests_of(inputs)
    except (ShotError, OSError):
        return None
    place = Place(state_folder() / node.stage.frames, node.shot, node.settings["format"])
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


def _lock(sequence: Sequence, frame: int) -> str:
    return f"frame-{sequence.shot}-{sequence.key}-{frame:04d}"


def _changed(path: Path) -> ShotError:
    return ShotError(f"{in_show(path)} changed while it was being read; run doit again")


def listed(sequence: Sequence, frames: list[int]) -> list[dict]:
    """For a manifest: number, place in the show and digest of each; ShotError when one went missing again."""
    found = {frame: sequence.stored(frame) for frame in frames}
    gone = [frame for frame, known in found.items() if known is None]
    if gone:
        raise ShotError(f"{sequence.path(gone[0]).name} went or changed while it was in use; run doit again")
    names = {frame: in_show(sequence.path(frame)) for frame in frames}
    return [{"frame": frame, "file": names[frame], "sha256": found[frame]} for frame in frames]


def clean(node: Node, dryrun: bool) -> None:
    """`doit clean`: remove the frames, whichever were asked for and whether a build came to its end or not."""
    paths = files_in(of_node(node))
    records = [path for path in paths if path.name.endswith(claims.ENDING)]
    claims.remove_claimed(paths, claims.claimed(records), node.task_name, dryrun)


def files_in(sequence: Sequence | None) -> set[Path]:
    """All that is stored, asked for or not, and the stamps."""
    return set(sequence.folder.glob(f"{sequence.shot}.*")) if sequence else set()
