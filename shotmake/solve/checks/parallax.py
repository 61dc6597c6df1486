"""How far a shot is from a camera that only turns: a tripod and a moving camera are fitted and compared."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.solve.bundle.adjust import (
    Bundle,
    adjust,
    compute_cauchy_cost,
    compute_errors_px,
    compute_residuals_px,
    derive,
)
from shotmake.solve.bundle.observations import Observations, choose_keyframes, thin
from shotmake.solve.bundle.refine_lens_terms import TERMS
from shotmake.solve.bundle.rotations import TooLittle, fit_rotations, measure_scale_changes
from shotmake.solve.bundle.triangulate import compute_track_medians

VERDICT_TRACKS = 350
VERDICT_KEYFRAMES = 30
LENS_MAY, LENS_MAY_WITHIN = 8.0, 0.85  # ratio and within_2px at which a lens off centre may be the reason
ZOOM_MIN = 0.02  # log of the range of the focal length, for a camera that turns
CENTRE_MAX = 0.04  # in plate widths: no lens is farther off the middle of its sensor


@dataclass(frozen=True)
class Parallax:
    """What a tripod leaves unexplained.

    - tripod: the bundle of rotations alone. moving: the general bundle, started from plane and parallax (the infinite
      homography, then the translations and inverse depths that explain its residuals). keyframes: their frame indices.
      markers: those of the keyframes.
    - ratio: residual of the tripod / moving, corrected for degrees of freedom.
    - sign: share of points whose inverse depths agree in sign (0.5 = depths are noise).
    - explained: share of tracks whose median residual under `moving` is below 2 px (of a 1280 wide plate).
    - within_2px: share of those tracks' residuals with the tripod below 2 px. within_1px: below 1 px.
    - tripod_lens: the same with k3, p1, p2 and the centre refined in both, where a tripod with such a lens might
      pass for one that moves; else None.
    - tripod_zoom: the same with a focal length for every frame, or None.
    """

    tripod: Bundle
    moving: Bundle
    keyframes: np.ndarray
    markers: Observations
    ratio: float
    sign: float
    explained: float
    within_2px: float
    within_1px: float
    tripod_lens: "Parallax | None" = None
    tripod_zoom: "Parallax | None" = None

    @property
    def is_tripod(self) -> bool:
        """Whether the camera only turns.

        Measured on 13 plates and 150 simulated sets (ratio / sign): pans have 1.06-1.36 / 0.51-0.68, moves >= 1.9 /
        0.98.
        """
        fits = self.explained > 0.6 and self.within_2px > 0.95
        return fits and (self.ratio < 1.25 or (self.ratio < 1.6 and self.sign < 0.75)) or self.is_lens

    @property
    def hardly_moves(self) -> bool:
        """Whether it counts as a tripod although depths agree: paths of 0.2 to 1 % of the depth look so."""
        agree = self.ratio > 1.4 or (self.ratio > 1.15 and self.sign > 0.75)  # pans: up to 1.36 / 0.68
        return self.is_tripod and not self.is_lens and agree

    @property
    def is_zoom(self) -> bool:
        """Whether it is a tripod whose focal length changes."""
        zoom = self.tripod_zoom
        return zoom is not None and zoom.is_tripod and np.ptp(zoom.tripod.log_zooms) > ZOOM_MIN

    @property
    def is_lens(self) -> bool:
        """Whether it is a tripod whose lens is off centre or bent sideways.

        With such a lens (ratio / sign), 24 simulated pans have 1.04-1.12 / 0.51-0.65, paths of 1 % of the depth
        1.14-1.45.
        """
        if self.tripod_lens is None:
            return False
        whole = self.tripod_lens
        return (
            whole.explained > 0.6
            and whole.within_2px > 0.95
            and (whole.ratio < 1.06 or (whole.ratio < 1.13 and whole.sign < 0.7))
        )


def measure_parallax(
    all_markers: Observations,
    size_px: tuple[int, int],
    focal_starts_px: list[float],
    refine: tuple[str, ...],
    scale: float,
    seed: int = 0,
) -> Parallax:
    """Fit a tripod and a moving camera to keyframes and compare them. scale: observations.compute_pixel_scale.

    Raises TooLittle when fewer than 3 keyframes have 6 markers, or when these share fewer than 12 tracks.
    """
    keyframes = choose_keyframes(all_markers, size_px, at_most=VERDICT_KEYFRAMES)
    markers = all_markers.select_frames(keyframes)
    markers = markers.select_tracks(thin(markers, VERDICT_TRACKS, 40, seed))
    crowded = markers.per_frame >= 6  # a frame with fewer markers has no pose
    keyframes, markers = keyframes[crowded], markers.select_frames(np.flatnonzero(crowded))
    if len(keyframes) < 3 or len(markers.track_ids) < 12:
        raise TooLittle(f"{len(markers.track_ids)} tracks are shared by {len(keyframes)} keyframes")
    centre_px = np.array(size_px, float) / 2
    tripod = fit_rotations(markers, centre_px, focal_starts_px, refine)
    moving = _move(tripod, markers, refine)
    found = _compare(tripod, moving, keyframes, markers, scale)
    if found.is_tripod or "focal" not in refine:
        return found
    if "zoom" not in refine:
        zooming = replace(tripod, log_zooms=measure_scale_changes(markers))
        zooming = adjust(zooming, markers, (*refine, "zoom"), 25)
        if np.mean(compute_errors_px(zooming, markers) < 2.0 * scale) > LENS_MAY_WITHIN:
            general = _move(zooming, markers, (*refine, "zoom"))
            found = replace(found, tripod_zoom=_compare(zooming, general, keyframes, markers, scale))
    if found.ratio > LENS_MAY or found.within_2px < LENS_MAY_WITHIN:
        return found
    whole = (*refine, *TERMS)
    tripod = adjust(tripod, markers, whole, 25)
    if np.abs(tripod.lens[6:] - centre_px).max() > CENTRE_MAX * size_px[0]:
        return found
    return replace(found, tripod_lens=_compare(tripod, _move(tripod, markers, whole), keyframes, markers, scale))


def _compare(tripod: Bundle, moving: Bundle, keyframes: np.ndarray, markers: Observations, scale: float) -> Parallax:
    errors, errors_moving = compute_errors_px(tripod, markers), compute_errors_px(moving, markers)
    numbers, frames, tracks = 2 * len(markers), len(keyframes), len(markers.track_ids)
    left, left_moving = numbers - 2 * tracks - 3 * frames, numbers - 3 * tracks - 6 * frames
    ratio = np.median(errors) / np.sqrt(max(left, 1)) * np.sqrt(max(left_moving, 1)) / np.median(errors_moving)
    positive = float(np.mean(moving.inverse_depths > 0))
    sign = max(positive, 1 - positive)
    # a track that even a moving camera cannot explain moves by itself or slides: it tells nothing about the camera
    explained = compute_track_medians(errors_moving, markers.track, tracks) < 2.0 * scale
    judged = errors[explained[markers.track]]
    within = [float(np.mean(judged < limit * scale)) if len(judged) else 0.0 for limit in (2.0, 1.0)]
    return Parallax(
        tripod, moving, keyframes, markers, float(ratio), sign, float(explained.mean()), within[0], within[1]
    )


def _move(tripod: Bundle, markers: Observations, refine: tuple[str, ...]) -> Bundle:
    """Return the general bundle: residuals ~ rho_j J t_i, solved in turns for t and rho, from two seeded starts."""
    slopes = derive(tripod, markers)
    residuals, by_point = slopes.residuals, slopes.by_point
    weights = 1 / (1 + (residuals**2).sum(1))
    frame_count, track_count = len(tripod.rotations), len(tripod.directions)
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
        start = replace(tripod, translations=moves, inverse_depths=depths, general=True)
        bundle = adjust(start, markers, refine, 25)
        found.append((compute_cauchy_cost(compute_residuals_px(bundle, markers)), bundle))
    return min(found, key=lambda pair: pair[0])[1]
