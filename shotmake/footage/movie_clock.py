"""When the frames of a movie are shown: whether they keep a steady rate, and which.

No rate that a file says can be believed alone. A stream's average leaves out the last frame's duration where the file
does (30.097 for 29.833), counts frames that an edit list hides, and follows the rounding of a coarse clock.
"""

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

NOMINAL = 0.1  # in frames: a rate that the file says is kept when it is no more than this worse than the best one
LIMIT = 100_000  # of a measured rate's denominator
AROUND, STEP = 8, 0.75  # frames before and after, whose mean lateness differs by this many frames: no jitter


@dataclass
class Clock:
    """The times of a movie's shown frames, in ticks of time_base, in the order they are shown.

    said: the rates that the file says, the most trusted first.
    """

    time_base: Fraction | None
    said: tuple[Fraction, ...]
    count: int = 0
    complete: bool = True  # every frame had a time
    times: array = field(default_factory=lambda: array("q"))

    def add(self, time: int | None) -> None:
        self.count += 1
        if time is None:
            self.complete = False
        else:
            self.times.append(time)

    @property
    def first_s(self) -> float | None:
        return self._seconds(self.times[0]) if self.times else None

    @property
    def last_s(self) -> float | None:
        return self._seconds(self.times[-1]) if self.times else None

    @property
    def rate(self) -> Fraction | None:
        """The first rate that fits the times to a tick, or else nearly as well as any: what the file says, then what
        the times themselves say. None when nothing tells one."""
        if not self.complete or not self.time_base or self.count < 2:
            return self.said[0] if self.said else None
        measured = self._measured()
        rates = [*self.said, *([measured] if measured else [])]
        spreads = [self.spread(rate) for rate in rates]
        for rate, spread in zip(rates, spreads, strict=True):
            if spread <= float(self.time_base * rate) * (1 + 1e-6):  # a tick: the clock has no finer
                return rate
        near = (rate for rate, spread in zip(rates, spreads, strict=True) if spread <= min(spreads) + NOMINAL)
        return next(near, None)

    @property
    def is_constant(self) -> bool:
        """Every frame is within half a frame of a steady clock and none is left out, else numbers mean other frames
        elsewhere."""
        rate = self.rate
        if not self.complete or self.count < 3 or rate is None:
            return True
        return self.spread(rate) <= 1.0 and not self._has_step(rate)

    def spread(self, rate: Fraction) -> float:
        """Between the frame that is earliest and the one that is latest against a steady clock, in frames."""
        return float(np.ptp(self._late(rate)))

    def _late(self, rate: Fraction) -> np.ndarray:
        """(N,) how late each frame is against a steady clock that begins with the first, in frames."""
        begun = np.subtract(self.times, self.times[0]) * float((self.time_base or 0) * rate)
        return begun - np.arange(self.count)

    def _has_step(self, rate: Fraction) -> bool:
        """Whether a frame was left out (or put in) somewhere: all are later (or earlier) from there on. Where the rate
        is that of the whole file, a single one is nowhere more than half a frame off."""
        late = self._late(rate)
        for at in np.flatnonzero(np.abs(np.diff(late)) >= 0.5) + 1:
            before, after = late[max(at - AROUND, 0) : at], late[at : at + AROUND]
            if abs(after.mean() - before.mean()) >= STEP:
                return True
        return False

    @property
    def rates_text(self) -> str:
        gaps = np.diff(self.times) * float(self.time_base or 1)
        slow, fast = (1 / max(float(gap), 1e-6) for gap in (gaps.max(), gaps.min()))
        return f"{slow:.4g} to {fast:.4g} frames/s"

    def _measured(self) -> Fraction | None:
        length = (self.times[-1] - self.times[0]) * (self.time_base or 0)
        rate = (self.count - 1) / length if length > 0 else Fraction(0)
        return rate.limit_denominator(LIMIT) if 0.1 <= rate <= 1000 else None

    def _seconds(self, time: int) -> float | None:
        return round(float(time * self.time_base), 6) if self.time_base else None
