"""Stills of a checkerboard through a known lens: every pixel is the mean of 3 x 3 rays to the board."""

import cv2
import numpy as np

from shotmake.config.schema import Checkerboard
from shotmake.geometry.lens import Lens, undistort

FINE = 3  # rays a pixel, each way
INK, PAPER, WALL = 30.0, 225.0, 110.0


def rays(lens: Lens, size_px: tuple[int, int]) -> np.ndarray:
    """(FINE H, FINE W, 2) undistorted normalised coordinates: solved for pixel centres, smooth in between."""
    width, height = size_px
    xy_px = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    plane = undistort(lens.normalised_from_px(xy_px), lens).astype(np.float32)
    return cv2.resize(plane, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)


def still(plane: np.ndarray, board: Checkerboard, pose: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """(H, W) uint8. pose (3, 4): camera from board, mm; the board's first inner corner is its origin."""
    homography = np.linalg.inv(pose[:, [0, 1, 3]] * [board.square_mm, board.square_mm, 1])
    right, down = np.moveaxis(cv2.perspectiveTransform(plane, homography), -1, 0)
    columns, rows = board.columns, board.rows
    on_squares = (right > -1) & (right < columns) & (down > -1) & (down < rows)
    on_paper = (right > -2) & (right < columns + 1) & (down > -2) & (down < rows + 1)
    dark = (np.floor(right) + np.floor(down)) % 2 == 0
    light = np.where(on_squares & dark, INK, np.where(on_paper, PAPER, WALL)).astype(np.float32)
    height, width = (side // FINE for side in plane.shape[:2])
    picture = cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA) + noise.normal(0, 2.0, (height, width))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def poses(
    lens: Lens, size_px: tuple[int, int], board: Checkerboard, count: int, seed: int, tilt_deg: float, reach: float
) -> list[np.ndarray]:
    """Boards a third as wide as the picture, tilted every way; four of five `reach` (of the picture) off its middle."""
    random = np.random.default_rng(seed)
    corner = np.array([board.columns - 1, board.rows - 1]) / 2 * board.square_mm
    across = 0.30 + 0.10 * random.random(count)  # of the picture's width, from the first to the last inner corner
    found = []
    for index in range(count):
        turn_deg = random.uniform(-1, 1, 3) * [tilt_deg, tilt_deg, 12]
        rotation = cv2.Rodrigues(np.radians(turn_deg))[0]
        depth = 2 * corner[0] * lens.fx_px / (across[index] * size_px[0])
        towards = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1), (0, 0)][index % 5])
        centre = np.array([*(np.array(size_px) * reach * towards / lens.fx_px), 1.0]) * depth
        shift = centre - rotation @ np.array([*corner, 0.0])
        found.append(np.concatenate([rotation, shift[:, None]], 1))
    return found


def stills(
    lens: Lens,
    size_px: tuple[int, int],
    board: Checkerboard,
    count: int = 16,
    seed: int = 0,
    tilt_deg: float = 35.0,
    reach: float = 0.24,
) -> list[tuple[str, np.ndarray]]:
    """[(name, picture)], as shotmake.lens.checkerboard.calibrate takes them."""
    plane, noise = rays(lens, size_px), np.random.default_rng(seed)
    return [
        (f"board.{index + 1:04d}.png", still(plane, board, pose, noise))
        for index, pose in enumerate(poses(lens, size_px, board, count, seed, tilt_deg, reach))
    ]
