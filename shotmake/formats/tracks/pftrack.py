"""PFTrack and PFMatchit 2D tracks (.2dt, .txt): `"name"`, clip number, number of frames, `frame x y similarity` lines.

Pixels from the bottom-left, y up, with 0 at the *centre* of the first pixel: half a pixel less than Nuke or 3DE. Frames
count from 1, the first of the clip. PFTrack 4 has no line for the clip; PFTrack 5 has its camera's name in quotes; a
fifth number is a depth. Lines that begin with # are comments. Only tracked frames are listed: disabled markers are left
out; weights, expected errors and interpolation are lost (similarity is written as 1). The size is not in the file.
Tracks of a second clip or camera are left out, with a note. Names are in quotes and have no quotes inside.

Source: mmSolver python/mmSolver/tools/loadmarker/lib/formats/pftrack2dt.py; Tracksperanto lib/pf_coords.rb,
lib/import/pftrack.rb, lib/export/pftrack_2011.rb ("one-based frames") and test/subpixel/julik_pftrack.txt, written by
PFTrack with its trackers on the first and last pixel. Whether PFTrack can be set to write a sequence's own frame
numbers was not found: `tracking.session_first_frame` is for that.
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
COMMENT = '# "Name"\n# clipNumber\n# frameCount\n# frame, xpos, ypos, similarity\n'


def can_read(head: str) -> bool:
    """Tell whether the first line that is no comment begins with a quote."""
    return next((line for line in map(str.strip, head.splitlines()) if line and line[0] != "#"), "").startswith('"')


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of the file's first clip or camera. size_px: (width, height) of the plate.

    Raises ShotError, with the line, when the text is not as PFTrack writes it, and as `name_tracks` and
    `shotmake.formats.text_files.read_lines` do.
    """
    blocks = list(_read_blocks(Lines(path, KEY), size_px[1]))
    own = blocks[0][0] if blocks else ""
    kept = [found for clip, found in blocks if clip == own]
    left = len(blocks) - len(kept)
    notes = (f"{count_of(left, 'track is', 'tracks are')} of another clip than {own}: left out",) if left else ()
    return name_tracks(kept, path, CLIP_FIRST, notes)


def _read_blocks(source: Lines, height_px: int) -> Iterator[tuple[str, ReadTrack]]:
    """Yield (clip or camera, track) for each track; "" where the file names no clip."""
    while source.peek() is not None:
        name = _read_quoted(source, "a track's name in quotes")
        clip = ""
        if (source.peek() or "").startswith('"'):
            clip = _read_quoted(source, "a camera's name in quotes")
        frames = source.count(f"the number of frames of {quote_word(name)}")
        after = source.peek()
        if not clip and after is not None and len(after.partition("#")[0].split()) == 1 and after[0] != '"':
            clip, frames = str(frames), source.count(f"the number of frames of {quote_word(name)}")
        line, table = source.read_table(frames, 3, 5, "frame x y similarity")
        xy_px = np.stack([table[:, 1] + 0.5, height_px - table[:, 2] - 0.5], 1)
        yield clip, ReadTrack(name, table[:, 0], xy_px, line)


def _read_quoted(source: Lines, needed: str) -> str:
    at, text = source.take(needed)
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise make_fault(source.path, at, quote_word(text), needed, KEY)
    return text[1:-1]


def write(path: Path, take: Take) -> None:
    """Write the tracks of a shot, without disabled markers."""
    earlier = clip_first_of(take) - CLIP_FIRST
    height_px = take.size_px[1]
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(COMMENT)
        for _, name, every in yield_tracks(take, clean='"'):
            one = every.select(every.status != DISABLED)
            x_px, y_px = one.xy_px.astype(float).T
            y_up_px = height_px - y_px - 0.5
            rows = zip((one.frame - earlier).tolist(), (x_px - 0.5).tolist(), y_up_px.tolist(), strict=True)
            file.write(f'\n"{name}"\n1\n{len(one)}\n' + "".join(map("%d %.6f %.6f 1.000000\n".__mod__, rows)))
