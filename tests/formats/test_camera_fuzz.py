"""Junk in a camera's file ends in one line, or in a camera: never in another error, never in a hang."""

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.plates.interchange import asked_of, take_of
from shotmake.errors import ShotError
from shotmake.formats.cameras import chan, colmap_model, nuke_camera, solve_json
from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.formats.cameras.scene_files import alembic, gltf
from shotmake.geometry.lens import COEFFICIENTS, PLACE

pytestmark = pytest.mark.fast

TAKE = take_of(frame_count=4)
JUNK = [
    b"nan", b"-1", b"1e999", b"1e-320", b"\0", b"{", b"}", b"{{", b"\xff\xfe", b"x1001", b"curve", b"\r", b"\n", b"",
    b"9" * 40, b"[", b"]", b'"', b"#", b"null", b"-1001", b"inf", b"0x10", b"\\", b"1001", b"true", b"1_0", b" ",
]  # fmt: skip
EDIT = st.tuples(st.integers(0, 10**6), st.integers(0, 30), st.sampled_from(JUNK))  # where, how much goes, what comes


COLMAP = ("images.txt", "cameras.txt")


def valid_files() -> dict[str, bytes]:
    """Name -> bytes of one valid file of each format; of COLMAP's two, each is edited alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module, file in ((chan, "a.chan"), (nuke_camera, "a.nk"), (colmap_model, "a.zip")):
            module.write(folder / file, TAKE)
        zipfile.ZipFile(folder / "a.zip").extractall(folder)
        record = {**TAKE.solution, "confidence": 1.0, "warnings": []}
        return {
            "a.chan": (folder / "a.chan").read_bytes(),
            "a.nk": (folder / "a.nk").read_bytes(),
            "images.txt": (folder / "colmap" / "images.txt").read_bytes(),
            "cameras.txt": (folder / "colmap" / "cameras.txt").read_bytes(),
            "a.json": json.dumps(record).encode(),
        }


VALID = valid_files()
READERS = {"a.chan": chan, "a.nk": nuke_camera, "a.json": solve_json, **dict.fromkeys(COLMAP, colmap_model)}


def edited(data: bytes, edits: list[tuple[int, int, bytes]], kept: float) -> bytes:
    for at, gone, junk in edits:
        at %= len(data) + 1
        data = data[:at] + junk + data[at + gone :]
    return data[: round(kept * len(data))]


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=40, derandomize=True, deadline=2000, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(edits=st.lists(EDIT, max_size=4), kept=st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.7, 0.3, 0.0]))
def test_a_reader_ends_in_a_camera_or_in_one_line(name, edits, kept):
    with tempfile.TemporaryDirectory() as folder:
        for other, data in VALID.items():
            (Path(folder) / other).write_bytes(edited(data, edits, kept) if other == name else data)
        path = Path(folder) / ("images.txt" if name == "cameras.txt" else name)
        try:
            found = READERS[name].read(path, asked_of(TAKE))
        except ShotError as error:
            (fault,) = error.faults
            assert fault.startswith((path.name, name)) and "\n" not in fault and len(fault) < 600
        else:
            assert isinstance(found, Cameras) and np.isfinite(found.cam_from_world).all() and len(found.frames)
            assert np.isfinite([getattr(found.lens, name) for name in (*PLACE, *COEFFICIENTS)]).all()


@pytest.mark.parametrize(("module", "head"), [(alembic, b"Ogawa\xff\x01\x01"), (gltf, b"glTF\x02\0\0\0")])
@settings(max_examples=20, derandomize=True, deadline=2000, database=None)
@given(junk=st.binary(max_size=40))
def test_a_binary_head_ends_in_one_line_or_goes_on_to_blender(module, head, junk):
    with tempfile.NamedTemporaryFile(suffix=".abc") as file:
        for data in (junk, head + junk):
            Path(file.name).write_bytes(data)
            try:
                module.check(Path(file.name))
            except ShotError as error:
                assert len(error.faults) == 1 and "offset" in error.faults[0]


@pytest.mark.parametrize("name", ["a.chan", "a.nk", "images.txt", "a.json"])
def test_a_gigabyte_of_zeros_is_refused_unread(name, tmp_path):
    for other, data in VALID.items():
        (tmp_path / other).write_bytes(data)
    with open(tmp_path / name, "wb") as file:
        file.truncate(1 << 30)  # sparse
    with pytest.raises(ShotError, match=rf"{name}:1: found a file of 1074 MB"):
        READERS[name].read(tmp_path / name, asked_of(TAKE))
