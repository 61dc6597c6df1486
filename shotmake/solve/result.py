"""What a solve returns: the record (the solve JSON) and the points, oriented and in plain numbers."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from shotmake.config import schema
from shotmake.geometry.change_of_world import DEPTH_UNITS, World
from shotmake.numbers_in_words import count_of, format_ranges
from shotmake.reasons import Reason, record_reasons
from shotmake.solve.between_frames import NOTHING_SKIPPED, Bridged, Skipped, bridge_frames
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, find_directions, measure_angles_deg, triangulate
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.links.judge_links import DOUBTED
from shotmake.solve.orient.orient import check_sizes, orient_moving, orient_tripod
from shotmake.solve.orient.picks import Solved
from shotmake.solve.record import (
    Solution,
    make_links_json,
    make_point_arrays,
    make_record,
    make_refused_solution,
    make_witness_json,
)
from shotmake.tracks.markers import Tracks

LEAST_CONFIDENCE = 0.25  # with more than one doubt: below it were 14 of 34 wrong simulated cameras, and no honest one
AT_MOST = 0.5  # the highest confidence where any warning doubts the camera
# Warnings that do not doubt the camera
NO_DOUBT = frozenset({
    "frames_without_camera", "focal_guessed", "focal_ignored", "lens_terms_added", "lens_kept", "lens_note",
    "tripod_instead", "camera_file_note", "camera_unchecked", "ground_unknown", "ground_uneven", "pick_slides",
    "survey_far", "world_kept",
})  # fmt: skip
UNPLACED = ("survey_contradicts", "survey_point_left_out", "survey_tipped")  # the place of the world is not certain


def finish(
    candidate: Candidate | Reason,
    tracks: Tracks,
    size_px: tuple[int, int],
    frames: tuple[int, int],
    settings: schema.Solve,
    skipped: Skipped = NOTHING_SKIPPED,
) -> Solution:
    """Finish a solve, the cheap part: orient the candidate, or record the reason of a refusal.

    skipped: the frames in `frames` that no solver saw. Raises ShotError as `make_solution` does.
    """
    if isinstance(candidate, Reason):
        return make_refused_solution(candidate, size_px, settings.engine)
    everything = Observations.from_tracks(tracks, frames, skipped=skipped.frames)
    return make_solution(candidate, everything, size_px, settings, skipped=skipped)


def make_solution(
    candidate: Candidate,
    everything: Observations,
    size_px: tuple[int, int],
    settings: schema.Solve,
    world: World | None = None,
    skipped: Skipped = NOTHING_SKIPPED,
) -> Solution:
    """Orient the camera and return its solution. world: the world to use; None = the world of the tracks and picks.

    skipped: the frames that no solver saw, and `everything` does not have.

    Raises ShotError for a pick or a measure that does not fit (shotmake.solve.orient), and as `triangulate` does.
    """
    posed = np.flatnonzero(np.isfinite(candidate.cam_from_world[:, 0, 0]))
    numbers, lens = everything.plate_frames[posed], candidate.lens
    log_zooms = np.zeros(len(posed)) if candidate.log_zooms is None else candidate.log_zooms[posed]
    bridged = bridge_frames(numbers, candidate.cam_from_world[posed], log_zooms, skipped)
    placed = _place_points(candidate, everything, size_px, settings, world)
    world, shown = placed.world, placed.shown
    asked = everything.frame_count + len(skipped.frames)
    warnings, confidence, refusal = _weigh_doubts(candidate, world, asked, len(bridged.frames))
    if refusal is not None:
        return make_refused_solution(refusal, size_px, settings.engine)
    used_errors, per_frame = _measure_frame_errors(candidate)
    rms_px = dict(zip(numbers.tolist(), per_frame[posed].tolist(), strict=True))
    focals_px = None
    if candidate.log_zooms is not None:
        focals_px = (lens.fx_px * np.exp(bridged.log_zooms)).tolist()
        lens = lens.with_focal_px(float(np.median(focals_px)))
    holdout_rms_px = candidate.certificate.holdout_rms_px
    record = make_record(
        candidate.status,
        candidate.kind,
        size_px,
        lens=lens.to_json(),
        focal_px_per_frame=focals_px,
        frames=bridged.frames.tolist(),
        interpolated=bridged.frames[~bridged.is_solved].tolist(),
        cam_from_world=world.transform_cameras(bridged.cam_from_world).reshape(-1, 12).tolist(),
        rms_px=float(np.sqrt((used_errors**2).mean())) if len(used_errors) else None,
        holdout_rms_px=holdout_rms_px if np.isfinite(holdout_rms_px) else None,
        rms_px_per_frame=[rms_px.get(frame) for frame in bridged.frames.tolist()],
        confidence=float(confidence),
        tracks_used=len(np.unique(candidate.markers.track[candidate.used])),
        scale_known=world.scale_known,
        engine=settings.engine,
        links=make_links_json(candidate.certificate.links),
        witness=make_witness_json(candidate.evidence),
        **record_reasons(warnings, (*candidate.notes, *_note_bridged(bridged, skipped))),
    )
    arrays = make_point_arrays(
        everything.track_ids[shown],
        world.transform_points(placed.xyz[shown]),
        placed.mean_error_px[shown],
        np.isin(everything.track_ids, candidate.held_out)[shown],
        world.ground_found,
    )
    return Solution(record, arrays | {f"survey_{name}": values for name, values in world.survey.items()})


class _Placed(NamedTuple):
    """The world, and the points of the tracks: xyz (T, 3) in the solver's own world, shown (T,) which of them are
    handed over, mean_error_px (T,).
    """

    world: World
    xyz: np.ndarray
    shown: np.ndarray
    mean_error_px: np.ndarray


def _place_points(
    candidate: Candidate,
    everything: Observations,
    size_px: tuple[int, int],
    settings: schema.Solve,
    world: World | None,
) -> _Placed:
    """Locate all tracks, and find the world that they stand in. world: the world to use; None = find it."""
    tripod = candidate.status != "solved"
    points = (find_directions if tripod else triangulate)(everything, candidate.projecting, candidate.lens)
    errors = compute_marker_errors_px(points, everything, candidate.projecting, candidate.lens)
    finite = np.isfinite(errors)
    count = len(everything.track_ids)
    number = np.bincount(everything.track[finite], minlength=count)
    mean_error = np.bincount(everything.track[finite], errors[finite], count) / np.maximum(number, 1)
    shown = (number >= 3) & (mean_error < 3 * settings.clean.max_error_px)
    posed = np.flatnonzero(np.isfinite(candidate.cam_from_world[:, 0, 0]))
    cameras = candidate.cam_from_world[posed]
    numbers = everything.plate_frames[posed]
    solved = Solved(cameras, numbers, candidate.lens, size_px, everything, None, mean_error)
    if tripod:
        return _Placed(world or orient_tripod(solved, settings.orient), points[:, :3] * DEPTH_UNITS, shown, mean_error)
    angles = measure_angles_deg(points, everything, candidate.projecting)
    shown &= (points[:, 3] > 1e-9) & (angles > 0.5)
    xyz = points[:, :3] / np.maximum(points[:, 3:], 1e-12)
    rows = finite & shown[everything.track]
    seen_by = candidate.cam_from_world[everything.frame[rows], 2]
    depth = np.einsum("nj,nj->n", seen_by[:, :3], xyz[everything.track[rows]])
    depth = depth + seen_by[:, 3]
    reliable = shown & (mean_error < settings.clean.max_error_px) & (angles > 1.0)
    solved = replace(solved, points=np.where(shown[:, None], xyz, np.nan))
    if world is not None and world.scale_known:
        check_sizes(world, solved, settings.orient)
    middle = float(np.median(depth)) if len(depth) else DEPTH_UNITS  # no point to show: the solver's size
    return _Placed(world or orient_moving(solved, xyz[reliable], middle, settings.orient), xyz, shown, mean_error)


def _note_bridged(bridged: Bridged, skipped: Skipped) -> list[Reason]:
    """Return what there is to say of the cameras that no track told."""
    made = bridged.frames[~bridged.is_solved].tolist()
    repeated = [frame for frame in made if frame in skipped.repeated]
    unseen = [frame for frame in made if frame not in skipped.repeated]
    told = []
    if unseen:
        text = f"{format_ranges(unseen)} cannot be tracked: the camera there is interpolated between the frames around"
        told.append(Reason("frames_bridged", text))
    if repeated:
        count = count_of(len(repeated), "frame repeats", "frames repeat")
        text = f"{count} the one before and has its camera: {format_ranges(repeated)}"
        told.append(Reason("frames_bridged", text))
    return told


def _weigh_doubts(
    candidate: Candidate, world: World, frame_count: int, with_camera: int
) -> tuple[list[Reason], float, Reason | None]:
    """Return all warnings, the confidence, and the refusal of a camera of which too much is in doubt; else None.

    frame_count: of the shot; with_camera: how many of these frames have a camera.
    """
    warnings = [*candidate.warnings, *world.warnings]
    missing = frame_count - with_camera
    if missing:
        text = f"{missing} of {frame_count} frames have no camera: too few tracks agree there"
        warnings.append(Reason("frames_without_camera", text))
    confidence = candidate.agreement * candidate.posed_share * (0.7 if candidate.flat_focal else 1.0)
    if any(one.code in UNPLACED for one in world.warnings):
        confidence *= DOUBTED
    doubts = [one for one in warnings if one.code not in NO_DOUBT]
    if doubts:
        confidence = min(confidence, AT_MOST)
    too_much = confidence < LEAST_CONFIDENCE and len({one.code for one in doubts}) > 1
    return warnings, confidence, _refuse_doubts(doubts, confidence) if too_much else None


def _refuse_doubts(doubts: list[Reason], confidence: float) -> Reason:
    """Return the refusal of a camera with so many doubts, under the code of the first."""
    told = "; ".join(dict.fromkeys(one.text.partition("; ")[0].partition(": check ")[0] for one in doubts))
    text = f"too much is in doubt at once (confidence {confidence:.2f}, needed {LEAST_CONFIDENCE:g}): {told}"
    return Reason(doubts[0].code, text)


def _measure_frame_errors(candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors (K,) of the used markers in px, and their RMS by frame (N,).

    The errors are against points that are triangulated from these markers alone.
    """
    kept = candidate.markers.select(candidate.used)
    locate = triangulate if candidate.status == "solved" else find_directions
    points = locate(kept, candidate.projecting, candidate.lens)
    errors = compute_marker_errors_px(points, kept, candidate.projecting, candidate.lens)
    fine = np.isfinite(errors)
    number = np.bincount(kept.frame[fine], minlength=kept.frame_count)
    squares = np.bincount(kept.frame[fine], errors[fine] ** 2, kept.frame_count)
    return errors[fine], np.sqrt(squares / np.maximum(number, 1))
