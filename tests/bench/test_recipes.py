"""Recipes of simulated sets: the same for the same seed, misleading as they say, with matches of their pictures."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from helpers.recipes import families
from helpers.recipes.families import FAMILIES
from helpers.recipes.honest import FRAMES, KINDS
from helpers.recipes.markers import seen_px
from helpers.recipes.sets import TrackSet
from helpers.recipes.witness import simulated_matches
from shotmake.geometry.lens import undistort

SLOW = ("corridor",)  # its 600 frames take seconds
SEEDS = (3, 4)
OFF_PX = 2.0
# share of the markers that are not where the plate shows their place, by more than 2 px: at least, at most
OFF = {
    "shuffled": (0.0, 0.5), "wrong_join": (0.002, 0.2), "tile_off": (0.01, 0.4), "soft_gap": (0.002, 0.2),
    "halves": (0.4, 1.0), "jump": (0.05, 0.8), "conform": (0.05, 0.8), "bias": (0.0, 0.9), "derived": (0.05, 0.7),
    "filled_in": (0.0, 0.4), "proxy_half": (0.3, 1.0), "flipped": (0.9, 1.0), "other_take": (0.1, 0.9),
    "rolling": (0.0, 0.9), "bad_tracks": (0.0, 0.5), "frame_late": (0.0, 0.7), "lookalike_cut": (0.0, 0.3),
}  # fmt: skip
# the tracks are as they should be: what misleads is in the plate, in the scene or in the config
TRUE_TRACKS = ("locked_focal", "aspect", "recropped", "dolly_zoom", "reversed_depth", "larger_world", "equal_motions",
               "survey")  # fmt: skip


@cache
def made(name: str, seed: int) -> TrackSet:
    return families.made(name, seed)


def off_px(one: TrackSet) -> np.ndarray:
    """(M,) px from each marker to where the plate shows its track's place; NaN for what rides on something."""
    tracks = one.tracks
    places = one.points[tracks.track_id]
    shown = seen_px(np.nan_to_num(places), tracks.frame - one.frames[0], one.picture.sees)
    return np.where(np.isfinite(places[:, 0]), np.linalg.norm(shown - tracks.xy_px, axis=1), np.nan)


def share_off(one: TrackSet) -> float:
    px = off_px(one)
    return float(np.mean(~(px[np.isfinite(px)] < OFF_PX)))


def bridging(one: TrackSet) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the tracks on both sides of the frames that no track is in, and the mask (M,) of markers behind these."""
    tracks = one.tracks
    empty = np.setdiff1d(np.arange(one.frames[0], one.frames[1] + 1), tracks.frame)
    assert 1 <= len(empty) <= 3
    later = tracks.frame > empty[-1]
    return np.intersect1d(tracks.track_id[~later], tracks.track_id[later]), later


@pytest.mark.parametrize("name", [*(name for name in FAMILIES if name not in SLOW), "orbit"])
def test_the_same_seed_makes_the_same_set(name):
    one, again, other = made(name, 3), families.made(name, 3), made(name, 4)
    for field in ("track_id", "frame", "xy_px"):
        assert np.array_equal(getattr(one.tracks, field), getattr(again.tracks, field))
    assert (one.camera, one.solve, one.known, one.variant) == (again.camera, again.solve, again.known, again.variant)
    assert len(other.tracks) != len(one.tracks) or not np.array_equal(one.tracks.xy_px, other.tracks.xy_px)


@pytest.mark.parametrize("name", [*(name for name in FAMILIES if name not in SLOW), *KINDS])
def test_a_set_is_whole(name):
    """60 frames, about 150 tracks in most, no marker twice, none without number, and a true camera for every frame."""
    for seed in SEEDS:
        one = made(name, seed)
        tracks, (first, last) = one.tracks, one.frames
        assert last - first + 1 == FRAMES == len(one.picture.sees.frames) == len(one.picture.depths)
        assert len(np.unique(tracks.track_id.astype(np.int64) * 10_000 + tracks.frame)) == len(tracks)
        assert np.isfinite(tracks.xy_px).all() and tracks.frame.min() >= first and tracks.frame.max() <= last
        assert 60 < np.median(np.bincount(tracks.frame - first)) < 200
        assert tracks.track_id.max() < len(one.points)
        assert (np.diff(one.picture.depths, axis=1) >= 0).all() and (one.picture.depths > 0).all()


def test_every_family_is_expected_to_mislead_in_some_way():
    assert {*OFF, *TRUE_TRACKS, *SLOW} == set(FAMILIES) and not set(OFF) & set(TRUE_TRACKS)
    assert len(FAMILIES) >= 20 and len(KINDS) >= 8


@pytest.mark.parametrize("name", OFF)
def test_tracks_are_off_the_plate_as_far_as_the_family_says(name):
    least, most = OFF[name]
    shares = [share_off(made(name, seed)) for seed in SEEDS]
    assert all(least <= share <= most for share in shares), shares
    assert max(shares) > 0.01 or name in ("wrong_join", "soft_gap"), shares


@pytest.mark.parametrize("name", [*TRUE_TRACKS, *KINDS])
def test_tracks_are_where_the_plate_shows_them(name):
    for seed in SEEDS:
        one = made(name, seed)
        assert np.nanmedian(off_px(one)) < 0.6 and share_off(one) < 0.15


@pytest.mark.parametrize("name", FAMILIES)
def test_accepted_codes_are_codes_and_never_what_is_true_of_many_shots(name):
    codes = FAMILIES[name].codes
    assert codes and not codes & {"frames_without_camera", "ground_unknown"}
    assert "focal_open" not in codes or name == "reversed_depth"
    reasons = pytest.importorskip("shotmake.reasons")
    assert codes <= set(reasons.CODES), codes - set(reasons.CODES)


def test_tiles_fit_a_camera_that_is_one_tile_off_and_nothing_tells_between_tracks():
    """The later cameras shifted by one period see the bridging tracks where they are: no test of tracks can find it."""
    one = made("tile_off", 3)
    ids, later = bridging(one)
    cameras = one.picture.sees.cam_from_world.copy()
    cameras[:, :, 3] += np.einsum("nij,j->ni", cameras[:, :, :3], one.picture.period)
    rows = later & np.isin(one.tracks.track_id, ids)
    places, frames = one.points[one.tracks.track_id[rows]], one.tracks.frame[rows] - one.frames[0]
    xy_px = seen_px(places, frames, replace(one.picture.sees, cam_from_world=cameras))
    assert len(ids) > 30
    assert np.median(np.linalg.norm(xy_px - one.tracks.xy_px[rows], axis=1)) < 0.6
    assert np.median(off_px(one)[rows]) > 20


def test_half_of_the_bridging_tracks_of_a_wrong_join_are_right():
    shares = []
    for seed in range(3, 8):
        one = made("wrong_join", seed)
        ids, later = bridging(one)
        px = off_px(one)
        shares.append(np.mean([np.median(px[later & (one.tracks.track_id == name)]) > 3 for name in ids]))
        assert 6 <= len(ids) <= 30
    assert 0.4 < np.mean(shares) < 0.65


def test_the_shot_of_the_corridor_is_long_and_its_tracks_short():
    one = made("corridor", 54)
    assert one.variant == "long"
    lives = np.bincount(one.tracks.track_id)
    assert one.frames[1] - one.frames[0] + 1 == 600
    assert lives.max() <= 15 and np.median(lives[lives > 0]) >= 12
    names, track = np.unique(one.tracks.track_id, return_inverse=True)
    born = np.full(len(names), one.frames[1])
    np.minimum.at(born, track, one.tracks.frame)
    age = one.tracks.frame - born[track]
    shown = seen_px(one.points[one.tracks.track_id], one.tracks.frame - one.frames[0], one.picture.sees)
    off = one.tracks.xy_px - shown
    slid = np.median(off[age == 11], axis=0) - np.median(off[age == 0], axis=0)
    assert np.linalg.norm(slid) == pytest.approx(11 * 0.03, rel=0.3)  # all alike


def epipolar_px(one: TrackSet, frames: tuple[int, int], xy_a: np.ndarray, xy_b: np.ndarray) -> np.ndarray:
    """(N,) px from the matches in b to the true epipolar lines of those in a; lenses are near enough to none here."""
    at = np.searchsorted(one.picture.sees.frames, frames)
    sees = one.picture.sees
    (first, second), lens = sees.cam_from_world[at], sees.lenses[0]
    rotation = second[:, :3] @ first[:, :3].T
    shift = second[:, 3] - rotation @ first[:, 3]
    rays = [
        np.concatenate([undistort(lens.normalised_from_px(px), lens), np.ones((len(px), 1))], 1) for px in (xy_a, xy_b)
    ]
    normals = np.cross(shift, rays[0] @ rotation.T)
    return np.abs((normals * rays[1]).sum(1)) / np.linalg.norm(normals[:, :2], axis=1) * lens.fx_px


@pytest.mark.parametrize("name", ["orbit", "walk", "flipped", "wrong_join", "jump", "other_take"])
def test_matches_are_of_the_plate_whatever_the_tracks_say(name):
    one = made(name, 4)
    for frames in ((10, 24), (20, 40), (25, 55)):
        xy_a, xy_b, xy_b2 = simulated_matches(one, *frames)
        assert len(xy_a) == len(xy_b) == len(xy_b2) > 100 and np.isnan(xy_b2).all()
        close = epipolar_px(one, frames, xy_a, xy_b) < 1.5
        assert 0.8 < close.mean() < 0.97
        again = simulated_matches(one, *frames)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip((xy_a, xy_b, xy_b2), again, strict=True))


def test_of_tiles_either_match_may_come_first():
    one = made("tile_off", 4)
    frames = (10, 50)
    xy_a, xy_b, xy_b2 = simulated_matches(one, *frames)
    repeated = np.isfinite(xy_b2[:, 0])
    assert 20 < repeated.sum() < len(xy_a)
    close = epipolar_px(one, frames, xy_a, xy_b) < 1.5
    first, second = (epipolar_px(one, frames, xy_a[repeated], px[repeated]) < 1.5 for px in (xy_b, xy_b2))
    assert close[~repeated].mean() > 0.7  # the false ones are among them
    assert 0.2 < first.mean() < 0.95 and 0.2 < second.mean() < 0.95
    assert (first | second).mean() > 0.9


def test_rooms_on_both_sides_of_a_cut_show_nothing_in_common():
    one = made("lookalike_cut", 4)
    cut = int(np.flatnonzero(np.diff(one.picture.scene))[0]) + one.frames[0]
    across, within = (simulated_matches(one, cut - 5, cut + step) for step in (6, -1))
    assert len(across[0]) < 0.1 * len(within[0])
