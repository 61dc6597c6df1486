"""Where a camera's detections come from: a file, the user's detector, or what moves in its plate."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shotmake.config import MAIN_CAMERA, Config
from shotmake.errors import ShotError
from tasks import ROOT
from tasks.stage import Job

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.detections import Detections
    from shotmake.footage import Plate

KEY = "tracking.objects.detections"
COMMAND_KEY = "tracking.objects.detector_cmd"


class Found(NamedTuple):
    """source: of objects.json: kind "file" | "command" | "motion", trust "given" | "low". kept: what was stored under
    keys of its own; said: lines for the log."""

    detections: "Detections"
    source: dict
    kept: list[Path]
    said: list[str]


def source_settings(config: Config, camera: str) -> dict:
    """What decides on one camera's detections, but its plate: of the objects stage's settings.

    detections_key: which key names the file; a witness's own goes before what is there for all cameras.
    """
    objects = asdict(config.tracking.objects)
    own = None if camera == MAIN_CAMERA else config.shot.cameras[camera].detections
    found = {name: objects[name] for name in ("detections", "detector_cmd", "classes")}
    if own is not None:
        found |= {"detections": own, "detector_cmd": None}
    return {**found, "camera_id": camera, "detections_key": KEY if own is None else f"shot.cameras.{camera}.detections"}


def source_files(config: Config, camera: str) -> dict[str, Path]:
    """The files that one camera's detections come from: "detections", or "detector <n>", its command's own."""
    settings = source_settings(config, camera)
    if settings["detections"] is not None:
        path = ROOT / settings["detections"]
        if not path.is_file():
            key = settings["detections_key"]
            raise ShotError(f"{settings['detections']}: no such file; needed a file of detections ({key})")
        return {"detections": path}
    return {}


def found_detections(job: Job, plate: "Plate", first: int, last: int) -> Found:
    """The boxes of the frames first..last. job: of the objects stage, with source_settings among its settings and
    source_files and the plate's files among its inputs."""
    detections, source, kept, said = _of_file(job, plate)
    return Found(detections.within(first, last), source, kept, said)


def _of_file(job: Job, plate: "Plate") -> Found:
    from shotmake.detections_file import read_detections

    said: list[str] = []
    key, camera = job.settings["detections_key"], job.settings["camera_id"]
    span = plate.first_frame, plate.last_frame
    path = job.inputs["detections"]
    found = read_detections(path, camera, *span, key=key, is_shared=key == KEY, say=said.append)
    return Found(found, {"kind": "file", "trust": "given", "file": job.settings["detections"]}, [], said)
