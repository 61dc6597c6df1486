"""objects: joins boxes of what moves in a camera's plate to tracklets, one for each object."""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import MAIN_CAMERA, Config
from shotmake.numbers_in_words import count_of, share_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.pieces import Piece, Stored
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.stages.footage import footage_of, list_plate_inputs, read_plate
from shotmake.tasks.stages.objects import tracklet_segments
from shotmake.tasks.stages.objects.detections import (
    SourcedBoxes,
    find_detections,
    list_pieces,
    list_source_files,
    slice_source_settings,
)

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.objects.tracklet_file import Tracklet


def slice_settings(config: Config, camera: str = MAIN_CAMERA) -> dict:
    """Return the stage's settings for one camera."""
    return (
        {"shot": config.shot.name}  # objects.json names it
        | slices.slice_block(footage_of(config, camera), "frame_range")
        | slices.slice_block(config.tracking.objects, *tracklet_segments.REACHING)
        | slice_source_settings(config, camera)
    )


def list_inputs(config: Config, camera: str = MAIN_CAMERA) -> dict[str, Path]:
    """Return the files of the boxes and, unless the boxes come from a file, the plate's files."""
    found = list_source_files(config, camera)
    return found if "detections" in found else {**list_plate_inputs(config, camera), **found}


def build(job: Job) -> str:
    """Build objects.json: find the boxes and follow the objects. Return a line on the objects, and what there is to
    say.

    Raises ShotError when frame_range leaves the plate, and when the boxes cannot be found (find_detections).
    """
    from shotmake.footage.plate import find_frame_span
    from shotmake.objects.build_tracklets import build_tracklets
    from shotmake.objects.tracklet_file import yield_objects_text

    plate = read_plate(job.inputs["footage"])
    first, last = find_frame_span(plate, job.settings["frame_range"])
    found = find_detections(job, plate, first, last)
    with job.show_progress(last - first + 1, "following objects") as bar:
        walked = tracklet_segments.walk(
            found.detections, job.settings, first, last, job.shot, on_frame=lambda frame: bar(frame - first + 1)
        )
    job.kept.extend([*found.kept, *walked.paths])
    made = build_tracklets(walked.rows, job.settings["camera_id"])
    facts = {
        "schema": 1,
        "shot": job.settings["shot"],
        "camera_id": job.settings["camera_id"],
        "source": found.source,
        "image_size_px": list(plate.size_px),
        "frames": [first, last],
    }
    with open(job.targets["objects"], "w", encoding="utf-8") as file:
        file.writelines(yield_objects_text(facts, made))
    said = found.said if made else [*found.said, *why_none(found, job.settings, first, last)]
    reused = f", {walked.reused} of {count_of(len(walked.paths), 'segment')} reused" if walked.reused else ""
    return f"{describe(made, found.source)}{reused}" + "".join(f"\n      {line}" for line in said)


def why_none(found: SourcedBoxes, settings: dict, first: int, last: int) -> list[str]:
    """Return why no box became an object, when there is no object; nothing where the reason has been said already."""
    count = len(found.detections)
    if not count:
        return [] if found.said else [f"no boxes in the frames {first} to {last}"]
    sure = int((found.detections.confidence >= settings["det_thresh"]).sum())
    if not sure:
        none = f"none of {count_of(count, 'box', 'boxes')}"
        return [f"{none} has a confidence of tracking.objects.det_thresh, {settings['det_thresh']:g}"]
    told = f"{share_of(sure, count, 'box', 'boxes')} sure enough"
    return [f"{told}; none goes on for tracking.objects.n_init, {settings['n_init']}"]


def find_stored(job: Job, plate: "Plate") -> list[Stored]:
    """Return what is stored of the stage's segments; empty while the boxes are not stored."""
    from shotmake.footage.plate import find_frame_span

    if not all(piece.read_undamaged_stamp() for piece in list_box_pieces(job, plate)):
        return []
    first, last = find_frame_span(plate, job.settings["frame_range"])
    return tracklet_segments.find_stored(find_detections(job, plate, first, last).detections, job.settings, first, last)


def list_box_pieces(job: Job, plate: "Plate") -> list[Piece]:
    """Return the pieces that store the stage's boxes, stored or not; empty where the boxes come from a file."""
    from shotmake.footage.plate import find_frame_span

    return list_pieces(job, plate, *find_frame_span(plate, job.settings["frame_range"]))


def describe(made: "list[Tracklet]", source: dict) -> str:
    """Return a line on the objects: how many there are, and how many of their frames are coasted."""
    count = sum(len(one.frames) for one in made)
    coasted = sum(int(one.is_coasted.sum()) for one in made)
    line = count_of(len(made), "object") + (f", {coasted / count:.0%} coasted" if count else "")
    return line + ("; boxes are a guess: what moves (low trust)" if source["trust"] == "low" else "")


OBJECTS = Stage(
    "objects",
    version=tracklet_segments.VERSION,
    targets={"objects": "tracking/sessions/{id}/objects.json"},
    reads=("footage",),
    settings=slice_settings,
    files=list_inputs,
    wanted=lambda config: config.tracking.objects.enabled,
    published={"objects": "objects.json"},
    needs_camera=lambda config: False,
    build=build,
)
