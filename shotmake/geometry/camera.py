"""Axes, pixels and frames: the one place where they are defined.

Pixels      origin at the top-left *corner* of the image, x right, y down, the centre of the first
            pixel at (0.5, 0.5). cv2 puts that centre at 0: add or subtract 0.5 at the cv2 call.
Camera      x right, y down, z forward (OpenCV). `cam_from_world` is 3x4: x_cam = R x_world + t.
World       right-handed, Z up. Metres if a scale is known, else the median solved depth is 5 units.
Frames      the plate's own numbers: a plate that starts at 1001 has frame 1001 everywhere.
Blender     looks along -Z, Y up, world Z up (shotmake.scene.numbers_for_blender converts).
Nuke, .chan looks along -Z, Y up, world Y up (shotmake.formats.cameras.axes converts).
"""

import numpy as np

from shotmake.geometry.lens import Lens, distort


def find_camera_centres(cam_from_world: np.ndarray) -> np.ndarray:
    """Return the camera centres (N, 3), in world units, of cam_from_world (N, 3, 4), zoomed or not."""
    rows = cam_from_world[:, :, :3]
    squares = np.maximum((rows**2).sum(2), 1e-12)  # 1, except for zooms
    return -np.einsum("nji,nj->ni", rows, cam_from_world[:, :, 3] / squares)


def zoom_cameras(cam_from_world: np.ndarray, log_zooms: np.ndarray) -> np.ndarray:
    """Return cameras (N, 3, 4) that see through the lens as if its focal length were exp(log_zooms) (N,) times as long.

    The first two rows of each camera are stretched, so the distortion stays where it is on the sensor while the focal
    length changes.
    """
    stretch = np.exp(log_zooms)[:, None, None]
    return np.concatenate([cam_from_world[:, :2] * stretch, cam_from_world[:, 2:]], 1)


def project(points_world: np.ndarray, cam_from_world: np.ndarray, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Project (N, 3) world points through one 3x4 camera (or N of them) and the distorting lens.

    Returns (N, 2) distorted plate px and (N,) depths along the view axis in world units. Points at or behind the camera
    get NaN px.
    """
    rotation, translation = cam_from_world[..., :3], cam_from_world[..., 3]
    points_cam = np.einsum("...ij,...j->...i", rotation, points_world) + translation
    depth = points_cam[..., 2]
    safe_depth = np.where(depth > 1e-9, depth, np.nan)
    return lens.px_from_normalised(distort(points_cam[..., :2] / safe_depth[..., None], lens)), depth


def cast_rays(xy_px: np.ndarray, cam_from_world: np.ndarray, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Cast rays through distorted plate px (N, 2).

    Return the camera centre (3,) and unit directions (N, 3) in world axes.
    """
    from shotmake.geometry.lens import undistort

    directions = np.concatenate([undistort(lens.normalised_from_px(xy_px), lens), np.ones((len(xy_px), 1))], 1)
    directions = directions @ cam_from_world[:, :3]
    centre = -cam_from_world[:, :3].T @ cam_from_world[:, 3]
    return centre, directions / np.linalg.norm(directions, axis=1, keepdims=True)


GL_FROM_CV = np.diag([1.0, -1, -1])  # x right, y down, looking along z -> x right, y up, looking along -z


def to_quaternions_wxyz(rotations: np.ndarray) -> np.ndarray:
    """Convert rotations (N, 3, 3) to unit quaternions (N, 4), w x y z.

    Their signs are chosen so that neighbours never jump.
    """
    from scipy.spatial.transform import Rotation

    quaternions = np.roll(Rotation.from_matrix(rotations).as_quat(), 1, axis=1)
    signs = np.cumprod(np.r_[1.0, np.where((quaternions[1:] * quaternions[:-1]).sum(1) < 0, -1.0, 1.0)])
    return quaternions * signs[:, None]
