"""Where a shot falls apart: at a cut or a flash, where no camera could link two frames; and where its tracks jump.

A cut is a count of tracks, and forbids a camera. A jump (tracks that were swapped, for example) is looked at. If hardly
a track goes on through the jump with any one rigid motion, which is what a camera shows of a scene, the jump forbids a
camera too. Else it is a suspicion that a solve has to confirm.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import MEASURED_WIDTH_PX, Observations
from shotmake.solve.checks.motion_groups import compute_sampson_px

FEWEST_LINKS = 6  # tracks: fewer do not hold two cameras together
FEWEST_JUDGED = 12
JUMP_SHARE = 0.02  # in plate widths: tracks against each other, from one frame to the next
JUMP_TIMES = 10.0  # x the usual jump of the other frames
RIGID_PX = 2.0  # at 1280 wide, to an epipolar line: fast pictures are blurred
CHOSEN = 7  # so many tracks always fit: the epipolar geometry was made from them
RIGID_SHARE = 0.25  # swapped tracks and tracks that jump one by one have 0.04 to 0.21, good shots 0.8


@dataclass(frozen=True)
class Jump:
    """A jump of the tracks.

    frame: index of the last frame before the jump. reason: what happens where, in the artist's words. rigid_share: the
    share of the tracks through the jump that one rigid motion explains; None where too few tell.
    """

    frame: int
    reason: Reason
    rigid_share: float | None


def find_cut(markers: Observations, width_px: int) -> Reason | None:
    """Find the worst place through which no camera could go, and say in the artist's words what happens there.

    Returns None if there is no such place. Only places inside the frames that have tracks count.
    """
    links = _count_links(markers)
    seen = np.flatnonzero(markers.per_frame >= FEWEST_LINKS)
    inside = slice(seen[0], seen[-1]) if len(seen) > 1 else slice(0, 0)
    if len(links[inside]) and links[inside].min() < FEWEST_LINKS:
        frame = seen[0] + int(np.argmin(links[inside]))
        return Reason(
            "cut",
            f"{links[frame]} tracks go on from frame {markers.plate_frames[frame]} to "
            f"{markers.plate_frames[frame + 1]} (needed "
            f"{FEWEST_LINKS}): at a cut or a flash, split the shot there with shot.footage.frame_range",
        )
    jump = find_jump(markers, width_px)
    if jump is None or jump.rigid_share is None or jump.rigid_share > RIGID_SHARE:
        return None
    found = f"no rigid motion explains more than {jump.rigid_share:.0%} of them there"
    return Reason(jump.reason.code, f"{jump.reason} ({found})")


def find_jump(markers: Observations, width_px: int) -> Jump | None:
    """Find the worst jump of all tracks against each other that looks like no moving camera; None if there is none."""
    jumps_px = _measure_jumps_px(markers)
    usual_px = float(np.nanmedian(jumps_px)) if np.isfinite(jumps_px).any() else np.inf
    frame = int(np.nanargmax(jumps_px)) if np.isfinite(usual_px) else 0
    if np.isfinite(usual_px) and jumps_px[frame] > max(JUMP_SHARE * width_px, JUMP_TIMES * usual_px):
        reason = Reason(
            "tracks_jump",
            f"after frame {markers.plate_frames[frame]} the tracks jump, by {jumps_px[frame]:.0f} px against each "
            "other: they were swapped, frames are missing, or the shot is cut there; split it with "
            "shot.footage.frame_range, or track it again",
        )
        return Jump(frame, reason, _measure_rigid_share(markers, frame, width_px))
    return None


def _measure_rigid_share(markers: Observations, frame: int, width_px: int) -> float | None:
    """Return the largest share of the tracks in a frame and the next that fits one epipolar geometry between them.

    A moving camera, a tripod and a zooming camera all have one. The CHOSEN tracks do not count. None for fewer tracks
    than FEWEST_JUDGED + CHOSEN.
    """
    import cv2

    here, there = np.flatnonzero(markers.frame == frame), np.flatnonzero(markers.frame == frame + 1)
    tracks = markers.track[here], markers.track[there]
    _, a, b = np.intersect1d(*tracks, assume_unique=True, return_indices=True)
    if len(a) < FEWEST_JUDGED + CHOSEN:
        return None
    x_px, y_px = markers.xy_px[here[a]], markers.xy_px[there[b]]
    near_px = RIGID_PX * max(width_px / MEASURED_WIDTH_PX, 0.6)
    cv2.setRNGSeed(1)
    try:
        matrix, _ = cv2.findFundamentalMat(x_px, y_px, cv2.USAC_MAGSAC, near_px, 0.999, 5000)
    except cv2.error:  # OpenCV 4.14 asserts where no sample gives a matrix
        return None
    if matrix is None or matrix.shape != (3, 3):
        return None
    fitting = int((compute_sampson_px(matrix, x_px, y_px) < near_px).sum())
    return max(fitting - CHOSEN, 0) / (len(a) - CHOSEN)


def _count_links(markers: Observations) -> np.ndarray:
    """Return the number (N - 1,) of tracks that are seen at or before a frame and again after it."""
    starts = np.searchsorted(markers.track, np.arange(len(markers.track_ids)))
    ends = np.append(starts[1:], len(markers)) - 1
    change = np.zeros(markers.frame_count, int)
    np.add.at(change, markers.frame[starts], 1)
    np.add.at(change, markers.frame[ends], -1)
    return np.cumsum(change)[:-1]


def _measure_jumps_px(markers: Observations) -> np.ndarray:
    """Return, for each frame (N,), by how many px the tracks' steps before and after it differ, beyond what all share.

    It is the smaller of this frame's value and the next frame's, since a jump spoils the steps on both its sides. NaN
    where few tracks tell.
    """
    whole = (markers.track[2:] == markers.track[:-2]) & (markers.frame[2:] - markers.frame[:-2] == 2)
    at = np.flatnonzero(whole) + 1
    at = at[markers.is_even[markers.frame[at]]]
    bend_px = markers.xy_px[at + 1] - 2 * markers.xy_px[at] + markers.xy_px[at - 1]
    order = np.argsort(markers.frame[at], kind="stable")
    bend_px, numbers = bend_px[order], np.bincount(markers.frame[at], minlength=markers.frame_count)
    spread_px = np.full(markers.frame_count, np.nan)
    for frame, (end, number) in enumerate(zip(np.cumsum(numbers), numbers, strict=True)):
        if number >= FEWEST_JUDGED:
            here = bend_px[end - number : end]
            spread_px[frame] = np.median(np.linalg.norm(here - np.median(here, axis=0), axis=1))
    return np.append(np.minimum(spread_px[:-1], spread_px[1:]), np.nan)
