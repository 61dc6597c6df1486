"""The 2D tracker: plate frames in, tracks out.

In each frame every live track is predicted by pyramidal Lucas-Kanade on the half-size picture
(J.-Y. Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", Intel 2000), refined
against its anchor patch (shotmake.anchor), judged, and ended when in doubt: a short track costs
little, a wrong one bends the solve. New corners (shotmake.corners) replace the ended tracks.

All that one frame hands to the next is in shotmake.handover, so a plate can be tracked in segments.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import cv2
import numpy as np

from shotmake import anchor, config
from shotmake.corners import detect_corners
from shotmake.handover import LIVE, Handover, join_segments
from shotmake.session import DISABLED, Tracks, join_tracks

REFILL_BELOW, REFILL_TO = 1.2, 1.5  # times min_tracks: some of the newborn soon fail and are cleaned away
REFILL_EVERY_FRAMES = 4  # cells that ran empty are refilled at least this often
KLT_WINDOW_PX, KLT_LEVELS, KLT_ROUNDS = 11, 3, 10  # in the half-size picture
RETURN_MAX_PX = 1.5  # forward and back must end this close to the start
JUMP_MAX_PX = 4.0  # refinement may move a marker this far from its prediction
CORRELATION_FLOOR = 0.5  # however bad the frame's median is
# Parts of a patch that move apart lie on a depth edge. Allowed: a ratio of what is usual in the frame (motion
# blur moves them too), within these limits. Of all gates this one removes the most drift.
QUADRANT_RATIO, QUADRANT_MIN_PX, QUADRANT_MAX_PX = 2.5, 0.3, 0.6
EXPECTED_MAX_PX = 0.5
FEW_TRACKS = 8  # a frame with fewer is hard to solve
SHORT_TRACK_FRAMES = 10
COVERAGE_GRID = (8, 5)
SCALE_MAX, STRETCH_MAX = 2.2, 2.2  # beyond this the anchor is renewed (early renewal drifts more)
CONTRAST_MIN = 3.0  # grey levels: below this a patch is noise
ROUNDNESS_MIN = 0.05  # below this it is an edge, free to slide
SMOOTHING_SIGMA_PX = 0.5


def track_segment(
    frames: Iterable[tuple[int, np.ndarray]], handover: Handover | None, detect: config.Detect, track: config.Track
) -> tuple[Tracks, Handover]:
    """Track consecutive frames (plate frame number, (H, W) uint8 luma), going on from a handover (None = start).

    Returns the markers of these frames, uncleaned, and the handover for the next segment. Track ids are this
    segment's own: those handed over are 0 to N-1, in order.
    """
    parts = []
    handover = handover.renumbered() if handover is not None else None
    for frame, luma in frames:
        image = cv2.GaussianBlur(luma.astype(np.float32), (5, 5), SMOOTHING_SIGMA_PX)
        half = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
        if handover is None:
            handover = _no_tracks(frame, half)
        else:
            handover = _follow(handover, frame, image, half, track)
        handover = _replenish(handover, image, detect, track)
        frame_numbers = np.full(len(handover.track_id), frame)
        parts.append(Tracks.from_markers(handover.track_id, frame_numbers, handover.xy_px, handover.expected_px))
    if handover is None:
        raise ValueError("track_segment: found no frames and no handover; needed one of them")
    return join_tracks(parts), handover


def track_plate(
    frames: Iterable[tuple[int, np.ndarray]],
    detect: config.Detect,
    track: config.Track,
    clean: config.Clean,
    on_frame: Callable[[int], None] = lambda n: None,
) -> Tracks:
    """Track a whole plate in segments that begin where frame % segment_frames == 0, then clean the tracks.

    frames: (plate frame number, (H, W) uint8 luma), consecutive numbers. `on_frame` is called after each.
    """

    def reported() -> Iterator[tuple[int, np.ndarray]]:
        for frame, luma in frames:
            yield frame, luma
            on_frame(frame)

    parts, handover = [], None
    for _, segment in groupby(reported(), key=lambda numbered: numbered[0] // track.segment_frames):
        part, handover = track_segment(segment, handover, detect, track)
        parts.append((part, handover.track_id))
    return clean_tracks(join_segments(parts), clean)


def clean_tracks(tracks: Tracks, clean: config.Clean) -> Tracks:
    """Remove runs of fewer than min_frames unbroken frames, or (delete_track) every track that has such a run."""
    if not len(tracks):
        return tracks
    run = _run_index(tracks)
    short = np.bincount(run)[run] < clean.min_frames
    if clean.action == "delete_track":
        short = np.isin(tracks.track_id, tracks.track_id[short])
    return tracks.where(~short)


def quality(tracks: Tracks, size_px: tuple[int, int], first_frame: int, last_frame: int) -> dict:
    """quality.json: how many tracks live in each frame, how long, and how much of the picture they cover.

    Disabled markers do not count. Short tracks have fewer than short_track_frames markers; coverage is the
    share of an 8 x 5 grid's cells that hold a marker, in the mean and the worst frame.
    """
    tracks = tracks.where((tracks.status != DISABLED) & (tracks.frame >= first_frame) & (tracks.frame <= last_frame))
    count = last_frame - first_frame + 1
    index = tracks.frame - first_frame
    per_frame = np.bincount(index, minlength=count)
    lengths = np.unique(tracks.track_id, return_counts=True)[1]
    known_px = tracks.quality[tracks.quality > 0]

    grid = np.array(COVERAGE_GRID)
    column, row = np.clip((tracks.xy_px * (grid / size_px)).astype(int), 0, grid - 1).T
    covered = np.zeros((count, grid.prod()), bool)
    covered[index, row * grid[0] + column] = True
    coverage = covered.mean(1)
    return {
        "coverage_grid": list(COVERAGE_GRID),
        "coverage_mean": _rounded(coverage.mean()),
        "coverage_min": _rounded(coverage.min()),
        "expected_error_median_px": _rounded(np.median(known_px)) if len(known_px) else None,
        "first_frame": first_frame,
        "frames_under_8": [int(frame) for frame in np.flatnonzero(per_frame < FEW_TRACKS) + first_frame],
        "last_frame": last_frame,
        "markers": len(tracks),
        "short_track_frames": SHORT_TRACK_FRAMES,
        "short_tracks": int((lengths < SHORT_TRACK_FRAMES).sum()),
        "track_length_median": _rounded(np.median(lengths)) if len(lengths) else 0.0,
        "tracks": len(lengths),
        "tracks_per_frame": per_frame.tolist(),
        "tracks_per_frame_median": _rounded(np.median(per_frame)),
        "tracks_per_frame_min": int(per_frame.min()),
    }


def _rounded(number: float) -> float:
    return round(float(number), 4)


def _run_index(tracks: Tracks) -> np.ndarray:
    """(M,) a number for each unbroken run of frames of one track."""
    begins = (np.diff(tracks.track_id) != 0) | (np.diff(tracks.frame) != 1)
    return np.concatenate([[0], np.cumsum(begins)])


def _no_tracks(frame: int, half: np.ndarray) -> Handover:
    shapes = {"patch": (0, anchor.CUT_PX, anchor.CUT_PX), "warp": (0, 2, 2), "xy_px": (0, 2), "velocity_px": (0, 2)}
    types = {"track_id": np.int32, "patch": np.float32}
    empty = {name: np.zeros(shapes.get(name, (0,)), types.get(name, np.float64)) for name in LIVE}
    return Handover(frame=frame, next_id=0, half=half, **empty)


def _follow(before: Handover, frame: int, image: np.ndarray, half: np.ndarray, track: config.Track) -> Handover:
    """Take the live tracks to the next frame; those in doubt end."""
    if not len(before.track_id):
        return replace(before, frame=frame, half=half)
    predicted_px, returned = _predict(before, half, image.shape)
    live, predicted_px = before.keep(returned), predicted_px[returned]
    anchors = anchor.prepare(live.patch, track.motion_model)
    found = anchor.refine(image, anchors, predicted_px, live.warp)

    sound = _sound(found, predicted_px, track.correlation_min)
    after = replace(
        live,
        frame=frame,
        half=half,
        xy_px=found.xy_px,
        velocity_px=found.xy_px - live.xy_px,
        warp=found.warp,
        expected_px=np.sqrt(found.expected_px**2 + live.inherited_px2),
    ).keep(sound)
    return _renew_anchors(after, image, track.pattern_match)


def _predict(before: Handover, half: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Lucas-Kanade there and back on the half-size pictures: (N, 2) plate px, and (N,) whether it came back."""
    scale = np.array([shape[1] / half.shape[1], shape[0] / half.shape[0]])

    def to_half(xy_px: np.ndarray) -> np.ndarray:
        return (xy_px / scale - 0.5).astype(np.float32)  # cv2 puts the first pixel's centre at 0

    settings = dict(
        winSize=(KLT_WINDOW_PX, KLT_WINDOW_PX),
        maxLevel=KLT_LEVELS,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, KLT_ROUNDS, 0.03),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        minEigThreshold=1e-5,
    )
    start, guess = to_half(before.xy_px), to_half(before.xy_px + before.velocity_px)
    previous = _as_bright_as(half, before.half)
    there, found_there, _ = cv2.calcOpticalFlowPyrLK(previous, half, start, guess, **settings)
    # The way back starts from "no motion since", not from the answer it is to confirm.
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(half, previous, there, there - (guess - start), **settings)
    miss_px = np.linalg.norm((back - start) * scale, axis=1)
    returned = (found_there.ravel() > 0) & (found_back.ravel() > 0) & (miss_px < RETURN_MAX_PX)
    return (there.astype(float) + 0.5) * scale, returned


def _as_bright_as(model: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The (H, W) uint8 image with the mean and contrast of `model`: Lucas-Kanade does not forgive flicker."""
    (mean,), (deviation,) = (value.ravel() for value in cv2.meanStdDev(image))
    (model_mean,), (model_deviation,) = (value.ravel() for value in cv2.meanStdDev(model))
    gain = np.clip(model_deviation / max(deviation, 1.0), 0.25, 4.0)
    return np.clip((image - mean) * gain + model_mean + 0.5, 0, 255).astype(np.uint8)


def _sound(found: anchor.Refined, predicted_px: np.ndarray, correlation_min: float) -> np.ndarray:
    """(N,) which markers to believe."""
    inside = found.correlation > -1
    # Relative to the frame's median, so that one blurred frame does not end every track.
    median = float(np.median(found.correlation[inside])) if inside.any() else 0.0
    sound = found.correlation >= max(correlation_min * median, CORRELATION_FLOOR)
    sound &= np.linalg.norm(found.xy_px - predicted_px, axis=1) < JUMP_MAX_PX
    usual_px = float(np.median(found.quadrant_px[inside])) if inside.any() else 0.0
    sound &= found.quadrant_px < np.clip(QUADRANT_RATIO * usual_px, QUADRANT_MIN_PX, QUADRANT_MAX_PX)
    return sound & (found.expected_px < EXPECTED_MAX_PX)


def _renew_anchors(live: Handover, image: np.ndarray, pattern_match: str) -> Handover:
    """Cut new anchors, at the refined positions, where the old ones no longer look like the frame.

    The path has no jump: the new anchor starts where the old one ended, and inherits its error.
    """
    long, short = np.linalg.svd(live.warp, compute_uv=False).T if len(live.warp) else np.zeros((2, 0))
    scale, stretch = np.sqrt(long * short), long / np.maximum(short, 1e-9)
    due = (scale > SCALE_MAX) | (scale < 1 / SCALE_MAX) | (stretch > STRETCH_MAX)
    if pattern_match == "previous":
        due[:] = True
    patches, inside = anchor.cut_patches(image, live.xy_px)
    due &= inside
    return replace(
        live,
        patch=np.where(due[:, None, None], patches, live.patch),
        warp=np.where(due[:, None, None], np.eye(2), live.warp),
        inherited_px2=np.where(due, live.expected_px**2, live.inherited_px2),
    )


def _replenish(live: Handover, image: np.ndarray, detect: config.Detect, track: config.Track) -> Handover:
    """Give birth to new tracks where they are short."""
    count = len(live.track_id)
    if count >= REFILL_BELOW * detect.min_tracks and live.frame % REFILL_EVERY_FRAMES:
        return live
    scale = np.array([image.shape[1] / live.half.shape[1], image.shape[0] / live.half.shape[0]])
    wanted = int(np.ceil(detect.min_tracks * REFILL_TO))
    xy_px = detect_corners(live.half, live.xy_px / scale, wanted, detect, float(scale.mean())) * scale
    patch, inside = anchor.cut_patches(image, xy_px)
    anchors = anchor.prepare(patch, track.motion_model)
    good = inside & (anchors.contrast > CONTRAST_MIN) & (anchors.roundness > ROUNDNESS_MIN)
    born = int(good.sum())
    velocity_px = np.median(live.velocity_px, axis=0) if count else np.zeros(2)
    new = dict(
        track_id=np.arange(live.next_id, live.next_id + born, dtype=np.int32),
        xy_px=xy_px[good],
        velocity_px=np.tile(velocity_px, (born, 1)),
        patch=patch[good],
        warp=np.tile(np.eye(2), (born, 1, 1)),
        inherited_px2=np.zeros(born),
        expected_px=anchor.newborn_error_px(anchors)[good],
    )
    joined = {name: np.concatenate([getattr(live, name), new[name]]) for name in LIVE}
    return replace(live, next_id=live.next_id + born, **joined)
