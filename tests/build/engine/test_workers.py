"""How many builds run at once, and on which cores."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from helpers.shows.project import REPOSITORY
from shotmake.tasks.engine.processes.workers import make_threads_deaf, read_jobs

HOLD_A_PLACE = """
import os, sys
sys.argv = ["doit", "-n", sys.argv[1]]
from shotmake.tasks.commands.terminal_output import show_messages
from shotmake.tasks.engine.processes.workers import hold_place
show_messages()
with hold_place():
    print(*sorted(os.sched_getaffinity(0)), flush=True)
    input()
print(*sorted(os.sched_getaffinity(0)), flush=True)
"""


@pytest.mark.parametrize(
    ("words", "count"),
    [("shot=a", 1), ("-n 4", 4), ("-n4 shot=a", 4), ("--process=3", 3), ("--process 3", 3), ("-n", 1), ("-n 0", 1)],
)
def test_the_number_of_workers_is_read_as_doit_reads_it(words, count):
    assert read_jobs(["doit", *words.split()]) == count


def hold_a_place(project, workers: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD_A_PLACE, str(workers)], cwd=project.root, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_workers_have_cores_of_their_own_and_never_more_than_there_are(project):
    cores = sorted(os.sched_getaffinity(0))
    builders = [hold_a_place(project, len(cores)) for _ in cores]
    held = [builder.stdout.readline().split() for builder in builders]
    assert sorted(sum(held, [])) == sorted(map(str, cores)) and all(len(part) == 1 for part in held)
    late = hold_a_place(project, len(cores))
    assert late.stdout.readline().startswith("   waiting for one of the ")
    assert builders[0].communicate("\n")[0].split() == list(map(str, cores))  # all cores again
    assert late.stdout.readline().split() == held[0]
    for builder in (*builders[1:], late):
        builder.communicate("\n")


def test_one_build_alone_has_all_cores(project):
    builder = hold_a_place(project, 1)
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    assert builder.communicate("\n")[0].splitlines()[0].split() == cores


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_thread_takes_the_signal_that_ends_a_build(monkeypatch):
    """While pycolmap is imported, SIGTERM is its own and kills with a stack trace: our main thread holds it back."""
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)  # put back afterwards
    make_threads_deaf()
    asleep = threading.Event()
    thread = threading.Thread(target=asleep.wait)
    thread.start()
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    asleep.set()
    thread.join()
    blocked = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")), 16)
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGTERM, signal.SIGINT))
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())  # the main thread hears as before


FORK_AND_SIGNAL = """
import multiprocessing, os, signal, sys, time
from shotmake.tasks.engine.processes import workers

workers.end_cleanly()
again = []
os.register_at_fork(after_in_child=lambda: again and os.kill(os.getpid(), int(sys.argv[1])))
if sys.argv[2] == "bound":
    workers.bind_children()
os.register_at_fork(after_in_child=lambda: again and os.kill(os.getpid(), int(sys.argv[1])))
context = multiprocessing.get_context("fork")
sister = context.Process(target=time.sleep, args=(60,))
sister.start()
again.append(True)
child = context.Process(target=time.sleep, args=(0.1,))
child.start()
child.join()
print(child.exitcode, sister.is_alive())
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize(
    ("number", "children", "code"),
    [(signal.SIGTERM, "bound", 143), (signal.SIGTERM, "free", 143), (signal.SIGINT, "bound", 0)],
)
def test_a_signal_to_a_worker_that_is_being_forked_is_the_workers_own(project, number, children, code):
    """It once ended in a traceback: the child took its sister for a child of its own."""
    run = subprocess.run(
        [sys.executable, "-c", FORK_AND_SIGNAL, str(int(number)), children],
        cwd=project.root, text=True, capture_output=True, timeout=30,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (
        143,
        f"{code} True\n",
        "stopped; the next doit goes on from here\n",
    )


ENDING = """
import multiprocessing, os, signal, sys, time
from shotmake.tasks.commands.terminal_output import show_messages
from shotmake.tasks.engine.processes import workers

def work(way):
    if way == "told to end":
        sys.exit(128 + signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as one that is lost in compiled code
    time.sleep(600)

show_messages()
workers.WORKER_ENDS_S = 1.0 if sys.argv[1] == "lost" else 5.0
workers.watch_workers()
worker = multiprocessing.get_context("fork").Process(target=work, args=(sys.argv[1],))
worker.start()
time.sleep(2)
sys.exit(7)
"""


@pytest.mark.parametrize("way", ["told to end", "lost"])
def test_a_build_that_ends_by_itself_neither_blames_nor_awaits_its_workers(way):
    """As when the reader of its output goes away: doit tells the workers to end, and Python would wait for them."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", ENDING, way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
