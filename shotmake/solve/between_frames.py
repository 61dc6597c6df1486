"""Cameras of the frames that nobody tracked: the camera goes over them from the frames around."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MOST_BRIDGED = 24  # frames in a row; longer than that nobody knows what the camera did
AROUND = 6  # solved frames on each side that lead the camera over a gap


@dataclass(frozen=True)
class Skipped:
    """Plate frames that no solver sees.

    frames: all of them. repeated: those of them that show the picture before them once more.
    """

    frames: frozenset[int] = frozenset()
    repeated: frozenset[int] = frozenset()


NOTHING_SKIPPED = Skipped()


class Bridged(NamedTuple):
    """Cameras of all frames that have one.

    frames (F,): plate numbers, ascending. cam_from_world (F, 3, 4). log_zooms (F,). is_solved (F,): False for the
    cameras that were made here.
    """

    frames: np.ndarray
    cam_from_world: np.ndarray
    log_zooms: np.ndarray
    is_solved: np.ndarray


def bridge_frames(frames: np.ndarray, cam_from_world: np.ndarray, log_zooms: np.ndarray, skipped: Skipped) -> Bridged:
    """Give a camera to the skipped frames that can have one.

    A repeated frame has the camera of the frame that it shows. Any other one lies on a smooth path through the solved
    frames around it, if these are on both sides, at most MOST_BRIDGED frames between. frames (P,): plate numbers of
    the solved cameras, ascending. cam_from_world (P, 3, 4). log_zooms (P,).
    """
    solved = {int(frame): at for at, frame in enumerate(frames)}
    wanted = sorted(skipped.frames - solved.keys())
    unseen = [frame for frame in wanted if frame not in skipped.repeated and _is_inside(frame, frames)]
    paths = _interpolate(frames, cam_from_world, log_zooms, unseen)
    cameras = {frame: (cam_from_world[at], log_zooms[at]) for frame, at in solved.items()}
    cameras |= dict(zip(unseen, zip(*paths, strict=True), strict=True))
    for frame in wanted:
        if frame in skipped.repeated and frame - 1 in cameras:
            cameras[frame] = cameras[frame - 1]
    numbers = sorted(cameras)
    return Bridged(
        np.array(numbers, int),
        np.array([cameras[frame][0] for frame in numbers]).reshape(-1, 3, 4),
        np.array([cameras[frame][1] for frame in numbers], float),
        np.array([frame in solved for frame in numbers], bool),
    )


def _is_inside(frame: int, frames: np.ndarray) -> bool:
    """Tell whether a frame lies in a gap between two solved frames that is short enough."""
    at = int(np.searchsorted(frames, frame))
    return 0 < at < len(frames) and frames[at] - frames[at - 1] <= MOST_BRIDGED + 1


def _interpolate(
    frames: np.ndarray, cam_from_world: np.ndarray, log_zooms: np.ndarray, wanted: Collection[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cameras (K, 3, 4) and the log zooms (K,) of the wanted frames, by splines through their neighbours.

    Rotations: B. Herman's cubic spline of rotation vectors, as in scipy.spatial.transform.RotationSpline. Places:
    cubic splines of the camera centres.
    """
    from scipy.interpolate import CubicSpline
    from scipy.spatial.transform import Rotation, RotationSpline

    turned = cam_from_world[:, :, :3]
    centres = -np.einsum("nji,nj->ni", turned, cam_from_world[:, :, 3])
    cameras = np.empty((len(wanted), 3, 4))
    for row, frame in enumerate(wanted):
        at = int(np.searchsorted(frames, frame))
        near = slice(max(at - AROUND, 0), at + AROUND)
        rotation = RotationSpline(frames[near], Rotation.from_matrix(turned[near]))(frame).as_matrix()
        centre = CubicSpline(frames[near], centres[near])(frame)
        cameras[row] = np.column_stack([rotation, -rotation @ centre])
    return cameras, np.interp(np.array(wanted, float), frames, log_zooms)
