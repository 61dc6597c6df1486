"""Bundle adjustment of cameras X_cam = R_i d_j + rho_j t_i with one shared lens, and a zoom for each camera.

Directions d_j and inverse depths rho_j stand for the points. So a camera that only turns (t = 0, rho unused) and a
camera that hardly moves are the same smooth problem: a point may lie at infinity. Levenberg-Marquardt on the reduced
camera system (Schur complement) with Cauchy weights, after B. Triggs et al., "Bundle Adjustment: A Modern Synthesis",
Vision Algorithms (2000), LNCS 1883.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.solve.bundle import adjust_kernels as kernels
from shotmake.solve.bundle.adjust_kernels import Parts, Seen, Slopes
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.reduced_system import (
    Layout,
    compute_lens_information,
    find_tangents,
    lay_out,
    make_slopes,
    reduce_system,
    solve_reduced,
    step_points,
)

# the lens vector: log focal px, the coefficients of Brown-Conrady, the centre px
LENS_NAMES = ("focal", "k1", "k2", "k3", "p1", "p2", "principal_point", "principal_point")
STEP_MAX = np.array([0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 50.0, 50.0])
LENS_DAMPING = 1 / np.array([1.0, 0.5, 1.0, 2.0, 0.02, 0.02, 100.0, 100.0]) ** 2  # holds values that hardly matter


@dataclass(frozen=True)
class Bundle:
    """Cameras, points and lens as one system.

    rotations (F, 3, 3). translations (F, 3). directions (P, 3): unit. inverse_depths (P,). lens (8,): by LENS_NAMES.
    log_zooms (F,): log of the factor between the focal length of a frame and that of the lens (camera.zoom_cameras).
    general: whether the cameras move; else they only turn.
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


def vector_from_lens(lens: Lens) -> np.ndarray:
    """Return the lens as a vector (8,), ordered by LENS_NAMES."""
    return np.array([np.log(lens.fx_px), lens.k1, lens.k2, lens.k3, lens.p1, lens.p2, lens.cx_px, lens.cy_px])


def lens_from_vector(vector: np.ndarray) -> Lens:
    """Return the lens of a vector (8,), ordered by LENS_NAMES."""
    focal, k1, k2, k3, p1, p2, cx, cy = (float(value) for value in [np.exp(vector[0]), *vector[1:]])
    return Lens(focal, focal, cx, cy, k1, k2, p1, p2, k3)


def compute_residuals_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """Return the residuals (M, 2) in px: projected minus observed."""
    residuals = np.empty((len(markers), 2))
    kernels.project(_list_parts(bundle), _list_seen(markers), residuals)
    return residuals


def compute_errors_px(bundle: Bundle, markers: Observations) -> np.ndarray:
    """Return the distances (M,) in px between projected and observed markers."""
    return np.linalg.norm(compute_residuals_px(bundle, markers), axis=1)


def compute_cauchy_cost(residuals: np.ndarray, loss_px: float = 1.0, weights: np.ndarray | float = 1.0) -> float:
    """Sum log(1 + weight (e / loss)^2) over the residuals (M, 2). weights: (M,) or a scalar."""
    return float(np.log1p(weights * (residuals**2).sum(1) / loss_px**2).sum())


def derive(bundle: Bundle, markers: Observations) -> Slopes:
    """Return the residuals in px and their derivatives."""
    slopes = make_slopes(len(markers))
    kernels.derive(_list_parts(bundle), _list_seen(markers), 0, len(markers), slopes)
    return slopes


def adjust(  # noqa: PLR0913  each is a choice of its own, and most callers name one or two
    bundle: Bundle,
    markers: Observations,
    refine: tuple[str, ...] = ("focal", "k1", "k2"),
    rounds: int = 25,
    loss_px: float = 1.0,
    tolerance: float = 1e-4,
    weights: np.ndarray | float = 1.0,
    fixed: np.ndarray | None = None,
) -> Bundle:
    """Adjust the bundle in at most `rounds` steps. `refine` names the lens values that may change.

    With "zoom" in refine every frame has a focal length of its own. weights: (M,) or a scalar, factors of the squared
    errors. fixed: mask (F,) of the frames whose pose stays, to the bit; that of a frame without
    markers stays too. Raises numpy.linalg.LinAlgError when the
    equations of a point have no solution.
    """
    moving = np.ones(len(bundle.rotations), bool) if fixed is None else ~fixed
    layout = _make_layout(bundle, markers, refine, moving)
    by_marker = np.array(np.broadcast_to(np.asarray(weights, float), len(markers)))
    cost, damping = compute_cauchy_cost(compute_residuals_px(bundle, markers), loss_px, weights), 1e-3
    for _ in range(rounds):
        reduced = reduce_system(_list_parts(bundle), layout, by_marker, loss_px, damping)
        for _ in range(6):
            try:
                step = solve_reduced(reduced, damping, LENS_DAMPING[layout.unknowns.lens])
            except np.linalg.LinAlgError:  # nearly singular: a shorter step
                damping *= 6
                continue
            trial = _take_step(bundle, layout, step, step_points(reduced, layout, step))
            trial_cost = compute_cauchy_cost(compute_residuals_px(trial, markers), loss_px, weights)
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


def _make_layout(bundle: Bundle, markers: Observations, refine: tuple[str, ...], moving: np.ndarray) -> Layout:
    refined = np.array([name in refine and not (name == "focal" and "zoom" in refine) for name in LENS_NAMES])
    is_seen = np.bincount(markers.frame, minlength=len(moving)) > 0  # a camera without markers has no equations
    return lay_out(markers, moving & is_seen, refined, (6 if bundle.general else 3) + ("zoom" in refine))


def _take_step(bundle: Bundle, layout: Layout, step: np.ndarray, point_step: np.ndarray) -> Bundle:
    from scipy.spatial.transform import Rotation

    unknowns, moving = layout.unknowns, layout.unknowns.place >= 0
    lens_at = len(step) - len(unknowns.lens)
    camera_step, lens_step = step[:lens_at].reshape(-1, unknowns.camera_size)[: moving.sum()], step[lens_at:]
    rotations, translations, log_zooms, lens = (
        values.copy() for values in (bundle.rotations, bundle.translations, bundle.log_zooms, bundle.lens)
    )
    rotations[moving] = Rotation.from_rotvec(camera_step[:, :3]).as_matrix() @ rotations[moving]
    directions = bundle.directions + np.einsum("nij,nj->ni", find_tangents(bundle.directions), point_step[:, :2])
    length = np.linalg.norm(directions, axis=1)
    lens[unknowns.lens] += np.clip(lens_step, -STEP_MAX[unknowns.lens], STEP_MAX[unknowns.lens])
    inverse_depths = bundle.inverse_depths
    if bundle.general:
        translations[moving] += camera_step[:, 3:6]
        inverse_depths = (inverse_depths + point_step[:, 2]) / length
    if unknowns.camera_size in (4, 7):
        log_zooms[moving] += np.clip(camera_step[:, -1], -0.5, 0.5)
    directions = directions / length[:, None]
    return Bundle(rotations, translations, directions, inverse_depths, lens, log_zooms, bundle.general)


def compute_lens_covariance(
    bundle: Bundle, markers: Observations, refine: tuple[str, ...], loss_px: float, weights: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the refined places (n,) of the lens vector and their covariance (n, n), with cameras and points left open.

    The covariance is the effect of white noise of the size of the residuals. weights: (M,) or a scalar.
    """
    layout = _make_layout(bundle, markers, refine, np.ones(len(bundle.rotations), bool))
    by_marker = np.array(np.broadcast_to(np.asarray(weights, float), len(markers)))
    reduced = reduce_system(_list_parts(bundle), layout, by_marker, loss_px, 0.0)
    residuals = compute_residuals_px(bundle, markers)
    robust = weights / (1 + weights * (residuals**2).sum(1) / loss_px**2)
    unknown_count = len(reduced.diagonal) + 3 * len(bundle.directions)
    variance = (robust * (residuals**2).sum(1)).sum() / max(2 * len(markers) - unknown_count, 1)
    return layout.unknowns.lens, variance * np.linalg.pinv(compute_lens_information(reduced), hermitian=True)


def _list_parts(bundle: Bundle) -> Parts:
    arrays = (
        bundle.rotations,
        bundle.translations,
        bundle.log_zooms,
        bundle.directions,
        bundle.inverse_depths,
        bundle.lens,
    )
    return Parts(*(np.ascontiguousarray(array, float) for array in arrays))


def _list_seen(markers: Observations) -> Seen:
    return Seen(markers.track, markers.frame, np.ascontiguousarray(markers.xy_px))
