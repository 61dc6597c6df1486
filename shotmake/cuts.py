"""Where a shot falls apart: two of its frames that no camera could link, as at a cut, a flash or swapped tracks."""

import numpy as np

from shotmake.keyframes import Observations
from shotmake.reasons import Reason

FEWEST_LINKS = 6  # tracks; fewer do not hold two cameras together
FEWEST_JUDGED = 12
JUMP_SHARE = 0.02  # of the width, tracks against each other from one frame to the next
JUMP_TIMES = 10.0  # what they do in the other frames


def cut(markers: Observations, width_px: int, first_frame: int) -> Reason | None:
    """What happens where, in the artist's words, for the worst cut inside the frames that have tracks; else None.
    first_frame: plate number of frame index 0."""
    links, jumps_px = _links(markers), _jumps_px(markers)
    seen = np.flatnonzero(markers.per_frame >= FEWEST_LINKS)
    inside = slice(seen[0], seen[-1]) if len(seen) > 1 else slice(0, 0)
    if len(links[inside]) and links[inside].min() < FEWEST_LINKS:
        frame = seen[0] + int(np.argmin(links[inside]))
        return Reason(
            "cut",
            f"{links[frame]} tracks go on from frame {first_frame + frame} to {first_frame + frame + 1} (needed "
            f"{FEWEST_LINKS}): at a cut or a flash, split the shot there with shot.footage.frame_range",
        )
    usual_px = float(np.nanmedian(jumps_px)) if np.isfinite(jumps_px).any() else np.inf
    frame = int(np.nanargmax(jumps_px)) if np.isfinite(usual_px) else 0
    if np.isfinite(usual_px) and jumps_px[frame] > max(JUMP_SHARE * width_px, JUMP_TIMES * usual_px):
        return Reason(
            "tracks_jump",
            f"after frame {first_frame + frame} the tracks jump, by {jumps_px[frame]:.0f} px against each other: they "
            "were swapped, or the shot is cut there; split it with shot.footage.frame_range or track it again",
        )
    return None


def _links(markers: Observations) -> np.ndarray:
    """(N - 1,) tracks that are seen at or before a frame and again after it."""
    starts = np.searchsorted(markers.track, np.arange(len(markers.track_ids)))
    ends = np.append(starts[1:], len(markers)) - 1
    change = np.zeros(markers.frame_count, int)
    np.add.at(change, markers.frame[starts], 1)
    np.add.at(change, markers.frame[ends], -1)
    return np.cumsum(change)[:-1]


def _jumps_px(markers: Observations) -> np.ndarray:
    """(N,) by how much the tracks' steps before and after a frame differ, beyond what all have in common; the smaller
    of it and the next frame's, since a jump spoils the steps on its both sides; NaN where few tracks tell."""
    whole = (markers.track[2:] == markers.track[:-2]) & (markers.frame[2:] - markers.frame[:-2] == 2)
    at = np.flatnonzero(whole) + 1
    bend_px = markers.xy_px[at + 1] - 2 * markers.xy_px[at] + markers.xy_px[at - 1]
    order = np.argsort(markers.frame[at], kind="stable")
    bend_px, numbers = bend_px[order], np.bincount(markers.frame[at], minlength=markers.frame_count)
    spread_px = np.full(markers.frame_count, np.nan)
    for frame, (end, number) in enumerate(zip(np.cumsum(numbers), numbers, strict=True)):
        if number >= FEWEST_JUDGED:
            here = bend_px[end - number : end]
            spread_px[frame] = np.median(np.linalg.norm(here - np.median(here, axis=0), axis=1))
    return np.append(np.minimum(spread_px[:-1], spread_px[1:]), np.nan)
