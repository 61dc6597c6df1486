"""3DEqualizer 2D tracks (.txt): points, then for each its name, colour, number of frames, and `frame x y` lines.

Pixels from the bottom-left corner of the image, y up, the centre of the first pixel at 0.5 (the image's corners are 0 0
and width height). Frames count from 1, the first of the clip, whatever the plate's numbers are. Only tracked frames are
listed: disabled markers are left out; weights, expected errors and interpolation are lost. The size is not in the file.
Lines that begin with # are comments, so no name that we write begins with #. A name is a line of its own.

Source: mmSolver python/mmSolver/tools/loadmarker/lib/formats/tdetxt.py and its tests/data/3de_v4; Tracksperanto
lib/import/equalizer4.rb, lib/export/equalizer4.rb ("3DE always starts frames at 1"); 3DE's own export_tracks script.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.number_rows import Lines
from shotmake.formats.text_files import make_fault, quote_word
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, clip_first_of, name_tracks, yield_tracks
from shotmake.numbers_in_words import count_of
from shotmake.tracks.markers import DISABLED

CLIP_FIRST = 1


def can_read(head: str) -> bool:
    """Tell whether the first line that is no comment is a whole number: the number of points."""
    return next((line for line in map(str.strip, head.splitlines()) if line and line[0] != "#"), "").isdigit()


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a file. size_px: (width, height) of the plate.

    Raises ShotError, with the line, when the text is not as 3DE writes it, when lines follow the last point, and as
    `name_tracks` and `shotmake.formats.text_files.read_lines` do.
    """
    source = Lines(path, KEY)
    return name_tracks(_read_points(source, size_px[1]), path, CLIP_FIRST)


def _read_points(source: Lines, height_px: int) -> Iterator[ReadTrack]:
    points = source.count("the number of points")
    for _ in range(points):
        name = source.take(count_of(points, "point"))[1]
        source.count(f"the colour of {quote_word(name)}, a whole number")
        frames = source.count(f"the number of frames of {quote_word(name)}")
        line, table = source.read_table(frames, 3, 3, "frame x y")
        yield ReadTrack(name, table[:, 0], np.stack([table[:, 1], height_px - table[:, 2]], 1), line)
    if source.peek() is not None:
        at, text = source.take("nothing")
        needed = f"the end of the file after {count_of(points, 'point')}"
        raise make_fault(source.path, at, quote_word(text), needed, KEY)


def write(path: Path, take: Take) -> None:
    """Write the tracks of a shot, without disabled markers."""
    earlier = clip_first_of(take) - CLIP_FIRST
    height_px = take.size_px[1]
    tracks = [(name, one.select(one.status != DISABLED)) for _, name, one in yield_tracks(take)]
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(f"{len(tracks)}\n")
        for name, one in tracks:
            x_px, y_px = one.xy_px.astype(float).T
            rows = zip((one.frame - earlier).tolist(), x_px.tolist(), (height_px - y_px).tolist(), strict=True)
            file.write(f"{name}\n0\n{len(one)}\n" + "".join(map("%d %.9f %.9f\n".__mod__, rows)))
