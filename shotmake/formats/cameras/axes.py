"""Axes: what turns our cameras into those of other programs, and back.

shotmake (shotmake.geometry.camera): world Z up; camera x right, y down, z forward (OpenCV, COLMAP).
Nuke, Alembic, FBX, glTF: world Y up. Blender: world Z up, as ours. USD: each file says its own `upAxis` (Y where it
says none); the files that we write say Z, so their numbers are ours. Maya: Y up, unless its settings say Z.
The cameras of Nuke, Blender, USD and OpenGL look along -z, with y up; those of FBX along +x.
The place (x, y, z) of a Z-up world is (x, z, -y) in a Y-up world.

Euler angles are three numbers in degrees, about x, y and z, and an order such as ZXY. The axis that the order names
first turns first (about fixed axes): ZXY is Ry Rx Rz. Nuke and Maya name their orders in this way.
"""

import numpy as np

from shotmake.geometry.camera import find_camera_centres

Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
CV_FROM_GL = np.diag([1.0, -1, -1])  # its own inverse
ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def to_y_up(points: np.ndarray) -> np.ndarray:
    """Convert points (..., 3) of a Z-up world to a Y-up world. The places stay the same."""
    return points @ Y_UP_FROM_Z_UP.T


def to_z_up(points: np.ndarray) -> np.ndarray:
    """Convert points (..., 3) of a Y-up world to a Z-up world. The places stay the same."""
    return points @ Y_UP_FROM_Z_UP


def to_gl_poses(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert cam_from_world (N, 3, 4) of OpenCV axes to OpenGL axes.

    Returns the camera centres (N, 3) in world units and world_from_camera (N, 3, 3), whose camera looks along -z with y
    up.
    """
    return find_camera_centres(cam_from_world), np.swapaxes(cam_from_world[:, :, :3], 1, 2) @ CV_FROM_GL


def from_gl_poses(centres: np.ndarray, world_from_gl: np.ndarray) -> np.ndarray:
    """Invert `to_gl_poses`: centres (N, 3) and world_from_gl (N, 3, 3) become cam_from_world (N, 3, 4) of OpenCV
    axes.
    """
    rotation = np.swapaxes(world_from_gl @ CV_FROM_GL, 1, 2)
    return np.concatenate([rotation, -rotation @ centres[:, :, None]], 2)


def to_y_up_poses(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert cam_from_world (N, 3, 4), world Z up, to poses in a Y-up world, as Nuke has them.

    Returns the camera centres (N, 3) in world units and world_from_camera (N, 3, 3) of OpenGL axes.
    """
    centres, world_from_gl = to_gl_poses(cam_from_world)
    return to_y_up(centres), Y_UP_FROM_Z_UP @ world_from_gl


def from_y_up_poses(centres: np.ndarray, world_from_gl: np.ndarray) -> np.ndarray:
    """Invert `to_y_up_poses`: centres (N, 3) and world_from_gl (N, 3, 3), world Y up, become cam_from_world (N, 3,
    4).
    """
    return from_gl_poses(to_z_up(centres), Y_UP_FROM_Z_UP.T @ world_from_gl)


def make_rotations(angles_deg: np.ndarray, order: str) -> np.ndarray:
    """Return the rotation matrices (N, 3, 3) of Euler angles (N, 3) in degrees about x, y, z."""
    made = np.eye(3)
    for axis in order:
        made = _rotate_about(axis, np.radians(angles_deg)[:, "XYZ".index(axis)]) @ made
    return made


def find_euler_deg(rotation: np.ndarray, order: str) -> np.ndarray:
    """Return the Euler angles (N, 3), in degrees about x, y, z, of rotation matrices (N, 3, 3).

    The angles do not jump from frame to frame: jumps would smear the motion blur.
    """
    first, middle, last = ("XYZ".index(axis) for axis in order)
    sign = 1 if (middle - first) % 3 == 1 else -1  # 1 for a cyclic order (XYZ, YZX, ZXY), -1 for the others
    angles = np.empty((len(rotation), 3))
    angles[:, first] = np.arctan2(sign * rotation[:, last, middle], rotation[:, last, last])
    cosine = np.hypot(rotation[:, last, middle], rotation[:, last, last])
    angles[:, middle] = np.arctan2(-sign * rotation[:, last, first], cosine)
    angles[:, last] = np.arctan2(sign * rotation[:, middle, first], rotation[:, first, first])
    return unwrap_deg(np.degrees(angles), order)


def unwrap_deg(angles_deg: np.ndarray, order: str) -> np.ndarray:
    """Choose, for each frame, the angles nearest to those of the frame before. Input and result: (N, 3), degrees.

    The rotations stay the same: a rotation has several triples of angles about x, y, z.
    """
    middle = "XYZ".index(order[1])
    smooth = angles_deg.copy()
    for row in range(1, len(smooth)):
        other = angles_deg[row] + 180  # the second triple of angles for the same rotation
        other[middle] = 180 - angles_deg[row, middle]
        candidates = np.stack([angles_deg[row], other])
        candidates += 360 * np.round((smooth[row - 1] - candidates) / 360)
        smooth[row] = candidates[np.argmin(np.abs(candidates - smooth[row - 1]).sum(1))]
    return smooth


def _rotate_about(axis: str, radians: np.ndarray) -> np.ndarray:
    """Return the rotations (N, 3, 3) about one axis by angles (N,)."""
    i, j = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    made = np.tile(np.eye(3), (len(radians), 1, 1))
    made[:, i, i] = made[:, j, j] = np.cos(radians)
    made[:, j, i] = np.sin(radians)
    made[:, i, j] = -made[:, j, i]
    return made
