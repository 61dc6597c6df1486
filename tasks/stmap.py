"""stmap: the solved lens -> undistort and redistort ST-maps."""

from shotmake.config import Config
from tasks.solve import has_camera, read_solution
from tasks.stage import Job, Stage


def settings(config: Config) -> dict:
    return {"overscan": config.composite.lens_distortion.overscan}


def build(job: Job) -> str:
    from shotmake.lens import Lens
    from shotmake.scene import camera_matrices, chosen_overscan_px
    from shotmake.stmap import redistort_map, undistort_map, write_stmap

    solution = read_solution(job.inputs["solve"])
    camera_matrices(solution)
    lens, size_px = Lens.from_json(solution["lens"]), tuple(solution["image_size_px"])
    overscan = chosen_overscan_px(lens, size_px, job.settings["overscan"])
    write_stmap(job.targets["undistort"], undistort_map(lens, size_px, overscan), "undistort", overscan)
    write_stmap(job.targets["redistort"], redistort_map(lens, size_px, overscan), "redistort", overscan)
    return f"overscan {overscan[0]} and {overscan[1]} px on each side"


STMAP = Stage(
    "stmap",
    version=1,
    targets={"undistort": "stmaps/{id}.undistort.exr", "redistort": "stmaps/{id}.redistort.exr"},
    reads=("solve",),
    settings=settings,
    wanted=has_camera,
    build=build,
)
