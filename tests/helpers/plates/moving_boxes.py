"""What a detector would say about objects that are known: boxes with noise, gaps and false alarms, and the truth."""

from dataclasses import dataclass

import numpy as np

from shotmake.objects.detections import Detections

QUIET_FRAMES = 12  # in which an object is seen before its first gap, and between two


@dataclass(frozen=True)
class MovingBoxes:
    """detections; object_of (N,) the object of each, -1 for a false alarm. Truth, one row an object and frame, ordered
    by frame: frame (M,), object_id (M,) from 0, xywh_px (M, 4), seen (M,) bool, whether it was detected."""

    detections: Detections
    object_of: np.ndarray
    frame: np.ndarray
    object_id: np.ndarray
    xywh_px: np.ndarray
    seen: np.ndarray
    frames: tuple[int, int]
    size_px: tuple[int, int]


def move(
    seed: int,
    count: int = 12,
    frames: tuple[int, int] = (1, 240),
    size_px: tuple[int, int] = (1920, 1080),
    speed_px: float = 3.0,
    gap_frames: tuple[int, int] = (1, 20),
    gap_every: int = 60,
    noise_px: float = 0.8,
    alarm_every: int = 17,
    faint_share: float = 0.0,
    crossing: bool = False,
) -> MovingBoxes:
    """`count` objects, up to speed_px a frame. Without crossing each keeps to a lane of its own, and the false alarms
    to another one. Every gap_every frames (0: never) an object hides for gap_frames, and every alarm_every (0: never)
    one or two frames show a box where nothing is. A faint_share of the boxes has a confidence below 0.3."""
    random = np.random.default_rng(seed)
    number = np.arange(frames[0], frames[1] + 1)
    boxes = np.stack([_path(random, lane, count, number, size_px, speed_px, crossing) for lane in range(count)])
    seen = np.stack([~_hidden(random, len(number), gap_every, gap_frames) for _ in range(count)])
    frame, object_id = (grid.T.ravel() for grid in np.meshgrid(number, np.arange(count)))
    truth_px, seen = boxes.transpose(1, 0, 2).reshape(-1, 4), seen.T.ravel()
    alarms = _alarms(random, number, count, size_px, alarm_every, crossing)
    found = np.concatenate([frame[seen], alarms[:, 0].astype(int)])
    order = np.argsort(found, kind="stable")
    noisy = truth_px[seen] + random.normal(0, noise_px, (seen.sum(), 4))
    confidence = random.uniform(0.6, 1.0, len(found))
    faint = random.random(len(found)) < faint_share
    confidence[faint] = random.uniform(0.12, 0.28, faint.sum())
    detections = Detections(
        found[order], np.vstack([noisy, alarms[:, 1:]])[order], confidence[order], np.full(len(found), "")
    )
    object_of = np.concatenate([object_id[seen], np.full(len(alarms), -1)])[order]
    return MovingBoxes(detections, object_of, frame, object_id, truth_px, seen, frames, size_px)


def _path(random, lane, count, number, size_px, speed_px, crossing) -> np.ndarray:
    """(F, 4) a box that swings to and fro, smoothly, and breathes."""
    width, height = size_px
    lane_px = height / (count + 1)
    size = np.array([random.uniform(40, 110), random.uniform(0.5, 0.75) * lane_px])
    size = size * (1 + 0.08 * np.sin(number[:, None] / random.uniform(30, 90, 2) + random.uniform(0, 6, 2)))
    reach = np.array([0.4 * width, 0.4 * height if crossing else 0.08 * lane_px])
    middle = np.array([width / 2, height / 2 if crossing else (lane + 0.5) * lane_px])
    rate = random.uniform(0.4, 1.0, 2) * speed_px / np.array([reach[0], max(reach[1], 0.1 * width)])
    centre = middle + reach * np.sin(number[:, None] * rate + random.uniform(0, 2 * np.pi, 2))
    return np.hstack([centre - size / 2, size])


def _hidden(random, length, gap_every, gap_frames) -> np.ndarray:
    """(F,) bool; never in the first frames, and never in the last one."""
    hidden = np.zeros(length, bool)
    at = QUIET_FRAMES + int(random.integers(0, gap_every)) if gap_every else length
    while at < length - 1:
        gap = int(random.integers(gap_frames[0], gap_frames[1] + 1))
        hidden[at : min(at + gap, length - 1)] = True
        at += gap + QUIET_FRAMES + int(random.integers(0, gap_every))
    return hidden


def _alarms(random, number, count, size_px, every, crossing) -> np.ndarray:
    """(A, 5) rows of frame and box; no two alarms at a time, nor one right after the other."""
    rows = []
    width, height = size_px
    lane_px = height / (count + 1)
    at = int(random.integers(1, every)) if every else len(number)
    while at < len(number) - 1:
        top = random.uniform(0, height - lane_px) if crossing else (count + 0.1) * lane_px
        box = [random.uniform(0, width - 80), top, random.uniform(30, 80), 0.7 * lane_px]
        rows += [[number[at + k], *box] for k in range(int(random.integers(1, 3)))]
        at += 3 + int(random.integers(0, every))
    return np.array(rows).reshape(-1, 5)
