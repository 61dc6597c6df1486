"""The cameras of a path and their tracks as one bundle, and back."""

import numpy as np

from shotmake.geometry.camera import camera_centres, zoomed
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.adjust import Bundle, lens_vector
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import triangulate


def bundle_of(
    cameras: np.ndarray,
    markers: Observations,
    lens: Lens,
    log_zooms: np.ndarray,
    points: np.ndarray | None = None,
) -> tuple[Bundle, np.ndarray, float]:
    """Cameras (F, 3, 4) cam_from_world and their tracks as a bundle, in a world whose origin (3,) is the middle of
    the path and whose unit is the path's size: both are returned too. points (T, 4): triangulated if not given."""
    if points is None:
        points = triangulate(markers, zoomed(cameras, log_zooms), lens)
    centres = camera_centres(cameras)
    middle = centres.mean(0)
    size = max(float(np.linalg.norm(centres - middle, axis=1).mean()), 1e-9)
    directions = points[:, :3] - points[:, 3:] * middle
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    bundle = Bundle(
        cameras[:, :, :3],
        (cameras[:, :, 3] + cameras[:, :, :3] @ middle) / size,
        directions / length,
        (points[:, 3:] / length)[:, 0] * size,
        lens_vector(lens),
        log_zooms,
        general=True,
    )
    return bundle, middle, size


def cameras_of(bundle: Bundle, middle: np.ndarray, size: float) -> np.ndarray:
    """(F, 3, 4) cam_from_world, back in the world that `bundle_of` came from."""
    moves = bundle.translations * size - bundle.rotations @ middle
    return np.concatenate([bundle.rotations, moves[:, :, None]], 2)


MOST_FRAMES = 400  # 8 CPU s and 0.5 GB there, measured; three times the time for twice the frames
FEWEST_MARKERS = 8  # a frame with fewer is not held by them
LOSS_PX = 0.5
