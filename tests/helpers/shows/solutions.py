"""A solve JSON and a footage JSON by hand."""

import numpy as np
from scipy.spatial.transform import Rotation

from shotmake.geometry.lens import Lens

LENS = Lens(800, 800, 470, 262, k1=-0.12, k2=0.03)
PLATE = {
    "files": ["a.mp4"],
    "kind": "movie",
    "first_frame": 1001,
    "frame_count": 3,
    "frame_rate": [24000, 1001],
    "color_space": "sRGB",
}


def solution() -> dict:
    rotation = Rotation.from_euler("xyz", [[-110, 5, 4], [-111, 6, 5], [-112, 5, 6]], degrees=True).inv().as_matrix()
    centres = np.array([[0.5, -3, 1.5], [0.6, -3, 1.5], [0.7, -3, 1.6]])
    matrices = np.concatenate([rotation, -np.einsum("nij,nj->ni", rotation, centres)[..., None]], 2)
    return {"schema": 1, "shot": "s", "status": "solved", "reason": "", "image_size_px": [960, 540],
            "lens": LENS.to_json(), "focal_px_per_frame": None, "frames": [1001, 1002, 1003],
            "cam_from_world": matrices.reshape(3, 12).tolist(),
            "scale_known": False}  # fmt: skip
