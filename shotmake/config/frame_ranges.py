"""Frame ranges in the words of Nuke and of render farms: `7`, `1-96`, `1-96x8`, `1,5,10-20`, `1-9 20-29`."""

import re

from shotmake.errors import ShotError

PART = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?:x(\d{1,9}))?)?", re.ASCII)
FRAMES_MAX = 2_000_000  # frames of all spans together; Blender counts to half of this


def parse_frames(text: int | str) -> list[int]:
    """Return the frame numbers that the text means, ascending, each once.

    x8 means every eighth frame, from the first. Commas or spaces stand between the spans. Spans may overlap.
    Raises ShotError with what was found and what is needed when the text is not such a range, or asks for more than
    FRAMES_MAX frames.
    """
    found: set[int] = set()
    count = 0
    parts = str(text).replace(",", " ").split()
    for part in parts:
        match = PART.fullmatch(part)
        first, last, step = (int(number or 0) for number in match.groups()) if match else (0, 0, 0)
        last, step = last if match and match[2] else first, step if match and match[3] else 1
        if not match or last < first or step < 1:
            raise ShotError(f"found {part[:40]!r}; needed frames as in 1-96, 1-96x8 or 1,5,10-20")
        count += len(range(first, last + 1, step))
        if count > FRAMES_MAX:
            raise ShotError(f"found {part[:40]!r} and with it {count} frames; needed at most {FRAMES_MAX}")
        found.update(range(first, last + 1, step))
    if not parts:
        raise ShotError(f"found {str(text)[:40]!r}; needed frames as in 1-96, 1-96x8 or 1,5,10-20, or null for all")
    return sorted(found)
