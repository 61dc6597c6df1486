"""Same tracks, same bytes: of two solves in processes of their own, one with one core and one with two."""

import os
import subprocess
import sys

import pytest

from helpers.shows.project import REPOSITORY

SOLVE = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
from shotmake.tasks.engine.processes.workers import fix_order_of_sums
fix_order_of_sums()  # before numpy, as in dodo.py
from shotmake.config.schema import Camera, Solve
from shotmake.files.npz_file import pack_npz
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate
from helpers.plates.simulated import simulate
from shotmake.tasks.engine.stamp import to_json_bytes
shot = simulate("orbit", seed=3, frame_count=30, visible=100, uneven=0.7)
given = shot.tracks, shot.size_px, shot.frames
found = find_candidate(SolveInputs(*given, Camera(), Solve()))
made = finish(found, *given, Solve())
# the cameras before they are rounded: what differs in the last digit there is another byte sooner or later
sys.stdout.buffer.write(to_json_bytes(made.record) + pack_npz(made.points) + found.cam_from_world.tobytes())
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_solves_with_one_and_with_two_threads_are_the_same_to_the_byte():
    made = []
    for threads in (1, 2):
        wanted = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", SOLVE, str(threads)],
                env=os.environ | wanted | {"PYTHONPATH": path}, cwd=REPOSITORY, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
    one, two = (process.communicate()[0] for process in made)
    assert b'"status": "' in one and b'"refused"' not in one
    assert one == two
