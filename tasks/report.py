"""report: plate, tracks and solve in one plain summary, held against tracking.qc."""

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
    from shotmake.footage import frame_span
    from shotmake.report import report

    plate = read_plate(job.inputs["footage"])
    summary = report(
        json.loads(job.inputs["footage"].read_text()),
        json.loads(job.inputs["quality"].read_text()) if "quality" in job.inputs else None,
        read_solution(job.inputs["solve"]) if "solve" in job.inputs else None,
        job.settings["qc"],
        frame_span(plate, job.settings["frame_range"]),
    )
    job.targets["report"].write_bytes(json_bytes(summary))
    return f"{len(summary['faults'])} faults, {len(summary['warnings'])} warnings"


REPORT = Stage(
    "report",
    version=2,
    targets={"report": "reports/{id}.json"},
    reads=("footage", "quality", "solve"),
    settings=settings,
    build=build,
)
