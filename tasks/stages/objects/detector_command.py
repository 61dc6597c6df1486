"""The user's own detector (tracking.objects.detector_cmd): a command that writes a file of detections."""

import logging
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError, quote_error
from shotmake.files.input_file import find_file_fault
from shotmake.tasks.engine.inputs.watched_files import Unchanged
from shotmake.tasks.engine.pieces import Piece
from shotmake.tasks.engine.processes.environments import make_users_environment
from shotmake.tasks.engine.processes.run_programs import Started, allow, run
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.state.confined_paths import make_folder
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.objects.detections_store import from_store, get_detections_folder, piece_of

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.objects.detections import Detections

KEY = "tracking.objects.detector_cmd"
VERSION = 1  # raised by hand when its file is read in another way
TOLD_CHARS = 4000  # how much is told of the output of a detector that failed

_log = logging.getLogger(__name__)


def list_command_files(command: str) -> dict[str, Path]:
    """Return the files of the show that the command names, also as --option=file: its script, its weights."""
    return {f"detector {at}": path for at, path in enumerate(_list_named_files(command))}


def list_command_folders(command: str) -> set[Path]:
    """Return the folders where a file that the command names could appear."""
    return {next(filter(os.path.isdir, path.parents)) for path in _list_named(command)}


def _list_named_files(command: str) -> list[Path]:
    return [path for path in _list_named(command) if not find_file_fault(path)]


def _list_named(command: str) -> list[Path]:
    """Return the paths in the show that the command's words may mean, whether they exist or not.

    Some are names that no disk can have.
    """
    names = {name for word in shlex.split(command) for name in (word, word.partition("=")[2]) if name}
    return sorted(
        path for path in (get_show_folder() / name for name in names) if path.is_relative_to(get_show_folder())
    )


def detect_by_command(
    job: Job, plate: "Plate", first: int, last: int, say: Callable[[str], None]
) -> "tuple[Detections, Path]":
    """Return what the command writes for the frames first..last, in this run or in an earlier one, and where it is
    stored.

    Raises ShotError when the command may not run, cannot run, fails or takes too long, when it writes no file of
    detections, and when a file that it reads changes meanwhile.
    """
    piece = make_command_piece(job, plate, first, last)
    words, camera = piece.made_by["words"], job.settings["camera_id"]
    what = f"the boxes of {words[0]} for objects:{job.shot}"

    def find() -> "Detections":
        watched = Unchanged({name: job.inputs[name] for name in piece.inputs}, piece.inputs)
        found = _run(words, plate, camera, say)
        watched.check()
        return found

    return from_store(piece, what, find), piece.path


def make_command_piece(job: Job, plate: "Plate", first: int, last: int) -> Piece:
    """Return the piece in which the detections of the command are stored."""
    camera = job.settings["camera_id"]
    told = {"plate": job.settings["plate_file"], "first_frame": first, "last_frame": last, "camera": camera}
    words = [_fill(word, told) for word in shlex.split(job.settings["detector_cmd"])]
    made_by = {
        "stage": "detector",
        "version": VERSION,
        "words": words,
        "camera": camera,
        "first_frame": plate.first_frame,
    }
    inputs = {name: found for name, found in job.digests.items() if name.startswith(("plate ", "detector "))}
    return piece_of(made_by, inputs)


def _fill(word: str, told: dict[str, object]) -> str:
    for name, value in told.items():
        word = word.replace(f"{{{name}}}", str(value))
    return word


def _run(words: list[str], plate: "Plate", camera: str, say: Callable[[str], None]) -> "Detections":
    from shotmake.formats.detections.read import read_detections

    make_folder(get_detections_folder())
    out = make_part_path(get_detections_folder() / "detections.txt")
    command = [_fill(word, {"detections": out}) for word in words]
    allow(KEY, words)  # said before: it may take long, and its own output is only told when it fails
    try:
        try:
            done = run(
                Started(command, f"{KEY}: {words[0]}", "detector_minutes", get_show_folder(), make_users_environment())
            )
        except OSError as error:
            raise ShotError(f"{KEY}: cannot run {words[0]}: {quote_error(error)}; needed a program") from error
        if done.code:
            said = done.err.strip()
            _log.error("%s", said[-TOLD_CHARS:])
            ending = f"code {done.code}" if done.code > 0 else f"signal {-done.code}"
            last_line = f": {said.splitlines()[-1][:200]}" if said else ""
            raise ShotError(f"{KEY}: {words[0]} ended with {ending}{last_line}")
        if not out.is_file():
            raise ShotError(f"{KEY}: {words[0]} ended well, but found no file it was to write: {{detections}}")
        try:
            return read_detections(
                out, camera, plate.first_frame, plate.last_frame, key=KEY, say=lambda line: say(_hide_name(line, out))
            )
        except ShotError as error:
            raise ShotError(*(_hide_name(fault, out) for fault in error.faults)) from error
    finally:
        out.unlink(missing_ok=True)


def _hide_name(line: str, out: Path) -> str:
    return line.replace(out.name, "{detections}")
