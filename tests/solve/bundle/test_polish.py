"""The last adjustment: markers count by their expected error, and a solve is never made worse by it."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import half_noisy, simulate
from shotmake.config.schema import Camera, Solve
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import Bundle, compute_residuals_px
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.refine_lens_terms import BASE, TERMS
from shotmake.solve.bundle.to_and_from_bundle import bundle_of
from shotmake.solve.bundle.weights import compute_variances_px2, weigh_by_artist, weigh_markers
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.polish import polish
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import find_candidate, solve


def test_weights_are_relative_and_the_unknown_is_usual():
    assert (weigh_markers(np.zeros(5)) == 1).all()
    known = weigh_markers(np.array([0.1, 0.2, 0.2, 0.8]))
    assert known[1] == known[2] == pytest.approx(1)
    assert known[0] > 2 and known[3] < 0.1
    assert weigh_markers(np.array([0.2, 0.0, 0.2]))[1] == 1


@pytest.fixture(scope="module")
def uneven():
    """An orbit, half of whose tracks are ten times as noisy as the other half and say so."""
    shot = simulate("orbit", seed=5, white_px=0.05, drift_px=0.0, bad_share=0.0)
    random = np.random.default_rng(1)
    noisy = shot.tracks.track_id % 2 == 0
    sigma_px = np.where(noisy, 0.6, 0.06)
    xy_px = shot.tracks.xy_px + random.normal(0, 1, shot.tracks.xy_px.shape) * np.where(noisy, 0.6, 0.0)[:, None]
    return shot, replace(shot.tracks, xy_px=xy_px.astype(np.float32), quality=sigma_px.astype(np.float32))


def bundled(shot, tracks):
    markers = Observations.from_tracks(tracks, shot.frames)
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    lens = Lens.from_json(shot.truth["lens"])
    return bundle_of(cameras, markers, lens, np.zeros(len(cameras)))[0], markers


def test_residuals_tell_which_tracks_are_noisy_whatever_was_promised(uneven):
    shot, tracks = uneven
    for promised in (tracks.quality, np.zeros_like(tracks.quality), tracks.quality[::-1].copy()):
        bundle, markers = bundled(shot, replace(tracks, quality=promised))
        found_px = np.sqrt(compute_variances_px2(bundle, markers))
        noisy = markers.track_ids[markers.track] % 2 == 0
        # of Gaussian noise of 0.6 px; the size of Student's t for the same core is 0.85 of it
        assert 0.42 < np.median(found_px[noisy]) < 0.6
        assert 0.04 < np.median(found_px[~noisy]) < 0.12  # t itself, of 0.05 px; few markers keep some of the promise


def test_a_weight_stands_beside_what_the_residuals_tell(uneven):
    shot, tracks = uneven
    bundle, markers = bundled(shot, tracks)
    weight = np.where(markers.track_ids == markers.track_ids[3], 9.0, 1.0)
    told_px = markers.expected_px / np.sqrt(weight)[markers.track]  # as shotmake.tracks.groups does
    plain = compute_variances_px2(bundle, markers)
    weighted = compute_variances_px2(bundle, replace(markers, expected_px=told_px, weight=weight))
    theirs = markers.track == 3
    assert np.allclose(weighted[theirs], plain[theirs] / 9)
    assert np.allclose(weighted[~theirs], plain[~theirs])


def test_noisy_tracks_that_promise_nothing_do_no_harm(uneven):
    """A solve with them is as good as one with the good half alone; were all to count alike, it would not be."""
    shot, tracks = uneven
    untold = replace(tracks, quality=np.zeros_like(tracks.quality))
    errors = []
    for given in (untold, untold.select(untold.track_id % 2 == 1)):
        made = solve(SolveInputs(given, shot.size_px, shot.frames, Camera(), Solve()))
        errors.append(measure(made.record, shot.truth))
    assert errors[0]["ate_pct"] < 1.2 * errors[1]["ate_pct"]
    assert errors[0]["rot_deg"] < 1.2 * errors[1]["rot_deg"]


@pytest.mark.parametrize("kind", ["orbit", "pan"])
def test_the_artists_weights_count_in_every_solve(kind):
    shot, clean = half_noisy(kind)
    asked = SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve())
    turns = [
        measure(solve(replace(asked, weights=dict.fromkeys(clean, weight))).record, shot.truth)["rot_deg"]
        for weight in (1.0, 50.0, 0.02)
    ]
    assert turns[1] < 0.8 * turns[0] and turns[2] > 1.1 * turns[0]


def test_a_weight_counts_as_given_whatever_error_a_track_promises(uneven):
    shot, tracks = uneven
    for promised in (tracks.quality, np.zeros_like(tracks.quality)):
        markers = Observations.from_tracks(replace(tracks, quality=promised), shot.frames)
        weight = np.where(markers.track_ids == markers.track_ids[3], 9.0, 1.0)
        told_px = markers.expected_px / np.sqrt(weight)[markers.track]  # as shotmake.tracks.groups does
        weighted = weigh_by_artist(replace(markers, expected_px=told_px, weight=weight))
        assert np.allclose(weighted, weigh_by_artist(markers) * weight[markers.track])


@pytest.fixture(scope="module")
def candidate():
    """A camera, and the tracks that it never saw."""
    shot = simulate("orbit", seed=5, frame_count=40, visible=40)
    asked = SolveInputs(shot.tracks, shot.size_px, shot.frames, Camera(), Solve())
    one = find_candidate(asked)
    assert isinstance(one, Candidate) and not one.warnings + one.notes
    return one, asked.all_markers.select_tracks(np.isin(asked.all_markers.track_ids, one.held_out)), shot.size_px


def test_a_lens_term_that_nobody_looked_for_is_no_doubt(candidate):
    one, held_out, size_px = candidate
    here = np.flatnonzero(one.used & (one.markers.frame == 9))
    used = one.used.copy()
    used[here[5:]] = False  # 5 markers do not hold a frame
    left = polish(replace(one, used=used), held_out, size_px, (*BASE, "p1", "p2"), 1.0)
    assert left.warnings == () and left.lens == one.lens
    assert [(note.code, note.text) for note in left.notes] == [
        ("lens_terms_open", "p1, p2 not looked for: a frame has 5 markers; needed 8")
    ]
    assert polish(replace(one, used=used), held_out, size_px, BASE, 1.0).notes == ()  # nothing was asked for


def test_each_lens_term_that_was_left_alone_has_one_line(candidate):
    """Few tracks do not determine the centre: it was not held against the held-back tracks."""
    one, held_out, size_px = candidate
    best = replace(one.certificate, holdout_rms_px=one.certificate.holdout_rms_px / 2)  # nothing is as good
    left = polish(replace(one, certificate=best), held_out, size_px, (*BASE, *TERMS), 1.0)
    assert left.lens == one.lens and left.notes == ()
    assert [warning.text for warning in left.warnings] == [
        "the tracks do not determine principal_point: left alone; take it out of tracking.solve.refine",
        "k3, p1, p2 left alone: the held-back tracks do not bear out the refined lens",
    ]


def test_a_bundle_projects_as_its_cameras_do():
    shot = simulate("orbit", seed=2, frame_count=12, white_px=0.0, drift_px=0.0, bad_share=0.0)
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    lens = Lens.from_json(shot.truth["lens"])
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    bundle, middle, size = bundle_of(cameras, markers, lens, np.zeros(len(cameras)))
    assert isinstance(bundle, Bundle) and np.abs(compute_residuals_px(bundle, markers)).max() < 2e-3
    back = bundle.translations * size - bundle.rotations @ middle
    assert np.allclose(back, cameras[:, :, 3], atol=1e-12)
