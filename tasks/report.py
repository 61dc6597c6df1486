"""report: plate, tracks, objects and solve in one summary, held against tracking.qc; and as a page with pictures."""

from shotmake.config import Config, Matte
from shotmake.safe_json import read_json
from tasks import slices
from tasks.footage import read_plate
from tasks.mattes import has_objects
from tasks.solve import read_solution
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    found = slices.block(config.shot.footage, "frame_range") | {"qc": slices.block(config.tracking.qc)}
    if config.tracking.enabled and has_objects(config):
        mask, matte = config.tracking.mask, slices.block(config.tracking.objects.matte)
        found["mattes"] = {"from_objects": mask.from_objects, "invert": mask.invert, "matte": matte}
    return found


def build(job: Job) -> str:
    import numpy as np

    from shotmake.footage import frame_span
    from shotmake.object_report import remarks
    from shotmake.report import report
    from shotmake.report_html import report_html, stills, telling_frames
    from shotmake.safe_npz import read_npz

    plate = read_plate(job.inputs["footage"])
    solution = read_solution(job.inputs["solve"]) if "solve" in job.inputs else None
    summary = report(
        read_json(job.inputs["footage"]),
        read_json(job.inputs["quality"]) if "quality" in job.inputs else None,
        solution,
        job.settings["qc"],
        frame_span(plate, job.settings["frame_range"]),
        objects(job) if "objects" in job.inputs else None,
    )
    job.targets["report"].write_bytes(json_bytes(summary))
    points_xyz, pictures = np.zeros((0, 3)), []
    if "points" in job.inputs:
        points_xyz = read_npz(job.inputs["points"], needed=("point_xyz",))["point_xyz"]
    if "preview" in job.inputs:
        pictures = stills(job.inputs["preview"], summary["frames"][0], telling_frames(summary, solution))
    page = report_html(summary, solution, points_xyz, pictures)
    job.targets["page"].write_text(page, encoding="utf-8")
    said = [line for lines in remarks(list(summary.get("objects", {}).values())) for line in lines]
    counts = f"{_counted(summary['faults'], 'fault')}, {_counted(summary['warnings'], 'warning')}"
    return "\n".join([counts, *(f"      {line}" for line in (*summary["faults"], *said))])


def _counted(lines: list[str], word: str) -> str:
    return f"{len(lines)} {word}{'' if len(lines) == 1 else 's'}"


def objects(job: Job) -> dict[str, dict]:
    """What the report says of the shot's objects, by camera: of its own one. A witness's are its own stage's matter."""
    from shotmake.matte import boxes_of
    from shotmake.object_report import covered, objects_block
    from shotmake.objects import Tracklet

    record = read_json(job.inputs["objects"])
    matted = None
    if "mattes" in job.settings:
        chosen, invert, matte = (job.settings["mattes"][name] for name in ("from_objects", "invert", "matte"))
        tracklets = [Tracklet.from_json(one) for one in record["tracklets"]]
        boxes = boxes_of(tracklets, chosen, Matte(**matte))
        matted = covered(boxes.at, tuple(record["image_size_px"]), tuple(record["frames"]), invert)
    return {record["camera_id"]: objects_block(record, matted)}


REPORT = Stage(
    "report",
    version=3,
    targets={"report": "reports/{id}.json", "page": "reports/{id}.html"},
    reads=("footage", "objects", "quality", "solve", "points", "preview"),
    settings=settings,
    build=build,
)
