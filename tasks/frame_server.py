"""A Blender that stays: it makes one frame after another, as it is told (blender_scripts/frame_server.py)."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from tasks import ROOT
from tasks.blender import command_line, failure, version_of
from tasks.parts import remove_part
from tasks.read_variables import without_read_variables
from tasks.workers import die_with_parent


class FrameServer:
    """One process, begun with its first frame. It answers when a frame is written; `fileno` is ready then, or when it
    has died."""

    def __init__(
        self, script: str, arguments: list[str], blender: dict, cores: list[int], scratch: Path | None = None
    ):
        """blender: composite.blender; cores: that it has for itself; scratch: a part (tasks/parts.py) it may leave."""
        self._script, self._cores, self._scratch = script, cores, scratch
        self._read, self._write = os.pipe()
        more = ["--answers", str(self._write), "--threads", str(len(cores))]
        self._words = command_line(script, [*arguments, *more], blender["executable"], version_of(blender))
        self._answers = os.fdopen(self._read)
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._process: subprocess.Popen | None = None

    def fileno(self) -> int:
        return self._answers.fileno()

    def ask(self, frame: int, path: Path) -> None:
        """Begin with a frame; its file will be `path`."""
        self._process = self._process or self._started()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: the answer will say so
            self._process.stdin.write(f"{frame} {path}\n")
            self._process.stdin.flush()

    def _started(self) -> subprocess.Popen:
        def bind() -> None:
            die_with_parent()
            os.sched_setaffinity(0, self._cores)

        process = subprocess.Popen(
            self._words,
            cwd=ROOT,
            env=without_read_variables(),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[self._write],
            preexec_fn=bind,
            text=True,
        )
        os.close(self._write)  # so that its death ends the answers
        return process

    def finish(self) -> None:
        """Wait for the frame in hand; raises what ended Blender instead (see tasks.blender.failure)."""
        if self._answers.readline():
            return
        assert self._process is not None
        code = self._process.wait()
        self._log.seek(0)
        raise failure(self._script, self._words[0], code, "", self._log.read())

    def end(self) -> None:
        """Whatever it does: a frame in hand is lost."""
        if self._process is None:
            os.close(self._write)
        else:
            self._process.kill()
            self._process.communicate()
        self._answers.close()
        self._log.close()
        if self._scratch is not None:
            remove_part(self._scratch)
