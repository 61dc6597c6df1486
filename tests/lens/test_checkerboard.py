"""The lens of rendered checkerboard stills, against the lens they were rendered through; and the stage that uses it."""

import json

import cv2
import numpy as np
import pytest

from helpers.measures.measure import lens_error_px
from helpers.plates.boards import stills
from helpers.shows.project import MINI_YAML
from shotmake.config.schema import Checkerboard
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.lens.checkerboard import Calibration, calibrate

SIZE_PX = (960, 540)
LENS = Lens(760.0, 760.0, 490.0, 262.0, k1=-0.16, k2=0.06, p1=0.0012, p2=-0.0008)
LONG = Lens(1400.0, 1400.0, 470.0, 275.0, k1=0.05)
BOARD = Checkerboard("lens/board.####.png", columns=9, rows=6, square_mm=25.0)


@pytest.fixture(scope="module")
def pictures() -> list[tuple[str, np.ndarray]]:
    return stills(LENS, SIZE_PX, BOARD)


@pytest.fixture(scope="module")
def measured(pictures) -> Calibration:
    return calibrate(pictures, BOARD, SIZE_PX)


@pytest.fixture(scope="module")
def halved(pictures) -> Calibration:
    """For a plate half as large."""
    return calibrate(pictures, BOARD, (480, 270))


@pytest.mark.parametrize("lens", [LENS, LONG], ids=["wide", "long"])
def test_the_lens_is_measured(lens, measured):
    found = measured if lens is LENS else calibrate(stills(lens, SIZE_PX, BOARD), BOARD, SIZE_PX)
    assert found.lens.fx_px == found.lens.fy_px == pytest.approx(lens.fx_px, rel=0.003)
    assert lens_error_px(found.lens, lens, SIZE_PX) < 0.5
    assert np.hypot(found.lens.cx_px - lens.cx_px, found.lens.cy_px - lens.cy_px) < 2
    assert found.rms_px < 0.15 and found.coverage == 1
    used = [error for error in found.error_px.values() if error is not None]
    assert len(found.error_px) == 16 and len(used) >= 11 and max(used) < 0.3
    (warning,) = found.warnings  # some boards are cut by the picture's edge
    assert all(name in warning for name, error in found.error_px.items() if error is None)
    assert (lens is LONG) == (found.lens.p1 == 0 and "p1 is not determined by the stills and left at 0" in found.notes)


def test_stills_of_another_size_and_the_same_shape_are_scaled(pictures, measured, halved):
    assert halved.lens.fx_px == pytest.approx(measured.lens.fx_px / 2)
    assert halved.lens.k1 == pytest.approx(measured.lens.k1)
    assert halved.rms_px == pytest.approx(measured.rms_px / 2)
    assert halved.notes[0] == "the lens of checkerboard was scaled from 960x540 to 480x270"
    with pytest.raises(ShotError, match="is for 960x540, the plate is 960x400, of another shape"):
        calibrate(pictures, BOARD, (960, 400))


def test_too_few_boards_are_refused_by_name(pictures):
    grey = [(f"grey.{number}.png", np.full((540, 960), 128, np.uint8)) for number in range(4)]
    with pytest.raises(
        ShotError, match=r"in 2 of 6 stills, needed 5; not in grey.0.png, .*grey.3.png: 9 x 6"
    ) as caught:
        calibrate([*grey, *pictures[2:4]], BOARD, SIZE_PX)
    assert len(caught.value.faults) == 1 and "shot.camera.checkerboard.files" in caught.value.faults[0]


def test_too_few_good_boards_are_not_blamed(pictures):
    line = "shot.camera.checkerboard.files: found 2 stills; needed 5 that show the board, take more"
    with pytest.raises(ShotError) as caught:
        calibrate(pictures[2:4], BOARD, SIZE_PX)
    assert str(caught.value) == line
    with pytest.raises(ShotError) as caught:
        calibrate(pictures[2:3], BOARD, SIZE_PX)
    assert str(caught.value) == line.replace("2 stills", "1 still")
    with pytest.raises(ShotError, match="found the board in 0 of 1 still, needed 5; not in grey.png"):
        calibrate([("grey.png", np.full((540, 960), 128, np.uint8))], BOARD, SIZE_PX)


def test_a_bent_board_is_refused(pictures):
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(960), np.arange(540)), -1).astype(np.float32)
    bent = []
    for name, picture in pictures[:9]:
        off_px = cv2.resize(random.normal(0, 4, (6, 9, 2)), SIZE_PX, interpolation=cv2.INTER_CUBIC)
        bent.append((name, cv2.remap(picture, grid + off_px.astype(np.float32), None, cv2.INTER_LINEAR)))
    with pytest.raises(ShotError, match=r"miss the lens found by \d.\d+ px rms, needed 1; the board must be flat"):
        calibrate(bent, BOARD, SIZE_PX)


def test_boards_seen_straight_on_are_refused():
    with pytest.raises(ShotError, match="turned by at most .* focal length uncertain; tilt the board"):
        calibrate(stills(LONG, SIZE_PX, BOARD, count=6, tilt_deg=1.0), BOARD, SIZE_PX)


def test_noisy_boards_that_are_tilted_well_are_not_told_to_tilt_more():
    random = np.random.default_rng(0)
    noisy = [
        (name, np.clip(picture + random.normal(0, 40, picture.shape), 0, 255).astype(np.uint8))
        for name, picture in stills(LONG, SIZE_PX, BOARD, count=5, tilt_deg=15.0)
    ]
    with pytest.raises(
        ShotError, match=r"checkerboard.files: the corners leave the focal length uncertain by "
    ) as caught:
        calibrate(noisy, BOARD, SIZE_PX)
    assert " %, needed under 1 %; take more stills, sharper, with" in str(caught.value)
    assert "turned" not in str(caught.value) and "tilt" not in str(caught.value)


def test_corners_of_the_picture_that_saw_no_board_are_named():
    found = calibrate(stills(LONG, SIZE_PX, BOARD, count=6, reach=0.0), BOARD, SIZE_PX)
    assert found.coverage < 0.5
    assert any("top left, top right, bottom left, bottom right" in warning for warning in found.warnings)


def test_a_still_of_another_size_is_named(pictures):
    with pytest.raises(ShotError, match="odd.png: found 540x960; the stills before are 960x540"):
        calibrate([*pictures[:1], ("odd.png", pictures[1][1].T)], BOARD, SIZE_PX)


def test_the_stage_measures_the_lens_the_solve_keeps(mini, pictures, halved):
    folder = mini.root / "lens"
    folder.mkdir()
    for name, picture in pictures:
        cv2.imwrite(str(folder / name), picture)
    camera = "camera: {checkerboard: {files: lens/board.####.png, columns: 9, rows: 6, square_mm: 25}}"
    mini.write_shot("mini", MINI_YAML.replace("tracking:", f"  {camera}\ntracking:"))
    ran = mini.built("lens", "shot=mini")
    assert ran.executed == ["footage:mini", "lens:mini"] and "scaled from 960x540 to 480x270" in ran.out
    (path,) = (mini.root / ".gsd-state" / "lenses").glob("mini-????????????.json")
    record = json.loads(path.read_text())
    assert record["image_size_px"] == [480, 270] and record["rms_px"] < 0.1 and record["coverage"] == 1
    assert Lens.from_json(record["lens"]) == halved.lens  # to the last digit
    (folder / "board.0001.png").unlink()  # numbers may be missing
    assert mini.built("lens", "shot=mini").executed == ["lens:mini"]
    assert mini.built("lens", "shot=mini").executed == []
    ran = mini.built("solve", "shot=mini", "tracking.solve.kind=static")  # any kind keeps it; this one is quick
    (solved,) = (mini.root / ".gsd-state" / "tracking" / "solves").glob("mini-????????????.json")
    solution = json.loads(solved.read_text())
    kept, given = solution["lens"], json.loads(path.read_text())["lens"]
    assert [kept[name] for name in ("fx_px", "cx_px", "k1", "p1")] == pytest.approx(
        [given[name] for name in ("fx_px", "cx_px", "k1", "p1")], rel=1e-8
    )
    said = dict(zip(solution["warnings"], solution["warning_codes"], strict=True))
    (warning,) = [text for text in said if text.startswith("checkerboard: left out")]
    assert said[warning] == "lens_note"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ("lens/####.jpg", "lens/####.jpg: no such frames; needed files like lens/0001.jpg"),
        ("footage/mini.mp4", "footage/mini.mp4: needed several stills, like lens/board.####.jpg"),
        ("lens/bad.##.png", "bad.01.png: cannot be read"),
    ],
)
def test_stills_that_cannot_be_used_are_one_line(mini, files, line):
    (mini.root / "lens").mkdir()
    (mini.root / "lens" / "bad.01.png").write_text("no picture")
    ran = mini.run("lens", "shot=mini", f"shot.camera.checkerboard.files={files}")
    assert ran.code == 1 and len(ran.fault_lines) == 1, ran.err
    assert ran.fault_lines[0].startswith(f"lens:mini: {line}") and "shot.camera.checkerboard.files" in ran.err
