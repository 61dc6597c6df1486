"""Bundle adjustment of cameras X_cam = R_i d_j + rho_j t_i with one shared radial lens.

Directions d_j and inverse depths rho_j stand for the points, so that a camera that only turns
(t = 0, rho unused) and one that hardly moves are the same smooth problem: a point may lie at infinity.
Levenberg-Marquardt on the reduced camera system (Schur complement) with Cauchy weights, after
B. Triggs et al., "Bundle Adjustment: A Modern Synthesis", Vision Algorithms (2000), LNCS 1883.
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.keyframes import Observations

BEHIND_PX = 100.0  # residual of a point at or behind the camera
LENS_PRIOR = np.array([1.0, 1 / 0.5**2, 1.0])  # weak: log focal within e, k1 within 0.5, k2 within 1
LENS_NAMES = ("focal", "k1", "k2")


@dataclass(frozen=True)
class Bundle:
    """rotations (F, 3, 3), translations (F, 3), directions (P, 3) unit, inverse_depths (P,), lens (3,) =
    (log focal in px, k1, k2), centre_px (2,), general: whether cameras move (else only turn)."""

    rotations: np.ndarray
    translations: np.ndarray
    directions: np.ndarray
    inverse_depths: np.ndarray
    lens: np.ndarray
    centre_px: np.ndarray
    general: bool = False

    @property
    def focal_px(self) -> float:
        return float(np.exp(self.lens[0]))


def residuals_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """(M, 2) projected minus observed, px."""
    return _project(bundle, markers)[0]


def errors_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """(M,) distances, px."""
    return np.linalg.norm(residuals_px(bundle, markers), axis=1)


def cauchy_cost(residuals: np.ndarray, loss_px: float = 1.0, weights: np.ndarray | float = 1.0) -> float:
    """Sum of log(1 + weight (e / loss)^2) over markers (M, 2)."""
    return float(np.log1p(weights * (residuals**2).sum(1) / loss_px**2).sum())


def _project(bundle: Bundle, markers: Observations):
    turned = np.einsum("nij,nj->ni", bundle.rotations[markers.frame], bundle.directions[markers.track])
    points = turned + bundle.inverse_depths[markers.track, None] * bundle.translations[markers.frame]
    depth = np.where(np.abs(points[:, 2]) < 1e-6, 1e-6, points[:, 2])
    plane = points[:, :2] / depth[:, None]
    radius2 = (plane**2).sum(1)
    radial = 1 + radius2 * (bundle.lens[1] + radius2 * bundle.lens[2])
    residuals = bundle.focal_px * radial[:, None] * plane + bundle.centre_px - markers.xy_px
    behind = depth <= 0
    return np.where(behind[:, None], BEHIND_PX, residuals), turned, plane, depth, radius2, radial, behind


def point_jacobian(bundle: Bundle, markers: Observations):
    """Residuals (M, 2), their derivative by X_cam (M, 2, 3), by a left turn of the camera (M, 2, 3), by the lens
    (M, 2, 3)."""
    residuals, turned, plane, depth, radius2, radial, behind = _project(bundle, markers)
    focal, k1, k2 = bundle.focal_px, bundle.lens[1], bundle.lens[2]
    slope = k1 + 2 * k2 * radius2
    by_plane = focal * (
        radial[:, None, None] * np.eye(2) + 2 * slope[:, None, None] * plane[:, :, None] * plane[:, None, :]
    )
    plane_by_point = np.zeros((len(markers), 2, 3))
    plane_by_point[:, 0, 0] = plane_by_point[:, 1, 1] = 1 / depth
    plane_by_point[:, :, 2] = -plane / depth[:, None]
    by_point = np.where(behind[:, None, None], 0.0, by_plane @ plane_by_point)
    by_turn = -by_point @ _cross_matrix(turned)
    distorted = radial[:, None] * plane
    by_lens = focal * np.stack([distorted, radius2[:, None] * plane, (radius2**2)[:, None] * plane], -1)
    return residuals, by_point, by_turn, np.where(behind[:, None, None], 0.0, by_lens)


def adjust(
    bundle: Bundle,
    markers: Observations,
    free: tuple[str, ...] = LENS_NAMES,
    rounds: int = 25,
    loss_px: float = 1.0,
    tolerance: float = 1e-4,
    weights: np.ndarray | float = 1.0,
    fixed: np.ndarray | None = None,
) -> Bundle:
    """The bundle after up to `rounds` steps; `free` names the lens values that may change, weights (M,) multiply the
    squared errors, fixed (F,) is a mask of frames whose pose stays, to the bit."""
    from scipy.spatial.transform import Rotation

    lens_is_free = np.array([name in free for name in LENS_NAMES])
    cost = cauchy_cost(residuals_px(bundle, markers), loss_px, weights)
    damping = 1e-3
    moving = np.ones(len(bundle.rotations), bool) if fixed is None else ~fixed
    for _ in range(rounds):
        system = _reduced_system(bundle, markers, damping, loss_px, weights, moving)
        for _ in range(6):
            camera_step, point_step, lens_step = _step(system, damping, lens_is_free)
            camera_step = camera_step[: moving.sum()]
            rotations, translations = bundle.rotations.copy(), bundle.translations.copy()
            rotations[moving] = Rotation.from_rotvec(camera_step[:, :3]).as_matrix() @ rotations[moving]
            directions = bundle.directions + np.einsum("nij,nj->ni", system["tangents"], point_step[:, :2])
            length = np.linalg.norm(directions, axis=1)
            trial = replace(
                bundle,
                lens=bundle.lens + np.where(lens_is_free, np.clip(lens_step, -0.5, 0.5), 0.0),
                rotations=rotations,
                directions=directions / length[:, None],
            )
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


def _cross_matrix(vectors: np.ndarray) -> np.ndarray:
    out = np.zeros((*vectors.shape[:-1], 3, 3))
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -vectors[..., 2], vectors[..., 1], -vectors[..., 0]
    return out - np.swapaxes(out, -1, -2)


def _tangents(directions: np.ndarray) -> np.ndarray:
    """(P, 3, 2) two unit vectors across each direction."""
    away = np.where(np.abs(directions[:, :1]) < 0.7, [[1.0, 0, 0]], [[0, 1.0, 0]])
    first = np.cross(directions, away)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(directions, first)], -1)


def _sparse(blocks: np.ndarray, columns: np.ndarray, column_count: int):
    """A (2M, column_count) sparse matrix from dense rows (M, 2, n) and their columns (M, n)."""
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
    moving: np.ndarray,
) -> dict:
    residuals, by_point, by_turn, by_lens = point_jacobian(bundle, markers)
    root_weight = np.sqrt(weights / (1 + weights * (residuals**2).sum(1) / loss_px**2))
    tangents = _tangents(bundle.directions)
    in_world = by_point @ bundle.rotations[markers.frame]
    by_camera, by_track = by_turn, in_world @ tangents[markers.track]
    if bundle.general:
        inverse_depth = bundle.inverse_depths[markers.track][:, None, None]
        by_camera = np.concatenate([by_turn, by_point * inverse_depth], 2)
        by_depth = np.einsum("nij,nj->ni", by_point, bundle.translations[markers.frame])
        by_track = np.concatenate([by_track, by_depth[:, :, None]], 2)
    # a camera that stays has no columns: its markers hold their points and the lens only
    by_camera = by_camera * moving[markers.frame][:, None, None]
    place = np.maximum(np.cumsum(moving) - 1, 0)
    weight = root_weight[:, None, None]
    camera_size, track_size = by_camera.shape[2], by_track.shape[2]
    track_count = len(bundle.directions)
    lens_at = max(int(moving.sum()), 1) * camera_size  # none moves: one block of zeros
    camera_columns = np.concatenate(
        [
            place[markers.frame][:, None] * camera_size + np.arange(camera_size),
            np.broadcast_to(lens_at + np.arange(3), (len(markers), 3)),
        ],
        1,
    )
    cameras = _sparse(np.concatenate([by_camera, by_lens], 2) * weight, camera_columns, lens_at + 3)
    track_columns = markers.track[:, None] * track_size + np.arange(track_size)
    points = _sparse(by_track * weight, track_columns, track_count * track_size)
    weighted = (residuals * root_weight[:, None]).ravel()

    starts = np.searchsorted(markers.track, np.arange(track_count))
    blocks = np.add.reduceat(np.einsum("nki,nkj->nij", by_track * weight, by_track * weight), starts, axis=0)
    trace = np.trace(blocks, axis1=1, axis2=2)[:, None, None]
    identity = np.eye(track_size)
    inverse = np.linalg.inv(blocks * (1 + damping * identity) + identity * (1e-9 * trace + 1e-9))
    camera_block = (cameras.T @ cameras).toarray()
    # Dense from here: tracks see so many frames that sparse products are ten times slower.
    mixed = (cameras.T @ points).toarray()
    eliminated = np.einsum("cti,tij->ctj", mixed.reshape(-1, track_count, track_size), inverse).reshape(mixed.shape)
    point_gradient, camera_gradient = points.T @ weighted, cameras.T @ weighted
    return {
        "matrix": camera_block - eliminated @ mixed.T,
        "gradient": camera_gradient - eliminated @ point_gradient,
        "diagonal": np.diag(camera_block),
        "mixed": mixed,
        "inverse": inverse,
        "point_gradient": point_gradient,
        "tangents": tangents,
        "camera_size": camera_size,
        "track_size": track_size,
    }


def _step(system: dict, damping: float, lens_is_free: np.ndarray):
    diagonal = system["diagonal"]
    matrix = system["matrix"] + np.diag(damping * diagonal + 1e-9 * diagonal.mean() + 1e-9)
    matrix[-3:, -3:] += np.diag(np.where(lens_is_free, LENS_PRIOR, 1e14))
    cameras = -np.linalg.solve(matrix, system["gradient"])
    wanted = (system["point_gradient"] + system["mixed"].T @ cameras).reshape(-1, system["track_size"])
    points = -np.einsum("tij,tj->ti", system["inverse"], wanted)
    return cameras[:-3].reshape(-1, system["camera_size"]), points, cameras[-3:]
