"""Cameras that only turn: rotations, focal length and lens from tracks; and how far a shot is from that."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.adjust import (
    Bundle,
    adjust,
    cauchy_cost,
    errors_px,
    lens_vector,
    point_jacobian,
    residuals_px,
)
from shotmake.keyframes import Observations, choose_keyframes, thin
from shotmake.lens import Lens
from shotmake.lens_terms import TERMS, with_terms
from shotmake.triangulate import track_medians

VERDICT_TRACKS = 350
VERDICT_KEYFRAMES = 30
FLAT_FOCAL_RISE = 0.001  # see `focal_rise`: below this the focal length is not determined
LENS_MAY, LENS_MAY_WITHIN = 8.0, 0.85  # ratio and within_2px up to which a lens off centre may be the reason
ZOOM_MIN = 0.02  # log of the focal length's range, of a camera that turns
ZOOM_LEAST = 0.008  # the same where a solve without zoom stands: breathing while focusing is of this size
ZOOMS = 0.7  # of the confidence is left then
CENTRE_MAX = 0.04  # of the width: a lens is not farther off its sensor's middle
FOCAL_OFF = 0.03  # so far off (log), and for so much gain, the tracks contradict a locked focal length
CONTRADICTED = 0.5  # of the confidence is left then


class TooLittle(Exception):
    """Not enough tracks for a fit; the message says how many there are."""


@dataclass(frozen=True)
class Parallax:
    """What a turning camera leaves unexplained.

    turning: the rotation-only bundle; moving: the general one, started from plane and parallax (the
    infinite homography, then the translations and inverse depths that explain its residuals).
    ratio: residual of turning / moving, corrected for degrees of freedom. sign: share of points whose
    inverse depths agree in sign (0.5 = depths are noise). explained: share of tracks whose median residual
    under `moving` is below 2 px (of a 1280 wide plate). within_2px: share of those tracks' turning residuals
    below 2 px; within_1px likewise. turning_lens: the same with k3, p1, p2 and the centre free in both, where a
    turning camera with such a lens might pass for one that moves; None elsewhere. turning_zoom: the same with a focal
    length for every frame.
    """

    turning: Bundle
    moving: Bundle
    keyframes: np.ndarray
    markers: Observations
    ratio: float
    sign: float
    explained: float
    within_2px: float
    within_1px: float
    turning_lens: "Parallax | None" = None
    turning_zoom: "Parallax | None" = None

    @property
    def is_tripod(self) -> bool:
        """Measured on 13 plates and 150 simulated sets: pans 1.06-1.36 / 0.51-0.68, moves >= 1.9 / 0.98."""
        fits = self.explained > 0.6 and self.within_2px > 0.95
        return fits and (self.ratio < 1.25 or (self.ratio < 1.6 and self.sign < 0.75)) or self.is_lens

    @property
    def hardly_moves(self) -> bool:
        """Taken for a turning camera, but depths agree: paths of 0.2 to 1 % of the depth look like this."""
        agree = self.ratio > 1.4 or (self.ratio > 1.15 and self.sign > 0.75)  # pans: up to 1.36 / 0.68
        return self.is_tripod and not self.is_lens and agree

    @property
    def is_zoom(self) -> bool:
        """A turning camera whose focal length changes."""
        zoom = self.turning_zoom
        return zoom is not None and zoom.is_tripod and np.ptp(zoom.turning.log_zooms) > ZOOM_MIN

    @property
    def is_lens(self) -> bool:
        """A turning camera whose lens is off centre or bent sideways: with such a lens 24 simulated pans came to
        1.04-1.12 / 0.51-0.65, paths of 1 % of the depth to 1.14-1.45."""
        if self.turning_lens is None:
            return False
        whole = self.turning_lens
        return (
            whole.explained > 0.6
            and whole.within_2px > 0.95
            and (whole.ratio < 1.06 or (whole.ratio < 1.13 and whole.sign < 0.7))
        )


def rays(xy_px: np.ndarray, lens: np.ndarray, log_zooms: np.ndarray) -> np.ndarray:
    """(M, 3) unit rays of plate pixels by the radial part of `lens` (adjust.LENS_NAMES), by Newton's method on the
    radius. Where the lens folds the ray is a guess: good enough for a start, as the rest of the lens is small.
    log_zooms (M,) of their frames."""
    plane = (xy_px - lens[6:]) / np.exp(lens[0])
    distorted = np.linalg.norm(plane, axis=1)
    radius = distorted.copy()
    for _ in range(12):
        square = radius**2
        miss = radius * (1 + square * (lens[1] + square * (lens[2] + square * lens[3]))) - distorted
        slope = 1 + square * (3 * lens[1] + square * (5 * lens[2] + 7 * square * lens[3]))
        radius = np.clip(radius - miss / np.maximum(slope, 0.05), 0, 10)
    plane = plane * (radius / np.maximum(distorted, 1e-12) / np.exp(log_zooms))[:, None]
    out = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def rotation_between(source: np.ndarray, target: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Rotation R with target ~ R source for unit rays (N, 3): Kabsch's SVD, reweighted towards the median."""
    weights = np.ones(len(source))
    rotation = np.eye(3)
    for _ in range(rounds):
        u, _, vt = np.linalg.svd((target * weights[:, None]).T @ source)
        rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
        miss = np.linalg.norm(source @ rotation.T - target, axis=1)
        weights = 1 / (miss + 0.5 * np.median(miss) + 1e-6) ** 2
    return rotation


def scale_changes(markers: Observations) -> np.ndarray:
    """(F,) log of how the picture grew since the first frame, chained from neighbour to neighbour: the zoom of a
    camera that turns little between them."""
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    rows = [order[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    grown = np.zeros(markers.frame_count)
    for frame in range(1, markers.frame_count):
        old, new = rows[frame - 1], rows[frame]
        _, at_old, at_new = np.intersect1d(markers.track[old], markers.track[new], True, return_indices=True)
        if len(at_old) >= 6:
            spans = [xy - np.median(xy, axis=0) for xy in (markers.xy_px[old[at_old]], markers.xy_px[new[at_new]])]
            before, after = (np.linalg.norm(span, axis=1) for span in spans)
            far = before > np.median(before)
            grown[frame] = np.median(np.log(np.maximum(after[far], 1e-6) / before[far]))
    return np.cumsum(grown)


def turning_bundle(markers: Observations, lens: np.ndarray, log_zooms: np.ndarray) -> Bundle:
    """Rotations chained from frame to frame, directions as the mean of their rays: a start for `adjust`."""
    seen = rays(markers.xy_px, lens, log_zooms[markers.frame])
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    total = np.zeros((len(markers.track_ids), 3))  # sum of world rays so far, by track
    rotations = np.zeros((markers.frame_count, 3, 3))
    last = np.eye(3)
    for frame in range(markers.frame_count):
        rows = order[bounds[frame] : bounds[frame + 1]]
        known = rows[np.abs(total[markers.track[rows]]).sum(1) > 0]
        if frame and len(known) >= 4:
            directions = total[markers.track[known]]
            last = rotation_between(directions / np.linalg.norm(directions, axis=1, keepdims=True), seen[known])
        rotations[frame] = last
        total[markers.track[rows]] += seen[rows] @ last  # R^T ray
    directions = total / np.linalg.norm(total, axis=1, keepdims=True)
    still = np.zeros((markers.frame_count, 3))
    return Bundle(rotations, still, directions, np.zeros(len(directions)), np.array(lens, float), log_zooms)


def fit_turning(
    markers: Observations, centre_px: np.ndarray, focal_starts_px: list[float], free: tuple[str, ...]
) -> Bundle:
    """The best rotation-only bundle over several first guesses of the focal length."""
    found = []
    log_zooms = scale_changes(markers) if "zoom" in free else np.zeros(markers.frame_count)
    for focal_px in focal_starts_px:
        bundle = turning_bundle(markers, lens_vector(Lens(focal_px, focal_px, *centre_px)), log_zooms)
        bundle = adjust(adjust(bundle, markers, free, 12, loss_px=3.0), markers, free, 25)
        found.append((cauchy_cost(residuals_px(bundle, markers)), bundle))
    return min(found, key=lambda pair: pair[0])[1]


def measure_parallax(
    observations: Observations,
    size_px: tuple[int, int],
    focal_starts_px: list[float],
    free: tuple[str, ...],
    scale: float,
    seed: int = 0,
) -> Parallax:
    """Fit a turning camera and a moving one to keyframes and compare. `scale`: keyframes.pixel_scale."""
    keyframes = choose_keyframes(observations, size_px, at_most=VERDICT_KEYFRAMES)
    markers = observations.of_frames(keyframes)
    markers = markers.of_tracks(thin(markers, VERDICT_TRACKS, 40, seed))
    crowded = markers.per_frame >= 6  # a frame with fewer markers has no pose
    keyframes, markers = keyframes[crowded], markers.of_frames(np.flatnonzero(crowded))
    if len(keyframes) < 3 or len(markers.track_ids) < 12:
        raise TooLittle(f"{len(markers.track_ids)} tracks are shared by {len(keyframes)} keyframes")
    centre_px = np.array(size_px, float) / 2
    turning = fit_turning(markers, centre_px, focal_starts_px, free)
    moving = _move(turning, markers, free)
    found = _compared(turning, moving, keyframes, markers, scale)
    if found.is_tripod or "focal" not in free:
        return found
    if "zoom" not in free:
        zooming = replace(turning, log_zooms=scale_changes(markers))
        zooming = adjust(zooming, markers, (*free, "zoom"), 25)
        if np.mean(errors_px(zooming, markers) < 2.0 * scale) > LENS_MAY_WITHIN:
            general = _move(zooming, markers, (*free, "zoom"))
            found = replace(found, turning_zoom=_compared(zooming, general, keyframes, markers, scale))
    if found.ratio > LENS_MAY or found.within_2px < LENS_MAY_WITHIN:
        return found
    whole = (*free, *TERMS)
    turning = adjust(turning, markers, whole, 25)
    if np.abs(turning.lens[6:] - centre_px).max() > CENTRE_MAX * size_px[0]:
        return found
    return replace(found, turning_lens=_compared(turning, _move(turning, markers, whole), keyframes, markers, scale))


def _compared(turning: Bundle, moving: Bundle, keyframes: np.ndarray, markers: Observations, scale: float) -> Parallax:
    errors, errors_moving = errors_px(turning, markers), errors_px(moving, markers)
    numbers, frames, tracks = 2 * len(markers), len(keyframes), len(markers.track_ids)
    left, left_moving = numbers - 2 * tracks - 3 * frames, numbers - 3 * tracks - 6 * frames
    ratio = np.median(errors) / np.sqrt(max(left, 1)) * np.sqrt(max(left_moving, 1)) / np.median(errors_moving)
    positive = float(np.mean(moving.inverse_depths > 0))
    sign = max(positive, 1 - positive)
    # what even a moving camera cannot explain moves by itself or slides: it says nothing about the camera
    explained = track_medians(errors_moving, markers.track, tracks) < 2.0 * scale
    judged = errors[explained[markers.track]]
    within = [float(np.mean(judged < limit * scale)) if len(judged) else 0.0 for limit in (2.0, 1.0)]
    return Parallax(turning, moving, keyframes, markers, float(ratio), sign, float(explained.mean()), *within)


def _move(turning: Bundle, markers: Observations, free: tuple[str, ...]) -> Bundle:
    """The general bundle: residuals ~ rho_j J t_i solved in turns for t and rho, from two seeded starts."""
    residuals, by_point, *_ = point_jacobian(turning, markers)
    weights = 1 / (1 + (residuals**2).sum(1))
    frame_count, track_count = len(turning.rotations), len(turning.directions)
    starts = np.searchsorted(markers.track, np.arange(track_count))
    order = np.argsort(markers.frame, kind="stable")
    frames = np.searchsorted(markers.frame[order], np.arange(frame_count))
    found, moves = [], np.zeros((frame_count, 3))
    for attempt in range(2):
        random = np.random.default_rng(attempt)
        depths = random.normal(0, 1, track_count) if attempt else random.uniform(0.5, 1.5, track_count)
        for _ in range(15):
            scaled = by_point * depths[markers.track][:, None, None]
            squares = np.einsum("nki,nkj,n->nij", scaled, scaled, weights)[order]
            sides = -np.einsum("nki,nk,n->ni", scaled, residuals, weights)[order]
            squares, sides = np.add.reduceat(squares, frames), np.add.reduceat(sides, frames)
            trace = np.trace(squares, axis1=1, axis2=2).mean()
            moves = np.linalg.solve(squares + np.eye(3) * (1e-3 * trace + 1e-9), sides[..., None])[..., 0]
            along = np.einsum("nij,nj->ni", by_point, moves[markers.frame])
            strength = np.add.reduceat(weights * (along**2).sum(1), starts)
            wanted = np.add.reduceat(-weights * (along * residuals).sum(1), starts)
            depths = wanted / (strength + 1e-3 * strength.mean() + 1e-12)
            size = np.sqrt((depths**2).mean()) + 1e-12
            depths, moves = depths / size, moves * size
        if np.median(depths) < 0:
            depths, moves = -depths, -moves
        start = replace(turning, translations=moves, inverse_depths=depths, general=True)
        bundle = adjust(start, markers, free, 25)
        found.append((cauchy_cost(residuals_px(bundle, markers)), bundle))
    return min(found, key=lambda pair: pair[0])[1]


def focal_rise(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float:
    """How much worse the fit gets, in robust cost per degree of freedom, when the focal is 10 % off.

    The smaller of both sides, everything else readjusted. Moving cameras: good shots >= 0.0066, straight
    drives <= 0.0001 (the focal length is then not determined by the tracks).
    """
    others = tuple(name for name in free if name not in ("focal", "zoom"))
    base = adjust(bundle, markers, free, 15)
    cost = cauchy_cost(residuals_px(base, markers))
    left = _degrees_of_freedom(base, markers)
    rises = []
    for factor in (1.1, 1 / 1.1):
        off = replace(base, lens=base.lens + np.log(factor) * np.eye(len(base.lens))[0])
        off = adjust(off, markers, others, 25, tolerance=1e-5)
        rises.append((cauchy_cost(residuals_px(off, markers)) - cost) / max(left, 1))
    return float(min(rises))


def contradicted_by_px(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float | None:
    """The focal length that fits the tracks clearly better than the bundle's locked one, if there is one."""
    locked = adjust(bundle, markers, free, 15)
    freed = adjust(locked, markers, ("focal", *free), 25, tolerance=1e-5)
    costs = [cauchy_cost(residuals_px(one, markers)) for one in (locked, freed)]
    gain = (costs[0] - costs[1]) / max(_degrees_of_freedom(bundle, markers), 1)
    off = abs(np.log(freed.focal_px / locked.focal_px))
    return freed.focal_px if off > FOCAL_OFF and gain > FLAT_FOCAL_RISE else None


def zoom_share(bundle: Bundle, markers: Observations, free: tuple[str, ...]) -> float:
    """By what share the focal length changes through the shot, if the tracks fit clearly better when it may; else 0.

    Simulated moves with one focal length gain at most 0.0003, those that zoom by 1 % at least 0.0036.
    """
    if "zoom" in free or "focal" not in free:
        return 0.0
    constant = adjust(bundle, markers, free, 15)
    zooming = adjust(constant, markers, (*free, "zoom"), 25, tolerance=1e-5)
    costs = [cauchy_cost(residuals_px(one, markers)) for one in (constant, zooming)]
    gain = (costs[0] - costs[1]) / max(_degrees_of_freedom(bundle, markers), 1)
    low, high = np.percentile(zooming.log_zooms, [5, 95])
    return float(np.expm1(high - low)) if gain > FLAT_FOCAL_RISE and high - low > ZOOM_LEAST else 0.0


def zoom_warning(share: float) -> str:
    """What the artist is told of it."""
    return f"the focal length changes by {share:.1%} through the shot: set tracking.solve.zoom: true"


def contradiction(locked_px: float, fitting_px: float) -> str:
    """What the artist is told of it."""
    return (
        f"the focal length is locked at {locked_px:.0f} px, but the tracks fit {fitting_px:.0f} px clearly better: "
        "check shot.camera.focal_mm and sensor_width_mm, or the lens brought along"
    )


def _degrees_of_freedom(bundle: Bundle, markers: Observations) -> int:
    sizes = (6, 3) if bundle.general else (3, 2)
    return 2 * len(markers) - sizes[0] * len(bundle.rotations) - sizes[1] * len(bundle.directions)


def solve_turning(
    observations: Observations, lens: np.ndarray, free: tuple[str, ...], max_error_px: float, width_px: int
) -> tuple[Bundle, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Rotations of all frames and the lens: the bundle, the frame indices it has (F,), the markers used (M,), and a
    warning for each lens value of `free` that the tracks do not determine.

    Markers worse than 3x, 1.5x, 1x `max_error_px`, and tracks whose median is, are dropped between
    adjustments. Frames with fewer than 6 used markers have no pose. TooLittle if none are left.
    """
    base = tuple(name for name in free if name not in TERMS)
    used = np.ones(len(observations), bool)
    rows, markers, frames = _kept(observations, used)
    log_zooms = scale_changes(markers) if "zoom" in free else np.zeros(len(frames))
    bundle = adjust(turning_bundle(markers, lens, log_zooms), markers, base, 20)
    for gate in (3.0, 1.5, 1.0):
        errors = errors_px(bundle, markers)
        medians = track_medians(errors, markers.track, len(markers.track_ids))
        good = (errors < gate * max_error_px) & (medians[markers.track] < gate * max_error_px)
        used = np.zeros(len(observations), bool)
        used[rows[good]] = True
        before = frames
        rows, markers, frames = _kept(observations, used)
        log_zooms = np.interp(frames, before, bundle.log_zooms)
        bundle = adjust(turning_bundle(markers, bundle.lens, log_zooms), markers, base, 20)
    used = np.zeros(len(observations), bool)
    used[rows] = True
    bundle, vague = with_terms(bundle, markers, free, width_px, 20) if base != free else (bundle, ())
    return bundle, frames, used, vague


def _kept(observations: Observations, used: np.ndarray) -> tuple[np.ndarray, Observations, np.ndarray]:
    """Rows (K,), their markers with frames renumbered, and the frames: those with 6 and tracks with 3 markers."""
    used = used.copy()
    while True:
        in_frame = np.bincount(observations.frame[used], minlength=observations.frame_count)
        in_track = np.bincount(observations.track[used], minlength=len(observations.track_ids))
        fewer = used & (in_frame[observations.frame] >= 6) & (in_track[observations.track] >= 3)
        if fewer.sum() == used.sum():
            break
        used = fewer
    rows = np.flatnonzero(used)
    if not len(rows):
        raise TooLittle("no tracks follow a turning camera")
    frames, frame = np.unique(observations.frame[rows], return_inverse=True)
    tracks, track = np.unique(observations.track[rows], return_inverse=True)
    markers = replace(
        observations.only(rows),
        track=track,
        frame=frame,
        track_ids=observations.track_ids[tracks],
        frame_count=len(frames),
    )
    return rows, markers, frames
