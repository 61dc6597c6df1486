"""Damaged lens files: whatever is in them, a lens comes out or one line that says what is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from helpers.measures.lens_models import on_film
from helpers.shows.lens_files import LENS, take_of, text_3de, text_nk, written
from shotmake.errors import ShotError
from shotmake.formats.lenses.lens_request import LensAsked
from shotmake.geometry.lens import Lens
from shotmake.geometry.lens_fit import fit_lens
from shotmake.lens.read_lens import read_lens
from shotmake.stmap.maps import make_undistort_map, write_stmap

pytestmark = pytest.mark.fast

SIZE_PX = (96, 54)
ASKED = LensAsked(SIZE_PX, focal_px=100.0)
JUNK = (
    "nan",
    "-1",
    "1e400",
    "99999999999",
    "",
    "{",
    "}}",
    "{{curve x1 2 x3 4}}",
    "[]",
    "null",
    "\0",
    "\xff\xfe",
    "a" * 999,
)


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> dict[str, Path]:
    """A file of each format."""
    folder = tmp_path_factory.mktemp("valid")
    files = {"lens_3de": "a.txt", "lens_nk": "a.nk", "grid": "grid.json", "yaml": "a.yml", "map": "a.exr"}
    paths = {word: folder / name for word, name in files.items()}
    paths["lens_3de"].write_text(text_3de(on_film("anamorphic")))
    paths["lens_nk"].write_text(text_nk(on_film("radial")))
    paths |= {word: written(folder, word, take_of(LENS)) for word in ("lens_opencv", "lens_opentrackio")}
    paths["yaml"].write_text(paths["lens_opencv"].read_text())
    grid, _ = fit_lens(on_film("anamorphic").sample(SIZE_PX), SIZE_PX, 1.0, 0.1)
    paths["grid"].write_text(json.dumps({"image_size_px": SIZE_PX, "lens": grid.to_json()}))
    small = Lens(100.0, 100.0, 48.0, 27.0, k1=-0.05)
    write_stmap(paths["map"], make_undistort_map(small, SIZE_PX, (4, 4)), "undistort", (4, 4))
    return paths


EDITS = some.lists(
    some.tuples(
        some.sampled_from(["cut", "word", "line", "twice", "bytes"]),
        some.floats(0, 1),
        some.sampled_from(JUNK),
        some.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[str, float, str, bytes]]) -> bytes:
    for kind, where, junk, noise in edits:
        at = int(where * len(data))
        lines = data.split(b"\n")
        line = min(int(where * len(lines)), len(lines) - 1)
        if kind == "cut":
            data = data[:at]
        elif kind == "bytes":
            data = data[:at] + noise + data[at + len(noise) :]
        elif kind == "word":
            end = next((place for place in range(at, len(data)) if data[place : place + 1] in b" ,\n"), len(data))
            data = data[:at] + junk.encode("latin-1") + data[end:]
        else:
            data = b"\n".join(lines[:line] + lines[line : line + 1] * (2 if kind == "twice" else 0) + lines[line + 1 :])
    return data


@pytest.mark.parametrize("word", ["lens_3de", "lens_nk", "lens_opencv", "lens_opentrackio", "grid", "yaml", "map"])
def test_a_damaged_file_is_a_lens_or_one_line(valid, tmp_path_factory, word):
    folder = tmp_path_factory.mktemp("fuzz")
    whole = valid[word].read_bytes()
    assert read_lens(valid[word], ASKED if word in ("grid", "map") else LensAsked((1920, 1080)))
    ends = set()

    @settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(EDITS)
    def damaged(edits):
        path = folder / valid[word].name
        path.write_bytes(edited(whole, edits))
        try:
            lens, _ = read_lens(path, ASKED)
            assert lens.fx_px > 0
            ends.add("lens")
        except ShotError as error:
            (line,) = error.faults
            assert line.startswith(path.name) and "\n" not in line and len(line) < 600
            ends.add("fault")

    damaged()
    assert "fault" in ends


@pytest.mark.parametrize("name", ["a.txt", "a.nk", "a.json", "a.yml", "a.exr"])
@pytest.mark.parametrize("size", [2**20, 2**29 - 1, 2**30])
def test_a_gigabyte_of_zeros_is_one_line_at_once(tmp_path, name, size):
    path = tmp_path / name
    with open(path, "wb") as file:
        file.truncate(size)
    with pytest.raises(ShotError, match=f"^{name}.*shot.camera.lens_from") as caught:
        read_lens(path, ASKED)
    assert "\n" not in caught.value.faults[0]
