"""The way from linear light to the 8-bit picture that is tracked and previewed."""

import numpy as np

SHOULDER_FROM = 0.214  # mid-grey: half way up the sRGB curve
SHOULDER_STOPS = 6  # stops from mid-grey up to white
# Below mid-grey this is the sRGB curve. Above it each stop has the same step. On a ramp of 10 stops, texture was found
# and tracked in all of them. A curve that ends at 1.0, or bends more softly, loses the upper two or three stops.


def apply_tracking_curve(linear: np.ndarray) -> np.ndarray:
    """Map scene-linear values of any shape, 1.0 = white paper, to 0..1 in the same shape.

    6 stops above mid-grey (13.7) and more is white.
    """
    dark = np.clip(linear, 0, SHOULDER_FROM)
    stops = np.log2(np.clip(linear, SHOULDER_FROM, SHOULDER_FROM * 2**SHOULDER_STOPS) / SHOULDER_FROM)
    # IEC 61966-2-1
    srgb = np.where(dark <= 0.0031308, 12.92 * dark, 1.055 * np.power(dark, 1 / 2.4) - 0.055)
    return srgb + stops * (0.5 / SHOULDER_STOPS)


def to_eight_bits(values: np.ndarray, is_linear: bool) -> np.ndarray:
    """Convert values of any shape, 0..1 or linear light from 0, to uint8 in the same shape.

    A value that is no number is black.
    """
    values = np.nan_to_num(values.astype(np.float32), posinf=1e9)
    return (np.clip(apply_tracking_curve(values) if is_linear else values, 0, 1) * 255 + 0.5).astype(np.uint8)
