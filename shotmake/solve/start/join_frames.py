"""Frames that join solved cameras: points from the frames there are, poses from the points, an adjustment of the new.

It works in rounds outward, since a track that runs into the new frames rarely lasts to their end.
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.lens import Lens, undistort
from shotmake.solve.bundle.adjust import Bundle, adjust, lens_from_vector, vector_from_lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.rotations import find_rotation
from shotmake.solve.bundle.to_and_from_bundle import FEWEST_MARKERS, LOSS_PX, bundle_of, cameras_of
from shotmake.solve.bundle.triangulate import (
    compute_marker_errors_px,
    compute_track_medians,
    find_directions,
    triangulate,
)
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.bundle.weights import TAIL, compute_variances_px2, weigh_by_artist
from shotmake.solve.start import colmap
from shotmake.solve.start.colmap import MIN_POSE_MARKERS
from shotmake.solve.start.keyframes_to_all_frames import locate

SEEN_SHARES = (0.5, 0.25, 0.0)  # share of a frame's markers that must have points; the next if no frame has it
ROUGH = 4.0  # x max_error_px: a marker may miss by so much while frames join
ROUNDS_BETWEEN, ROUNDS_LAST = 4, 12


@dataclass(frozen=True)
class Joining:
    """How frames join a camera.

    markers: to solve with. size_px: of the plate. tripod: all cameras stand at the origin and points are directions.
    refine: the lens values that may change. max_error_px: a marker that misses by more is left out in the end.
    """

    markers: Observations
    size_px: tuple[int, int]
    tripod: bool
    refine: tuple[str, ...]
    max_error_px: float

    def locate(self, model: Model, gate_px: float) -> Model:
        """Find the points again from all posed frames. The used markers are those within `gate_px` of their points.

        Raises ShotError as `triangulate` does.
        """
        if not model.posed.any():
            nowhere = np.full((len(self.markers.track_ids), 4), np.nan)
            return replace(model, points=nowhere, used=np.zeros(len(self.markers), bool))
        if not self.tripod:
            return locate(model, self.markers, gate_px)
        points = find_directions(self.markers, model.projecting, model.lens)
        errors = compute_marker_errors_px(points, self.markers, model.projecting, model.lens)
        medians = self._find_medians(model, errors)
        used = (errors < gate_px) & (medians[self.markers.track] < gate_px)
        good = np.bincount(self.markers.track[used], minlength=len(points)) >= 2
        return replace(model, points=np.where(good[:, None], points, np.nan), used=used & good[self.markers.track])

    def measure_misses_px(self, model: Model) -> np.ndarray:
        """Return the median errors (K,) in px of the tracks that three or more posed frames see.

        Raises ShotError as `triangulate` does.
        """
        if not model.posed.any():
            return np.zeros(0)
        locate = find_directions if self.tripod else triangulate
        points = locate(self.markers, model.projecting, model.lens)
        errors = compute_marker_errors_px(points, self.markers, model.projecting, model.lens)
        seen = np.bincount(self.markers.track[model.posed[self.markers.frame]], minlength=len(points))
        return self._find_medians(model, errors)[seen >= 3]

    def _find_medians(self, model: Model, errors: np.ndarray) -> np.ndarray:
        posed = model.posed[self.markers.frame]
        return compute_track_medians(errors[posed], self.markers.track[posed], len(self.markers.track_ids))

    def adjust_rough(self, model: Model) -> Model:
        """Adjust the posed frames together, with gates that shrink as the cameras get better.

        Raises ShotError as `triangulate` does.
        """
        misses = self.measure_misses_px(model)
        gate_px = max(ROUGH * self.max_error_px, 4 * float(np.median(misses)) if len(misses) else 0.0)
        none = np.zeros(self.markers.frame_count, bool)
        while gate_px > ROUGH * self.max_error_px:
            model = self.adjust(self.locate(model, gate_px), none, ROUNDS_BETWEEN, loss_px=gate_px / 8)
            gate_px /= 3
        return self.adjust(self.locate(model, ROUGH * self.max_error_px), none, ROUNDS_LAST)

    def grow(self, model: Model, stays: np.ndarray) -> Model:
        """Give a pose to every frame that can have one. Frames in the mask `stays` (N,) keep their pose.

        Raises ShotError as `triangulate` does.
        """
        gate_px = ROUGH * self.max_error_px
        model = self.locate(model, gate_px)
        while not model.posed.all():
            poses = self._pose_next(model)
            more = self.adjust(self.locate(replace(model, cam_from_world=poses), gate_px), stays, ROUNDS_BETWEEN)
            if more.posed.sum() <= model.posed.sum():
                break
            model = self.locate(more, gate_px)
        return model

    def _pose_next(self, model: Model) -> np.ndarray:
        """Return the poses (N, 3, 4), with new ones for frames that see enough points now, the best covered first."""
        has_point = np.isfinite(model.points[:, 0])
        seen = np.bincount(self.markers.frame[has_point[self.markers.track]], minlength=self.markers.frame_count)
        share = seen / np.maximum(self.markers.per_frame, 1)
        pose = self._pose_by_directions if self.tripod else self._pose_by_points
        poses = model.cam_from_world
        for least in SEEN_SHARES:
            wanted = ~model.posed & (seen >= MIN_POSE_MARKERS) & (share >= least)
            poses = pose(model, wanted)
            if (np.isfinite(poses[:, 0, 0]) & ~model.posed).any():
                break
        return poses

    def _pose_by_points(self, model: Model, wanted: np.ndarray) -> np.ndarray:
        return colmap.pose_frames(model, self.markers, wanted, 3 * self.max_error_px).cam_from_world

    def _pose_by_directions(self, model: Model, wanted: np.ndarray) -> np.ndarray:
        """Return the poses (N, 3, 4) of frames that only turn, from the directions that they see."""
        poses = model.cam_from_world.copy()
        plane = undistort(model.lens.normalised_from_px(self.markers.xy_px), model.lens)
        rays = np.concatenate([plane, np.ones((len(plane), 1))], 1)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        known = np.isfinite(model.points[self.markers.track, 0])
        for frame in np.flatnonzero(wanted):
            rows = np.flatnonzero(known & (self.markers.frame == frame))
            directions = model.points[self.markers.track[rows], :3]
            rotation = find_rotation(directions, rays[rows])
            misses_px = np.linalg.norm(directions @ rotation.T - rays[rows], axis=1) * model.lens.fx_px
            if (misses_px < 3 * self.max_error_px).sum() >= max(MIN_POSE_MARKERS, 0.25 * len(rows)):
                poses[frame] = np.concatenate([rotation, np.zeros((3, 1))], 1)
        return poses

    def adjust(
        self, model: Model, stays: np.ndarray, rounds: int, loss_px: float = LOSS_PX, by_noise: bool = False
    ) -> Model:
        """Fit poses, points and refined lens values to the used markers. Frames in the mask `stays` (N,) keep their
        pose.

        by_noise: each track counts by its own noise, as in the last adjustment (shotmake.solve.polish); for a model
        that fits already. A frame of a moving camera with too few markers to hold it loses its pose. Raises ShotError
        as `triangulate` does.
        """
        least = 2 if self.tripod else 3
        rows, held = self._choose_holding(model, stays, least)
        cameras = np.where(held[:, None, None], model.cam_from_world, np.nan)
        moving = held & ~stays & model.posed
        if not moving.any():
            return replace(model, cam_from_world=cameras)
        used = self.markers.select(rows)
        touched = np.bincount(used.track[moving[used.frame]], minlength=len(used.track_ids)) > 0
        used = used.select_tracks(touched)  # the other tracks tell nothing of the frames that move
        frames = np.flatnonzero(moving | (held & model.posed & (used.per_frame > 0)))
        used = used.select_frames(frames, min_markers=least)
        bundled = self._build_tripod_bundle if self.tripod else bundle_of
        bundle, middle, size = bundled(cameras[frames], used, model.lens, model.log_zooms[frames])
        worth, tolerance = weigh_by_artist(used), 1e-4
        if by_noise:
            worth, loss_px, tolerance = 1 / compute_variances_px2(bundle, used), TAIL**0.5, 1e-6
        bundle = adjust(bundle, used, self.refine, rounds, loss_px, tolerance, worth, stays[frames])
        poses, log_zooms = cameras_of(bundle, middle, size), model.log_zooms.copy()
        cameras[frames] = np.where(stays[frames, None, None], cameras[frames], poses)
        log_zooms[frames] = bundle.log_zooms
        lens = lens_from_vector(bundle.lens) if self.refine else model.lens
        return replace(model, cam_from_world=cameras, lens=lens, log_zooms=log_zooms)

    def _choose_holding(self, model: Model, stays: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a mask (M,) of used markers, of tracks with `least` of them in held frames, and these frames (N,)."""
        frame, track = self.markers.frame, self.markers.track
        rows = model.used & model.posed[frame]
        while True:
            of_track = np.bincount(track[rows], minlength=len(self.markers.track_ids))
            enough = rows & (of_track[track] >= least)
            held = stays | (np.bincount(frame[enough], minlength=self.markers.frame_count) >= FEWEST_MARKERS)
            fewer = enough & held[frame]
            if fewer.sum() == rows.sum():
                return rows, held
            rows = fewer

    def _build_tripod_bundle(
        self, cameras: np.ndarray, markers: Observations, lens: Lens, log_zooms: np.ndarray
    ) -> tuple[Bundle, np.ndarray, float]:
        """Build what path.bundle_of builds, for cameras that only turn."""
        directions = find_directions(markers, zoom_cameras(cameras, log_zooms), lens)[:, :3]
        still = np.zeros((len(cameras), 3))
        vector = vector_from_lens(lens)
        bundle = Bundle(cameras[:, :, :3], still, directions, np.zeros(len(directions)), vector, log_zooms)
        return bundle, np.zeros(3), 1.0
