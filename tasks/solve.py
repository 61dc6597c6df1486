"""solve: tracks -> the camera of every frame, or a refusal with its reason. Or a camera brought along."""

import json
from dataclasses import asdict
from pathlib import Path

from shotmake import config as schema
from shotmake.config import Config
from shotmake.errors import ShotError
from tasks import ROOT
from tasks.footage import read_plate
from tasks.libmv import solver
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    found = {
        "shot": config.shot.name,  # solve.json names it
        "camera": asdict(config.shot.camera),
        "frame_range": config.shot.footage.frame_range,
        **asdict(config.tracking.solve),
    }
    if _is_by_blender(config):
        found["executable"] = config.composite.blender.executable
    return found


def _is_by_blender(config: Config) -> bool:
    return config.tracking.solve.engine == "blender" and config.shot.camera.from_tracking


def camera_file(config: Config) -> dict[str, Path]:
    """The imported camera, when the shot brings one."""
    if config.shot.camera.from_tracking:
        return {}
    path = ROOT / str(config.shot.camera.import_file)
    if not path.is_file():
        raise ShotError(f"{config.shot.camera.import_file}: no such file; check shot.camera.import_file")
    return {"camera": path}


def has_camera(config: Config) -> bool:
    """Whether the shot can have a camera at all: solved from its tracks, or imported."""
    return not config.shot.camera.from_tracking or (config.tracking.enabled and config.tracking.solve.enabled)


def read_solution(path: Path) -> dict:
    return json.loads(path.read_text())


def build(job: Job) -> str:
    from shotmake.footage import frame_span
    from shotmake.imported import imported
    from shotmake.session import load_tracks, npz_bytes
    from shotmake.solve import solve

    plate = read_plate(job.inputs["footage"])
    frames = frame_span(plate, job.settings["frame_range"])
    others = ("shot", "camera", "frame_range", "executable")
    values = {name: value for name, value in job.settings.items() if name not in others}
    values["clean"] = schema.SolveClean(**values["clean"])
    values["orient"] = schema.Orient(**values["orient"])
    if "camera" in job.inputs:
        solution = imported(job.inputs["camera"], tuple(plate.size_px), frames)
    else:
        by_libmv = None
        if "executable" in job.settings:
            by_libmv = solver(job.targets["solve"].parent, job.settings["executable"])
        with job.progress(None, "solving", unit="steps") as bar:
            solution = solve(
                load_tracks(job.inputs["tracks"]),
                tuple(plate.size_px),
                frames,
                schema.Camera(**job.settings["camera"]),
                schema.Solve(**values),
                on_step=bar.say,
                by_libmv=by_libmv,
            )
    record = {**solution.record, "shot": job.settings["shot"]}
    job.targets["solve"].write_bytes(json_bytes(record))
    job.targets["points"].write_bytes(npz_bytes(solution.points))
    if record["status"] == "refused":
        return f"refused: {record['reason']}"
    if record["engine"] == "imported":
        return f"imported, {len(record['frames'])} frames"
    holdout = record["holdout_rms_px"]
    return (
        f"{record['status']} ({record['kind']}), {len(record['frames'])} frames, rms {record['rms_px']:.2f} px, "
        f"hold-out {'-' if holdout is None else f'{holdout:.2f} px'}, confidence {record['confidence']:.2f}"
    )


SOLVE = Stage(
    "solve",
    version=2,
    targets={"solve": "tracking/solves/{id}.json", "points": "tracking/solves/{id}.points.npz"},
    reads=lambda config: ("footage", "tracks") if config.shot.camera.from_tracking else ("footage",),
    settings=settings,
    files=camera_file,
    wanted=has_camera,
    pinned=lambda config: config.tracking.solve.pin,
    after=lambda config: ("blender",) if _is_by_blender(config) else (),
    build=build,
)
