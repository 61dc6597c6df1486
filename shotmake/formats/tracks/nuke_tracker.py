r"""Nuke .nk: the tracks of Tracker4 nodes, and the user tracks of CameraTracker nodes. A Tracker4 is written.

A node's knob `tracks` (CameraTracker: `userTracks`) is a table: {1 columns rows}, the columns' names, and a row for
each track { {curve K x1001 1} "name" {curve x1001 812.5 813.1 x1010 820.4 x1011 821} {curve ...} ... }. The columns
enable, name, track_x and track_y are read, at any place in the row. In a curve, x<frame> places the next value, and
each value after it comes one step later. The step is 1 until an x<frame> is another number of frames after the value
before (x1 5 x3 6 7: 7 is at 5). A key's letters (K, L, C, S...) and slopes are its interpolation. Pixels count from the
bottom-left corner of the image, y up, the centre of the first pixel at 0.5. Frames are the script's, which are the
plate's.

A key is a marker; values that Nuke interpolates between keys are not. enable (constant from key to key) at 0 makes a
marker disabled; a gap is written in the same way. Weights, expected errors and interpolation status are lost; Nuke's
offsets, patterns and T R S switches are not read. An expression is no track. The size of a Tracker's input is not in
the file. The automatic features of a CameraTracker lie in its serializeKnob, a private archive: export them in Nuke as
a Tracker.

Source: scripts written by Nuke 7 to 14 (Tracksperanto test/import/samples/nuke/*.nk), its importer nuke_script.rb and
the curve rule in tickly's curve.rb, sb_convertTracker.py and the like for the columns. No script with a CameraTracker's
user tracks was found: that their table is like a Tracker4's, its columns named, is an assumption.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, name_tracks, yield_tracks
from shotmake.numbers_in_words import count_of
from shotmake.tracks.markers import DISABLED, Tracks

NODE = re.compile(r"\s*(Tracker4|CameraTracker\w*)\s*\{")
TABLE = re.compile(r"\s*(tracks|userTracks)\s+(?=\{)")
TOKEN = re.compile(r'\{\s*curve\b[^{}"]*\}|[{}]|"(?:[^"\\]|\\.)*"|[^\s{}"]+|"')
MOST_BRACES = 5  # in a table: tracks { rows { row { value } } }
SLOPES = "stuv"  # s0.5: a tangent
READ = ("enable", "name", "track_x", "track_y")
FEATURES = "features of a CameraTracker, which Nuke keeps to itself (serializeKnob)"
COLUMNS = """\
{ 5 1 20 enable e 1 }
{ 3 1 75 name name 1 }
{ 2 1 58 track_x track_x 1 }
{ 2 1 58 track_y track_y 1 }
{ 2 1 63 offset_x offset_x 1 }
{ 2 1 63 offset_y offset_y 1 }
{ 4 1 27 T T 1 }
{ 4 1 27 R R 1 }
{ 4 1 27 S S 1 }
{ 2 0 45 error error 1 }
""" + "".join(
    f"{{ {kind} 1 0 {name} {name} 1 }}\n"
    for kind, names in (
        (1, "error_min error_max pattern_x pattern_y pattern_r pattern_t search_x search_y search_r search_t"),
        (2, "key_track key_search_x key_search_y key_search_r key_search_t key_track_x key_track_y key_track_r"),
        (2, "key_track_t key_centre_offset_x key_centre_offset_y"),
    )
    for name in names.split()
)
COLUMN_COUNT = COLUMNS.count("\n")
ESCAPED = str.maketrans({one: f"\\{one}" for one in '\\"[]${}'})


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a script. size_px: (width, height) of the plate.

    Raises ShotError when the script holds no table of tracks, when a table is broken or has not the rows that it
    announces, when a value is an expression, when the frames of a curve go back, and as `name_tracks` and
    `shotmake.formats.text_files.read_lines` do.
    """
    seen: list[str] = []
    named = name_tracks(_read_tracks(path, size_px[1], seen), path)
    if "table" not in seen:
        found = FEATURES if "features" in seen else "no Tracker4 node"
        raise make_fault(path, 1, found, "the tracks of a Tracker4: export them in Nuke as a Tracker", KEY)
    return named


def _read_tracks(path: Path, height_px: int, seen: list[str]) -> Iterator[ReadTrack]:
    """Yield the tracks of every table. `seen` gets "table" for each table, and "features" for automatic features."""
    rows = read_lines(path, KEY)
    in_node = False
    for at, text in rows:
        in_node = bool(NODE.match(text)) or (in_node and not text.startswith("}"))
        match = TABLE.match(text)
        if in_node and match:
            seen.append("table")
            yield from _read_table(_yield_tokens(at, text[match.end() :], rows), path, height_px)
        elif in_node and text.lstrip().startswith(("serializeKnob", "serialiseKnob")):
            seen.append("features")


def _yield_tokens(at: int, text: str, rows: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield braces, words and whole curves, with their lines: first from `text`, then from the next lines."""
    yield from ((at, token) for token in TOKEN.findall(text))
    for later, line in rows:
        yield from ((later, token) for token in TOKEN.findall(line))


def _read_table(tokens: Iterator[tuple[int, str]], path: Path, height_px: int) -> Iterator[ReadTrack]:
    """Yield the tracks of one knob. Its items: the counts of columns and rows, the names of the columns, the rows."""
    columns: dict[str, int] = {}
    open_items: list[list] = []
    part, rows, told, at = 0, 0, [], 1
    for at, token in tokens:
        if token != "{" and not open_items:
            raise make_fault(path, at, quote_word(token), "a table of tracks: tracks { { 1 31 2 } ...", KEY)
        if token == '"':
            raise make_fault(path, at, "a quote that is not closed", 'a name "in quotes"', KEY)
        if token == "{":
            open_items.append([])
            if len(open_items) > MOST_BRACES:
                raise make_fault(path, at, f"{len(open_items)} braces in one another", "a table of tracks", KEY)
        elif token == "}":
            item = open_items.pop()
            if not open_items:
                if told[2:3] != [str(rows)]:
                    raise make_fault(
                        path, at, count_of(rows, "row"), f"as many as the table's {{ {' '.join(told)} }} says", KEY
                    )
                return
            if len(open_items) == 1:
                part += 1
                told = [str(word) for word in item] if part == 1 else told
            elif len(open_items) == 2 and part == 1 and len(item) > 3:
                columns[str(item[3])] = len(columns)
            elif len(open_items) == 2 and part == 2:
                rows += 1
                yield _read_row(item, columns, path, at, height_px)
            elif len(open_items) > 2:
                open_items[-1].append(item)
        else:
            open_items[-1].append(token)
    raise make_fault(path, at, "the end of the file", "the closing brace of tracks {", KEY)


def _read_row(row: list, columns: dict[str, int], path: Path, at: int, height_px: int) -> ReadTrack:
    if any(name not in columns or columns[name] >= len(row) for name in READ):
        found = f"a row of {len(row)} of {count_of(len(columns), 'column')}"
        raise make_fault(path, at, found, f"the columns {', '.join(READ)}", KEY)
    enable, name, across, up = (row[columns[name]] for name in READ)
    if not isinstance(name, str):
        raise make_fault(path, at, "a list", "a track's name", KEY)
    name = re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
    x_frame, x_px = _read_curve(across, path, at)
    y_frame, y_px = _read_curve(up, path, at)
    if np.array_equal(x_frame, y_frame):  # nearly always so, and this test is 10,000 times faster
        frame, in_x, in_y = x_frame, slice(None), slice(None)
    else:
        frame, in_x, in_y = np.intersect1d(x_frame, y_frame, return_indices=True)
    on_frame, on = _read_curve(enable, path, at)
    if len(on_frame):
        enabled = on[np.clip(np.searchsorted(on_frame, frame, side="right") - 1, 0, None)] != 0
    else:
        enabled = np.full(len(frame), enable not in ("0", "false"))
    xy_px = np.stack([x_px[in_x], height_px - y_px[in_y]], 1)
    return ReadTrack(name, frame, xy_px, np.full(len(frame), at), enabled=enabled)


def _read_curve(value: object, path: Path, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames (K,), rising, and the values (K,) of a curve. A plain number or an empty value has none."""
    if not isinstance(value, str) or not value.startswith("{"):
        if value and not isinstance(value, str):
            raise make_fault(path, at, f"an expression {quote_word(value)}", "a curve: {curve x1001 ...}", KEY)
        if isinstance(value, str):
            read_number({"true": 1, "false": 0}.get(value, value), path, at, KEY)
        return np.zeros(0), np.zeros(0)
    frames: list[float] = []
    values: list[float] = []
    frame, step = 1.0, 1.0
    for word in value[1:-1].split()[1:]:
        kind = word[0]
        if kind in "-+.0123456789":
            frames.append(frame)
            values.append(read_number(word, path, at, KEY))
            frame += step
        elif kind == "x":
            frame = read_number(word[1:], path, at, KEY)
            step = frame - frames[-1] if frames else 1.0
        elif not (len(word) == 1 and word.isalpha()) and kind not in SLOPES:
            raise make_fault(path, at, quote_word(word), "a curve's x1001, number, letter or slope", KEY)
    if any(later <= earlier for earlier, later in pairwise(frames)):
        raise make_fault(path, at, "a curve whose frames go back", "frames that rise", KEY)
    return np.array(frames), np.array(values)


def write(path: Path, take: Take) -> None:
    """Write the tracks of a shot as a Tracker4 node. A gap and a disabled marker have enable 0."""
    tracks = list(yield_tracks(take))
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("set cut_paste_input [stack 0]\nversion 13.0 v1\npush $cut_paste_input\n")
        file.write(f"Tracker4 {{\n tracks {{ {{ 1 {COLUMN_COUNT} {len(tracks)} }}\n{{ {COLUMNS}}}\n{{\n")
        for _, name, one in tracks:
            file.write(_format_row(name, one, take.size_px[1]))
        node = re.sub(r"[^0-9A-Za-z_]", "_", take.shot)
        file.write(f"}}\n}}\n\n reference_frame {take.frames[0]}\n name Tracker_{node}\n}}\n")


def _format_row(name: str, one: Tracks, height_px: int) -> str:
    first = int(one.frame[0])
    x_px, y_px = one.xy_px.astype(float).T
    begins = _find_begins(one.frame)
    across = _format_curve(one.frame, x_px, begins)
    up = _format_curve(one.frame, height_px - y_px, begins)
    zero = f"{{curve K x{first} 0}}"
    off = one.status == DISABLED
    return (
        f' {{ {_format_enable(one.frame, off)} "{name.translate(ESCAPED)}" {across} {up} {zero} {zero} 1 0 0 '
        f"{{curve x{first} 0}} 0 0 -20 -20 20 20 -40 -40 40 40 {'{} ' * 11} }}\n"
    )


def _find_begins(frame: np.ndarray) -> np.ndarray:
    """Tell which values (N,) need their frame in the curve.

    These are the first value, a value after a gap, and the value after that, which sets the step.
    """
    gap = np.diff(frame, prepend=frame[:1] - 2) != 1
    return gap | np.concatenate([[False], gap[:-1]])


def _format_curve(frame: np.ndarray, value: np.ndarray, begins: np.ndarray) -> str:
    told = zip(frame.tolist(), value.tolist(), begins.tolist(), strict=True)
    return "{curve " + " ".join(f"x{at} {one:.6f}" if told_at else f"{one:.6f}" for at, one, told_at in told) + "}"


def _format_enable(frame: np.ndarray, off: np.ndarray) -> str:
    """Return the enable curve: a key where it changes. It is 0 at disabled markers and after each run of markers."""
    keys: list[tuple[int, int]] = []
    last = int(frame[0]) - 1
    for at, is_off in zip(frame.tolist(), off.tolist(), strict=True):
        if at > last + 1 and keys[-1][1]:
            keys.append((last + 1, 0))
        if not keys or keys[-1][1] == int(is_off):
            keys.append((at, 0 if is_off else 1))
        last = at
    if keys[-1][1]:
        keys.append((last + 1, 0))
    return "{curve K " + " ".join(f"x{at} {one}" for at, one in keys) + "}"
