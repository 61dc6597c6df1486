"""What mattes do for a solve: the same plate with and without them, through the real command line.

Run: python tests/benchmarks/mattes.py [--seeds 3] [--first 7] [--frames 120] [--keep FOLDER]
     ... --clip FILE [--detections FILE] [--kind tripod]    a real clip instead; no detections: shotmake's own motion

Rendered: an orbit at 720p while a textured box walks through a quarter of the picture. Its boxes come as a MOT file of
a detector that shakes (deviation 1.5 % of the box's size on each side), misses one frame in ten, and a stretch of 12,
and sees something where nothing is in one frame of fifteen. A line a solve: share of the markers that lie on the
object, verdict, confidence, hold-out, and the error of the path in % of its length, of the rotation, focal length and
lens, against the limits of the solver (tests/benchmarks/solvers.py).

A clip has no truth: its solves are held against the referee's tracks, made of the whole picture, object included, with
one setting that no preset has, and never solved with.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.measures.measure import measure
from helpers.plates.synthetic import Plate, frames, make_plate, surfaces, truth, walker_box_px, write_movie
from helpers.shows.project import Project, make_project
from shotmake.footage.plate import find_frame_span, probe
from shotmake.sweep.referee import Referee, make_referee, score
from shotmake.tracks.markers import Tracks, load_tracks

SIZE_PX = (1280, 720)
LIMITS = {"ate_pct": 0.03, "rot_deg": 0.01, "focal_pct": 0.4, "lens_px": 0.5}
MEDIAN_ATE_PCT = 0.01
SHAKE, MISSED, LONG_GAP_FRAMES, ALARM_EVERY = 0.015, 0.1, 12, 15
MASKS = {"off": "false", "on": "true"}
YAML = """\
# @package _global_
defaults:
  - override /tracking: balanced
shot:
  name: {name}
  footage: {{file: footage/{file}}}
tracking:
  mask: {{from_objects: {mask}}}
  objects: {{enabled: true, detections: {detections}}}
  solve: {{kind: {kind}}}
"""


def write_detections(path: Path, plate: Plate, seed: int) -> None:
    """MOT challenge: frames and pixels count from 1."""
    random = np.random.default_rng([seed, 5])
    width, height = plate.size_px
    gap = plate.frame_count // 3
    rows = []
    for number, frame in enumerate(plate.frame_numbers):
        x, y, w, h = walker_box_px(plate, frame)
        if random.random() > MISSED and not gap <= number < gap + LONG_GAP_FRAMES:
            sides = np.array([x, y, x + w, y + h]) + random.normal(0, SHAKE, 4) * [w, h, w, h]
            rows.append((number + 1, *sides[:2], *(sides[2:] - sides[:2]), 0.9))
        if number % ALARM_EVERY == 7:
            size = random.uniform(40, 160, 2)
            rows.append((number + 1, *(random.random(2) * ((width, height) - size)), *size, 0.5))
    lines = [f"{n},-1,{x + 1:.2f},{y + 1:.2f},{w:.2f},{h:.2f},{trust},-1,-1,-1\n" for n, x, y, w, h, trust in rows]
    path.write_text("".join(lines))


def share_on_object(plate: Plate, tracks: Tracks) -> float:
    """Of the markers."""
    on, moves = 0, np.array([quad.shift_at is not None for quad in plate.quads] + [False])  # -1: nothing is hit
    for frame in plate.frame_numbers:
        on += int(moves[surfaces(plate, tracks.xy_px[tracks.frame == frame], frame)[1]].sum())
    return on / len(tracks)


def solved(
    project: Project, name: str, file: str, detections: str, mask: str, kind: str = "auto"
) -> tuple[dict, Tracks]:
    """The shot's solve and tracks, with its preview built."""
    project.write_shot(name, YAML.format(name=name, file=file, detections=detections, mask=mask, kind=kind))
    project.built("preview", f"shot={name}")
    state = project.root / ".gsd-state" / "tracking"
    (record,), (tracks,) = state.glob(f"solves/{name}-????????????.json"), state.glob(f"sessions/{name}-*/tracks.npz")
    return json.loads(record.read_text()), load_tracks(tracks)


def said(record: dict) -> str:
    holdout = record["holdout_rms_px"]
    held = "-" if holdout is None else f"{holdout:.3f}"
    return f"{record['status']:8} confidence {record['confidence']:.2f} hold-out {held} px"


def rendered(root: Path, seed: int, frame_count: int) -> list[dict]:
    """Rows of the same plate without mattes and with them."""
    plate = make_plate("crossing", SIZE_PX, frame_count, seed=seed)
    project = make_project(root / f"seed{seed}")
    write_movie(project.root / "footage" / "plate.mp4", frames(plate))
    write_detections(project.root / "footage" / "boxes.txt", plate, seed)
    rows = []
    for how, mask in MASKS.items():
        record, tracks = solved(project, f"mattes_{how}", "plate.mp4", "footage/boxes.txt", mask)
        row = {"how": how, **measure({**record, "shot": ""}, truth(plate))}
        values = " ".join(f"{name} {row[name]:.4f}" for name in LIMITS)
        reason = (record["reason"] or "; ".join(record["warnings"]))[:90]
        on = share_on_object(plate, tracks)
        print(f"seed {seed} mattes {how:3} {on:5.1%} on the object, {said(record)} {values} {reason}", flush=True)
        rows.append(row)
    return rows


def judge_of(project: Project, file: str) -> Referee:
    """The referee of a clip, with no mask at all."""
    from shotmake.tasks.commands.sweep.results import REFEREE

    blocks = {name: vars(getattr(REFEREE, name)) for name in ("detect", "track", "clean")}
    shot = {"shot": {"name": "referee", "footage": {"file": f"footage/{file}"}}, "tracking": blocks}
    project.write_shot("referee", "# @package _global_\n" + json.dumps(shot))
    project.built("tracks", "shot=referee")
    (tracks,) = (project.root / ".gsd-state" / "tracking" / "sessions").glob("referee-*/tracks.npz")
    plate = probe(f"footage/{file}", project.root)
    return make_referee(load_tracks(tracks), find_frame_span(plate, None), (plate.size_px[0], plate.size_px[1]))


def clip(root: Path, file: Path, detections: Path | None, kind: str) -> None:
    project = make_project(root / "clip")
    shutil.copy(file, project.root / "footage" / file.name)
    named = "null"
    if detections is not None:
        named = f"footage/{shutil.copy(detections, project.root / 'footage').name}"
    judge = judge_of(project, file.name)
    for how, mask in MASKS.items():
        record, tracks = solved(project, f"mattes_{how}", file.name, named, mask, kind)
        found = score(record, judge)
        values = [
            f"{name} {'-' if value is None else f'{value:.3f}'}"
            for name, value in (("agree", found.share), ("error px", found.error_px), ("median px", found.median_px))
        ]
        print(
            f"{file.name} mattes {how:3} {len(np.unique(tracks.track_id))} tracks, {said(record)}; referee: "
            f"{found.verdict}, {found.frames_pct:.0f} % of frames, {', '.join(values)}; "
            f"{record['reason'] or '; '.join(record['warnings'])}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=7)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--detections", type=Path, help="of the clip: MOT, COCO or our JSON")
    parser.add_argument("--kind", default="auto", help="tracking.solve.kind of the clip")
    parser.add_argument("--keep", type=Path, help="a new folder: the projects stay there, with their previews")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = asked.keep or Path(scratch)
        if asked.clip:
            clip(root, asked.clip, asked.detections, asked.kind)
            return
        seeds = range(asked.first, asked.first + asked.seeds)
        rows = [row for seed in seeds for row in rendered(root, seed, asked.frames)]
    for how in MASKS:
        of = [row for row in rows if row["how"] == how]
        worst = {name: max(abs(row[name]) for row in of) for name in LIMITS}
        holds = all(worst[name] <= limit for name, limit in LIMITS.items())  # False for NaN
        median = float(np.median([row["ate_pct"] for row in of]))
        values = " ".join(f"{name} {worst[name]:.4f} (<= {limit})" for name, limit in LIMITS.items())
        verdict = "holds" if holds and median <= MEDIAN_ATE_PCT else "does not hold"
        print(f"mattes {how:3} median path {median:.4f} % (<= {MEDIAN_ATE_PCT}), worst {values}: {verdict}")


if __name__ == "__main__":
    main()
