"""Boxes of what moves: found where something does, not where only the camera does, and the same however it is cut."""

import cv2
import numpy as np
import pytest

from helpers.plates.synthetic import luma_frames, make_plate
from shotmake.objects.detections import Detections, join_detections, pack_detections
from shotmake.objects.motion_detector import REACH_FRAMES, detect_motion

pytestmark = pytest.mark.fast

SIZE_PX = (480, 270)
OBJECT_PX = (70, 50)
FRAMES = 16


def texture(seed: int, width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width))
    fine, coarse = cv2.GaussianBlur(noise, None, 1.5), 6 * cv2.GaussianBlur(noise, None, 8)
    return cv2.normalize(fine + coarse, None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)


def object_at(frame: int) -> tuple[int, int]:
    return 60 + 6 * frame, 120 - 2 * frame


def shaken(noise: float = 2.0, scale: int = 1) -> list[tuple[int, np.ndarray]]:
    """A wall seen by a hand-held camera, while a picture goes across it; `scale` times as large."""
    wall, thing = texture(1, 700, 500), texture(2, *OBJECT_PX)
    made = []
    for frame in range(1, FRAMES + 1):
        random = np.random.default_rng(frame)
        turn = cv2.getRotationMatrix2D((350, 250), np.sin(frame / 3), 1.0)
        turn[:, 2] -= (100 + 8 * np.sin(frame / 2), 100 + 5 * np.cos(frame / 2))
        picture = cv2.warpAffine(wall, turn, SIZE_PX).astype(float)
        x, y = object_at(frame)
        picture[y : y + OBJECT_PX[1], x : x + OBJECT_PX[0]] = thing
        picture = np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        made.append((frame, cv2.resize(picture, None, fx=scale, fy=scale)))
    return made


@pytest.fixture(scope="module")
def frames() -> list[tuple[int, np.ndarray]]:
    return shaken()


@pytest.fixture(scope="module")
def found(frames) -> Detections:
    return detect_motion(iter(frames), 1, FRAMES)


def overlap(one, other) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return both / (np.prod(one[2:]) + np.prod(other[2:]) - both)


def test_what_moves_is_boxed_in_every_frame_and_nothing_else(found):
    assert found.frame.tolist() == [*range(1, FRAMES + 1)]
    truth = np.array([(*object_at(frame), *OBJECT_PX) for frame in found.frame], float)
    overlaps = np.array([overlap(*boxes) for boxes in zip(found.xywh_px, truth, strict=True)])
    inner = slice(REACH_FRAMES, -REACH_FRAMES)
    assert overlaps.min() > 0.4 and overlaps[inner].min() > 0.6  # at the plate's ends it is seen from one side alone
    assert ((found.confidence > 0.5) & (found.confidence < 1)).all() and set(found.label) == {""}


def test_boxes_are_in_px_of_a_larger_plate(found):
    large = detect_motion(iter(shaken(scale=3)), 1, FRAMES)
    assert min(map(overlap, large.xywh_px / 3, found.xywh_px)) > 0.8


def test_stretches_with_their_context_are_the_whole_and_threads_do_not_tell(frames, found):
    cuts = [(1, 3), (4, 11), (12, FRAMES)]
    parts = []
    threads = cv2.getNumThreads()
    try:
        for count, (first, last) in enumerate(cuts, 1):
            cv2.setNumThreads(count)
            parts.append(
                detect_motion(iter(frames[max(0, first - 1 - REACH_FRAMES) : last + REACH_FRAMES]), first, last)
            )
    finally:
        cv2.setNumThreads(threads)
    assert pack_detections(join_detections(parts)) == pack_detections(found)


@pytest.mark.parametrize("kind", ["handheld", "static"])
def test_a_moving_camera_alone_moves_nothing(kind):
    """handheld: boxes on a desk before a wall, and a blurred one; parallax is no motion of its own."""
    plate = make_plate(kind, size_px=(320, 180), frame_count=10, span=0.25)
    found = detect_motion(luma_frames(plate), 1, 10)
    assert np.prod(found.xywh_px[:, 2:], 1).sum() < 0.01 * 10 * 320 * 180


@pytest.mark.parametrize("grey, count", [(0, 12), (128, 1), (255, 2)])
def test_nothing_to_see_and_too_few_frames_give_no_boxes(grey, count):
    plain = [(frame, np.full((90, 160), grey, np.uint8)) for frame in range(count)]
    assert len(detect_motion(iter(plain), 0, count - 1)) == 0
