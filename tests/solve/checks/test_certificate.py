"""What a certificate says of a solve: each of its measures alone, on both sides of its limit."""

from dataclasses import replace

import numpy as np
import pytest

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.checks.candidate_and_refusal import Candidate, doubt_by_certificate
from shotmake.solve.checks.certify import FEWEST_ASKED, Certificate
from shotmake.solve.tries import POSED_SHARE, fault_of

pytestmark = pytest.mark.fast

GOOD = Certificate(
    holdout_rms_px=0.4,
    holdout_count=40,
    holdout_good=0.97,
    holdout_bad=0.01,
    long_frames=20,
    long_count=60,
    long_bad=0.02,
    worst_time=0.95,
    angle_deg=12.0,
    reach=0.5,
    jumps=0.4,
    jumps_px=0.6,
)
FAULTS = {
    "holdouts_disagree": ({"holdout_bad": 0.46}, {"holdout_bad": 0.44}, "46% of the held-back tracks miss by more"),
    "long_tracks_disagree": ({"long_bad": 0.41}, {"long_bad": 0.39}, "41% of the long tracks disagree"),
    "part_disagrees": ({"worst_time": 0.39}, {"worst_time": 0.41}, "in the worst eighth of the shot only 39% of"),
    "path_jumps": ({"jumps": 2.1, "jumps_px": 6.1}, {"jumps": 2.1, "jumps_px": 5.9}, "the camera path jumps (6.1 px"),
    "tracks_too_short": ({"long_count": FEWEST_ASKED - 1}, {"long_count": FEWEST_ASKED}, "only 5 tracks of 20 or more"),
}
DOUBTS = {
    "holdouts_disagree": ({"holdout_good": 0.7}, "only 70% of the held-back tracks agree"),
    "long_tracks_disagree": ({"long_bad": 0.35}, "only 65% of the long tracks agree"),
    "part_disagrees": ({"worst_time": 0.6}, "only 60% of the tracks agree in the worst eighth"),
}


def candidate_with(certificate: Certificate, *warnings: Reason) -> Candidate:
    none = np.zeros(0, int)
    markers = Observations(none, none, np.zeros((0, 2)), np.zeros(0), none, 3)
    return Candidate(
        status="solved",
        kind="general",
        lens=Lens(1000.0, 1000.0, 640.0, 360.0),
        cam_from_world=np.tile(np.eye(3, 4), (3, 1, 1)),
        markers=markers,
        used=np.zeros(0, bool),
        held_out=none,
        certificate=certificate,
        agreement=certificate.agreement,
        warnings=warnings,
    )


def test_a_good_solve_has_neither_fault_nor_doubt():
    assert GOOD.find_fault() is None and GOOD.find_doubt() is None


@pytest.mark.parametrize("code", FAULTS)
def test_each_measure_is_a_fault_beyond_its_limit_and_none_before(code):
    wrong, right, text = FAULTS[code]
    fault = replace(GOOD, **wrong).find_fault()
    assert fault is not None and fault.code == code and fault.text.startswith(text)
    assert replace(GOOD, **right).find_fault() is None


@pytest.mark.parametrize("code", DOUBTS)
def test_the_lowest_share_is_the_doubt_that_is_told(code):
    low, text = DOUBTS[code]
    others = {"holdout_good": 0.79, "long_bad": 0.22, "worst_time": 0.78}
    doubt = replace(GOOD, **{**others, **low}).find_doubt()
    assert doubt is not None and doubt.code == code and doubt.text.startswith(text)
    assert "tracking.mask" in doubt.text


@pytest.mark.parametrize("code", DOUBTS)
def test_a_doubt_is_told_beside_others_alone_it_is_a_thing_that_moves(code):
    doubted = replace(GOOD, **DOUBTS[code][0])
    other = Reason("focal_open", "the focal length is open")
    assert [one.code for one in doubt_by_certificate(candidate_with(doubted, other)).warnings] == ["focal_open", code]
    assert doubt_by_certificate(candidate_with(doubted)).warnings == ()
    assert doubt_by_certificate(candidate_with(doubted)).agreement == doubted.agreement < 0.8


SIZE_PX = (1280, 720)
FAULTS_OF_CAMERAS = {
    "the lens is a telescope's": ({"lens": Lens(1e5, 1e5, 640.0, 360.0)}, {}, "focal_unlikely"),
    "frames have no camera": ({"cam_from_world": "half"}, {}, "frames_without_camera"),
    "rays hardly meet": ({}, {"angle_deg": 0.9}, "tiny_parallax"),
    "the path is short": ({}, {"reach": 0.029}, "tiny_parallax"),
    "the tracks disagree": ({}, {"long_bad": 0.41}, "long_tracks_disagree"),
}


def test_a_camera_that_its_tracks_certify_stands():
    assert fault_of(candidate_with(GOOD), SIZE_PX) is None


@pytest.mark.parametrize("case", FAULTS_OF_CAMERAS)
def test_a_camera_with_one_fault_is_not_handed_over(case):
    changed, measured, code = FAULTS_OF_CAMERAS[case]
    candidate = candidate_with(replace(GOOD, **measured))
    if changed.get("cam_from_world") == "half":
        cameras = np.tile(np.eye(3, 4), (10, 1, 1))
        cameras[: round(10 * (1 - POSED_SHARE)) + 1] = np.nan
        changed = {"cam_from_world": cameras}
    fault = fault_of(replace(candidate, **changed), SIZE_PX)
    assert fault is not None and fault.code == code


def test_a_path_that_no_track_could_measure_is_no_tiny_parallax():
    fault = fault_of(candidate_with(replace(GOOD, angle_deg=0.0, reach=0.0, long_count=0, long_bad=None)), SIZE_PX)
    assert fault is not None and fault.code == "tracks_too_short"
