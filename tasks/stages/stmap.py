"""stmap: undistort and redistort ST-maps, from the solved lens or from an ST-map of the user's."""

from pathlib import Path

from shotmake.config.schema import Config
from shotmake.files.input_file import check_file
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.solve.stage import has_camera, read_solution

KEY = "composite.lens_distortion.st_map_path"


def slice_settings(config: Config) -> dict:
    """Return the stage's settings. Without an ST-map of the user's, only the overscan matters."""
    lens_distortion = config.composite.lens_distortion
    is_imported = lens_distortion.st_map_path is not None
    return slices.slice_block(lens_distortion, *([] if is_imported else ["overscan"]))


def list_files(config: Config) -> dict[str, Path]:
    """Return the user's own ST-map; {} without one. Raises ShotError when it is missing."""
    name = config.composite.lens_distortion.st_map_path
    if name is None:
        return {}
    return {"ST-map": check_file(get_show_folder() / name, name, KEY)}


def build(job: Job) -> str:
    """Build both ST-maps. Return the overscan in words, and what there is to say about the user's own map.

    The user's map replaces one direction; the other direction is still the solved lens. Raises ShotError when the solve
    was refused, and when the user's map cannot be used.
    """
    from shotmake.geometry.cameras_of_solve_json import read_camera_matrices
    from shotmake.geometry.lens import Lens
    from shotmake.scene.numbers_for_blender import choose_overscan_px
    from shotmake.stmap.imported import read_redistort, read_undistort
    from shotmake.stmap.maps import make_redistort_map, make_undistort_map, write_stmap

    solution = read_solution(job.inputs["solve"])
    read_camera_matrices(solution)  # raises for a refused solve
    lens, size_px = Lens.from_json(solution["lens"]), tuple(solution["image_size_px"])
    overscan, imported, notes = job.settings["overscan"], {}, []
    if "ST-map" in job.inputs:
        name = "redistort" if job.settings["apply_to_cg"] else "undistort"
        read = read_redistort if name == "redistort" else read_undistort
        path, convention = job.inputs["ST-map"], job.settings["st_map_convention"]
        imported[name], over_px, notes = read(path, convention, size_px, overscan)
        other = "undistort" if name == "redistort" else "redistort"
        notes = [f"{name} is {path.name}; {other} is still the solved lens", *notes]
    else:
        over_px = choose_overscan_px(lens, size_px, overscan)
    for name, made_by in (("undistort", make_undistort_map), ("redistort", make_redistort_map)):
        st = imported[name] if name in imported else made_by(lens, size_px, over_px)
        write_stmap(job.targets[name], st, name, over_px)
    line = f"overscan {over_px[0]} and {over_px[1]} px on each side"
    return "\n".join([line, *(f"      {note}" for note in notes)])


STMAP = Stage(
    "stmap",
    version=1,
    targets={"undistort": "stmaps/{id}.undistort.exr", "redistort": "stmaps/{id}.redistort.exr"},
    reads=("solve",),
    settings=slice_settings,
    files=list_files,
    wanted=has_camera,
    published={"undistort": "stmap_undistort.exr", "redistort": "stmap_redistort.exr"},
    build=build,
)
