"""Points from cameras, for many tracks at once, and how well markers agree with the points."""

import numpy as np

from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate_kernels import refine_points, sum_lines

ROUNDS = 5


def triangulate(markers: Observations, cam_from_world: np.ndarray, lens: Lens, loss_px: float = 1.0) -> np.ndarray:
    """Triangulate each track. Returns homogeneous unit points (T, 4); NaN for tracks with fewer than two posed markers.

    cam_from_world (N, 3, 4): for every frame index, NaN where a frame has no pose. Linear (DLT), then Gauss-Newton on
    the undistorted image error with Cauchy weights. R. Hartley and A. Zisserman, Multiple View Geometry (2004), 12.2.
    Points are homogeneous, so that points at infinity are found too. Raises ShotError when the lens folds over inside
    the picture.
    """
    count = len(markers.track_ids)
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    track, cameras = markers.track[posed], cam_from_world[markers.frame[posed]]
    plane = undistort(lens.normalised_from_px(markers.xy_px[posed]), lens)
    centres = find_camera_centres(cam_from_world[np.isfinite(cam_from_world[:, 0, 0])])
    middle = centres.mean(0)
    size = max(float(np.linalg.norm(centres - middle, axis=1).mean()), 1e-9)
    # solve around the middle of the path, in units of its extent: X = middle + size * Y
    cameras = np.concatenate([cameras[:, :, :3], (cameras[:, :, 3] + cameras[:, :, :3] @ middle)[:, :, None] / size], 2)

    starts = np.searchsorted(track, np.arange(count + 1))
    squares, plane, cameras = np.zeros((count, 4, 4)), np.ascontiguousarray(plane), np.ascontiguousarray(cameras)
    sum_lines(plane, cameras, starts, squares)
    points = np.ascontiguousarray(np.linalg.eigh(squares)[1][:, :, 0])
    refine_points(plane, cameras, starts, (lens.fx_px / loss_px) ** 2, ROUNDS, points)
    points = np.concatenate([points[:, :3] * size + points[:, 3:] * middle, points[:, 3:]], 1)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points = points * np.where(points[:, 3:] < 0, -1.0, 1.0)
    points[np.bincount(track, minlength=count) < 2] = np.nan
    return points


def find_directions(markers: Observations, cam_from_world: np.ndarray, lens: Lens) -> np.ndarray:
    """Return points at infinity (T, 4), homogeneous: the mean world ray of each track, for a camera that only turns.

    cam_from_world (N, 3, 4). NaN for tracks without a posed marker. Raises ShotError when the lens folds over inside
    the picture.
    """
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    plane = undistort(lens.normalised_from_px(markers.xy_px[posed]), lens)
    rays = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    rows = cam_from_world[markers.frame[posed], :, :3]
    rays = np.einsum("nji,nj->ni", rows, rays / (rows**2).sum(2))  # zoomed rows are longer than 1
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    sums = np.zeros((len(markers.track_ids), 4))
    np.add.at(sums[:, :3], markers.track[posed], rays)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(length > 0, sums / np.maximum(length, 1e-12), np.nan)


def compute_misses_px(points: np.ndarray, markers: Observations, cam_from_world: np.ndarray, lens: Lens) -> np.ndarray:
    """Return the offsets (M, 2), in px, from markers to their projected homogeneous points (T, 4).

    cam_from_world (N, 3, 4). An offset is inf where the point is behind the camera or the frame has no pose.
    """
    seen = np.einsum("nij,nj->ni", cam_from_world[markers.frame], points[markers.track])
    with np.errstate(invalid="ignore", divide="ignore"):
        plane = seen[:, :2] / seen[:, 2:]
        misses = lens.px_from_normalised(distort(plane, lens)) - markers.xy_px
    known = np.isfinite(misses).all(1) & (seen[:, 2] > 0)
    return np.where(known[:, None], misses, np.inf)


def compute_marker_errors_px(
    points: np.ndarray, markers: Observations, cam_from_world: np.ndarray, lens: Lens
) -> np.ndarray:
    """Return the lengths (M,) of `compute_misses_px`."""
    return np.linalg.norm(compute_misses_px(points, markers, cam_from_world, lens), axis=1)


def measure_angles_deg(points: np.ndarray, markers: Observations, cam_from_world: np.ndarray) -> np.ndarray:
    """Return the widest angle (T,) in degrees between the ray of a track's first posed marker and its other rays.

    points (T, 4), homogeneous; cam_from_world (N, 3, 4). 0 where the angle is unknown.
    """
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    track, frame = markers.track[posed], markers.frame[posed]
    centres = find_camera_centres(np.nan_to_num(cam_from_world))
    rays = points[track, :3] - points[track, 3:] * centres[frame]
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    first = np.searchsorted(track, np.arange(len(points)))
    first = rays[np.minimum(first, max(len(rays) - 1, 0))]
    cosine = np.clip((rays * first[track]).sum(1), -1, 1)
    widest = np.ones(len(points))
    np.minimum.at(widest, track, np.nan_to_num(cosine, nan=1.0))
    return np.degrees(np.arccos(widest))


def compute_track_medians(errors: np.ndarray, track: np.ndarray, count: int) -> np.ndarray:
    """Return the median (count,) of `errors` (M,) for each track; NaN where a track has none."""
    order = np.lexsort((errors, track))
    numbers = np.bincount(track, minlength=count)
    starts = np.cumsum(numbers) - numbers
    ordered = np.append(errors[order], np.nan)
    low, high = starts + np.maximum(numbers - 1, 0) // 2, starts + numbers // 2
    with np.errstate(invalid="ignore"):
        middle = 0.5 * (ordered[np.minimum(low, len(errors))] + ordered[np.minimum(high, len(errors))])
    return np.where(numbers > 0, middle, np.nan)
