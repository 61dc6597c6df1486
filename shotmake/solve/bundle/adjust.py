"""Bundle adjustment of cameras X_cam = R_i d_j + rho_j t_i with one shared lens, and a zoom for each camera.

Directions d_j and inverse depths rho_j stand for the points. So a camera that only turns (t = 0, rho unused) and a
camera that hardly moves are the same smooth problem: a point may lie at infinity. Levenberg-Marquardt on the reduced
camera system (Schur complement) with Cauchy weights, after B. Triggs et al., "Bundle Adjustment: A Modern Synthesis",
Vision Algorithms (2000), LNCS 1883.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BEHIND_PX = 100.0  # residual of a point at or behind the camera
# the lens vector: log focal px, the coefficients of Brown-Conrady, the centre px
LENS_NAMES = ("focal", "k1", "k2", "k3", "p1", "p2", "principal_point", "principal_point")
STEP_MAX = np.array([0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 50.0, 50.0])
LENS_DAMPING = 1 / np.array([1.0, 0.5, 1.0, 2.0, 0.02, 0.02, 100.0, 100.0]) ** 2  # holds values that hardly matter


@dataclass(frozen=True)
class Bundle:
    """Cameras, points and lens as one system.

    rotations (F, 3, 3). translations (F, 3). directions (P, 3): unit. inverse_depths (P,). lens (8,): by LENS_NAMES.
    log_zooms (F,): log of the factor between the focal length of a frame and that of the lens (camera.zoomed). general:
    whether the cameras move; else they only turn.
    """

    rotations: np.ndarray
    translations: np.ndarray
    directions: np.ndarray
    inverse_depths: np.ndarray
    lens: np.ndarray
    log_zooms: np.ndarray
    general: bool = False

    @property
    def focal_px(self) -> float:
        """The focal length of the lens, in px."""
        return float(np.exp(self.lens[0]))


def lens_vector(lens: Lens) -> np.ndarray:
    """Return the lens as a vector (8,), ordered by LENS_NAMES."""
    return np.array([np.log(lens.fx_px), lens.k1, lens.k2, lens.k3, lens.p1, lens.p2, lens.cx_px, lens.cy_px])


def lens_from_vector(vector: np.ndarray) -> Lens:
    """Return the lens of a vector (8,), ordered by LENS_NAMES."""
    focal, k1, k2, k3, p1, p2, cx, cy = (float(value) for value in [np.exp(vector[0]), *vector[1:]])
    return Lens(focal, focal, cx, cy, k1, k2, p1, p2, k3)


def residuals_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """Return the residuals (M, 2) in px: projected minus observed."""
    return _project(bundle, markers)[0]


def errors_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """Return the distances (M,) in px between projected and observed markers."""
    return np.linalg.norm(residuals_px(bundle, markers), axis=1)


def cauchy_cost(residuals: np.ndarray, loss_px: float = 1.0, weights: np.ndarray | float = 1.0) -> float:
    """Sum log(1 + weight (e / loss)^2) over the residuals (M, 2). weights: (M,) or a scalar."""
    return float(np.log1p(weights * (residuals**2).sum(1) / loss_px**2).sum())


def _project(bundle: Bundle, markers: Observations) -> tuple[np.ndarray, ...]:
    """Return the residuals (M, 2) in px and what they are made of.

    In order: residuals_px; X_cam without its translation (M, 3); the undistorted plane (M, 2); depth, radius squared
    and radial factor (M,); the distorted plane (M, 2); zooms (M,); which points are behind the camera (M,).
    """
    turned = np.einsum("nij,nj->ni", bundle.rotations[markers.frame], bundle.directions[markers.track])
    points = turned + bundle.inverse_depths[markers.track, None] * bundle.translations[markers.frame]
    depth = np.where(np.abs(points[:, 2]) < 1e-6, 1e-6, points[:, 2])
    zoom = np.exp(bundle.log_zooms)[markers.frame]
    plane = points[:, :2] * (zoom / depth)[:, None]
    _, k1, k2, k3, p1, p2, _, _ = bundle.lens
    radius2 = (plane**2).sum(1)
    radial = 1 + radius2 * (k1 + radius2 * (k2 + radius2 * k3))
    distorted = radial[:, None] * plane
    if p1 or p2:
        x, y = plane.T
        sideways = [2 * p1 * x * y + p2 * (radius2 + 2 * x * x), p1 * (radius2 + 2 * y * y) + 2 * p2 * x * y]
        distorted = distorted + np.stack(sideways, 1)
    residuals = bundle.focal_px * distorted + bundle.lens[6:] - markers.xy_px
    behind = depth <= 0
    residuals = np.where(behind[:, None], BEHIND_PX, residuals)
    return residuals, turned, plane, depth, radius2, radial, distorted, zoom, behind


def point_jacobian(bundle: Bundle, markers: Observations) -> tuple[np.ndarray, ...]:
    """Return the residuals (M, 2) in px and their derivatives.

    In order: by X_cam (M, 2, 3), by a left turn of the camera (M, 2, 3), by the lens (M, 2, 8), by the logarithm of the
    frame's zoom (M, 2, 1).
    """
    residuals, turned, plane, depth, radius2, radial, distorted, zoom, behind = _project(bundle, markers)
    _, k1, k2, k3, p1, p2, _, _ = bundle.lens
    slope = k1 + radius2 * (2 * k2 + 3 * k3 * radius2)
    by_plane = radial[:, None, None] * np.eye(2) + 2 * slope[:, None, None] * plane[:, :, None] * plane[:, None, :]
    x, y = plane.T
    if p1 or p2:
        across = 2 * p1 * x + 2 * p2 * y
        rows = [np.stack([2 * p1 * y + 6 * p2 * x, across], 1), np.stack([across, 6 * p1 * y + 2 * p2 * x], 1)]
        by_plane = by_plane + np.stack(rows, 1)
    by_plane *= bundle.focal_px
    plane_by_point = np.zeros((len(markers), 2, 3))
    plane_by_point[:, 0, 0] = plane_by_point[:, 1, 1] = zoom / depth
    plane_by_point[:, :, 2] = -plane / depth[:, None]
    by_point = np.where(behind[:, None, None], 0.0, by_plane @ plane_by_point)
    by_turn = -by_point @ _cross_matrix(turned)
    by_lens = np.empty((len(markers), 2, len(LENS_NAMES)))
    by_lens[:, :, 0] = distorted
    for power in (1, 2, 3):
        by_lens[:, :, power] = (radius2**power)[:, None] * plane
    by_lens[:, :, 4] = np.stack([2 * x * y, radius2 + 2 * y * y], 1)
    by_lens[:, :, 5] = np.stack([radius2 + 2 * x * x, 2 * x * y], 1)
    by_lens[:, :, :6] *= bundle.focal_px
    by_lens[:, :, 6:] = np.eye(2)
    by_lens[behind] = 0.0
    by_zoom = np.where(behind[:, None, None], 0.0, by_plane @ plane[:, :, None])
    return residuals, by_point, by_turn, by_lens, by_zoom


class _OpenValues(NamedTuple):
    """What an adjustment may change: which lens values, whether each frame's focal length, which frames' poses."""

    lens: np.ndarray
    zooms: bool
    cameras: np.ndarray


def _open_values(bundle: Bundle, free: tuple[str, ...], fixed: np.ndarray | None = None) -> _OpenValues:
    lens = np.array([name in free and not (name == "focal" and "zoom" in free) for name in LENS_NAMES])
    cameras = np.ones(len(bundle.rotations), bool) if fixed is None else ~fixed
    return _OpenValues(lens, "zoom" in free, cameras)


def adjust(  # noqa: PLR0913  each is a choice of its own, and most callers name one or two
    bundle: Bundle,
    markers: Observations,
    free: tuple[str, ...] = ("focal", "k1", "k2"),
    rounds: int = 25,
    loss_px: float = 1.0,
    tolerance: float = 1e-4,
    weights: np.ndarray | float = 1.0,
    fixed: np.ndarray | None = None,
) -> Bundle:
    """Adjust the bundle in at most `rounds` steps. `free` names the lens values that may change.

    With "zoom" in free every frame has a focal length of its own. weights: (M,) or a scalar, factors of the squared
    errors. fixed: mask (F,) of the frames whose pose stays, to the bit. Raises numpy.linalg.LinAlgError when the
    equations of a point have no solution.
    """
    from scipy.spatial.transform import Rotation

    open_values = _open_values(bundle, free, fixed)
    lens_free, moving = open_values.lens, open_values.cameras
    cost = cauchy_cost(residuals_px(bundle, markers), loss_px, weights)
    damping = 1e-3
    for _ in range(rounds):
        system = _reduced_system(bundle, markers, damping, loss_px, weights, open_values)
        for _ in range(6):
            try:
                camera_step, point_step, lens_step = _step(system, damping)
            except np.linalg.LinAlgError:  # nearly singular: a shorter step
                damping *= 6
                continue
            camera_step = camera_step[: moving.sum()]
            rotations, translations, log_zooms = (
                values.copy() for values in (bundle.rotations, bundle.translations, bundle.log_zooms)
            )
            rotations[moving] = Rotation.from_rotvec(camera_step[:, :3]).as_matrix() @ rotations[moving]
            directions = bundle.directions + np.einsum("nij,nj->ni", system["tangents"], point_step[:, :2])
            length = np.linalg.norm(directions, axis=1)
            lens = bundle.lens.copy()
            lens[lens_free] += np.clip(lens_step, -STEP_MAX[lens_free], STEP_MAX[lens_free])
            trial = replace(
                bundle,
                lens=lens,
                rotations=rotations,
                directions=directions / length[:, None],
            )
            if "zoom" in free:
                log_zooms[moving] += np.clip(camera_step[:, -1], -0.5, 0.5)
                trial = replace(trial, log_zooms=log_zooms)
            if bundle.general:
                translations[moving] += camera_step[:, 3:6]
                trial = replace(
                    trial,
                    translations=translations,
                    inverse_depths=(bundle.inverse_depths + point_step[:, 2]) / length,
                )
            trial_cost = cauchy_cost(residuals_px(trial, markers), loss_px, weights)
            if trial_cost < cost:
                break
            damping *= 6
        else:
            return bundle
        gain = (cost - trial_cost) / max(cost, 1e-9)
        bundle, cost, damping = trial, trial_cost, max(damping / 4, 1e-7)
        if gain < tolerance:
            break
    return bundle


def lens_covariance(
    bundle: Bundle, markers: Observations, free: tuple[str, ...], loss_px: float, weights: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the free places (n,) of the lens vector and their covariance (n, n), with cameras and points left open.

    The covariance is the effect of white noise of the size of the residuals. weights: (M,) or a scalar.
    """
    open_values = _open_values(bundle, free)
    lens_free = open_values.lens
    system = _reduced_system(bundle, markers, 0.0, loss_px, weights, open_values)
    matrix, lens_at = system["matrix"], len(system["matrix"]) - int(lens_free.sum())
    cameras, mixed = matrix[:lens_at, :lens_at], matrix[:lens_at, lens_at:]
    open_gauge = 1e-9 * np.diag(np.diag(cameras)) + 1e-12 * np.eye(lens_at)  # scale, origin and axes are free
    information = matrix[lens_at:, lens_at:] - mixed.T @ np.linalg.solve(cameras + open_gauge, mixed)
    residuals = residuals_px(bundle, markers)
    robust = weights / (1 + weights * (residuals**2).sum(1) / loss_px**2)
    variance = (robust * (residuals**2).sum(1)).sum() / max(2 * len(markers) - len(matrix) - 3 * len(system["root"]), 1)
    return np.flatnonzero(lens_free), variance * np.linalg.pinv(information, hermitian=True)


def _cross_matrix(vectors: np.ndarray) -> np.ndarray:
    out = np.zeros((*vectors.shape[:-1], 3, 3))
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -vectors[..., 2], vectors[..., 1], -vectors[..., 0]
    return out - np.swapaxes(out, -1, -2)


def _tangents(directions: np.ndarray) -> np.ndarray:
    """Return two unit vectors across each direction, (P, 3, 2)."""
    away = np.where(np.abs(directions[:, :1]) < 0.7, [[1.0, 0, 0]], [[0, 1.0, 0]])
    first = np.cross(directions, away)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(directions, first)], -1)


def _sparse(blocks: np.ndarray, columns: np.ndarray, column_count: int) -> "csr_matrix":
    """Return a sparse matrix (2M, column_count) of dense rows (M, 2, n) and their columns (M, n)."""
    import scipy.sparse

    count, _, width = blocks.shape
    indices = np.repeat(columns[:, None, :], 2, axis=1).ravel()
    pointers = np.arange(0, 2 * count * width + 1, width)
    return scipy.sparse.csr_matrix((blocks.ravel(), indices, pointers), shape=(2 * count, column_count))


def _reduced_system(
    bundle: Bundle,
    markers: Observations,
    damping: float,
    loss_px: float,
    weights: np.ndarray | float,
    open_values: _OpenValues,
) -> dict:
    lens_free, zooms, moving = open_values
    residuals, by_point, by_turn, by_lens, by_zoom = point_jacobian(bundle, markers)
    root_weight = np.sqrt(weights / (1 + weights * (residuals**2).sum(1) / loss_px**2))
    tangents = _tangents(bundle.directions)
    in_world = by_point @ bundle.rotations[markers.frame]
    by_camera, by_track = [by_turn], in_world @ tangents[markers.track]
    if bundle.general:
        inverse_depth = bundle.inverse_depths[markers.track][:, None, None]
        by_camera.append(by_point * inverse_depth)
        by_depth = np.einsum("nij,nj->ni", by_point, bundle.translations[markers.frame])
        by_track = np.concatenate([by_track, by_depth[:, :, None]], 2)
    if zooms:
        by_camera.append(by_zoom)
    # a fixed camera has no columns: its markers only hold their points and the lens
    by_camera = np.concatenate(by_camera, 2) * moving[markers.frame][:, None, None]
    place = np.maximum(np.cumsum(moving) - 1, 0)
    weight = root_weight[:, None, None]
    camera_size, track_size, lens_size = by_camera.shape[2], by_track.shape[2], int(lens_free.sum())
    track_count = len(bundle.directions)
    lens_at = max(int(moving.sum()), 1) * camera_size  # if no camera moves: one block of zeros
    camera_columns = np.concatenate(
        [
            place[markers.frame][:, None] * camera_size + np.arange(camera_size),
            np.broadcast_to(lens_at + np.arange(lens_size), (len(markers), lens_size)),
        ],
        1,
    )
    cameras = _sparse(
        np.concatenate([by_camera, by_lens[:, :, lens_free]], 2) * weight, camera_columns, lens_at + lens_size
    )
    track_columns = markers.track[:, None] * track_size + np.arange(track_size)
    points = _sparse(by_track * weight, track_columns, track_count * track_size)
    weighted = (residuals * root_weight[:, None]).ravel()

    starts = np.searchsorted(markers.track, np.arange(track_count))
    blocks = np.add.reduceat(np.einsum("nki,nkj->nij", by_track * weight, by_track * weight), starts, axis=0)
    trace = np.trace(blocks, axis1=1, axis2=2)[:, None, None]
    identity = np.eye(track_size)
    # root @ root^T is the inverse of a track's own block
    root = np.linalg.inv(
        np.linalg.cholesky(blocks * (1 + damping * identity) + identity * (1e-9 * trace + 1e-9))
    ).swapaxes(1, 2)
    camera_block = (cameras.T @ cameras).toarray()
    # Dense from here: tracks see so many frames that sparse products are ten times slower.
    mixed = (cameras.T @ points).toarray().reshape(-1, track_count, track_size)
    mixed = np.einsum("cti,tij->ctj", mixed, root).reshape(len(mixed), -1)
    point_gradient = np.einsum("tij,ti->tj", root, (points.T @ weighted).reshape(track_count, -1))
    return {
        "matrix": camera_block - mixed @ mixed.T,
        "gradient": cameras.T @ weighted - mixed @ point_gradient.ravel(),
        "diagonal": np.diag(camera_block),
        "lens_damping": LENS_DAMPING[lens_free],
        "mixed": mixed,
        "root": root,
        "point_gradient": point_gradient,
        "tangents": tangents,
        "camera_size": camera_size,
    }


def _step(system: dict, damping: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import scipy.linalg

    diagonal, lens_damping = system["diagonal"], system["lens_damping"]
    lens_at = len(diagonal) - len(lens_damping)
    extra = damping * diagonal + 1e-9 * diagonal.mean() + 1e-9
    extra[lens_at:] += lens_damping
    matrix = system["matrix"].copy()
    matrix[np.diag_indices_from(matrix)] += extra
    cameras = -scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix, overwrite_a=True), system["gradient"])
    wanted = system["point_gradient"] + (system["mixed"].T @ cameras).reshape(system["point_gradient"].shape)
    points = -np.einsum("tij,tj->ti", system["root"], wanted)
    return cameras[:lens_at].reshape(-1, system["camera_size"]), points, cameras[lens_at:]
