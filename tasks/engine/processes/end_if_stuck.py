"""End this process when its own work stands still: a library that waits for itself would hold the build for ever.

Waiting for others is not such work. Programs have their own limits (tasks/engine/processes/run_programs.py), and a
build that waits for another build says so.
"""

import contextlib
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator

from shotmake.limits import get_limits, say_how_to_raise

GAVE_UP = 75  # the exit code of a worker that has already told why it ended
LOOK_S = 5.0  # between two looks at the work
IDLE_SHARE = 0.001  # of the processor: a process that reads from a slow disk uses more

_log = logging.getLogger(__name__)
_waiting: list[object] = []
_beside_s: dict[threading.Thread, float] = {}


@contextlib.contextmanager
def mark_waiting() -> Iterator[None]:
    """Mark the block as one that waits for others. While it runs, the watchdog does not count."""
    mark = object()
    _waiting.append(mark)
    try:
        yield
    finally:
        _waiting.remove(mark)


def note_no_work() -> None:
    """Note that the calling thread has only looked after the build so far: its processor time is no sign of life."""
    _beside_s[threading.current_thread()] = time.thread_time()


def _measure_worked_s() -> float:
    """Return the processor time, in seconds, of the threads that work."""
    return time.process_time() - sum(list(_beside_s.values()))


@contextlib.contextmanager
def watch(name: str) -> Iterator[None]:
    """Watch the block, which works. When it does nothing for limits.silent_minutes, say so in one line and end the
    process.
    """
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(name, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _watch(name: str, done: threading.Event) -> None:
    begun = alive = looked = time.monotonic()
    worked_s = _measure_worked_s()
    silent_s = 60 * get_limits().silent_minutes
    while not done.wait(min(LOOK_S, silent_s / 4)):
        note_no_work()
        now, now_worked_s = time.monotonic(), _measure_worked_s()
        if _waiting or now_worked_s - worked_s > IDLE_SHARE * (now - looked):
            alive = now
        looked, worked_s = now, now_worked_s
        if now - alive > silent_s:
            line = f"it ran for {now - begun:.0f} s, the last {now - alive:.0f} without doing anything"
            _log.error("%s was ended: %s; raise %s", name, line, say_how_to_raise("silent_minutes"))
            os._exit(GAVE_UP if multiprocessing.parent_process() else 1)
