"""The sources of a camera's detections: a file, the user's detector, or what moves in its plate."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shotmake.config.schema import MAIN_CAMERA, Config
from shotmake.errors import ShotError
from shotmake.files.input_file import check_file
from shotmake.numbers_in_words import share_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.pieces import Piece
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.footage import footage_of
from shotmake.tasks.stages.objects import detector_command, motion
from shotmake.tasks.stages.objects.detector_command import detect_by_command, list_command_files, make_command_piece
from shotmake.tasks.stages.objects.motion import detect_by_motion, list_motion_stretches

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.objects.detections import Detections

KEY = "tracking.objects.detections"
CLASSES_KEY = "tracking.objects.classes"


class SourcedBoxes(NamedTuple):
    """Detections with their source.

    `source` is the block of objects.json: kind "file" | "command" | "motion", trust "given" | "low". `kept` are the
    files stored under their own cache keys. `said` are lines for the log.
    """

    detections: "Detections"
    source: dict
    kept: list[Path]
    said: list[str]


def slice_source_settings(config: Config, camera: str) -> dict:
    """Return the settings of the objects stage that decide on one camera's detections, without its plate.

    `detections_key` is the config key that names the file. A witness camera's own file goes before the file for all
    cameras.
    """
    own = None if camera == MAIN_CAMERA else config.shot.cameras[camera].detections
    found = slices.slice_block(config.tracking.objects, "detections", "detector_cmd", "classes")
    if own is not None:
        found |= {"detections": own, "detector_cmd": None}
    if found["detector_cmd"] is not None:
        found |= {"plate_file": footage_of(config, camera).file, "source_version": detector_command.VERSION}
    elif found["detections"] is None:
        found["source_version"] = motion.VERSION
    return found | {
        "camera_id": camera,
        "detections_key": KEY if own is None else f"shot.cameras.{camera}.detections",
    }


def list_source_files(config: Config, camera: str) -> dict[str, Path]:
    """Return the files that one camera's detections come from: "detections", or "detector <n>" for each file that its
    command names.

    Raises ShotError when the file of detections is missing.
    """
    settings = slice_source_settings(config, camera)
    if settings["detections"] is not None:
        name, key = settings["detections"], settings["detections_key"]
        return {"detections": check_file(get_show_folder() / name, name, key, "a file of detections")}
    return {} if settings["detector_cmd"] is None else list_command_files(settings["detector_cmd"])


def find_detections(job: Job, plate: "Plate", first: int, last: int) -> SourcedBoxes:
    """Return the boxes of the frames first..last, with their source.

    `job` is of the objects stage. Its settings hold slice_source_settings; its inputs hold list_source_files and,
    without a file of detections, the plate's files. Raises ShotError when classes are asked of boxes of what moves,
    when boxes are shares of the picture and not px, and when the source fails.
    """
    said: list[str] = []
    kept: list[Path] = []
    wanted = job.settings["classes"]
    if job.settings["detections"] is not None:
        found = _read_file(job, plate, said)
        source = {"kind": "file", "trust": "given", "file": job.settings["detections"]}
    elif job.settings["detector_cmd"] is not None:
        found, path = detect_by_command(job, plate, first, last, said.append)
        kept.append(path)
        source = {"kind": "command", "trust": "given", "command": job.settings["detector_cmd"]}
    elif wanted is not None:
        raise ShotError(f"{CLASSES_KEY}: found {wanted}; boxes of what moves have no class, needed null or {KEY}")
    else:
        found, kept = detect_by_motion(job, plate, first, last)
        source = {"kind": "motion", "trust": "low"}
    within = found.select_frames(first, last)
    if source["trust"] == "given":
        _check_place(job, within, plate, said)
    return SourcedBoxes(within if wanted is None else _select_classes(within, wanted, said), source, kept, said)


def list_pieces(job: Job, plate: "Plate", first: int, last: int) -> list[Piece]:
    """Return the pieces that find_detections takes from the store, or makes and stores; none for a file."""
    if job.settings["detections"] is not None:
        return []
    if job.settings["detector_cmd"] is not None:
        return [make_command_piece(job, plate, first, last)]
    return [stretch.piece for stretch in list_motion_stretches(job, plate, first, last)]


def _read_file(job: Job, plate: "Plate", said: list[str]) -> "Detections":
    from shotmake.formats.detections.read import read_detections

    key, span = job.settings["detections_key"], (plate.first_frame, plate.last_frame)
    path, camera = job.inputs["detections"], job.settings["camera_id"]
    return read_detections(path, camera, *span, key=key, is_shared=key == KEY, say=said.append)


def _check_place(job: Job, found: "Detections", plate: "Plate", said: list[str]) -> None:
    """Say how many boxes were measured in another picture than the plate. Raises ShotError where they are not px at
    all.
    """
    from shotmake.objects.detections import SHARES_PX, are_shares, find_misplaced

    size = "{}x{}".format(*plate.size_px)
    if are_shares(found):
        key = job.settings["detections_key"] if job.settings["detections"] is not None else detector_command.KEY
        where = f"all boxes within {SHARES_PX:g} px of the top-left corner"
        raise ShotError(f"{key}: found {where}; needed px of the plate, {size}, not shares of it")
    outside = int(find_misplaced(found, (plate.size_px[0], plate.size_px[1])).sum())
    if outside:
        said.append(f"{share_of(outside, len(found), 'box', 'boxes')} outside the plate, {size}; needed its px")


def _select_classes(found: "Detections", wanted: list[str], said: list[str]) -> "Detections":
    import numpy as np

    left = found.select(np.isin(found.label, wanted))
    if len(found) and not len(left):
        there = ", ".join(sorted(set(found.label.tolist()) - {""})) or "no class at all"
        said.append(f"no box is of {', '.join(wanted)}; they are of {there} ({CLASSES_KEY})")
    return left
