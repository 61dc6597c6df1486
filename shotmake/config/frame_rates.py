"""Frame rates as an artist writes them: 24, 23.976 or "24000/1001"."""

import re
from fractions import Fraction

RATE_CHARS, MOST_EXPONENT = 40, 9  # limits of a frame rate that is written as a text
MOST_RATE = 1000  # frames/s
EXPONENT = re.compile(r"[eE]([-+]?[\d_]+)")


def parse_frame_rate(rate: float | str) -> Fraction:
    """Return an exact Fraction for 24, 23.976 or "24000/1001". NTSC decimals become their n/1001 fraction.

    Raises ValueError for a text that is not such a number, or that is too long for one: 1e99999999 has a hundred
    million digits.
    """
    if isinstance(rate, str):
        if len(rate) > RATE_CHARS or (more := EXPONENT.search(rate)) and abs(int(more[1])) > MOST_EXPONENT:
            raise ValueError(f"a rate of too many digits: {rate[:RATE_CHARS]!a}")
        return Fraction(rate)
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    return ntsc if rate != round(rate) and abs(float(ntsc) - rate) < 0.005 else Fraction(str(rate))


def find_rate_fault(rate: float | str | None) -> str:
    """Return what is wrong with a frame_rate of the config, "" when nothing is."""
    try:
        if rate is None or 0 < parse_frame_rate(rate) <= MOST_RATE:
            return ""
    except (ValueError, ZeroDivisionError, OverflowError):
        pass
    found = repr(rate)[:RATE_CHARS].removesuffix(".0")
    return f'found {found}; needed frames/s above 0 and at most {MOST_RATE}, as 24 or "24000/1001"'
