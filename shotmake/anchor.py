"""Anchors: the patch of the plate that a track is held to, and the refinement of markers against it.

Frame-to-frame trackers drift, because each step adds its error. Here every marker is matched to the
same anchor patch, cut in the frame where the track was born, so errors do not add up.

The match is inverse-compositional Gauss-Newton: S. Baker and I. Matthews, "Lucas-Kanade 20 Years On",
IJCV 56 (2004), 221-255. A change of gain and offset (flicker, exposure) is taken out exactly: patches
are normalised to mean 0 and deviation 1, and both directions are removed from the derivatives.
All tracks are refined together: arrays start with N tracks; P = 21 x 21 pixels of a patch; K
parameters of the motion model, the shift in x and y first.
"""

from dataclasses import dataclass

import numpy as np

RADIUS_PX = 10  # 21 px patches: measured better than 15
CUT_PX = 2 * (RADIUS_PX + 1) + 1  # patches are cut one pixel wider, for the derivatives
WINDOW_SIGMA = 0.75  # of the patch radius: the middle of the patch counts most
SHAPE_DAMPING = 0.1  # holds scale, rotation and shear back where the pattern does not tell
SHIFT_DAMPING = 1e-4
MOST_ROUNDS = 10
SHIFT_ROUNDS = 2  # the first rounds move without changing the shape
LONGEST_STEP_PX = 2.0
DONE_PX = 0.01
RESIDUAL_FACTOR = 3.0  # residuals of neighbours are alike, so the pixels tell less: error / estimate, against truth
NEWBORN_CORRELATION = 0.99  # assumed for the marker from which the anchor is cut

_AXIS = np.arange(-RADIUS_PX, RADIUS_PX + 1, dtype=np.float32)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_AXIS, _AXIS))
_OFFSETS = np.stack([_X, _Y])  # (2, P) px from the patch's centre
_PIXELS = len(_X)  # P
_WEIGHTS = np.exp(-0.5 * (_X**2 + _Y**2) / (WINDOW_SIGMA * RADIUS_PX) ** 2)
_WEIGHTS /= _WEIGHTS.sum()
_QUADRANTS = np.stack([(sx * _X > 0) & (sy * _Y > 0) for sy in (-1, 1) for sx in (-1, 1)]).astype(np.float32)


def _motion_fields() -> dict[str, np.ndarray]:
    """Per motion model (K, 2, P): how each parameter moves each pixel; 1 = one px, at the patch's edge for shapes."""
    x, y, zero, one = _X / RADIUS_PX, _Y / RADIUS_PX, np.zeros_like(_X), np.ones_like(_X)
    shift, rotation, scale = [(one, zero), (zero, one)], [(-y, x)], [(x, y)]
    models = {
        "translation": shift,
        "loc_rot": shift + rotation,
        "loc_rot_scale": shift + rotation + scale,
        "affine": shift + [(x, zero), (y, zero), (zero, x), (zero, y)],
    }
    return {name: np.array(fields, np.float32) for name, fields in models.items()}


def _shape_matrices() -> dict[str, np.ndarray]:
    """Per motion model (K, 2, 2): the linear part of each parameter's field."""
    shift, rotation, scale = np.zeros((2, 2, 2)), [[[0, -1], [1, 0]]], [[[1, 0], [0, 1]]]
    full = np.eye(4).reshape(4, 2, 2)
    parts = {"translation": [], "loc_rot": [rotation], "loc_rot_scale": [rotation, scale], "affine": [full]}
    return {name: np.concatenate([shift, *map(np.array, part)]) / RADIUS_PX for name, part in parts.items()}


FIELDS, SHAPES = _motion_fields(), _shape_matrices()


@dataclass(frozen=True)
class Anchors:
    """What the refinement needs of N anchor patches, derived from their pixels by `prepare`."""

    motion_model: str
    pattern: np.ndarray  # (N, P) float32, weighted mean 0 and deviation 1
    descent: np.ndarray  # (N, K, P) float32, weighted derivatives of the pattern by the parameters
    inverse_hessian: np.ndarray  # (N, K, K)
    inverse_shift_hessian: np.ndarray  # (N, 2, 2), for moves that leave the shape alone
    gradient: np.ndarray  # (N, 2, P) float32, weighted, of the pattern by x and y
    quadrant_hessian: np.ndarray  # (N, 4, 2, 2)
    contrast: np.ndarray  # (N,) deviation of the patch in grey levels
    roundness: np.ndarray  # (N,) smaller / larger eigenvalue of the shift Hessian; 0 = an edge, fixed in one direction


@dataclass(frozen=True)
class Refined:
    """Markers after refinement. Markers whose patch left the frame have correlation -1."""

    xy_px: np.ndarray  # (N, 2)
    warp: np.ndarray  # (N, 2, 2): patch offset in the anchor -> offset in this frame
    correlation: np.ndarray  # (N,) normalised, 1 = the same pattern
    expected_px: np.ndarray  # (N,) expected error: residual x inverse Hessian, scaled to the median true error
    quadrant_px: np.ndarray  # (N,) how far the most deviating quadrant of the patch wants to move


def cut_patches(image: np.ndarray, xy_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut (N, CUT_PX, CUT_PX) float32 patches around plate positions (N, 2), and (N,) whether they lie inside."""
    axis = np.arange(-RADIUS_PX - 1, RADIUS_PX + 2, dtype=np.float32)
    offsets = np.stack([grid.ravel() for grid in np.meshgrid(axis, axis)])
    no_warp = np.broadcast_to(np.eye(2), (len(xy_px), 2, 2))
    inside = _inside(image, xy_px, no_warp, RADIUS_PX + 1)
    patches = np.zeros((len(xy_px), CUT_PX, CUT_PX), np.float32)
    patches[inside] = _sample(image, xy_px[inside], no_warp[inside], offsets).reshape(-1, CUT_PX, CUT_PX)
    return patches, inside


def prepare(patches: np.ndarray, motion_model: str) -> Anchors:
    """Derive the pattern, its derivatives and Hessians from cut patches (N, CUT_PX, CUT_PX)."""
    count = len(patches)
    pattern, contrast = _normalise(patches[:, 1:-1, 1:-1].reshape(count, _PIXELS))
    along_x = patches[:, 1:-1, 2:] - patches[:, 1:-1, :-2]
    along_y = patches[:, 2:, 1:-1] - patches[:, :-2, 1:-1]
    gradient = np.stack([along_x, along_y], 1).reshape(count, 2, _PIXELS) * (0.5 / contrast)[:, None, None]

    field = FIELDS[motion_model]
    descent = gradient[:, None, 0] * field[:, 0] + gradient[:, None, 1] * field[:, 1]
    # Without the parts that an offset or a gain would explain, matching ignores both.
    descent -= (descent @ _WEIGHTS)[..., None]
    descent -= (descent @ (_WEIGHTS * pattern)[..., None]) * pattern[:, None]
    weighted_descent = descent * _WEIGHTS
    hessian = (weighted_descent @ descent.transpose(0, 2, 1)).astype(float)
    shift_hessian = hessian[:, :2, :2]
    low, high = np.linalg.eigvalsh(shift_hessian).T

    size = np.trace(shift_hessian, axis1=1, axis2=2) + 1e-9  # flat patches stay invertible
    damping = np.array([SHIFT_DAMPING] * 2 + [SHAPE_DAMPING] * (len(field) - 2))
    weighted_gradient = gradient * _WEIGHTS
    return Anchors(
        motion_model=motion_model,
        pattern=pattern,
        descent=weighted_descent,
        inverse_hessian=np.linalg.inv(hessian + size[:, None, None] * np.diag(damping)),
        inverse_shift_hessian=np.linalg.inv(shift_hessian + size[:, None, None] * 0.01 * np.eye(2)),
        gradient=weighted_gradient,
        quadrant_hessian=np.einsum("nip,njp,qp->nqij", weighted_gradient, gradient, _QUADRANTS, optimize=True),
        contrast=contrast,
        roundness=low / np.maximum(high, 1e-9),
    )


def refine(image: np.ndarray, anchors: Anchors, xy_px: np.ndarray, warp: np.ndarray) -> Refined:
    """Match each anchor to a frame from a predicted position (N, 2) and warp (N, 2, 2).

    `image` is (H, W) float32. Positions are plate px, origin at the top-left corner.
    """
    xy_px, warp = xy_px.copy(), warp.copy()
    moving = np.flatnonzero(_inside(image, xy_px, warp))
    for round_number in range(MOST_ROUNDS):
        if not len(moving):
            break
        step = _step(image, anchors, moving, xy_px[moving], warp[moving], shift_only=round_number < SHIFT_ROUNDS)
        length = np.linalg.norm(step[:, :2], axis=1)
        step *= np.minimum(1.0, LONGEST_STEP_PX / np.maximum(length, 1e-9))[:, None]
        warp[moving] = warp[moving] @ np.linalg.inv(_shape_change(step, anchors.motion_model))
        xy_px[moving] -= np.einsum("nij,nj->ni", warp[moving], step[:, :2])
        done = (round_number >= SHIFT_ROUNDS) & (length < DONE_PX) & (np.abs(step[:, 2:]).sum(1) < 8 * DONE_PX)
        moving = moving[~done & _inside(image, xy_px[moving], warp[moving])]
    return _judge(image, anchors, xy_px, warp)


def newborn_error_px(anchors: Anchors) -> np.ndarray:
    """(N,) expected error of the markers the anchors were cut from, which have no residual of their own."""
    return _expected_px(anchors.inverse_hessian, np.full(len(anchors.pattern), NEWBORN_CORRELATION))


def _step(image, anchors: Anchors, which: np.ndarray, xy_px, warp, shift_only: bool) -> np.ndarray:
    """(M, K) Gauss-Newton step of the anchors `which` (M,)."""
    found, _ = _normalise(_sample(image, xy_px, warp, _OFFSETS))
    slope = (anchors.descent[which] @ found[..., None]).astype(float)
    if shift_only:
        slope[:, :2] = anchors.inverse_shift_hessian[which] @ slope[:, :2]
        slope[:, 2:] = 0.0
        return slope[..., 0]
    return (anchors.inverse_hessian[which] @ slope)[..., 0]


def _shape_change(step: np.ndarray, motion_model: str) -> np.ndarray:
    """(M, 2, 2) change of shape that a step (M, K) stands for."""
    change = np.eye(2) + np.einsum("nk,kij->nij", step, SHAPES[motion_model])
    if motion_model == "loc_rot":  # a small rotation in first order grows: keep it a rotation
        change /= np.sqrt(np.linalg.det(change))[:, None, None]
    return change


def _judge(image: np.ndarray, anchors: Anchors, xy_px: np.ndarray, warp: np.ndarray) -> Refined:
    """Correlation, expected error and quadrant disagreement at the final positions."""
    count = len(xy_px)
    correlation, quadrant_px = np.full(count, -1.0), np.zeros(count)
    inside = _inside(image, xy_px, warp)
    found, _ = _normalise(_sample(image, xy_px[inside], warp[inside], _OFFSETS))
    correlation[inside] = (found * anchors.pattern[inside]) @ _WEIGHTS

    residual = found - correlation[inside, None].astype(np.float32) * anchors.pattern[inside]
    slope = ((anchors.gradient[inside] * residual[:, None]) @ _QUADRANTS.T).transpose(0, 2, 1)  # (M, 4, 2)
    hessian = anchors.quadrant_hessian[inside]
    # A quadrant with little pattern says little: damp it by the whole patch.
    damping = 0.03 * np.trace(hessian.sum(1), axis1=1, axis2=2) + 1e-9
    shift = np.linalg.solve(hessian + damping[:, None, None, None] * np.eye(2), slope[..., None])[..., 0]
    quadrant_px[inside] = np.linalg.norm(shift, axis=2).max(1, initial=0.0)
    return Refined(xy_px, warp, correlation, _expected_px(anchors.inverse_hessian, correlation), quadrant_px)


def _expected_px(inverse_hessian: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    residual_variance = np.maximum(1.0 - correlation**2, 0.0) * float((_WEIGHTS**2).sum())
    return RESIDUAL_FACTOR * np.sqrt(residual_variance * (inverse_hessian[:, 0, 0] + inverse_hessian[:, 1, 1]))


def _normalise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, P) values -> the same with weighted mean 0 and deviation 1, and the deviations (N,)."""
    centred = values - (values @ _WEIGHTS)[:, None]
    deviation = np.sqrt(np.square(centred) @ _WEIGHTS) + np.float32(1e-6)
    return centred / deviation[:, None], deviation


def _inside(image: np.ndarray, xy_px: np.ndarray, warp: np.ndarray, radius_px: int = RADIUS_PX) -> np.ndarray:
    """(N,) whether the whole warped patch lies within the frame."""
    reach = np.abs(warp).sum(2) * radius_px + 0.5  # pixel centres stop half a pixel before the border
    limit = (image.shape[1] - 0.01, image.shape[0] - 0.01)
    return ((xy_px >= reach) & (xy_px + reach <= limit)).all(1)


def _sample(image: np.ndarray, xy_px: np.ndarray, warp: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(N, P) bilinear values of a float32 image at xy_px + warp @ offsets, all inside the frame.

    cv2.remap would round positions to 1/32 px, coarser than the matching; hence numpy.
    """
    position = warp.astype(np.float32) @ offsets + (xy_px - 0.5).astype(np.float32)[:, :, None]
    corner = position.astype(np.int32)
    position -= corner
    across, down = position[:, 0], position[:, 1]
    width = image.shape[1]
    index, flat = corner[:, 1] * width + corner[:, 0], image.ravel()
    top_left, bottom_left = flat.take(index), flat.take(index + width)
    top = top_left + across * (flat.take(index + 1) - top_left)
    bottom = bottom_left + across * (flat.take(index + width + 1) - bottom_left)
    return top + down * (bottom - top)
