"""export: files of the shot for other programs, one for each word of shot.export (shotmake/formats)."""

import json
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.format_registry import FORMATS, Format
from shotmake.config.schema import Config
from shotmake.files.json_file import read_json
from shotmake.tasks.blender.private_blender import run_script, version_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.solve.stage import has_camera, read_solution

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.formats.given_to_writers import Take


def list_formats(config: Config) -> tuple[Format, ...]:
    """Return the formats that this shot asks for and can export.

    Cameras and lenses need a solve; objects need only the plate.
    """
    can = {"tracks": True, "objects": config.tracking.objects.enabled}
    chosen = [format for format in FORMATS if format.word in config.shot.export]
    return tuple(format for format in chosen if can.get(format.kind, has_camera(config)))


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    found = slices.slice_block(config.composite.blender) if is_by_blender(config) else {}
    return (
        found
        | {"shot": config.shot.name, "formats": [format.word for format in list_formats(config)]}
        | slices.slice_block(config.shot.footage, "frame_range")
        | slices.slice_block(config.shot.camera, "sensor_width_mm")
    )


def is_by_blender(config: Config) -> bool:
    """Return whether Blender writes one of the formats."""
    return any(format.by_blender for format in list_formats(config))


def list_reads(config: Config) -> tuple[str, ...]:
    """Return the names of the targets that the formats need."""
    kinds = {format.kind for format in list_formats(config)}
    tracks = ("tracks", "quality") if kinds - {"objects"} else ()
    solve = ("solve", "points") if kinds - {"objects", "tracks"} else ()
    return ("footage", *tracks, *solve, *(["objects"] if "objects" in kinds else []))


def build(job: Job) -> str:
    """Build the exports. Return the names of the files, and what there is to say about each.

    Raises ShotError when a camera is asked for and the solve was refused.
    """
    take = read_take(job)
    chosen = [format for format in FORMATS if format.word in job.targets]
    told = []
    for format in chosen:
        module = import_module(f"shotmake.formats.{format.module}")
        said = module.list_notes(take) if format.by_blender else module.write(job.targets[format.word], take)
        told += [f"\n      {format.file}: {line}" for line in said or ()]
    by_blender = [format.word for format in chosen if format.by_blender]
    if by_blender:
        write_by_blender(job, by_blender, take)
    return ", ".join(format.file for format in chosen) + "".join(told)


def write_by_blender(job: Job, words: list[str], take: "Take") -> None:
    """Write all formats that Blender writes, in one process."""
    from shotmake.formats.cameras.scene_files.blender_scene import make_sheet

    part = make_part_path(job.targets[words[0]].with_name("sheet.json"))
    outs = [f"--out={word}={job.targets[word]}" for word in words]
    try:
        part.write_text(json.dumps(make_sheet(take)), encoding="utf-8")
        run_script("export_camera.py", [f"--sheet={part}", *outs], job.settings["executable"], version_of(job.settings))
    finally:
        part.unlink(missing_ok=True)


def read_take(job: Job) -> "Take":
    """Read all that the formats need to know about the shot.

    Raises ShotError when the solve is read and was refused, and when an input is not what it should be.
    """
    from shotmake.files.npz_file import read_npz
    from shotmake.footage.plate import find_frame_span
    from shotmake.formats.given_to_writers import Take
    from shotmake.geometry.cameras_of_solve_json import read_camera_matrices
    from shotmake.objects.tracklet_file import read_tracklets
    from shotmake.tracks.markers import load_tracks

    plate = read_plate(job.inputs["footage"])
    solution, points = None, None
    if "solve" in job.inputs:
        solution = read_solution(job.inputs["solve"])
        read_camera_matrices(solution)  # raises for a refused solve
        points = read_npz(job.inputs["points"])
    return Take(
        shot=job.settings["shot"],
        plate_file=plate.files[0],
        size_px=(plate.size_px[0], plate.size_px[1]),
        pixel_aspect=plate.pixel_aspect,
        frame_rate=Fraction(*plate.frame_rate),
        frames=find_frame_span(plate, job.settings["frame_range"]),
        sensor_width_mm=job.settings["sensor_width_mm"],
        solution=solution,
        points=points,
        tracks=load_tracks(job.inputs["tracks"]) if "tracks" in job.inputs else None,
        names=told_of(job.inputs["quality"], "name") if "quality" in job.inputs else {},
        weights=told_of(job.inputs["quality"], "weight") if "quality" in job.inputs else {},
        plate_first_frame=plate.first_frame,
        tracklets=tuple(read_tracklets(job.inputs["objects"])) if "objects" in job.inputs else (),
    )


def told_of(quality: Path, what: str) -> dict:
    """Return the names or the weights (`what`) of the tracks that have one, by track id."""
    per_track = read_json(quality)["per_track"]
    return {int(track): one[what] for track, one in per_track.items() if what in one}


EXPORT = Stage(
    "export",
    version=1,
    targets={format.word: f"exports/{{id}}/{format.file}" for format in FORMATS if format.writes},
    makes=lambda config: tuple(format.word for format in list_formats(config)),
    reads=list_reads,
    settings=slice_settings,
    wanted=lambda config: bool(list_formats(config)),
    after=lambda config: ("blender",) if is_by_blender(config) else (),
    published={format.word: format.file for format in FORMATS if format.writes},
    needs_camera=lambda config: "solve" in list_reads(config),  # an export of tracks alone needs none
    build=build,
)
