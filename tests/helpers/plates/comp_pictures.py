"""Rendered comps of tests/helpers/shows/blend_shot.py, and edges measured in them to a fraction of a pixel."""

from pathlib import Path

import cv2
import numpy as np

from helpers.measures.slip import read_exr
from helpers.shows.blend_shot import FRAMES, LENS
from helpers.shows.in_blender import blender


def pictures(blend: Path, frames=FRAMES, ending: str = "exr") -> list[np.ndarray]:
    """The comp's frames without CG: (H, W, 4) float32 RGBA of exr, uint8 BGRA of png."""
    behind_camera = blend.with_suffix(".markers.json")  # with markers there is no other CG, and no denoising
    behind_camera.write_text("[[100, 40, 50]]")
    words = ["--blend", blend, "--frames", ",".join(map(str, frames)), "--samples", 1, "--markers", behind_camera]
    blender("render_frames.py", *words, "--out", blend.with_suffix(f".####.{ending}"))
    files = [blend.with_suffix(f".{frame:04d}.{ending}") for frame in frames]
    return [read_exr(file) if ending == "exr" else cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]


def by_opencv(undistorted_px: np.ndarray) -> np.ndarray:
    """(N, 2) px without distortion -> plate px, by OpenCV's own lens."""
    plane = (undistorted_px - (LENS.cx_px, LENS.cy_px)) / LENS.fx_px
    matrix = np.array([[LENS.fx_px, 0, LENS.cx_px], [0, LENS.fy_px, LENS.cy_px], [0, 0, 1]])
    rays = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    return cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array([LENS.k1, LENS.k2, 0, 0]))[0][:, 0]


def edge_px(alpha: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(17, 2) where alpha crosses a half, looked for square to the chord begin -> end, between its tenths."""
    along, normal = directions(begin, end)
    steps = np.arange(-14, 14.01, 0.25)
    found = []
    for share in np.linspace(0.1, 0.9, 17):
        line = begin + share * (end - begin) + steps[:, None] * normal - 0.5  # cv2's pixels
        values = cv2.remap(alpha, *np.float32(line.T)[..., None], cv2.INTER_LINEAR)[:, 0]
        at = np.flatnonzero((values[:-1] - 0.5) * (values[1:] - 0.5) <= 0)
        assert len(at) == 1, values
        part = (values[at[0]] - 0.5) / (values[at[0]] - values[at[0] + 1])
        found.append(line[at[0]] + part * 0.25 * normal + 0.5)
    return np.array(found)


def corners_px(edges: list[np.ndarray], near: np.ndarray) -> np.ndarray:
    """(4, 2) where edge 0..3 begin, each edge (N, 2) continued as a parabola to the one before. near: (4, 2)."""
    return np.array([_meeting(edges[at - 1], edges[at], near[at]) for at in range(4)])


def directions(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along begin -> end and square to it."""
    along = (end - begin) / np.linalg.norm(end - begin)
    return along, np.array([along[1], -along[0]])


def _meeting(one: np.ndarray, other: np.ndarray, place: np.ndarray) -> np.ndarray:
    for _ in range(5):  # Newton's steps, each to where the tangents meet
        lines = [_tangent(edge, place) for edge in (one, other)]
        place = np.linalg.solve([normal for normal, _ in lines], [offset for _, offset in lines])
    return place


def _tangent(edge: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, float]:
    """(normal, offset) of the line that touches the edge's parabola beside a place."""
    along, normal = directions(edge[0], edge[-1])
    parabola = np.polyfit((edge - edge[0]) @ along, (edge - edge[0]) @ normal, 2)
    at = (near - edge[0]) @ along
    across = normal - np.polyval(np.polyder(parabola), at) * along
    return across, float(across @ (edge[0] + at * along + np.polyval(parabola, at) * normal))
