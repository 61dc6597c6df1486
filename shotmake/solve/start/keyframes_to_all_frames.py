"""From keyframes to every frame: pose, triangulate, adjust, and drop what disagrees."""

from dataclasses import replace

import numpy as np

from shotmake.solve.bundle.adjust import adjust, lens_from_vector
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.to_and_from_bundle import LOSS_PX, bundle_of, cameras_of
from shotmake.solve.bundle.triangulate import (
    compute_marker_errors_px,
    compute_track_medians,
    measure_angles_deg,
    triangulate,
)
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.start import colmap
from shotmake.solve.start.colmap import MIN_POSE_MARKERS

# x max_error_px: before the first adjustment, the errors are those of the model
GATES = (4.0, 1.5, 1.0)
MOST_GROWTH = 20  # rounds; each reaches about a track's life further: 5 for 480 frames of tracks that live 50


def complete(model: Model, markers: Observations, refine: tuple[str, ...], max_error_px: float) -> Model:
    """Finish a keyframe model: give every frame a pose that can have one.

    Where the keyframes span a part of the shot, each round poses the frames that share tracks with the frames posed.
    The used markers of the result are those within `max_error_px`. Raises ShotError when the lens folds over inside the
    picture during this, and for k2 without k1.
    """
    ask = markers, refine, max_error_px
    model = _pose_and_adjust(model, GATES[0], *ask)
    for _ in range(MOST_GROWTH):
        grown = model if model.posed.all() else _pose_and_adjust(model, GATES[0], *ask)
        if grown.posed.sum() <= model.posed.sum():
            break
        model = grown
    for gate in GATES[1:]:
        model = _pose_and_adjust(model, gate, *ask)
    return model


def _pose_and_adjust(
    model: Model, gate: float, markers: Observations, refine: tuple[str, ...], max_error_px: float
) -> Model:
    """Pose the frames that have no pose and share points with the model; then adjust all frames."""
    if not model.posed.all():
        model = colmap.pose_frames(model, markers, ~model.posed, 3 * max_error_px)
    if model.posed.sum() < 3:
        return model
    model = locate(model, markers, gate * max_error_px)
    return _adjust(model, markers, refine, tolerance=1e-3 if gate > 1 else 1e-5)


def locate(model: Model, markers: Observations, gate_px: float) -> Model:
    """Triangulate every track again. `used` are the markers within `gate_px`, of tracks that mostly agree.

    Raises ShotError as `triangulate` does.
    """
    points = triangulate(markers, model.projecting, model.lens, loss_px=max(1.0, gate_px / 4))
    errors = compute_marker_errors_px(points, markers, model.projecting, model.lens)
    count = len(markers.track_ids)
    posed = model.posed[markers.frame]
    medians = compute_track_medians(errors[posed], markers.track[posed], count)
    used = (errors < gate_px) & (medians[markers.track] < gate_px)
    numbers = np.bincount(markers.track[used], minlength=count)
    angles = measure_angles_deg(points, markers, model.cam_from_world)
    # a point nearly at infinity cannot be written as x, y, z, and its rays add little but trouble
    good = (numbers >= 3) & (angles > 0.2) & (points[:, 3] > 0)
    return replace(model, points=np.where(good[:, None], points, np.nan), used=used & good[markers.track])


def _adjust(model: Model, all_markers: Observations, refine: tuple[str, ...], tolerance: float) -> Model:
    """Adjust all posed frames that keep enough used markers, together."""
    in_frame = np.bincount(all_markers.frame[model.used], minlength=all_markers.frame_count)
    frames = np.flatnonzero(model.posed & (in_frame >= MIN_POSE_MARKERS))
    poses = np.full_like(model.cam_from_world, np.nan)
    if len(frames) < 2:
        return replace(model, cam_from_world=poses)
    markers = all_markers.select(model.used).select_frames(frames)
    at = np.searchsorted(all_markers.track_ids, markers.track_ids)
    cameras, log_zooms = model.cam_from_world[frames], model.log_zooms.copy()
    bundle, middle, size = bundle_of(cameras, markers, model.lens, log_zooms[frames], model.points[at])
    bundle = adjust(bundle, markers, refine, 25, LOSS_PX, tolerance)
    poses[frames] = cameras_of(bundle, middle, size)
    points = np.full_like(model.points, np.nan)
    points[at] = np.concatenate([bundle.directions * size, bundle.inverse_depths[:, None]], 1)
    points[at, :3] += points[at, 3:] * middle
    used = model.used & np.isfinite(points[all_markers.track, 0]) & np.isfinite(poses[all_markers.frame, 0, 0])
    log_zooms[frames] = bundle.log_zooms
    return Model(lens_from_vector(bundle.lens), poses, points, used, log_zooms)
