"""Small movies written by PyAV, and the fault that a plate ends in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shotmake.errors import ShotError
from shotmake.footage.plate import probe

SIZE = (96, 64)


def write_movie(path: Path, count: int = 12, rate: Fraction = Fraction(24), codec: str = "libx264", **changes) -> Path:
    import av

    with av.open(str(path), "w", options=changes.get("container", {})) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = SIZE
        stream.pix_fmt = changes.get("pix_fmt", "yuv420p")
        stream.options = {"g": "4", **({"qp": "0"} if codec == "libx264" else {})}
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24").reformat(format=stream.pix_fmt)
            if "times" in changes:
                frame.pts, frame.time_base = changes["times"][number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def fault(root: Path, file: str, **keys) -> str:
    with pytest.raises(ShotError) as caught:
        probe(file, root, **keys)
    (line,) = caught.value.faults
    assert "\n" not in line and "shot.footage" in line
    return line


def picture(number: int) -> np.ndarray:
    """(H, W, 3) BGR whose brightness tells the frame number."""
    image = np.full((SIZE[1], SIZE[0], 3), 40 + 3 * number % 200, np.uint8)
    image[8:24, 8 + number % 60 : 24 + number % 60] = (20, 200, 90)
    return image
