"""Links: parts of a camera that are each right and do not fit together are found by the tracks between them alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.plates.simulated import Simulated, simulate
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.checks.certify import certify
from shotmake.solve.links.judge_links import (
    DOUBTED_TORN_PX,
    FEWEST_AGREE,
    JOLT_PX,
    LONG_CHAIN,
    LOOSE_PX,
    TORN_PX,
    doubt_links,
    find_torn_link,
)
from shotmake.solve.links.measure_links import Links, measure_links

pytestmark = pytest.mark.fast

CUT = 24  # frame index behind the gap
GAP = 3  # frames that nothing but the bridging tracks is seen in


def markers_of(shot: Simulated) -> Observations:
    return Observations.from_tracks(shot.tracks, shot.frames)


def cameras_of(shot: Simulated) -> np.ndarray:
    return np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)


def links_of(shot: Simulated, markers: Observations, cameras: np.ndarray, tripod: bool = False) -> Links:
    return measure_links(
        markers, cameras, Lens.from_json(shot.truth["lens"]), compute_pixel_scale(shot.size_px), tripod
    )


def with_gap(markers: Observations, bridging: int) -> Observations:
    """All tracks end before the gap or begin behind it, but for so many that go on."""
    first, last = (np.full(len(markers.track_ids), value) for value in (10**6, -1))
    np.minimum.at(first, markers.track, markers.frame)
    np.maximum.at(last, markers.track, markers.frame)
    through = np.flatnonzero((first < CUT - GAP - 4) & (last >= CUT + 4))
    assert len(through) > bridging
    going = np.isin(np.arange(len(first)), through[:: len(through) // bridging][:bridging])
    ids = markers.track_ids[markers.track]
    behind = (markers.frame >= CUT) & ~going[markers.track]
    ids = np.where(behind, ids + 10_000, ids)
    kept = going[markers.track] | (markers.frame < CUT - GAP) | (markers.frame >= CUT)
    names, track = np.unique(ids[kept], return_inverse=True)
    order = np.lexsort((markers.frame[kept], track))
    rows = np.flatnonzero(kept)[order]
    return replace(markers.select(rows), track=track[order], track_ids=names)


def moved_behind(cameras: np.ndarray, how: str, amount: float) -> np.ndarray:
    """The cameras from CUT on as one piece turned (degrees), shifted (share of the path) or grown (factor)."""
    turns, centres = cameras[:, :, :3].copy(), find_camera_centres(cameras)
    behind = np.arange(len(cameras)) >= CUT
    if how == "turned":
        turn = Rotation.from_euler("zx", [amount, amount / 2], degrees=True).as_matrix()
        turns[behind] = turns[behind] @ turn.T
        centres[behind] = centres[CUT] + (centres[behind] - centres[CUT]) @ turn.T
    if how == "shifted":
        path = np.linalg.norm(np.diff(centres, axis=0), axis=1).sum()
        centres[behind] += amount * path * np.array([0.3, 0.5, 0.8])
    if how == "grown":
        centres[behind] = centres[CUT] + amount * (centres[behind] - centres[CUT])
    return np.concatenate([turns, -np.einsum("nij,nj->ni", turns, centres)[:, :, None]], 2)


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", 3, visible=120)


@pytest.mark.parametrize("kind", ["orbit", "dolly", "crane", "planar"])
def test_the_links_of_a_right_camera_hold(kind):
    shot = simulate(kind, 5, visible=120)
    links = links_of(shot, markers_of(shot), cameras_of(shot))
    assert find_torn_link(links) is None
    assert doubt_links(links) == ()
    assert links.share.min() > 0.85
    assert links.tear_px[2:-2].max() < 0.2
    assert links.before.tolist() == list(range(1, 48))  # plate numbers: the shot begins at 1
    assert (links.after == links.before + 1).all()


def test_a_right_camera_holds_across_a_gap_that_few_tracks_bridge(orbit):
    links = links_of(orbit, with_gap(markers_of(orbit), 14), cameras_of(orbit))
    assert links.tracks.min() == 14
    assert find_torn_link(links) is None


@pytest.mark.parametrize(("how", "amount"), [("turned", 2.0), ("shifted", 0.05), ("grown", 1.4)])
@pytest.mark.parametrize("bridging", [14, 40])
def test_a_part_that_does_not_fit_the_other_is_refused_with_its_frames(orbit, how, amount, bridging):
    links = links_of(orbit, with_gap(markers_of(orbit), bridging), moved_behind(cameras_of(orbit), how, amount))
    fault = find_torn_link(links)
    assert fault is not None and fault.code == "link_disagrees"
    assert links.share.min() < 0.35 and links.tear_px[2:-2].max() > TORN_PX * links.scale
    first, last = _frames_in(fault.text)
    assert CUT - GAP - 8 <= first <= CUT + 1 and first < last <= CUT + 9


def _frames_in(text: str) -> tuple[int, int]:
    words = text.replace(":", "").split()
    at = words.index("frames")
    return int(words[at + 1]), int(words[at + 3])


def test_what_hangs_on_three_tracks_is_refused_as_a_weak_link(orbit):
    links = links_of(orbit, with_gap(markers_of(orbit), 3), cameras_of(orbit))
    fault = find_torn_link(links)
    assert fault is not None and fault.code == "weak_link"
    first, last = _frames_in(fault.text)  # the whole gap, in plate numbers
    assert CUT - GAP - 1 <= first <= CUT - GAP and CUT + 1 <= last <= CUT + 2


def test_tracks_that_agree_and_stand_close_together_hold_nothing(orbit):
    """A count would be content with them; how they hold the camera tells."""
    markers = with_gap(markers_of(orbit), 60)
    inside = np.bincount(markers.track, (markers.frame >= CUT - GAP) & (markers.frame < CUT)) > 0
    middle = np.array(orbit.size_px) / 2
    at = markers.frame == CUT - 1
    near_px = np.full(len(markers.track_ids), np.inf)
    near_px[markers.track[at]] = np.linalg.norm(markers.xy_px[at] - middle, axis=1)
    chosen = np.argsort(np.where(inside, near_px, np.inf))[:6]
    keep = ~inside | np.isin(np.arange(len(inside)), chosen)
    links = links_of(orbit, markers.select_tracks(keep), cameras_of(orbit))
    spread = links_of(orbit, with_gap(markers_of(orbit), 6), cameras_of(orbit))
    assert links.hold_px[2:-2].max() > 2 * spread.hold_px[2:-2].max()


def test_weak_frames_are_crossed_from_solid_ones_on_both_sides(orbit):
    """Tracks born inside the gap bridge its frames one by one and would hide that nothing holds both sides."""
    markers = with_gap(markers_of(orbit), 5)
    links = links_of(orbit, markers, moved_behind(cameras_of(orbit), "turned", 3.0))
    inside = (links.before >= CUT - GAP) & (links.after <= CUT + 1)
    assert inside.sum() == GAP + 1
    assert (links.agree[inside] == 0).all() and len(set(links.tracks[inside].tolist())) == 1


@pytest.mark.parametrize(("how", "amount"), [("turned", 0.06), ("shifted", 0.002), ("grown", 1.01)])
def test_a_tear_is_as_wide_as_the_parts_are_apart(orbit, how, amount):
    """Of small tears the size is told: so many px do the points behind move in the picture."""
    cameras, lens = cameras_of(orbit), Lens.from_json(orbit.truth["lens"])
    wrong = moved_behind(cameras, how, amount)
    seen = np.unique(orbit.tracks.track_id[orbit.tracks.frame == CUT + 1])
    apart_px = [project(orbit.points[seen], which[CUT], lens)[0] for which in (cameras, wrong)]
    links = links_of(orbit, markers_of(orbit), wrong)
    if how == "grown":  # about the camera at CUT, which sees no difference: a later one does
        apart_px = [project(orbit.points[seen], which[CUT + 8], lens)[0] for which in (cameras, wrong)]
        assert links.far_tear_px.max() > 0.2 * np.nanmedian(np.linalg.norm(apart_px[1] - apart_px[0], axis=1))
    else:
        wide_px = float(np.nanmedian(np.linalg.norm(apart_px[1] - apart_px[0], axis=1)))
        assert links.tear_px[CUT - 1] == pytest.approx(wide_px, rel=0.5)


@pytest.mark.parametrize("off_px", [3.0, 40.0])  # so near a marker still counts for something where it may
def test_the_hold_is_of_the_tracks_that_agree(orbit, off_px):
    markers = with_gap(markers_of(orbit), 14)
    through = np.bincount(markers.track, (markers.frame >= CUT - GAP) & (markers.frame < CUT)) > 0
    lost = np.flatnonzero(through)[::2]
    behind = np.isin(markers.track, lost) & (markers.frame >= CUT)
    spoiled = replace(markers, xy_px=markers.xy_px + off_px * behind[:, None])
    fewer = markers.select_tracks(~np.isin(np.arange(len(through)), lost))
    both = [links_of(orbit, which, cameras_of(orbit)) for which in (spoiled, fewer)]
    assert both[0].agree.min() == both[1].agree.min() == 7
    assert 0.95 < both[0].hold_px[CUT - 2] / both[1].hold_px[CUT - 2] < 1.25  # no firmer


def test_a_chain_of_short_tracks_through_weak_frames_holds_nothing():
    """Twelve frames in which a few tracks live a moment each and follow a camera that drifts away."""
    shot = simulate("orbit", 9, frame_count=60, visible=120, life_frames=60)
    first, last, cameras, lens = 24, 36, cameras_of(shot), Lens.from_json(shot.truth["lens"])
    turn = np.radians(4.0) * np.clip((np.arange(60) - first + 1) / (last - first), 0, 1)
    turns = Rotation.from_rotvec(np.outer(turn, [0.0, 0.0, 1.0])).as_matrix()
    centres = find_camera_centres(cameras)
    centres = centres[first] + np.einsum("nij,nj->ni", turns, centres - centres[first])
    drifted = np.einsum("nij,nkj->nik", cameras[:, :, :3], turns)
    drifted = np.concatenate([drifted, -np.einsum("nij,nj->ni", drifted, centres)[:, :, None]], 2)
    markers = markers_of(shot)
    solid = (markers.frame < first) | (markers.frame >= last)
    ids = markers.track_ids[markers.track] + 10_000 * (markers.frame >= last)
    random = np.random.default_rng(0)
    rows = []
    for name in range(90):  # twelve or so at a time, eight frames each, where the drifted camera sees them
        begins = int(random.integers(first - 6, last - 2))
        point = shot.points[random.choice(np.unique(shot.tracks.track_id[shot.tracks.frame == begins + 1]))]
        for frame in range(begins, min(begins + 8, 60)):
            xy_px = project(point[None], drifted[frame], lens)[0][0]
            rows.append((50_000 + name, frame, *xy_px))
    more = np.array(rows)
    names, track = np.unique(np.concatenate([ids[solid], more[:, 0].astype(int)]), return_inverse=True)
    frame = np.concatenate([markers.frame[solid], more[:, 1].astype(int)])
    order = np.lexsort((frame, track))
    xy_px = np.concatenate([markers.xy_px[solid], more[:, 2:]])[order]
    chain = Observations(track[order], frame[order], xy_px, np.zeros(len(order)), names, 60, numbers=np.arange(1, 61))
    links = links_of(shot, chain, drifted)
    assert find_torn_link(links) is not None
    assert links.agree[first + 2 : last - 2].max() < 4  # nobody goes all the way


def test_a_slow_bend_is_seen_from_farther_off():
    shot = simulate("orbit", 7, frame_count=80, visible=120, life_frames=60)
    cameras = cameras_of(shot)
    turn = np.radians(0.05) * np.arange(80)
    turns = Rotation.from_rotvec(np.outer(turn, [0.0, 1.0, 0.0])).as_matrix() @ cameras[:, :, :3]
    bent = np.concatenate([turns, -np.einsum("nij,nj->ni", turns, find_camera_centres(cameras))[:, :, None]], 2)
    straight, links = (links_of(shot, markers_of(shot), which) for which in (cameras, bent))
    assert links.far_tear_px.max() > 5 * straight.far_tear_px.max()
    assert links.far_tear_px.max() > links.tear_px[2:-2].max()
    assert find_torn_link(links) is not None


def test_a_tripod_is_judged_by_its_rotations():
    shot = simulate("pan", 2, visible=120)
    cameras = cameras_of(shot)
    still = np.concatenate([cameras[:, :, :3], np.zeros((len(cameras), 3, 1))], 2)
    assert find_torn_link(links_of(shot, markers_of(shot), still, tripod=True)) is None
    torn = still.copy()
    torn[CUT:, :, :3] = Rotation.from_euler("x", 1.0, degrees=True).as_matrix() @ still[CUT:, :, :3]
    fault = find_torn_link(links_of(shot, markers_of(shot), torn, tripod=True))
    assert fault is not None and fault.code == "link_disagrees"


def test_frames_without_a_camera_are_no_ends(orbit):
    cameras = cameras_of(orbit)
    cameras[20:23] = np.nan
    links = links_of(orbit, markers_of(orbit), cameras)
    assert (20, 24) in list(zip(links.before.tolist(), links.after.tolist(), strict=True))
    assert find_torn_link(links) is None


def test_the_certificate_refuses_by_its_links(orbit):
    markers = with_gap(markers_of(orbit), 14)
    lens, scale = Lens.from_json(orbit.truth["lens"]), compute_pixel_scale(orbit.size_px)
    wrong = moved_behind(cameras_of(orbit), "turned", 5.0)
    certificate = certify(markers, markers, wrong, lens, scale)
    assert replace(certificate, links=None).find_fault() is None  # all that it knew before: local agreement
    assert certificate.find_fault().code == "link_disagrees"
    assert certify(markers, markers, wrong, lens, scale, moves=False).links is None


def made(**values) -> Links:
    """Good links of 40 boundaries, but for the values given."""
    count = 40
    good = dict(
        before=np.arange(count), after=np.arange(1, count + 1), tracks=np.full(count, 100), agree=np.full(count, 95),
        hold_px=np.full(count, 0.05), tear_px=np.full(count, 0.05), far=np.arange(4, count, 8),
        far_hold_px=np.full(5, 0.05), far_tear_px=np.full(5, 0.05), jolt_px=np.full(count, 0.3), chain=2.0, scale=1.0,
    )  # fmt: skip
    return Links(**{**good, **values})


def one(of: float, other: float, at: int = 20, count: int = 40) -> np.ndarray:
    return np.where(np.arange(count) == at, other, of)


def test_good_links_leave_no_doubt():
    assert find_torn_link(made()) is None and doubt_links(made()) == ()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"tear_px": one(0.05, 1.1 * TORN_PX)}, "link_disagrees"),
        ({"far_tear_px": one(0.05, 1.1 * TORN_PX, 2, 5)}, "link_disagrees"),
        ({"hold_px": one(0.05, 1.1 * LOOSE_PX)}, "weak_link"),
        ({"agree": one(95, 20).astype(int)}, "link_disagrees"),
        ({"agree": one(95, 36).astype(int)}, "link_disagrees"),
        ({"agree": np.full(40, 20)}, "link_disagrees"),
        ({"agree": one(95, 3).astype(int), "tracks": one(100, 4).astype(int)}, "weak_link"),
    ],
)
def test_each_fault_of_one_link_refuses(values, code):
    assert find_torn_link(made(**values)).code == code


@pytest.mark.parametrize(
    ("agree", "tracks", "text"),
    [
        (3, 4, "between frames 20 and 21 only 3 tracks hold the camera together (needed 4)"),
        (1, 4, "between frames 20 and 21 only one track holds the camera together (needed 4)"),
        (0, 0, "between frames 20 and 21 no track holds the camera together (needed 4)"),
        (5, 60, "between frames 20 and 21 only 5 of the 60 tracks that go on agree with the camera on both sides"),
        (1, 60, "between frames 20 and 21 only 1 of the 60 tracks that go on agrees with the camera on both sides"),
        (0, 60, "between frames 20 and 21 none of the 60 tracks that go on agrees with the camera on both sides"),
    ],
)
def test_what_holds_a_link_is_counted_in_words_that_fit(agree, tracks, text):
    links = made(agree=one(95, agree).astype(int), tracks=one(100, tracks).astype(int))
    assert find_torn_link(links).text.startswith(text)


def test_two_motions_everywhere_are_no_tear():
    """Half of the tracks ride on something: every link has the same half."""
    assert find_torn_link(made(agree=np.full(40, 48))) is None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"tear_px": one(0.05, 1.1 * DOUBTED_TORN_PX)}, "link_disagrees"),
        ({"hold_px": one(0.05, 0.6)}, "weak_link"),
        ({"jolt_px": one(0.3, 2 * JOLT_PX)}, "path_jumps"),
        ({"chain": 1.1 * LONG_CHAIN}, "bundle_bends"),
    ],
)
def test_each_doubt_is_told(values, code):
    links = made(**values)
    assert find_torn_link(links) is None
    assert [reason.code for reason in doubt_links(links)] == [code]


def test_a_shake_is_no_jump():
    """Judged against what is usual around: a hand that shakes all the time jumps nowhere."""
    assert doubt_links(made(jolt_px=np.where(np.arange(40) % 2, 2 * JOLT_PX, JOLT_PX))) == ()


def test_a_link_needs_as_many_tracks_as_it_says():
    assert find_torn_link(made(agree=one(95, FEWEST_AGREE).astype(int), tracks=one(100, 5).astype(int))) is None
