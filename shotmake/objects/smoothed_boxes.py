"""An object's boxes, smoothed so that things can be pinned to them: a detector's boxes jitter by a pixel or two.

The filter is Savitzky and Golay's (Analytical Chemistry 36, 1964): in each frame it takes the value of the parabola
that fits the nine frames around it best; at the ends, the parabola of the first or last nine. It looks both ways, so
nothing lags, and what moves, grows or is thrown evenly stays where it is. White jitter is halved. A bob of 12 frames,
as of a walker's steps, keeps 92 %. A tracklet has no gaps: its coasted frames lie on the line between two detections,
and count as they are.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.errors import ShotError
from shotmake.objects.tracklet_file import Tracklet

WINDOW_FRAMES, DEGREE = 9, 2


@dataclass(frozen=True)
class BoxPath:
    """The smoothed boxes of one object.

    frames (N,): plate frame numbers, without gaps; xywh_px (N, 4): top-left corner and size, plate px.
    """

    frames: np.ndarray
    xywh_px: np.ndarray

    @property
    def corners_px(self) -> np.ndarray:
        """The corners as (N, 4, 2) px: top-left, top-right, bottom-right, bottom-left."""
        return self._place_at([(0, 0), (1, 0), (1, 1), (0, 1)])

    @property
    def marks_px(self) -> np.ndarray:
        """Three places as (N, 3, 2) px: the centre, the middle of the upper edge, the middle of the lower edge."""
        return self._place_at([(0.5, 0.5), (0.5, 0), (0.5, 1)])

    def _place_at(self, shares: list[tuple[float, float]]) -> np.ndarray:
        return self.xywh_px[:, None, :2] + np.array(shares) * self.xywh_px[:, None, 2:]


def make_box_path(tracklet: Tracklet, frames: tuple[int, int]) -> BoxPath:
    """Return the part of a tracklet in the frames first..last, which may be empty. It is smoothed before it is cut."""
    first, last = frames
    inside = (tracklet.frames >= first) & (tracklet.frames <= last)
    return BoxPath(tracklet.frames[inside], smooth_px(tracklet.bboxes)[inside])


def choose_path(tracklets: list[Tracklet], track_id: int, frames: tuple[int, int], key: str) -> BoxPath:
    """Return the path of the object that the config names by `key`.

    Raises ShotError when the object is not there in the frames first..last.
    """
    there = {one.track_id: path for one in tracklets if len((path := make_box_path(one, frames)).frames)}
    if track_id not in there:
        known = f"there are: {', '.join(map(str, sorted(there)))}" if there else "there is none"
        raise ShotError(f"{key}: found no object {track_id} in the frames {frames[0]} to {frames[1]}; {known}")
    return there[track_id]


def smooth_px(xywh_px: np.ndarray) -> np.ndarray:
    """Smooth boxes (N, 4) of frames without gaps; return (N, 4).

    Centre and size are smoothed separately. No box gets smaller than the smallest one before.
    """
    from scipy.signal import savgol_filter

    window = min(WINDOW_FRAMES, len(xywh_px) - 1 + len(xywh_px) % 2)  # always odd
    if window <= DEGREE:
        return xywh_px
    size_px = xywh_px[:, 2:]
    centre_px = np.asarray(savgol_filter(xywh_px[:, :2] + size_px / 2, window, DEGREE, axis=0))
    soft_px = np.maximum(np.asarray(savgol_filter(size_px, window, DEGREE, axis=0)), size_px.min(0))
    return np.concatenate([centre_px - soft_px / 2, soft_px], 1)
