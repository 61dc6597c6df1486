"""Which numbered picture Blender shows."""

import json
import subprocess
from pathlib import Path

from helpers.shows.project import IN_BLENDER
from shotmake.tasks.blender.private_blender import find_python


def blender_numbers(first: int, paths: list[Path]) -> dict[str, list[int]]:
    words = [find_python(), IN_BLENDER / "see_frames.py", str(first), *paths]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("##")]
    return json.loads(line[2:])
