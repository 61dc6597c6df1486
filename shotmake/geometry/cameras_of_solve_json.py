"""The cameras that a solve JSON holds."""

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.camera import zoom_cameras


def read_camera_matrices(solution: dict) -> np.ndarray:
    """Return cam_from_world (N, 3, 4) of a solve JSON. Raises ShotError with the solve's reason when it was refused."""
    if solution["status"] == "refused":
        raise ShotError(f"the solve was refused: {solution['reason']}")
    return np.array(solution["cam_from_world"], float).reshape(-1, 3, 4)


def read_projecting_matrices(solution: dict) -> np.ndarray:
    """Return the cameras (N, 3, 4) to project with through the lens of the solve JSON.

    They are zoomed where each frame has a focal length.
    """
    cameras, focals_px = read_camera_matrices(solution), solution["focal_px_per_frame"]
    return (
        cameras if focals_px is None else zoom_cameras(cameras, np.log(np.divide(focals_px, solution["lens"]["fx_px"])))
    )
