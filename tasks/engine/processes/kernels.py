"""The compiled kernels of the tracker and the solver: made once a machine, beside the build, while it reads its plate.

A kernel that is not compiled when it is called is compiled by the build itself. So nothing here may fail a build.
"""

import contextlib
import fcntl
import logging
import subprocess
import time

from shotmake.files.own_process import make_command, make_environment
from shotmake.prepare_kernels import place_ready
from shotmake.tasks.engine.processes.end_if_stuck import mark_waiting
from shotmake.tasks.engine.processes.workers import die_with_parent

SIDE_BY_SIDE = (("match",), ("follow", "solve"))  # as long as each other; the solve needs its part last
TRACKER, SOLVER = ("match", "follow"), ("solve",)
MOST_S = 180.0  # to wait; a slow machine takes 40 s

_log = logging.getLogger(__name__)
_begun: dict[str, subprocess.Popen] = {}  # part -> the process that this one has started for it


def begin_kernels() -> None:
    """Begin to compile the kernels that are not compiled yet. It does not wait for them."""
    for parts in SIDE_BY_SIDE:
        if parts[0] in _begun or all(_is_ready(part) for part in parts):
            continue
        with contextlib.suppress(OSError):  # no memory for another process: the build compiles by itself
            process = subprocess.Popen(
                make_command("shotmake.prepare_kernels", *parts),
                env=make_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )
            _begun.update(dict.fromkeys(parts, process))


def await_kernels(parts: tuple[str, ...]) -> None:
    """Wait until these kernels are compiled, or until no process compiles them."""
    if all(_is_ready(part) for part in parts):
        return
    begin_kernels()
    _log.info("preparing the %s, once on this machine", "tracker" if parts == TRACKER else "solver")
    end = time.monotonic() + MOST_S
    with mark_waiting():
        while time.monotonic() < end and any(not _is_ready(part) and _is_being_compiled(part) for part in parts):
            time.sleep(0.02)


def _is_ready(part: str) -> bool:
    """Return whether a part is compiled, or cannot be kept at all."""
    ready = place_ready(part)
    return ready is None or ready.exists()


def _is_being_compiled(part: str) -> bool:
    """Return whether a process compiles a part: the one that this process started, or that of another build."""
    if part in _begun and _begun[part].poll() is None:
        return True
    ready = place_ready(part)
    with contextlib.suppress(OSError), open(str(ready and ready.with_suffix(".lock")), "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
