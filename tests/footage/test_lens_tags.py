"""The lens in a plate's metadata: read from real files, and a first guess of the solve."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from helpers.shows.project import MINI_YAML
from shotmake.footage.lens_metadata import lens_of_tags
from shotmake.footage.plate import probe
from shotmake.footage.plate_in_words import describe_footage


@pytest.mark.parametrize(
    ("tags", "focal_mm", "width_mm"),
    [
        ({"nominalFocalLength": 32.0, "sensorPhotositePitch": 8.25, "sensorAcquisitionRectangle": (0, 0, 2879, 1619)},
         32.0, 23.76),
        ({"nominalFocalLength": 32.0, "effectiveFocalLength": 32.5, "sensorOverallDimensions": (28.0, 18.0)},
         32.5, None),
        ({"Exif:FocalLength": 4.2, "Exif:FocalLengthIn35mmFilm": 26}, 26.0, 36.0),
        ({"com.apple.quicktime.camera.focal_length.35mm_equivalent": "24"}, 24.0, 36.0),
    ],
)  # fmt: skip
def test_what_is_plainly_said_is_read(tags, focal_mm, width_mm):
    found = lens_of_tags({"other": "x", **tags})["lens"]
    assert found["focal_mm"] == focal_mm
    assert found["sensor_width_mm"] == (width_mm and pytest.approx(width_mm))


@pytest.mark.parametrize(
    "tags", [{}, {"nominalFocalLength": 0.0}, {"Exif:FocalLength": "x"}, {"sensorPhotositePitch": 8}]
)
def test_what_says_nothing_is_nothing(tags):
    assert lens_of_tags(tags) == {}


def write_exr(path, luma: np.ndarray, **tags: float) -> None:
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(luma.shape[1], luma.shape[0], 3, "half")
    for name, value in tags.items():
        spec.attribute(name, float(value))
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.repeat(luma[..., None], 3, 2).astype(np.float32) / 255)
    output.close()


def test_an_exr_plate_s_lens_is_in_its_record_and_said(tmp_path):
    for frame in (1, 2):
        write_exr(tmp_path / f"a.{frame:04d}.exr", np.full((90, 160), 99), effectiveFocalLength=40.5)
    plate = probe("a.####.exr", tmp_path, color_space="Linear")
    assert plate.media["lens"] == {"focal_mm": 40.5, "sensor_width_mm": None}
    assert "lens      40.5 mm" in describe_footage(plate)


def test_a_movie_s_tags_are_read(tmp_path):
    import av

    path = tmp_path / "phone.mov"
    key = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata[key] = "26"
        stream = container.add_stream("libx264", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((90, 160, 3), 99, np.uint8), "bgr24")))
        container.mux(stream.encode())
    assert probe("phone.mov", tmp_path).media["lens"] == {"focal_mm": 26.0, "sensor_width_mm": 36.0}


def test_the_solve_begins_with_it_and_says_so(mini):
    """A locked-off plate: the focal length that comes out is the one that went in."""
    picture = np.zeros((270, 480), np.uint8)
    random = np.random.default_rng(0)
    for _ in range(300):
        x, y = random.integers(0, (470, 260))
        cv2.rectangle(picture, (x, y), (x + 12, y + 9), int(random.integers(40, 255)), -1)
    for frame in range(1, 9):
        write_exr(mini.root / "footage" / f"still.{frame:02d}.exr", picture, nominalFocalLength=50.0)
    mini.write_shot("mini", MINI_YAML.replace("mini.mp4", "still.##.exr"))
    ran = mini.built("solve", "shot=mini", "shot.camera.sensor_width_mm=25")
    assert "static" in ran.out and "first guessed from the plate's metadata: 50 mm on 25 mm" in ran.out
    (path,) = (mini.root / ".gsd-state" / "tracking" / "solves").glob("mini-????????????.json")
    text = path.read_text()
    assert '"fx_px": 960.0' in text and "first guessed from the plate's metadata" in text
    assert '"focal_guessed"' in text
    ran = mini.built("solve", "shot=mini", "shot.camera.sensor_width_mm=25", "shot.camera.focal_mm=30")
    assert "metadata" not in ran.out
