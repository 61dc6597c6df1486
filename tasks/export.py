"""export: the solved camera -> files for other programs."""

from shotmake.config import Config
from tasks.solve import has_camera, read_solution
from tasks.stage import Job, Stage


def settings(config: Config) -> dict:
    return {"formats": [name for name in config.shot.export if name != "undistorted_plate"]}  # a stage of its own


def build(job: Job) -> str:
    from shotmake.formats.chan import chan_text
    from shotmake.scene import camera_matrices

    solution = read_solution(job.inputs["solve"])
    cameras = camera_matrices(solution)
    lens = solution["lens"]
    zoom_px = solution["focal_px_per_frame"] or [lens["fx_px"]] * len(cameras)
    fy_px = [focal_px * lens["fy_px"] / lens["fx_px"] for focal_px in zoom_px]
    text = chan_text(solution["frames"], cameras, fy_px, solution["image_size_px"][1])
    job.targets["chan"].write_text(text)
    return f"camera.chan, {len(cameras)} frames"


EXPORT = Stage(
    "export",
    version=1,
    targets={"chan": "exports/{id}/camera.chan"},
    reads=("solve",),
    settings=settings,
    wanted=lambda config: has_camera(config) and "chan" in config.shot.export,
    build=build,
)
