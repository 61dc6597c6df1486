"""The tracker against plates whose truth is known. Bounds are measured figures with slack."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from helpers.plates import synthetic
from shotmake.config import schema
from shotmake.tracks import anchor, follow_newborn_back
from shotmake.tracks import quality as quality_module
from shotmake.tracks import tracker as tracks_module
from shotmake.tracks.groups import manage
from shotmake.tracks.markers import DISABLED, TRACKED, Tracks, join_tracks, save_tracks
from shotmake.tracks.segments import (
    NONE_RENEWED,
    join_renewals,
    join_segments,
    list_segment_spans,
    load_segment,
    pack_handover,
    save_segment,
)
from shotmake.tracks.tracker import clean_tracks, track_plate, track_segment


def quality(tracks: Tracks, size_px: tuple[int, int], first: int, last: int) -> dict:
    """quality.json of tracks nobody manages."""
    return quality_module.make_quality(manage(tracks, (), {}, size_px[0]), {}, NONE_RENEWED, size_px, (first, last))


DETECT, CLEAN = schema.Detect(min_tracks=100), schema.Clean()


@pytest.fixture(scope="session")
def desk():
    """An orbit at 640x360, frames 1001-1040, about 2 px of motion a frame; and its luma frames."""
    plate = synthetic.make_plate("desk", (640, 360), 40, first_frame=1001, span=0.33)
    return plate, list(synthetic.luma_frames(plate))


@pytest.fixture(scope="session")
def desk_tracks(desk):
    return track_plate(desk[1], DETECT, schema.Track(), CLEAN)


@pytest.fixture(scope="session")
def short_desk():
    """A smaller, faster plate of 14 frames for what needs no long tracks."""
    plate = synthetic.make_plate("desk", (480, 270), 14, first_frame=25, span=0.15)
    return plate, list(synthetic.luma_frames(plate))


def ages_and_errors(plate: synthetic.Plate, tracks: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """Of each marker: frames since its track's birth, and px from where the birth's surface point truly is."""
    births = {}
    for row, track in enumerate(tracks.track_id.tolist()):
        births.setdefault(track, row)
    birth = np.array([births[track] for track in tracks.track_id.tolist()])
    errors = np.full(len(tracks), np.nan)
    for born, now in set(zip(tracks.frame[birth].tolist(), tracks.frame.tolist(), strict=True)):
        rows = np.flatnonzero((tracks.frame[birth] == born) & (tracks.frame == now))
        true_px = synthetic.true_position(plate, tracks.xy_px[birth[rows]], born, now)
        errors[rows] = np.linalg.norm(tracks.xy_px[rows] - true_px, axis=1)
    return tracks.frame - tracks.frame[birth], errors


def test_drift_stays_small_with_age(desk, desk_tracks):
    age, error = ages_and_errors(desk[0], desk_tracks)
    old = error[(age >= 20) & (age <= 30)]
    assert len(old) > 500
    p50, p75, p90 = np.nanpercentile(old, [50, 75, 90])
    assert p50 < 0.09 and p75 < 0.15 and p90 < 0.3  # measured 0.06, 0.09, 0.15


def test_anchors_drift_less_than_frame_to_frame_matching(desk, desk_tracks):
    previous = track_plate(desk[1], DETECT, schema.Track(pattern_match="previous"), CLEAN)
    spread = {}
    for name, tracks in (("keyframe", desk_tracks), ("previous", previous)):
        age, error = ages_and_errors(desk[0], tracks)
        spread[name] = np.nanmedian(error[(age >= 20) & (age <= 30)])
    assert spread["keyframe"] < 0.75 * spread["previous"]


def test_quality_predicts_the_true_error(desk, desk_tracks):
    age, error = ages_and_errors(desk[0], desk_tracks)
    judged = (age > 3) & np.isfinite(error)
    promised, error = desk_tracks.quality[judged], error[judged]
    assert 0.5 < np.median(error / promised) < 2.0
    best, worst = promised < np.percentile(promised, 25), promised > np.percentile(promised, 75)
    assert np.median(error[worst]) > 2 * np.median(error[best])


def test_every_frame_keeps_its_tracks(desk_tracks):
    numbers = quality(desk_tracks, (640, 360), 1001, 1040)
    assert numbers["tracks_per_frame_min"] >= 100 and numbers["frames_under_8"] == []
    assert numbers["coverage_min"] > 0.75


def test_ids_are_never_reused_and_types_are_the_files(desk_tracks):
    begins = np.flatnonzero(np.diff(desk_tracks.track_id, prepend=-1) != 0)
    gaps = np.delete(np.diff(desk_tracks.frame, prepend=0), begins)
    assert gaps.min() == 1 and (gaps == 1).mean() > 0.98  # the rest: hidden for a while, found again
    assert desk_tracks.xy_px.dtype == np.float32 and (desk_tracks.status == TRACKED).all()
    assert (desk_tracks.quality > 0).all()


def dots(shift_px: tuple[float, float], size_px: tuple[int, int] = (320, 180)) -> tuple[np.ndarray, np.ndarray]:
    """Soft dots on a jittered lattice, drawn exactly (by formula): (H, W) uint8 luma and their centres (N, 2) px."""
    rng = np.random.default_rng(5)
    centres = np.stack(np.meshgrid(np.arange(30, 300, 30), np.arange(30, 160, 30)), -1).reshape(-1, 2)
    centres = centres + rng.uniform(-4, 4, centres.shape) + shift_px
    x, y = np.arange(size_px[0]) + 0.5, np.arange(size_px[1])[:, None] + 0.5  # pixel centres
    luma = np.full((size_px[1], size_px[0]), 40.0)
    for centre_x, centre_y in centres:
        luma += 160 * np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * 2.5**2))
    return np.clip(luma + 0.5, 0, 255).astype(np.uint8), centres


def test_half_pixel_convention_and_sub_pixel_shifts():
    shifts = [(0.0, 0.0), (0.25, 0.1), (0.5, 0.2), (0.8, 0.3), (1.3, 0.45), (1.9, 0.55)]
    frames = [(number, dots(shift)[0]) for number, shift in enumerate(shifts)]
    tracks = track_plate(frames, schema.Detect(min_tracks=45), schema.Track(), schema.Clean(min_frames=6))
    start = tracks.select(tracks.frame == 0).xy_px
    centres = dots((0, 0))[1]
    nearest = np.linalg.norm(start[:, None] - centres, axis=2).argmin(1)
    offset = start - centres[nearest]
    on_dot = np.linalg.norm(offset, axis=1) < 1.5
    assert on_dot.sum() > 25
    assert np.abs(np.median(offset[on_dot], axis=0)).max() < 0.15  # half a pixel off would show as 0.5
    for number, shift in enumerate(shifts):
        moved = tracks.select(tracks.frame == number).xy_px - start
        assert np.abs(moved[on_dot] - shift).max() < 0.03


def tracked_by_hand(frames, spans, track):
    """Segment by segment, each through its .npz -> [(tracks, handover)]."""
    parts, handover = [], None
    for first, last in spans:
        made = track_segment([f for f in frames if first <= f[0] <= last], handover, DETECT, track)
        parts.append(load_segment(save_segment(*made)))
        assert save_segment(*parts[-1]) == save_segment(*made)
        handover = parts[-1][1]
    return parts


def test_segments_through_their_files_equal_the_whole_plate(short_desk):
    frames, track = short_desk[1], schema.Track(segment_frames=8)
    whole = track_plate(frames, DETECT, track, schema.Clean(min_frames=2))
    spans = list_segment_spans(25, 38, 8)
    parts = tracked_by_hand(frames, spans, track)
    assert spans == [(25, 31), (32, 38)]
    assert [(part.frame.min(), part.frame.max()) for part, _ in parts] == spans
    joined = join_segments([(part, handover.track_id) for part, handover in parts])
    assert save_tracks(clean_tracks(joined, schema.Clean(min_frames=2))) == save_tracks(whole)
    crossing = set(joined.track_id[joined.frame == 31]) & set(joined.track_id[joined.frame == 32])
    assert len(crossing) > 50


def test_what_is_handed_over_knows_no_ids(short_desk):
    """A handover tells the next segment nothing of how many tracks there were before it."""
    frames, track = short_desk[1], schema.Track()
    (_, handover), (following, _) = tracked_by_hand(frames, [(25, 31), (32, 34)], track)
    later = replace(handover, track_id=handover.track_id * 7 + 900, next_id=12345)
    assert pack_handover(later) == pack_handover(handover) != pack_handover(None)
    again, _ = track_segment([f for f in frames if 32 <= f[0] <= 34], later, DETECT, track)
    assert save_tracks(again) == save_tracks(following)
    moved = replace(handover, xy_px=handover.xy_px + np.eye(1, 2) * 1e-9)
    assert pack_handover(moved) != pack_handover(handover)


def test_joining_gives_the_ids_of_the_whole_plate():
    def part(track, frame):
        return Tracks.from_markers(track, frame, np.zeros((len(track), 2)))

    first = part([0, 0, 1, 2, 2], [1, 2, 1, 1, 2]), np.array([0, 2])  # track 1 ended
    second = part([1, 2, 3], [3, 3, 3]), np.array([3, 1])  # 0 (whole: 0) ended at once; 2 and 3 were born
    nothing = part([], []), np.array([], int)
    third = part([0], [5]), np.array([0])
    joined = join_segments([first, second, nothing, third])
    assert joined.track_id.tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 5]
    assert joined.frame.tolist() == [1, 2, 1, 1, 2, 3, 3, 3, 5]
    handed_on = join_segments([first, second, third])
    assert handed_on.frame[handed_on.track_id == 4].tolist() == [3, 5]
    assert len(join_segments([])) == len(join_segments([nothing])) == 0


@pytest.mark.parametrize(
    ("first", "last", "spans"),
    [
        (1, 20, [(1, 7), (8, 15), (16, 20)]),
        (16, 31, [(16, 23), (24, 31)]),
        (1001, 1003, [(1001, 1003)]),
        (7, 8, [(7, 7), (8, 8)]),
        (0, 8, [(0, 7), (8, 8)]),
    ],
)
def test_segments_begin_at_absolute_frames(first, last, spans):
    assert list_segment_spans(first, last, 8) == spans


def test_segment_length_does_not_change_the_way_forward_and_runs_repeat(desk):
    def run(segment_frames: int) -> tuple[bytes, set]:
        tracks = track_plate(desk[1][:30], DETECT, schema.Track(segment_frames=segment_frames), CLEAN)
        return save_tracks(tracks), {xy_px.tobytes() for xy_px in tracks.xy_px.round(1)}

    (short_bytes, short), (long_bytes, long), (again_bytes, _) = (run(n) for n in (8, 64, 64))
    assert long_bytes == again_bytes != short_bytes
    assert len(short - long) < 0.05 * len(short) and len(long) > len(short)  # a longer segment goes back further


def test_tracks_born_later_are_followed_back_to_the_segments_first_frame(desk, monkeypatch):
    plate, frames = desk
    _, handed = track_segment(frames[:3], None, DETECT, schema.Track())
    both, after = track_segment(frames[3:30], handed, DETECT, schema.Track())
    monkeypatch.setattr(follow_newborn_back, "follow_back", lambda *rest: (join_tracks([]), NONE_RENEWED))
    forward, forward_after = track_segment(frames[3:30], handed, DETECT, schema.Track())
    assert pack_handover(after) == pack_handover(forward_after)  # the next segment sees nothing of it

    births = {track: forward.frame[forward.track_id == track].min() for track in np.unique(forward.track_id)}
    earlier = both.select(both.frame < np.array([births[track] for track in both.track_id.tolist()]))
    assert len(both) - len(earlier) == len(forward)
    assert len(earlier) > 100 and earlier.frame.min() == both.frame.min() == 1004
    error = []
    for track in np.unique(earlier.track_id):
        born, now = forward.select(forward.track_id == track), earlier.select(earlier.track_id == track)
        truly = [
            synthetic.true_position(plate, born.xy_px[:1], born.frame[0], frame)[0] for frame in now.frame.tolist()
        ]
        error += np.linalg.norm(np.array(truly) - now.xy_px, axis=1).tolist()
    assert np.nanpercentile(error, 75) < 0.3


def test_frames_that_do_not_fit_in_memory_go_back_in_blocks(desk, monkeypatch):
    frames = desk[1][:24]
    whole, after = track_segment(frames, None, DETECT, schema.Track())
    monkeypatch.setattr(tracks_module, "FRAMES_HELD_BYTES", 8 * frames[0][1].nbytes)
    blocks, blocks_after = track_segment(frames, None, DETECT, schema.Track())
    assert pack_handover(after) == pack_handover(blocks_after)
    assert 0.8 * len(whole) < len(blocks) < len(whole)


def test_a_feature_is_found_again_behind_a_passing_bar(desk):
    """A grey bar, six frames wide in time, hides a part of the picture; its tracks go on under their names."""
    plate, frames = desk
    covered = [(n, luma.copy()) for n, luma in frames[:30]]
    for number, luma in covered:
        if 1012 <= number <= 1016:
            luma[:, 200:330] = 90
    tracks = track_plate(covered, DETECT, schema.Track(), CLEAN)
    before, hidden, again = (tracks.select(tracks.frame == n) for n in (1011, 1014, 1020))
    inside = before.select((before.xy_px[:, 0] > 225) & (before.xy_px[:, 0] < 300))
    names = set(inside.track_id.tolist())
    assert len(names) > 8 and not names & set(hidden.track_id.tolist())
    back = again.select(np.isin(again.track_id, inside.track_id))
    assert len(back) > 0.6 * len(names)
    start = {track: xy for track, xy in zip(inside.track_id.tolist(), inside.xy_px, strict=True)}
    truly = synthetic.true_position(plate, np.array([start[t] for t in back.track_id.tolist()]), 1011, 1020)
    assert np.nanpercentile(np.linalg.norm(truly - back.xy_px, axis=1), 90) < 0.6


def test_anchors_are_renewed_without_a_jump_and_that_is_recorded():
    """A zoom by 3: no anchor lives through it."""
    plate = synthetic.make_plate("planar", (320, 240), 1, noise=0, shutter=0, k1=0, k2=0, seed=11)
    _, picture = next(synthetic.luma_frames(plate))
    picture = cv2.resize(picture, (960, 720), interpolation=cv2.INTER_CUBIC)
    frames, centre, scales = [], np.array([480.0, 360.0]), 1.045 ** np.arange(26)
    for number, scale in enumerate(scales):
        zoom = np.column_stack([np.eye(2) * scale, np.array([160, 120]) - scale * centre])
        small = cv2.warpAffine(picture, zoom, (320, 240), flags=cv2.INTER_AREA)
        frames.append((number, cv2.GaussianBlur(small, (0, 0), 0.8)))
    parts, handover = [], None
    for half in (frames[:13], frames[13:]):
        part, handover = track_segment(half, handover, DETECT, schema.Track())
        parts.append((part, handover))
    renewals = join_renewals(parts)
    tracks = join_segments([(part, handed.track_id) for part, handed in parts])
    assert len(renewals) > 5 and set(renewals[:, 0]) <= set(tracks.track_id.tolist())
    for track, frame in renewals.tolist():
        path = tracks.select((tracks.track_id == track) & (abs(tracks.frame - frame) <= 1))
        if len(path) == 3:
            rays = (path.xy_px - (160, 120)) / scales[path.frame][:, None]  # a zoom keeps these
            assert np.linalg.norm(rays[2] - rays[1]) * scales[frame] < 0.35
    assert frame > 12


def test_no_track_lives_under_a_mask(short_desk):
    hidden = np.zeros((270, 480), np.uint8)
    hidden[:, 240:] = 255

    def mask(frame: int) -> np.ndarray | None:
        return hidden if frame >= 30 else None

    tracks = track_plate(short_desk[1], DETECT, schema.Track(), schema.Clean(min_frames=2), mask_of=mask)
    later = tracks.select(tracks.frame >= 30)
    assert (tracks.xy_px[tracks.frame < 30, 0] > 240).sum() > 30
    assert later.xy_px[:, 0].max() < 240 and len(later) > 100


def test_on_frame_is_told_every_frame(short_desk):
    told = []
    track_plate(short_desk[1], DETECT, schema.Track(), CLEAN, on_frame=told.append)
    assert told == list(range(25, 39))


@pytest.mark.parametrize("model", ["translation", "loc_rot", "loc_rot_scale", "affine", "perspective"])
def test_motion_model_follows_what_it_models(model):
    """A patch turned and scaled by known amounts: each model finds the part that it can express."""
    turn, scale, centre = np.radians(12), 1.15, np.array([100.3, 80.6])
    plate = synthetic.make_plate("planar", (200, 160), 1, noise=0, shutter=0, k1=0, k2=0, seed=11)
    _, luma = next(synthetic.luma_frames(plate))
    image = cv2.GaussianBlur(luma, (0, 0), 1.5)
    true_warp = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = centre - 0.5 - true_warp @ (centre - 0.5) + (0.7, -0.4)
    turned = cv2.warpAffine(image, np.column_stack([true_warp, shift]), (200, 160), flags=cv2.INTER_CUBIC)

    patches, inside = anchor.cut_patches(image, centre[None], schema.Track().pattern_px)
    found = anchor.refine(turned, anchor.prepare(patches, model), centre[None], np.eye(2)[None], np.zeros((1, 2)))
    assert inside.all()
    warp, miss_px = found.warp[0], np.linalg.norm(found.xy_px[0] - centre - (0.7, -0.4))
    if model in ("affine", "loc_rot_scale", "perspective"):
        assert np.abs(warp - true_warp).max() < 0.03 and miss_px < 0.15 and found.correlation[0] > 0.99
    if model == "loc_rot":
        assert np.linalg.det(warp) == pytest.approx(1.0, abs=1e-9)
        assert np.arctan2(warp[1, 0], warp[0, 0]) == pytest.approx(turn, abs=0.05)
    if model == "translation":
        assert (warp == np.eye(2)).all()


def survivors(tracks: Tracks, first: int, last: int) -> int:
    """How many tracks of one frame still live in a later one."""
    return len(set(tracks.track_id[tracks.frame == first]) & set(tracks.track_id[tracks.frame == last]))


def test_freer_motion_models_live_longer(desk, desk_tracks):
    stiff = track_plate(desk[1], DETECT, schema.Track(motion_model="translation"), CLEAN)
    assert survivors(desk_tracks, 1005, 1035) > 1.1 * survivors(stiff, 1005, 1035) > 0


def test_correlation_gate_ends_more_tracks_when_tighter(short_desk):
    loose, usual, tight = (
        survivors(track_plate(short_desk[1], DETECT, schema.Track(correlation_min=gate), CLEAN), 26, 38)
        for gate in (0.0, 0.75, 1.0)  # 1 = every marker below the frame's median
    )
    assert loose >= usual > 2 * tight


def test_flicker_does_not_bias(short_desk):
    plate, frames = short_desk
    gains = {number: (1.0, 0.75, 0.9, 0.6)[number % 4] for number, _ in frames}
    flickering = [
        (number, (luma * gains[number] + 20 * (number % 3)).clip(0, 255).astype(np.uint8)) for number, luma in frames
    ]
    spread = []
    for shot in (frames, flickering):
        tracks = track_plate(shot, DETECT, schema.Track(), CLEAN)
        age, error = ages_and_errors(plate, tracks)
        spread.append(np.nanmedian(error[age >= 6]))
        assert quality(tracks, (480, 270), 25, 38)["tracks_per_frame_min"] > 60
    assert spread[1] < 1.5 * spread[0] + 0.02


def test_one_blurred_frame_does_not_end_all_tracks(short_desk):
    frames = [(n, cv2.GaussianBlur(luma, (0, 0), 2.0) if n == 31 else luma) for n, luma in short_desk[1]]
    tracks = track_plate(frames, DETECT, schema.Track(), CLEAN)
    before, after = (set(tracks.track_id[tracks.frame == n]) for n in (30, 33))
    assert len(before & after) > 0.6 * len(before)


@pytest.mark.parametrize("gap", [(1018, 1019, 1020), (1015, 1016, 1017, 1018, 1019, 1020), (1024,)])
def test_tracks_are_found_again_behind_frames_that_nobody_tracks(desk, desk_tracks, gap):
    """Without the pictures of the gap the tracks go on behind it, as exact as with them."""
    plate, frames = desk
    spoiled = [(number, np.full_like(luma, 40) if number in gap else luma) for number, luma in frames]
    tracks = track_plate(spoiled, DETECT, schema.Track(), CLEAN, bad_frames=gap)
    assert not np.isin(tracks.frame, gap).any()
    through, of_whole = [
        np.intersect1d(one.track_id[one.frame == gap[0] - 1], one.track_id[one.frame == gap[-1] + 1])
        for one in (tracks, desk_tracks)
    ]
    assert len(through) > 0.85 * len(of_whole)
    age, error = ages_and_errors(plate, tracks.select(np.isin(tracks.track_id, through)))
    behind = tracks.select(np.isin(tracks.track_id, through)).frame > gap[-1]
    assert np.nanmedian(error[behind & (age <= 30)]) < 0.1 and np.nanpercentile(error[behind], 95) < 0.5
    lost = track_plate(spoiled, DETECT, schema.Track(), CLEAN)
    assert not np.isin(lost.track_id[lost.frame == gap[0] - 1], lost.track_id[lost.frame == gap[0]]).any()


def test_a_plate_that_begins_and_ends_with_bad_frames_is_tracked_between_them(short_desk):
    frames = short_desk[1]
    numbers = [number for number, _ in frames]
    bad = [*numbers[:3], *numbers[-2:]]
    tracks = track_plate(frames, DETECT, schema.Track(segment_frames=4), CLEAN, bad_frames=bad)
    assert sorted(set(tracks.frame.tolist())) == numbers[3:-2]
    assert np.bincount(tracks.frame)[numbers[3:-2]].min() > 50
    nothing, handover = track_segment(frames[:2], None, DETECT, schema.Track(), bad_frames=bad)
    assert len(nothing) == 0 and len(handover.track_id) == 0


def test_bad_frames_break_no_run():
    ids, frames = np.repeat(0, 8), np.r_[1:5, 7:11]
    tracks = Tracks.from_markers(ids, frames, np.zeros((8, 2)), np.zeros(8))
    clean = schema.Clean(min_frames=8)
    assert len(clean_tracks(tracks, clean)) == 0
    assert len(clean_tracks(tracks, clean, bad_frames=[5, 6, 20])) == 8


def test_no_track_crosses_a_hard_cut(short_desk):
    other = synthetic.make_plate("pan", (480, 270), 8, first_frame=39, span=0.1, seed=3)
    tracks = track_plate(short_desk[1] + list(synthetic.luma_frames(other)), DETECT, schema.Track(), CLEAN)
    before, after = set(tracks.track_id[tracks.frame <= 38]), set(tracks.track_id[tracks.frame >= 39])
    assert len(before) > 100 and len(after) > 100
    assert len(before & after) <= 1


@pytest.mark.parametrize("size_px", [(320, 180), (101, 63), (20, 12)])
def test_featureless_and_tiny_plates_give_no_tracks_and_no_crash(size_px):
    rng = np.random.default_rng(1)
    noisy = (100 + rng.normal(0, 1.5, (6, size_px[1], size_px[0]))).astype(np.uint8)
    for luma in (np.zeros_like(noisy), noisy):
        tracks = track_plate(enumerate(luma), DETECT, schema.Track(), CLEAN)
        assert len(tracks) == 0
        numbers = quality(tracks, size_px, 0, 5)
        assert numbers["frames_under_8"] == list(range(6)) and numbers["tracks"] == 0


def test_black_frames_in_between_and_single_frames(short_desk):
    frames = [(n, np.zeros_like(luma) if n in (30, 31) else luma) for n, luma in short_desk[1]]
    tracks = track_plate(frames, DETECT, schema.Track(), CLEAN)
    assert quality(tracks, (480, 270), 25, 38)["frames_under_8"] == [30, 31]
    one, handover = track_segment(short_desk[1][:1], None, DETECT, schema.Track())
    assert len(one) >= 100 and handover.frame == 25 and handover.next_id == len(one)
    assert len(track_plate([], DETECT, schema.Track(), CLEAN)) == 0


def test_new_corners_keep_distance_and_margin(short_desk):
    detect = schema.Detect(min_tracks=60, min_distance_px=24, margin_px=40)
    one, _ = track_segment(short_desk[1][:1], None, detect, schema.Track())
    gaps = np.linalg.norm(one.xy_px[:, None] - one.xy_px, axis=2) + 1e9 * np.eye(len(one))
    assert gaps.min() > 24 - 3  # half-size detection rounds by a pixel on either side
    assert one.xy_px.min() > 39 and (one.xy_px < np.array([480, 270]) - 39).all()


def test_cleaning():
    frame = [1, 2, 3, 4, 5, 6, 9, 10, 1, 2, 3]  # track 0: a run of 6 and one of 2; track 1: a run of 3
    track = [0] * 8 + [1] * 3
    tracks = Tracks.from_markers(track, frame, np.zeros((11, 2)))
    runs = clean_tracks(tracks, schema.Clean(min_frames=5, action="delete_segments"))
    assert runs.track_id.tolist() == [0] * 6 and runs.frame.tolist() == [1, 2, 3, 4, 5, 6]
    whole = clean_tracks(tracks, schema.Clean(min_frames=3, action="delete_track"))
    assert whole.track_id.tolist() == [1, 1, 1]
    assert len(tracks) == 11


def test_quality_numbers():
    xy_px = [[10, 10], [10, 10], [90, 40], [90, 40]]
    tracks = Tracks.from_markers([3, 3, 5, 5], [10, 11, 10, 12], xy_px, status=[TRACKED, TRACKED, TRACKED, DISABLED])
    numbers = quality(tracks, (100, 50), 10, 12)
    assert numbers["tracks_per_frame"] == [2, 1, 0] and numbers["tracks_per_frame_min"] == 0
    assert numbers["tracks"] == 2 and numbers["markers"] == 3
    assert numbers["short_tracks"] == ["track_00003", "track_00005"]
    assert numbers["coverage_mean"] == pytest.approx(1 / 40) and numbers["coverage_min"] == 0.0
    assert list(numbers) == sorted(numbers) and json.loads(json.dumps(numbers)) == numbers
