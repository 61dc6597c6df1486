"""render: the comp's frames, made by Blender, and a movie of them. It is asked for by name: `doit render shot=...`."""

import logging
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.blender import crew, private_blender
from shotmake.tasks.blender.frame_maker import FrameServer
from shotmake.tasks.engine import frame_sequences as sequence
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Node, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import get_show_folder, get_state_folder, name_in_show
from shotmake.tasks.stages.composite.assets import check_assets
from shotmake.tasks.stages.composite.stage import COMPOSITE
from shotmake.tasks.stages.footage import list_plate_inputs
from shotmake.tasks.stages.scene.stage import SCENE
from shotmake.tasks.stages.solve.stage import has_camera

KEY = "composite.render.frames"
STABILIZED = 2  # raised by hand when stabilized pictures change
NOT_SEEN = ("tracks", "quality", "points", "empties")  # the .blend holds these for the artist; no frame shows them

_log = logging.getLogger(__name__)


def slice_settings(config: Config) -> dict:
    """Return the stage's settings.

    `comp` is the version of the code that makes the scene, which is the .blend's version. `stabilized` is the version
    of the code for stabilized frames: other frames do not depend on it.
    """
    found = slices.slice_block(config.composite.render, "frames", "format") | {"comp": COMPOSITE.version}
    if config.composite.stabilization.enabled:
        found["stabilized"] = STABILIZED
    return found | slices.slice_block(config.composite.blender)


def list_reads(config: Config) -> tuple[str, ...]:
    """Return the names of the targets that the frames show: all that the .blend reads but NOT_SEEN."""
    names = COMPOSITE.reads(config) if callable(COMPOSITE.reads) else COMPOSITE.reads
    return tuple(name for name in names if name not in NOT_SEEN)


def list_files(config: Config) -> dict[str, Path]:
    """Return the files that the comp reads, the plate if it is seen, and the file that tells which Blender it is."""
    comp = {**SCENE.files(config), **COMPOSITE.files(config)}
    found = {**comp, "blender": private_blender.find_version_file(asdict(config.composite.blender))}
    return found | list_plate_inputs(config) if config.composite.background_source == "footage" else found


def choose_frames(frames: int | str | None, sheet: dict) -> list[int]:
    """Return the frames to render. Raises ShotError when one of them is not a frame of the shot."""
    from shotmake.config.frame_ranges import parse_frames

    first, last = sheet["frame_start"], sheet["frame_end"]
    asked = list(range(first, last + 1)) if frames is None else parse_frames(frames)
    outside = [number for number in asked if not first <= number <= last]
    if outside:
        raise ShotError(f"{KEY}: found {frames}, with frame {outside[0]}; the shot has frames {first} to {last}")
    return asked


def count_frames(node: Node, stored: sequence.Sequence) -> tuple[int, int] | None:
    """Return how many of the frames asked for are stored, and how many there will be; None when this cannot be told
    yet.
    """
    if any(need.why_stale() for need in node.needs):
        return None
    try:
        frames = choose_frames(node.settings["frames"], read_json(node.reads["scene"]))
    except ShotError:
        return None
    return sum(stored.find_stored(frame) is not None for frame in frames), len(frames)


def render(job: Job) -> None:
    """Render the frames that are missing, together with other builds that do so.

    Raises ShotError for an asset that may not be used and for a frame that the shot does not have. When a Blender ends,
    the error that ended it is raised.
    """
    for note in check_assets(job.inputs):
        _log.info("%s", note)
    frames = choose_frames(job.settings["frames"], read_json(job.inputs["scene"]))
    made = crew.make(sequence.from_job(job, RENDER), frames, job, lambda cores: _start_blender(job, cores))
    if made:
        _log.info("%d of %s rendered", made, count_of(len(frames), "frame"))


def _start_blender(job: Job, cores: list[int]) -> FrameServer:
    scratch = make_part_path(get_state_folder() / RENDER.frames / f"{job.shot}.blend")
    arguments = ["--project", str(get_show_folder()), "--sheet", str(job.inputs["scene"]), "--scratch", str(scratch)]
    (stmap,) = (path for name, path in job.inputs.items() if name in ("redistort", "undistort"))
    arguments += ["--stmap", name_in_show(stmap)]
    return FrameServer("render_shot.py", arguments, job.settings, cores, scratch)


def build(job: Job) -> str:
    """Build the manifest and the movie of the frames that `render` has made. Return how many frames there are.

    Raises ShotError when a frame is no longer there as it was made.
    """
    from shotmake.render.viewing_movie import write_render_movie

    sheet = read_json(job.inputs["scene"])
    stored = sequence.from_job(job, RENDER)
    frames = choose_frames(job.settings["frames"], sheet)
    listed = sequence.list_frames(stored, frames)
    paths = [stored.path_of(frame) for frame in frames]
    with job.show_progress(len(frames), "encoding") as bar:
        wide, high = (Fraction(side).limit_denominator(1000) for side in sheet.get("pixel_aspect", (1, 1)))
        rate, aspect = Fraction(*sheet["frame_rate"]), wide / high
        write_render_movie(job.targets["movie"], paths, rate, aspect, sheet["color_space"] == "Raw", on_frame=bar)
    facts = {name: sheet[name] for name in ("shot", "frame_rate", "resolution_px")}
    job.targets["frames"].write_bytes(to_json_bytes({"schema": 1, **facts, "frames": listed}))
    job.kept.extend(paths)
    return f"{count_of(len(frames), 'frame')}, render.mp4"


RENDER = Stage(
    "render",
    version=1,
    targets={"frames": "renders/{id}.json", "movie": "renders/{id}.mp4"},
    reads=list_reads,
    settings=slice_settings,
    files=list_files,
    wanted=has_camera,
    after=lambda config: ("blender",),
    frames="renders",
    together=render,
    build=build,
)
