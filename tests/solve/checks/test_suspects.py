"""Where a second witness should look: at jolts, and where tracks run straight."""

import numpy as np
import pytest

from helpers.recipes.families import made
from helpers.recipes.witness import look_of
from shotmake.config.schema import Camera, Solve
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.links.frames_for_witness import find_straight_tracks
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import find_candidate
from shotmake.solve.witness.witness import ask_witness, choose_pairs
from shotmake.tracks.markers import Tracks


def observed(name: str, seed: int) -> Observations:
    one = made(name, seed)
    return Observations.from_tracks(one.tracks, one.frames)


@pytest.mark.parametrize("kind", ["orbit", "dolly", "slow", "pan", "correlated"])
def test_tracks_of_a_tracker_run_straight_nowhere(kind):
    assert find_straight_tracks(observed(kind, 720)) == []


@pytest.mark.parametrize("seed", [500, 720, 722])
def test_drawn_tracks_are_looked_at_inside_and_on_both_sides(seed):
    markers = observed("filled_in", seed)
    before, inside, behind = find_straight_tracks(markers)
    rows = {(track, frame): xy for track, frame, xy in zip(markers.track, markers.frame, markers.xy_px, strict=True)}
    drawn = [
        np.allclose(rows[track, inside - 1] + rows[track, inside + 1], 2 * rows[track, inside])
        for track in range(len(markers.track_ids))
        if all((track, inside + step) in rows for step in (-1, 0, 1))
    ]
    assert np.mean(drawn) > 0.95 and before < inside - 3 and behind > inside + 3
    assert not any(
        np.allclose(rows[track, frame - 1] + rows[track, frame + 1], 2 * rows[track, frame])
        for frame in (before, behind)
        for track in range(len(markers.track_ids))
        if all((track, frame + step) in rows for step in (-1, 0, 1))
    )


def test_a_shot_whose_tracks_are_mostly_drawn_is_looked_at_too():
    """A hand set a marker every 8 frames; lines were drawn between them, so that a usual bend is none at all."""
    tracks = made("walk", 720).tracks
    rows = {key: row for row, key in enumerate(zip(tracks.track_id.tolist(), tracks.frame.tolist(), strict=True))}
    xy_px, kept = tracks.xy_px.copy(), np.zeros(len(tracks.frame), bool)
    for (track, frame), row in rows.items():
        before, behind = (rows.get((track, frame - frame % 8 + step)) for step in (0, 8))
        kept[row] = before is not None and behind is not None
        if kept[row]:
            share = (frame % 8) / 8
            xy_px[row] = (1 - share) * tracks.xy_px[before] + share * tracks.xy_px[behind]
    drawn = Tracks.from_markers(tracks.track_id[kept], tracks.frame[kept], xy_px[kept])
    assert len(find_straight_tracks(Observations.from_tracks(drawn, (1, 60)))) == 6  # two stretches


@pytest.mark.parametrize(("name", "seed"), [("filled_in", 500), ("jump", 504)])
def test_what_is_wrong_for_a_few_frames_is_seen_between_the_even_ones(name, seed):
    one = made(name, seed)
    candidate = find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve()))
    assert not isinstance(candidate, Reason) and candidate.agreement > 0.9, "the tracks themselves are content"
    heard = ask_witness(candidate, one.size_px, look_of(one))
    assert isinstance(heard, Reason) and heard.code == "witness_disagrees"


def test_an_honest_walk_is_looked_at_no_more_than_a_few_times():
    one = made("walk", 720)
    candidate = find_candidate(SolveInputs(one.tracks, one.size_px, one.frames, Camera(), Solve()))
    pairs, _ = choose_pairs(candidate, one.size_px)
    assert len(np.unique(pairs)) <= 10
