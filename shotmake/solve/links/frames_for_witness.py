"""Frames that a second witness should see, beside the evenly spread ones.

There the tracks might agree with each other and still be wrong, for a few frames only.
"""

from itertools import pairwise

import numpy as np

from shotmake.solve.bundle.observations import Observations
from shotmake.solve.links.measure_links import Links

JOLT_PX, JOLT_TIMES, MOST_JOLTS = 2.5, 1.5, 2  # at 1280 wide; x the jolts of the frames around
STRAIGHT, STRAIGHT_FRAMES, MOST_STRAIGHT = 0.25, 4, 2  # of the usual bend; frames in a row; stretches
DRAWN_PX = 0.02  # no tracker is so smooth; where most of a shot is drawn, the usual bend is nearly 0
FEWEST_BENDS = 6  # tracks that are seen in a frame and in both of its neighbours


def find_jolts(links: Links, plate_frames: np.ndarray) -> list[int]:
    """Return the frame indices before and after the sharpest jolts of the path, relative to what is usual around each.

    A picture that was shifted for a few frames begins and ends with a jolt. plate_frames (N,): plate
    number of each frame index.
    """
    px, out = links.jolt_px, []
    usual_px = np.array([links.find_usual_jolt_px(at, 75) for at in range(len(px))])
    times = np.where(px > JOLT_PX * links.scale, px / np.maximum(usual_px, 1e-9), 0.0)
    while len(out) < 2 * MOST_JOLTS and len(times) and times.max() > JOLT_TIMES:
        at = int(np.argmax(times))
        ends = links.before[at], links.after[min(at + 1, len(px) - 1)]
        out += np.searchsorted(plate_frames, ends).tolist()
        times[max(at - 2, 0) : at + 3] = 0.0
    return out


def find_straight_tracks(markers: Observations) -> list[int]:
    """Return the frame indices before, in the middle of and after stretches where tracks run straighter than elsewhere.

    Perhaps nobody tracked there, and something drew lines from marker to marker.
    """
    bend_px = _measure_bends_px(markers)
    known = np.isfinite(bend_px)
    if not known.any():
        return []
    straight = known & (bend_px < max(STRAIGHT * np.median(bend_px[known]), DRAWN_PX))
    edges = np.flatnonzero(np.diff(np.r_[False, straight, False]))
    runs = [(start, end) for start, end in edges.reshape(-1, 2) if end - start >= STRAIGHT_FRAMES]
    longest = sorted(runs, key=lambda run: run[0] - run[1])[:MOST_STRAIGHT]
    last = markers.frame_count - 1
    return [int(np.clip(at, 0, last)) for start, end in longest for at in (start - 2, (start + end) // 2, end + 1)]


def _measure_bends_px(markers: Observations) -> np.ndarray:
    """Return by how many px (N,) the tracks leave a straight line at each frame.

    This is the median of their second differences. NaN where too few tracks are seen in the frame and in both of its
    neighbours.
    """
    whole = (markers.track[2:] == markers.track[:-2]) & (markers.frame[2:] - markers.frame[:-2] == 2)
    at = np.flatnonzero(whole) + 1
    at = at[markers.is_even[markers.frame[at]]]
    bends_px = np.linalg.norm(markers.xy_px[at - 1] - 2 * markers.xy_px[at] + markers.xy_px[at + 1], axis=1)
    order = np.argsort(markers.frame[at], kind="stable")
    ends = np.searchsorted(markers.frame[at][order], np.arange(markers.frame_count + 1))
    parts = [bends_px[order[start:end]] for start, end in pairwise(ends)]
    return np.array([np.median(part) if len(part) >= FEWEST_BENDS else np.nan for part in parts])
