"""report: plate, tracks and solve in one plain summary, held against tracking.qc; and as a page with pictures."""

import json
from dataclasses import asdict

from shotmake.config import Config
from tasks.footage import read_plate
from tasks.solve import read_solution
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    return {"frame_range": config.shot.footage.frame_range, "qc": asdict(config.tracking.qc)}


def build(job: Job) -> str:
    import numpy as np

    from shotmake.footage import frame_span
    from shotmake.report import report
    from shotmake.report_html import report_html, stills, telling_frames

    plate = read_plate(job.inputs["footage"])
    solution = read_solution(job.inputs["solve"]) if "solve" in job.inputs else None
    summary = report(
        json.loads(job.inputs["footage"].read_text()),
        json.loads(job.inputs["quality"].read_text()) if "quality" in job.inputs else None,
        solution,
        job.settings["qc"],
        frame_span(plate, job.settings["frame_range"]),
    )
    job.targets["report"].write_bytes(json_bytes(summary))
    points_xyz, pictures = np.zeros((0, 3)), []
    if "points" in job.inputs:
        with np.load(job.inputs["points"], allow_pickle=False) as points:
            points_xyz = points["point_xyz"]
    if "preview" in job.inputs:
        pictures = stills(job.inputs["preview"], summary["frames"][0], telling_frames(summary, solution))
    page = report_html(summary, solution, points_xyz, pictures)
    job.targets["page"].write_text(page)
    return f"{len(summary['faults'])} faults, {len(summary['warnings'])} warnings"


REPORT = Stage(
    "report",
    version=3,
    targets={"report": "reports/{id}.json", "page": "reports/{id}.html"},
    reads=("footage", "quality", "solve", "points", "preview"),
    settings=settings,
    build=build,
)
