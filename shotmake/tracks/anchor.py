"""Anchors: the patch of the plate that a track is held to, and the refinement of markers against it.

Trackers that go from frame to frame drift, because each step adds its error. Here each marker is matched to the same
anchor patch, cut in the frame where the track was born, so errors do not add up.

The match is inverse-compositional Gauss-Newton: S. Baker and I. Matthews, "Lucas-Kanade 20 Years On", IJCV 56 (2004),
221-255. A change of gain and offset (flicker, exposure) is taken out exactly: patches are normalised to mean 0 and
deviation 1, and both directions are removed from the derivatives.

What an anchor needs for the match is derived once, by `prepare`, and used in each frame. In the shapes of arrays, N
stands for tracks and P for the pixels of a pattern, which is a disc. There are 8 parameters: the shift in x and y, four
of an affine shape, and two of perspective. The motion model frees some combinations of them.
"""

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from shotmake.tracks import anchor_kernels

WINDOW_SIGMA = 0.75  # in patch radii: the middle of the patch counts most
SHAPE_DAMPING = 0.1  # holds scale, rotation and shear back where the pattern does not determine them
SHIFT_DAMPING = 1e-4
MOST_ROUNDS = 10
SHIFT_ROUNDS = 1  # so many first rounds move without changing the shape
LONGEST_STEP_PX = 2.0
DONE_PX = 0.06  # Gauss-Newton leaves about a tenth of its last step
# True error / estimated error, measured against known truth: residuals of neighbouring pixels are alike, so the pixels
# tell less than they seem to.
RESIDUAL_FACTOR = 3.0
# The weight of the quadrants' disagreement in the expected error. By measurement, this value ranks true errors best.
QUADRANT_SHARE = 0.5
NEWBORN_CORRELATION = 0.99  # assumed for the marker from which the anchor is cut


@dataclass(frozen=True)
class Disc:
    """The pixels of a round pattern, as arrays of P.

    The corners of a square weigh little and would cost a fifth of the time.
    """

    x: np.ndarray  # float32, px from the middle
    y: np.ndarray
    places: np.ndarray  # indices of the pixels in a cut patch, flattened
    weights: np.ndarray  # sum 1
    side_x: np.ndarray  # -1, 0, 1 float32: in which half a pixel is, 0 on the axis
    side_y: np.ndarray
    quadrants: np.ndarray  # (4, P) float32, 1 where a pixel is in the quadrant
    motions: np.ndarray  # (8, 2, P): how each parameter moves each pixel; 1 = one px, for shapes at the edge


@lru_cache
def make_disc(radius_px: int) -> Disc:
    """Make the disc of a pattern with this radius."""
    axis = np.arange(-radius_px, radius_px + 1, dtype=np.float32)
    inside = np.hypot(axis, axis[:, None]) < radius_px + 0.5
    x, y = (part[inside] for part in np.meshgrid(axis, axis))
    weights = np.exp(-0.5 * (x**2 + y**2) / (WINDOW_SIGMA * radius_px) ** 2)
    weights /= weights.sum()
    side_x, side_y = np.sign(x), np.sign(y)
    quadrants = np.stack([(side_x == across) & (side_y == down) for down in (-1, 1) for across in (-1, 1)])
    u, v, zero, one = x / radius_px, y / radius_px, np.zeros_like(x), np.ones_like(x)
    shift, shape = [(one, zero), (zero, one)], [(u, zero), (v, zero), (zero, u), (zero, v)]
    return Disc(
        x=x,
        y=y,
        places=((y + radius_px + 1) * find_cut_px(2 * radius_px + 1) + x + radius_px + 1).astype(np.int64),
        weights=weights,
        side_x=side_x,
        side_y=side_y,
        quadrants=quadrants.astype(np.float32),
        motions=np.array(shift + shape + [(u * u, u * v), (u * v, v * v)], np.float32),
    )


def find_cut_px(pattern_px: int) -> int:
    """Return the side of the patch that is cut for a pattern: one pixel more on each side, for the derivatives."""
    return 2 * (pattern_px // 2) + 3


def _disc_of(patches: np.ndarray) -> Disc:
    return make_disc((patches.shape[1] - 3) // 2)


def _list_freedoms() -> dict[str, np.ndarray]:
    """Return (8, K) for each motion model: the combinations of parameters that it may change, the shift first."""
    one = np.eye(8)
    rotation, scale = one[4] - one[3], one[2] + one[5]
    models = {
        "translation": [],
        "loc_rot": [rotation],
        "loc_rot_scale": [rotation, scale],
        "affine": list(one[2:6]),
        "perspective": list(one[2:8]),
    }
    return {name: np.stack([one[0], one[1], *shape], 1) for name, shape in models.items()}


FREEDOMS = _list_freedoms()


@dataclass(frozen=True)
class Anchors:
    """What the refinement needs of N anchor patches, derived from their pixels by `prepare`.

    rows (N,): where in the arrays each anchor is, so that tracks that end cost no copying.
    """

    motion_model: str
    disc: Disc
    rows: np.ndarray
    pattern: np.ndarray  # (R, P) float32, of weighted mean 0 and deviation 1, times the weights
    gradient: np.ndarray  # (R, 2, P) float32, weighted, of the pattern by x and y
    on_pattern: np.ndarray  # (R, 8) weighted product of each parameter's derivative with the pattern: a gain
    on_one: np.ndarray  # (R, 8) weighted product of each parameter's derivative with a constant: an offset
    solve: np.ndarray  # (R, 8, 8) from slopes to the step, within the freedoms of the motion model
    solve_shift: np.ndarray  # (R, 2, 2) the same for moves that do not change the shape
    quadrant_hessian: np.ndarray  # (R, 4, 3): xx, xy, yy
    shift_variance: np.ndarray  # (R,) px2 for a residual of 1: the trace of the inverse Hessian's shift part
    contrast: np.ndarray  # (R,) deviation of the patch in grey levels
    roundness: np.ndarray  # (R,) smaller / larger eigenvalue of the shift Hessian; 0 = an edge, free to slide

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, which: np.ndarray) -> "Anchors":
        """Return the anchors that a mask or indices (N,) select."""
        return replace(self, rows=self.rows[which])

    def join(self, more: "Anchors") -> "Anchors":
        """Join these anchors and more; the arrays of the result hold no others."""
        names = [field.name for field in fields(self)][3:]
        arrays = {n: np.concatenate([getattr(self, n)[self.rows], getattr(more, n)[more.rows]]) for n in names}
        return replace(self, rows=np.arange(len(self) + len(more)), **arrays)


@dataclass(frozen=True)
class Refined:
    """Markers after refinement. A marker whose patch left the frame has the correlation -1."""

    xy_px: np.ndarray  # (N, 2)
    warp: np.ndarray  # (N, 2, 2): from an offset in the anchor's patch to the offset in this frame
    tilt: np.ndarray  # (N, 2): perspective; offsets are divided by 1 + tilt . offset in the anchor
    correlation: np.ndarray  # (N,) normalised, 1 = the same pattern
    expected_px: np.ndarray  # (N,) expected error: residual x inverse Hessian, and quadrants, scaled to true errors
    quadrant_px: np.ndarray  # (N,) how far the patch's quadrant that deviates most wants to move

    def put(self, where: np.ndarray, better: "Refined") -> "Refined":
        """Replace the markers at the indices `where` (K,) by those of `better`; return the result."""

        def place(name: str) -> np.ndarray:
            values = getattr(self, name).copy()
            values[where] = getattr(better, name)
            return values

        return Refined(**{field.name: place(field.name) for field in fields(self)})


def cut_patches(image: np.ndarray, xy_px: np.ndarray, pattern_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut patches (N, C, C) float32, C = find_cut_px, of an (H, W) uint8 frame around xy_px (N, 2), plate px.

    Returns the patches, and (N,) whether they fit into the frame.
    """
    reach_px = pattern_px // 2 + 1
    patches = anchor_kernels.cut(np.ascontiguousarray(image), np.ascontiguousarray(xy_px, float), reach_px)
    limit = np.array([image.shape[1], image.shape[0]]) - 0.5
    inside = np.all((xy_px - 0.5 >= reach_px) & (xy_px + reach_px <= limit), 1)
    return patches, inside


def prepare(patches: np.ndarray, motion_model: str) -> Anchors:
    """Derive pattern, derivatives and Hessians of anchors from cut patches (N, C, C)."""
    disc = _disc_of(patches)
    pattern, gradient, on_one, on_pattern, hessian, quadrant_hessian, contrast = anchor_kernels.derive(
        np.ascontiguousarray(patches), disc.places, disc.weights, disc.motions, disc.quadrants
    )
    shift_hessian = hessian[:, :2, :2]
    low, high = np.linalg.eigvalsh(shift_hessian).T

    size = np.trace(shift_hessian, axis1=1, axis2=2) + 1e-9  # flat patches stay invertible
    free = FREEDOMS[motion_model]
    damping = np.diag([SHIFT_DAMPING] * 2 + [SHAPE_DAMPING] * (free.shape[1] - 2))
    inverse = np.linalg.inv(free.T @ hessian @ free + size[:, None, None] * damping)
    return Anchors(
        motion_model=motion_model,
        disc=disc,
        rows=np.arange(len(patches)),
        pattern=pattern,
        gradient=gradient,
        on_pattern=on_pattern,
        on_one=on_one,
        solve=np.ascontiguousarray(free @ inverse @ free.T),
        solve_shift=np.linalg.inv(shift_hessian + size[:, None, None] * 0.01 * np.eye(2)),
        quadrant_hessian=quadrant_hessian,
        shift_variance=inverse[:, 0, 0] + inverse[:, 1, 1],
        contrast=contrast,
        roundness=low / np.maximum(high, 1e-9),
    )


def refine(image: np.ndarray, anchors: Anchors, xy_px: np.ndarray, warp: np.ndarray, tilt: np.ndarray) -> Refined:
    """Refine predicted positions xy_px (N, 2), warp (N, 2, 2) and tilt (N, 2): match each anchor to a frame.

    `image` is (H, W) uint8. Positions are plate px, origin at the top-left corner.
    """
    disc = anchors.disc
    found = anchor_kernels.match(
        image, anchors.rows, anchors.pattern, anchors.gradient, anchors.on_pattern, anchors.on_one, anchors.solve,
        anchors.solve_shift, anchors.quadrant_hessian, disc.x, disc.y, disc.weights, disc.side_x, disc.side_y,
        anchors.motion_model == "loc_rot", MOST_ROUNDS, SHIFT_ROUNDS, LONGEST_STEP_PX, DONE_PX, xy_px, warp, tilt,
    )  # fmt: skip
    xy_px, warp, tilt, correlation, quadrant_px = found
    by_residual_px = _predict_error_px(anchors, correlation)
    expected_px = np.hypot(by_residual_px, QUADRANT_SHARE * quadrant_px)
    return Refined(xy_px, warp, tilt, correlation, expected_px, quadrant_px)


def predict_newborn_error_px(anchors: Anchors) -> np.ndarray:
    """Return (N,) the expected error, px, of the markers that the anchors were cut from.

    They have no residual of their own.
    """
    return _predict_error_px(anchors, np.full(len(anchors), NEWBORN_CORRELATION))


def _predict_error_px(anchors: Anchors, correlation: np.ndarray) -> np.ndarray:
    residual_variance = np.maximum(1.0 - correlation**2, 0.0) * float((anchors.disc.weights**2).sum())
    return RESIDUAL_FACTOR * np.sqrt(residual_variance * anchors.shift_variance[anchors.rows])
