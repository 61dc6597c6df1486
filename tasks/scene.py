"""scene: the solved camera and the config -> scene.json, every number Blender needs."""

import json
from dataclasses import asdict

from shotmake.config import Config
from shotmake.errors import ShotError
from tasks import comp_tracks
from tasks.footage import read_plate
from tasks.solve import has_camera, read_solution
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    shot, composite = asdict(config.shot), asdict(config.composite)
    return {
        "frame_range": config.shot.footage.frame_range,
        "shot": {
            "camera": {"sensor_width_mm": config.shot.camera.sensor_width_mm},
            **{name: shot[name] for name in ("subject", "lights", "backdrop")},
        },
        "composite": {name: value for name, value in composite.items() if name != "blender"},
    }


def build(job: Job) -> str:
    from shotmake.footage import frame_span
    from shotmake.scene import scene_sheet

    plate = read_plate(job.inputs["footage"])
    if plate.blender_fault:  # found out before, but tracks, solve and exports are good without Blender
        raise ShotError(f"{plate.files[0]}: {plate.blender_fault} (shot.footage.file)")
    frames = frame_span(plate, job.settings["frame_range"])
    solution = read_solution(job.inputs["solve"])
    footage = json.loads(job.inputs["footage"].read_text())
    sheet = scene_sheet(solution, footage, {**job.settings["shot"], "frames": frames}, job.settings["composite"])
    followed, line = comp_tracks.blocks(job, solution, sheet)
    job.targets["scene"].write_bytes(json_bytes({**sheet, **followed}))
    subject = sheet["subject"]
    return f"camera at {sheet['camera']['focal_mm']:.2f} mm, {subject['kind']} {subject['size']:.3g} across{line}"


SCENE = Stage(
    "scene",
    version=2,
    targets={"scene": "scenes/{id}.json"},
    reads=lambda config: ("footage", "solve", *comp_tracks.reads(config)),
    settings=settings,
    files=comp_tracks.pinned_files,
    wanted=has_camera,
    build=build,
)
