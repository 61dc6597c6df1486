"""A Blender that stays and makes one frame after another, as it is told.

Its side is blender_scripts/kit/answer_frame_requests.py.
"""

import contextlib
import logging
import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from shotmake.tasks.blender.private_blender import (
    environment_of,
    make_command_line,
    make_failure,
    name_script,
    version_of,
)
from shotmake.tasks.engine.processes.process_tree import mark
from shotmake.tasks.engine.processes.run_programs import Watch, show_command
from shotmake.tasks.engine.processes.workers import die_with_parent
from shotmake.tasks.engine.state.partial_files import remove_part
from shotmake.tasks.show import get_show_folder

ENDS_S = 30.0  # the time for a Blender that has closed its answers to end

_log = logging.getLogger(__name__)


class FrameServer:
    """One Blender process, which starts with its first frame. It answers when a frame is written.

    Its `fileno` becomes readable then, or when the process has died.
    """

    def __init__(self, script: str, arguments: list[str], blender: dict, cores: list[int], scratch: Path | None = None):
        """Prepare the process.

        `blender` is composite.blender. `cores` are the cores that the process has for itself. `scratch` is a part
        (tasks/engine/state/partial_files.py) that the process may leave behind.
        """
        self._script, self._cores, self._scratch = script, cores, scratch
        self._read, self._write = os.pipe()
        more = ["--answers", str(self._write), "--threads", str(len(cores))]
        self._words = make_command_line(script, [*arguments, *more], blender["executable"], version_of(blender))
        self._environment = environment_of(blender["executable"])
        self._answers = os.fdopen(self._read, encoding="utf-8")
        self._said = tempfile.TemporaryFile("w+", errors="replace", encoding="utf-8")
        self._heard = 0  # how many bytes of it were read
        self._process: subprocess.Popen | None = None
        self._watch: Watch | None = None

    def fileno(self) -> int:
        """Return the descriptor on which the answers arrive."""
        return self._answers.fileno()

    def ask(self, frame: int, path: Path) -> None:
        """Ask for a frame, to be written to `path`; start the process if it does not run yet."""
        self._process = self._process or self._start()
        assert self._process.stdin is not None and self._watch is not None
        self._watch.begin()
        with contextlib.suppress(BrokenPipeError):  # the process has died: `finish` will say so
            self._process.stdin.write(f"{frame} {path}\n")
            self._process.stdin.flush()

    def _start(self) -> subprocess.Popen:
        def bind() -> None:
            die_with_parent()
            os.sched_setaffinity(0, self._cores)

        word = secrets.token_hex(8)
        _log.debug("%s: %s", name_script(self._script), show_command(self._words))
        process = subprocess.Popen(
            self._words,
            cwd=get_show_folder(),
            env=mark(self._environment, word),
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=self._said,
            pass_fds=[self._write],
            preexec_fn=bind,
            text=True,
            encoding="utf-8",
        )
        os.close(self._write)  # so that the answers end when the process dies
        self._watch = Watch(process.pid, word, name_script(self._script), "blender_minutes")
        return process

    def look(self) -> None:
        """Look at the process while waiting for the frame that was asked for.

        When the frame takes too long, it ends Blender with its children and raises ShotError.
        """
        assert self._watch is not None
        self._listen(self._watch)
        self._watch.look()

    def _listen(self, watch: Watch) -> None:
        while data := os.pread(self._said.fileno(), 2**20, self._heard):
            self._heard += len(data)
            watch.hear(data)

    def finish(self) -> None:
        """Wait for the frame that was asked for.

        Raises the error that ended Blender instead (see shotmake.tasks.blender.private_blender.make_failure).
        """
        if self._answers.readline():
            return
        assert self._process is not None and self._watch is not None
        try:
            code = self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._watch.end()
            code = self._process.wait()
        self._said.seek(0)
        raise make_failure(self._script, self._words[0], code, "", self._said.read())

    def end(self) -> None:
        """End the process, whatever it is doing. A frame that it is making is lost."""
        if self._process is None or self._watch is None:
            os.close(self._write)
        else:
            self._watch.end()
            self._process.communicate()
            self._listen(self._watch)
            self._watch.flush()
        self._answers.close()
        self._said.close()
        if self._scratch is not None:
            remove_part(self._scratch)
