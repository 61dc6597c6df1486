"""Tracks as the solvers read them, and the keyframes among their frames."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from shotmake.tracks.markers import DISABLED, Tracks

MEASURED_WIDTH_PX = 1280.0  # the pixel thresholds of the verdict were measured on plates this wide
OF_LIFE, CLOSE_ENOUGH = 5, 1.5  # keyframes in a median track's life; and how much wider they may stand


def compute_pixel_scale(size_px: tuple[int, int]) -> float:
    """Return the factor for thresholds in px that were measured at 1280 wide.

    It is at least 0.6: tracking noise does not shrink with the plate.
    """
    return max(size_px[0] / MEASURED_WIDTH_PX, 0.6)


@dataclass(frozen=True)
class Observations:
    """Markers with compact indices, sorted by track, then frame.

    track (M,): index into track_ids. frame (M,): index, 0 = the first frame of the range. xy_px (M, 2): plate px.
    expected_px (M,): expected error; 0 = unknown. track_ids (T,): ids of the session. frame_count: frames in the range.
    weight (T,): the artist's weight of each track, which is in expected_px already; None = all alike. numbers (N,): the
    plate's number of each frame index; None = not known. Frames that are skipped have no index.
    """

    track: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray
    expected_px: np.ndarray
    track_ids: np.ndarray
    frame_count: int
    weight: np.ndarray | None = None
    numbers: np.ndarray | None = None

    @classmethod
    def from_tracks(
        cls,
        tracks: Tracks,
        frames: tuple[int, int],
        min_markers: int = 3,
        weights: dict[int, float] | None = None,
        skipped: Collection[int] = (),
    ) -> "Observations":
        """Take the enabled, finite markers in `frames` (inclusive) of tracks with at least `min_markers` of them.

        weights: the artist's weights, by track id; a track without one has 1. skipped: plate frames that are left out.
        """
        numbers = np.setdiff1d(np.arange(frames[0], frames[1] + 1), np.array(sorted(skipped), int))
        inside = np.isin(tracks.frame, numbers) & (tracks.status != DISABLED)
        kept = tracks.select(inside & np.isfinite(tracks.xy_px).all(1))
        ids, track = np.unique(kept.track_id, return_inverse=True)
        order = np.lexsort((kept.frame, track))
        everything = cls(
            track[order],
            np.searchsorted(numbers, kept.frame[order]),
            kept.xy_px[order].astype(float),
            kept.quality[order].astype(float),
            ids.astype(np.int64),
            len(numbers),
            np.array([weights.get(track, 1.0) for track in ids.tolist()]) if weights else None,
            numbers,
        )
        return everything.select_tracks(everything.lengths >= min_markers)

    def __len__(self) -> int:
        return len(self.track)

    @property
    def plate_frames(self) -> np.ndarray:
        """The plate's number of each frame index, (N,): the index itself where it is not known."""
        return np.arange(self.frame_count) if self.numbers is None else self.numbers

    @property
    def is_even(self) -> np.ndarray:
        """Whether as much time passes before a frame as behind it, (N,): False at both ends."""
        steps = np.diff(self.plate_frames)
        return np.r_[False, steps[1:] == steps[:-1], False][: self.frame_count]

    @property
    def given(self) -> np.ndarray:
        """The artist's weight of each marker's track, (M,)."""
        return np.ones(len(self)) if self.weight is None else self.weight[self.track]

    @property
    def lengths(self) -> np.ndarray:
        """The number of markers of each track, (T,)."""
        return np.bincount(self.track, minlength=len(self.track_ids))

    @property
    def per_frame(self) -> np.ndarray:
        """The number of markers in each frame, (frame_count,)."""
        return np.bincount(self.frame, minlength=self.frame_count)

    def select(self, rows: np.ndarray) -> "Observations":
        """Keep only the markers of a mask or of indices (M,). Tracks keep their indices."""
        names = ("track", "frame", "xy_px", "expected_px")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def select_tracks(self, chosen: np.ndarray) -> "Observations":
        """Keep only the tracks of a boolean mask (T,). Their indices close up."""
        new_index = np.cumsum(chosen) - 1
        kept = self.select(chosen[self.track])
        weight = None if self.weight is None else self.weight[chosen]
        return replace(kept, track=new_index[kept.track], track_ids=self.track_ids[chosen], weight=weight)

    def select_frames(self, frames: np.ndarray, min_markers: int = 3) -> "Observations":
        """Keep only the frames of these indices (F,), renumbered from 0.

        Tracks that are seen in fewer than `min_markers` of them are left out.
        """
        new_index = np.full(self.frame_count, -1)
        new_index[frames] = np.arange(len(frames))
        kept = self.select(new_index[self.frame] >= 0)
        numbers = None if self.numbers is None else self.numbers[frames]
        fewer = replace(kept, frame=new_index[kept.frame], frame_count=len(frames), numbers=numbers)
        return fewer.select_tracks(fewer.lengths >= min_markers)


def thin(observations: Observations, track_count: int, per_frame: int, seed: int = 0) -> np.ndarray:
    """Choose about `track_count` random tracks, more where a frame would keep fewer than `per_frame`.

    Returns a mask (T,). Random tracks determine the focal length better than the longest ones do (measured).
    """
    total = len(observations.track_ids)
    if total <= track_count:
        return np.ones(total, bool)
    order = np.random.default_rng(seed).permutation(total)
    chosen = np.zeros(total, bool)
    chosen[order[:track_count]] = True
    starts = np.searchsorted(observations.track, np.arange(total + 1))
    seen = np.bincount(observations.frame[chosen[observations.track]], minlength=observations.frame_count)
    for track in order[track_count:]:
        frames = observations.frame[starts[track] : starts[track + 1]]
        if (seen[frames] < per_frame).any():
            chosen[track] = True
            seen[frames] += 1
    return chosen


def choose_keyframes(
    observations: Observations, size_px: tuple[int, int], at_least: int = 12, at_most: int = 60
) -> np.ndarray:
    """Choose keyframes by image motion and by how many tracks survive.

    Returns frame indices (K,), the first and the last frame included. The spacing is 2.3 % of the width of median
    motion. It is made smaller until there are `at_least` keyframes, and larger while there are more than `at_most`.
    More are chosen where the tracks die so soon that fewer would not share half of their tracks with the next one.
    """
    spacing_px = 0.023 * size_px[0]
    keyframes = _space(observations, spacing_px, 0.5)
    for _ in range(12):
        if len(keyframes) > at_most:
            spacing_px *= 1.5
        elif len(keyframes) < min(at_least, observations.frame_count) and spacing_px > 0.3:
            spacing_px *= 0.6
        else:
            break
        keyframes = _space(observations, spacing_px, 0.5)
    if len(keyframes) < min(at_least, observations.frame_count):
        keyframes = np.unique(np.linspace(0, observations.frame_count - 1, at_least).astype(int))
    return keyframes


def choose_close_keyframes(observations: Observations, keyframes: np.ndarray, at_most: int = 160) -> np.ndarray | None:
    """Choose keyframes so close that the median track is seen in OF_LIFE of them, where `keyframes` (K,) are not.

    Returns frame indices, or None where these keyframes are close enough, or more than `at_most` would be needed. With
    few tracks a frame, keyframes that half of the tracks survive have too few in common for a start.
    """
    life = float(np.median(observations.lengths[observations.track])) if len(observations) else 0.0
    spacing = max(1, int(life / OF_LIFE))
    if np.median(np.diff(keyframes)) <= CLOSE_ENOUGH * spacing or observations.frame_count / spacing > at_most:
        return None
    return np.unique([*range(0, observations.frame_count, spacing), observations.frame_count - 1])


def _space(observations: Observations, spacing_px: float, overlap: float) -> np.ndarray:
    order = np.argsort(observations.frame, kind="stable")
    bounds = np.searchsorted(observations.frame[order], np.arange(observations.frame_count + 1))
    rows = [order[a:b] for a, b in pairwise(bounds)]  # sorted by track in each frame
    chosen = [0]
    for frame in range(1, observations.frame_count):
        old, new = rows[chosen[-1]], rows[frame]
        common, at_old, at_new = np.intersect1d(
            observations.track[old], observations.track[new], assume_unique=True, return_indices=True
        )
        few = len(common) < overlap * len(old)
        if not few and len(common):
            moved = observations.xy_px[new[at_new]] - observations.xy_px[old[at_old]]
            few = np.median(np.linalg.norm(moved, axis=1)) > spacing_px
        if few:
            chosen.append(frame)
    if chosen[-1] != observations.frame_count - 1:
        chosen.append(observations.frame_count - 1)
    return np.array(chosen)
