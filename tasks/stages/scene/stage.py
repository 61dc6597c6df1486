"""scene: scene.json, every number that Blender needs, from the solved camera and the config; and where the objects
stand.

The objects have their own file: no frame shows them, so no frame is rendered again when they change.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.scene import comp_tracks
from shotmake.tasks.stages.solve.stage import has_camera, read_solution

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.scene.ground import Ground


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    camera = slices.slice_block(config.shot.camera, "sensor_width_mm")
    composite = slices.leave_out(slices.slice_block(config.composite), "blender")
    composite["lens_distortion"] = slices.keep_only(composite["lens_distortion"], "apply_to_cg", "overscan")
    composite["render"] = slices.leave_out(composite["render"], "frames")  # it chooses frames and does not change them
    return slices.slice_block(config.shot.footage, "frame_range") | {
        "shot": {"camera": camera} | slices.slice_block(config.shot, "subject", "lights", "backdrop"),
        "composite": composite,
    }


def build(job: Job) -> str:
    """Build scene.json, and the objects' empties. Return a line on the scene.

    Raises ShotError where Blender would show another plate than we track, and when the solve was refused.
    """
    from shotmake.footage.plate import find_frame_span
    from shotmake.scene.numbers_for_blender import doubt_of, make_scene_sheet
    from shotmake.stmap.maps import overscan_of

    plate = read_plate(job.inputs["footage"])
    if plate.blender_fault:  # known since the footage stage, but tracks, solve and exports do not need Blender
        raise ShotError(f"{plate.files[0]}: {plate.blender_fault} (shot.footage.file)")
    frames = find_frame_span(plate, job.settings["frame_range"])
    solution = read_solution(job.inputs["solve"])
    footage = read_json(job.inputs["footage"])
    over_px = overscan_of(job.inputs["redistort"]) if "redistort" in job.inputs else None
    shot = {**job.settings["shot"], "frames": frames}
    ground = _find_ground(shot, solution, job.inputs["points"])
    sheet = make_scene_sheet(solution, footage, shot, job.settings["composite"], over_px, ground.z)
    followed, line = comp_tracks.make_blocks(job, solution, sheet)
    job.targets["scene"].write_bytes(to_json_bytes({**sheet, **followed}))
    if "empties" in job.targets:
        line += write_empties(job, solution, sheet)
    subject = _describe(sheet["subject"])
    doubt = doubt_of(sheet)
    line += f"\n      warning: {doubt}" if doubt else ""
    return f"camera at {sheet['camera']['focal_mm']:.2f} mm, {subject}, ground at {ground.source}{line}"


def write_empties(job: Job, solution: dict, sheet: dict) -> str:
    """Write the empties of the objects. Return how many objects there are, in words.

    Between solved frames a zoom is interpolated as between Blender's keys.
    """
    import numpy as np

    from shotmake.objects.tracklet_file import read_tracklets
    from shotmake.scene.object_empties import make_empties

    frames, focal_px = (sheet["frame_start"], sheet["frame_end"]), solution["lens"]["fx_px"]
    focals_px = solution["focal_px_per_frame"] or [focal_px] * len(solution["frames"])
    zooms = np.interp(np.arange(frames[0], frames[1] + 1), solution["frames"], focals_px) / focal_px
    field, depth = comp_tracks.field_of(solution, sheet), sheet["world"]["camera_distance"]
    found = make_empties(read_tracklets(job.inputs["objects"]), field, frames, depth, zooms)
    job.targets["empties"].write_bytes(to_json_bytes({"schema": 1, "objects": found}))
    return f", {count_of(len(found), 'object')}"


def _find_ground(shot: dict, solution: dict, points_file: Path) -> "Ground":
    from shotmake.files.npz_file import read_npz
    from shotmake.geometry.cameras_of_solve_json import read_camera_matrices
    from shotmake.geometry.lens import Lens
    from shotmake.scene.ground_subject_lights import find_ground

    cameras = read_camera_matrices(solution)
    points = read_npz(points_file, needed=("point_xyz", "error_px"))
    lens = Lens.from_json(solution["lens"])
    return find_ground(shot, solution, cameras, lens, points["point_xyz"], points["error_px"])


def _describe(subject: dict) -> str:
    name = subject.get("collection") or subject.get("blend") or subject["kind"]
    size, scale = subject["size"], subject.get("scale")
    return f"{name} {size:.3g} across" if size is not None else f"{name} at {scale:g} times its size"


def list_reads(config: Config) -> tuple[str, ...]:
    """Return the names of the targets that the scene needs.

    For an ST-map of the user's it needs the map's overscan. Where the comp follows tracks or objects, it needs these.
    """
    brought = config.composite.lens_distortion.st_map_path is not None
    followed = (name for name in comp_tracks.list_reads(config) if name != "points")
    return ("footage", "solve", "points", *(["redistort"] if brought else []), *followed)


SCENE = Stage(
    "scene",
    version=3,
    targets={"scene": "scenes/{id}.json", "empties": "scenes/{id}.empties.json"},
    makes=lambda config: ("scene", "empties") if config.tracking.objects.enabled else ("scene",),
    reads=list_reads,
    settings=slice_settings,
    files=comp_tracks.list_pinned_files,
    wanted=has_camera,
    build=build,
)
