"""Processes: how many build at once, on which cores, and that none outlives the build to which it belongs."""

import atexit
import contextlib
import ctypes
import logging
import multiprocessing
import multiprocessing.util  # its own function at exit waits for workers without end: ours must run before it
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shotmake.tasks.engine.processes import end_if_stuck, locks

BUILD_MB = 1500  # one build at its peak, with room for 4K; at 960x540 Blender takes 325 MB and solve 209 MB
WORKER_ENDS_S = 5.0  # the time that a worker gets to tidy up
PR_SET_PDEATHSIG = 1
STOPPING = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger(__name__)


def read_jobs(arguments: list[str]) -> int:
    """Return the N of doit's `-n N`, 1 without it."""
    for number, word in enumerate(arguments):
        if word in ("-n", "--process") and arguments[number + 1 : number + 2]:
            word = f"-n{arguments[number + 1]}"
        value = word.removeprefix("--process=").removeprefix("-n")
        if value != word and value.isdigit():
            return max(1, int(value))
    return 1


@contextlib.contextmanager
def hold_place() -> Iterator[None]:
    """Hold one of the machine's places to build in while the block runs; wait until one is free.

    With `-n N` each place has its own cores. This limits the threads of all that runs there: numpy, OpenCV, FFmpeg,
    COLMAP and Blender alike.
    """
    places, workers = _list_places()
    with locks.hold_slot(places) as number:
        if workers == 1:
            yield
            return
        assert number is not None  # it was waited for
        os.sched_setaffinity(0, _cores_of(number, workers))
        try:
            yield
        finally:
            os.sched_setaffinity(0, _list_cores())


@contextlib.contextmanager
def hold_another_place() -> Iterator[list[int] | None]:
    """Hold one more place while the block runs, for a program beside the one in our own place; yield its cores.

    None is yielded when no place is free, or without `-n N`.
    """
    places, workers = _list_places()
    if workers == 1:
        yield None
        return
    with locks.hold_slot(places, wait=False) as number:
        yield None if number is None else _cores_of(number, workers)


def _list_places() -> tuple[list[int], int]:
    """Return the machine's places, named by cores, and how many of them this build uses at most."""
    places = _list_cores()[: min(len(_list_cores()), max(1, _measure_memory_mb() // BUILD_MB))]
    return places, min(read_jobs(sys.argv), len(places))


def _cores_of(place: int, workers: int) -> list[int]:
    width = len(_list_cores()) // workers
    first = place % workers * width
    return _list_cores()[first : first + width]


@cache
def _list_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _measure_memory_mb() -> int:
    """Return the memory of the machine, or of the container that this process is in, in MiB."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # there is no such group, or it says "max"
            limits.append(int((Path("/sys/fs/cgroup") / name).read_text(encoding="utf-8")))
    return min(limits) // 2**20


_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Let the kernel kill this child process when its parent is killed (Linux only)."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def bind_children() -> None:
    """Let every process that is forked from now on, doit's workers too, be killed with its parent.

    A signal that comes during a fork waits until the child knows what to do with that signal.
    """
    forking = threading.local()  # two threads may fork at once

    def hold_signals() -> None:
        forking.parent = os.getpid()
        forking.held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)

    def release_signals() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.held)

    def bind() -> None:
        die_with_parent()
        signal.signal(signal.SIGINT, _ignore)  # Ctrl-C in a terminal: the parent ends the child
        if os.getppid() != forking.parent:  # the parent has been killed already
            os._exit(1)
        release_signals()

    os.register_at_fork(before=hold_signals, after_in_parent=release_signals, after_in_child=bind)


def fix_order_of_sums() -> None:
    """Set OpenBLAS to one thread. Call this before numpy is imported.

    With another number of threads OpenBLAS adds in another order: other last digits, so other bytes. The heavy work
    here runs in OpenCV, COLMAP and Blender.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def end_cleanly() -> None:
    """End the build without a traceback on Ctrl-C and SIGTERM, from now on.

    What was built stays; half-written files are removed.
    """
    _main_process.append(os.getpid())
    for number in STOPPING:
        signal.signal(number, _end)
    make_threads_deaf()


def make_threads_deaf() -> None:
    """Keep these signals from every thread that starts from now on, so that they reach the main thread or wait for it.

    While pycolmap is imported, SIGTERM belongs to pycolmap (shotmake/solve/start/colmap.py). The main thread then holds
    the signal back, and the kernel would give it to any other thread, such as that of a queue.
    """
    start = threading.Thread.start

    def start_deaf(self: threading.Thread) -> None:
        held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a new thread inherits it
        try:
            start(self)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    threading.Thread.start = start_deaf


ended_on_purpose: set[int] = set()  # pids of processes that were killed because they did not come to an end
_stopped_by: list[int] = []  # the signals that stopped this process
_main_process: list[int] = []  # its pid


def end_if_stopped() -> None:
    """End this process, with code 128 + the signal's number, when a signal has stopped the build."""
    if _stopped_by:
        sys.exit(128 + _stopped_by[0])


def _end(number: int, frame: object) -> None:
    if _is_just_forked():  # it has nothing to tidy up, and its list of children is still its parent's
        os._exit(128 + number)
    _stopped_by.append(number)
    for again in STOPPING:  # a second signal must not interrupt the tidying up
        signal.signal(again, _ignore)
    if multiprocessing.parent_process() is None:
        _log.warning("stopped; the next doit goes on from here")
    if _end_workers():
        os._exit(128 + number)  # the workers have tidied up; doit's queues to them may never come to an end
    sys.exit(128 + number)


def _end_workers() -> bool:
    """End the workers of this process. Return whether there was one."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(WORKER_ENDS_S)
        worker.kill()
    return bool(workers)


def _is_just_forked() -> bool:
    """Return whether this is a forked process that multiprocessing has not yet told that it is a child."""
    return multiprocessing.parent_process() is None and os.getpid() != _main_process[-1]


def _ignore(number: int, frame: object) -> None:
    """Ignore a signal. Unlike SIG_IGN, this is not inherited by programs that are started."""


def watch_workers() -> None:
    """End the build when a worker was killed (for lack of memory, say): doit would wait for that worker for ever.

    When this process ends while workers still run, they are ended too: Python would wait for them for ever.
    """
    atexit.register(_end_workers)

    def watch() -> None:
        known: set = set()
        while True:
            known |= set(multiprocessing.active_children())
            dead = [one for one in known if one.exitcode not in (None, 0) and one.pid not in ended_on_purpose]
            if dead:
                code = dead[0].exitcode
                if code - 128 in STOPPING:  # doit told it to end, and this process is about to end by itself
                    time.sleep(WORKER_ENDS_S)
                cause = f"by signal {-code}" if code < 0 else f"with code {code}"
                if code != end_if_stuck.GAVE_UP:  # such a worker has already said why
                    _log.error("a worker ended %s, maybe out of memory; run doit again, with fewer -n", cause)
                for worker in multiprocessing.active_children():
                    worker.terminate()
                os._exit(1)
            end_if_stuck.note_no_work()
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()
