"""solve: tracks -> the camera of every frame, or a refusal with its reason. Or a camera brought along."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from shotmake import config as schema
from shotmake.config import Config
from shotmake.errors import ShotError
from tasks import ROOT
from tasks.footage import read_plate
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    return {
        "shot": config.shot.name,  # solve.json names it
        "camera": _without_lens(asdict(config.shot.camera)),
        "frame_range": config.shot.footage.frame_range,
        **asdict(config.tracking.solve),
    }


def _without_lens(camera: dict) -> dict:
    """The lens brought along is a stage of its own."""
    return {name: value for name, value in camera.items() if name not in ("lens_from", "checkerboard")}


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
    from shotmake.lens import Lens
    from shotmake.session import load_tracks, npz_bytes
    from shotmake.solve import solve

    plate = read_plate(job.inputs["footage"])
    frames = frame_span(plate, job.settings["frame_range"])
    values = {name: value for name, value in job.settings.items() if name not in ("shot", "camera", "frame_range")}
    values["clean"] = schema.SolveClean(**values["clean"])
    values["orient"] = schema.Orient(**values["orient"])
    given = json.loads(job.inputs["lens"].read_text()) if "lens" in job.inputs else None
    camera, note = schema.Camera(**job.settings["camera"]), ""
    if given is None and camera.focal_mm is None:
        camera, note = _guessed(camera, plate.media.get("lens"))
    if "camera" in job.inputs:
        solution = imported(job.inputs["camera"], tuple(plate.size_px), frames)
    else:
        with job.progress(None, "solving", unit="steps") as bar:
            solution = solve(
                load_tracks(job.inputs["tracks"]),
                tuple(plate.size_px),
                frames,
                camera,
                schema.Solve(**values),
                on_step=bar.say,
                lens=given and Lens.from_json(given["lens"]),
            )
    record = {**solution.record, "shot": job.settings["shot"]}
    if given:
        record["warnings"] = [*given["warnings"], *record["warnings"]]
    if note and record["status"] == "static":  # nothing in the picture tells it: it is as the metadata says
        record["warnings"] = [*record["warnings"], note]
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
        + (f"\n      {note}" if note else "")
    )


def _guessed(camera: schema.Camera, tags: dict | None) -> tuple[schema.Camera, str]:
    """The camera with the focal length that the plate's metadata has as a first guess, and a line that says so."""
    if tags is None:
        return camera, ""
    width_mm = tags["sensor_width_mm"] or camera.sensor_width_mm
    note = f"focal length first guessed from the plate's metadata: {tags['focal_mm']:g} mm on {width_mm:.4g} mm"
    return replace(camera, focal_mm=tags["focal_mm"] / width_mm * camera.sensor_width_mm), note


SOLVE = Stage(
    "solve",
    version=3,
    targets={"solve": "tracking/solves/{id}.json", "points": "tracking/solves/{id}.points.npz"},
    reads=lambda config: ("footage", "tracks", "lens") if config.shot.camera.from_tracking else ("footage",),
    settings=settings,
    files=camera_file,
    wanted=has_camera,
    pinned=lambda config: config.tracking.solve.pin,
    build=build,
)
