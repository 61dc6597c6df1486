"""Frames that show too little to be tracked, and frames that repeat the one before: found, and nothing else."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates import synthetic
from shotmake.errors import ShotError
from shotmake.footage.plate import Plate, list_bad_frames, probe
from shotmake.footage.plate_in_words import describe_footage
from shotmake.footage.unusable_frames import AROUND_FRAMES, Looks, find_repeated

pytestmark = pytest.mark.fast

COUNT = 40


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    plate = synthetic.make_plate("handheld", (320, 180), COUNT, span=0.8)
    return [image for _, image in synthetic.frames(plate)]


def found_in(pictures: list[np.ndarray], path: Path, crf: int = 16) -> Plate:
    """The plate that a movie of these pictures is; its first frame is 1001."""
    synthetic.write_movie(path, enumerate(pictures), crf=crf)
    return probe(path.name, path.parent, first_frame=1001)


def soft(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 6)


SPOILED = {
    "soft": soft,
    "dark": lambda image: (image * 0.02).astype(np.uint8),
    "bright": lambda image: (255 - (255 - image) * 0.02).astype(np.uint8),
}


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("where", [(0, 1), (17, 18, 19), (38, 39)])
def test_frames_without_detail_are_named_by_what_they_are(pictures, tmp_path, kind, where):
    spoiled = [SPOILED[kind](image) if at in where else image for at, image in enumerate(pictures)]
    plate = found_in(spoiled, tmp_path / "plate.mp4")
    numbers = [1001 + at for at in where]
    assert plate.unusable == {kind: numbers}
    assert Plate.from_json(plate.to_json()) == plate
    assert f"      unusable  {len(numbers)} {kind}: {numbers[0]}-{numbers[-1]}" in describe_footage(plate).splitlines()


@pytest.mark.parametrize("crf", [16, 28])
@pytest.mark.parametrize("every", [1, 4])
def test_frames_that_show_the_one_before_once_more_are_found(pictures, tmp_path, every, crf):
    """Every frame twice, or every fourth: what converters of frame rates write."""
    doubled = [(at, again) for at in range(COUNT) for again in ((0, 1) if at % every == every - 1 else (0,))]
    plate = found_in([pictures[at] for at, _ in doubled], tmp_path / "plate.mp4", crf)
    repeated, found = {1001 + at for at, (_, again) in enumerate(doubled) if again}, set(plate.unusable["repeated"])
    assert found <= repeated and len(repeated - found) <= (2 if crf == 28 else 0)  # so compressed, some look new


def test_a_picture_that_freezes_is_found_and_a_camera_that_comes_to_rest_is_not(pictures, tmp_path):
    frozen = [pictures[min(max(at - 5, 12), at) if at < 17 else at - 5] for at in range(COUNT)]
    assert found_in(frozen, tmp_path / "frozen.mp4").unusable == {"repeated": list(range(1014, 1019))}
    smooth = np.r_[np.nan, np.abs(np.arange(1, COUNT) - 20) / 4 + 0.2]
    assert smooth[1:].min() < 0.1 * np.percentile(smooth[1:], 75)
    assert not find_repeated(smooth, np.zeros(COUNT, bool)).any()


def test_usual_pictures_and_pictures_of_nothing_are_left_alone(pictures, tmp_path):
    assert found_in(pictures, tmp_path / "plate.mp4").unusable == {}
    assert "unusable" not in found_in(pictures, tmp_path / "plate.mp4").to_json()
    still = found_in([pictures[0]] * COUNT, tmp_path / "still.mp4")
    blank = found_in([np.full_like(pictures[0], 90)] * COUNT, tmp_path / "blank.mp4")
    assert still.unusable == blank.unusable == {}
    focus = [cv2.GaussianBlur(image, (0, 0), 0.1 + at / 12) for at, image in enumerate(pictures)]  # a pull, not a fault
    assert found_in(focus, tmp_path / "focus.mp4").unusable == {}


def test_a_sequence_with_held_frames_names_them(pictures, tmp_path):
    for at, image in enumerate(pictures[:16]):
        if at not in (7, 8):
            cv2.imwrite(str(tmp_path / f"plate.{1001 + at}.png"), image)
    plate = probe("plate.####.png", tmp_path, missing="hold")
    assert plate.unusable == {"repeated": [1008, 1009]}
    assert list_bad_frames(plate, None, 1001) == [1008, 1009]
    assert list_bad_frames(plate, None, 1008) == [1009]  # a shot that begins there must have its picture


def test_where_most_frames_are_unusable_the_plate_is_judged_by_others():
    looks = Looks()
    random = np.random.default_rng(0)
    sharp = random.integers(0, 255, (180, 320)).astype(np.uint8)
    for at in range(4 * AROUND_FRAMES):
        looks.add(np.roll(sharp, at // 5, axis=1))
    assert looks.find_unusable() == {}


def test_the_config_names_frames_instead(pictures, tmp_path):
    spoiled = [soft(image) if at == 20 else image for at, image in enumerate(pictures)]
    plate = found_in(spoiled, tmp_path / "plate.mp4")
    assert list_bad_frames(plate, None, 1001) == [1021]
    assert list_bad_frames(plate, [], 1001) == []
    assert list_bad_frames(plate, ["1003-1005", 1010, "1039-1044"], 1001) == [1003, 1004, 1005, 1010, 1039, 1040]


@pytest.mark.parametrize("wrong", [[], {"soft": 3}, {"soft": ["3"]}, {"soft": [True]}])
def test_a_record_that_names_no_frames_is_no_plate(pictures, tmp_path, wrong):
    record = found_in(pictures[:6], tmp_path / "plate.mp4").to_json()
    with pytest.raises(ShotError, match="unusable: found no record of a plate"):
        Plate.from_json({**record, "unusable": wrong})
