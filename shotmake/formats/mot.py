"""MOT challenge CSV (.txt, .csv), a line a box: frame, id, left, top, width, height, conf, x, y, z (or class, ...).

A track's marker is its box's centre. Frames, ids and pixels count from 1, so that a left of 1 is the image's left edge;
y down. Lines stand in any order. conf 0 is "not to be considered": a disabled marker. Detections (id -1) are of no
track and refused. Names are the ids. Not written: a 2D track has no box.

Source: https://motchallenge.net/instructions ("All frame numbers, target IDs and bounding boxes are 1-based").
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from shotmake.formats.named import KEY, Found, NamedTracks, found_tracks
from shotmake.formats.numbers import batches, joined, numbers
from shotmake.formats.text import fault, lines

CLIP_FIRST = 1
FIELDS = "frame, id, left, top, width, height, conf, x, y, z"
GT_FIELDS = 9  # frame, id, left, top, width, height, conf, class, visibility


class Rows(NamedTuple):
    """line (N,); table (N, 7): frame, id, left, top, width, height, conf (1 where there is none); label: N words."""

    line: np.ndarray
    table: np.ndarray
    label: list[str]


def recognises(head: str) -> bool:
    words = next((line.split(",") for line in map(str.strip, head.splitlines()) if line and line[0] != "#"), [])
    try:
        return 6 <= len(words) <= 10 and bool([float(word) for word in words[:6]])
    except ValueError:
        return False


def read_rows(path: Path, key: str) -> Rows:
    """Every box of a file, tracks' and detections' alike. ShotError where a line has no numbers."""
    given = ((at, text.strip()) for at, text in lines(path, key))
    rows = (row for row in given if row[1] and row[1][0] != "#")
    full = ((at, text if text.count(",") > 5 else f"{text.rstrip(',')},1") for at, text in rows)
    parts, label = [], []
    for some in batches(full):
        parts.append(numbers(some, 7, 10, FIELDS, path, key, separator=","))
        label += [text.split(",")[7].strip() if text.count(",") == GT_FIELDS - 1 else "" for _, text in some]
    return Rows(*joined(parts, 7), label)


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    line, table, _ = read_rows(path, KEY)
    ids = table[:, 1]
    bad = (ids != np.floor(ids)) | (ids < 0) | (ids > 1e9)
    if bad.any():
        at = np.flatnonzero(bad)[0]
        raise fault(path, int(line[at]), f"id {ids[at]:g}", "a track's id from 0 (-1 is a detection of no track)", KEY)
    wrong = (table[:, 4:6] < 0).any(1)
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        raise fault(path, int(line[at]), "a box of {:g} x {:g}".format(*table[at, 4:6]), "a width and height", KEY)
    centre_px = table[:, 2:4] - 1 + table[:, 4:6] / 2
    order = np.argsort(ids, kind="stable")
    own, begins = np.unique(ids[order], return_index=True)
    found = (
        Found(str(int(name)), table[mine, 0], centre_px[mine], line[mine], enabled=table[mine, 6] != 0)
        for name, mine in zip(own, np.split(order, begins[1:]) if len(own) else [], strict=True)
    )
    return found_tracks(found, path, CLIP_FIRST)
