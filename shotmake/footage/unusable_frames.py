"""Frames that cannot be tracked: soft, dark or blown out ones, and ones that show the picture before them once more.

A frame is judged by what its neighbours in time show. Fine detail is what a Gaussian of DETAIL_SIGMA_PX takes away from
the picture at WIDTH_PX; in each cell of a grid it is compared with the median of the frames around. Measured on 60
spoiled plates: spoiled frames keep .02 to .37 of the detail (the first and the last frame of a flash .48). The sharp
frames of these plates keep .97 and more, and the fastest frame of eleven real clips .49.

A frame that repeats another one differs from it by what a codec adds. A camera that comes to rest differs little from
frame to frame too, but not from one frame to the next: it slows down. So the frames beside a
run of repeated frames must change MOVES times as much.
"""

import numpy as np

from shotmake.numbers_in_words import format_ranges

WIDTH_PX, CELLS = 480, (12, 7)
DETAIL_SIGMA_PX = 1.2
AROUND_FRAMES = 12  # on each side
DETAIL_LEFT = 0.42  # of the usual detail: a frame with less cannot be tracked
LEAST_DETAIL = 0.3  # grey levels: a cell with less tells nothing
FEWEST_CELLS = 8
DARK, BRIGHT = 0.6, 1.4  # of the usual mean grey level: of a frame without detail, below and above
REPEATED = 0.14  # of the usual change from frame to frame: a repeated frame has less
MOVES = 3.0  # times the change of a repeated frame: the frames beside it have more
LEAST_CHANGE = 0.3  # grey levels: a plate that changes less stands still
MOST = 0.7  # share of the frames: with more of them unusable, it is the plate that is so, and nothing is left out

REASONS = ("soft", "dark", "bright", "repeated")


class Looks:
    """What is kept of each frame while a plate is decoded: enough to judge them all at its end."""

    def __init__(self) -> None:
        self._details: list[np.ndarray] = []
        self._levels: list[float] = []
        self._changes: list[float] = []
        self._before: np.ndarray | None = None

    def add(self, luma: np.ndarray) -> None:
        """Look at the next frame, (H, W) uint8."""
        import cv2

        height, width = luma.shape
        small = luma
        if width > WIDTH_PX:
            size = WIDTH_PX, max(round(height * WIDTH_PX / width), CELLS[1])
            small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32)
        fine = small - cv2.GaussianBlur(small, (0, 0), DETAIL_SIGMA_PX)
        self._details.append(np.sqrt(cv2.resize(fine * fine, CELLS, interpolation=cv2.INTER_AREA)).ravel())
        self._levels.append(float(small.mean()))
        self._changes.append(np.nan if self._before is None else float(np.abs(small - self._before).mean()))
        self._before = small

    def hold(self) -> None:
        """Take note of a frame that is the one before it, as where a missing frame is stood in for."""
        self._details.append(self._details[-1])
        self._levels.append(self._levels[-1])
        self._changes.append(0.0)

    def find_unusable(self) -> dict[str, list[int]]:
        """Return the indices of the frames that cannot be tracked, ascending, by what they are (of REASONS).

        Empty where MOST of the frames would be.
        """
        if len(self._levels) < 2:
            return {}
        details, levels = np.array(self._details), np.array(self._levels)
        left = measure_detail_left(details)
        lost = left < DETAIL_LEFT
        usual = np.array([np.median(levels[_select_around(frame)]) for frame in range(len(levels))])
        dark, bright = lost & (levels < DARK * usual), lost & (levels > BRIGHT * usual)
        repeated = find_repeated(np.array(self._changes), lost)
        found = dict(zip(REASONS, (lost & ~dark & ~bright, dark, bright, repeated), strict=True))
        if np.mean(lost | repeated) > MOST:
            return {}
        return {reason: np.flatnonzero(those).tolist() for reason, those in found.items() if those.any()}


def _select_around(frame: int) -> slice:
    return slice(max(frame - AROUND_FRAMES, 0), frame + AROUND_FRAMES + 1)


def measure_detail_left(details: np.ndarray) -> np.ndarray:
    """Return the share (N,) of the usual detail that each frame keeps. details (N, C): in grey levels, by cell.

    Frames around which nothing has any detail keep all of it: a blank wall is no spoiled frame.
    """
    out = np.ones(len(details))
    for frame, own in enumerate(details):
        usual = np.median(details[_select_around(frame)], axis=0)
        telling = usual > LEAST_DETAIL
        if telling.sum() >= FEWEST_CELLS:
            out[frame] = np.median(own[telling] / usual[telling])
    return out


def find_repeated(changes: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return (N,) which frames repeat the frame before them.

    changes (N,): mean difference from the frame before, in grey levels; NaN for the first frame. lost (N,): the frames
    that show too little to tell.
    """
    count = len(changes)
    known = np.where(lost | np.r_[False, lost[:-1]], np.nan, changes)
    usual = np.full(count, np.nan)
    for frame in range(count):
        around = known[_select_around(frame)]
        around = around[np.isfinite(around)]
        usual[frame] = np.percentile(around, 75) if len(around) else np.nan
    share = np.divide(known, usual, out=np.full(count, np.nan), where=usual > LEAST_CHANGE)
    still = np.nan_to_num(share, nan=np.inf) < REPEATED
    edges = np.flatnonzero(np.diff(np.r_[False, still, False]))
    out = np.zeros(count, bool)
    for start, end in edges.reshape(-1, 2):
        beside = [share[at] for at in (start - 1, end) if 0 < at < count]
        if all(not np.isfinite(one) or one > MOVES * share[start:end].max() for one in beside):
            out[start:end] = True
    return out


def name_unusable(unusable: dict[str, list[int]]) -> list[str]:
    """Return a line for each kind of frame that cannot be tracked, for a terminal or a page."""
    return [f"{len(frames)} {reason}: {format_ranges(frames)}" for reason, frames in unusable.items()]


def list_frames(unusable: dict[str, list[int]]) -> list[int]:
    """Return the frame numbers of all kinds, ascending, each once."""
    return sorted({frame for frames in unusable.values() for frame in frames})
