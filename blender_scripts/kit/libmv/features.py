"""New tracks on the best features of a frame, spread over it and away from the tracks that live there."""

from typing import Any

import bpy
import numpy as np

ENOUGH = 1.5  # times min_tracks, because some of the newborn soon fail and are cleaned away
CHOICE = 1.5  # so many times the needed candidates are looked for, so that they can be spread
# The detector's thresholds are absolute, so they are tried from the top down.
THRESHOLD_MOST, THRESHOLD_LEAST, THRESHOLD_STEP = 64.0, 1e-4, 4.0
TRACKS_PER_CELL = 4


class FeatureFinder:
    """A finder of features for new tracks.

    It runs in the context of a Clip Editor that shows the clip. Frames are the clip's own, from 1.
    """

    def __init__(self, clip: bpy.types.MovieClip, space: bpy.types.SpaceClipEditor, detect: dict[str, Any]):
        """Make a finder for a clip. detect: the config's tracking.detect."""
        self._clip, self._space, self._detect = clip, space, detect
        self._size_px = np.array(clip.size, float)

    def add_tracks(self, frame: int, live_px: np.ndarray) -> None:
        """Add tracks beside the live ones (N, 2) px, and select the new ones and no others.

        They are the strongest features, but no part of the frame gets more than another as long as there is a choice.
        """
        tracks = self._get_tracks()
        before = len(tracks)
        wanted = max(0, int(np.ceil(ENOUGH * self._detect["min_tracks"])) - len(live_px))
        self._space.clip_user.frame_current = frame
        threshold, least = THRESHOLD_MOST, THRESHOLD_LEAST
        while True:
            bpy.ops.clip.detect_features(
                placement="FRAME",
                margin=self._detect["margin_px"],
                threshold=threshold,
                min_distance=max(1, round(self._detect["min_distance_px"])),
            )
            found_px = np.array([self._find_position_px(track) for track in list(tracks)[before:]]).reshape(-1, 2)
            if len(found_px) and least == THRESHOLD_LEAST:
                # Our quality_threshold is a share of the strongest corner's lesser eigenvalue. The detector's
                # measure is about the product of both eigenvalues, so the square of that share is used.
                least = max(threshold * self._detect["quality_threshold"] ** 2, THRESHOLD_LEAST)
            far = self._find_far(found_px, live_px)
            threshold /= THRESHOLD_STEP
            if far.sum() >= CHOICE * wanted or threshold < least:
                break
            self._keep(before, np.zeros(len(found_px), bool))
        chosen = np.zeros(len(found_px), bool)
        chosen[self._order(found_px, far, live_px)[:wanted]] = True
        self._keep(before, chosen)

    def _get_tracks(self) -> bpy.types.MovieTrackingTracks:
        assert self._clip.tracking
        return self._clip.tracking.tracks

    def _find_position_px(self, track: bpy.types.MovieTrackingTrack) -> tuple[float, float]:
        x, y = track.markers[0].co
        return x * self._size_px[0], (1 - y) * self._size_px[1]

    def _find_far(self, found_px: np.ndarray, live_px: np.ndarray) -> np.ndarray:
        """Return (K,) which of the features keep min_distance_px from each live track."""
        far = np.ones(len(found_px), bool)
        for index, xy in enumerate(found_px):
            far[index] = not len(live_px) or ((live_px - xy) ** 2).sum(1).min() >= self._detect["min_distance_px"] ** 2
        return far

    def _order(self, found_px: np.ndarray, far: np.ndarray, live_px: np.ndarray) -> np.ndarray:
        """Return the indices of features in the order to take them: first those in the emptiest cells.

        Blender lists features by falling strength.
        """
        aspect = self._size_px[0] / self._size_px[1]
        cells = max(1.0, ENOUGH * self._detect["min_tracks"] / TRACKS_PER_CELL)
        grid = np.maximum(1, np.round([np.sqrt(cells * aspect), np.sqrt(cells / aspect)])).astype(int)

        def cell_of(xy_px: np.ndarray) -> np.ndarray:
            column, row = np.clip((xy_px * (grid / self._size_px)).astype(int), 0, grid - 1).T
            return row * grid[0] + column

        taken = np.bincount(cell_of(live_px), minlength=int(grid.prod()))
        place = np.zeros(len(found_px), int)  # how many tracks the feature's cell holds before it
        for index in np.flatnonzero(far):
            cell = cell_of(found_px[index : index + 1])[0]
            place[index] = taken[cell]
            taken[cell] += 1
        candidates = np.flatnonzero(far)
        return candidates[np.argsort(place[candidates], kind="stable")]

    def _keep(self, before: int, chosen: np.ndarray) -> None:
        """Delete the tracks from index `before` on that are not chosen; select the chosen ones, and no others."""
        tracks = list(self._get_tracks())
        for track in tracks[:before]:
            track.select = False
        for track, keep in zip(tracks[before:], chosen, strict=True):
            track.select = not keep
        if not chosen.all():
            bpy.ops.clip.delete_track(confirm=False)
        for number, track in enumerate(list(self._get_tracks())[before:], before):
            # Tracks get names of our own. Blender's search for a free name takes time with the cube of the number of
            # tracks that have its own names.
            track.select, track.name = True, f"track_{number:05d}"
