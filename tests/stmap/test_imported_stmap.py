"""Imported ST-maps: in either convention they come out as the solved lens would have made them."""

from pathlib import Path

import numpy as np
import pytest

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, distort, measure_overscan_px, undistort
from shotmake.stmap.imported import read_redistort, read_undistort
from shotmake.stmap.maps import make_redistort_map, make_undistort_map, overscan_of, write_stmap

pytestmark = pytest.mark.fast

SIZE = (320, 180)
LENS = Lens(270, 270, 163.0, 87.5, k1=-0.14, k2=0.03)
READ = {"redistort": read_redistort, "undistort": read_undistort}


def write(path: Path, uv: np.ndarray, kind: str = "float", channels: int = 4, **window: int) -> Path:
    """As another program would: R, G, blue 0, alpha 1; in half or float, perhaps with a display window."""
    import OpenImageIO as oiio

    height, width = uv.shape[:2]
    spec = oiio.ImageSpec(width, height, channels, kind)
    for name, value in window.items():
        setattr(spec, name, value)
    pixels = np.concatenate([uv, np.zeros((height, width, 1)), np.ones((height, width, 1))], 2)[..., :channels]
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(np.ascontiguousarray(pixels, np.float32))
    output.close()
    return path


def foreign(convention: str, direction: str, over: tuple[int, int] = (0, 0)) -> np.ndarray:
    """(H, W, 2): each pixel's place in a picture of the plate's frame, written out by the convention's own words."""
    (width, height), (over_x, over_y) = SIZE, over if direction == "undistort" else (0, 0)
    columns, rows = np.meshgrid(np.arange(width + 2 * over_x) - over_x, np.arange(height + 2 * over_y) - over_y)
    bend = undistort if direction == "redistort" else distort
    plane = bend((np.stack([columns, rows], -1) + 0.5 - (LENS.cx_px, LENS.cy_px)) / LENS.fx_px, LENS)
    x, y = np.moveaxis(plane * LENS.fx_px + (LENS.cx_px, LENS.cy_px) - 0.5, -1, 0)  # pixel centres are whole numbers
    if convention == "alicevision":
        return np.stack([x / (width - 1), (height - 1 - y) / (height - 1)], -1)
    return np.stack([(x + 0.5) / width, (height - (y + 0.5)) / height], -1)


def off_px(found: np.ndarray, ours: np.ndarray, source_px: tuple[int, int]) -> float:
    assert found.shape == ours.shape and found.dtype == np.float32 and (found[..., 2] == 1).all()
    return float(np.abs((found - ours)[..., :2].astype(float) * source_px).max())


@pytest.mark.parametrize("convention", ["nuke", "alicevision"])
@pytest.mark.parametrize("direction", READ)
def test_either_convention_lands_like_ours(tmp_path, convention, direction):
    path = write(tmp_path / "map.exr", foreign(convention, direction))
    found, over, notes = READ[direction](path, convention, SIZE, "auto")
    if direction == "redistort":
        needed = np.array(measure_overscan_px(LENS, SIZE))
        assert (np.abs(over - needed) <= 1).all() and found[..., :2].min() >= 0 and found[..., :2].max() <= 1
        source = (SIZE[0] + 2 * over[0], SIZE[1] + 2 * over[1])
        assert off_px(found, make_redistort_map(LENS, SIZE, over), source) < 0.01
    else:
        assert over == (0, 0) and off_px(found, make_undistort_map(LENS, SIZE, over), SIZE) < 0.01
    assert notes == []
    other = {"nuke": "alicevision", "alicevision": "nuke"}[convention]
    wrong, over, _ = READ[direction](path, other, SIZE, "auto")
    made = make_redistort_map(LENS, SIZE, over) if direction == "redistort" else make_undistort_map(LENS, SIZE, over)
    assert off_px(wrong, made, SIZE) > 0.4  # the flag matters: half a pixel at the border


def test_one_of_ours_comes_back_as_it_was(tmp_path):
    over = measure_overscan_px(LENS, SIZE)
    write_stmap(tmp_path / "ours.exr", make_redistort_map(LENS, SIZE, over), "redistort", over)
    assert overscan_of(tmp_path / "ours.exr") == over
    found, again, _ = read_redistort(tmp_path / "ours.exr", "nuke", SIZE, "auto")
    assert np.abs(np.subtract(again, over)).max() <= 1
    assert off_px(found, make_redistort_map(LENS, SIZE, again), SIZE) < 0.01
    write_stmap(tmp_path / "ours.exr", make_undistort_map(LENS, SIZE, over), "undistort", over)
    found, again, _ = read_undistort(tmp_path / "ours.exr", "nuke", SIZE, "auto")
    assert again == over and off_px(found, make_undistort_map(LENS, SIZE, over), SIZE) < 0.01


def test_overscan_of_a_map_is_asked_for_or_its_own(tmp_path):
    path = write(tmp_path / "map.exr", foreign("nuke", "redistort"))
    found, over, _ = read_redistort(path, "nuke", SIZE, 40)
    assert over == (40, 40) and off_px(found, make_redistort_map(LENS, SIZE, over), (400, 260)) < 0.01
    grown = foreign("nuke", "undistort", (12, 8))
    window = {"x": -12, "y": -8, "full_x": 0, "full_y": 0, "full_width": SIZE[0], "full_height": SIZE[1]}
    for path in (write(tmp_path / "a.exr", grown), write(tmp_path / "b.exr", grown, **window)):
        found, over, _ = read_undistort(path, "nuke", SIZE, "auto")
        assert over == (12, 8) and off_px(found, make_undistort_map(LENS, SIZE, over), SIZE) < 0.01
    with pytest.raises(ShotError, match="found a map of 344x196; .*overscan 40 is another"):
        read_undistort(tmp_path / "a.exr", "nuke", SIZE, 40)
    with pytest.raises(ShotError, match="c.exr: found a map of 343x196; the plate is 320x180; needed that, or more"):
        read_undistort(write(tmp_path / "c.exr", grown[:, 1:], **window), "nuke", SIZE, "auto")
    with pytest.raises(ShotError) as caught:
        read_undistort(write(tmp_path / "d.exr", grown, **{**window, "x": -14}), "nuke", SIZE, "auto")
    needed = "needed -12, -8, as its size says, or 0, 0 (composite.lens_distortion.st_map_path)"
    assert str(caught.value) == f"d.exr: found a data window that begins at -14, -8 px; {needed}"
    with pytest.raises(ShotError, match=r"found a data window that begins at 3, 0 px; needed 0, 0 \(composite"):
        plain = write(tmp_path / "e.exr", grown[8:-8, 12:-12], **{**window, "x": 3, "y": 0})
        read_undistort(plain, "nuke", SIZE, "auto")


def test_half_floats_are_taken_and_their_loss_is_said(tmp_path):
    path = write(tmp_path / "half.exr", foreign("nuke", "redistort"), kind="half")
    found, over, (note,) = read_redistort(path, "nuke", SIZE, "auto")
    assert "half floats" in note and "0.08 px" in note
    loss_px = off_px(found, make_redistort_map(LENS, SIZE, over), (SIZE[0] + 2 * over[0], SIZE[1] + 2 * over[1]))
    assert 0.03 < loss_px < 0.17  # beyond 1, in the overscan, twice as coarse


def with_hole(uv: np.ndarray, end: int = 50) -> np.ndarray:
    uv[40:end, 60] = np.nan
    return uv


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda uv: uv[:90, :160], "found a map of 160x90; the plate is 320x180"),
        (with_hole, "found 10 pixels that are not finite"),
        (lambda uv: with_hole(uv, 41), "found 1 pixel that is not finite"),
        (lambda uv: uv * (1, -1) + (0, 1), "green rises downwards"),
        (lambda uv: uv * SIZE, "needed positions of about 0..1"),
        (lambda uv: uv * 0.02, "needed positions of about 0..1"),
        (lambda uv: uv * 0, "red does not rise to the right"),
    ],
)
def test_what_is_no_map_is_one_line(tmp_path, change, words):
    path = write(tmp_path / "bad.exr", change(foreign("nuke", "redistort")))
    with pytest.raises(ShotError, match=words) as caught:
        read_redistort(path, "nuke", SIZE, "auto")
    assert str(caught.value).startswith("bad.exr: ") and len(str(caught.value).splitlines()) == 1
    assert "composite.lens_distortion.st_map_path" in str(caught.value)


def test_files_that_are_no_maps(tmp_path):
    (tmp_path / "text.exr").write_text("no picture")
    with pytest.raises(ShotError, match="text.exr: cannot be read"):
        read_redistort(tmp_path / "text.exr", "nuke", SIZE, "auto")
    with pytest.raises(ShotError, match="channels of uint8; needed red and green as float"):
        read_redistort(write(tmp_path / "map.png", foreign("nuke", "redistort"), "uint8"), "nuke", SIZE, "auto")
    with pytest.raises(ShotError, match="grey.exr: found 1 channel of float; needed red and green as float"):
        read_redistort(write(tmp_path / "grey.exr", foreign("nuke", "redistort"), channels=1), "nuke", SIZE, "auto")
    whole = write(tmp_path / "cut.exr", foreign("nuke", "redistort")).read_bytes()
    (tmp_path / "cut.exr").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ShotError, match="cut.exr: cannot be "):
        read_redistort(tmp_path / "cut.exr", "nuke", SIZE, "auto")
