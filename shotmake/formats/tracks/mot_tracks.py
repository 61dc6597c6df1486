"""MOT challenge CSV (.txt, .csv), a line a box: frame, id, left, top, width, height, conf, x, y, z (or class, ...).

Frames, ids and pixels count from 1: frame 1 is the plate's first, and a left of 1 is the image's left edge; y down.

Read as tracks: a marker is the centre of its box. Lines stand in any order. conf 0 is "not to be considered": a
disabled marker. Detections (id -1) belong to no track and are refused. Names are the ids.

Written: the objects of the shot's own camera, as in objects.json (not smoothed), sorted by id, then frame. The columns
are those of a gt.txt. conf is 1 where the object is detected and 0 where it is coasted (as ground truth such boxes are
"not to be considered": TrackEval, py-motmetrics with min_confidence=1; as a tracker's result they count). Then comes
the class: a detector's number, or MOT's for pedestrian, car, bicycle and motorbike, else -1. The visibility is -1:
nobody knows it. Lost: other words for a class.

Source: https://motchallenge.net/instructions ("All frame numbers, target IDs and bounding boxes are 1-based"); classes:
Milan et al., "MOT16", arXiv:1603.00831.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.number_rows import join_tables, read_numbers, yield_batches
from shotmake.formats.text_files import make_fault, read_lines
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, clip_first_of, name_tracks
from shotmake.objects.tracklet_file import DECIMALS

CLIP_FIRST = 1
FIELDS = "frame, id, left, top, width, height, conf, x, y, z"
CLASS_NUMBERS = {"pedestrian": 1, "person": 1, "car": 3, "bicycle": 4, "motorbike": 5, "motorcycle": 5}
GT_FIELDS = 9  # frame, id, left, top, width, height, conf, class, visibility


class Rows(NamedTuple):
    """The boxes of a MOT file.

    line (N,): line numbers. table (N, 7): frame, id, left, top, width, height, conf (1 where there is none). label: N
    words.
    """

    line: np.ndarray
    table: np.ndarray
    label: list[str]


def can_read(head: str) -> bool:
    """Tell whether the first line that is no comment has 6 to 10 words between commas, the first 6 of them numbers."""
    words = next((line.split(",") for line in map(str.strip, head.splitlines()) if line and line[0] != "#"), [])
    try:
        return 6 <= len(words) <= 10 and bool([float(word) for word in words[:6]])
    except ValueError:
        return False


def read_rows(path: Path, key: str) -> Rows:
    """Load every box of a file, of tracks or of detections.

    Raises ShotError, with the line, when a line has too few or too many words, or a word that is not a number, and as
    `shotmake.formats.text_files.read_lines` does.
    """
    given = ((at, text.strip()) for at, text in read_lines(path, key))
    rows = (row for row in given if row[1] and row[1][0] != "#")
    full = ((at, text if text.count(",") > 5 else f"{text.rstrip(',')},1") for at, text in rows)
    parts, label = [], []
    for some in yield_batches(full):
        parts.append(read_numbers(some, 7, 10, FIELDS, path, key, separator=","))
        label += [_read_class(text) for _, text in some]
    return Rows(*join_tables(parts, 7), label)


def _read_class(text: str) -> str:
    word = text.split(",")[7].strip() if text.count(",") == GT_FIELDS - 1 else ""
    return "" if word == "-1" else word  # the challenge writes -1 where the class is not known


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a MOT file. size_px is not used.

    Raises ShotError, with the line, when an id is no whole number from 0, when a width or height is below 0, and as
    `read_rows` and `name_tracks` do.
    """
    line, table, _ = read_rows(path, KEY)
    ids = table[:, 1]
    bad = (ids != np.floor(ids)) | (ids < 0) | (ids > 1e9)
    if bad.any():
        at = np.flatnonzero(bad)[0]
        raise make_fault(
            path, int(line[at]), f"id {ids[at]:g}", "a track's id from 0 (-1 is a detection of no track)", KEY
        )
    wrong = (table[:, 4:6] < 0).any(1)
    if wrong.any():
        at = np.flatnonzero(wrong)[0]
        raise make_fault(path, int(line[at]), "a box of {:g} x {:g}".format(*table[at, 4:6]), "a width and height", KEY)
    centre_px = table[:, 2:4] - 1 + table[:, 4:6] / 2
    order = np.argsort(ids, kind="stable")
    own, begins = np.unique(ids[order], return_index=True)
    found = (
        ReadTrack(str(int(name)), table[mine, 0], centre_px[mine], line[mine], enabled=table[mine, 6] != 0)
        for name, mine in zip(own, np.split(order, begins[1:]) if len(own) else [], strict=True)
    )
    return name_tracks(found, path, CLIP_FIRST)


def write(path: Path, take: Take) -> None:
    """Write the objects of the shot's own camera, a line for each box."""
    later, rows = CLIP_FIRST - clip_first_of(take), []
    for one in take.tracklets:
        label = int(one.label) if one.label.isdecimal() else CLASS_NUMBERS.get(one.label.lower(), -1)
        boxes = np.round(one.bboxes + (1, 1, 0, 0), DECIMALS).tolist()
        for frame, box, coasted in zip((one.frames + later).tolist(), boxes, one.is_coasted.tolist(), strict=True):
            rows.append(",".join(map(repr, [frame, one.track_id, *box, int(not coasted), label, -1])))
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
