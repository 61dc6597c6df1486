"""The plate, probed and decoded: real movies and sequences, and every way they can be wrong."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.movies import fault, picture, write_movie
from shotmake.errors import ShotError
from shotmake.footage.plate import Plate, find_frame_span, list_plate_files, probe, read_bgr, read_luma
from shotmake.footage.plate_in_words import describe_footage

pytestmark = pytest.mark.fast


def probed(root: Path, file: str, **keys) -> Plate:
    return probe(file, root, **keys)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_movie(tmp_path, suffix):
    write_movie(tmp_path / f"a.{suffix}", rate=Fraction(24000, 1001))
    plate = probed(tmp_path, f"a.{suffix}", first_frame=1001)
    assert (plate.frame_count, plate.first_frame, plate.last_frame) == (12, 1001, 1012)
    assert (plate.size_px, plate.frame_rate) == ([96, 64], [24000, 1001])
    assert Plate.from_json({k: v for k, v in plate.to_json().items() if k != "schema"}) == plate


def test_luma_is_the_stored_plane_and_frames_keep_their_numbers(tmp_path):
    import av

    write_movie(tmp_path / "a.mp4")
    plate = probed(tmp_path, "a.mp4", first_frame=1001)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stored = [frame.to_ndarray()[:64] for frame in container.decode(video=0)]  # yuv420p: Y first
    got = list(read_luma(plate, tmp_path, 1003, 1005))
    assert [number for number, _ in got] == [1003, 1004, 1005]
    for (_, luma), expected in zip(got, stored[2:5], strict=True):
        np.testing.assert_array_equal(luma, expected)
    assert [number for number, _ in read_bgr(plate, tmp_path, 1011, 1012)] == [1011, 1012]


def test_ten_bit_luma_is_cut_to_eight(tmp_path):
    write_movie(tmp_path / "a.mov", codec="prores_ks", pix_fmt="yuv422p10le")
    write_movie(tmp_path / "b.mp4")
    deep = [luma for _, luma in read_luma(probed(tmp_path, "a.mov"), tmp_path, 1, 12)]
    flat = [luma for _, luma in read_luma(probed(tmp_path, "b.mp4"), tmp_path, 1, 12)]
    assert np.abs(np.array(deep, int) - np.array(flat, int)).mean() < 2


@pytest.mark.parametrize("pattern", ["p.####.png", "p.%04d.png", "p.[1001-1006].png"])
def test_sequence(tmp_path, pattern):
    import cv2

    for number in range(1001, 1007):
        cv2.imwrite(str(tmp_path / f"p.{number}.png"), picture(number - 1001))
    (tmp_path / "p.notes.png").write_text("not a frame")
    plate = probed(tmp_path, pattern, frame_rate="25")
    assert (plate.kind, plate.first_frame, plate.frame_count, plate.frame_rate) == ("sequence", 1001, 6, [25, 1])
    for number, image in read_bgr(plate, tmp_path, 1002, 1004):
        np.testing.assert_array_equal(image, picture(number - 1001))


def test_linear_exr_sequence_is_read_through_the_display_curve(tmp_path):
    import OpenImageIO as oiio

    for number in (1, 2):
        image = oiio.ImageBuf(oiio.ImageSpec(96, 64, 3, "half"))
        oiio.ImageBufAlgo.fill(image, (0.2140, 0.2140, 0.2140))
        image.write(str(tmp_path / f"p.{number:04d}.exr"))
    plate = probed(tmp_path, "p.####.exr", color_space="Linear")
    (_, luma), _ = read_luma(plate, tmp_path, 1, 2)
    assert abs(int(luma[5, 5]) - 127) <= 1  # 0.214 linear is mid-grey in sRGB


def test_missing_and_unreadable_plates(tmp_path):
    (tmp_path / "text.mp4").write_text("this is no movie\n" * 50)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    assert "no such file" in fault(tmp_path, "nothing.mp4")
    assert "found a folder" in fault(tmp_path, "folder.mp4")
    assert "no such frames" in fault(tmp_path, "nothing.####.exr")
    assert "not a movie" in fault(tmp_path, "text.mp4")
    assert "an empty file, not a movie" in fault(tmp_path, "empty.mp4")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_movie_is_refused(tmp_path, share):
    whole = write_movie(tmp_path / "a.mp4", count=60, container={"movflags": "faststart"}).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
    assert "truncated" in fault(tmp_path, "cut.mp4") or "no frame can be decoded" in fault(tmp_path, "cut.mp4")


def test_variable_rate_is_refused_and_jitter_is_not(tmp_path):
    steady = [round(1000 * n / 24) for n in range(24)]
    write_movie(tmp_path / "steady.mkv", 24, times=steady)
    write_movie(tmp_path / "phone.mkv", 24, times=[t + (150 if n > 12 else 0) for n, t in enumerate(steady)])
    assert probed(tmp_path, "steady.mkv").frame_count == 24
    assert "variable frame rate" in fault(tmp_path, "phone.mkv")


def test_resolution_and_holes(tmp_path):
    import cv2

    write_movie(tmp_path / "a.mp4")
    assert "found 96x64" in fault(tmp_path, "a.mp4", resolution=[1920, 1080])
    for number in (1, 2, 4):
        cv2.imwrite(str(tmp_path / f"p.{number:04d}.png"), picture(number))
    assert describe_footage(probed(tmp_path, "p.[0004-0004].png")).startswith("1 frame, 96x64")
    assert "1 frame is missing: 3;" in fault(tmp_path, "p.####.png")
    assert [number for number, _ in list_plate_files("p.[0001-0002].png", tmp_path)] == [1, 2]


def test_sequence_of_two_sizes_is_refused(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "p.0001.png"), picture(1))
    cv2.imwrite(str(tmp_path / "p.0002.png"), picture(1)[:32])
    assert "the frames before are 96x64" in fault(tmp_path, "p.####.png")


def test_frame_span(tmp_path):
    write_movie(tmp_path / "a.mp4")
    plate = probed(tmp_path, "a.mp4", first_frame=1001)
    assert find_frame_span(plate, None) == (1001, 1012)
    assert find_frame_span(plate, [1003, 1005]) == (1003, 1005)
    for wrong in ([1, 12], [1003, 1013], [1000, 1012]):
        with pytest.raises(ShotError, match="the plate has frames 1001 to 1012"):
            find_frame_span(plate, wrong)
    with pytest.raises(ShotError, match="found 1 frame"):
        find_frame_span(plate, [1003, 1003])


def test_exr_is_read_in_its_display_window(tmp_path):
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(40, 20, 3, "half")
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = 10, 5, 0, 0, 96, 64
    image = oiio.ImageBuf(spec)
    oiio.ImageBufAlgo.fill(image, (1.0, 1.0, 1.0))
    for number in (1, 2):
        image.write(str(tmp_path / f"p.{number:04d}.exr"))
    plate = probed(tmp_path, "p.####.exr")
    assert plate.size_px == [96, 64]
    (_, luma), _ = read_luma(plate, tmp_path, 1, 2)
    rows, columns = np.nonzero(luma)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 24, 10, 49)


def test_a_movie_may_have_a_hash_in_its_name(tmp_path):
    write_movie(tmp_path / "take#2.mp4")
    assert probed(tmp_path, "take#2.mp4").kind == "movie"
