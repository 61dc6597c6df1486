"""The second witness: features that the tracker never used, held against a camera."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.recipes.families import made
from helpers.recipes.honest import honest_shot
from helpers.recipes.joins import tile_off
from helpers.recipes.motions import larger_world
from helpers.recipes.sets import TrackSet, set_of
from helpers.recipes.witness import look_of
from shotmake.config.schema import Camera, Solve
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify
from shotmake.solve.links.witness_evidence import Evidence, contradict, doubt
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import find_candidate
from shotmake.solve.witness.sift import SiftMatcher
from shotmake.solve.witness.witness import Matches, ask_witness, choose_pairs, weigh_pairs

CUT = 30


def candidate_of(one: TrackSet, cameras: np.ndarray, status: str = "solved") -> Candidate:
    """A solve of a set with these cameras."""
    markers = Observations.from_tracks(one.tracks, one.frames)
    lens = one.picture.sees.lenses[0]
    certificate = certify(markers, markers, cameras, lens, compute_pixel_scale(one.size_px), status == "tripod")
    used = np.ones(len(markers), bool)
    return Candidate(status, "general", lens, cameras, markers, used, np.zeros(0, int), certificate, 0.9)


def asked(one: TrackSet, candidate: Candidate) -> Candidate | Reason:
    return ask_witness(candidate, one.size_px, look_of(one))


def true_cameras(one: TrackSet) -> np.ndarray:
    return one.picture.sees.cam_from_world.copy()


def piece_moved(cameras: np.ndarray, turn_deg: float = 0.0, grown: float = 1.0) -> np.ndarray:
    """The cameras from CUT on as one piece turned, or grown, about the camera at CUT."""
    turns, centres = cameras[:, :, :3].copy(), find_camera_centres(cameras)
    turn = Rotation.from_euler("zx", [turn_deg, turn_deg / 2], degrees=True).as_matrix()
    behind = np.arange(len(cameras)) >= CUT
    turns[behind] = turns[behind] @ turn.T
    centres[behind] = centres[CUT] + grown * (centres[behind] - centres[CUT]) @ turn.T
    return np.concatenate([turns, -np.einsum("nij,nj->ni", turns, centres)[:, :, None]], 2)


@pytest.fixture(scope="module")
def orbit() -> TrackSet:
    return set_of(honest_shot("orbit", 11), "orbit", "orbit", "", 11)


@pytest.mark.parametrize("kind", ["orbit", "dolly", "moving", "planar"])
def test_the_witness_bears_out_a_right_camera(kind):
    one = set_of(honest_shot(kind, 12), kind, kind, "", 12)
    candidate = asked(one, candidate_of(one, true_cameras(one)))
    assert isinstance(candidate, Candidate) and candidate.warnings == () and candidate.agreement == 0.9
    evidence = candidate.evidence
    assert (evidence.matches > 60).all()
    looked_at = np.unique([evidence.first, evidence.second]).tolist()
    assert [evidence.links.before.tolist(), evidence.links.after.tolist()] == [looked_at[:-1], looked_at[1:]]


@pytest.mark.parametrize("how", [{"turn_deg": 4.0}, {"grown": 1.6}])
def test_the_witness_contradicts_a_camera_whose_parts_do_not_fit(orbit, how):
    """The tracks are not asked at all: their links are taken away."""
    candidate = candidate_of(orbit, piece_moved(true_cameras(orbit), **how))
    candidate = replace(candidate, certificate=replace(candidate.certificate, links=None))
    refusal = asked(orbit, candidate)
    assert isinstance(refusal, Reason) and refusal.code == "witness_disagrees"


def test_a_tripod_is_held_against_homographies():
    one = set_of(honest_shot("pan", 13), "pan", "pan", "", 13)
    cameras = true_cameras(one)
    cameras[:, :, 3] = 0
    assert isinstance(asked(one, candidate_of(one, cameras, "tripod")), Candidate)
    cameras[CUT:, :, :3] = Rotation.from_euler("z", 2, degrees=True).as_matrix() @ cameras[CUT:, :, :3]
    assert asked(one, candidate_of(one, cameras, "tripod")).code == "witness_disagrees"


def test_a_camera_that_stands_still_is_not_asked_about(orbit):
    candidate = replace(candidate_of(orbit, true_cameras(orbit)), status="static")
    assert asked(orbit, candidate) is candidate
    refusal = Reason("too_few_tracks", "refused before")
    assert ask_witness(refusal, orbit.size_px, look_of(orbit)) is refusal


def test_weak_links_are_looked_at_from_near_by(orbit):
    candidate = candidate_of(orbit, true_cameras(orbit))
    links = candidate.certificate.links
    weak = replace(links, agree=np.where(links.before - orbit.frames[0] == 20, 5, links.agree))
    pairs, spans = choose_pairs(
        replace(candidate, certificate=replace(candidate.certificate, links=weak)), orbit.size_px
    )
    assert (20, 21) in {(int(first), int(second)) for first, second in pairs[spans]}
    plain, none = choose_pairs(candidate, orbit.size_px)
    assert not none.any() and len(plain) < len(pairs)
    assert plain.min() == 0 and plain.max() == 59  # from one end to the other


def test_where_the_camera_comes_back_is_looked_at(orbit):
    """There and back again, with tracks that live on one way only."""
    cameras = true_cameras(orbit)
    away = np.abs(np.linspace(-29, 29, 60)).astype(int)
    candidate = candidate_of(orbit, cameras)
    markers = candidate.markers
    rows = np.concatenate([np.flatnonzero(markers.frame == source) for source in away])
    frame = np.repeat(np.arange(60), [int((markers.frame == source).sum()) for source in away])
    track = markers.track[rows] + (frame >= 30) * len(markers.track_ids)
    names, track = np.unique(track, return_inverse=True)
    order = np.lexsort((frame, track))
    there = replace(markers.select(rows[order]), track=track[order], frame=frame[order], track_ids=names)
    pairs, _ = choose_pairs(replace(candidate, cam_from_world=cameras[away], markers=there), orbit.size_px)
    assert (pairs[:, 1] - pairs[:, 0]).max() > 40


def test_tiles_after_a_gap_leave_a_doubt():
    """Every bridging track goes on one tile further: the tracks see nothing, and the picture looks the same."""
    told = 0
    for seed in range(4):
        one = tile_off("tile_off", seed)
        candidate = asked(one, candidate_of(one, true_cameras(one)))
        said = [candidate] if isinstance(candidate, Reason) else candidate.warnings
        if isinstance(candidate, Candidate) and candidate.warnings:
            assert candidate.agreement == 0.45  # half of what it was
        told += any(reason.code in ("repeated_structure", "witness_disagrees") for reason in said)
    assert told >= 3


def test_a_camera_that_follows_the_larger_of_two_motions_is_doubted():
    """The room is in the whole picture, and something in front of it that moves on its own has more tracks."""
    one = larger_world("larger_world", 710)
    room, body = true_cameras(one), one.picture.body
    turns = room[:, :, :3] @ body[:, :, :3]
    moves = np.einsum("nij,nj->ni", room[:, :, :3], body[:, :, 3]) + room[:, :, 3]
    following = np.concatenate([turns, moves[:, :, None]], 2)
    heard = asked(one, candidate_of(one, following))
    said = [heard] if isinstance(heard, Reason) else heard.warnings
    assert {reason.code for reason in said} & {"two_motions", "witness_disagrees"}
    assert heard_of(candidate_of(one, following), one).rival.max() > 0.5


def test_a_slow_body_that_fills_the_picture_is_doubted():
    """The room is seen through a window, and leaves the camera of the body by little more than features are noisy."""
    one = made("larger_world", 783)
    heard = asked(one, find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve())))
    assert isinstance(heard, Candidate) and "two_motions" in [reason.code for reason in heard.warnings]


@pytest.mark.parametrize("kind", ["walk", "long_lens", "wide"])
def test_noise_is_no_other_motion(kind):
    one = made(kind, 783)
    assert heard_of(candidate_of(one, true_cameras(one)), one).rival.max() == 0


def heard_of(candidate: Candidate, one: TrackSet, **values) -> Evidence:
    pairs, weak = choose_pairs(candidate, one.size_px)
    heard = weigh_pairs(candidate, pairs, weak, look_of(one)(np.unique(pairs)), compute_pixel_scale(one.size_px))
    return replace(heard, **{name: np.full(len(pairs), value) for name, value in values.items()})


def test_each_thing_the_witness_may_say(orbit):
    candidate = candidate_of(orbit, true_cameras(orbit))
    heard = heard_of(candidate, orbit)
    assert contradict(heard) is None and doubt(heard) == ()
    wrong = heard_of(candidate, orbit, explained=0.2, allowed=0.9, other=0.1)
    assert contradict(wrong).code == "witness_disagrees"
    unsure = heard_of(candidate, orbit, explained=0.7, allowed=0.9, other=0.1)
    assert contradict(unsure) is None and [reason.code for reason in doubt(unsure)] == ["witness_disagrees"]
    crowd = heard_of(candidate, orbit, explained=0.2, allowed=0.7, other=0.8)  # the best camera is that of a crowd
    assert contradict(crowd) is None and doubt(crowd) == ()
    two = heard_of(candidate, orbit, rival=0.65)
    assert contradict(two) is None and [reason.code for reason in doubt(two)] == ["two_motions"]
    assert contradict(heard_of(candidate, orbit, rival=0.75)).code == "two_motions"
    torn = replace(heard, links=replace(heard.links, tear_px=np.full(len(heard.links.tear_px), 3.0)))
    assert contradict(torn).code == "witness_disagrees"
    strained = replace(heard, links=replace(heard.links, tear_px=np.full(len(heard.links.tear_px), 0.7)))
    assert contradict(strained) is None and [reason.code for reason in doubt(strained)] == ["witness_disagrees"]
    fog = heard_of(candidate, orbit, explained=0.1, allowed=0.3, other=0.0)  # no matches at all
    assert contradict(fog) is None and doubt(fog) == ()
    tiles = heard_of(candidate, orbit, alike=0.6)
    assert [reason.code for reason in doubt(tiles)] == ["repeated_structure"]


@pytest.mark.parametrize(("share", "code"), [(0.12, None), (1.0, "witness_disagrees")])
def test_one_thing_that_moves_where_little_else_is_matched_speaks_against_no_camera(orbit, share, code):
    """A dog on grass (vipe_dog.mp4): after 40 frames only the dog looks as before."""
    candidate, size_px = candidate_of(orbit, true_cameras(orbit)), np.array(orbit.size_px)
    random = np.random.default_rng(4)
    on_it = random.uniform(-0.5, 0.5, (60, 2)) * share * size_px

    def match(first: int, second: int) -> Matches:
        at = [[0.55, 0.4] * size_px + np.array([-1.5, 3.0]) * frame + (1 + frame / 800) * on_it
              for frame in (first, second)]  # fmt: skip
        anywhere = random.uniform(0, 1, (2, 40, 2)) * size_px
        xy_a, xy_b = np.concatenate([at[0], anywhere[0]]), np.concatenate([at[1], anywhere[1]])
        return Matches(xy_a, xy_b, np.full_like(xy_a, np.nan))

    pairs = np.array([[5, 25], [25, 45], [5, 45]])
    heard = weigh_pairs(candidate, pairs, np.zeros(3, bool), match, compute_pixel_scale(orbit.size_px))
    refusal = contradict(heard)
    assert (None if refusal is None else refusal.code) == code and heard.local.all() == (code is None)
    assert heard.explained.max() < 0.3 and "witness_disagrees" in {reason.code for reason in doubt(heard)}


def test_one_thing_that_moves_tears_no_link(orbit):
    """Until frame 25 the room is matched too, afterwards only the thing."""
    candidate, size_px = candidate_of(orbit, true_cameras(orbit)), np.array(orbit.size_px)
    on_it = np.random.default_rng(4).uniform(-0.06, 0.06, (60, 2)) * size_px
    room = look_of(orbit)(np.array([0, 5, 25]))

    def match(first: int, second: int) -> Matches:
        at = [[0.55, 0.4] * size_px + np.array([-1.5, 3.0]) * frame + (1 + frame / 800) * on_it
              for frame in (first, second)]  # fmt: skip
        seen = room(first, second).unique if second <= 25 else Matches(*np.zeros((3, 0, 2)))
        xy_a, xy_b = (np.concatenate(pair) for pair in ((seen.xy_a, at[0]), (seen.xy_b, at[1])))
        return Matches(xy_a, xy_b, np.full_like(xy_a, np.nan))

    pairs = np.array([[0, 5], [5, 25], [0, 25], [25, 45], [45, 55], [25, 55]])
    heard = weigh_pairs(candidate, pairs, np.zeros(len(pairs), bool), match, compute_pixel_scale(orbit.size_px))
    assert contradict(heard) is None and heard.explained[0] > 0.5
    assert heard.local.tolist() == [False, False, False, True, True, True]
    (said,) = doubt(heard)
    assert said.code == "witness_disagrees" and "between frames" in said.text and "mask it" in said.text


@pytest.mark.parametrize("seed", [771, 772])
def test_a_wrong_camera_is_doubted_where_all_that_can_be_matched_is_in_one_place(seed):
    """One sign on a bare wall: what speaks against the camera is as local as a thing that moves."""
    one = made("other_take", seed)
    candidate = find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve()))

    def look(frames: np.ndarray):
        whole = look_of(one)(frames)

        def match(first: int, second: int) -> Matches:
            matches = whole(first, second)
            kept = (np.abs(matches.xy_a / one.size_px - 0.5) < 0.17).all(1)
            return Matches(*(values[kept] for values in matches))

        return match

    assert "witness_disagrees" in {one.code for one in ask_witness(candidate, one.size_px, look).warnings}


def picture(seed: int, size=(480, 300)) -> np.ndarray:
    """Spots of all sizes."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1, size[::-1])
    both = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 3.0, 6.0))
    return np.clip(128 + 40 * both, 0, 255).astype(np.uint8)


def test_features_are_matched_where_they_are():
    plate = picture(1)
    shift = np.float32([[1, 0, 7], [0, 1, -5]])
    later = cv2.warpAffine(plate, shift, plate.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    found = SiftMatcher({0: plate, 9: later}, {}, 1.0)(0, 9).unique
    assert len(found.xy_a) > 100
    off_px = np.linalg.norm(found.xy_b - found.xy_a - [7, -5], axis=1)
    assert np.median(off_px) < 0.2 and np.mean(off_px < 1) > 0.9
    seen = SiftMatcher({0: plate}, {}, 2.0)(0, 0).unique  # an anamorphic plate, as it is seen
    assert seen.xy_a[:, 0].max() > 1.5 * plate.shape[1]


def test_what_is_masked_is_not_looked_at():
    plate = picture(2)
    mask = np.zeros_like(plate)
    mask[:, :240] = 255
    found = SiftMatcher({0: plate, 1: plate}, {0: mask, 1: mask}, 1.0)(0, 1)
    assert len(found.xy_a) and found.xy_a[:, 0].min() > 230


def test_what_is_gone_is_matched_with_little():
    """The left half shows something else: a feature's nearest is its match only if it is so the other way round too."""
    plate, other = picture(4), picture(5)
    later = plate.copy()
    later[:, :240] = other[:, :240]
    found = SiftMatcher({0: plate, 1: later}, {}, 1.0)(0, 1).unique
    gone = found.xy_a[:, 0] < 230
    assert (~gone).sum() > 100 and gone.sum() < 0.35 * (~gone).sum()


def test_look_alikes_have_their_second_place():
    tile = picture(3, (60, 60))
    plate = np.tile(tile, (4, 6))
    found = SiftMatcher({0: plate, 1: plate}, {}, 1.0)(0, 1)
    doubled = ~np.isnan(found.other_b[:, 0])
    assert doubled.mean() > 0.5
    apart = np.abs(found.other_b - found.xy_b)[doubled] % 60
    assert np.median(np.minimum(apart, 60 - apart)) < 1  # by whole tiles
    assert isinstance(found, Matches) and np.isnan(found.unique.other_b).all()


def test_a_picture_without_features_says_nothing(orbit):
    grey = np.full((540, 960), 128, np.uint8)
    candidate = candidate_of(orbit, true_cameras(orbit))
    heard = ask_witness(candidate, orbit.size_px, lambda at: SiftMatcher({int(i): grey for i in at}, {}, 1.0))
    assert isinstance(heard, Candidate) and heard.warnings == () and (heard.evidence.matches == 0).all()


def test_the_lens_is_taken_out_of_the_matches():
    lens = Lens(900.0, 900.0, 480.0, 270.0, -0.25, 0.05)
    one = set_of(honest_shot("orbit", 14, lens=lens), "orbit", "orbit", "", 14)
    candidate = candidate_of(one, true_cameras(one))
    assert isinstance(asked(one, candidate), Candidate)
    straight = replace(candidate, lens=lens.without_distortion())
    heard = heard_of(straight, one)
    assert np.nanmin(heard.explained / heard.allowed) < np.nanmin(heard_of(candidate, one).explained) + 0.1


def test_what_both_doubt_is_not_handed_over():
    """The witness doubts a camera of which the tracks are sure, then the same one when they are half sure."""
    one, candidate = next(
        (one, candidate)
        for one in (tile_off("tile_off", seed) for seed in range(8))
        for candidate in [candidate_of(one, true_cameras(one))]
        if isinstance(asked(one, candidate), Candidate) and asked(one, candidate).warnings
    )
    zoom = (Reason("zoom", "the focal length changes"),)
    assert isinstance(asked(one, replace(candidate, agreement=0.72, warnings=zoom)), Candidate)
    heard = asked(one, replace(candidate, agreement=0.5, warnings=zoom))
    assert isinstance(heard, Reason) and "confidence 0.50, zoom" in heard.text and "look for slip" not in heard.text
    assert heard.code in [one.code for one in asked(one, candidate).warnings]


def test_a_refusal_names_the_rolling_shutter_that_the_tracks_show(orbit):
    cause = "rolling shutter: markers lead and lag; correct the plate for it first, or expect slip"
    candidate = candidate_of(orbit, piece_moved(true_cameras(orbit), turn_deg=3))
    heard = asked(orbit, replace(candidate, warnings=(Reason("rolling_shutter", cause),)))
    assert heard.code == "rolling_shutter"
    assert heard.text.startswith(
        "rolling shutter: markers lead and lag; correct the plate for it first (between frames"
    )


def test_where_everything_repeats_itself_a_hole_is_not_crossed():
    """A floor of tiles alone: no feature is one of its kind, and the tracks are content with either place."""
    one = tile_off("tile_off", 501)
    heard = asked(one, candidate_of(one, true_cameras(one)))
    assert isinstance(heard, Reason) and heard.code == "repeated_structure"


def test_frames_without_a_camera_are_looked_across_however_many_tracks_agree():
    """A floor of tiles and a hole of a few frames: every track goes on one tile further, and all agree."""
    one = tile_off("tile_off", 501)
    candidate = candidate_of(one, true_cameras(one))
    first = one.frames[0]
    hole = np.flatnonzero(np.bincount(candidate.markers.frame, minlength=60) == 0)
    cameras = candidate.cam_from_world.copy()
    cameras[hole] = np.nan
    links = replace(
        candidate.certificate.links, agree=np.full(59 - len(hole), 200), tracks=np.full(59 - len(hole), 200)
    )
    numbers = np.setdiff1d(np.arange(60), hole) + first
    links = replace(links, before=numbers[:-1], after=numbers[1:])
    certificate = replace(candidate.certificate, links=links)
    _, spans = choose_pairs(replace(candidate, cam_from_world=cameras, certificate=certificate), one.size_px)
    assert len(hole) and spans.any()
