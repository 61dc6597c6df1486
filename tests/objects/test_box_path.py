"""A box that things are pinned to: smooth, on time, and of the object that was asked for."""

import numpy as np
import pytest

from helpers.shows.blend_shot import LENS, SIZE
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.objects.smoothed_boxes import choose_path, make_box_path, smooth_px
from shotmake.objects.tracklet_file import DETECTED, Tracklet
from shotmake.scene.corner_pin import Field, pin_of_box
from shotmake.scene.stabilization import stabilize_box

pytestmark = pytest.mark.fast

TIME = np.arange(240)
FIELD = Field(LENS, SIZE, (20, 12))


def walker() -> np.ndarray:
    """(240, 4) boxes of one who comes nearer, turns round and bobs in steps of 12 frames."""
    height = 90 + 0.25 * TIME
    centre = np.stack([300 + 180 * np.sin(TIME / 40), 160 + 0.1 * TIME + 2 * np.sin(2 * np.pi * TIME / 12)], 1)
    size = np.stack([0.4 * height + 6 * np.sin(2 * np.pi * TIME / 24), height], 1)
    return np.concatenate([centre - size / 2, size], 1)


def tracklet(track_id: int, frames, boxes) -> Tracklet:
    return Tracklet("main", track_id, np.asarray(frames), np.asarray(boxes, float), (DETECTED,) * len(frames), "person")


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def test_a_noisy_box_is_smoothed_by_half_and_comes_neither_late_nor_early():
    truth, random = walker(), np.random.default_rng(0)
    jitter = random.normal(0, 1.5, (100, *truth.shape))  # of a detector: a pixel or two, on each side by itself
    errors = np.stack([smooth_px(truth + noise) - truth for noise in jitter])
    assert rms(errors) < 0.57 * rms(jitter)
    assert rms(errors[:, [0, -1]]) < 0.95 * rms(jitter)  # at the ends a parabola knows one side only
    lag_frames = (errors[:, 1:-1, 0] * np.gradient(truth[:, 0])[1:-1]).mean() / (np.gradient(truth[:, 0]) ** 2).mean()
    assert abs(lag_frames) < 0.01
    assert rms(smooth_px(truth) - truth) < 0.15  # what it costs where there is no noise


def test_what_moves_evenly_or_falls_is_left_where_it_is_also_across_a_gap():
    even = np.stack([5 + 3.0 * TIME, 300 - 4 * TIME + 0.05 * TIME**2, 40 + 0 * TIME, 80 + 0.1 * TIME], 1)
    np.testing.assert_allclose(smooth_px(even), even, atol=1e-9)
    across = even.copy()  # a tracklet's coasted frames lie on the line between the detections around them
    across[100:130] = even[99] + (even[130] - even[99]) * (np.arange(1, 31) / 31)[:, None]
    gone = np.abs(smooth_px(across) - across).max(1)
    assert gone[105:125].max() < 1e-9 and gone.max() < 1.0 and gone[:90].max() < 1e-9


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 9])
def test_a_short_one_is_smoothed_as_far_as_it_goes(count):
    boxes = np.random.default_rng(count).uniform(1, 9, (count, 4))
    smooth = smooth_px(boxes)
    assert smooth.shape == boxes.shape and (smooth[:, 2:] >= boxes[:, 2:].min(0)).all()
    assert np.array_equal(smooth, boxes) or count > 2


def test_where_the_shot_begins_and_ends_changes_no_box():
    whole, part = (make_box_path(tracklet(1, range(1, 241), walker()), frames) for frames in ((1, 240), (50, 60)))
    np.testing.assert_array_equal(part.xywh_px, whole.xywh_px[49:60])


def test_an_object_that_is_not_there_is_refused_with_those_that_are():
    made = [tracklet(1, range(1001, 1011), walker()[:10]), tracklet(7, range(1020, 1030), walker()[:10])]
    assert choose_path(made, 7, (1001, 1025), "k").frames.tolist() == list(range(1020, 1026))
    with pytest.raises(ShotError, match=r"k: found no object 3 in the frames 1001 to 1025; there are: 1, 7"):
        choose_path(made, 3, (1001, 1025), "k")
    with pytest.raises(ShotError, match="no object 7 in the frames 1001 to 1010; there are: 1$"):
        choose_path(made, 7, (1001, 1010), "k")
    with pytest.raises(ShotError, match="there is none"):
        choose_path([], 7, (1001, 1010), "k")


def test_a_pin_has_the_boxes_corners_without_the_lens_and_is_hidden_where_it_is_gone():
    even = np.stack([200 + 2.0 * TIME[:20], 100 + TIME[:20], 60 + 0 * TIME[:20], 120 + TIME[:20]], 1)
    path = make_box_path(tracklet(1, range(1005, 1025), even), (1001, 1030))
    pin = pin_of_box(path, (1001, 1030), FIELD)
    assert pin.frames[pin.visible].tolist() == list(range(1005, 1025))
    x, y, width, height = even[3]
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    np.testing.assert_allclose(pin.corners[7], FIELD.to_relative(FIELD.to_undistorted_px(corners)), atol=1e-9)
    np.testing.assert_array_equal(pin.corners[:4], np.repeat(pin.corners[4:5], 4, 0))  # where it comes from nowhere


def test_a_box_that_leaves_the_plate_goes_on_where_the_lens_folds_over():
    field = Field(Lens(540, 540, 320, 180, k1=-0.25), SIZE, (0, 0))
    along = np.stack([np.linspace(400, 1200, 801), np.linspace(300, 480, 801)], 1)
    with pytest.raises(ShotError, match="fold over"):
        field.to_undistorted_px(along)
    straight = field.to_straight_px(along)
    steps_px = np.linalg.norm(np.diff(straight, axis=0), axis=1)
    assert steps_px.min() > 0.9 and steps_px.max() < 2.0  # it neither stops nor jumps
    inside = (along[:, 0] < 640) & (along[:, 1] < 360)
    np.testing.assert_allclose(straight[inside], field.to_undistorted_px(along[inside]), atol=1e-9)


def test_an_object_held_still_stands_as_high_as_in_the_reference_frame():
    size_px, first, boxes = (1920, 1080), 1001, walker()
    path = make_box_path(tracklet(1, range(first + 10, first + 250), boxes), (first, first + 260))
    found = stabilize_box(path.frames, path.marks_px, size_px, (first, first + 260), first + 50)
    centre, top, bottom = np.moveaxis((path.marks_px - np.array(size_px) / 2) * (1, -1), 1, 0)
    grow, shift = found.scale[10:250, None], found.translate_px[10:250]
    np.testing.assert_allclose(grow * (centre + shift), np.tile(centre[40], (240, 1)), atol=1e-9)
    np.testing.assert_allclose(grow * (top - bottom), np.tile((top - bottom)[40], (240, 1)), atol=1e-9)
    assert not found.rotation_rad.any() and found.scale[50] == 1 and not found.translate_px[50].any()
    for gone, nearest in ((np.s_[:10], 10), (np.s_[250:], 249)):
        assert (found.scale[gone] == found.scale[nearest]).all()
        assert (found.translate_px[gone] == found.translate_px[nearest]).all()
    before = stabilize_box(path.frames, path.marks_px, size_px, (first, first + 260), None)
    assert before.scale[0] == before.scale[10] == 1  # in the first frame it is not there yet
    with pytest.raises(ShotError, match="frame: found 7; the shot has"):
        stabilize_box(path.frames, path.marks_px, size_px, (first, first + 260), 7)
