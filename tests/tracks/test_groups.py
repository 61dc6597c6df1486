"""Groups, masks and quality: what the config says of tracks, and what is told of them."""

import re

import numpy as np
import pytest

from shotmake.config.schema import Mask
from shotmake.config.track_annotations import read_groups, read_manual, read_shapes
from shotmake.errors import ShotError
from shotmake.tracks.groups import manage
from shotmake.tracks.markers import DISABLED, TRACKED, Tracks, load_tracks, load_weights, save_tracks
from shotmake.tracks.mask import COVERED, draw_mask, interpolate_shape, remove_masked, sample_mask
from shotmake.tracks.quality import find_jumping, make_quality

pytestmark = pytest.mark.fast

WIDTH_PX = 160


def grid_of_tracks(frames: int = 12) -> Tracks:
    """Nine tracks on a grid that drift to the right."""
    ids, numbers, places = [], [], []
    for track in range(9):
        for frame in range(1, frames + 1):
            ids.append(track)
            numbers.append(frame)
            places.append((20 + 40 * (track % 3) + frame, 20 + 40 * (track // 3)))
    return Tracks.from_markers(ids, numbers, places, quality=np.full(len(ids), 0.1))


def test_picks_boxes_and_names_find_their_tracks():
    groups, faults = read_groups({
        "pick": [{"frame": 5, "xy_px": [26, 21]}],
        "box": {"tracks": [{"frame": 5, "box_px": [0, 90, 200, 120]}], "weight": 4, "color": [1, 0, 0]},
        "named": {"tracks": ["corner"], "status": "disabled"},
    })  # fmt: skip
    managed = manage(grid_of_tracks(), groups, {"corner": 4}, WIDTH_PX)
    assert faults == []
    assert managed.members == {"pick": [0], "box": [6, 7, 8], "named": [4]}
    assert managed.weights == {6: 4.0, 7: 4.0, 8: 4.0} and managed.colors[7] == [1, 0, 0]
    by_track = {track: managed.tracks.select(managed.tracks.track_id == track) for track in range(9)}
    assert (by_track[4].status == DISABLED).all() and (by_track[0].status == TRACKED).all()
    assert by_track[7].quality == pytest.approx(0.05) and by_track[0].quality == pytest.approx(0.1)


def test_weights_go_with_the_tracks_and_leave_those_without_any_as_they_were(tmp_path):
    groups, _ = read_groups({"box": {"tracks": [{"frame": 5, "box_px": [0, 90, 200, 120]}], "weight": 4}})
    managed = manage(grid_of_tracks(), groups, {}, WIDTH_PX)
    weighted, plain = tmp_path / "weighted.npz", tmp_path / "plain.npz"
    weighted.write_bytes(save_tracks(managed.tracks, managed.weights))
    plain.write_bytes(save_tracks(managed.tracks))
    assert load_weights(weighted) == {6: 4.0, 7: 4.0, 8: 4.0} and load_weights(plain) == {}
    assert save_tracks(load_tracks(weighted)) == plain.read_bytes() == save_tracks(managed.tracks, {})


def test_deleted_tracks_go_and_weight_0_disables():
    blocks = {"a": {"tracks": [{"frame": 1, "box_px": [0, 0, 200, 30]}], "status": "deleted"},
              "b": {"tracks": [{"frame": 1, "xy_px": [21, 60]}], "weight": 0}}  # fmt: skip
    managed = manage(grid_of_tracks(), read_groups(blocks)[0], {}, WIDTH_PX)
    assert set(managed.tracks.track_id.tolist()) == set(range(3, 9)) and managed.members["a"] == []
    assert set(managed.tracks.track_id[managed.tracks.status == DISABLED].tolist()) == {3}


@pytest.mark.parametrize(
    ("blocks", "key", "words"),
    [
        ({"a": 5}, "tracking.groups.a", "needed a list of picks"),
        ({"a": [{"frame": 1}]}, "tracking.groups.a.tracks", "found {frame}; needed {frame, xy_px"),
        ({"a": {"tracks": [], "weight": -1}}, "tracking.groups.a.weight", "found -1"),
        ({"a": {"color": [1, 2, 3]}}, "tracking.groups.a.color", "each 0 to 1"),
        ({"a": {"status": "gone"}}, "tracking.groups.a.status", "allowed: enabled, disabled, deleted"),
    ],
)
def test_wrong_groups_are_named(blocks, key, words):
    ((found, message),) = read_groups(blocks)[1]
    assert found == key and words in message


def test_manual_tracks_have_keys_under_one_name():
    blocks = [{"name": "a", "frame": 9, "xy_px": [1, 2], "weight": 2}, {"name": "a", "frame": 3, "xy_px": [4, 5]}]
    (track,), faults = read_manual(blocks)
    assert faults == [] and track.keys == {3: [4, 5], 9: [1, 2]} and track.weight == 2
    wrong = [{"name": "a"}, {"name": "b", "frame": 1, "xy_px": [1]}, 7,
             {"name": "c", "frame": 1, "xy_px": [1, 2], "motion_model": "x", "color": 5}]  # fmt: skip
    keys = [key for key, _ in read_manual(wrong)[1]]
    assert keys == [*(f"tracking.manual[{n}]" for n in (0, 1, 2)), "tracking.manual[3].motion_model",
                    "tracking.manual[3].color"]  # fmt: skip


def test_a_pick_that_finds_nothing_is_a_fault():
    (group,), _ = read_groups({"a": [{"frame": 3, "xy_px": [150, 60]}]})
    line = "found no track at [150, 60] in frame 3: the nearest is 47.0 px off; needed one within 5.0 px"
    with pytest.raises(ShotError, match=f"^tracking.groups.a: {re.escape(line)}$"):
        manage(grid_of_tracks(), (group,), {}, WIDTH_PX)
    near, _ = read_groups({"a": [{"frame": 3, "xy_px": [108.02, 60]}]})  # the nearest is at 103, 60
    with pytest.raises(ShotError, match="the nearest is 5.02 px off; needed one within 5.0 px"):
        manage(grid_of_tracks(), near, {}, WIDTH_PX)
    with pytest.raises(ShotError, match="^tracking.groups.a: found x, which is no track's name; there are: y$"):
        manage(grid_of_tracks(), read_groups({"a": ["x"]})[0], {"y": 1}, WIDTH_PX)


def test_quality_names_what_is_wrong():
    tracks = grid_of_tracks()
    xy_px, worth, frames = tracks.xy_px.copy(), tracks.quality.copy(), tracks.frame
    xy_px[(tracks.track_id == 5) & (frames == 6)] += (0, 8)  # jumps there and back
    worth[tracks.track_id == 2] = 0.7
    short = ~((tracks.track_id == 7) & (frames > 4))
    changed = Tracks(tracks.track_id, frames, xy_px, worth, tracks.status).select(short)
    managed = manage(changed, read_groups({"off": {"tracks": ["m"], "status": "disabled"}})[0], {"m": 1}, WIDTH_PX)
    told = make_quality(managed, {1: "m"}, np.array([[3, 7]]), (160, 120), (1, 12))
    assert told["jumping_tracks"] == ["track_00005"] and told["poor_tracks"] == ["track_00002"]
    assert told["short_tracks"] == ["track_00007"] and told["disabled_tracks"] == ["m"]
    assert told["tracks"] == 8 and told["tracks_per_frame_min"] == 7 and told["groups"] == {"off": ["m"]}
    assert told["anchor_renewals"] == {"track_00003": [7]}
    assert told["per_track"] == {"1": {"name": "m", "groups": ["off"]}}


def test_a_bump_of_the_camera_is_no_jump():
    tracks = grid_of_tracks()
    xy_px = tracks.xy_px + np.where(tracks.frame == 6, 9, 0)[:, None]
    assert len(find_jumping(Tracks(tracks.track_id, tracks.frame, xy_px, tracks.quality, tracks.status))) == 0


def test_no_tracks_have_a_quality_too():
    nobody = manage(grid_of_tracks().select(np.zeros(0, int)), (), {}, WIDTH_PX)
    told = make_quality(nobody, {}, np.zeros((0, 2), int), (160, 120), (1, 12))
    assert told["tracks"] == 0 and told["frames_under_8"] == list(range(1, 13))


def test_shapes_move_between_keyframes_and_are_drawn_where_they_are():
    square = [[10, 10], [20, 10], [20, 20], [10, 20]]
    moved = [[x + 10, y] for x, y in square]
    keys = [{"frame": 11, "points_px": moved}, {"frame": 1, "points_px": square}]
    (shape,), faults = read_shapes([{"name": "actor", "keys": keys}])
    assert faults == []
    assert interpolate_shape(shape, 6)[0].tolist() == [15, 10] and interpolate_shape(shape, 99)[0].tolist() == [20, 10]
    mask = draw_mask(6, (40, 30), (shape,), None, Mask())
    assert mask.shape == (30, 40)
    xy_px = np.array([[15.6, 10.6], [24.4, 19.4], [14.0, 15.0], [26.5, 15.0], [20.0, 8.5], [-5.0, 15.0], [99.0, 5.0]])
    assert sample_mask(mask, xy_px).tolist() == [COVERED, COVERED, 0, 0, 0, 0, 0]
    turned = draw_mask(6, (40, 30), (shape,), None, Mask(invert=True))
    assert (turned == ~mask).all()


def test_a_mask_keeps_tracks_out_of_its_bright_part_at_any_size():
    mask_luma = np.zeros((15, 20), np.uint8)
    mask_luma[5:10, 5:10] = 255
    mask = draw_mask(1, (40, 30), (), lambda frame: mask_luma, Mask())
    assert sample_mask(mask, np.array([[12.0, 12.0], [30.0, 12.0]])).tolist() == [COVERED, 0]


def test_tracks_of_another_tracker_lose_what_is_masked():
    """One comes from the free, through the feather, into the mask; one never leaves the feather."""
    mask = np.array([[0, 0, 100, 100, COVERED, COVERED]], np.uint8)
    comes, never = [[1.5, 0.5], [2.5, 0.5], [4.5, 0.5]], [[3.5, 0.5], [2.5, 0.5]]
    tracks = Tracks.from_markers([1, 1, 1, 2, 2], [1, 2, 3, 1, 2], [*comes, *never])
    left = remove_masked(tracks, lambda frame: mask)
    assert left.track_id.tolist() == [1, 1] and left.xy_px.tolist() == comes[:2]
    assert remove_masked(tracks, lambda frame: None).xy_px.tolist() == tracks.xy_px.tolist()


@pytest.mark.parametrize(
    "block", [{"points_px": [[1, 1], [2, 2]]}, {"keys": []}, {"keys": [{"frame": 1}]}, {"circle": 5}, {"points_px": 3}]
)
def test_a_wrong_shape_is_named(block):
    shapes, faults = read_shapes([{"points_px": [[0, 0], [1, 0], [1, 1]]}, block])
    assert len(shapes) == 1 and [key for key, _ in faults] == ["tracking.mask.shapes[1]"]
