"""composite: the .blend, from scene sheet, tracks, points, ST-map and still, written by real Blender."""

import json

from shotmake.config.schema import Config
from shotmake.tasks.blender.private_blender import run_script, version_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.show import get_show_folder, name_in_show
from shotmake.tasks.stages.composite.assets import check_assets, list_asset_files
from shotmake.tasks.stages.solve.stage import has_camera

OPTIONS = {"scene": "--sheet", **{name: f"--{name}" for name in ("tracks", "quality", "points", "empties")}}


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    settings = slices.slice_block(config.composite.blender)
    if config.tracking.enabled:  # so that the artist can track on in the Clip Editor with the same settings
        shown = slices.slice_block(
            config.tracking.track, "motion_model", "pattern_match", "correlation_min", "pattern_px"
        )
        settings["tracking"] = {"track": shown, "manual": config.tracking.manual}
    return settings


def name_map(config: Config) -> str:
    """Return the name of the ST-map that the comp reads."""
    return "redistort" if config.composite.lens_distortion.apply_to_cg else "undistort"


def build(job: Job) -> str:
    """Build the .blend. Return its size, and a line for each asset that is not watched as a whole.

    Raises ShotError for an asset that may not be used, and when Blender refuses its input.
    """
    notes = check_assets(job.inputs)
    arguments = ["--project", str(get_show_folder()), "--out", str(job.targets["blend"])]
    for name, option in OPTIONS.items():
        if name in job.inputs:
            arguments += [option, str(job.inputs[name])]
    if "tracking" in job.settings:
        arguments.append(f"--tracking={json.dumps(job.settings['tracking'])}")
    (stmap,) = (path for name, path in job.inputs.items() if name in ("redistort", "undistort"))
    arguments += ["--stmap", name_in_show(stmap)]
    run_script("build_composite.py", arguments, job.settings["executable"], version_of(job.settings))
    line = f"{job.targets['blend'].stat().st_size / 1e6:.1f} MB"
    return "\n".join([line, *(f"      {note}" for note in notes)])


COMPOSITE = Stage(
    "composite",
    version=2,
    targets={"blend": "composites/{id}.blend"},
    reads=lambda config: ("scene", name_map(config), "tracks", "quality", "points", "empties"),
    by_path=("redistort", "undistort"),
    settings=slice_settings,
    files=list_asset_files,
    wanted=has_camera,
    after=lambda config: ("blender",),
    published={"blend": "{shot}.blend"},
    build=build,
)
