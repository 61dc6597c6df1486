"""How far the tracks of a shot are, as told by what is on disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.pieces import Piece, Stored
from shotmake.tasks.engine.stage import Job, Node
from shotmake.tasks.show import name_in_show
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.objects import stage
from shotmake.tasks.stages.solve.stage import read_solution
from shotmake.tasks.stages.tracks.segments import find_stored

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate


@dataclass(frozen=True)
class State:
    """The state of a session: created -> tracking -> tracked -> solved or failed.

    resume_frame is the first frame that is still to be tracked.
    """

    name: str
    frames_done: int
    frames: int | None  # None: the plate has not been read
    resume_frame: int | None


def state_of(nodes: dict[str, Node]) -> State:
    """Return the state of the shot as its config is now."""
    tracks, solve = nodes.get("tracks"), nodes.get("solve")
    if tracks is None:
        return State("created", 0, None, None)
    if tracks.why_stale():
        spans = segments_of(tracks)
        if not spans:
            return State("created", 0, None, None)
        done = [segment for segment in spans if segment.is_stored]
        frames = sum(segment.last - segment.first + 1 for segment in done)
        missing = next((segment.first for segment in spans if not segment.is_stored), None)
        total = spans[-1].last - spans[0].first + 1
        return State("tracking" if done else "created", frames, total, missing)
    first, last = _read_frames(tracks)
    name = "tracked"
    if solve is not None and not solve.why_stale():
        name = "failed" if read_solution(solve.targets["solve"])["status"] == "refused" else "solved"
    return State(name, last - first + 1, last - first + 1, None)


def describe(state: State) -> str:
    """Return a state in words."""
    if state.frames is None or (state.resume_frame is not None and not state.frames_done):
        return state.name
    at = f", resumes at frame {state.resume_frame}" if state.resume_frame is not None else ""
    return f"{state.name}, {state.frames_done} of {count_of(state.frames, 'frame')}{at}"


def boxes_of(node: Node) -> list[Piece]:
    """Return the pieces that store the boxes of a shot's objects, stored or not; empty for other stages.

    It is also empty while the plate has not been read, or is missing.
    """
    return _look_up(node, stage.list_box_pieces) if node.stage.name == "objects" else []


def segments_of(node: Node) -> list[Stored]:
    """Return the segments of a shot's tracks or of its objects, stored or not; empty for other stages.

    It is also empty while the plate has not been read, or is missing.
    """
    return _look_up(node, stage.find_stored)


def _look_up(node: Node, of_objects: Callable[[Job, "Plate"], list]) -> list:
    footage = next((need for need in node.needs if need.stage.name == "footage"), None)
    if footage is None or not _is_made_in_segments(node) or footage.why_stale():
        return []
    try:
        inputs = node.list_inputs()
        plate = read_plate(inputs["footage"])
        digests = {name: digest(path) for name, path in inputs.items()}
        if node.stage.name == "objects":
            return of_objects(Job(node.shot, node.settings, inputs, digests, node.targets), plate)
        return find_stored(plate, node.settings, inputs, digests)
    except (ShotError, OSError):  # a frame range outside the plate, or a file that is gone: nothing is stored for it
        return []


def _is_made_in_segments(node: Node) -> bool:
    if node.stage.name == "tracks":
        return node.settings["engine"] == "opencv" and not node.settings["session_file"]
    return node.stage.name == "objects"


def _read_frames(tracks: Node) -> tuple[int, int]:
    first, last, _ = read_quality(tracks.targets["quality"])
    return first, last


def read_quality(path: Path) -> tuple[int, int, int]:
    """Return the first and last frame, and how many tracks there are. Raises ShotError when the file is not a
    quality.json.
    """
    quality = read_json(path)
    quality = quality if isinstance(quality, dict) else {}
    first, last, count = (quality.get(name) for name in ("first_frame", "last_frame", "tracks"))
    if not (isinstance(first, int) and isinstance(last, int) and isinstance(count, int)):
        raise ShotError(f"{name_in_show(path)}: found no record of tracks; remove it, and doit makes it anew")
    return first, last, count
