"""Sequences: frames made by Blender. Each frame is stored whole with its own stamp, under a cache key of what the
frames depend on.

Which frames are asked for is not part of this cache key. So a killed build goes on with the missing frames, another
range makes only the new frames, and any number of builds, on any number of machines, share the frames.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from shotmake.errors import ShotError
from shotmake.tasks.engine import removable_files, slices
from shotmake.tasks.engine.digests import digest, wait_until_settled
from shotmake.tasks.engine.input_faults import digests_of
from shotmake.tasks.engine.inputs.watched_files import find_change, make_change, sign_files
from shotmake.tasks.engine.stage import Job, Node, Stage
from shotmake.tasks.engine.stamp import hash_short, read_stamp, why_damaged
from shotmake.tasks.show import get_state_folder, name_in_show

ONLY_CHOOSE = ("frames", "frame_range")  # settings that choose frames and do not change a frame


@dataclass(frozen=True)
class Sequence:
    """The place of the frames and what the frames depend on.

    `inputs` (digests) and `files` (paths) go by the names of the stage's inputs.
    """

    folder: Path  # in .gsd-state; its name ends in the cache key
    shot: str
    ending: str
    made_by: dict
    inputs: dict[str, str]  # name -> digest
    files: dict[str, Path]

    @property
    def key(self) -> str:
        """The cache key of the frames: 12 hex digits."""
        return self.folder.name[-12:]

    def path_of(self, frame: int) -> Path:
        """Return the path of a frame."""
        return self.folder / f"{self.shot}.{frame:04d}.{self.ending}"

    def stamp_path_of(self, frame: int) -> Path:
        """Return the path of a frame's stamp."""
        path = self.path_of(frame)
        return path.with_name(f"{path.name}.stamp.json")

    def find_stored(self, frame: int) -> str | None:
        """Return the digest of a frame that is stored undamaged and current; None when the frame has to be made."""
        stamp = read_stamp(self.stamp_path_of(frame))
        if stamp is None or stamp["made_by"] != self.made_by or stamp["inputs"] != self.inputs_of(frame):
            return None
        return None if why_damaged(stamp, {"frame": self.path_of(frame)}) else stamp["targets"]["frame"]

    def inputs_of(self, frame: int) -> dict[str, str]:
        """Return the digests of the inputs of one frame: all inputs but the plate's pictures of other frames."""
        return {name: found for name, found in self.inputs.items() if name in self._common or name == f"plate {frame}"}

    @cached_property
    def _common(self) -> set[str]:
        return list_common(self.inputs)

    @cached_property
    def _seen(self) -> dict[str, str]:
        """The signatures of the inputs, taken before the first frame is made."""
        wait_until_settled(self.files.values())
        return sign_files(self.files)

    def note_inputs(self) -> None:
        """Note the inputs' signatures before the first frame is made.

        Raises ShotError when the content of an input is no longer what its digest says.
        """
        for name in self._seen:
            if digest(self.files[name]) != self.inputs[name]:
                raise make_change(self.files[name])

    def check_unchanged(self, frame: int) -> None:
        """Check the inputs of a frame. Raises ShotError when an input is gone or has changed since `note_inputs`."""
        if change := find_change({name: self.files[name] for name in self.inputs_of(frame)}, self._seen):
            raise change


def list_common(inputs: dict) -> set[str]:
    """Return the names of the inputs that all frames depend on.

    These are all inputs but a plate's single pictures. A movie is one file, so all frames depend on it.
    """
    pictures = [name for name in inputs if name.startswith("plate ")]
    return set(inputs) - set(pictures if len(pictures) > 1 else ())


def from_job(job: Job, stage: Stage) -> Sequence:
    """Return the sequence of frames that a build of this stage makes."""
    made_by = slices.describe_maker(stage.name, stage.version, job.settings)
    place = Place(get_state_folder() / stage.frames, job.shot, job.settings["format"])
    return _make_sequence(place, made_by, job.inputs, job.digests)


def from_node(node: Node) -> Sequence | None:
    """Return the sequence of a node, without a build; None while an input of the frames cannot be read."""
    try:
        inputs = node.list_inputs()
        digests = digests_of(inputs)
    except (ShotError, OSError):
        return None
    place = Place(get_state_folder() / node.stage.frames, node.shot, node.settings["format"])
    return _make_sequence(place, node.made_by, inputs, digests)


class Place(NamedTuple):
    """Where frames lie, without their cache key."""

    folder: Path
    shot: str
    ending: str


def _make_sequence(place: Place, made_by: dict, files: dict[str, Path], digests: dict[str, str]) -> Sequence:
    settings = {name: value for name, value in made_by["settings"].items() if name not in ONLY_CHOOSE}
    made_by = {**made_by, "settings": settings}
    key = hash_short([made_by, {name: digests[name] for name in list_common(digests)}])
    return Sequence(place.folder / f"{place.shot}-{key}", place.shot, place.ending, made_by, digests, files)


def name_frame_lock(sequence: Sequence, frame: int) -> str:
    """Return the name of the lock of one frame of a sequence."""
    return f"frame-{sequence.shot}-{sequence.key}-{frame:04d}"


def list_frames(sequence: Sequence, frames: list[int]) -> list[dict]:
    """Return a manifest of the frames: for each its number, its place in the show and its digest.

    Raises ShotError when a frame is no longer there as it was made.
    """
    found = {frame: sequence.find_stored(frame) for frame in frames}
    gone = [frame for frame, known in found.items() if known is None]
    if gone:
        raise ShotError(f"{sequence.path_of(gone[0]).name} went or changed while it was in use; run doit again")
    names = {frame: name_in_show(sequence.path_of(frame)) for frame in frames}
    return [{"frame": frame, "file": names[frame], "sha256": found[frame]} for frame in frames]


def clean(node: Node, dryrun: bool) -> None:
    """Remove all frames of a node, for `doit clean`: whichever were asked for, and whether a build was completed or
    not.
    """
    paths = list_files(from_node(node))
    records = [path for path in paths if path.name.endswith(removable_files.ENDING)]
    removable_files.remove_claimed(paths, removable_files.collect_claims(records), node.task_name, dryrun)


def list_files(sequence: Sequence | None) -> set[Path]:
    """Return all files that are stored for a sequence, and their stamps, whether they were asked for or not."""
    return set(sequence.folder.glob(f"{sequence.shot}.*")) if sequence else set()
