"""Run other programs. None is waited for without end. A program that a show's config names is told, or refused, before
it runs.

A program gives a sign of life when it says something, finishes a frame or uses the processor. A program that gives none
for limits.silent_minutes, or that takes longer than its own limit, is ended with all that it has started.
"""

import logging
import os
import secrets
import selectors
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shotmake.errors import ShotError
from shotmake.limits import get_limits, say_how_to_raise
from shotmake.tasks.engine.processes.end_if_stuck import mark_waiting
from shotmake.tasks.engine.processes.process_tree import end_tree, mark, measure_processor_s
from shotmake.tasks.engine.processes.users_config import NEVER, read_own_config
from shotmake.tasks.engine.processes.workers import die_with_parent

RUN = "SHOTMAKE_RUN"  # never: run no program that a show's config names
KEPT_BYTES = 2**20  # how much of a program's output is kept: its end
LOOK_S = 5.0  # between two looks at a program
IDLE_SHARE = 0.005  # of the processor: a program that waits for ever may still wake up now and then
DRAIN_S = 1.0  # after its end: another program that goes on may hold its output open
TOLD_CHARS = 200

_log = logging.getLogger(__name__)
_told: set[tuple[str, ...]] = set()


def allow(key: str, words: list[str], told_as: tuple[str, ...] = ()) -> None:
    """Allow a program that a show's config names, before it runs: say its command.

    The command is said once in a process. Of the commands with the same `told_as` only the first is said. Raises
    ShotError when the user has forbidden such programs.
    """
    check_allowed(key, show_command(words))
    told = (key, *(told_as or words))
    if told not in _told:
        _told.add(told)
        _log.info("%s: running %s", key, show_command(words))


def show_command(words: list[str]) -> str:
    """Return the command as one line of text.

    Characters that a terminal would obey, and that could hide the command, are spelt out.
    """
    letters = (letter if letter.isprintable() else ascii(letter)[1:-1] for letter in shlex.join(words))
    return "".join(letters)


def check_allowed(key: str, command: str) -> None:
    """Refuse a program that a show's config names, if the user has forbidden such programs. Then it raises ShotError.

    A misspelt SHOTMAKE_RUN forbids too.
    """
    asked = os.environ.get(RUN)
    if asked == NEVER:
        raise ShotError(f"{key}: not run, as {RUN}=never says: {command}; unset it, or remove the key")
    if asked:  # a misspelt value does not permit anything
        raise ShotError(f"{key}: not run: {command}; found {RUN}={asked}, needed {NEVER}, or unset it")
    if read_own_config().run == NEVER:
        raise ShotError(f"{key}: not run, as run: never in your own config says: {command}")


class Done(NamedTuple):
    """What a program left that has ended by itself: its exit code, output and errors."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Started:
    """How a program is started.

    `name` is for messages. `limit` is the name of the program's own limit in shotmake/limits.py.
    """

    words: list[str]
    name: str
    limit: str
    folder: Path
    environment: dict[str, str]


def run(started: Started) -> Done:
    """Run a program to its end, with no input; return its exit code, output and errors.

    Raises OSError when the program cannot be started, and ShotError when it took too long or gave no sign of life for
    too long.
    """
    word = secrets.token_hex(8)
    _log.debug("%s: %s", started.name, show_command(started.words))
    process = subprocess.Popen(
        started.words,
        cwd=started.folder,
        env=mark(started.environment, word),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    watch = Watch(process.pid, word, started.name, started.limit)
    try:
        with mark_waiting():
            said = _listen(process, watch)
    except BaseException:  # the program took too long, or this build is being ended
        watch.end()
        process.wait()
        raise
    finally:
        watch.flush()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    _log.debug("%s: ended with code %d", started.name, process.returncode)
    return Done(process.returncode, *said)


def _listen(process: subprocess.Popen, watch: "Watch") -> tuple[str, str]:
    """Return what a program says until it ends: the last part of both streams.

    Another program may hold the streams open for longer. That program is not waited for.
    """
    assert process.stdout is not None and process.stderr is not None
    kept = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream, said in kept.items():
            selector.register(stream, selectors.EVENT_READ, said)
        ends_at = None
        while selector.get_map() and (ends_at is None or time.monotonic() < ends_at):
            for key, _ in selector.select(0.1 if ends_at else 0.5):
                data = os.read(key.fd, 2**16)
                if not data:
                    selector.unregister(key.fileobj)
                said = key.data
                said += data
                del said[:-KEPT_BYTES]
                watch.hear(data, key.fd)
            if ends_at is None and process.poll() is not None:
                ends_at = time.monotonic() + DRAIN_S
            watch.look()
    while True:  # the program may have closed its streams and still run
        try:
            process.wait(0.5)
            break
        except subprocess.TimeoutExpired:
            watch.look()
    out, err = (bytes(kept[stream]).decode(errors="replace") for stream in (process.stdout, process.stderr))
    return out, err


class Watch:
    """A watch over a running program: since when it runs, its last sign of life, and what it said last."""

    def __init__(self, pid: int, word: str, name: str, limit: str):
        """Begin to watch a process.

        `word` is its mark (tasks/engine/processes/process_tree.py). `limit` is the name of its limit in
        shotmake/limits.py.
        """
        self._pid, self._word, self._name, self._limit = pid, word, name, limit
        self._last_words = b""
        self._begun_lines: dict[int, bytes] = {}  # by stream
        self.begin()

    def begin(self) -> None:
        """Start the time anew: the program begins with something that has the limit for itself, such as a frame."""
        self._begun = self._alive = self._looked = time.monotonic()
        self._used_s = measure_processor_s(self._pid)

    def hear(self, data: bytes, stream: int = 1) -> None:
        """Note that the program said something on one of its streams: each whole line goes into the log of the task."""
        if data:
            self._alive = time.monotonic()
            self._last_words = (self._last_words + data)[-4 * TOLD_CHARS :]
            *lines, rest = (self._begun_lines.get(stream, b"") + data).replace(b"\r", b"\n").split(b"\n")
            if len(rest) > KEPT_BYTES:  # a program that never ends its line
                lines, rest = [*lines, rest], b""
            self._begun_lines[stream] = rest
            for line in filter(None, lines):
                _log.debug("%s: %s", self._name, line.decode(errors="replace"))

    def flush(self) -> None:
        """Note that the program says nothing more: what it said last may have no end of line."""
        for stream in list(self._begun_lines):
            self.hear(b"\n", stream)

    def look(self) -> None:
        """Look at the program. When its time is over, end it with its children.

        Raises ShotError in that case: its own limit is over, or it gave no sign of life for limits.silent_minutes.
        """
        now, silent_s = time.monotonic(), 60 * get_limits().silent_minutes
        allowed_s = 60 * getattr(get_limits(), self._limit)
        if now - self._looked < min(LOOK_S, silent_s / 4, allowed_s / 4):
            return
        used_s = measure_processor_s(self._pid)
        if used_s - self._used_s > IDLE_SHARE * (now - self._looked):
            self._alive = now
        self._looked, self._used_s = now, used_s
        if now - self._begun > allowed_s:
            self._give_up(f"it ran for {_format_minutes(now - self._begun)}", self._limit)
        if now - self._alive > silent_s:
            ran, silent = _format_minutes(now - self._begun), _format_minutes(now - self._alive)
            self._give_up(f"it ran for {ran}, the last {silent} without a sign of life", "silent_minutes")

    def _give_up(self, what: str, limit: str) -> None:
        self.end()
        raise ShotError(f"{self._name} was ended: {what}; {self._quote_last_words()}; raise {say_how_to_raise(limit)}")

    def _quote_last_words(self) -> str:
        lines = [line.strip() for line in self._last_words.decode(errors="replace").splitlines() if line.strip()]
        if not lines:
            return "it said nothing"
        told = "".join(letter for letter in lines[-1][-TOLD_CHARS:] if letter.isprintable())
        return f"it said last: {told}"

    def end(self) -> None:
        """End the program now, with its children."""
        end_tree(self._pid, self._word)


def _format_minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
