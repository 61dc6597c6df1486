"""New tracks: corners where tracks are short, each with the anchor patch that it will be held to.

The corner measure is the smaller eigenvalue of the gradient matrix: J. Shi and C. Tomasi, "Good Features to Track",
CVPR 1994. The picture is divided into cells, and each cell gets its share, so that weak but usable corners far from the
strong ones are tracked too.
"""

import cv2
import numpy as np

from shotmake.config import schema
from shotmake.config.schema import Detect
from shotmake.geometry.compiled import compiled
from shotmake.tracks import anchor
from shotmake.tracks.anchor import Anchors
from shotmake.tracks.segments import Handover

BLOCK_PX = 5  # the gradient matrix is summed over this window
PEAK_PX = 7  # a corner is the strongest pixel in this window
STRONG_PERCENTILE = 99.5  # defines "the strong corners"; a single light or caption does not change it
TRACKS_PER_CELL = 4
MOST_CELLS = 60
SHARES = np.array([0.5, 1.0, 2.0, 1e9])  # up to how many shares a cell is filled, turn by turn
REFILL_BELOW, REFILL_TO = 1.1, 1.25  # times min_tracks, because some of the newborn soon fail and are cleaned away
REFILL_EVERY_FRAMES = 8  # cells that ran empty are refilled at least this often
HURRY_EVERY_FRAMES = 2  # the same with too few tracks; not each frame, or a plate without texture takes too long
LOST_AT_ONCE = 0.02  # when this share of min_tracks is hidden since this frame, as after a jolt, cells are refilled now
CONTRAST_MIN = 3.0  # grey levels: below this a patch is noise
ROUNDNESS_MIN = 0.05  # below this a patch is an edge, free to slide


def find_newborn(
    live: Handover, luma: np.ndarray, detect: schema.Detect, track: schema.Track, mask: np.ndarray | None
) -> tuple[Handover, Anchors]:
    """Find tracks to add to the live ones in their last frame, and their anchors; often there are none.

    luma: (H, W) uint8, the plate in that frame; mask: (H, W) uint8, where it is not 0 nothing is born; None =
    everywhere.
    """
    nobody = live.keep(np.zeros(0, int)), anchor.prepare(live.patch[:0], track.motion_model)
    if not _is_due(live, detect.min_tracks):
        return nobody
    scale = np.array([luma.shape[1] / live.half.shape[1], luma.shape[0] / live.half.shape[0]])
    wanted = int(np.ceil(detect.min_tracks * REFILL_TO)) + int((~live.seen).sum())
    half = None if mask is None else cv2.resize(mask, live.half.shape[::-1], interpolation=cv2.INTER_NEAREST)
    xy_px = detect_corners(live.half, live.xy_px / scale, wanted, detect, float(scale.mean()), half) * scale
    if mask is not None:  # at half size only one pixel in four of the mask was looked at
        xy_px = xy_px[mask[tuple(xy_px.astype(int).T[::-1])] == 0]
    patches, inside = anchor.cut_patches(luma, xy_px, track.pattern_px)
    anchors = anchor.prepare(patches, track.motion_model)
    good = np.flatnonzero(inside & (anchors.contrast > CONTRAST_MIN) & (anchors.roundness > ROUNDNESS_MIN))
    anchors, born = anchors.keep(good), len(good)
    if not born:
        return nobody
    velocity_px = np.median(live.velocity_px, axis=0) if len(live.track_id) else np.zeros(2)
    return Handover(
        frame=live.frame,
        next_id=live.next_id,
        half=live.half,
        renewed=live.renewed[:0],
        track_id=np.arange(live.next_id, live.next_id + born, dtype=np.int32),
        xy_px=xy_px[good],
        velocity_px=np.tile(velocity_px, (born, 1)),
        patch=patches[good],
        warp=np.tile(np.eye(2), (born, 1, 1)),
        tilt=np.zeros((born, 2)),
        inherited_px2=np.zeros(born),
        expected_px=anchor.predict_newborn_error_px(anchors),
        seen_frames=np.ones(born, np.int32),
        lost_frames=np.zeros(born, np.int32),
    ), anchors


def _is_due(live: Handover, min_tracks: int) -> bool:
    count = int(live.seen.sum())
    is_short = count < REFILL_BELOW * min_tracks
    if count == 0 or (is_short and (live.lost_frames == 1).sum() > LOST_AT_ONCE * min_tracks):
        return True
    return live.frame % (HURRY_EVERY_FRAMES if is_short else REFILL_EVERY_FRAMES) == 0


def detect_corners(
    image: np.ndarray,
    live_xy: np.ndarray,
    wanted: int,
    detect: Detect,
    scale: float,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Detect new corners (K, 2) of an (H, W) uint8 image beside live tracks (N, 2), so that about `wanted` tracks live.

    Positions are in px of `image` (origin at its top-left corner). `scale` is how many plate px one of them spans,
    because the distances in `detect` are plate px. A cell with less than half its share gets it even when enough tracks
    live elsewhere. Then each cell gets its share, and the strongest corners that are left fill the rest, first up to
    two shares for a cell. No corner lies where `mask` (H, W) is not 0.
    """
    strength = cv2.cornerMinEigenVal(image, BLOCK_PX, ksize=3)
    margin = max(2, int(np.ceil(detect.margin_px / scale)))
    strong = float(np.percentile(strength[::4, ::4], STRONG_PERCENTILE))
    threshold = np.float32(max(detect.quality_threshold * strong, 1e-9))
    peaks = strength >= cv2.dilate(strength, np.ones((PEAK_PX, PEAK_PX), np.uint8))
    inner = (slice(margin, -margin), slice(margin, -margin))
    good = peaks & (strength > threshold)
    if mask is not None:
        good &= mask == 0
    rows, columns = np.nonzero(good[inner])
    rows, columns = rows + margin, columns + margin

    by_strength = np.argsort(-strength[rows, columns], kind="stable")
    rows, columns = rows[by_strength], columns[by_strength]
    candidates = np.stack([columns, rows], 1) + 0.5
    chosen = _choose(candidates, live_xy, wanted, detect.min_distance_px / scale, *_count_cells(wanted, image.shape))
    return _find_peak_xy(strength, rows[chosen], columns[chosen])


def _count_cells(wanted: int, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return height and width of the picture, and how many cells go across and down."""
    height, width = shape
    cells = np.clip(wanted / TRACKS_PER_CELL, 1, MOST_CELLS)
    across = max(1, round(np.sqrt(cells * width / height)))
    return height, width, across, max(1, round(cells / across))


@compiled
def _mark_blocked(blocked: np.ndarray, x: float, y: float, distance: float) -> None:
    """Mark the pixels that are nearer than `distance` to (x, y)."""
    height, width = blocked.shape
    reach = int(distance) + 1
    for row in range(max(int(y) - reach, 0), min(int(y) + reach + 1, height)):
        for column in range(max(int(x) - reach, 0), min(int(x) + reach + 1, width)):
            if (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 < distance * distance:
                blocked[row, column] = True


@compiled
def _choose(  # noqa: PLR0913  numba takes plain values
    candidates: np.ndarray,
    live_xy: np.ndarray,
    wanted: int,
    distance: float,
    height: int,
    width: int,
    across: int,
    down: int,
) -> np.ndarray:
    """Return the indices of the candidates (strongest first) to take; see detect_corners."""
    blocked = np.zeros((height, width), np.bool_)
    in_cell = np.zeros((down, across), np.int64)
    taken = np.zeros(len(candidates), np.bool_)
    share = np.ceil(wanted / (across * down))
    for t in range(len(live_xy)):
        x, y = live_xy[t]
        _mark_blocked(blocked, x, y, distance)
        row, column = min(max(int(y * down / height), 0), down - 1), min(max(int(x * across / width), 0), across - 1)
        in_cell[row, column] += 1
    live = len(live_xy)
    for turn in range(len(SHARES)):
        for index in range(len(candidates)):
            if turn > 0 and live >= wanted:
                break
            x, y = candidates[index]
            row, column = int(y * down / height), int(x * across / width)
            if not blocked[int(y), int(x)] and in_cell[row, column] < SHARES[turn] * share:
                in_cell[row, column] += 1
                live += 1
                taken[index] = True
                _mark_blocked(blocked, x, y, distance)
    return np.flatnonzero(taken)


def _find_peak_xy(strength: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return sub-pixel peaks (K, 2): a parabola through each peak and its neighbours, along x and along y."""
    middle = strength[row, column]

    def find_offset(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        bend = before - 2 * middle + after
        return np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -np.inf), -0.5, 0.5)

    x = column + find_offset(strength[row, column - 1], strength[row, column + 1])
    y = row + find_offset(strength[row - 1, column], strength[row + 1, column])
    return np.stack([x, y], 1) + 0.5
