"""What the tracks say against what a solve was told: the width of the plate's pixels, a locked focal length."""

import re
from dataclasses import replace

import pytest

from helpers.judging.judge import limit_px, slip_of
from helpers.recipes.families import made
from helpers.recipes.honest import SENSOR_MM
from helpers.recipes.sets import TrackSet
from helpers.tiers import more
from shotmake.config.schema import Camera, Solve
from shotmake.reasons import Reason
from shotmake.solve.anamorphic import squeeze, unsqueeze_size, unsqueeze_tracks
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate


def candidate_of(one: TrackSet, aspect: float = 1.0, **camera) -> Candidate | Reason:
    tracks, size_px = unsqueeze_tracks(one.tracks, aspect), unsqueeze_size(one.size_px, aspect)
    return squeeze(find_candidate(SolveInputs(tracks, size_px, one.frames, Camera(**camera), Solve())), aspect)


def codes_of(candidate: Candidate) -> list[str]:
    return [one.code for one in candidate.warnings]


# 1.03 planar, 1.02 walk, .98 orbit, 1.33 walk, .98 orbit whose halves say .0239 and .0197, each within a tenth
@pytest.mark.parametrize("seed", [722, *more(745, 724, 729, 784)])
def test_wrong_pixels_are_refused_and_what_is_advised_solves_the_shot(seed):
    one = made("aspect", seed)
    refusal = candidate_of(one)
    assert isinstance(refusal, Reason) and refusal.code == "pixel_aspect"
    aspect = 1.0
    for _ in range(3):  # a plate that is far off may be told twice
        told = re.search(r"multiply shot.footage.pixel_aspect .* by ([0-9.]+)$", refusal.text)
        aspect *= float(told[1])
        candidate = candidate_of(one, aspect)
        if isinstance(candidate, Candidate):
            break
        refusal = candidate
    assert aspect == pytest.approx(1 / float(one.variant), rel=0.013)
    solution = finish(candidate, one.tracks, one.size_px, one.frames, Solve())
    assert slip_of(one, solution.record, solution.points) < limit_px(one.kind)


@pytest.mark.parametrize("seed", [740, *more(742)])  # 2 and 3 %, of which the halves of the time know too little
def test_wrong_pixels_that_cannot_be_told_for_sure_are_doubted(seed):
    candidate = candidate_of(made("aspect", seed))
    assert "picture_bends" in codes_of(candidate) and candidate.agreement <= 0.5


def test_pixels_of_which_each_half_is_sure_and_says_another_width_are_doubted():
    one = made("aspect", 11008)  # 3 %; the halves say .028 and .042
    candidate = candidate_of(one)
    assert "picture_bends" in codes_of(candidate)
    record = finish(candidate, one.tracks, one.size_px, one.frames, Solve()).record
    assert record["confidence"] <= 0.5 and "its later half" in " ".join(record["warnings"])


@pytest.mark.parametrize("kind", ["orbit", "pan", "long_lens", *more("dolly", "walk", "crane", "wide", "correlated")])
def test_square_pixels_are_believed(kind):
    one = made(kind, 723)
    candidate = candidate_of(one, **one.camera)
    assert "pixel_aspect" not in codes_of(candidate)


def locked_at(one: TrackSet, times: float) -> dict:
    focal_px = one.picture.sees.lenses[0].fx_px * times
    return {"focal_mm": focal_px / one.size_px[0] * SENSOR_MM, "lock_focal": True}


@pytest.mark.parametrize(
    ("kind", "seed"),
    [("pan", 723), ("dolly", 723), ("slow", 701), *more(("orbit", 723), ("slow", 723), ("slow", 700))],
)
def test_the_true_focal_length_may_be_locked(kind, seed):
    """Even where another one fits a little better, as it does of slow moves."""
    one = made(kind, seed)
    assert "locked_focal" not in codes_of(candidate_of(one, **locked_at(one, 1.0)))


@pytest.mark.parametrize("kind", ["orbit", "pan"])
def test_a_locked_focal_length_a_few_percent_off_is_doubted(kind):
    one = made(kind, 723)
    candidate = candidate_of(one, **locked_at(one, 1.03))
    assert "locked_focal" in codes_of(candidate) and candidate.agreement <= 0.5


def test_a_dolly_whose_focal_length_hardly_matters_is_asked_to_the_end():
    """20 % off, and another focal length fits better by little at every step."""
    one = made("locked_focal", 817)
    candidate = candidate_of(one, **one.camera)
    codes = [candidate.code] if isinstance(candidate, Reason) else codes_of(candidate)
    assert "locked_focal" in codes


@pytest.mark.parametrize("kind", ["orbit", "pan"])
def test_one_that_is_far_off_is_refused_and_what_the_tracks_fit_is_true(kind):
    one = made(kind, 723)
    refusal = candidate_of(one, **locked_at(one, 0.85))
    assert isinstance(refusal, Reason) and refusal.code == "locked_focal"
    fits_px = float(re.search(r"the tracks fit (\d+) px", refusal.text)[1])
    assert fits_px == pytest.approx(one.picture.sees.lenses[0].fx_px, rel=0.02)


@pytest.mark.parametrize("seed", [807, *more(802)])
def test_a_doubted_camera_that_many_tracks_disagree_with_is_told_so(seed):
    """A third of the tracks slide alike; the rest leaves focal length and zoom open."""
    candidate = candidate_of(made("bad_tracks", seed))
    told = [
        one for one in candidate.warnings if one.code in ("holdouts_disagree", "long_tracks_disagree", "part_disagrees")
    ]
    assert len(told) == 1 and re.match(r"only 7\d% of the tracks agree in the worst eighth", told[0].text)


def test_something_that_moves_in_the_picture_alone_is_no_doubt():
    candidate = candidate_of(made("moving", 720))
    assert candidate.certificate.agreement < 0.8 and candidate.warnings == ()


def test_wrong_pixels_are_not_taken_for_a_zoom():
    one = made("aspect", 722)
    assert "zoom" not in codes_of(candidate_of(replace(one), 1 / float(one.variant)))


@pytest.mark.parametrize(
    "seed", [8024, *more(8006)]
)  # .9 % of the depth: as a pan it fits pixels of .96 and .94 better
def test_a_little_move_is_not_taken_for_other_pixels(seed):
    codes = codes_of(candidate_of(made("tiny", seed)))
    assert "moves_little" in codes and "picture_bends" not in codes


@pytest.mark.parametrize("seed", [8016, *more(8002)])  # pans
def test_other_pixels_are_not_taken_for_a_little_move(seed):
    refusal = candidate_of(made("aspect", seed))
    assert isinstance(refusal, Reason) and refusal.code == "pixel_aspect"
