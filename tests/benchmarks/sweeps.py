"""Sweeps: what a second worker is worth, and what a show of many small shots costs.

    python tests/benchmarks/sweeps.py workers           one and two workers on the same independent variants
    python tests/benchmarks/sweeps.py shots [200 ...]   so many shots by glob, five of them broken, with two workers

The show grows from a quarter to a half to all of them: each new shot should cost the same. What follows the number goes
to the sweep: tracking.solve.enabled=false for a quick look.

Plates are synthetic. All on one machine in one run: compare the lines, and keep the machine quiet.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from helpers.shows.attack import shot_yaml, small_movie
from helpers.shows.project import REPOSITORY, Project, make_project

VARIANTS = "tracking.detect.min_tracks=90,100,110,120,130,140,150,160"
PLATES = 20


def workers(place: Path) -> None:
    from helpers.plates.synthetic import frames, make_plate, write_movie

    movie = place / "plate.mp4"
    write_movie(movie, frames(make_plate("desk", size_px=(640, 360), frame_count=80)))
    seconds = {}
    for jobs in (1, 2):
        project = make_project(place / f"jobs-{jobs}")
        project.remove_other_shots("none")
        (project.root / "footage" / "mini.mp4").write_bytes(movie.read_bytes())
        project.write_shot("mini", shot_yaml())
        project.built("footage", "shot=mini")  # what all have in common, and the tracker's compiled loops
        seconds[jobs] = timed(project, "shot=mini", VARIANTS, f"jobs={jobs}")[0]
        print(f"{jobs} worker{'s' if jobs > 1 else ''}: {seconds[jobs]:.1f} s", flush=True)
    print(f"x {seconds[1] / seconds[2]:.2f} on {len(os.sched_getaffinity(0))} cores")


def shots(place: Path, count: int, *more: str) -> None:
    project = make_project(place / "show")
    project.remove_other_shots("none")
    for number in range(PLATES):
        small_movie(project.root / "footage" / f"plate{number}.mp4", seed=7 + number)
    (project.root / "footage" / "torn.mp4").write_bytes(b"no movie at all")
    broken = {
        "a_typo": shot_yaml("a_typo").replace("min_tracks", "min_trakcs"),
        "b_gone": shot_yaml("b_gone", plate="gone.mp4"),
        "c_unclosed": "shot: [\n",
        "d_torn": shot_yaml("d_torn", plate="torn.mp4"),
        "e_preset": "shot: {name: e_preset, footage: {file: footage/plate0.mp4}, tracking: {preset: none}}\n",
    }
    for name, text in broken.items():
        project.write_shot(name, text)
    print(" shots |   new | seconds | each new one")
    there = 0
    for goal in (count // 4 - len(broken), count // 2 - len(broken), count - len(broken)):
        for number in range(there, goal):  # tracks of their own each
            text = shot_yaml(f"s{number:04}", f"plate{number % PLATES}.mp4")
            project.write_shot(f"s{number:04}", text.replace("min_tracks: 90", f"min_tracks: {90 + number // PLATES}"))
        seconds, code, out, err = timed(project, "shot=glob(*)", "jobs=2", *more, code=1)
        new = goal - there
        there = goal
        print(f"{goal + len(broken):6} | {new:5} | {seconds:7.1f} | {seconds / new:.2f} s", flush=True)
    told = set(re.findall(r"^(\w+)(?:@\S+)?: (?:broken|failed|refused): ", err, re.MULTILINE))
    published = len(list((project.root / "build").glob("*/.published.json")))
    print(f"{published} published, exit {code}, told: {', '.join(sorted(told))}\n{out.splitlines()[-1].strip()}")
    again_s, _, again, _ = timed(project, "shot=glob(*)", "jobs=2", *more, code=1)
    ran = [line for line in again.splitlines() if line.startswith(".  ") and not set(line.split(":")) & set(broken)]
    print(f"the second time {again_s:.0f} s, and ran {ran}")


def timed(project: Project, *words: str, code: int = 0) -> tuple[float, int, str, str]:
    """Seconds, exit code and output of a sweep."""
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "dodo.py", "-m", *words]
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return time.monotonic() - began, done.returncode, done.stdout, done.stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:2] == ["workers"]:
            workers(Path(folder))
        else:
            shots(Path(folder), int((sys.argv[2:] or ["200"])[0]), *sys.argv[3:])
