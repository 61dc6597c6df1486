"""Boxes of what moves against the background, for shots without a detector.

The boxes are a guess, and the result says so.

Each frame is compared with the frames REACH_FRAMES before and after it. Dense flow shows where each pixel went. Corners
show the motion of the background: a homography; or, where a homography holds few of the corners (parallax), an epipolar
geometry, so that a near wall in a moving shot is no object.

A pixel moves when it goes elsewhere than the background, by more than the flow's noise, and looks other than the
background would look there. Both must hold before and after, because what is only hidden or bared is off in one of the
two. (The plate's first and last frames have only one side, and larger boxes.)

The detector does not see what moves along the epipolar lines of a moving camera, what moves slowly, and what fills most
of the picture. Things that touch come in one box, with their shadows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from shotmake.objects.detections import Detections

# frame number, small picture, small pictures before and after it, the size of a small pixel (x, y) in plate px
Window = tuple[int, np.ndarray, list[np.ndarray], tuple[float, float]]
# a function: pixels (H, W, 2) and where the flow took them -> where the background goes there; and the N corners (N, 2)
# that follow it
Model = tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], np.ndarray]

REACH_FRAMES = 4  # how many frames before and after it a frame needs
WIDTH_PX = 480  # the width of the small picture that is looked at; the px below are pixels of it
CORNERS, CORNER_DISTANCE_PX, LEAST_CORNERS = 400, 9, 20
INLIER_PX = 0.7
# A homography is enough when it holds more than the first share of the corners, or of those that an epipolar geometry
# holds. A homography that holds less than the second share is that of a thing, not of the background.
PLANE_ALONE, LINES_ALONE = 0.6, 0.4
NOISES, LEAST_PX = 6.0, 0.8  # how far off the background's motion a moving pixel is, in noises and at least in px
GREY_NOISES, LEAST_GREY = 3.0, 4.0  # how far off the background's look it is, in noises and at least in grey levels
OPEN_PX, CLOSE_PX = 5, 15
LEAST_SHARE = 0.0015  # the least share of the picture that must move together


def detect_motion(frames: Iterable[tuple[int, np.ndarray]], first: int, last: int) -> Detections:
    """Detect what moves in the frames first..last. The boxes are in px of the frames' own size.

    frames: (number, (H, W) uint8 luma), ascending without gaps, from REACH_FRAMES before `first` to REACH_FRAMES after
    `last`, as far as there are any. Confidence: 0.5 for what is only just off the background, and nearer to 1 for what
    is more off. The bytes are the same on any number of threads.
    """
    found = (
        (frame, *box)
        for frame, picture, others, scale in _yield_windows(frames, first, last)
        for box in _find_boxes(picture, others, scale)
    )
    table = np.array(list(found), float).reshape(-1, 6)
    return Detections(table[:, 0].astype(np.int64), table[:, 1:5], table[:, 5], np.full(len(table), "", "<U1"))


def _yield_windows(frames: Iterable[tuple[int, np.ndarray]], first: int, last: int) -> Iterator[Window]:
    held: deque[tuple[int, np.ndarray]] = deque()
    scale = (1.0, 1.0)

    def make_window(frame: int) -> Window:
        known = dict(held)
        for reach in (REACH_FRAMES, 1):  # 1 is for a plate that is shorter than that
            others = [known[at] for at in (frame - reach, frame + reach) if at in known]
            if others:
                break
        return frame, known[frame], others, scale

    waiting = first
    for number, luma in frames:
        height, width = luma.shape
        small = min(WIDTH_PX, width)
        size = (small, max(1, round(height * small / width)))
        scale = (width / size[0], height / size[1])
        held.append((number, cv2.resize(luma, size, interpolation=cv2.INTER_AREA)))
        if waiting <= min(number - REACH_FRAMES, last):
            yield make_window(waiting)
            waiting += 1
        while held[0][0] < min(waiting, number) - REACH_FRAMES:
            held.popleft()
    for frame in range(waiting, last + 1):
        yield make_window(frame)


def _find_boxes(here: np.ndarray, others: list[np.ndarray], scale: tuple[float, float]) -> list[tuple[float, ...]]:
    """Return boxes (x, y, width, height, confidence) in px of the plate."""
    if not others:
        return []
    off = np.min([_measure_off(here, there) for there in others], 0)
    moving = cv2.morphologyEx((off > 1).astype(np.uint8), cv2.MORPH_OPEN, _make_disk(OPEN_PX))
    count, label, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(moving, cv2.MORPH_CLOSE, _make_disk(CLOSE_PX))
    )
    found = []
    for one in range(1, count):
        x, y, width, height, area = stats[one].tolist()
        if area >= LEAST_SHARE * moving.size:
            strength = float(np.median(off[(label == one) & (moving > 0)]))  # over 1
            box_px = (x * scale[0], y * scale[1], width * scale[0], height * scale[1])
            found.append((*(round(value, 2) for value in box_px), round(strength / (1 + strength), 4)))
    return found


def _measure_off(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return (H, W): how far each pixel is off the background's motion. From 1 on it counts as moving."""
    height, width = here.shape
    models = _fit_background(*_follow_corners(here, there))
    if not models:
        return np.zeros((height, width), np.float32)
    at = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # OpenCV's type hints leave out that the last argument may be None.
    to = at + flow.calc(here, there, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    inside = (to >= 0).all(-1) & (to < (width, height)).all(-1)  # pixels that have left the picture say nothing
    off = np.where(inside, np.float32(np.inf), np.float32(0))
    for where_to, fitted in models:
        still = where_to(at, to)
        off_px: np.ndarray = cv2.magnitude(*cv2.split(to - still))
        column, row = fitted.astype(int).T
        limit_px = max(LEAST_PX, NOISES * 1.4826 * float(np.median(off_px[row, column])))
        expected = cv2.remap(there, still[..., 0], still[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        other: np.ndarray = cv2.boxFilter(cv2.absdiff(here, expected), cv2.CV_32F, (5, 5))
        limit = max(LEAST_GREY, GREY_NOISES * float(np.median(other[::3, ::3])))
        off = cv2.min(off, cv2.min(off_px / limit_px, other / limit))
    return off


def _follow_corners(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return N corners of a picture and where they are in the other one, (N, 2) each."""
    corners = cv2.goodFeaturesToTrack(here, CORNERS, 0.005, CORNER_DISTANCE_PX, blockSize=5)
    if corners is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(
        here,
        there,
        corners,
        None,  # pyright: ignore[reportCallIssue, reportArgumentType]  # OpenCV's hints leave out None
        winSize=(13, 13),
        maxLevel=3,
    )
    return corners[found > 0], tracked[found > 0]


def _fit_background(xy: np.ndarray, to: np.ndarray) -> list[Model]:
    """Return what the background may follow: a plane, epipolar lines (parallax), or both; [] if unknown.

    OpenCV's RANSAC begins with the same seed each time.
    """
    if len(xy) < LEAST_CORNERS:
        return []
    plane, on_plane = cv2.findHomography(xy, to, cv2.RANSAC, INLIER_PX, maxIters=1000, confidence=0.999)
    by_plane = 0 if plane is None else int(on_plane.sum())
    lines, on_lines, by_lines = None, None, 0
    if by_plane < PLANE_ALONE * len(xy):
        lines, on_lines = cv2.findFundamentalMat(xy, to, cv2.FM_RANSAC, INLIER_PX, 0.99, 300)
        by_lines = 0 if lines is None or lines.shape != (3, 3) else int(on_lines.sum())
    models: list[Model] = []
    if by_plane and by_plane >= LINES_ALONE * by_lines:
        models.append((lambda at, to: cv2.perspectiveTransform(at, plane), xy[on_plane[:, 0] > 0]))
    if lines is not None and on_lines is not None and by_plane < PLANE_ALONE * by_lines:
        models.append((lambda at, to: _project_on_lines(lines, at, to), xy[on_lines[:, 0] > 0]))
    return models


def _project_on_lines(lines: np.ndarray, at: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return (H, W, 2): the places nearest to `to` on the epipolar lines of `at`."""
    a, b, c = cv2.split(cv2.transform(at, (lines / np.abs(lines).max()).astype(np.float32)))
    x, y = cv2.split(to)
    gap = (a * x + b * y + c) / np.maximum(a * a + b * b, np.float32(1e-20))
    return cv2.merge([x - gap * a, y - gap * b])


def _make_disk(size_px: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))
