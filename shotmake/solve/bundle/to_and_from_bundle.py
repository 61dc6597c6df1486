"""The cameras of a path and their tracks as one bundle, and back."""

import numpy as np

from shotmake.geometry.camera import find_camera_centres, zoom_cameras
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import Bundle, vector_from_lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import triangulate


def bundle_of(
    cameras: np.ndarray,
    markers: Observations,
    lens: Lens,
    log_zooms: np.ndarray,
    points: np.ndarray | None = None,
) -> tuple[Bundle, np.ndarray, float]:
    """Build a bundle of cameras (F, 3, 4) cam_from_world, log_zooms (F,) and their tracks.

    points (T, 4): homogeneous; None = triangulated here. Returns the bundle, the middle of the path (3,), which is the
    origin of the bundle's world, and the size of the path, which is its unit. Raises ShotError as `triangulate` does.
    """
    if points is None:
        points = triangulate(markers, zoom_cameras(cameras, log_zooms), lens)
    centres = find_camera_centres(cameras)
    middle = centres.mean(0)
    size = max(float(np.linalg.norm(centres - middle, axis=1).mean()), 1e-9)
    directions = points[:, :3] - points[:, 3:] * middle
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    bundle = Bundle(
        cameras[:, :, :3],
        (cameras[:, :, 3] + cameras[:, :, :3] @ middle) / size,
        directions / length,
        (points[:, 3:] / length)[:, 0] * size,
        vector_from_lens(lens),
        log_zooms,
        general=True,
    )
    return bundle, middle, size


def cameras_of(bundle: Bundle, middle: np.ndarray, size: float) -> np.ndarray:
    """Return the cameras (F, 3, 4) cam_from_world of a bundle, in the world that `bundle_of` was given."""
    moves = bundle.translations * size - bundle.rotations @ middle
    return np.concatenate([bundle.rotations, moves[:, :, None]], 2)


FEWEST_MARKERS = 8  # fewer markers do not hold a frame
LOSS_PX = 0.5
