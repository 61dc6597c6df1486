"""Which files a plate consists of: one movie, or one image for each frame."""

import os
import re
from itertools import pairwise
from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.files.input_file import check_file, find_file_fault
from shotmake.numbers_in_words import count_of, show_runs

SEQUENCE = re.compile(
    r"(?P<head>.*)"  # greedy: of several numbers, the last one counts the frames (take#2.####.exr)
    r"(?:(?<!#)(?P<hashes>#+)|%0?(?P<digits>\d*)d|\[(?P<first>\d+)-(?P<last>\d+)\])"
    r"(?P<tail>[^/]*)$"
)
KEY = "shot.footage.file"
MISSING_KEY = "shot.footage.missing"
DIGITS_MAX = 18  # digits of a frame number; no array holds a longer one
PATH_MAX = 4096


def list_plate_files(pattern: str, root: Path, missing: str = "error") -> list[tuple[int, str]]:
    """List the files that a plate consists of: [(frame number, path as the config would write it)].

    A movie is one entry with the number 0. missing (`shot.footage.missing`): "hold" gives a missing frame the file of
    the frame before; "skip" leaves it out.
    Raises ShotError when no file is there, or when frames are missing and nothing can stand in for them.
    """
    if not is_sequence(pattern, root):
        _check_movie(pattern, root)
        return [(0, pattern)]
    match = SEQUENCE.match(pattern)
    assert match
    _check_digits(match, pattern)
    found = _list_frames(match, root)
    if not found:
        example = f"{match['head']}{match['first'] or '1'.zfill(_count_digits(match))}{match['tail']}"
        raise ShotError(f"{pattern}: no such frames; needed files like {example} ({KEY})")
    if missing == "skip":
        return sorted(found.items())
    first, last = min(found), max(found)
    if match["first"]:
        first, last = int(match["first"]), int(match["last"])
    gaps = _find_gaps(sorted(found), first, last)
    if gaps and missing != "hold":
        lost = f"{count_of(_count_frames(gaps), 'frame is', 'frames are')} missing: {show_runs(gaps)}"
        can_hold = gaps[0][0] > min(found) and _count_frames(gaps) <= len(found)  # as _fill_gaps asks
        raise ShotError(f"{pattern}: {lost}; {_list_cures(sorted(found), can_hold)}")
    return sorted({**found, **_fill_gaps(pattern, found, gaps)}.items())


def is_sequence(pattern: str, root: Path) -> bool:
    """Return whether the pattern means an image sequence, not a movie. A movie may have a # in its name."""
    if len(pattern) > PATH_MAX:  # no disk has such a file
        return False
    return bool(SEQUENCE.match(pattern)) and not os.path.lexists(root / pattern)


def list_held_frames(numbered: list[tuple[int, str]]) -> list[int]:
    """List the numbers of the frames for which the file of the frame before stands in."""
    return [number for (_, before), (number, path) in pairwise(numbered) if path == before]


def _is_frame(entry: os.DirEntry) -> bool:
    """Return whether an entry is a file. A folder, a pipe, or a link to one is not.

    The folder itself says what each entry is, except for links.
    """
    try:
        return not find_file_fault(Path(entry.path)) if entry.is_symlink() else entry.is_file()
    except OSError:  # somebody removed it a moment ago
        return False


def _check_movie(pattern: str, root: Path) -> None:
    if len(pattern) > PATH_MAX:
        found = f"found a path of {len(pattern)} characters"
        raise ShotError(f"{pattern[:77]}...: {found}; needed {PATH_MAX} at most ({KEY})")
    needed = "a movie or an image sequence"
    if os.path.isdir(root / pattern):
        needed += f", like {pattern.rstrip('/')}/name.####.exr"
    check_file(root / pattern, pattern, KEY, needed)


def _check_digits(match: re.Match, pattern: str) -> None:
    """Check the digits of a pattern. Raises ShotError when it has more digits than a frame number can have."""
    written = max(len(match[name] or "") for name in ("hashes", "first", "last"))
    if written > DIGITS_MAX or len(match["digits"] or "") > 2 or int(match["digits"] or 0) > DIGITS_MAX:
        shown = pattern if len(pattern) <= 80 else f"{pattern[:77]}..."
        raise ShotError(f"{shown}: asks for more digits than a frame's number has; needed at most {DIGITS_MAX} ({KEY})")


def _count_digits(match: re.Match) -> int:
    return len(match["hashes"] or "") or int(match["digits"] or 0) or len(match["first"] or "")


def _list_frames(match: re.Match, root: Path) -> dict[int, str]:
    """Return {frame number: path} of the files that fit the pattern, and that lie in its range when it gives one."""
    head, width = match["head"], _count_digits(match)
    folder, prefix = os.path.split(head)
    name = re.compile(re.escape(prefix) + r"(\d{1,18})" + re.escape(match["tail"]), re.ASCII)
    try:
        files = [entry.name for entry in os.scandir(root / folder) if name.fullmatch(entry.name) and _is_frame(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ShotError(f"{folder}: cannot be read ({quote_error(error)}); check {KEY}") from error
    found = {}
    for file in files:
        digits = file[len(prefix) : len(file) - len(match["tail"])]
        if len(digits) == width or (len(digits) > width and digits[0] != "0"):
            found[int(digits)] = os.path.join(folder, file)
    if match["first"]:
        found = {number: path for number, path in found.items() if int(match["first"]) <= number <= int(match["last"])}
    return found


def _find_gaps(numbers: list[int], first: int, last: int) -> list[tuple[int, int]]:
    """Return the runs of missing numbers in first..last as (begin, end).

    They are stored by their ends, because one stray file may lie a million frames further on.
    """
    bounds = [first - 1, *numbers, last + 1]
    return [(before + 1, after - 1) for before, after in pairwise(bounds) if after > before + 1]


def _count_frames(gaps: list[tuple[int, int]]) -> int:
    return sum(end - begin + 1 for begin, end in gaps)


def _fill_gaps(pattern: str, found: dict[int, str], gaps: list[tuple[int, int]]) -> dict[int, str]:
    """Return the frames of the gaps, each with the file of the frame before its gap."""
    if gaps and gaps[0][0] < min(found):
        raise ShotError(
            f"{pattern}: the frames before {min(found)} are missing, and there is none before them to hold; "
            f"restore them or begin {KEY} at {min(found)}"
        )
    if _count_frames(gaps) > len(found):
        raise ShotError(
            f"{pattern}: more frames are missing ({show_runs(gaps)}) than are there ({len(found)}); {MISSING_KEY}: "
            f"hold cannot stand in for them, {_list_cures(sorted(found), can_hold=False)}"
        )
    return {number: found[begin - 1] for begin, end in gaps for number in range(begin, end + 1)}


def _list_cures(numbers: list[int], can_hold: bool) -> str:
    """Return what cures missing frames, as the end of a message: only what works for these frame numbers."""
    begin, end = _find_longest_run(numbers)
    cures = [f"set {MISSING_KEY}: hold"] if can_hold else []
    cures += [f"give a range in {KEY}, like [{begin}-{end}]"] if begin < end else []  # one frame cannot be tracked
    if not cures:
        return f"restore what is missing ({KEY})"
    return ", ".join(["restore what is missing", *cures[:-1], f"or {cures[-1]}"])


def _find_longest_run(numbers: list[int]) -> tuple[int, int]:
    breaks = [0, *(index + 1 for index, (a, b) in enumerate(pairwise(numbers)) if b != a + 1), len(numbers)]
    begin, end = max(pairwise(breaks), key=lambda run: run[1] - run[0])
    return numbers[begin], numbers[end - 1]
