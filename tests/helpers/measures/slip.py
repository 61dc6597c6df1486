"""Slip: how far CG lands from where the solve, or the truth, says it should, measured in rendered pictures.

Pixels are ours: origin at the top-left corner, the centre of the first pixel at (0.5, 0.5).
"""

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens


def centroids_px(image: np.ndarray, expected_xy_px: np.ndarray, radius_px: float) -> np.ndarray:
    """Centroids (N, 2) of the light within `radius_px` of each of N expected places, in px.

    image: (H, W) or (H, W, C) linear light, black where there is no marker. NaN where no light was found.
    A second pass around the first centroid takes the bias out of a window that is not centred on the light.
    """
    light = np.asarray(image, float)
    light = light[..., :3].sum(-1) if light.ndim == 3 else light
    height, width = light.shape
    found = np.full((len(expected_xy_px), 2), np.nan)
    for index, expected in enumerate(np.asarray(expected_xy_px, float)):
        centre = expected
        for _ in range(2):
            x0, y0 = np.maximum(np.floor(centre - radius_px), 0).astype(int)
            x1, y1 = np.minimum(np.ceil(centre + radius_px), (width, height)).astype(int)
            x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
            near = np.hypot(x - centre[0], y - centre[1]) <= radius_px
            weight = light[y0:y1, x0:x1] * near
            if not weight.sum() > 0:
                centre = np.array([np.nan, np.nan])
                break
            centre = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        found[index] = centre
    return found


def slip_px(image: np.ndarray, expected_xy_px: np.ndarray, radius_px: float = 12.0) -> np.ndarray:
    """Distances (N,) in px from the expected places to the light found there; infinite where there is none."""
    distance = np.linalg.norm(centroids_px(image, expected_xy_px, radius_px) - expected_xy_px, axis=1)
    return np.where(np.isnan(distance), np.inf, distance)


def spread_points(
    xy_px: np.ndarray, size_px: tuple[int, int], count: int = 8, margin_px: float = 10.0, apart_px: float = 40.0
) -> np.ndarray:
    """Indices of up to `count` projected points (N, 2): those nearest the four corners first, then ever the farthest.

    All lie `margin_px` inside the picture and `apart_px` from each other, so that each has its window for itself.
    NaN (behind the camera) is never chosen.
    """
    size = np.asarray(size_px, float)
    usable = ((xy_px > margin_px) & (xy_px < size - margin_px)).all(1)
    chosen: list[int] = []
    corners = [(0, 0), (size[0], 0), (0, size[1]), (size[0], size[1])]
    for step in range(count):
        clear = usable.copy()
        if chosen:
            nearest = np.linalg.norm(xy_px[:, None] - xy_px[chosen][None], axis=2).min(1)
            clear &= nearest > apart_px
        if not clear.any():
            break
        if step < len(corners):
            score = -np.linalg.norm(xy_px - corners[step], axis=1)
        else:
            score = nearest
        chosen.append(int(np.argmax(np.where(clear, score, -np.inf))))
    return np.array(chosen, int)


def spread_tracks(
    positions_px: np.ndarray, size_px: tuple[int, int], count: int, margin_px: float, apart_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """(frames, N, 2) projected points, NaN where they are not `margin_px` inside the picture; and the indices of up to
    `count` of them, the first that are seen in more than 60 % of the frames and keep `apart_px` from each other."""
    inside = ((positions_px > margin_px) & (positions_px < np.array(size_px) - margin_px)).all(2)
    positions_px = np.where(inside[..., None], positions_px, np.nan)
    chosen: list[int] = []
    for index in np.flatnonzero(inside.mean(0) > 0.6):
        gaps = np.linalg.norm(positions_px[:, chosen] - positions_px[:, [index]], axis=2)
        if len(chosen) < count and not (gaps < apart_px).any():
            chosen.append(int(index))
    return positions_px, np.array(chosen)


def read_exr(path) -> np.ndarray:
    """(H, W, C) float32 of a rendered EXR."""
    import OpenImageIO as oiio

    buffer = oiio.ImageBuf(str(path))
    if buffer.has_error:
        raise OSError(f"{path}: {buffer.geterror()}")
    return np.asarray(buffer.get_pixels("float"))


Similarity = tuple[float, np.ndarray, np.ndarray]  # scale, rotation (3, 3), shift (3,)


def carried(fit: Similarity, points: np.ndarray) -> np.ndarray:
    scale, rotation, shift = fit
    return scale * points @ rotation.T + shift


def off_px(solution: dict, fit: Similarity, points: np.ndarray, positions_px: np.ndarray) -> np.ndarray:
    """(marks, 2) from where the plate shows true points to where the solve does, where they are in the picture."""
    lens, world = Lens.from_json(solution["lens"]), carried(fit, points)
    cameras = np.array(solution["cam_from_world"]).reshape(-1, 3, 4)
    off = np.array([project(world, camera, lens)[0] for camera in cameras]) - positions_px
    return off[np.isfinite(off).all(2)]


def fit_to_points(solution: dict, start: Similarity, points: np.ndarray, positions_px: np.ndarray) -> Similarity:
    def moved(step: np.ndarray) -> Similarity:
        scale, rotation, shift = start
        return scale * np.exp(step[0]), Rotation.from_rotvec(step[1:4]).as_matrix() @ rotation, shift + step[4:]

    found = least_squares(lambda step: off_px(solution, moved(step), points, positions_px).ravel(), np.zeros(7))
    return moved(found.x)
