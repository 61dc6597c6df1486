"""Linear light -> the 8-bit picture that is tracked and previewed."""

import numpy as np

SHOULDER_FROM = 0.214  # mid-grey: half way up the sRGB curve
SHOULDER_STOPS = 6  # above it, until white
# Below mid-grey the sRGB curve; above it the same step for each stop. Texture on a ramp of 10 stops was found, and
# tracked as well, in all of them; a curve that ends at 1.0, or bends more softly, loses the upper two or three.


def tracking_curve(linear: np.ndarray) -> np.ndarray:
    """Scene-linear values, 1.0 = white paper -> 0..1; what is 6 stops above mid-grey (13.7) and more is white."""
    dark = np.clip(linear, 0, SHOULDER_FROM)
    stops = np.log2(np.clip(linear, SHOULDER_FROM, SHOULDER_FROM * 2**SHOULDER_STOPS) / SHOULDER_FROM)
    # IEC 61966-2-1
    srgb = np.where(dark <= 0.0031308, 12.92 * dark, 1.055 * np.power(dark, 1 / 2.4) - 0.055)
    return srgb + stops * (0.5 / SHOULDER_STOPS)


def eight_bits(values: np.ndarray, is_linear: bool) -> np.ndarray:
    """Values of 0..1, or linear light of 0 and more -> uint8; what is no number is black."""
    values = np.nan_to_num(values.astype(np.float32), posinf=1e9)
    return (np.clip(tracking_curve(values) if is_linear else values, 0, 1) * 255 + 0.5).astype(np.uint8)
