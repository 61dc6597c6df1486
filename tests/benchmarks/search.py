"""What a search for settings gains over the `balanced` preset: 15 trials on a grainy plate, killed and resumed.

Run: python tests/benchmarks/search.py [--kind desk] [--trials 15] [--seed 1]    (needs pip install '.[optuna]')

Prints, for balanced and for the best trial, the referee's error (what was minimised) and, from the truth, the error of
the path in %, of the rotation in degrees and of the lens at the picture's border in px. Fails when the search did not
go on where it was killed, or ended no better than balanced.
"""

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

import yaml

from helpers.measures.measure import measure
from helpers.plates.synthetic import Plate, frames, make_plate, truth, write_movie
from helpers.shows.project import REPOSITORY, Project, make_project

NOISE = 20.0  # grey levels: the presets are made for cleaner plates
COLUMNS = ("ate_pct", "rot_deg", "lens_px")
SHOT = "# @package _global_\nshot:\n  name: plate\n  footage: {file: footage/plate.mp4}\n"
COST = "import dodo, sys; from shotmake.tasks.commands.sweep.results import find_cost; "
COST += "print('cost', find_cost('plate', tuple(sys.argv[1:])))"
SOLVE = "import dodo, sys; from shotmake.tasks.commands.sweep.results import *; "
SOLVE += "print(lenders.build_graph(load_shot('plate', tuple(sys.argv[1:])), "
SOLVE += "(FOOTAGE, TRACKS, LENS, SOLVE))['solve'].targets['solve'])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="desk")
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "show")
        project.write_shot("plate", SHOT)
        project.remove_other_shots("plate")
        plate = make_plate(asked.kind, size_px=(320, 180), frame_count=40, noise=NOISE)
        write_movie(project.root / "footage" / "plate.mp4", frames(plate))
        print(f"{'':10}{'referee px':>11}" + "".join(f"{name:>11}" for name in COLUMNS))
        project.built("solve", "shot=plate", "tracking=balanced")
        balanced_px = shown("balanced", project, plate, ["tracking=balanced"])
        started = time.monotonic()
        before = search_until_killed(project, asked.trials // 2, asked)
        search(project, asked.trials - before, asked).wait()
        done = trials(project)
        best = yaml.safe_load((project.root / ".gsd-state" / "hydra" / "optimization_results.yaml").read_text())
        words = [f"{key}={value}" for key, value in best["best_params"].items()]
        best_px = shown("best", project, plate, words)
        print(f"killed after {before} trials, {done} in the study at the end, {time.monotonic() - started:.0f} s")
        print(" ".join(words))
        if done < asked.trials or best_px >= balanced_px:
            sys.exit("no better than balanced, or it did not go on")


def search(project: Project, count: int, asked: argparse.Namespace) -> subprocess.Popen:
    words = ["hydra/sweeper=optuna", "shot=plate", f"hydra.sweeper.n_trials={count}"]
    words.append(f"hydra.sweeper.sampler.seed={asked.seed}")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "dodo.py", "-m", *words]
    with open(project.root.parent / "log", "a") as log:
        return subprocess.Popen(
            command, cwd=project.root, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def search_until_killed(project: Project, count: int, asked: argparse.Namespace) -> int:
    """Kill it, with all it has started, when `count` trials are done; how many are."""
    process = search(project, asked.trials, asked)
    while trials(project) < count:
        if process.poll() is not None:
            sys.exit((project.root.parent / "log").read_text())
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return trials(project)


def trials(project: Project) -> int:
    """Completed ones in the study."""
    path = project.root / ".gsd-state" / "optuna.sqlite"
    if not path.is_file():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as study:
        if not study.execute("select 1 from sqlite_master where name = 'trials'").fetchone():
            return 0
        return study.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]


def shown(name: str, project: Project, plate: Plate, words: list[str]) -> float:
    """The referee's error of a built solve; printed, with its errors by the truth."""
    said, where = (project.doit_with(sys.executable, "-c", code, *words) for code in (COST, SOLVE))
    cost_px = float(said.out.split("cost ")[-1])
    record = json.loads(Path(where.out.strip()).read_text())
    row = measure({**record, "shot": name}, truth(plate))
    print(f"{name:10}{cost_px:11.4f}" + "".join(f"{row.get(column, float('nan')):11.4f}" for column in COLUMNS))
    return cost_px


if __name__ == "__main__":
    main()
