"""A Blender that stays: it makes one frame after another, as it is told (blender_scripts/kit/frame_server.py)."""

import contextlib
import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from shotmake.tasks.blender.environment import command_line, environment_of, failure, named, version_of
from shotmake.tasks.engine.processes.process_tree import marked
from shotmake.tasks.engine.processes.programs import Watch
from shotmake.tasks.engine.processes.workers import die_with_parent
from shotmake.tasks.engine.state.partial_files import remove_part
from shotmake.tasks.show import show_folder

ENDS_S = 30.0  # for a Blender that has let go of its answers to be gone


class FrameServer:
    """One process, begun with its first frame. It answers when a frame is written; `fileno` is ready then, or when it
    has died."""

    def __init__(self, script: str, arguments: list[str], blender: dict, cores: list[int], scratch: Path | None = None):
        """blender: composite.blender; cores: that it has for itself; scratch: a part
        (tasks/engine/state/partial_files.py) it may leave."""
        self._script, self._cores, self._scratch = script, cores, scratch
        self._read, self._write = os.pipe()
        more = ["--answers", str(self._write), "--threads", str(len(cores))]
        self._words = command_line(script, [*arguments, *more], blender["executable"], version_of(blender))
        self._environment = environment_of(blender["executable"])
        self._answers = os.fdopen(self._read, encoding="utf-8")
        self._log = tempfile.TemporaryFile("w+", errors="replace", encoding="utf-8")
        self._heard = 0  # bytes of the log
        self._process: subprocess.Popen | None = None
        self._watch: Watch | None = None

    def fileno(self) -> int:
        return self._answers.fileno()

    def ask(self, frame: int, path: Path) -> None:
        """Begin with a frame; its file will be `path`."""
        self._process = self._process or self._started()
        assert self._process.stdin is not None and self._watch is not None
        self._watch.begin()
        with contextlib.suppress(BrokenPipeError):  # it has died: the answer will say so
            self._process.stdin.write(f"{frame} {path}\n")
            self._process.stdin.flush()

    def _started(self) -> subprocess.Popen:
        def bind() -> None:
            die_with_parent()
            os.sched_setaffinity(0, self._cores)

        word = secrets.token_hex(8)
        process = subprocess.Popen(
            self._words,
            cwd=show_folder(),
            env=marked(self._environment, word),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[self._write],
            preexec_fn=bind,
            text=True,
            encoding="utf-8",
        )
        os.close(self._write)  # so that its death ends the answers
        self._watch = Watch(process.pid, word, named(self._script), "blender_minutes")
        return process

    def look(self) -> None:
        """To be called while one waits for the frame in hand. Raises ShotError, and ends Blender with its children,
        when the frame takes too long."""
        assert self._watch is not None
        data = os.pread(self._log.fileno(), 2**20, self._heard)
        self._heard += len(data)
        self._watch.hear(data)
        self._watch.look()

    def finish(self) -> None:
        """Wait for the frame in hand; raises what ended Blender instead (see
        shotmake.tasks.blender.environment.failure)."""
        if self._answers.readline():
            return
        assert self._process is not None and self._watch is not None
        try:
            code = self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._watch.end()
            code = self._process.wait()
        self._log.seek(0)
        raise failure(self._script, self._words[0], code, "", self._log.read())

    def end(self) -> None:
        """Whatever it does: a frame in hand is lost."""
        if self._process is None or self._watch is None:
            os.close(self._write)
        else:
            self._watch.end()
            self._process.communicate()
        self._answers.close()
        self._log.close()
        if self._scratch is not None:
            remove_part(self._scratch)
