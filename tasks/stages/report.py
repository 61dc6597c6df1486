"""report: plate, tracks, objects and solve in one summary, compared with tracking.qc, and as a page with pictures."""

from shotmake.config.schema import Config, Matte
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.solve.stage import read_solution
from shotmake.tasks.stages.tracks.masks import has_objects


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    found = slices.slice_block(config.shot.footage, "frame_range") | {"qc": slices.slice_block(config.tracking.qc)}
    if config.tracking.enabled and has_objects(config):
        mask, matte = config.tracking.mask, slices.slice_block(config.tracking.objects.matte)
        found["mattes"] = {"from_objects": mask.from_objects, "invert": mask.invert, "matte": matte}
    return found


def build(job: Job) -> str:
    """Build report.json and report.html. Return the counts of faults and warnings, then the faults and remarks."""
    import numpy as np

    from shotmake.files.npz_file import read_npz
    from shotmake.footage.plate import find_frame_span
    from shotmake.report.objects_summary import list_remarks
    from shotmake.report.page import choose_frames, make_report_html, read_stills
    from shotmake.report.summary import make_report

    plate = read_plate(job.inputs["footage"])
    solution = read_solution(job.inputs["solve"]) if "solve" in job.inputs else None
    summary = make_report(
        read_json(job.inputs["footage"]),
        read_json(job.inputs["quality"]) if "quality" in job.inputs else None,
        solution,
        job.settings["qc"],
        find_frame_span(plate, job.settings["frame_range"]),
        list_objects(job) if "objects" in job.inputs else None,
    )
    job.targets["report"].write_bytes(to_json_bytes(summary))
    points_xyz, pictures = np.zeros((0, 3)), []
    if "points" in job.inputs:
        points_xyz = read_npz(job.inputs["points"], needed=("point_xyz",))["point_xyz"]
    if "preview" in job.inputs:
        pictures = read_stills(job.inputs["preview"], summary["frames"][0], choose_frames(summary, solution))
    page = make_report_html(summary, solution, points_xyz, pictures)
    job.targets["page"].write_text(page, encoding="utf-8")
    said = [line for lines in list_remarks(list(summary.get("objects", {}).values())) for line in lines]
    counts = f"{_count_lines(summary['faults'], 'fault')}, {_count_lines(summary['warnings'], 'warning')}"
    return "\n".join([counts, *(f"      {line}" for line in (*summary["faults"], *said))])


def _count_lines(lines: list[str], word: str) -> str:
    return count_of(len(lines), word)


def list_objects(job: Job) -> dict[str, dict]:
    """Return what the report says about the objects of the shot's own camera, by camera.

    A witness camera's objects belong to that camera's own stage.
    """
    from shotmake.objects.box_mattes import boxes_of
    from shotmake.objects.tracklet_file import Tracklet
    from shotmake.report.objects_summary import describe_objects, measure_cover

    record = read_json(job.inputs["objects"])
    matted = None
    if "mattes" in job.settings:
        chosen, invert, matte = (job.settings["mattes"][name] for name in ("from_objects", "invert", "matte"))
        tracklets = [Tracklet.from_json(one) for one in record["tracklets"]]
        boxes = boxes_of(tracklets, chosen, Matte(**matte))
        matted = measure_cover(boxes.select_at, tuple(record["image_size_px"]), tuple(record["frames"]), invert)
    return {record["camera_id"]: describe_objects(record, matted)}


REPORT = Stage(
    "report",
    version=3,
    targets={"report": "reports/{id}.json", "page": "reports/{id}.html"},
    reads=("footage", "objects", "quality", "solve", "points", "preview"),
    settings=slice_settings,
    published={"report": "report.json", "page": "report.html"},
    needs_camera=lambda config: False,
    build=build,
)
