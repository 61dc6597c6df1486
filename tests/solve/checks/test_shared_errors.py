"""Errors that neighbouring tracks share: said of what bends the picture, not of noise."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers.recipes.families import made
from helpers.recipes.sets import TrackSet
from shotmake.config.schema import Camera, Imported, Orient, Solve
from shotmake.formats.cameras.solve_json import read_cameras
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.triangulate import compute_misses_px, triangulate
from shotmake.solve.checks import shared_errors
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.shared_errors import SHARED_PX, SHARED_SIGMAS, measure_shared_error, notice_shared_errors
from shotmake.solve.imported.extend import extend_imported
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.verdict import find_candidate
from shotmake.tracks.markers import Tracks


def found_in(one: TrackSet) -> Candidate:
    candidate = find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(**one.camera), Solve()))
    assert not isinstance(candidate, Reason), candidate
    return candidate


@pytest.fixture(scope="module")
def walk() -> tuple[TrackSet, Candidate]:
    one = made("walk", 720)
    return one, found_in(one)


def pushed(candidate: Candidate, push_px: np.ndarray) -> Candidate:
    """The same camera before tracks (M, 2) px elsewhere."""
    return replace(candidate, markers=replace(candidate.markers, xy_px=candidate.markers.xy_px + push_px))


def waves(markers: Observations, size_px: tuple[int, int], amount_px: float) -> np.ndarray:
    """(M, 2) px of what changes slowly in place and time."""
    at = markers.xy_px / size_px[0] @ [5.0, 3.0] + markers.frame / 12
    return amount_px * np.stack([np.sin(at), np.cos(at)], 1)


def four_times(candidate: Candidate) -> Candidate:
    """The same in a picture of four times the size."""
    lens = replace(candidate.lens, fx_px=4 * candidate.lens.fx_px, fy_px=4 * candidate.lens.fy_px,
                   cx_px=4 * candidate.lens.cx_px, cy_px=4 * candidate.lens.cy_px)  # fmt: skip
    return replace(candidate, lens=lens, markers=replace(candidate.markers, xy_px=4 * candidate.markers.xy_px))


def test_errors_of_their_own_are_not_shared(walk):
    one, found = walk
    assert measure_shared_error(found, one.size_px).sigmas < 1.5
    random = np.random.default_rng(3)
    noisy = pushed(found, random.normal(0, 0.6, found.markers.xy_px.shape))
    assert measure_shared_error(noisy, one.size_px).sigmas < 1.5 and notice_shared_errors(noisy, one.size_px) == noisy
    whole = random.normal(0, 0.6, (len(found.markers.track_ids), 2))[found.markers.track]  # the same all its life
    assert measure_shared_error(pushed(found, whole), one.size_px).sigmas < 1.5


@pytest.mark.parametrize("amount_px", [0.1, 0.4, 1.0])
def test_what_moves_neighbours_alike_is_measured_and_said(walk, amount_px):
    one, found = walk
    hazed = pushed(found, waves(found.markers, one.size_px, amount_px))
    error = measure_shared_error(hazed, one.size_px)
    assert 0.4 * amount_px < error.px < 1.2 * amount_px and error.sigmas > 5  # a part of it moves the points instead
    said = notice_shared_errors(hazed, one.size_px).warnings[-1]
    assert said.code == "errors_shared" and f"by {error.px:.2g} px" in said.text


def test_a_large_picture_is_judged_by_its_own_pixels(walk):
    one, found = walk
    hazed = pushed(found, waves(found.markers, one.size_px, 0.1))
    large = four_times(hazed)
    sizes_px = one.size_px, (4 * one.size_px[0], 4 * one.size_px[1])
    small, four = (measure_shared_error(of, size) for of, size in zip((hazed, large), sizes_px, strict=True))
    assert four.px == pytest.approx(4 * small.px, rel=0.05)
    assert (
        compute_pixel_scale(sizes_px[1]) > 2
        and notice_shared_errors(large, sizes_px[1]).warnings[-1].code == "errors_shared"
    )


def test_what_is_small_for_its_picture_is_not_said(walk):
    """A quarter of what is said of a small picture, in one of four times the size: sure, and nothing to worry about."""
    one, found = walk
    clean = pushed(found, compute_misses_px(triangulate(found.markers, found.projecting, found.lens), found.markers,
                                    found.projecting, found.lens))  # fmt: skip
    seen = replace(clean, used=found.used & np.isfinite(clean.markers.xy_px).all(1))
    hazed = pushed(seen, waves(seen.markers, one.size_px, 0.04))
    large, size_px = four_times(hazed), (4 * one.size_px[0], 4 * one.size_px[1])
    error = measure_shared_error(large, size_px)
    assert (
        error.px > 1.5 * SHARED_PX
        and error.sigmas > 2 * SHARED_SIGMAS
        and notice_shared_errors(large, size_px) == large
    )


def test_tracks_of_a_thing_that_moves_are_no_shared_error(walk):
    """Thirty neighbours leave their places together: they are not used by the camera, and tell nothing of it."""
    one, found = walk
    markers = found.markers
    middle_px = np.stack([np.bincount(markers.track, markers.xy_px[:, axis]) for axis in (0, 1)], 1)
    middle_px /= np.bincount(markers.track)[:, None]
    riding = np.argsort(np.linalg.norm(middle_px - middle_px[5], axis=1))[:30]
    at = np.isin(markers.track, riding) & (markers.frame >= 48)
    left = pushed(found, np.where(at[:, None], [9.0, 4.0], 0.0))
    assert notice_shared_errors(left, one.size_px) == left


def test_a_camera_that_turns_is_not_asked(walk):
    one, found = walk
    hazed = pushed(found, waves(found.markers, one.size_px, 0.4))
    tripod = replace(hazed, status="tripod")  # a little parallax is shared too, and may be left
    assert notice_shared_errors(tripod, one.size_px) == tripod


def test_neighbours_are_neither_far_nor_in_the_same_pixels():
    place = np.array([[0.0, 0.0], [0.01, 0.0], [0.1, 0.0], [0.4, 0.0]])
    mean, has_near = shared_errors._average_neighbours(place, np.array([[1.0, 0], [2.0, 0], [4.0, 0], [8.0, 0]]))
    assert has_near.tolist() == [True, True, True, False] and mean[:3, 0].tolist() == [4.0, 4.0, 1.5]


def test_few_tracks_say_nothing(walk):
    one, found = walk
    few = replace(found, used=found.used & (found.markers.track < 5))
    assert measure_shared_error(few, one.size_px) == (0.0, 0.0)


@pytest.mark.parametrize(("family", "seed"), [("bias", 752), ("bias", 818), ("derived", 811)])
def test_haze_and_copied_tracks_are_said_and_the_confidence_is_low(family, seed):
    """Their slip is 3 to 6 px, at a confidence of .93 to .99 before this was asked."""
    one = made(family, seed)
    candidate = found_in(one)
    record = finish(candidate, one.tracks, one.size_px, one.frames, Solve(orient=Orient())).record
    assert "errors_shared" in record["warning_codes"] and record["confidence"] <= 0.5


def test_an_imported_camera_is_asked_too(walk, tmp_path):
    one, found = walk
    path = tmp_path / "brought.json"
    path.write_text(json.dumps(finish(found, one.tracks, one.size_px, one.frames, Solve()).record))
    imported = read_cameras(path, one.size_px, one.frames)
    markers = Observations.from_tracks(one.tracks, one.frames)
    hazed_px = markers.xy_px + waves(markers, one.size_px, 0.4)
    ids, frames = markers.track_ids[markers.track], markers.plate_frames[markers.frame]
    settings = Solve(known=Imported(fixed=True))
    for xy_px, codes in ((markers.xy_px, set()), (hazed_px, {"errors_shared"})):
        tracks = Tracks.from_markers(ids, frames, xy_px)
        record = extend_imported(SolveInputs(tracks, one.size_px, one.frames, Camera(), settings), imported).record
        assert record["status"] == "solved" and {"errors_shared"} & set(record["warning_codes"]) == codes
