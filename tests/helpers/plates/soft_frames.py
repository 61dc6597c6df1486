"""Spoil a few frames of a plate as real cameras do: out of focus, whipped, dark, covered, flashed. Seeded.

The cameras of the plate stay as they are, so its truth stays true. Pictures are spoiled in linear light.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

KINDS = ("focus", "whip", "dark", "covered", "white")
SIGMAS_PX = (8.0, 60.0)  # at WIDTH_PX
WIDTH_PX = 1280.0
IN_BAND = 0.9
# Of this share of the plates, sigma leaves a few features: a tracker goes wrong and does not give up. By kind, from and
# to (px), for frames spoiled at once, and by how much more for each frame on which it comes. Found on seeds below 100.
BANDS = {
    "focus": (10.0, 20.0, 0.6),
    "whip": (9.0, 11.5, 0.6),
    "dark": (13.0, 17.0, 1.6),
    "covered": (8.0, 16.0, 0.6),
    "white": (9.0, 30.0, 0.0),
}
GAMMA = 2.2


@dataclass(frozen=True)
class Spoiling:
    """What is done to which frames of a plate.

    kind: of KINDS. frames: the spoiled ones. sigma_px: how strong at the strongest frame, as the standard deviation of
    a blur in px of a plate 1280 wide (dark and white: more stops with it; covered: a wider thing). forces: by frame,
    0..1 of sigma_px. seed: of all that is drawn in the pictures.
    """

    kind: str
    frames: tuple[int, ...]
    sigma_px: float
    forces: tuple[float, ...]
    seed: int


def draw_spoiling(kind: str, seed: int, first_frame: int, last_frame: int) -> Spoiling:
    """Draw 2 to 6 frames at any place of the shot, how strong they are spoiled, and how it comes and goes."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    count = int(random.integers(2, 7))
    start = int(random.integers(first_frame, last_frame - count + 2))
    longest = (count - 1) // 2
    shortest = min(1, longest) if kind == "dark" else 0  # no light goes out at once
    ramp = int(random.integers(shortest, longest + 1))  # the frames on which it comes, and on which it goes
    low, high, more = BANDS[kind]
    band = np.multiply((low, high), 1 + more * ramp) if random.random() < IN_BAND else SIGMAS_PX
    sigma_px = min(float(np.exp(random.uniform(*np.log(band)))), SIGMAS_PX[1])
    steps = np.minimum(np.arange(1, count + 1), np.arange(count, 0, -1))
    forces = np.minimum(steps / (ramp + 1), 1.0)
    frames = tuple(range(start, start + count))
    return Spoiling(kind, frames, sigma_px, tuple(forces.tolist()), seed)


def spoil_frames(pictures: Iterable[tuple[int, np.ndarray]], spoiling: Spoiling) -> Iterator[tuple[int, np.ndarray]]:
    """Pass (frame number, (H, W, 3) uint8) on, the frames of `spoiling` spoiled."""
    spoil = {"focus": _defocus, "whip": _whip, "dark": _darken, "covered": _cover, "white": _flash}[spoiling.kind]
    force_of = dict(zip(spoiling.frames, spoiling.forces, strict=True))
    for frame, picture in pictures:
        if frame not in force_of:
            yield frame, picture
            continue
        linear = (picture / np.float32(255)) ** np.float32(GAMMA)
        spoiled = spoil(linear, spoiling, frame, force_of[frame])
        yield frame, np.round(255 * np.clip(spoiled, 0, 1) ** (1 / GAMMA)).astype(np.uint8)


def _defocus(linear: np.ndarray, spoiling: Spoiling, frame: int, force: float) -> np.ndarray:
    """A disc, as of a lens, or a Gaussian; one of the two all through the plate."""
    import cv2

    sigma_px = force * spoiling.sigma_px * linear.shape[1] / WIDTH_PX
    if np.random.default_rng([spoiling.seed, 1]).random() < 0.85:
        return cv2.GaussianBlur(linear, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    radius_px = 2 * sigma_px  # a disc of radius R has R / 2 as its standard deviation along each axis
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(linear, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def _whip(linear: np.ndarray, spoiling: Spoiling, frame: int, force: float) -> np.ndarray:
    """A straight motion blur, the same before and behind the frame's time, that turns from frame to frame."""
    import cv2

    random = np.random.default_rng([spoiling.seed, 2])
    angle = random.uniform(0, np.pi) + np.radians(random.uniform(-40, 40)) * (frame - spoiling.frames[0])
    length_px = np.sqrt(12) * force * spoiling.sigma_px * linear.shape[1] / WIDTH_PX
    reach = int(np.ceil(length_px / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    line = np.clip(length_px / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return cv2.filter2D(linear, -1, (line / line.sum()).astype(np.float32), borderType=cv2.BORDER_REFLECT)


def _darken(linear: np.ndarray, spoiling: Spoiling, frame: int, force: float) -> np.ndarray:
    """The light goes out, 8 to 9 stops down: the camera smears the noise, and all else."""
    import cv2

    random = np.random.default_rng([spoiling.seed, 3, frame])
    smear_px = force * (3.2 + 12 * _strength(spoiling) ** 2) * linear.shape[1] / WIDTH_PX
    dark = linear * np.float32(0.5 ** (force * (8 + _strength(spoiling))))
    noise = random.normal(0, 0.0005, linear.shape).astype(np.float32)
    return np.maximum(cv2.GaussianBlur(dark + noise, (0, 0), smear_px), 0)


def _flash(linear: np.ndarray, spoiling: Spoiling, frame: int, force: float) -> np.ndarray:
    """A flash: 5.6 to 6.2 stops up with a veil over all, clipped."""
    stops, veil = force * (5.6 + 0.6 * _strength(spoiling)), force * (0.82 + 0.14 * _strength(spoiling))
    return linear * np.float32(2**stops) + np.float32(veil)


def _cover(linear: np.ndarray, spoiling: Spoiling, frame: int, force: float) -> np.ndarray:
    """Something passes close to the camera, plain or textured, from one side of the picture to the other; it leaves a
    margin of 45 % (sigma 8) to none (sigma 60) of the picture free, and the camera loses its focus to it."""
    import cv2

    height, width = linear.shape[:2]
    random = np.random.default_rng([spoiling.seed, 4])
    angle, textured = random.uniform(0, 2 * np.pi), random.random() < 0.5
    heading = np.array([np.cos(angle), np.sin(angle)])
    tint = random.uniform(0.02, 0.3, 3).astype(np.float32)
    noise = random.random((height, width, 3), dtype=np.float32)
    ahead = frame - (spoiling.frames[0] + spoiling.frames[-1]) / 2
    thing = np.broadcast_to(tint, linear.shape)
    if textured:
        grain = sum(size * cv2.GaussianBlur(noise, (0, 0), size * width / WIDTH_PX) for size in (2, 6, 18))
        grain = (grain - grain.min()) / np.ptp(grain)
        shift_px = ahead * random.uniform(0.02, 0.3) * width * heading
        move = np.column_stack([np.eye(2), shift_px])
        thing = cv2.warpAffine(2 * tint * grain, move, (width, height), borderMode=cv2.BORDER_REFLECT)
    y, x = np.mgrid[:height, :width]
    from_middle = np.stack([x - width / 2, y - height / 2], -1) / (width, height)
    size = np.abs(heading).sum(), np.abs(heading[::-1]).sum()  # of the picture, along the heading and across it
    along, across = from_middle @ heading / size[0] + 0.5, from_middle @ (-heading[1], heading[0]) / size[1] + 0.5
    front = along if ahead < 0 else 1 - along
    margin = 0.45 - 0.45 * _strength(spoiling)
    within = np.minimum(across - margin, force + (0.05 if force == 1 else 0) - front)
    share = np.clip(within / 0.04 + 0.5, 0, 1).astype(np.float32)[..., None]
    soft = cv2.GaussianBlur(linear, (0, 0), 0.4 * force * spoiling.sigma_px * width / WIDTH_PX)
    return share * thing + (1 - share) * soft


def _strength(spoiling: Spoiling) -> float:
    """0..1, for SIGMAS_PX."""
    return float(np.log(spoiling.sigma_px / SIGMAS_PX[0]) / np.log(SIGMAS_PX[1] / SIGMAS_PX[0]))
