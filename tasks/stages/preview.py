"""preview: a movie of the plate with tracks, objects, solved points and a ground grid drawn in, made
without Blender.
"""

from fractions import Fraction

from shotmake.config.schema import Config
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.footage import list_plate_inputs, read_plate
from shotmake.tasks.stages.solve.stage import read_solution


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    return slices.slice_block(config.shot.footage, "frame_range") | slices.slice_block(config.tracking.preview)


def build(job: Job) -> str:
    """Build the preview movie. Return how many frames it has."""
    import numpy as np

    from shotmake.files.npz_file import read_npz
    from shotmake.footage.plate import find_frame_span, read_bgr
    from shotmake.objects.tracklet_file import read_tracklets
    from shotmake.preview.movie import choose_standing_points, write_preview
    from shotmake.tracks.markers import load_tracks

    plate = read_plate(job.inputs["footage"])
    first, last = find_frame_span(plate, job.settings["frame_range"])
    solution = read_solution(job.inputs["solve"]) if "solve" in job.inputs else None
    points_xyz = np.zeros((0, 3))
    if solution and "points" in job.inputs:
        points_xyz = choose_standing_points(read_npz(job.inputs["points"]), solution)
    with job.show_progress(last - first + 1, "previewing") as bar:
        write_preview(
            job.targets["preview"],
            read_bgr(plate, get_show_folder(), first, last),
            Fraction(*plate.frame_rate),
            load_tracks(job.inputs["tracks"]) if "tracks" in job.inputs else None,
            solution,
            points_xyz,
            job.settings["trail_frames"],
            on_frame=bar,
            objects=read_tracklets(job.inputs["objects"]) if "objects" in job.inputs else (),
        )
    return count_of(last - first + 1, "frame")


PREVIEW = Stage(
    "preview",
    version=2,
    targets={"preview": "previews/{id}.mp4"},
    reads=("footage", "objects", "tracks", "solve", "points"),
    settings=slice_settings,
    files=list_plate_inputs,
    wanted=lambda config: config.tracking.preview.enabled,
    published={"preview": "preview.mp4"},
    needs_camera=lambda config: False,
    build=build,
)
