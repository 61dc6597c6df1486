"""What a solve costs, how the cost grows with the shot, and what a machine pays once for the compiled kernels.

Run: python tests/benchmarks/speed.py                120 frames, 500 tracks, whole solve with verdict and checks
     python tests/benchmarks/speed.py --growth       120, 480, 1000, 3000 frames with 500 live tracks each: a camera
                                                     that goes on and on, past tracks that live 50 frames
     python tests/benchmarks/speed.py --faster       the same path filmed with ever more frames: the
                                                     tracks live longer too
     python tests/benchmarks/speed.py --slow         a 480-frame orbit of 35 deg, 60 tracks a frame that live 50 frames
     python tests/benchmarks/speed.py --first        the first build on a machine, against the next one

--times N: medians of N runs (5), each of another seed. Each solve has a process of its own: wall and CPU seconds of the
solve alone, the peak memory of the process less that before the solve, and the errors against the truth. floor: our
adjustment from the true cameras with the true weights, of the first seed. Speed tells something on quiet cores only.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USUAL = {"frame_count": 120, "visible": 170, "life_frames": 50.0}  # 500 tracks in all
SLOW = {"frame_count": 480, "visible": 60, "life_frames": 50.0, "span_deg": 35.0, "white_px": 0.08, "drift_px": 0.0}
GROWTH, LIVE, DEG_A_FRAME = (120, 480, 1000, 3000), 500, 1 / 3
FIRST_SEED = 2
NOISE = {"white_px": 0.05, "drift_px": 0.005}


def solve_one(asked: dict) -> dict:
    """Simulate, solve and measure one shot, in this process."""
    from helpers.measures.measure import measure
    from helpers.plates.simulated import simulate
    from shotmake.config.schema import Camera, Solve
    from shotmake.solve.problem import SolveInputs
    from shotmake.solve.verdict import solve

    floor = asked.pop("floor")
    warm = simulate(
        "orbit", seed=1, frame_count=12, visible=60
    )  # what is loaded and compiled once is no cost of a solve
    solve(SolveInputs(warm.tracks, warm.size_px, warm.frames, Camera(), Solve()))
    shot = simulate("orbit", **asked)
    inputs = SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve())
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter(), time.process_time()
    record = solve(inputs).record
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"wall_s": wall, "cpu_s": cpu, "mb": peak_mb - before_mb, "markers": len(shot.tracks)}
    row |= measure(record, shot.truth) | {"warnings": record["warnings"] or [record["reason"]]}
    if floor:
        from solvers import nearest_truth

        row["floor_pct"] = measure(nearest_truth(shot, 1000.0, "orbit"), shot.truth)["ate_pct"]
    return row


def ask(**asked) -> dict:
    """The row of a shot that is solved in a process of its own."""
    words = [sys.executable, __file__, "--one", json.dumps(asked)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as in a build
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def tell(label: str, rows: list[dict]) -> None:
    """Print the medians of the rows of one shot."""
    middle = {name: statistics.median(row[name] for row in rows) for name in ("wall_s", "cpu_s", "mb", "markers")}
    errors = {name: statistics.median(row[name] for row in rows) for name in ("ate_pct", "rot_deg", "focal_pct")}
    status = ", ".join(sorted({row["status"] for row in rows}))
    floor = [row["floor_pct"] for row in rows if "floor_pct" in row]
    print(
        f"{label:34}{middle['markers']:9.0f}{middle['wall_s']:8.2f}{middle['cpu_s']:8.2f}{middle['mb']:8.0f}"
        f"{errors['ate_pct']:9.4f}{errors['rot_deg']:9.4f}{errors['focal_pct']:9.3f}"
        f"{statistics.median(floor) if floor else float('nan'):9.4f}  {status}",
        flush=True,
    )


def leave_out(folder: str, names: list[str]) -> set[str]:
    """What a copy of the repository does not need, of the names in one of its folders."""
    top = {"build", "tests", "docs"} if Path(folder) == ROOT else set()
    return {name for name in names if name.startswith(".") or name in top or name == "__pycache__"}


def first_build(times: int) -> None:
    """Print how long preparing takes, and the track stage of a build that prepares, against one that need not."""
    kernels, cold, warm = [], [], []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as place:
            environment = {**os.environ, "XDG_CACHE_HOME": place, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "shotmake.prepare_kernels"]
            began = time.perf_counter()
            subprocess.run(command, env=environment, cwd=ROOT, check=True)
            kernels.append(time.perf_counter() - began)
        with tempfile.TemporaryDirectory() as place:
            environment["XDG_CACHE_HOME"] = f"{place}/cache"
            for times_taken in (cold, warm):
                show = Path(place) / "show"
                shutil.copytree(ROOT, show, ignore=leave_out)
                began = time.perf_counter()
                command = [sys.executable, "-m", "doit", "solve", "shot=knob_hero"]
                subprocess.run(command, env=environment, cwd=show, check=True, capture_output=True)
                times_taken.append(time.perf_counter() - began)
                shutil.rmtree(show)
    middle = [statistics.median(one) for one in (kernels, cold, warm)]
    print(f"all kernels, one process: {middle[0]:.1f} s")
    print(f"doit solve shot=knob_hero: first on a machine {middle[1]:.1f} s, then {middle[2]:.1f} s")
    print(f"what is seen of it: {middle[1] - middle[2]:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--faster", action="store_true")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--most", type=int, default=max(GROWTH))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]
        print(json.dumps(solve_one(json.loads(asked.one)), default=float))
        return
    if asked.first:
        first_build(asked.times)
        return
    shots = {"120 frames, 500 tracks": {**USUAL, **NOISE}}
    if asked.slow:
        shots = {"slow orbit": SLOW}
    if asked.growth or asked.faster:
        usual = {"life_frames": USUAL["life_frames"], "visible": LIVE, **NOISE}
        shots = {
            f"{count} frames, {LIVE} live": usual
            | {"frame_count": count}
            | ({"life_frames": count / 2.4} if asked.faster else {"span_deg": count * DEG_A_FRAME})
            for count in GROWTH
            if count <= asked.most
        }
    heads = ("markers", "wall s", "CPU s", "MB", "ATE %", "rot deg", "focal %", "floor %")
    print(f"{'':34}" + "".join(f"{head:>{width}}" for head, width in zip(heads, (9, 8, 8, 8, 9, 9, 9, 9), strict=True)))
    for label, shot in shots.items():
        tell(
            label,
            [ask(floor=seed == FIRST_SEED, seed=seed, **shot) for seed in range(FIRST_SEED, FIRST_SEED + asked.times)],
        )


if __name__ == "__main__":
    main()
