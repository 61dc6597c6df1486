"""Stabilization: the numbers against known motion, and rendered pictures that stand still."""

import os
import subprocess

import cv2
import numpy as np
import pytest

from helpers.measures.slip import read_exr
from helpers.plates.comp_pictures import pictures
from helpers.plates.simulated import simulate
from helpers.shows.blend_shot import FRAMES, SIZE, STMAP, BlendShot, make_blend_shot
from shotmake.errors import ShotError
from shotmake.scene.stabilization import Stabilization, stabilize
from shotmake.tasks.blender.private_blender import find_python, make_command_line
from shotmake.tracks.find_tracks import select_named
from shotmake.tracks.markers import DISABLED, Tracks

HD, FIRST = (1920, 1080), 1001
PLACES = np.array([x + 1j * y for x in (-900, 0, 900) for y in (-500, 0, 500)])  # of the picture, its centre 0, y up
# how the plate's pattern is turned (clockwise as seen), grown and moved in the three frames
TURN_DEG, GROWTH, MOVE_PX = (4.0, -3.0, 6.0), (1.02, 0.96, 1.05), ((6.3, -9.6), (-14.2, 5.1), (21.7, 12.4))


def shaken_tracks(frames: int = 48, number: int = 500, reference: int = 12) -> tuple[Tracks, np.ndarray, np.ndarray]:
    """Tracks of a plate that moves as similarities do, and the true grow (N,) and shift (N,) that undo it.

    A quarter of the tracks rides on something else, in 3 % of the markers the tracker is far off; they live 30 frames.
    """
    random = np.random.default_rng(3)
    time = np.arange(frames)
    grow = (1 + 0.1 * np.sin(time / 13) + 0.002 * time) * np.exp(1j * np.radians(3 * np.sin(time / 9) + 0.05 * time))
    move = 80 * np.sin(time / 7) + 3 * time + 50j * np.cos(time / 5)
    rows = []
    for track in range(number):
        begin = int(random.integers(-30, frames))
        alive = np.arange(max(begin, 0), min(begin + 8 + int(random.exponential(30)), frames))
        if not len(alive):
            continue
        start = random.uniform(-960, 960) + 1j * random.uniform(-540, 540)
        there = grow[alive[0]] * (start + move[alive[0]]) + (random.random() < 0.25) * (2 + 1j) * (alive - alive[0])
        place = there / grow[alive] - move[alive] + 0.03 * (random.standard_normal((len(alive), 2)) @ [1, 1j])
        place += (random.random(len(alive)) < 0.03) * (random.normal(0, 30, (len(alive), 2)) @ [1, 1j])
        rows += [
            (track, frame + FIRST, one.real + 960, 540 - one.imag) for frame, one in zip(alive, place, strict=True)
        ]
    values = np.array(rows)
    tracks = Tracks.from_markers(values[:, 0], values[:, 1], values[:, 2:])
    return tracks, grow / grow[reference], grow * move / grow[reference] - move[reference]


def moved_by(found: Stabilization) -> np.ndarray:
    """(N, 9) where Translate, Rotate and Scale bring PLACES."""
    shift = found.translate_px @ [1, 1j]
    return (found.scale * np.exp(1j * found.rotation_rad))[:, None] * (PLACES + shift[:, None])


def test_known_motion_is_found_despite_things_that_move_and_tracks_that_come_and_go():
    tracks, grow, shift = shaken_tracks()
    found = stabilize(tracks, HD, (FIRST, FIRST + 47), FIRST + 12)
    assert found.frames.tolist() == list(range(FIRST, FIRST + 48))
    error_px = np.abs(moved_by(found) - grow[:, None] * PLACES - shift[:, None])
    assert error_px[:, 4].max() < 0.02 and error_px.max() < 0.06
    assert np.degrees(np.abs(found.rotation_rad - np.angle(grow))).max() < 0.005
    assert (found.scale[12], found.rotation_rad[12], *found.translate_px[12]) == (1, 0, 0, 0)


def test_frames_that_nobody_tracked_move_as_those_around_and_repeated_ones_as_the_one_before():
    tracks, grow, shift = shaken_tracks()
    gap, repeated = {FIRST + 20, FIRST + 21}, {FIRST + 30, FIRST + 47}
    left = tracks.select(~np.isin(tracks.frame, list(gap | repeated)))
    span = (FIRST, FIRST + 47)
    found = stabilize(left, HD, span, FIRST + 12, skipped=gap | repeated, repeated=repeated)
    whole = stabilize(tracks, HD, span, FIRST + 12)
    assert found.frames.tolist() == whole.frames.tolist()
    moved, of_whole = moved_by(found), moved_by(whole)
    seen = ~np.isin(found.frames, list(gap | repeated))
    assert np.abs(moved - of_whole)[seen].max() < 0.1
    for at in (30, 47):
        assert np.array_equal(moved[at], moved[at - 1])
    third = found.translate_px[19] + (found.translate_px[22] - found.translate_px[19]) / 3
    assert np.abs(found.translate_px[20] - third).max() < 1e-9
    with pytest.raises(ShotError, match=f"found {FIRST + 20}, which nobody tracks"):
        stabilize(left, HD, span, FIRST + 20, skipped=gap | repeated)
    with pytest.raises(ShotError, match=f"in frame {FIRST + 21} that tie it to the reference frame {FIRST + 12}"):
        stabilize(left, HD, span, FIRST + 12, skipped={FIRST + 20})


def test_parallax_makes_no_frame_jump_and_none_shrink():
    """Where no similarity fits, the picture still has to move as softly as the plate, and keep its size."""
    shot = simulate("orbit", seed=1, frame_count=72, span_deg=30, white_px=0.02, drift_px=0.0, life_frames=20)
    tracks, (width, height) = shot.tracks, shot.size_px
    found = stabilize(tracks, shot.size_px, shot.frames, 24)
    place = tracks.xy_px[:, 0] - width / 2 + 1j * (height / 2 - tracks.xy_px[:, 1])
    at = tracks.frame - shot.frames[0]
    still = found.scale[at] * np.exp(1j * found.rotation_rad[at]) * (place + (found.translate_px @ [1, 1j])[at])

    def jerk_px(places: np.ndarray) -> np.ndarray:
        """(70,) how much the picture as a whole changes its pace, in each frame but the first and last."""
        same = (tracks.track_id[2:] == tracks.track_id[:-2]) & (tracks.frame[2:] - tracks.frame[:-2] == 2)
        change, frame = (places[2:] - 2 * places[1:-1] + places[:-2])[same], at[1:-1][same]
        return np.array([np.hypot(*np.median([part[frame == one] for part in (change.real, change.imag)], axis=1))
                         for one in range(1, 71)])  # fmt: skip

    assert jerk_px(still).max() < jerk_px(place).max()
    assert np.median(jerk_px(still)) < 0.2 * np.median(jerk_px(place))
    assert np.abs(found.scale[20:29] - 1).max() < 0.02


def test_frames_that_share_no_track_with_the_reference_come_in_through_others():
    place = np.random.default_rng(0).uniform(0, 500, (6, 2))
    rows = [
        (at, frame, *(place[at] + 3.0 * frame)) for frame in range(1, 13) for at in range(6) if at // 2 == frame // 5
    ]
    rows += [(at, frame, *(place[at] + 3.0 * frame)) for frame, at in ((5, 0), (5, 1), (10, 2), (10, 3))]
    values = np.array(sorted(rows))
    tracks = Tracks.from_markers(values[:, 0], values[:, 1], values[:, 2:])
    found = stabilize(tracks, (640, 360), (1, 12), None)
    np.testing.assert_allclose(found.translate_px, np.arange(12)[:, None] * (-3.0, 3.0), atol=1e-3)
    with pytest.raises(
        ShotError, match=r"tracks: found 1 of the chosen tracks in frame 6 that tie it to the reference.*: choose more$"
    ):
        stabilize(tracks.select((tracks.track_id != 2) | (tracks.frame > 5)), (640, 360), (1, 12), None)


CURE_OF_ALL = "shorten shot.footage.frame_range, or place tracks by hand (tracking.manual)"


def test_who_has_chosen_all_tracks_is_not_told_to_choose_more():
    tracks, _, _ = shaken_tracks(frames=6, number=60, reference=0)
    flash = tracks.select(tracks.frame != FIRST + 3)
    with pytest.raises(ShotError) as caught:
        stabilize(flash, HD, (FIRST, FIRST + 5), None, are_all=True)
    assert str(caught.value).endswith(f"; needed two in every frame: {CURE_OF_ALL}")
    meet = tracks_at(np.array([[[5, 5], [6, 6]], [[9, 5], [6, 6]]]))
    with pytest.raises(ShotError) as caught:
        stabilize(meet, HD, (FIRST, FIRST + 1), None, are_all=True)
    assert str(caught.value).endswith(f"; needed two that stay apart: {CURE_OF_ALL}")


def test_disabled_markers_do_not_count_and_a_far_reference_is_refused():
    tracks, _, _ = shaken_tracks(frames=6, number=60, reference=0)
    off = Tracks.from_markers(tracks.track_id, tracks.frame, tracks.xy_px, status=np.full(len(tracks), DISABLED))
    both = Tracks.from_markers(
        *(np.concatenate([vars(tracks)[name], vars(off)[name]]) for name in ("track_id", "frame")),
        np.concatenate([tracks.xy_px, off.xy_px + 40]), status=np.concatenate([tracks.status, off.status]),
    )  # fmt: skip
    span = FIRST, FIRST + 5
    alone, among = stabilize(tracks, HD, span, None), stabilize(both, HD, span, None)
    np.testing.assert_array_equal(alone.translate_px, among.translate_px)
    with pytest.raises(ShotError, match="found 0 of the chosen tracks in frame 1002"):
        stabilize(off, HD, span, None)
    with pytest.raises(ShotError, match="frame: found 7; the shot has the frames 1001 to 1006"):
        stabilize(tracks, HD, span, 7)


def test_tracks_are_chosen_by_group_and_name():
    tracks = Tracks.from_markers([1, 2, 3], [1, 1, 1], np.zeros((3, 2)), status=[0, 0, DISABLED])
    told = {"1": {"groups": ["roof"]}, "2": {"name": "sign"}, "3": {"name": "lamp", "groups": ["extras"]}}
    for chosen, ids in (("all", [1, 2]), ("roof", [1]), (["roof", "sign"], [1, 2]), (["sign", "lamp"], None)):
        if ids is None:
            with pytest.raises(ShotError, match="tracks: found lamp, which has no enabled track"):
                select_named(tracks, chosen, told, "composite.stabilization.tracks")
        else:
            assert select_named(tracks, chosen, told, "").track_id.tolist() == ids


@pytest.fixture(scope="module")
def shaken(tmp_path_factory) -> tuple[BlendShot, list[np.ndarray], dict]:
    """A shot whose plate is one pattern in three places: its pictures, and the block that brings them together."""
    shot = make_blend_shot(tmp_path_factory.mktemp("shaken") / "show")
    centres = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), -1)
    spots = np.random.default_rng(1).uniform((-40, -40), (680, 400), (60, 2))
    plates, markers = [], []
    for frame, turn_deg, growth, move_px in zip(FRAMES, TURN_DEG, GROWTH, MOVE_PX, strict=True):
        angle, middle = np.radians(turn_deg), np.array(SIZE) / 2
        turn = growth * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        plates.append(pattern((centres - middle - move_px) @ np.linalg.inv(turn).T))
        assert cv2.imwrite(str(shot.root / "footage" / f"plate.{frame}.png"), np.repeat(plates[-1][..., None], 3, 2))
        markers.append((spots - middle) @ turn.T + middle + move_px)
    tracks = Tracks.from_markers(np.tile(np.arange(60), 3), np.repeat(FRAMES, 60), np.concatenate(markers))
    return shot, plates, stabilize(tracks, SIZE, (FRAMES[0], FRAMES[-1]), FRAMES[1]).to_json()


def pattern(xy_px: np.ndarray) -> np.ndarray:
    """(H, W) uint8 grey: waves of 8 px and longer."""
    random = np.random.default_rng(4)
    waves, phases = random.uniform(-0.088, 0.088, (40, 2)), random.uniform(0, 2 * np.pi, 40)
    parts = [np.sin(2 * np.pi * xy_px @ wave + phase) for wave, phase in zip(waves, phases, strict=True)]
    return np.round(np.clip(120 + 4 * np.sum(parts, 0), 0, 255)).astype(np.uint8)


def slid_px(still: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(2,) how far a piece of a picture has slid, by least squares on its slopes."""
    down, right = np.gradient(still)
    slopes = np.stack([right.ravel(), down.ravel(), np.ones(still.size)], 1)
    return np.linalg.lstsq(slopes, (still - moved).ravel(), rcond=None)[0][:2]


def bare(sheet: dict) -> None:
    sheet["composite"]["shadow_catcher"] = False
    sheet["subject"]["kind"] = "none"


def test_a_stabilised_plate_stands_still_and_is_empty_beyond_its_border(shaken):
    shot, plates, block = shaken

    def hold(sheet: dict) -> None:
        bare(sheet)
        sheet["stabilization"] = {**block, "put_back": False}

    held = pictures(shot.build("held", hold), ending="png")
    for picture in held:
        for left, top in ((120, 60), (420, 60), (120, 190), (400, 180), (256, 116)):
            place = np.s_[top : top + 100, left : left + 100]
            slid = slid_px(plates[1][place].astype(float), picture[..., 0][place].astype(float))
            assert np.hypot(*slid) < 0.05, slid
    assert (held[1] == np.dstack([plates[1]] * 3 + [np.full_like(plates[1], 255)])).mean() > 0.8
    assert not held[2][:3, :3].any()
    rendered = layered(shot, FRAMES[0])  # as `doit render` writes it
    linear = 255 * np.clip(rendered[..., :3], 0, 1)
    shown = np.where(linear <= 0.798, 12.92 * linear, 255 * 1.055 * (linear / 255) ** (1 / 2.4) - 14.025)
    solid = held[0][..., 3] == 255  # a PNG is not premultiplied
    assert np.abs(shown - held[0][..., 2::-1])[solid].max() < 2
    assert np.abs(rendered[..., 3] - held[0][..., 3] / 255).max() < 0.01


def layered(shot: BlendShot, frame: int) -> np.ndarray:
    """(H, W, 4) of the EXR that render_shot.py writes of the sheet "held"."""
    out, scratch = shot.root / "held.exr", shot.root / ".gsd-state" / "composites" / "scratch.blend"
    words = ["--project", shot.root, "--sheet", shot.root / "held.json", "--stmap", STMAP.replace("shot", "held")]
    words += ["--scratch", scratch, "--answers", 1, "--threads", 1]
    command = make_command_line("render_shot.py", [str(word) for word in words], None, os.environ["BLENDER_OF_TESTS"])
    subprocess.run(command, check=True, capture_output=True, text=True, input=f"{frame} {out}\n")
    return read_exr(out)[..., :4]


UNMUTE = """
import sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[-1])
for node in bpy.context.scene.node_tree.nodes:
    node.mute = False
bpy.ops.wm.save_mainfile()
"""


def test_what_is_put_back_is_the_plate_with_and_without_a_place_to_paint_in(shaken):
    shot, plates, block = shaken

    def round_trip(sheet: dict) -> None:
        bare(sheet)
        sheet["stabilization"] = {**block, "put_back": True}

    def check(at_most: int, border_px: int) -> None:
        inner = np.s_[border_px : SIZE[1] - border_px, border_px : SIZE[0] - border_px]
        for picture, plate in zip(pictures(blend, ending="png"), plates, strict=True):
            difference = np.abs(picture[inner][..., :3].astype(int) - plate[inner][..., None])
            assert difference.max() <= at_most and (picture[inner][..., 3] == 255).all()

    blend = shot.build("back", round_trip)
    check(at_most=1, border_px=0)
    subprocess.run([find_python(os.environ["BLENDER_OF_TESTS"]), "-c", UNMUTE, blend], check=True, capture_output=True)
    check(at_most=2, border_px=3)  # now each half is resampled on its own


def tracks_at(paths_px: np.ndarray) -> Tracks:
    """Of (T, N, 2) places in N frames from FIRST on."""
    count, frames = paths_px.shape[:2]
    at = np.repeat(np.arange(count), frames), np.tile(FIRST + np.arange(frames), count)
    return Tracks.from_markers(*at, paths_px.reshape(-1, 2))


def test_a_shot_of_one_frame_stands_still():
    found = stabilize(tracks_at(np.array([[[3, 4]], [[500, 70]]])), HD, (FIRST, FIRST), None)
    np.testing.assert_array_equal(moved_by(found), [PLACES])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["meet in the reference frame", "meet in another", "are one", "lie on a line", "tiny"])
def test_tracks_that_meet_or_hardly_differ_give_finite_numbers_or_are_refused(kind, seed):
    random = np.random.default_rng(seed)
    paths_px = random.uniform(0, 900, (random.integers(1, 6), 1, 2)) + random.normal(
        0, 3, (1, random.integers(2, 6), 2)
    )
    paths_px = paths_px + random.normal(0, 1, (len(paths_px), paths_px.shape[1], 2))
    if kind == "meet in the reference frame":
        paths_px[:, 0] = paths_px[0, 0]
    elif kind == "meet in another":
        paths_px[:, -1] = paths_px[0, -1]
    elif kind == "are one":
        paths_px[:] = paths_px[:1]
    elif kind == "lie on a line":
        paths_px[..., 1] = 5
    else:
        paths_px *= 1e-30
    try:
        found = stabilize(tracks_at(paths_px), HD, (FIRST, FIRST + paths_px.shape[1] - 1), None)
    except ShotError as error:
        assert "composite.stabilization.tracks: found" in error.faults[0] and "choose more" in error.faults[0]
    else:
        numbers = found.to_json()
        assert all(np.isfinite(values).all() for values in numbers.values()) and min(numbers["scale"]) > 0
