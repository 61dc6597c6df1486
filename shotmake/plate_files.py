"""Which files a plate consists of: one movie, or one image a frame."""

import re
from pathlib import Path

from shotmake.errors import ShotError

SEQUENCE = re.compile(
    r"(?P<head>.*?)"
    r"(?:(?P<hashes>#+)|%0?(?P<digits>\d*)d|\[(?P<first>\d+)-(?P<last>\d+)\])"
    r"(?P<tail>[^/]*)$"
)
KEY = "shot.footage.file"


def plate_files(pattern: str, root: Path) -> list[tuple[int, str]]:
    """The files a plate consists of: [(frame number, path as the config would write it)].

    A movie is one entry numbered 0. ShotError when nothing is there, or frames of a sequence are missing.
    """
    match = SEQUENCE.match(pattern)
    if not match or (root / pattern).is_file():  # a movie may have a # in its name
        if not (root / pattern).is_file():
            raise ShotError(f"{pattern}: no such file; needed a movie or an image sequence ({KEY})")
        return [(0, pattern)]
    head, tail = match["head"], match["tail"]
    folder = (root / head).parent if not head.endswith("/") else root / head
    prefix = "" if head.endswith("/") else Path(head).name
    name = re.compile(re.escape(prefix) + r"(\d+)" + re.escape(tail))
    width = len(match["hashes"] or "") or int(match["digits"] or 0) or len(match["first"] or "")
    found: dict[int, str] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        hit = name.fullmatch(path.name)
        if hit and (len(hit[1]) == width or (len(hit[1]) > width and hit[1][0] != "0")):
            found[int(hit[1])] = str(Path(head).parent / path.name) if prefix else head + path.name
    if match["first"]:
        found = {number: path for number, path in found.items() if int(match["first"]) <= number <= int(match["last"])}
        wanted = range(int(match["first"]), int(match["last"]) + 1)
    else:
        wanted = range(min(found, default=0), max(found, default=-1) + 1)
    if not found:
        raise ShotError(f"{pattern}: no such frames; needed files like {prefix}{'1'.zfill(width)}{tail} ({KEY})")
    missing = [number for number in wanted if number not in found]
    if missing:
        raise ShotError(
            f"{pattern}: {len(missing)} frames are missing, the first is {missing[0]}; "
            f"restore them or give a range in {KEY}, like [{min(found)}-{missing[0] - 1}]"
        )
    return sorted(found.items())
