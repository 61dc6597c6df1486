"""Prediction: where each track has gone since the frame before, from coarse to fine.

Inverse-compositional Lucas-Kanade by shifts (J.-Y. Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature
Tracker", Intel 2000; S. Baker and I. Matthews, IJCV 56, 2004), on pictures of half size and smaller. Windows are
brought to the same mean and contrast, so flicker does not bias it. An error of a pixel is good enough, because
shotmake.tracks.anchor refines it. cv2's version takes ten times as long, because it derives whole pyramids anew on each
call.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from shotmake.geometry.compiled import compiled

SMALLEST_SIDE_PX = 40  # the coarsest picture is about so high
LARGEST_WIDTH_PX = 500  # the finest picture is at most so wide: anchors do the rest better
WINDOW_RADIUS_PX = 4
MOST_ROUNDS = 5
DONE_PX = 0.1
LONGEST_STEP_PX = 2.5


def halve(image: np.ndarray) -> np.ndarray:
    """Scale an image (H, W) uint8 to half size."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Picture:
    """A frame as the tracker reads it: (H, W) uint8 luma, and what is made of it once, when it is asked for."""

    luma: np.ndarray

    @cached_property
    def half(self) -> np.ndarray:
        """The frame at half size, uint8 of the shape (H // 2, W // 2)."""
        return halve(self.luma)

    @cached_property
    def levels(self) -> list[np.ndarray]:
        """The pyramid of the frame, (H, W) uint8 each, largest first."""
        return make_pyramid(self.half)


def make_pyramid(half: np.ndarray) -> list[np.ndarray]:
    """Make the pyramid of a half-size picture (H, W) uint8, largest first.

    It begins with that picture, or with the first one of its halves that is small enough.
    """
    levels = [half]
    while levels[-1].shape[1] > LARGEST_WIDTH_PX:
        levels[-1] = halve(levels[-1])
    while min(levels[-1].shape) >= 2 * SMALLEST_SIDE_PX:
        levels.append(halve(levels[-1]))
    return levels


def predict(
    before: list[np.ndarray], after: list[np.ndarray], xy_px: np.ndarray, guess_px: np.ndarray, plate_size: np.ndarray
) -> np.ndarray:
    """Track the points xy_px (N, 2) by the pyramids of both frames, from guess_px (N, 2), to (N, 2) plate px.

    Where standing still explains the coarsest picture better than the guess does, the search begins there. plate_size
    (2,): width and height in px.
    """
    found = guess_px
    for level in reversed(range(len(before))):
        scale = plate_size / before[level].shape[::-1]
        is_coarsest = level == len(before) - 1
        found = scale * _follow(before[level], after[level], xy_px / scale, found / scale, is_coarsest)
    return found


@compiled
def _sample_window(image: np.ndarray, x: float, y: float, radius: int, out: np.ndarray) -> None:
    """Sample a square window bilinearly. Beyond the picture its border is repeated."""
    height, width = image.shape
    side = 2 * radius + 1
    left, top = int(math.floor(x)), int(math.floor(y))
    across, down = np.float32(x - left), np.float32(y - top)
    left -= radius
    top -= radius
    if left >= 0 and top >= 0 and left + side < width and top + side < height:
        for j in range(side):
            upper, lower = image[top + j], image[top + j + 1]
            for i in range(side):
                a, b = np.float32(upper[left + i]), np.float32(upper[left + i + 1])
                c, d = np.float32(lower[left + i]), np.float32(lower[left + i + 1])
                first = a + across * (b - a)
                out[j * side + i] = first + down * (c + across * (d - c) - first)
    else:
        for j in range(side):
            y0, y1 = min(max(top + j, 0), height - 1), min(max(top + j + 1, 0), height - 1)
            for i in range(side):
                x0, x1 = min(max(left + i, 0), width - 1), min(max(left + i + 1, 0), width - 1)
                a, b = np.float32(image[y0, x0]), np.float32(image[y0, x1])
                c, d = np.float32(image[y1, x0]), np.float32(image[y1, x1])
                first = a + across * (b - a)
                out[j * side + i] = first + down * (c + across * (d - c) - first)


@compiled
def _compare(  # noqa: PLR0913  numba takes plain values
    image: np.ndarray,
    x: float,
    y: float,
    radius: int,
    pattern: np.ndarray,
    gx: np.ndarray,
    gy: np.ndarray,
    contrast: float,
    values: np.ndarray,
) -> tuple[np.float32, np.float32, np.float32]:
    """Compare the window at (x, y) with the pattern: squared difference, and its products with the derivatives."""
    _sample_window(image, x, y, radius, values)
    mean = square = np.float32(0)
    for k in range(values.size):
        mean += values[k]
    mean /= np.float32(values.size)
    for k in range(values.size):
        values[k] -= mean
        square += values[k] * values[k]
    gain = np.float32(min(max(contrast / (math.sqrt(square) + 1e-3), 0.25), 4.0))
    miss = along_x = along_y = np.float32(0)
    for k in range(values.size):
        rest = values[k] * gain - pattern[k]
        miss += rest * rest
        along_x += rest * gx[k]
        along_y += rest * gy[k]
    return miss, along_x, along_y


@compiled
def _follow(
    before: np.ndarray, after: np.ndarray, start: np.ndarray, guess: np.ndarray, is_coarsest: bool
) -> np.ndarray:
    """Return (N, 2) where the windows around `start` in one picture are in the next one; picture px, corner origin."""
    radius = WINDOW_RADIUS_PX
    side, wide = 2 * radius + 1, 2 * radius + 3
    larger = np.empty(wide * wide, np.float32)
    pattern, gx, gy, values = np.empty((4, side * side), np.float32)
    found = guess.copy()
    for t in range(len(start)):
        _sample_window(before, start[t, 0] - 0.5, start[t, 1] - 0.5, radius + 1, larger)
        mean = mean_x = mean_y = np.float32(0)
        for j in range(side):
            for i in range(side):
                k, m = j * side + i, (j + 1) * wide + i + 1
                pattern[k] = larger[m]
                gx[k] = np.float32(0.5) * (larger[m + 1] - larger[m - 1])
                gy[k] = np.float32(0.5) * (larger[m + wide] - larger[m - wide])
                mean += pattern[k]
                mean_x += gx[k]
                mean_y += gy[k]
        pixels = np.float32(side * side)
        mean, mean_x, mean_y = mean / pixels, mean_x / pixels, mean_y / pixels
        xx = xy = yy = square = np.float32(0)
        for k in range(side * side):
            pattern[k] -= mean
            gx[k] -= mean_x
            gy[k] -= mean_y
            square += pattern[k] * pattern[k]
            xx += gx[k] * gx[k]
            xy += gx[k] * gy[k]
            yy += gy[k] * gy[k]
        damping = 0.01 * (xx + yy) + 1.0
        xx, yy = xx + damping, yy + damping
        scale, contrast = 1 / (xx * yy - xy * xy), math.sqrt(square)

        x, y = guess[t, 0] - 0.5, guess[t, 1] - 0.5
        miss, along_x, along_y = _compare(after, x, y, radius, pattern, gx, gy, contrast, values)
        if is_coarsest:
            still_x, still_y = start[t, 0] - 0.5, start[t, 1] - 0.5
            still = _compare(after, still_x, still_y, radius, pattern, gx, gy, contrast, values)
            if still[0] < miss:
                x, y, (miss, along_x, along_y) = still_x, still_y, still
        best_x, best_y, least = x, y, miss
        for _ in range(MOST_ROUNDS):
            step_x, step_y = scale * (yy * along_x - xy * along_y), scale * (xx * along_y - xy * along_x)
            length = math.sqrt(step_x * step_x + step_y * step_y)
            if length > LONGEST_STEP_PX:
                step_x, step_y = step_x * LONGEST_STEP_PX / length, step_y * LONGEST_STEP_PX / length
            x, y = x - step_x, y - step_y
            if length < DONE_PX:
                best_x, best_y = x, y
                break
            miss, along_x, along_y = _compare(after, x, y, radius, pattern, gx, gy, contrast, values)
            if miss < least:
                best_x, best_y, least = x, y, miss
        found[t, 0], found[t, 1] = best_x + 0.5, best_y + 0.5
    return found
