"""Which frames are meant, in the words of Nuke and of render farms: `7`, `1-96`, `1-96x8`, `1,5,10-20`, `1-9 20-29`."""

import re

from shotmake.errors import ShotError

PART = re.compile(r"(\d+)(?:-(\d+)(?:x(\d+))?)?")


def frame_numbers(text: int | str) -> list[int]:
    """The numbers meant, rising, each once; ShotError with what was found and needed when it is no such text.

    x8: every eighth, from the first. The spans may overlap; they are parted by commas or spaces.
    """
    found: set[int] = set()
    parts = str(text).replace(",", " ").split()
    for part in parts:
        match = PART.fullmatch(part)
        first, last, step = (int(number or 0) for number in match.groups()) if match else (0, 0, 0)
        last, step = last if match and match[2] else first, step if match and match[3] else 1
        if not match or last < first or step < 1 or last - first > 10_000_000:
            raise ShotError(f"found {part!r}; needed frames as in 1-96, 1-96x8 or 1,5,10-20")
        found.update(range(first, last + 1, step))
    if not parts:
        raise ShotError(f"found {text!r}; needed frames as in 1-96, 1-96x8 or 1,5,10-20, or null for all")
    return sorted(found)
