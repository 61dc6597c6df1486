"""SynthEyes "Tracker 2-D Paths" (.txt): a line a marker: `name frame u v outcome`, a track's lines together.

u and v go from -1 to +1, left to right and top to bottom, between the *centres* of the first and the last pixel: the
corner of the image is at -1 - 1/(width - 1). Frames count from 0, the first of the clip (SynthEyes can be set to count
from 1: then name it with `tracking.session_first_frame`). outcome is a sum: 1 run, 2 enabled, 4 there is a position, 8
a key. We write 7 for a marker, 15 after a gap, 5 for a disabled marker. A line without an outcome is a marker. A name
has no spaces: they become _ (SynthEyes makes spaces of them again). Weights, expected errors and interpolation are
lost. A scale and offset set in SynthEyes's export dialog cannot be told from the file: leave them at 1 and 0.

Source: SynthEyes manual, "Exporting" (range, offset, outcome codes); Tracksperanto lib/uv_coordinates.rb,
lib/export/syntheyes.rb (outcome bits) and test/subpixel/sy_subpix_2dpaths.txt, written by SynthEyes with trackers on
the corners of a 720x576 image: -1.00136 = -1 - 1/719.
"""

from pathlib import Path

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.number_rows import join_tables, read_column, yield_batches
from shotmake.formats.text_files import make_fault, quote_word, read_lines
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, clip_first_of, name_tracks, yield_tracks
from shotmake.tracks.markers import DISABLED

CLIP_FIRST = 0
ENABLED, OK = 2, 4
MARKER, AFTER_GAP, OFF = 7, 15, 5
NEEDED = "name frame u v outcome"


def can_read(head: str) -> bool:
    """Tell whether the first line is a word and 3 or 4 numbers, without commas."""
    words = next((line.split() for line in head.splitlines() if line.strip()), [])
    try:
        return len(words) in (4, 5) and "," not in "".join(words[1:]) and bool([float(word) for word in words[1:]])
    except ValueError:
        return False


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a file. size_px: (width, height) of the plate.

    Raises ShotError, with the line, when a line has not 4 or 5 words, when a word is not a number, and as
    `name_tracks` and `shotmake.formats.text_files.read_lines` do.
    """
    ids: dict[str, int] = {}
    tracks, parts = [], []
    for rows in yield_batches(row for row in read_lines(path, KEY) if row[1].strip()):
        words = [text.split() for _, text in rows]
        for (at, text), some in zip(rows, words, strict=True):
            if len(some) == 4:
                some.append(str(MARKER))
            elif len(some) != 5:
                raise make_fault(path, at, quote_word(text), NEEDED, KEY)
        line = [at for at, _ in rows]
        names, *columns = zip(*words, strict=True)
        tracks += [ids.setdefault(name, len(ids)) for name in names]
        parts.append((np.array(line), np.stack([read_column(one, line, path, KEY) for one in columns], 1)))
    line, table = join_tables(parts, 4)
    track = np.array(tracks, int)
    outcome = np.clip(table[:, 3], 0, 255).astype(int)
    half = (np.array(size_px, float) - 1) / 2
    xy_px = (table[:, 1:3] + 1) * half + 0.5
    there = np.flatnonzero(outcome & OK)
    order = there[np.argsort(track[there], kind="stable")]
    ends = np.searchsorted(track[order], np.arange(1, len(ids)))
    found = (
        ReadTrack(name, table[rows, 0], xy_px[rows], line[rows], enabled=outcome[rows] & ENABLED > 0)
        for name, rows in zip(ids, np.split(order, ends) if ids else [], strict=True)
    )
    return name_tracks(found, path, CLIP_FIRST)


def write(path: Path, take: Take) -> None:
    """Write the tracks of a shot, a line for each marker. A disabled marker has the outcome 5."""
    earlier = clip_first_of(take) - CLIP_FIRST
    half = (np.array(take.size_px, float) - 1) / 2
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for _, name, one in yield_tracks(take, clean=" "):
            u, v = ((one.xy_px.astype(float) - 0.5) / half - 1).T
            follows = np.diff(one.frame, prepend=-2) == 1
            code = np.where(one.status == DISABLED, OFF, np.where(follows, MARKER, AFTER_GAP))
            rows = zip((one.frame - earlier).tolist(), u.tolist(), v.tolist(), code.tolist(), strict=True)
            text = f"{name.replace('%', '%%')} %d %.9f %.9f %d\n"
            file.write("".join(map(text.__mod__, rows)))
