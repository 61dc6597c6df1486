"""Same tracks, same bytes: of solves in processes of their own, however many threads and however they were started."""

import os
import subprocess
import sys

import pytest

from helpers.shows.project import REPOSITORY

SOLVE = """
import os, sys
how = sys.argv[1]
if how == "one core":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
from shotmake.tasks.engine.processes.workers import fix_order_of_sums
fix_order_of_sums()  # before numpy, as in dodo.py
from shotmake.config.schema import Camera, Solve
from shotmake.files.npz_file import pack_npz
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate
from helpers.plates.simulated import simulate
from shotmake.tasks.engine.stamp import to_json_bytes

def solve():
    shot = simulate("orbit", seed=3, frame_count=30, visible=100, uneven=0.7)
    given = shot.tracks, shot.size_px, shot.frames
    found = find_candidate(SolveInputs(*given, Camera(), Solve()))
    made = finish(found, *given, Solve())
    # the cameras before they are rounded: what differs in the last digit there is another byte sooner or later
    return to_json_bytes(made.record) + pack_npz(made.points) + found.cam_from_world.tobytes()

if how == "twice":
    solve()
if how == "forked":  # after a solve: all that a solve starts is there when the process is forked, as in doit -n 2
    solve()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with open(write, "wb") as file:
            file.write(solve())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        made = file.read()
    assert os.waitpid(child, 0)[1] == 0
elif how == "joblib":  # as a sweep with hydra/launcher=joblib
    import joblib
    made, other = joblib.Parallel(n_jobs=2)(joblib.delayed(solve)() for _ in range(2))
    assert made == other
else:
    made = solve()
sys.stdout.buffer.write(made)
"""


def solve_in_process(how: str, threads: int) -> bytes:
    """What a solve makes in a process of its own, with so many threads for each library that can have more than one."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": path}
    command = [sys.executable, "-c", SOLVE, how]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def usual() -> bytes:
    made = solve_in_process("plain", 1)
    assert b'"status": "' in made and b'"refused"' not in made
    return made


@pytest.mark.parametrize(
    ("how", "threads"),
    [("plain", 2), ("plain", 8), ("one core", 2), ("twice", 1), ("forked", 8), ("joblib", 8)],
)
def test_a_solve_has_the_same_bytes(usual, how, threads):
    assert solve_in_process(how, threads) == usual
