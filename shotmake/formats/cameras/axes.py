"""Axes: what turns our cameras into those of other programs, and back.

Ours (shotmake.geometry.camera): world Z up; camera x right, y down, z forward (OpenCV, COLMAP).
Nuke, Maya, USD, glTF: world Y up; Nuke's, Blender's and OpenGL's camera looks along -z, y up.
World (x, y, z), Z up, is (x, z, -y), Y up.

Euler angles are three numbers about x, y and z in degrees and an order such as ZXY: the axis named first turns first
(about fixed axes), so ZXY is Ry Rx Rz. Nuke and Maya name their orders so.
"""

import numpy as np

from shotmake.geometry.camera import camera_centres

Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
CV_FROM_GL = np.diag([1.0, -1, -1])  # its own inverse
ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def y_up(points: np.ndarray) -> np.ndarray:
    """(..., 3) of a Z-up world -> the same places in a Y-up one."""
    return points @ Y_UP_FROM_Z_UP.T


def z_up(points: np.ndarray) -> np.ndarray:
    """(..., 3) of a Y-up world -> the same places in a Z-up one."""
    return points @ Y_UP_FROM_Z_UP


def gl_poses(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3, 4) of OpenCV axes -> where it stands, (N, 3), and world_from_camera of OpenGL axes, (N, 3, 3)."""
    return camera_centres(cam_from_world), np.swapaxes(cam_from_world[:, :, :3], 1, 2) @ CV_FROM_GL


def from_gl_poses(centres: np.ndarray, world_from_gl: np.ndarray) -> np.ndarray:
    """The inverse of `gl_poses`: (N, 3), (N, 3, 3) -> (N, 3, 4)."""
    rotation = np.swapaxes(world_from_gl @ CV_FROM_GL, 1, 2)
    return np.concatenate([rotation, -rotation @ centres[:, :, None]], 2)


def y_up_poses(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`gl_poses` in a Y-up world: as Nuke has them."""
    centres, world_from_gl = gl_poses(cam_from_world)
    return y_up(centres), Y_UP_FROM_Z_UP @ world_from_gl


def from_y_up_poses(centres: np.ndarray, world_from_gl: np.ndarray) -> np.ndarray:
    """The inverse of `y_up_poses`."""
    return from_gl_poses(z_up(centres), Y_UP_FROM_Z_UP.T @ world_from_gl)


def rotations(angles_deg: np.ndarray, order: str) -> np.ndarray:
    """(N, 3) about x, y, z -> (N, 3, 3)."""
    made = np.eye(3)
    for axis in order:
        made = _about(axis, np.radians(angles_deg)[:, "XYZ".index(axis)]) @ made
    return made


def euler_deg(rotation: np.ndarray, order: str) -> np.ndarray:
    """(N, 3, 3) -> (N, 3) about x, y, z, without jumps from frame to frame (motion blur would smear them)."""
    first, middle, last = ("XYZ".index(axis) for axis in order)
    sign = 1 if (middle - first) % 3 == 1 else -1  # of the order's permutation
    angles = np.empty((len(rotation), 3))
    angles[:, first] = np.arctan2(sign * rotation[:, last, middle], rotation[:, last, last])
    cosine = np.hypot(rotation[:, last, middle], rotation[:, last, last])
    angles[:, middle] = np.arctan2(-sign * rotation[:, last, first], cosine)
    angles[:, last] = np.arctan2(sign * rotation[:, middle, first], rotation[:, first, first])
    return continuous_deg(np.degrees(angles), order)


def continuous_deg(angles_deg: np.ndarray, order: str) -> np.ndarray:
    """(N, 3) about x, y, z -> the same rotations, each in the words nearest to those of the frame before."""
    middle = "XYZ".index(order[1])
    smooth = angles_deg.copy()
    for row in range(1, len(smooth)):
        other = angles_deg[row] + 180  # the other way to say one rotation
        other[middle] = 180 - angles_deg[row, middle]
        candidates = np.stack([angles_deg[row], other])
        candidates += 360 * np.round((smooth[row - 1] - candidates) / 360)
        smooth[row] = candidates[np.argmin(np.abs(candidates - smooth[row - 1]).sum(1))]
    return smooth


def _about(axis: str, radians: np.ndarray) -> np.ndarray:
    """(N,) -> (N, 3, 3)."""
    i, j = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    made = np.tile(np.eye(3), (len(radians), 1, 1))
    made[:, i, i] = made[:, j, j] = np.cos(radians)
    made[:, j, i] = np.sin(radians)
    made[:, i, j] = -made[:, j, i]
    return made
