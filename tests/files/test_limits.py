"""The limits, and the doors that hold to them."""

import json
import os
import random
import re
import struct
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers.shows.project import REPOSITORY
from shotmake.config.frame_ranges import parse_frames
from shotmake.config.frame_rates import parse_frame_rate
from shotmake.errors import ShotError
from shotmake.files import json_file
from shotmake.files.check_mp4_tables import check_boxes
from shotmake.files.file_kind_and_size import check_size, read_utf8
from shotmake.files.json_file import parse_json, read_json
from shotmake.files.npz_file import read_npz
from shotmake.files.picture_file import open_picture
from shotmake.files.yaml_file import load_yaml
from shotmake.files.zip_file import check_directory
from shotmake.footage.file_names import list_plate_files
from shotmake.formats.cameras.scene_files import gltf
from shotmake.limits import Limits, get_limits, set_limits
from shotmake.new_shot.edit_list import read_cut

pytestmark = pytest.mark.fast


@pytest.fixture(autouse=True)
def default_limits(monkeypatch):
    for name in ("SHOTMAKE_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield
    set_limits({})


def test_a_limit_is_raised_by_its_name_and_every_fault_is_told_at_once():
    set_limits({"picture_mpx": 2000, "json_depth": 7})
    assert get_limits() == Limits(picture_mpx=2000, json_depth=7)
    wrong = {"picture_mpy": 1, "yaml_mb": -1, "text_mb": True, "npz_mb": "9", "cut_mb": 10**30}
    with pytest.raises(ShotError) as caught:
        set_limits(wrong)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [f"limits.{name}" for name in wrong]
    assert get_limits().picture_mpx == 2000  # what was in force stays
    set_limits({})
    assert get_limits() == Limits()


@pytest.mark.parametrize(
    ("limit", "least", "read"),
    [
        ("json_depth", 3, lambda: parse_json("[[[1]]]", "a.json", "some.key")),
        ("json_objects", 4, lambda: parse_json("[[], [], {}]", "a.json", "some.key")),
        ("yaml_depth", 3, lambda: load_yaml("a: [{b: 1}]", "a.yaml", "some.key")),
        ("yaml_nodes", 9, lambda: load_yaml("a: &a [1, 2]\nb: *a", "a.yaml", "some.key")),
    ],
)
def test_what_a_limit_refuses_is_read_once_it_is_raised(limit, least, read):
    """The message tells the key, the limit and how it is raised."""
    more = {"json_depth": 3} if limit == "json_objects" else {}  # texts with fewer brackets are not counted
    set_limits({**more, limit: least - 1})
    with pytest.raises(ShotError) as caught:
        read()
    (line,) = caught.value.faults
    assert f"at most {least - 1} (some.key); raise limits.{limit} in ~/.config/shotmake/config.yaml" in line
    set_limits({**more, limit: least})
    assert read()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SHOTMAKE_CONFIG": "/studio/sm.yaml", "XDG_CONFIG_HOME": "/xdg"}, "/studio/sm.yaml"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "/xdg/shotmake/config.yaml"),
        ({"HOME": "/home/ada", "SHOTMAKE_CONFIG": "/home/ada/sm.yaml"}, "~/sm.yaml"),
        ({"HOME": "/home/ada"}, "~/.config/shotmake/config.yaml"),
        ({"HOME": "nowhere"}, "a file that SHOTMAKE_CONFIG names"),
    ],
)
def test_a_message_names_the_file_that_is_read(monkeypatch, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    set_limits({"json_depth": 2})
    with pytest.raises(ShotError) as caught:
        parse_json("[[[1]]]", "a.json")
    assert str(caught.value).endswith(f"; raise limits.json_depth in {said}")


@pytest.mark.parametrize("value", [float("inf"), 1e13, 0.0])
def test_a_limit_of_minutes_says_both_of_its_ends(value):
    with pytest.raises(ShotError) as caught:
        set_limits({"blender_minutes": value})
    assert str(caught.value).endswith("; needed a number above 0 and at most 1000000000000")


def test_json_too_deep_for_python_is_not_told_to_raise_a_limit_that_is_higher():
    set_limits({"json_depth": 10**6})
    with pytest.raises(ShotError) as caught:
        parse_json("[" * 200_000 + "]" * 200_000, "a.json", "some.key")
    assert str(caught.value) == "a.json:1: found brackets too deep in one another for Python, needed fewer (some.key)"


def write_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def write_npz(path: Path, count: int) -> Path:
    np.savez_compressed(path, a=np.arange(count, dtype=np.uint8))
    return path


def write_otioz(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content.otio", data)
    return path


def write_glb(path: Path, length: int) -> Path:
    path.write_bytes(b"glTF" + struct.pack("<III4s", 2, 20 + length, length, b"JSON") + b" " * length)
    return path


def write_grey(path: Path, size_px: tuple[int, int]) -> Path:
    import cv2

    cv2.imwrite(str(path), np.zeros(size_px[::-1], np.uint8))
    return path


def read_grey(path: Path) -> None:
    with open_picture(path, "some.key"):
        pass


@pytest.mark.parametrize(
    ("limits", "read", "said"),
    [
        (
            {"json_mb": 1},
            lambda folder: read_json(write_file(folder / "a.json", b" " * 1_000_300)),
            "a file of 1.0003 MB, ",
        ),
        ({"yaml_mb": 1}, lambda folder: load_yaml("#" * 1_030_000, "a.yaml"), "YAML of 1.03 MB, "),
        ({"npz_mb": 1}, lambda folder: read_npz(write_npz(folder / "a.npz", 1_040_000)), "1.04 MB packed into "),
        ({"cut_mb": 1}, lambda folder: read_cut(write_otioz(folder / "a.otioz", b" " * 1_040_000)), "cut of 1.04 MB "),
        ({"json_mb": 1}, lambda folder: gltf.check(write_glb(folder / "a.glb", 1_040_000)), "JSON of 1.04 MB, "),
        ({"picture_mb": 1}, lambda folder: read_grey(write_grey(folder / "a.png", (1040, 1000))), "of 1.04 MB in a f"),
    ],
)
def test_what_is_a_little_above_a_limit_is_not_rounded_to_it(tmp_path, limits, read, said):
    set_limits(limits)
    with pytest.raises(ShotError) as caught:
        read(tmp_path)
    assert said in str(caught.value) and "needed at most 1 MB" in str(caught.value)


def test_a_zip_file_s_directory_is_measured_in_what_its_limit_means(tmp_path):
    set_limits({"npz_arrays": 2})
    path = tmp_path / "a.otioz"
    with zipfile.ZipFile(path, "w") as archive:
        for at in range(50):
            archive.writestr(f"media/{at:02}", b"")
    with pytest.raises(ShotError) as caught, open(path, "rb") as file:
        check_directory(file, path.stat().st_size, path.name, "cut=")
    found = re.fullmatch(
        r"a.otioz: found a directory of (\d+) bytes, (.*); raise limits.npz_arrays in .*", str(caught.value)
    )
    assert found and int(found[1]) > 2000 and found[2] == "needed at most 2000, for 2 files (cut=)"


def test_an_empty_file_is_not_json():
    with pytest.raises(ShotError) as caught:
        parse_json("", "a.json", "some.key")
    assert str(caught.value) == "a.json:1: not JSON: expecting value (column 1) (some.key)"


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def test_the_depth_of_json_is_counted_as_its_parser_would(monkeypatch):
    """Brackets in words are none, whatever is escaped, and wherever the text is cut into chunks."""
    dice, words = random.Random(5), ['a"[', "\\", '\\"]', "x{}é", "", "]]]", "\\\\", '"']
    monkeypatch.setattr(json_file, "CHUNK", 7)

    def made(left: int) -> object:
        if left and dice.random() < 0.6:
            return [made(left - 1) for _ in range(dice.randint(0, 3))]
        if left and dice.random() < 0.8:
            return {dice.choice(words): made(left - 1) for _ in range(dice.randint(0, 3))}
        return dice.choice([1, None, *words])

    for _ in range(500):
        value = made(6)
        text, deep = json.dumps(value, ensure_ascii=dice.random() < 0.5), depth(value)
        if deep > 1:
            set_limits({"json_depth": deep})
            assert parse_json(text, "a.json") == value
            set_limits({"json_depth": deep - 1})
            with pytest.raises(ShotError, match="json_depth"):
                parse_json(text, "a.json")


def test_honest_yaml_is_read_as_ever():
    files = [path for folder in ("conf", "tests/data") for path in (REPOSITORY / folder).rglob("*.yaml")]
    assert len(files) > 5
    for path in files:
        assert load_yaml(read_utf8(path, "yaml_mb"), path.name) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    "text",
    ["a: 2001-99-99", "a: 0b_", "a: !!int x", "!!python/object:os.system x", "a: *b", "? [a]\n: b", "a: [", "- a\nb"],
)
def test_yaml_of_which_its_parser_fails_is_one_line(text):
    with pytest.raises(ShotError, match=r"^a\.yaml.*some\.key") as caught:
        load_yaml(text, "a.yaml", "some.key")
    assert len(caught.value.faults) == 1 and "\n" not in caught.value.faults[0]


@pytest.mark.parametrize(
    "rate", ["1e99999999", "1e-99999999", "1E+4_000", "9" * 41, "0." + "1" * 50, "24000/" + "1" * 40]
)
def test_a_rate_of_a_million_digits_is_no_rate(rate):
    with pytest.raises(ValueError, match="too many digits"):
        parse_frame_rate(rate)


def test_plain_rates_are_rates():
    found = [parse_frame_rate(rate) for rate in ("24000/1001", "23.976", "24", "2.5e1", 23.976, 24.0)]
    ntsc = Fraction(24000, 1001)
    assert found == [ntsc, Fraction("23.976"), 24, 25, ntsc, 24]


@pytest.mark.parametrize(
    "pattern", ["a.%099999999999d.exr", "a.%999d.exr", f"a.{'#' * 300}.exr", f"a.[1-{'9' * 5000}].exr", "a" * 5000]
)
def test_a_pattern_that_asks_for_too_many_digits_is_one_line(tmp_path, pattern):
    with pytest.raises(ShotError, match=r"digits|characters") as caught:
        list_plate_files(pattern, tmp_path)
    assert len(caught.value.faults[0]) < 300


@pytest.mark.parametrize(
    "text", ["1-9000000", ",".join(f"{at}-{at + 999999}" for at in (1, 10**6, 2 * 10**6)), "9" * 5000]
)
def test_frames_without_end_are_refused(text):
    with pytest.raises(ShotError, match="needed"):
        parse_frames(text)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "a.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    with pytest.raises(ShotError, match=f"found a {kind}, needed a file"):
        check_size(path, "json_mb", "some.key")


def test_an_npz_comes_back_as_it_was(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "é"]), "c": np.zeros((0, 2)), "d": np.array(True),
              "e": np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))}  # fmt: skip
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_npz(tmp_path / "a.npz")
        assert {name: (one.dtype, one.tolist()) for name, one in found.items()} == {
            name: (one.dtype, one.tolist()) for name, one in arrays.items()
        }
    assert set(read_npz(tmp_path / "a.npz", needed=["b"], optional=["d", "z"])) == {"b", "d"}
    with pytest.raises(ShotError, match="it has no z"):
        read_npz(tmp_path / "a.npz", needed=["z"])


def test_fragments_count_as_frames_too(tmp_path):
    """A fragmented mp4 announces them in boxes of its own."""
    trun = b"\0\0\0\x10trun\0\0\0\0" + (50_000_000).to_bytes(4, "big")
    traf = (8 + len(trun)).to_bytes(4, "big") + b"traf" + trun
    moof = (8 + len(traf)).to_bytes(4, "big") + b"moof" + traf
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + moof)
    with pytest.raises(ShotError, match="announces 50000000 frames"):
        check_boxes(tmp_path / "a.mp4", "a.mp4", "shot.footage.file")
