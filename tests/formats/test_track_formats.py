"""2D tracks of other programs: what we write comes back, what they write lands on the right pixel, junk is one line."""

import json
import os
import re
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotmake.config.format_registry import TRACKS
from shotmake.errors import ShotError
from shotmake.formats.detect import format_of
from shotmake.formats.given_to_writers import Take
from shotmake.formats.tracks.named_tracks import make_unique, merge_named
from shotmake.limits import get_limits
from shotmake.tracks.markers import DISABLED, INTERPOLATED, TRACKED, Tracks, save_tracks

pytestmark = pytest.mark.fast

SIZE_PX = (1920, 1080)
FIRST = 1001
KEY = "tracking.session_file"
WRITTEN = [one for one in TRACKS if one.writes]
SAYS_DISABLED = ("tracks_uv", "tracks_nuke", "tracks_csv", "tracks_syntheyes")
HAS_COMMENTS = ("tracks_3de", "tracks_pftrack", "tracks_csv")
ODD = ["a b", "ä ö 名前", 'say "hi"', "{x} [y] $z \\ 100%", "#5", "a b", "line\nend", " ", "semi;colon,tab\t"]
each_written = pytest.mark.parametrize("format", WRITTEN, ids=[one.word for one in WRITTEN])


def module(format):
    return import_module(f"shotmake.formats.{format.module}")


def take(tracks: Tracks, names: dict | None = None, weights: dict | None = None) -> Take:
    return Take("sh 010", "plate.mov", SIZE_PX, 1.0, Fraction(24), (FIRST, FIRST + 99), 36.0, None, None, tracks,
                names or {}, weights or {})  # fmt: skip


def quirky() -> Tracks:
    """Nine tracks from frame 1001 on, with gaps of all lengths and disabled markers, off the plate's edge too."""
    random = np.random.default_rng(5)
    ids, frames = np.repeat(np.arange(9), 40), np.tile(np.arange(FIRST, FIRST + 40), 9)
    status = np.where(random.random(360) < 0.15, DISABLED, TRACKED)
    made = Tracks.from_markers(ids, frames, random.uniform(-20, 1940, (360, 2)), status=status)
    return made.select(random.random(360) < 0.8)


def came_back(format, given: Take, path: Path) -> tuple[Tracks, list[str]]:
    """What is read of a file that the take was written to, in plate frames, and its names."""
    read = module(format).read(path, SIZE_PX)
    later = 0 if read.clip_first is None else FIRST - read.clip_first
    tracks = Tracks(*{**vars(read.tracks), "frame": read.tracks.frame + later}.values())
    return tracks, [read.names.get(track, "") for track in np.unique(read.tracks.track_id).tolist()]


def expected(format, tracks: Tracks) -> Tracks:
    return tracks if format.word in SAYS_DISABLED else tracks.select(tracks.status != DISABLED)


def same(found: Tracks, of: Tracks) -> None:
    assert np.array_equal(found.frame, of.frame) and np.array_equal(found.status, of.status)
    assert np.array_equal(found.track_id, np.unique(of.track_id, return_inverse=True)[1])
    assert np.abs(found.xy_px.astype(float) - of.xy_px).max(initial=0) < 1e-3


@each_written
def test_every_quirk_comes_back(format, tmp_path):
    tracks, path = quirky(), tmp_path / format.file
    given = take(tracks, dict(enumerate(ODD)))
    module(format).write(path, given)
    found, names = came_back(format, given, path)
    same(found, expected(format, tracks))
    assert len(set(names)) == len(names) == len(ODD)
    if format.word in ("tracks_uv", "tracks_nuke", "tracks_csv"):
        assert names[:4] == ODD[:4] and names[5] == "a b_2" and names[6] == "line_end"
    other_ends = tmp_path / f"windows{path.suffix}"
    text = path.read_text(encoding="utf-8")
    if format.word in HAS_COMMENTS:
        text = "# a comment, and a blank line\n\n" + text + "\n# the end\n"
    if format.word not in ("tracks_csv", "tracks_uv"):  # spaces between numbers may be tabs
        spaced = re.sub(r"(?<=\d) (?=-?\d)", "\t", text)
        text = text.replace("{ {", "\t{\t{") if format.word == "tracks_nuke" else spaced
    other_ends.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    again, same_names = came_back(format, given, other_ends)
    same(again, found)
    assert same_names == names or format.word == "tracks_nuke"  # where a tab may stand in a name


@each_written
def test_no_tracks_and_ten_thousand(format, tmp_path):
    none = Tracks.from_markers([], [], np.zeros((0, 2)))
    many = Tracks.from_markers(np.repeat(np.arange(10_000), 2), np.tile([FIRST, FIRST + 5], 10_000),
                               np.random.default_rng(1).uniform(0, 1080, (20_000, 2)))  # fmt: skip
    for tracks in (none, many):
        given = take(tracks)
        module(format).write(tmp_path / format.file, given)
        same(came_back(format, given, tmp_path / format.file)[0], tracks)


@each_written
def test_what_it_writes_is_told_apart_from_the_other_formats(format, tmp_path):
    path = tmp_path / format.file
    module(format).write(path, take(quirky()))
    assert format_of(path, "tracks", KEY) == format


def test_what_each_format_can_say_of_weights_and_errors(tmp_path):
    tracks = Tracks.from_markers([4, 4, 7], [FIRST, FIRST + 1, FIRST], [[1, 2], [3, 4], [5, 6]],
                                 [0.25, 0.5, 0], [TRACKED, INTERPOLATED, DISABLED])  # fmt: skip
    for format in WRITTEN:
        module(format).write(tmp_path / format.file, take(tracks, weights={4: 2.5}))
    csv = module(format_of(tmp_path / "tracks.csv", "tracks", KEY)).read(tmp_path / "tracks.csv", SIZE_PX)
    assert csv.weights == {0: 2.5} and csv.tracks.quality.tolist() == [0.25, 0.5, 0]
    assert csv.tracks.status.tolist() == [TRACKED, INTERPOLATED, DISABLED]
    uv = module(format_of(tmp_path / "tracks.uv", "tracks", KEY)).read(tmp_path / "tracks.uv", SIZE_PX)
    assert uv.weights == {0: 2.5} and uv.tracks.status.tolist() == [TRACKED, TRACKED, DISABLED]


# What other programs write: (file, its text, name, the frame it means in its own count, x_px, y_px from the top-left)
NUKE = """\
Root {
 inputs 0
}
Tracker4 {
 inputs 0
 tracks { { 1 5 2 }
{ { 5 1 20 enable e 1 } { 3 1 75 name name 1 } { 2 1 58 track_x track_x 1 } { 2 1 58 track_y track_y 1 } { 4 1 27 T T 1 } }
{
 { {curve K x1001 1 x1006 0} "track 1" {curve x1001 10.5 11.5 x1005 15.5 x1006 16.5} {curve C x1001 1069.5 1068.5 x1005 1065.5 x1006 1} 1 }
 { 1 "by twos" {curve x1001 1 s0.5 t0.5 x1003 2 3 4} {curve x1001 1 x1003 2 3 4} 0 }
}
}
 translate {{curve x1 0} {curve x1 0}}
}
"""  # noqa: E501  the lines are as Nuke writes them
THEIRS = [
    ("3de.txt", "1\n01\n0\n2\n39 0.0 1080.0\n40 1919.5 0.5\n", "01", 40, 1919.5, 1079.5),
    ("pf.2dt", '# frame, xpos, ypos\n"lowerLeft"\n1\n1\n7 0.0 0.0 1.0\n', "lowerLeft", 7, 0.5, 1079.5),
    ("pf4.2dt", '"A"\n2\n7 0 0 0.1\n8 1 1 0.1\n\n"B"\n0\n', "A", 8, 1.5, 1078.5),
    ("pf5.2dt", '\r\n"1015"\r\n"Primary"\r\n1\r\n7 1919.000 1079.000 0.000 4.5\r\n', "1015", 7, 1919.5, 0.5),
    ("pf.txt", '"A"\n1\n1\n7 0 0 1\n"A"\n2\n1\n7 5 5 1\n', "A", 7, 0.5, 1079.5),
    ("se.txt", "Tracker1 12 -1 -1 15\nTracker1 13 1 1 7\nTracker1 14 0 0 3\n", "Tracker1", 13, 1919.5, 1079.5),
    ("se4.txt", "T 12 0 0\n", "T", 12, 960.0, 540.0),
    ("v1.uv", "1\nMy Point Name\n1\n216 0.25 0.75 1.0\n", "My Point Name", 216, 480.0, 270.0),
    ("gt.txt", "2, 3, 11, 21, 10, 20, -1, -1, -1, -1\n1,3,1,1,2,2,1,1,0.5\n", "3", 2, 15.0, 30.0),
    ("det.csv", "1,8,1,1,1,1\n", "8", 1, 0.5, 0.5),
    ("t.csv", 'y_px;x_px;frame;track;name\n4.5;3.5;1001;a;"x;y"\n', "x;y", 1001, 3.5, 4.5),
    ("t.nk", NUKE, "track 1", 1005, 15.5, 14.5),
]


@pytest.mark.parametrize("file, text, name, frame, x_px, y_px", THEIRS, ids=[one[0] for one in THEIRS])
def test_what_other_programs_write_lands_on_its_pixel(file, text, name, frame, x_px, y_px, tmp_path):
    path = tmp_path / file
    path.write_bytes(text.encode())
    read = module(format_of(path, "tracks", KEY)).read(path, SIZE_PX)
    (track,) = (track for track, known in read.names.items() if known == name)
    (row,) = np.flatnonzero((read.tracks.track_id == track) & (read.tracks.frame == frame))
    assert read.tracks.xy_px[row].tolist() == pytest.approx([x_px, y_px], abs=1e-3)


def test_syntheyes_own_file_has_the_images_corners_a_pixel_fraction_outside(tmp_path):
    """Trackers that were placed on the corners of a 720x576 image (Tracksperanto's test/subpixel)."""
    path = tmp_path / "corners.txt"
    path.write_text("Corner1 0 -1.001360 1.001627 15\nTracker4 0 1.001373 -1.001747 15\n")
    found = import_module("shotmake.formats.tracks.syntheyes").read(path, (720, 576)).tracks.xy_px
    assert np.abs(found - [[0, 576], [720, 0]]).max() < 0.05


def test_nukes_curves_enabled_and_gaps(tmp_path):
    path = tmp_path / "t.nk"
    path.write_text(NUKE)
    read = import_module("shotmake.formats.tracks.nuke_tracker").read(path, SIZE_PX).tracks
    one, two = (read.select(read.track_id == track) for track in (0, 1))
    assert one.frame.tolist() == [1001, 1002, 1005, 1006] and one.status.tolist() == [0, 0, 0, DISABLED]
    assert two.frame.tolist() == [1001, 1003, 1005, 1007] and two.xy_px[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_every_json_version_of_uv(version, tmp_path):
    marker = {"frame": 1001, "pos": [0.3, 0.3], "weight": 1.0}
    if version > 2:
        marker["pos_dist"] = [0.25, 0.75]
    record = {"version": version, "num_points": 1, "is_undistorted": version == 2,
              "points": [{"name": "p", "id": 7, "set_name": None, "per_frame": [marker]}]}  # fmt: skip
    if version > 3:
        record["camera"] = {"resolution": [960, 540], "film_back_cm": [3.6, 2.0], "per_frame": []}
    path = tmp_path / "t.uv"
    path.write_text(json.dumps(record))
    read = import_module("shotmake.formats.tracks.mmsolver_uv").read(path, SIZE_PX)
    assert read.tracks.xy_px.tolist() == [pytest.approx([576, 756] if version == 2 else [480, 270])]
    assert read.notes == (("the file says that its positions are without lens distortion",) if version == 2 else ())
    if version > 3:
        record["camera"]["resolution"] = [1024, 1024]
        path.write_text(json.dumps(record))
        with pytest.raises(ShotError, match="found tracks of a plate of 1024x1024, needed 1920x1080"):
            import_module("shotmake.formats.tracks.mmsolver_uv").read(path, SIZE_PX)


FAULTS = [
    ("a.txt", "2\nA\n0\n1\n1 2 3\n", "a.txt:5: found the end of the file, needed 2 points"),
    ("a.txt", "1\nA\n0\n2\n1 2 3\nB\n", "a.txt:6: found 'B', needed frame x y"),
    ("a.txt", "1\nA\n0\n1\n1 nan 3\n", "a.txt:5: found 'nan', needed a number"),
    ("a.txt", "1\nA\n0\n1\n-1 2 3\n", "a.txt:5: found frame -1, needed a whole number"),
    ("a.txt", "1\nA\n0\n1\n1 2 3\nmore\n", "a.txt:6: found 'more', needed the end of the file after 1 point ("),
    ("a.txt", "1\nA\n0\n2\n1 2 3\n1 4 5\n", "a.txt:6: found frame 1 of 'A' again, needed one marker a frame"),
    ("a.txt", "1\nA\n0\n1\n1 2 1e30\n", "a.txt:5: found a marker at 2, -1e+30 px, needed at most 1e+06"),
    ("a.txt", "hello world\n", "a.txt:1: found no format of this suffix, needed one of"),
    ("a.2dt", '"A"\n1\n2\n7 0 0 1\n', "a.2dt:4: found the end of the file, needed 1 more line: frame "),
    ("a.2dt", "A\n1\n2\n7 0 0 1\n", "a.2dt:1: found 'A', needed a track's name in quotes"),
    ("a.txt", "T 1 0 0 7\nT 2 0\n", "a.txt:2: found 'T 2 0', needed name frame u v outcome"),
    ("a.txt", "1,-1,5,5,2,2,0.9\n", "a.txt:1: found id -1, needed a track's id"),
    ("a.csv", "track,frame,x_px\n1,1,2\n", "a.csv:1: found no format of this suffix"),
    ("a.csv", "track,frame,x_px,y_px\n1,1,2\n", "a.csv:2: found 3 columns, needed 4"),
    ("a.csv", "track,frame,x_px,y_px\n1\n", "a.csv:2: found 1 column, needed 4"),
    ("a.csv", "track,frame,x_px,y_px,status\n1,1,2,3,lost\n", "a.csv:2: found status 'lost', needed one of tracked"),
    ("a.csv", "# a plate of 1280x720 px\ntrack,frame,x_px,y_px\n", "a.csv:1: found tracks of a plate of 1280x720"),
    ("a.uv", '{"version": 9, "points": []}', "a.uv:1: found version '9', needed a .uv file of version 1 to 5"),
    ("a.uv", '{"points": []}', "a.uv:1: found no version, needed a .uv file of version 1 to 5"),
    ("a.uv", '{"version": 5}', "a.uv:1: found no points, needed a list"),
    ("a.uv", '{"version": true, "points": []}', "a.uv:1: found version true, needed a .uv file"),
    ("a.uv", '{"version": 5, "points": [null]}', "a.uv:1: found points[0] null, needed {name, per_frame"),
    ("a.uv", '{"version": 5, "points": [{"name": null}]}', 'a.uv:1: found points[0] {"name": null}, needed {name'),
    ("a.uv", '{"version": 5,\n "points": [', "a.uv:2: not JSON: expecting value (column 13)"),
    ("a.uv", '{"version": 5, "num_points": 2, "points": []}', "a.uv:1: found 0 points, needed num_points: '2'"),
    ("a.uv", '{"version": 2, "points": [{"name": "A", "per_frame": [{"frame": 1, "pos": [0, "b"]}]}]}',
     "a.uv:1: found 'b', needed a number"),
    ("a.uv", '{"version": 5, "num_points": 2, "points": [{}]}', "a.uv:1: found 1 point, needed num_points: '2'"),
    ("a.uv", "1\nA\n1\n1 0 0 1\nmore\n", "a.uv:5: found 'more', needed the end of the file after 1 point ("),
    ("a.uv", "1\nA\n1\n", "a.uv:3: found the end of the file, needed 1 more line: frame u v weight"),
    ("a.uv", "", "a.uv:1: found the end of the file, needed the number of points"),
    ("a.nk", "Blur {\n}\n", "a.nk:1: found no Tracker4 node"),
    ("a.nk", 'CameraTracker1_0 {\n serializeKnob "22 serialization::archive 9"\n}\n', "a.nk:1: found features of a"),
    ("a.nk", NUKE.replace("{ 1 5 2 }", "{ 1 5 3 }"), "a.nk:12: found 2 rows, needed as many as"),
    ("a.nk", "\n".join(NUKE.split("\n")[:9] + NUKE.split("\n")[10:]), "a.nk:11: found 1 row, needed as many as"),
    ("a.nk", re.sub("^{ { 5 1 20.*", "{ { 5 1 20 enable e 1 } }", NUKE, flags=re.MULTILINE),
     "a.nk:9: found a row of 5 of 1 column, needed the columns"),
    ("a.nk", NUKE.replace("11.5 x1005", "nan x1005"), "a.nk:9: found 'nan', needed a curve's"),
    ("a.nk", NUKE[: NUKE.index(' { 1 "by')], "a.nk:9: found the end of the file, needed the closing brace"),
    ("a.xyz", "", "a.xyz: found .xyz, needed one of .2dt .blend .csv .nk .npz .txt .uv"),
]  # fmt: skip


def reads(path: Path) -> None:
    module(format_of(path, "tracks", KEY)).read(path, SIZE_PX)


@pytest.mark.parametrize("file, text, said", FAULTS, ids=[f"{one[0]}-{at}" for at, one in enumerate(FAULTS)])
def test_a_malformed_file_is_one_line_with_its_line_number(file, text, said, tmp_path):
    (tmp_path / file).write_text(text)
    with pytest.raises(ShotError) as fault:
        reads(tmp_path / file)
    (line,) = str(fault.value).splitlines()
    assert line.replace("; needed", ", needed").startswith(said), line
    assert line.endswith(f"({KEY})")


@pytest.mark.parametrize("suffix", [".uv", ".nk", ".csv", ".txt", ".2dt", ".npz"])
@pytest.mark.parametrize("size", [get_limits().text_mb * 500_000, 1_000_000_000])
def test_a_gigabyte_of_zeros_is_refused_at_once(suffix, size, tmp_path):
    path = tmp_path / f"zeros{suffix}"
    path.touch()
    os.truncate(path, size)
    with pytest.raises(ShotError, match="^zeros"):
        reads(path)


def test_a_line_without_an_end_is_refused(tmp_path):
    (tmp_path / "a.2dt").write_text('"A"\n' + "1" * (get_limits().text_line_mb * 10**6 + 1))
    with pytest.raises(ShotError, match="^a.2dt:2: found a line of over"):
        reads(tmp_path / "a.2dt")


def valid_files() -> dict[str, bytes]:
    """A small valid file of every format that is read as text, by name, and an npz."""
    import tempfile

    tracks = quirky().select(quirky().track_id < 3)
    found = {file: text.encode() for file, text, *_ in THEIRS}
    with tempfile.TemporaryDirectory() as folder:
        for format in WRITTEN:
            path = Path(folder) / format.file
            module(format).write(path, take(tracks))
            found[format.file] = path.read_bytes()
    return {**found, "tracks.npz": save_tracks(tracks)}


VALID = valid_files()
edit = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1), st.just(b"")),
    st.tuples(st.just("put"), st.floats(0, 1), st.binary(min_size=1, max_size=6)),
    st.tuples(st.just("put"), st.floats(0, 1), st.sampled_from(
        [b"nan", b"-1", b"1e999", b"\0", b"{", b"}", b'"', b"\n", b"9" * 12, b"#", b",", b"x-5 ", b"\xff", b"null"])),
    st.tuples(st.just("drop"), st.floats(0, 1), st.binary(min_size=1, max_size=30)),
    st.tuples(st.just("word"), st.floats(0, 1), st.sampled_from([b"nan", b"-7", b"inf", b"", b"x", b"1e300", b"0"])),
)  # fmt: skip


def edited(data: bytes, edits: list) -> bytes:
    for kind, where, piece in edits:
        at = int(where * len(data))
        if kind == "cut":
            data = data[:at]
        elif kind == "put":
            data = data[:at] + piece + data[at:]
        elif kind == "drop":
            data = data[:at] + data[at + len(piece) :]
        else:
            numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
            if numbers:
                one = numbers[min(int(where * len(numbers)), len(numbers) - 1)]
                data = data[: one.start()] + piece + data[one.end() :]
    return data


@pytest.mark.parametrize("file", sorted(VALID))
def test_whatever_is_done_to_a_file_it_is_read_or_refused_in_one_line(file, tmp_path):
    path = tmp_path / file
    refused = 0

    @settings(max_examples=25, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(edit, min_size=1, max_size=3))
    def attacked(edits):
        nonlocal refused
        path.write_bytes(edited(VALID[file], edits))
        try:
            read = module(format_of(path, "tracks", KEY)).read(path, SIZE_PX)
        except ShotError as fault:
            refused += 1
            (line,) = str(fault).splitlines()
            assert line.startswith(file) and len(line) < 500
        else:
            assert np.isfinite(read.tracks.xy_px).all() and read.tracks.frame.min(initial=0) >= 0
            assert set(read.names) <= set(range(len(read.names) + len(np.unique(read.tracks.track_id))))

    path.write_bytes(VALID[file])
    reads(path)
    attacked()
    assert refused  # an attack that never hits tests nothing


def test_the_one_track_of_another_clip_is_one(tmp_path):
    (tmp_path / "a.2dt").write_text('"A"\n1\n1\n7 0 0 1\n"B"\n2\n1\n7 5 5 1\n')
    read = module(format_of(tmp_path / "a.2dt", "tracks", KEY)).read(tmp_path / "a.2dt", SIZE_PX)
    assert read.notes == ("1 track is of another clip than 1: left out",)


def test_names_stay_apart_within_a_file_and_between_files():
    assert make_unique(["a", "b", "a", "a_2", "a", "", ""])[0] == ["a", "b", "a_3", "a_2", "a_4", "", ""]
    assert "2 tracks had the name of another ('a')" in make_unique(["a", "a", "a"])[1][0]
    assert make_unique(["a", "a_2", "a"])[1] == ("1 track had the name of another ('a'); it is 'a_3' now",)
    one = import_module("shotmake.formats.tracks.named_tracks").NamedTracks(
        Tracks.from_markers([3, 5], [1, 1], [[1, 1], [2, 2]]), {3: "a", 5: "b"}, {5: 2.0}
    )
    both = merge_named([one, one], 1, 1)
    assert both.names == {3: "a", 5: "b", 9: "a_2", 11: "b_2"} and both.weights == {5: 2.0, 11: 2.0}
    assert both.tracks.track_id.tolist() == [3, 5, 9, 11] and len(both.notes) == 1
