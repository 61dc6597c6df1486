"""The cameras that a solve JSON holds."""

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.camera import zoomed


def camera_matrices(solution: dict) -> np.ndarray:
    """(N, 3, 4) cam_from_world of a solve JSON; ShotError with the solve's reason when it was refused."""
    if solution["status"] == "refused":
        raise ShotError(f"the solve was refused: {solution['reason']}")
    return np.array(solution["cam_from_world"], float).reshape(-1, 3, 4)


def projecting_matrices(solution: dict) -> np.ndarray:
    """The same to project with through the solve JSON's lens: zoomed where every frame has a focal length."""
    cameras, focals_px = camera_matrices(solution), solution["focal_px_per_frame"]
    return cameras if focals_px is None else zoomed(cameras, np.log(np.divide(focals_px, solution["lens"]["fx_px"])))
