"""Our CSV of 2D tracks: a header, then a line a marker: track, frame, x_px, y_px, status, error_px, weight, name.

`track`         any word that only this track has
`frame`         the plate's own number
`x_px`, `y_px`  px from the top-left corner, y down; the centre of the first pixel is at 0.5
`status`        tracked, interpolated or disabled
`error_px`      the expected error; 0 = unknown
`weight`        of the track
`name`          of the track, written at its first marker

The first line, a comment, tells the size of the plate. A plate size that is not this plate's is refused. A file may
have its columns in any order; the first four are needed. It may be separated by commas, semicolons or tabs; # lines are
comments. Nothing is lost but names of tracks without a marker. The format is our own.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from shotmake.errors import quote_error
from shotmake.formats.given_to_writers import Take
from shotmake.formats.number_rows import Row, join_tables, read_column, yield_batches
from shotmake.formats.text_files import make_fault, quote_word, read_lines
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, name_tracks, yield_tracks
from shotmake.numbers_in_words import count_of

NEEDED = ("track", "frame", "x_px", "y_px")
OPTIONAL = ("status", "error_px", "weight", "name")
STATUS = ("tracked", "interpolated", "disabled")  # as shotmake.tracks.markers numbers them
STATUS_NUMBER = {word: number for number, word in enumerate(STATUS)}
SIZE = re.compile(r"#.*\bplate of (\d+)x(\d+) px")


def can_read(head: str) -> bool:
    """Tell whether the first line that is no comment is a header with the columns of NEEDED."""
    first = next((line for line in map(str.strip, head.splitlines()) if line and line[0] != "#"), "")
    return set(NEEDED) <= {word.strip(' "') for word in re.split("[,;\t]", first)}


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a file. size_px: (width, height) of the plate.

    Raises ShotError, with the line, when the header lacks a column of NEEDED or has a column twice, when a line has
    another number of columns, when a word is not a number, when a status is none of STATUS, when the comment says
    another plate size, and as `name_tracks` and `shotmake.formats.text_files.read_lines` do.
    """
    rows = _read_rows(path, size_px)
    at, first = next(rows, (1, ""))
    separator = next((mark for mark in ",;\t" if mark in first), ",")
    columns = [word.strip(' "') for word in first.split(separator)]
    if not set(NEEDED) <= set(columns):
        raise make_fault(path, at, quote_word(first), f"a header with {', '.join(NEEDED)}", KEY)
    if len(set(columns)) != len(columns):
        raise make_fault(path, at, quote_word(first), "each column once", KEY)
    ids: dict[str, int] = {}
    names: dict[int, str] = {}
    tracks, states, parts = [], [], []
    for some in yield_batches(rows):
        cells = list(_split_cells(some, separator, path))
        for (at, _), own in zip(some, cells, strict=True):
            if len(own) != len(columns):
                raise make_fault(path, at, count_of(len(own), "column"), f"{len(columns)}, as in the header", KEY)
        line = [at for at, _ in some]
        told = dict(zip(columns, zip(*cells, strict=True), strict=True))
        found = [ids.setdefault(word.strip(), len(ids)) for word in told["track"]]
        tracks += found
        if any(told.get("name", ())):
            for track, name in zip(found, told["name"], strict=True):
                if name.strip():
                    names.setdefault(track, name.strip())
        states += _read_states(told.get("status", ["tracked"] * len(line)), line, path)
        zeros, ones = ["0"] * len(line), ["1"] * len(line)
        optional = (told.get("error_px", zeros), told.get("weight", ones))
        words = (told["frame"], told["x_px"], told["y_px"], *optional)
        parts.append((np.array(line), np.stack([read_column(one, line, path, KEY) for one in words], 1)))
    line, table = join_tables(parts, 5)
    track = np.array(tracks, int)
    order = np.argsort(track, kind="stable")
    ends = np.searchsorted(track[order], np.arange(1, len(ids)))
    status = np.array(states, int)
    found = (
        ReadTrack(
            names.get(at, ""),
            table[mine, 0],
            table[mine, 1:3],
            line[mine],
            weight=table[mine, 4],
            status=status[mine],
            quality=table[mine, 3],
        )
        for at, mine in enumerate(np.split(order, ends) if ids else [])
    )
    return name_tracks(found, path)


def _read_states(words: Sequence[str], line: list[int], path: Path) -> list[int]:
    try:
        return [STATUS_NUMBER[word] for word in words]
    except KeyError as error:
        at = line[words.index(error.args[0])]
        raise make_fault(path, at, f"status {quote_word(error.args[0])}", f"one of {', '.join(STATUS)}", KEY) from error


def _read_rows(path: Path, size_px: tuple[int, int]) -> Iterator[Row]:
    """Yield the lines that are neither blank nor comments. Raises ShotError when a comment says another plate size."""
    for at, text in read_lines(path, KEY):
        if text.lstrip().startswith("#"):
            told = SIZE.match(text.strip())
            if told and told.groups() != tuple(map(str, size_px)):
                found, needed = f"tracks of a plate of {told[1]}x{told[2]} px", "{}x{}".format(*size_px)
                raise make_fault(path, at, found, needed, KEY)
        elif text.strip():
            yield at, text


def _split_cells(rows: list[Row], separator: str, path: Path) -> Iterator[list[str]]:
    """Yield the cells of each row. A quote that is not closed ends with its line."""
    for at, text in rows:
        try:
            yield next(csv.reader([text], delimiter=separator)) if '"' in text else text.split(separator)
        except csv.Error as error:
            raise make_fault(path, at, quote_error(error), "a line of CSV", KEY) from error


def write(path: Path, take: Take) -> None:
    """Write all tracks of a shot, a line for each marker."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("# 2D tracks by shotmake, of a plate of {}x{} px\n".format(*take.size_px))
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((*NEEDED, *OPTIONAL))
        for track, name, one in yield_tracks(take):
            weight, told = take.weights.get(track, 1.0), name if track in take.names else ""
            xy_px, error, status = one.xy_px.tolist(), one.quality.tolist(), one.status.tolist()
            for frame, (x_px, y_px), error_px, state in zip(one.frame.tolist(), xy_px, error, status, strict=True):
                row = (track, frame, f"{x_px:.6f}", f"{y_px:.6f}", STATUS[state], f"{error_px:.6g}", weight, told)
                rows.writerow(row)
                told = ""
