"""The other end of the worker: solves asked of the code in a folder."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

from helpers.recipes.sets import TrackSet

TESTS = Path(__file__).resolve().parents[2]


def request_of(one: TrackSet) -> dict:
    """A set in plain values."""
    tracks = one.tracks
    return {
        "tracks": (tracks.track_id, tracks.frame, tracks.xy_px, tracks.quality, tracks.status),
        "size_px": list(one.size_px), "frames": list(one.frames), "camera": one.camera, "solve": one.solve,
        "known": one.known, "set": pickle.dumps(one),
    }  # fmt: skip


class Worker:
    """A process that solves with the code of one folder, started when it is first asked."""

    def __init__(self, folder: Path):
        self.folder, self.process = folder, None

    def solve(self, one: TrackSet) -> dict:
        """The worker's answer: record, points, cpu_s, candidates; or error."""
        if self.process is None:
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as in a build
            command = [sys.executable, str(TESTS / "helpers" / "judging" / "worker.py"), str(self.folder), str(TESTS)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, env=environment, cwd=self.folder)  # fmt: skip
        try:
            pickle.dump(request_of(one), self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):
            code = self.process.wait()
            self.process = None
            return {"error": f"the worker died with {code}", "cpu_s": 0.0, "candidates": []}

    def stop(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def code_of(folder: Path) -> str:
    """A digest of a folder's solver: rows of another are not this one's."""
    return _digest(folder, sorted((folder / "shotmake").rglob("*.py")))


def bench_of() -> str:
    """A digest of what makes and judges the sets: rows of other recipes are not of the same sets."""
    judging = [
        TESTS / "helpers" / name
        for name in ("plates/simulated.py", "measures/measure.py", "measures/true_slip.py", "judging/judge.py")
    ]
    return _digest(TESTS, [*judging, *sorted((TESTS / "helpers" / "recipes").glob("*.py"))])


def name_of(folder: Path) -> str:
    """The commit of a folder, for people."""
    words = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() or folder.name


def _digest(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:10]
