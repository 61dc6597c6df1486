"""What the tracks are worth: the same solver on plain KLT's tracks and on ours, against truth.

Run: python tests/benchmarks/solves.py [--kinds desk pan] [--seeds 7 23] [--trackers klt balanced] [--cache FOLDER]

A line a solve: error of the path in % of its length, of the rotation in degrees, of the focal length in %, of the lens
at the picture's border in px; then medians. Refused solves say so.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from tracks import KINDS, SEEDS, drawn, ours, plain_klt  # first: it makes the others importable  # isort: skip
from helpers.measures.measure import measure
from helpers.plates.synthetic import truth
from shotmake.config.schema import Camera, Solve
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve

COLUMNS = ("ate_pct", "rot_deg", "focal_pct", "lens_px")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--trackers", nargs="+", default=["klt", "balanced"])
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    print(f"{'kind':10}{'seed':>5} {'tracker':14}{'status':9}" + "".join(f"{name:>11}" for name in COLUMNS))
    for kind in asked.kinds:
        rows: dict[str, list[dict]] = {name: [] for name in asked.trackers}
        for seed in asked.seeds:
            plate, frames = drawn(kind, seed, asked.cache)
            span = (plate.first_frame, plate.first_frame + plate.frame_count - 1)
            for name in asked.trackers:
                tracks = (plain_klt if name == "klt" else ours(name))(frames)
                started = time.process_time()
                solution = solve(SolveInputs(tracks, plate.size_px, span, Camera(), Solve()))
                seconds = time.process_time() - started
                row = measure({**solution.record, "shot": kind}, truth(plate))
                rows[name].append(row)
                values = "".join(f"{row.get(column, np.nan):11.4f}" for column in COLUMNS)
                said = solution.record["reason"][:60]
                print(f"{kind:10}{seed:5} {name:14}{row['status']:9}{values} {seconds:6.1f} s  {said}", flush=True)
        for name, found in rows.items():
            medians = [np.nanmedian(np.abs([row.get(column, np.nan) for row in found])) for column in COLUMNS]
            print(f"{kind:10}      {name:14}{'median':9}" + "".join(f"{value:11.4f}" for value in medians), flush=True)


if __name__ == "__main__":
    main()
