"""Real and bad media: what cameras, scanners and broken disks hand over, through real files."""

import gc
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.movies import fault, write_movie
from helpers.shows.project import REPOSITORY, Project
from shotmake.errors import ShotError
from shotmake.footage.file_names import list_plate_files
from shotmake.footage.plate import Plate, probe, read_bgr, read_luma
from shotmake.footage.plate_in_words import describe_footage
from shotmake.footage.read_ahead import FRAMES_AHEAD, decode_ahead
from shotmake.footage.tracking_curve import apply_tracking_curve
from shotmake.numbers_in_words import format_ranges

SIZE = (96, 64)
FLIPS_PER_FILE = 25


@pytest.fixture(autouse=True)
def never_for_ever():
    """A reader that hangs fails its test, and the processor time it may take is bounded."""
    started = time.process_time()
    yield
    assert time.process_time() - started < 60
    assert [thread.name for thread in threading.enumerate() if thread.name == "decoding ahead"] == []


def marked(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) BGR: white at the top left, black at the bottom left, the grey tells the number."""
    image = np.full((size[1], size[0], 3), 60 + 5 * number % 120, np.uint8)
    image[4:20, 4:28], image[-20:-4, 4:16] = 250, 5
    return image


def corners(image: np.ndarray) -> str:
    """Where the white and the black mark lie, like "top left, bottom left"."""
    height, width = (side // 2 for side in image.shape[:2])
    parts = {
        f"{row} {column}": image[y : y + height, x : x + width]
        for row, y in (("top", 0), ("bottom", height))
        for column, x in (("left", 0), ("right", width))
    }
    return max(parts, key=lambda name: parts[name].max()) + ", " + min(parts, key=lambda name: parts[name].min())


def movie(path: Path, count: int = 8, size=SIZE, codec="libx264", pix_fmt="yuv420p", rotation_deg=0, **keys) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=keys.get("rate", Fraction(24)))
        (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
        stream.options = {"qp": "0", "g": "4"} if codec == "libx264" else {}
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for tag, value in keys.get("tags", {}).items():
            setattr(stream.codec_context, tag, value)
        stream.metadata.update(keys.get("metadata", {}))
        if "aspect" in keys:
            stream.codec_context.sample_aspect_ratio = keys["aspect"]
        for number in range(count):
            picture = av.VideoFrame.from_ndarray(marked(number, size), format="bgr24")
            container.mux(stream.encode(picture.reformat(format=pix_fmt)))
        container.mux(stream.encode())
    return path


def images(
    folder: Path, suffix: str, numbers=range(1, 5), kind="uint8", size=SIZE, scale=1.0, name="p.", **attributes
) -> str:
    """Write a sequence -> its pattern."""
    import OpenImageIO as oiio

    for number in numbers:
        spec = oiio.ImageSpec(*size, 3, kind)
        for key, value in attributes.items():
            spec.attribute(key.replace("__", ":"), value)
        image = oiio.ImageBuf(spec)
        pixels = (marked(number, size)[..., ::-1] / 255 * scale).astype(np.float32)
        image.set_pixels(oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3), pixels)
        assert image.write(str(folder / f"{name}{number:04d}.{suffix}")), image.geterror()
    return f"{name}####.{suffix}"


def levels(plate: Plate, root: Path) -> list[float]:
    return [float(np.median(luma)) for _, luma in read_luma(plate, root, plate.first_frame, plate.last_frame)]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "bits"),
    [
        ("a.mp4", "libx264", "yuv420p", 8),
        ("a.mov", "prores_ks", "yuv422p10le", 10),
        ("a.mkv", "ffv1", "yuv420p12le", 12),
        ("b.mkv", "ffv1", "gray10le", 10),
        ("c.mkv", "ffv1", "gbrp10le", 10),
        ("d.mkv", "ffv1", "yuv444p16le", 16),
    ],
)
def test_every_depth_of_movie_comes_as_the_same_eight_bits(tmp_path, name, codec, pix_fmt, bits):
    plate = probe(movie(tmp_path / name, codec=codec, pix_fmt=pix_fmt).name, tmp_path)
    assert plate.media["bits"] == bits and plate.pixel_format == pix_fmt
    steps = np.diff(levels(plate, tmp_path))
    assert np.abs(steps - 5 * (219 / 255 if pix_fmt != "gbrp10le" else 1)).max() <= 1.01
    assert [image.shape for _, image in read_bgr(plate, tmp_path, 1, 2)] == [(64, 96, 3)] * 2


@pytest.mark.parametrize(
    ("suffix", "kind", "attributes"),
    [
        ("png", "uint8", {}),
        ("png", "uint16", {}),
        ("jpg", "uint8", {"compression": "jpeg:98"}),
        ("tif", "uint8", {}),
        ("tif", "uint16", {}),
        ("tif", "float", {}),
        ("dpx", "uint16", {"oiio__BitsPerSample": 10}),
        ("dpx", "uint16", {}),
        ("exr", "half", {}),
        ("exr", "float", {}),
    ],
)
def test_every_kind_of_sequence_comes_as_the_same_eight_bits(tmp_path, suffix, kind, attributes):
    plate = probe(images(tmp_path, suffix, kind=kind, **attributes), tmp_path, frame_rate=24)
    for number, image in read_bgr(plate, tmp_path, 1, 4):
        assert np.abs(image.astype(int) - marked(number)).max() <= (8 if suffix == "jpg" else 1)
    assert levels(plate, tmp_path) == pytest.approx([65, 70, 75, 80], abs=1)


@pytest.mark.parametrize("kind", ["movie", "png", "exr"])
def test_odd_sizes(tmp_path, kind):
    size = (321, 179)
    if kind == "movie":
        plate = probe(movie(tmp_path / "a.mkv", codec="ffv1", size=size).name, tmp_path)
    else:
        plate = probe(images(tmp_path, kind, kind="half" if kind == "exr" else "uint8", size=size), tmp_path)
    assert plate.size_px == [321, 179]
    assert [luma.shape for _, luma in read_luma(plate, tmp_path, 1, 2)] == [(179, 321)] * 2
    assert [image.shape for _, image in read_bgr(plate, tmp_path, 1, 2)] == [(179, 321, 3)] * 2


TURNED = {90: "bottom left, bottom right", 180: "bottom right, top right", 270: "top right, top left"}


@pytest.mark.parametrize("turn_deg", TURNED)
def test_a_movie_is_turned_as_its_tag_says(tmp_path, turn_deg):
    plate = probe(movie(tmp_path / "a.mp4", rotation_deg=turn_deg).name, tmp_path)
    upright = list(read_luma(plate, tmp_path, 2, 3)) + list(read_bgr(plate, tmp_path, 2, 3))
    assert plate.size_px == ([96, 64] if turn_deg == 180 else [64, 96])
    for _, image in upright:
        assert image.shape[:2] == (plate.size_px[1], plate.size_px[0])
        assert corners(image) == TURNED[turn_deg] and image.flags.c_contiguous
    assert f"turned by {turn_deg} deg" in describe_footage(plate) and plate.blender_fault == ""


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_images_are_turned_as_their_tag_says_and_blender_is_known_not_to(tmp_path, suffix):
    for orientation, where in {3: TURNED[180], 6: TURNED[270], 8: TURNED[90], 2: "top right, bottom right"}.items():
        pattern = images(tmp_path, suffix, Orientation=orientation, name=f"o{orientation}.")
        plate = probe(pattern, tmp_path)
        for _, image in read_bgr(plate, tmp_path, 1, 2):
            assert corners(image) == where and list(image.shape[1::-1]) == plate.size_px
        assert "orientation" in plate.blender_fault


def test_a_mirrored_movie_is_refused(tmp_path):
    data = bytearray(movie(tmp_path / "a.mp4", rotation_deg=180).read_bytes())
    at = data.find(b"tkhd") + 4 + 40
    data[at + 16 : at + 20] = (65536).to_bytes(4)  # y is no longer turned
    (tmp_path / "a.mp4").write_bytes(data)
    assert "mirrored" in fault(tmp_path, "a.mp4")


CLIP = """
import sys, bpy
for path in sys.argv[1:]:
    scene = bpy.context.scene
    clip = bpy.data.movieclips.load(path)
    clip.colorspace_settings.name = "Non-Color"
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.camera = scene.camera or next(item for item in bpy.data.objects if item.type == "CAMERA")
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    plate = tree.nodes.new("CompositorNodeMovieClip")
    plate.clip = clip
    tree.links.new(plate.outputs[0], tree.nodes.new("CompositorNodeComposite").inputs[0])
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format, scene.render.filepath = "PNG", path + ".seen.png"
    scene.frame_set(2)
    bpy.ops.render.render(write_still=True)
"""


def test_blender_turns_movies_as_we_do_and_images_not(tmp_path):
    import cv2

    from shotmake.tasks.blender.private_blender import find_python, make_environment

    assert make_environment() is None
    files = [movie(tmp_path / f"{turn}.mp4", rotation_deg=turn) for turn in TURNED]
    files.append(tmp_path / images(tmp_path, "jpg", Orientation=3).replace("####", "0001"))
    (tmp_path / "see.py").write_text(CLIP)
    subprocess.run([find_python(), tmp_path / "see.py", *files], check=True, capture_output=True, timeout=100)
    for path in files[:-1]:
        plate = probe(path.name, tmp_path)
        ((_, ours),) = read_bgr(plate, tmp_path, 2, 2)
        seen = cv2.imread(f"{path}.seen.png")
        assert seen.shape == ours.shape and corners(seen) == corners(ours) == TURNED[int(path.stem)]
    assert corners(cv2.imread(f"{files[-1]}.seen.png")) == "top left, bottom left"


def test_missing_frames_are_named_and_may_be_held(tmp_path):
    numbers = [1001, 1002, *range(1004, 1010), 1015]
    pattern = images(tmp_path, "png", numbers)
    line = fault(tmp_path, pattern)
    assert "6 frames are missing: 1003, 1010-1014;" in line and "hold" in line and "[1004-1009]" in line
    plate = probe(pattern, tmp_path, missing="hold", frame_rate=24)
    assert (plate.frame_count, plate.first_frame, len(plate.files)) == (15, 1001, 15)
    assert "1003, 1010-1014" in plate.warnings[0] and plate.media["frames_held"] == 6
    shown = levels(plate, tmp_path)
    assert shown[2] == shown[1] and set(shown[9:14]) == {shown[8]} and len(set(shown)) == 9
    assert "frames before 1001 are missing" in fault(tmp_path, "p.[0999-1015].png", missing="hold")
    assert dict(list_plate_files("p.[1001-1017].png", tmp_path, "hold"))[1017] == "p.1015.png"


def test_one_stray_number_does_not_fill_the_memory(tmp_path):
    images(tmp_path, "png", range(1, 4))
    os.link(tmp_path / "p.0001.png", tmp_path / "p.99999999999999.png")
    assert "missing: 4-99999999999998;" in fault(tmp_path, "p.####.png")
    assert "more frames are missing" in fault(tmp_path, "p.####.png", missing="hold")
    assert format_ranges(list(range(1, 100, 2))).endswith(", 23 and 38 more")


@pytest.mark.parametrize(
    ("numbers", "pattern", "cures"),
    [
        ([3, 4, 6], "p.####.png", "restore what is missing, set {hold}, or give a range in {file}, like [3-4]"),
        (
            [3, 4, 5],
            "p.[0001-0005].png",
            "restore what is missing, or give a range in {file}, like [3-5]",
        ),  # none before
        ([1, 2, 9], "p.####.png", "restore what is missing, or give a range in {file}, like [1-2]"),
        ([1, 3, 5], "p.####.png", "restore what is missing, or set {hold}"),  # no range has two frames
        ([1, 9], "p.####.png", "restore what is missing ({file})"),
    ],
)
def test_only_cures_that_work_are_told(tmp_path, numbers, pattern, cures):
    images(tmp_path, "png", numbers)
    told = cures.format(hold="shot.footage.missing: hold", file="shot.footage.file")
    assert fault(tmp_path, pattern).partition("; ")[2] == told
    assert ("{hold}" in cures) == (probe_or_none(pattern, tmp_path) is not None)


def probe_or_none(pattern: str, root: Path) -> Plate | None:
    try:
        return probe(pattern, root, missing="hold")
    except ShotError:
        return None


def test_the_example_of_a_pattern_lies_in_its_range(tmp_path):
    line = fault(tmp_path, "plate.[1001-1100].exr")
    assert line.startswith("plate.[1001-1100].exr: no such frames; needed files like plate.1001.exr (")
    assert "needed files like plate.0001.exr (" in fault(tmp_path, "plate.####.exr")


def textured_ramp() -> np.ndarray:
    """(H, W) linear light from 5 stops below mid-grey to 5 above, with the same texture everywhere."""
    import cv2

    rng = np.random.default_rng(3)
    coarse = cv2.resize(rng.normal(size=(40, 120)).astype(np.float32), (960, 320), interpolation=cv2.INTER_CUBIC)
    return 0.214 * np.exp2(np.linspace(-5, 5, 960)[None] + 0.4 * coarse)


def test_overexposed_linear_light_can_still_be_tracked(tmp_path):
    import cv2
    import OpenImageIO as oiio

    linear = textured_ramp()
    moved = cv2.warpAffine(
        linear, np.float32([[1, 0, 3.37], [0, 1, -2.61]]), (960, 320), flags=cv2.INTER_LANCZOS4, borderMode=2
    )
    for number, light in enumerate((linear, moved), 1):
        image = oiio.ImageBuf(oiio.ImageSpec(960, 320, 3, "half"))
        image.set_pixels(oiio.ROI(0, 960, 0, 320, 0, 1, 0, 3), np.repeat(light[..., None], 3, 2).astype(np.float32))
        image.write(str(tmp_path / f"p.{number:04d}.exr"))
    plate = probe("p.####.exr", tmp_path, color_space="Linear")
    (_, first), (_, second) = read_luma(plate, tmp_path, 1, 2)
    corners_px = cv2.goodFeaturesToTrack(first[12:-12, 12:-12], 600, 0.01, 8) + 12
    found_px, _, _ = cv2.calcOpticalFlowPyrLK(first, second, corners_px, None, winSize=(21, 21))
    error_px = np.linalg.norm((found_px - corners_px)[:, 0] - (3.37, -2.61), axis=1)
    bright = corners_px[:, 0, 0] > 960 * 0.72  # 2.2 stops above mid-grey: all that is over 1.0
    assert bright.sum() >= 60 and (corners_px[:, 0, 0] > 960 * 0.9).sum() >= 20
    assert np.median(error_px[bright]) < 0.15
    assert (first == 255).mean() < 0.01


def test_the_tracking_curve_rises_all_the_way():
    stops = apply_tracking_curve(0.214 * np.exp2(np.arange(-10, 7.0)))
    assert (np.diff(stops) > 0.001).all() and apply_tracking_curve(np.array([0.0, 0.214, 13.7])) == pytest.approx(
        [0, 0.5, 1], abs=2e-3
    )


def test_uneven_times_are_refused_unless_a_rate_is_given(tmp_path):
    times = [round(1000 * n / 24) + (150 if n > 5 else 0) for n in range(12)]
    write_movie(tmp_path / "a.mkv", 12, times=times)
    assert "set shot.footage.frame_rate" in fault(tmp_path, "a.mkv")
    plate = probe("a.mkv", tmp_path, frame_rate="24000/1001")
    assert (plate.frame_count, plate.frame_rate) == (12, [24000, 1001])
    assert "as it comes" in plate.warnings[0] and "clock" in plate.blender_fault
    assert len(levels(plate, tmp_path)) == 12


def test_a_bare_stream_has_no_clock_and_says_so(tmp_path):
    plate = probe(movie(tmp_path / "a.h264").name, tmp_path)
    assert (
        plate.frame_count == 8 and "frame rate is a guess" in plate.warnings[0] and "bare h264" in plate.blender_fault
    )
    assert probe("a.h264", tmp_path, frame_rate=24).warnings == []


def test_pixels_that_are_not_square_are_told_and_can_be_set(tmp_path):
    movie(tmp_path / "a.mp4", aspect=Fraction(2, 1))
    squeezed = images(tmp_path, "exr", kind="half", PixelAspectRatio=2.0)
    for file in ("a.mp4", squeezed):
        plate = probe(file, tmp_path)
        assert (plate.pixel_aspect, plate.size_px) == (2.0, [96, 64])
        assert probe(file, tmp_path, pixel_aspect=1.5).pixel_aspect == 1.5
    images(tmp_path, "exr", range(2, 3), kind="half", PixelAspectRatio=1.0)
    assert "pixels of 1:1; they are 2:1 before" in fault(tmp_path, squeezed)


def test_frame_rates_of_sequences(tmp_path):
    known = probe(images(tmp_path, "exr", kind="half", name="a."), tmp_path, frame_rate=23.976)
    assert known.frame_rate == [24000, 1001] and known.warnings == []
    unknown = probe("a.####.exr", tmp_path)
    assert unknown.frame_rate == [24, 1] and "24 is assumed" in unknown.warnings[0]


# -- bad media ---------------------------------------------------------------------------------------------------


def silent_movie(path: Path) -> None:
    """Sound without pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        for _ in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_what_is_no_plate(tmp_path):
    silent_movie(tmp_path / "sound.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("gone.mp4")
    (tmp_path / "loop.0001.png").symlink_to(tmp_path / "loop.0001.png")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "only sound" in fault(tmp_path, "sound.mp4")
    assert "found a folder" in fault(tmp_path, "folder.mp4")
    assert "a link that leads round in a circle" in fault(tmp_path, "loop.mp4")
    assert "a link that leads to no file (gone.mp4)" in fault(tmp_path, "nowhere.mp4")
    assert "no such frames" in fault(tmp_path, "loop.####.png")
    assert "found a pipe" in fault(tmp_path, "pipe.mp4")
    assert "found a name that is too long for the disk" in fault(tmp_path, "n" * 3000 + ".mp4")
    assert "no such frames" in fault(tmp_path, "none/p.####.png")
    assert "needed at least 64 px" in fault(tmp_path, movie(tmp_path / "tiny.mp4", size=(16, 16)).name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_what_may_not_be_read(tmp_path):
    movie(tmp_path / "a.mp4").chmod(0)
    assert "Permission denied" in fault(tmp_path, "a.mp4")
    (tmp_path / "shut").mkdir(mode=0)
    assert "Permission denied" in fault(tmp_path, "shut/p.####.png")


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize(("suffix", "kind"), [("png", "uint8"), ("exr", "half"), ("jpg", "uint8"), ("dpx", "uint16")])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_a_cut_image_in_the_middle_of_a_sequence(tmp_path, suffix, kind, share, capfd):
    pattern = images(tmp_path, suffix, kind=kind)
    cut(tmp_path / f"p.0003.{suffix}", share)
    line = fault(tmp_path, pattern)
    assert "p.0003" in line and str(tmp_path) not in line
    assert capfd.readouterr().err == ""  # one line, and it is ours


def test_a_movie_that_announces_no_count_says_how_many_frames_came_before_an_error(tmp_path):
    """A .mkv has no count, so nothing says of how many."""
    whole = write_movie(tmp_path / "a.mkv", 60, codec="ffv1").read_bytes()
    lines = []
    for seed in (1, 2, 5):
        rng, data = np.random.default_rng(seed), bytearray(whole)
        for at in rng.integers(len(data) // 2, len(data), 30):
            data[at] ^= int(rng.integers(1, 256))
        (tmp_path / "a.mkv").write_bytes(data)
        lines.append(fault(tmp_path, "a.mkv"))
    assert any(
        re.match(r"a.mkv: found \d+ frames, then an error \(Invalid data.*\); copy the file", one) for one in lines
    )
    assert not any("?" in line for line in lines)


def test_a_damaged_movie_says_where(tmp_path):
    """Bytes changed inside a frame: all frames decode, some marked as corrupt."""
    path = movie(tmp_path / "a.mp4", count=24, size=(320, 180))
    whole = path.read_bytes()
    lines = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        data = bytearray(whole)
        begin = data.find(b"mdat") + 1200
        for at in rng.integers(begin, begin + (len(data) - begin) * 2 // 3, 40):
            data[at] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        lines.append(fault(tmp_path, "a.mp4"))
    assert all("damaged" in line or "truncated" in line or "no frame" in line for line in lines)
    assert any("damaged" in line for line in lines)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.h264", "p.png", "p.exr", "p.jpg", "p.tif", "p.dpx"])
def test_flipped_bits_in_headers_are_one_line_or_no_harm(tmp_path, name, capfd):
    stem, suffix = name.split(".")
    if stem == "a":
        path, pattern = movie(tmp_path / name), name
    else:
        pattern = images(tmp_path, suffix, [1, 2], kind="half" if suffix == "exr" else "uint8")
        path = tmp_path / f"p.0002.{suffix}"
    whole, rng = path.read_bytes(), np.random.default_rng(17)
    begin = max(0, whole.find(b"moov")) if suffix == "mp4" else 0
    refused = 0
    for _ in range(FLIPS_PER_FILE):
        data = bytearray(whole)
        for at in rng.integers(begin, min(len(whole), begin + 600), int(rng.choice([1, 3, 20]))):
            data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            plate = probe(pattern, tmp_path)
            assert len(levels(plate, tmp_path)) == plate.frame_count
        except ShotError as error:
            (line,) = error.faults
            assert "\n" not in line and "shot.footage" in line and str(tmp_path) not in line
            refused += 1
    assert refused > 0


def test_names_with_spaces_brackets_and_other_letters(tmp_path):
    folder = "Größe [v2] (final)"
    (tmp_path / folder).mkdir()
    for name in ("take 3 [a-b].mp4", "镜头#1.mp4", "a'b$c.mp4"):
        movie(tmp_path / folder / name)
        assert probe(f"{folder}/{name}", tmp_path).files == [f"{folder}/{name}"]
    pattern = images(tmp_path / folder, "png", name="é#2 [x] ")
    assert probe(f"{folder}/{pattern}", tmp_path).files[0] == f"{folder}/é#2 [x] 0001.png"
    assert probe(f"{folder}/é#2 [x] [0002-0003].png", tmp_path).frame_count == 2


def test_frame_numbers_beyond_blender(tmp_path):
    plate = probe(movie(tmp_path / "a.mp4").name, tmp_path, first_frame=100_000_000)
    assert [number for number, _ in read_luma(plate, tmp_path, 100_000_006, 100_000_007)] == [100_000_006, 100_000_007]
    assert "counts frames to 1048574" in plate.blender_fault
    assert probe("a.mp4", tmp_path, first_frame=1_048_567).blender_fault == ""


# -- decoding ahead ------------------------------------------------------------------------------------------------


def counted(count: int, made: list[int]):
    for number in range(count):
        made.append(number)
        yield number


def test_decoding_ahead_gives_the_same_in_the_same_order_and_is_bounded():
    made: list[int] = []
    frames = decode_ahead(counted(100, made))
    for expected in range(100):
        assert next(frames) == expected
        assert len(made) <= expected + 1 + FRAMES_AHEAD + 1
    assert list(frames) == []


@pytest.mark.parametrize("way", ["closed", "forgotten", "raised", "never started"])
def test_no_thread_stays_when_the_reader_stops(way):
    made: list[int] = []
    frames = decode_ahead(counted(10**9, made))
    if way == "raised":
        with pytest.raises(ZeroDivisionError):
            for number in frames:
                assert number / 0 > 0
        frames.close()
    elif way != "never started":
        next(frames)
    if way == "closed":
        frames.close()
    del frames
    gc.collect()
    assert "decoding ahead" not in [thread.name for thread in threading.enumerate()]
    assert len(made) < 10


def test_what_goes_wrong_while_decoding_ahead_is_raised_here():
    def broken():
        yield 1
        raise ShotError("shot.footage.file: gone")

    frames = decode_ahead(broken())
    assert next(frames) == 1
    with pytest.raises(ShotError, match="gone"):
        next(frames)


def test_a_program_that_ends_half_way_ends(tmp_path):
    movie(tmp_path / "a.mp4", count=60)
    program = (
        "from pathlib import Path; from shotmake.footage.plate import *; root = Path('.')\n"
        "frames = read_luma(probe('a.mp4', root), root, 1, 60); next(frames); keep = [frames]; keep.append(keep)\n"
    )
    for ending in ("", "raise SystemExit(3)", "1 / 0"):
        done = subprocess.run(
            [sys.executable, "-c", program + ending], cwd=tmp_path, timeout=30, capture_output=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        assert done.returncode == {"": 0, "1 / 0": 1}.get(ending, 3), done.stderr


def test_a_movie_that_loses_its_end_after_it_was_probed(tmp_path):
    plate = probe(movie(tmp_path / "a.mp4", count=40).name, tmp_path)
    movie(tmp_path / "a.mp4", count=20)
    with pytest.raises(ShotError, match="frame 21 cannot be decoded any more"):
        levels(plate, tmp_path)


MEMORY = """
import resource, sys
from pathlib import Path
from shotmake.footage.plate import probe, read_bgr
plate = probe(sys.argv[1], Path("."), frame_rate=24)
for _ in read_bgr(plate, Path("."), 1, plate.frame_count): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_plate(tmp_path):
    """600 frames of 690 kB are 415 MB; peaks of the short and the long movie are within 15 MB."""
    peaks_kb = []
    for count in (30, 600):
        movie(tmp_path / f"{count}.mp4", count=count, size=(640, 360))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, f"{count}.mp4"], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        peaks_kb.append(int(done.stdout))
    assert peaks_kb[1] - peaks_kb[0] < 15_000, peaks_kb


# -- the real command line -----------------------------------------------------------------------------------------


def with_shot(project: Project, file: str, footage: str = "") -> Project:
    project.remove_other_shots("")
    name = json.dumps(f"footage/{file}")
    project.write_shot("s", f"# @package _global_\nshot:\n  name: s\n  footage: {{file: {name}{footage}}}\n")
    return project


def test_doit_footage_says_what_the_plate_is(project):
    movie(project.root / "footage" / "a [1].mp4", rotation_deg=90)
    ran = with_shot(project, "a [1].mp4").built("footage", "shot=s")
    lines = [line.split(maxsplit=1) for line in ran.out.splitlines()]
    said = {words[0]: words[1] for words in lines if len(words) == 2}
    assert said["file"].startswith("mov, h264 ") and said["picture"] == "96x64, pixels 1:1, turned by 90 deg"
    assert said["decoded"].startswith("8 frames (8 announced), 0 corrupt, constant rate, 0.000 to 0.292 s")
    (record,) = project.root.glob(".gsd-state/tracking/footage/s-*[0-9a-f].json")
    plate = json.loads(record.read_text())
    assert plate["files"] == ["footage/a [1].mp4"] and plate["media"]["codec"] == "h264"
    before = hashlib.sha256(record.read_bytes()).digest()
    moved = Project(project.root.rename(project.root.with_name("elsewhere")))
    for path in (moved.root / ".gsd-state").rglob("s-*"):
        path.unlink()
    moved.built("footage", "shot=s")
    (record,) = moved.root.glob(".gsd-state/tracking/footage/s-*[0-9a-f].json")
    assert hashlib.sha256(record.read_bytes()).digest() == before


def test_colour_tags_rate_and_timecode_are_told_by_name(tmp_path):
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    movie(tmp_path / "a.mov", rate=Fraction(24000, 1001), tags=tags, metadata={"timecode": "01:02:03:04"})
    plate = probe("a.mov", tmp_path)
    text = describe_footage(plate)
    assert "primaries bt2020, transfer smpte2084, matrix bt2020nc, range tv" in text
    assert "24000/1001 = 23.976 frames/s, 0.334 s, timecode 01:02:03:04" in text
    assert all(len(line) < 120 for line in text.splitlines())


def test_no_scene_is_made_of_a_plate_that_blender_shows_otherwise(tmp_path):
    from shotmake.tasks.engine.stage import Job
    from shotmake.tasks.stages.scene.stage import SCENE

    plate = probe(images(tmp_path, "jpg", Orientation=3), tmp_path)
    (tmp_path / "footage.json").write_text(json.dumps(plate.to_json()))
    job = Job("s", {"frame_range": None}, {"footage": tmp_path / "footage.json"}, {}, {})
    with pytest.raises(ShotError, match=r"p.0001.jpg: Blender heeds neither orientation tags .* \(shot.footage.file\)"):
        SCENE.build(job)


def test_a_held_frame_that_comes_back_is_read_again(project):
    images(project.root / "footage", "png", [1, 2, 4])
    ran = with_shot(project, "p.####.png").run("footage", "shot=s")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "1 frame is missing: 3;" in ran.fault_lines[0]
    ran = project.built("footage", "shot=s", "shot.footage.missing=hold")
    assert "missing frames: 3;" in ran.out
    images(project.root / "footage", "png", [3])
    again = project.built("footage", "shot=s", "shot.footage.missing=hold")
    assert again.executed == ["footage:s"] and "missing frames" not in again.out
    assert project.built("footage", "shot=s", "shot.footage.missing=hold").executed == []


def test_bad_media_on_the_command_line_is_one_line(project):
    silent_movie(project.root / "footage" / "sound.mp4")
    movie(project.root / "footage" / "tiny.mp4", size=(16, 16))
    (project.root / "footage" / "folder.mp4").mkdir()
    images(project.root / "footage", "png")
    cut(project.root / "footage" / "p.0003.png", 0.6)
    with_shot(project, "sound.mp4")
    for file, expected in {
        "sound.mp4": "only sound", "tiny.mp4": "16x16", "folder.mp4": "a folder", "p.####.png": "the file ends early",
    }.items():  # fmt: skip
        ran = project.run("footage", "shot=s", f"shot.footage.file=footage/{file}")
        assert ran.code == 1 and len(ran.fault_lines) == 1 and expected in ran.fault_lines[0], ran.err
