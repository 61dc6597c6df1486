"""Our own solve JSON (schema 1, see shotmake.solution): the camera whole, with its lens and how sure a solve was.

OpenCV axes, world Z up, px from the top-left corner, plate frame numbers. Every build publishes one: solve.json.
"""

from pathlib import Path

from shotmake.formats.asked import Asked
from shotmake.imported import Cameras, read_cameras


def read(path: Path, asked: Asked) -> Cameras:
    return read_cameras(path, asked.size_px, asked.frames)
