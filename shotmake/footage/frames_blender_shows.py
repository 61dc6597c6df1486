"""Which picture of a movie Blender shows in which frame. Blender goes by the file's clock; our readers count pictures.

Blender's rule (in its movie_read.cc; renders confirm it): for clip frame n, counted from 0, Blender looks at the time
of the stream's start + n / rate, rounded to the stream's ticks; rate is FFmpeg's guess. It shows the last picture that
begins by then. The clip ends where the stream's duration does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class BlenderMovie:
    """What Blender takes from a movie file.

    start: in ticks of time_base; frame_count: 0 where FFmpeg guesses no rate.
    """

    time_base: Fraction
    rate: Fraction
    start: int
    frame_count: int

    @classmethod
    def from_container(cls, container: "InputContainer", stream: "VideoStream") -> "BlenderMovie":
        """Read what Blender takes from an open PyAV container and its stream."""
        rate, start = stream.guessed_rate, stream.start_time or 0
        if not rate or not stream.time_base:
            return cls(Fraction(1), Fraction(1), 0, 0)
        if stream.duration is not None:
            length = stream.duration * stream.time_base
        elif container.duration is not None:
            sounds = ((one.start_time, one.time_base) for one in container.streams.audio)
            sound_start = next((at * base for at, base in sounds if at is not None and base), Fraction(0))
            length = Fraction(container.duration, 10**6) - max(start * stream.time_base - sound_start, 0)
        else:
            length = Fraction(stream.frames) / rate
        return cls(stream.time_base, Fraction(rate), start, _round(float(length) * float(rate)))

    def find_shown(self, times: Sequence[int]) -> np.ndarray:
        """Return (N,) the index of the picture that Blender shows in each picture's frame; -1 where it shows none.

        times: when the N pictures begin, in ticks.
        """
        step = float(1 / (self.rate * self.time_base))
        asked = self.start + np.floor(np.arange(len(times)) * step + 0.5).astype(np.int64)
        found = np.maximum(np.searchsorted(np.array(times, np.int64), asked, side="right") - 1, 0)
        return np.where(np.arange(len(times)) < self.frame_count, found, -1)


def _round(value: float) -> int:
    """Round as C does, for a value that is not negative."""
    return math.floor(value + 0.5)
