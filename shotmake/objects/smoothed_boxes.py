"""An object's boxes as things can be pinned to them: a detector's jitter by a pixel or two, these do not.

The filter is Savitzky and Golay's (Analytical Chemistry 36, 1964): in each frame the value of the parabola that fits
the nine frames around it best; at the ends, that of the first or last nine. It looks both ways, so nothing lags, and
what moves, grows or is thrown evenly stays where it is. White jitter is halved; a bob of 12 frames, as of a walker's
steps, keeps 92 %. A tracklet has no gaps: its coasted frames lie on the line between two detections, and count as
they are.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.errors import ShotError
from shotmake.objects.tracklets import Tracklet

WINDOW_FRAMES, DEGREE = 9, 2


@dataclass(frozen=True)
class BoxPath:
    """frames (N,): plate numbers, without gaps; xywh_px (N, 4): top-left corner and size, plate px, smoothed."""

    frames: np.ndarray
    xywh_px: np.ndarray

    @property
    def corners_px(self) -> np.ndarray:
        """(N, 4, 2): top-left, top-right, bottom-right, bottom-left."""
        return self._at([(0, 0), (1, 0), (1, 1), (0, 1)])

    @property
    def marks_px(self) -> np.ndarray:
        """(N, 3, 2): the centre, the middle of the upper edge, that of the lower one."""
        return self._at([(0.5, 0.5), (0.5, 0), (0.5, 1)])

    def _at(self, shares: list[tuple[float, float]]) -> np.ndarray:
        return self.xywh_px[:, None, :2] + np.array(shares) * self.xywh_px[:, None, 2:]


def box_path(tracklet: Tracklet, frames: tuple[int, int]) -> BoxPath:
    """The part of it in the frames first..last, which may be none; smoothed before it is cut."""
    first, last = frames
    inside = (tracklet.frames >= first) & (tracklet.frames <= last)
    return BoxPath(tracklet.frames[inside], smoothed_px(tracklet.bboxes)[inside])


def chosen_path(tracklets: list[Tracklet], track_id: int, frames: tuple[int, int], key: str) -> BoxPath:
    """That of an object that the config names by `key`; ShotError when it is not there in the frames first..last."""
    there = {one.track_id: path for one in tracklets if len((path := box_path(one, frames)).frames)}
    if track_id not in there:
        known = f"there are: {', '.join(map(str, sorted(there)))}" if there else "there is none"
        raise ShotError(f"{key}: found no object {track_id} in the frames {frames[0]} to {frames[1]}; {known}")
    return there[track_id]


def smoothed_px(xywh_px: np.ndarray) -> np.ndarray:
    """(N, 4) boxes of frames without gaps -> (N, 4). Centre and size by themselves; no box gets smaller than the
    smallest there was."""
    from scipy.signal import savgol_filter

    window = min(WINDOW_FRAMES, len(xywh_px) - 1 + len(xywh_px) % 2)  # odd
    if window <= DEGREE:
        return xywh_px
    size_px = xywh_px[:, 2:]
    centre_px = np.asarray(savgol_filter(xywh_px[:, :2] + size_px / 2, window, DEGREE, axis=0))
    soft_px = np.maximum(np.asarray(savgol_filter(size_px, window, DEGREE, axis=0)), size_px.min(0))
    return np.concatenate([centre_px - soft_px / 2, soft_px], 1)
