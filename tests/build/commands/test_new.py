"""doit new: a shot's YAML from a plate, and one for each clip of a cut, through the real command line."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers.plates.synthetic import write_movie
from helpers.shows.project import Project
from shotmake.errors import ShotError
from shotmake.new_shot.edit_list import read_cut

EDL = """\
TITLE: cut
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:06 00:00:00:18 01:00:00:00 01:00:00:12
* FROM CLIP NAME: sc 010 \u00fc.mov
002  SC020    V     C        00:00:00:02 00:00:00:04 01:00:00:12 01:00:00:14
* FROM CLIP NAME: sc020.[1001-1006].png
003  SC099    V     C        01:00:00:00 01:00:02:00 01:00:00:14 01:00:02:14
* FROM CLIP NAME: sc099.mov
004  AX       V     C        00:00:00:00 00:00:00:05 01:00:02:14 01:00:02:19
* FROM CLIP NAME: sc 010 \u00fc.mov
005  AX       V     C        00:00:09:00 00:00:09:05 01:00:02:19 01:00:03:00
* FROM CLIP NAME: sc 010 \u00fc.mov
"""


@pytest.fixture(scope="module")
def plates(tmp_path_factory) -> Path:
    """A movie of 30 frames at 24000/1001, and a sequence of 6."""
    import cv2

    folder = tmp_path_factory.mktemp("plates")
    picture = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    write_movie(folder / "sc 010 \u00fc.mov", ((n, picture) for n in range(30)), Fraction(24000, 1001))
    for frame in range(1001, 1007):
        cv2.imwrite(str(folder / f"sc020.{frame}.png"), picture)
    return folder


@pytest.fixture
def show(project: Project, plates: Path) -> Project:
    (project.root / "footage").rmdir()
    (project.root / "footage").symlink_to(plates, target_is_directory=True)
    project.remove_other_shots("none")
    return project


def shot_of(project: Project, name: str) -> dict:
    return yaml.safe_load((project.root / "conf" / "shot" / f"{name}.yaml").read_text())["shot"]


def test_a_movie_and_a_sequence(show):
    file = "footage/sc 010 \u00fc.mov"
    ran = show.built("new", "shot=sc010", f"file={file}")
    assert "   conf/shot/sc010.yaml: footage/sc 010 \u00fc.mov, 30 frames; next: doit shot=sc010" in ran.out
    text = (show.root / "conf" / "shot" / "sc010.yaml").read_text()
    assert text.startswith("# @package _global_\n") and '128x96, "24000/1001" frames/s, frames 1 to 30' in text
    footage = shot_of(show, "sc010")["footage"]
    assert (footage["file"], footage["frame_range"], footage["resolution"]) == (file, [1, 30], [128, 96])
    assert (footage["frame_rate"], footage["color_space"]) == (None, "Rec.709")
    show.built("new", "shot=sc020", f"file={show.root}/footage/sc020.1001.png")
    footage = shot_of(show, "sc020")["footage"]
    assert (footage["file"], footage["frame_range"]) == ("footage/sc020.####.png", [1001, 1006])
    assert footage["color_space"] == "sRGB" and "first_frame" not in footage
    ran = show.built("footage")  # what was written is a shot
    assert sorted(ran.executed) == ["footage:sc010", "footage:sc020"]


def test_what_cannot_be_written_is_one_line(show):
    show.write_shot("there", "untouched")
    for words, line in {
        ("shot=there", "file=footage/sc020.####.png"): "conf/shot/there.yaml: is there already, and stays as it is",
        (
            "shot=a",
            "file=footage/none.mov",
        ): "footage/none.mov: no such file; needed a movie or an image sequence (file=)",
        ("shot=a", "file=dodo.py"): "dodo.py: not a movie that can be read",
        (
            f"shot={'a' * 129}",
            "file=footage/sc020.####.png",
        ): f"shot={'a' * 40}...: found 129 characters, needed at most 128",
        ("shot=a",): "new: needed shot=NAME file=PATH, or cut=FILE",
    }.items():
        ran = show.run("new", *words)
        assert ran.code == 1 and len(ran.fault_lines) == 1 and ran.fault_lines[0].startswith(line), ran.err
        assert "shot.footage" not in ran.err
    assert [path.name for path in (show.root / "conf" / "shot").iterdir()] == ["there.yaml"]
    assert (show.root / "conf" / "shot" / "there.yaml").read_text() == "untouched"


def test_a_cut_with_handles_missing_media_and_clips_of_one_name(show):
    pytest.importorskip("otio_cmx3600_adapter")
    (show.root / "cut.edl").write_text(EDL.replace("\n", "\r\n"))
    ran = show.run("new", "cut=cut.edl", "handles=8")
    assert ran.code == 1 and ran.fault_lines == [
        "sc099: no media found for sc099.mov, SC099; no YAML written (footage=)",
        "sc_010_3: the cut uses frames 217 to 221; footage/sc 010 \u00fc.mov has 1 to 30; no YAML written",
    ]
    assert "conf/shot/sc_010.yaml: footage/sc 010 \u00fc.mov, frames 1 to 26, 2 of 8 handles missing before" in ran.out
    written = {path.stem: shot_of(show, path.stem) for path in (show.root / "conf" / "shot").iterdir()}
    assert sorted(written) == ["sc020", "sc_010", "sc_010_2"]
    ranges = {name: shot["footage"]["frame_range"] for name, shot in written.items()}
    assert ranges == {"sc_010": [1, 26], "sc_010_2": [1, 13], "sc020": [1001, 1006]}
    assert all(shot["name"] == name for name, shot in written.items())
    assert written["sc020"]["footage"]["frame_rate"] == "24000/1001"  # the cut's: a sequence of PNGs has none
    again = show.run("new", "cut=cut.edl", "handles=2")
    assert again.code == 1 and "sc_010: conf/shot/sc_010.yaml is there already, and stays as it is" in again.fault_lines


def test_an_otio_cut_by_its_own_times(show):
    """Media that begins at its timecode, a retime, a dissolve, paths relative to the cut."""
    otio = pytest.importorskip("opentimelineio")
    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange

    def clip(name: str, url: str, first: int, count: int, starts: int) -> "otio.schema.Clip":
        media = otio.schema.ExternalReference(url, span(time(starts, 24), time(30, 24)))
        return otio.schema.Clip(name, media, span(time(first, 24), time(count, 24)))

    track = otio.schema.Track("V1", kind="Video")
    track.append(clip("a", "footage/sc 010 \u00fc.mov", 86405, 4, 86400))
    track.append(otio.schema.Transition("", "SMPTE_Dissolve", time(1, 24), time(2, 24)))
    track.append(clip("b: 2", "file:///else/sc%20010%20%C3%BC.mov", 10, 4, 0))
    fast = clip("fast", "sc 010 \u00fc.mov", 0, 5, 0)
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    track.append(fast)
    timeline = otio.schema.Timeline("cut", tracks=[track])
    otio.adapters.write_to_file(timeline, str(show.root / "cut.otio"))
    ran = show.built("new", "cut=cut.otio")
    found = {name: shot_of(show, name)["footage"]["frame_range"] for name in ("a", "b_2", "fast")}
    assert found == {"a": [6, 11], "b_2": [10, 14], "fast": [1, 10]}, ran.out


def test_clips_that_give_no_shot_say_why_and_a_long_name_is_cut(show):
    otio = pytest.importorskip("opentimelineio")
    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    track, movie = otio.schema.Track("V1", kind="Video"), "footage/sc 010 \u00fc.mov"
    clips = {
        "one": (movie, 5, 1),
        "end": (movie, 29, 9),
        "out": (movie, 32, 4),
        "far": (movie, 32, 1),
        "bad": ("bad.mov", 0, 9),
    }
    for name, (url, first, count) in {**clips, "n" * 150: (movie, 5, 9)}.items():
        media = otio.schema.ExternalReference(url, span(time(0, 24), time(30, 24)))
        track.append(otio.schema.Clip(name, media, span(time(first, 24), time(count, 24))))
    otio.adapters.write_to_file(otio.schema.Timeline("cut", tracks=[track]), str(show.root / "cut.otio"))
    (show.root / "bad.mov").write_text("no movie")
    ran = show.run("new", "cut=cut.otio")
    one, end, out, far, bad = ran.fault_lines
    assert one == f"one: the cut uses one frame of {movie}, 6; needed two at least, add handles=; no YAML written"
    assert end == f"end: the cut uses one frame of {movie}, 30; needed two at least, add handles=; no YAML written"
    assert out == f"out: the cut uses frames 33 to 36; {movie} has 1 to 30; no YAML written"
    assert far == f"far: the cut uses frame 33; {movie} has 1 to 30; no YAML written"
    assert bad.startswith("bad: bad.mov: not a movie that can be read (") and bad.endswith("); check cut=")
    names = sorted(path.stem for path in (show.root / "conf" / "shot").iterdir())
    assert names == ["n" * 120] and shot_of(show, names[0])["footage"]["frame_range"] == [6, 14]
    ran = show.run("new", "cut=cut.otio", "handles=3")
    assert "conf/shot/one.yaml" in ran.out and "conf/shot/end.yaml" in ran.out  # the cure works
    assert f"out: the cut uses frames 33 to 36; {movie} has 1 to 30; no YAML written" in ran.fault_lines


def test_a_damaged_cut_is_one_line(tmp_path):
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.schema.Timeline("cut", tracks=[otio.schema.Track("V1", kind="Video")])
    text = otio.adapters.write_to_string(timeline)
    damaged = {"a.otio": (text[: len(text) // 2], "", "\0" * 100, "[]", "[" * 9999, text.replace("Timeline", "Track")),
               "a.edl": (EDL.replace("00:00:00:06", "00:00:xx:06"), EDL.replace("V     C  ", "V  "), "001 nonsense\n"),
               "a.docx": ("x",)}  # fmt: skip
    said = "not a cut that OpenTimelineIO reads|found a NUL byte|found over 100 brackets"
    for name, texts in damaged.items():
        for one in texts:
            (tmp_path / name).write_text(one)
            with pytest.raises(ShotError, match=f"^{name}(:1)?: ({said})") as caught:
                read_cut(tmp_path / name)
            assert "\n" not in caught.value.faults[0]
    with open(tmp_path / "a.otio", "wb") as file:
        file.truncate(2**30)
    refused = "a.otio: found a file of 1074 MB, needed at most 64 MB .cut=.; raise limits.cut_mb in"
    with pytest.raises(ShotError, match=refused):
        read_cut(tmp_path / "a.otio")
