"""composite: scene sheet, tracks, points and ST-map -> the .blend, written by real Blender."""

import os
from dataclasses import asdict

from shotmake.config import Config
from tasks import ROOT
from tasks.blender import run_script, version_of
from tasks.solve import has_camera
from tasks.stage import Job, Stage


def settings(config: Config) -> dict:
    return asdict(config.composite.blender)


def build(job: Job) -> str:
    arguments = ["--project", str(ROOT), "--out", str(job.targets["blend"])]
    for name, option in (("scene", "--sheet"), ("tracks", "--tracks"), ("points", "--points")):
        if name in job.inputs:
            arguments += [option, str(job.inputs[name])]
    arguments += ["--stmap", os.path.relpath(job.inputs["redistort"], ROOT)]
    run_script("build_composite.py", arguments, job.settings["executable"], version_of(job.settings))
    return f"{job.targets['blend'].stat().st_size / 1e6:.1f} MB"


COMPOSITE = Stage(
    "composite",
    version=1,
    targets={"blend": "composites/{id}.blend"},
    reads=("scene", "redistort", "tracks", "points"),
    by_path=("redistort",),
    settings=settings,
    wanted=has_camera,
    after=lambda config: ("blender",),
    build=build,
)
