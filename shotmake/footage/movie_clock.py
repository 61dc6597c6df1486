"""When the frames of a movie are shown: whether they keep a steady rate, and which rate.

No rate that a file says can be believed alone. In some files the average of a stream leaves out the last frame's
duration (30.097 for 29.833), counts frames that an edit list hides, or follows the rounding of a coarse clock.
"""

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

NOMINAL = 0.1  # frames: a rate that the file says is kept when its spread is at most this larger than the best one's
LIMIT = 100_000  # the largest denominator of a measured rate
AROUND, STEP = 8, 0.75  # mean lateness of 8 frames before and 8 after: a difference of 0.75 frames is no jitter


@dataclass
class Clock:
    """The times of a movie's shown frames, in ticks of time_base, in the order in which they are shown.

    said: the rates that the file says, the most trusted first.
    """

    time_base: Fraction | None
    said: tuple[Fraction, ...]
    count: int = 0
    complete: bool = True  # whether each frame has a time
    times: array = field(default_factory=lambda: array("q"))

    def add(self, time: int | None) -> None:
        """Add a frame with its time; None for a frame without one."""
        self.count += 1
        if time is None:
            self.complete = False
        else:
            self.times.append(time)

    @property
    def first_s(self) -> float | None:
        """The time of the first frame in s; None where frames have no times."""
        return self._to_seconds(self.times[0]) if self.times else None

    @property
    def last_s(self) -> float | None:
        """The time of the last frame in s; None where frames have no times."""
        return self._to_seconds(self.times[-1]) if self.times else None

    @property
    def rate(self) -> Fraction | None:
        """The first rate that fits the times to a tick, else the first one that fits nearly as well as any.

        None where nothing tells a rate.

        The rates that the file says are tried first, then the rate that the times themselves give.
        """
        if not self.complete or not self.time_base or self.count < 2:
            return self.said[0] if self.said else None
        measured = self._measure_rate()
        rates = [*self.said, *([measured] if measured else [])]
        spreads = [self.measure_spread(rate) for rate in rates]
        for rate, spread in zip(rates, spreads, strict=True):
            if spread <= float(self.time_base * rate) * (1 + 1e-6):  # one tick; the clock is no finer than that
                return rate
        near = (rate for rate, spread in zip(rates, spreads, strict=True) if spread <= min(spreads) + NOMINAL)
        return next(near, None)

    @property
    def is_constant(self) -> bool:
        """Whether each frame is within half a frame of a steady clock, and none is left out.

        Otherwise a frame number would mean another frame in another program.
        """
        rate = self.rate
        if not self.complete or self.count < 3 or rate is None:
            return True
        return self.measure_spread(rate) <= 1.0 and not self._has_step(rate)

    def measure_spread(self, rate: Fraction) -> float:
        """Measure the span between the earliest and the latest frame against a steady clock, in frames."""
        return float(np.ptp(self._measure_late(rate)))

    def _measure_late(self, rate: Fraction) -> np.ndarray:
        """Return (N,) how late each frame is against a steady clock that begins with the first frame, in frames."""
        begun = np.subtract(self.times, self.times[0]) * float((self.time_base or 0) * rate)
        return begun - np.arange(self.count)

    def _has_step(self, rate: Fraction) -> bool:
        """Return whether a frame was left out (or put in) somewhere: all frames are later (or earlier) from there on.

        With the rate of the whole file, a single one moves no frame by more than half a frame.
        """
        late = self._measure_late(rate)
        for at in np.flatnonzero(np.abs(np.diff(late)) >= 0.5) + 1:
            before, after = late[max(at - AROUND, 0) : at], late[at : at + AROUND]
            if abs(after.mean() - before.mean()) >= STEP:
                return True
        return False

    @property
    def rates_text(self) -> str:
        """The slowest and the fastest rate between two frames, as text."""
        gaps = np.diff(self.times) * float(self.time_base or 1)
        slow, fast = (1 / max(float(gap), 1e-6) for gap in (gaps.max(), gaps.min()))
        return f"{slow:.4g} to {fast:.4g} frames/s"

    def _measure_rate(self) -> Fraction | None:
        length = (self.times[-1] - self.times[0]) * (self.time_base or 0)
        rate = (self.count - 1) / length if length > 0 else Fraction(0)
        return rate.limit_denominator(LIMIT) if 0.1 <= rate <= 1000 else None

    def _to_seconds(self, time: int) -> float | None:
        return round(float(time * self.time_base), 6) if self.time_base else None
