"""Processes: how many builds at once, on which cores, and that none outlives the build it belongs to."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shotmake.tasks.engine.processes import locks, watchdog

BUILD_MB = 1500  # one build at its peak; at 960x540 Blender takes 325, solve 209: room for 4K
WORKER_ENDS_S = 5.0  # time to tidy up
PR_SET_PDEATHSIG = 1
STOPPING = (signal.SIGINT, signal.SIGTERM)


def jobs(arguments: list[str]) -> int:
    """The N of doit's `-n N`, 1 without."""
    for number, word in enumerate(arguments):
        if word in ("-n", "--process") and arguments[number + 1 : number + 2]:
            word = f"-n{arguments[number + 1]}"
        value = word.removeprefix("--process=").removeprefix("-n")
        if value != word and value.isdigit():
            return max(1, int(value))
    return 1


@contextlib.contextmanager
def place_to_build() -> Iterator[None]:
    """Wait for one of the machine's places. With `-n N` each has its own cores, which caps the threads of all that
    runs there: numpy, OpenCV, FFmpeg, COLMAP and Blender alike."""
    places, workers = _places()
    with locks.slot(places) as number:
        if workers == 1:
            yield
            return
        assert number is not None  # it was waited for
        os.sched_setaffinity(0, _cores_of(number, workers))
        try:
            yield
        finally:
            os.sched_setaffinity(0, _cores())


@contextlib.contextmanager
def another_place() -> Iterator[list[int] | None]:
    """For a program beside the one that runs in our own place: the cores of one more, held while the block runs; None
    when none is free, or without `-n N`."""
    places, workers = _places()
    if workers == 1:
        yield None
        return
    with locks.slot(places, wait=False) as number:
        yield None if number is None else _cores_of(number, workers)


def _places() -> tuple[list[int], int]:
    """The machine's places, named by cores, and how many of them this build uses at most."""
    places = _cores()[: min(len(_cores()), max(1, _memory_mb() // BUILD_MB))]
    return places, min(jobs(sys.argv), len(places))


def _cores_of(place: int, workers: int) -> list[int]:
    width = len(_cores()) // workers
    first = place % workers * width
    return _cores()[first : first + width]


@cache
def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _memory_mb() -> int:
    """Of the machine, or of the container we are in."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            limits.append(int((Path("/sys/fs/cgroup") / name).read_text(encoding="utf-8")))
    return min(limits) // 2**20


_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For a child process: when its parent is killed, it is killed too."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def bind_children() -> None:
    """The same for all processes forked from now on, doit's workers among them. A signal that comes while a process is
    forked waits until the child knows what to do with the signal."""
    forking = threading.local()  # two threads may fork at once

    def hold_signals() -> None:
        forking.parent = os.getpid()
        forking.held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)

    def release_signals() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.held)

    def bind() -> None:
        die_with_parent()
        signal.signal(signal.SIGINT, _ignore)  # of a terminal: the parent sees to its end
        if os.getppid() != forking.parent:  # it has been killed already
            os._exit(1)
        release_signals()

    os.register_at_fork(before=hold_signals, after_in_parent=release_signals, after_in_child=bind)


def one_order_of_sums() -> None:
    """OpenBLAS adds in another order with another number of threads: other last digits, so other bytes. To be called
    before numpy is imported. What is heavy here runs in OpenCV, COLMAP and Blender."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def end_cleanly() -> None:
    """Ctrl-C and SIGTERM end the build without a traceback; what was built stays, half-written files go."""
    _main_process.append(os.getpid())
    for number in STOPPING:
        signal.signal(number, _end)
    make_threads_deaf()


def make_threads_deaf() -> None:
    """No thread started from now on takes these signals, so that they reach the main thread, or wait for it: while
    pycolmap is imported SIGTERM is its own (shotmake/solve/start/colmap.py), and the kernel gives a signal that the
    main thread holds back to any other one, a queue's for example."""
    start = threading.Thread.start

    def start_deaf(self: threading.Thread) -> None:
        held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a new thread inherits it
        try:
            start(self)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    threading.Thread.start = start_deaf


ended_on_purpose: set[int] = set()  # numbers of processes that were killed because they did not come to an end
_stopped_by: list[int] = []
_main_process: list[int] = []  # its number


def end_if_stopped() -> None:
    if _stopped_by:
        sys.exit(128 + _stopped_by[0])


def _end(number: int, frame) -> None:
    if _just_forked():  # nothing to tidy up, and its list of children is its parent's
        os._exit(128 + number)
    _stopped_by.append(number)
    for again in STOPPING:  # a second one must not interrupt the tidying up
        signal.signal(again, _ignore)
    workers = multiprocessing.active_children()
    if multiprocessing.parent_process() is None:
        sys.stderr.write("stopped; the next doit goes on from here\n")
        sys.stderr.flush()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(WORKER_ENDS_S)
        worker.kill()
    if workers:
        os._exit(128 + number)  # the workers tidied up; doit's queues to them may never come to an end
    sys.exit(128 + number)


def _just_forked() -> bool:
    """Is this a forked process that multiprocessing has not yet told that it is a child?"""
    return multiprocessing.parent_process() is None and os.getpid() != _main_process[-1]


def _ignore(number: int, frame) -> None:
    """Unlike SIG_IGN, not inherited by programs that are started."""


def watch_workers() -> None:
    """doit waits for ever for a worker that was killed (out of memory, say): end the build instead."""

    def watch() -> None:
        known: set = set()
        while True:
            known |= set(multiprocessing.active_children())
            dead = [one for one in known if one.exitcode not in (None, 0) and one.pid not in ended_on_purpose]
            if dead:
                code = dead[0].exitcode
                cause = f"by signal {-code}" if code < 0 else f"with code {code}"
                if code != watchdog.GAVE_UP:  # it has said why
                    sys.stderr.write(f"a worker ended {cause}, maybe out of memory; run doit again, with fewer -n\n")
                sys.stderr.flush()
                for worker in multiprocessing.active_children():
                    worker.terminate()
                os._exit(1)
            watchdog.is_no_work()
            time.sleep(0.5)

    threading.Thread(target=watch, daemon=True).start()
