"""undistorted_plate: the plate without its lens and with all of its picture, for programs that need an undistorted
plate.
"""

import logging
from dataclasses import asdict
from pathlib import Path

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.numbers_in_words import count_of
from shotmake.tasks.blender import crew, private_blender
from shotmake.tasks.blender.frame_maker import FrameServer
from shotmake.tasks.engine import frame_sequences as sequence
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.show import name_in_show
from shotmake.tasks.stages.footage import list_plate_inputs, read_plate
from shotmake.tasks.stages.solve.stage import has_camera

NAME = "undistorted_plate"  # in shot.export, and the folder in build/

_log = logging.getLogger(__name__)


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    frames = slices.slice_block(config.shot.footage, "frame_range") | {"format": "exr"}
    return frames | slices.slice_block(config.composite.blender)


def list_files(config: Config) -> dict[str, Path]:
    """Return the plate's files, and the file that tells which Blender it is."""
    return {**list_plate_inputs(config), "blender": private_blender.find_version_file(asdict(config.composite.blender))}


def undistort(job: Job) -> None:
    """Undistort the frames that are missing, together with other builds that do so.

    Raises ShotError where Blender would show another plate than we track. When a Blender ends, the error that ended it
    is raised.
    """
    stored, frames = sequence.from_job(job, UNDISTORTED_PLATE), frames_of(job)
    made = crew.make(stored, frames, job, lambda cores: _start_blender(job, cores))
    if made:
        _log.info("%d of %s undistorted", made, count_of(len(frames), "frame"))


def frames_of(job: Job) -> list[int]:
    """Return the plate frames of the shot. Raises ShotError when frame_range leaves the plate."""
    from shotmake.footage.plate import find_frame_span

    first, last = find_frame_span(read_plate(job.inputs["footage"]), job.settings["frame_range"])
    return list(range(first, last + 1))


def read_overscan_px(job: Job) -> list[int]:
    """Return the overscan of the ST-map: px on each side, in x and in y."""
    from shotmake.stmap.maps import overscan_of

    return list(overscan_of(job.inputs["undistort"]))


def _start_blender(job: Job, cores: list[int]) -> FrameServer:
    plate = read_plate(job.inputs["footage"])
    if plate.blender_fault:
        raise ShotError(f"{plate.files[0]}: {plate.blender_fault} (shot.footage.file)")
    arguments = ["--plate", plate.files[0], "--stmap", name_in_show(job.inputs["undistort"])]
    arguments += ["--first-frame", str(plate.first_frame), "--color-space", plate.color_space]
    arguments += ["--size-px", *map(str, plate.size_px), "--overscan-px", *map(str, read_overscan_px(job))]
    return FrameServer("undistort_plate.py", arguments, job.settings, cores)


def build(job: Job) -> str:
    """Build the manifest of the frames that `undistort` has made. Return how many frames there are.

    Raises ShotError when a frame is no longer there as it was made.
    """
    stored, frames = sequence.from_job(job, UNDISTORTED_PLATE), frames_of(job)
    facts = {"schema": 1, "shot": job.shot, "overscan_px": read_overscan_px(job)}
    job.targets["undistorted"].write_bytes(to_json_bytes({**facts, "frames": sequence.list_frames(stored, frames)}))
    job.kept.extend(stored.path_of(frame) for frame in frames)
    return count_of(len(frames), "frame")


UNDISTORTED_PLATE = Stage(
    NAME,
    version=1,
    targets={"undistorted": "plates/{id}.json"},
    reads=("footage", "undistort"),
    settings=slice_settings,
    files=list_files,
    wanted=lambda config: has_camera(config) and NAME in config.shot.export,
    after=lambda config: ("blender",),
    frames="plates",
    together=undistort,
    build=build,
)
