"""The world from survey points: tracks whose place on the set was measured, in metres, Z up.

Three points or more give the whole world. Two give size, place and heading, and up comes from the ground.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from shotmake.config.picks import name_pick
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.change_of_world import World
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import compute_pixel_scale
from shotmake.solve.orient.picks import Solved, find_tracks

KEY = "tracking.solve.orient.survey"
TOLERANCE = 0.03  # of a point's distance from the camera: no solve and no tape measure errs by more
THINNEST = 0.05  # width / length: points with less are on a line
GROSS = 0.1  # of the same distance: points that contradict each other so much cannot place a world
LOOSE_PX = 4.0  # at 1280 wide, from a point to its track: more is worth a warning
FAR_SHARE = 4.0  # x the usual miss: a point further off is not right
MOST_TRIPLES = 2000
STEEPER_DEG = 6.0  # between two survey points and the ground found
TIPPED_DEG = 60.0  # between the cameras' own up and the survey's
FAR_M = 20_000.0  # Blender's numbers (float32) keep 2 mm there


class Similarity(NamedTuple):
    """A similarity from the solver's world to the measured one: known = scale * rotation @ ours + shift."""

    rotation: np.ndarray
    scale: float
    shift: np.ndarray

    def measure_misses(self, ours: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the distances (N,) that are left between the points ours and known (N, 3)."""
        return np.linalg.norm(self.scale * ours @ self.rotation.T + self.shift - known, axis=1)

    def project_px(self, solved: Solved, seen: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the plate px (N, 2) at which the cameras of the indices `seen` (N,) see known places (N, 3)."""
        ours = (known - self.shift) @ self.rotation / self.scale
        return project(ours, solved.cam_from_world[seen], solved.lens)[0]

    def measure_misses_px(self, solved: Solved, sightings: list, known: np.ndarray) -> np.ndarray:
        """Return the median distance (S,) on the plate, in px, between known places (S, 3) and their tracks.

        Infinite where a place is behind the camera.
        """
        off_px = [self.project_px(solved, seen, np.tile(place, (len(seen), 1))) - xy_px
                  for (seen, xy_px), place in zip(sightings, known, strict=True)]  # fmt: skip
        lengths = [np.linalg.norm(off, axis=1) for off in off_px]
        return np.array([np.median(np.where(np.isnan(one), np.inf, one)) for one in lengths])  # inf: behind the camera


def place_by_survey(solved: Solved, survey: list[dict], up: np.ndarray) -> World:
    """Place the world such that the tracks of `survey`, [{a pick's keys, xyz_m}, ...], are where they were measured.

    up (3,): unit, in the solver's world; it decides only where there are two points. A point that cannot be right
    beside the others (at least four of them, three of four points, and more than half of all) is left out and named in
    a warning.

    Raises ShotError for fewer than two points; for points without a solved track, on a line, or two in one place; for
    points of which most contradict each other by far; and for points that agree only with the cameras upside down and
    others left out.
    """
    if len(survey) < 2:
        raise ShotError(f"{KEY}: found {len(survey)}; needed three points, or two and a ground")
    rows = find_tracks(survey, KEY, solved)
    ours, known = solved.places[rows], np.array([entry["xyz_m"] for entry in survey], float)
    sightings = [_list_sightings(solved, row) for row in rows]
    centres = find_camera_centres(solved.cam_from_world)
    distance = np.array([np.linalg.norm(centres[seen] - place, axis=1).mean()
                         for (seen, _), place in zip(sightings, ours, strict=True)])  # fmt: skip
    agree, kept = True, np.ones(len(rows), bool)
    if len(survey) == 2:
        found = fit_two(ours, known, up)
    else:
        found, kept = fit(ours, known, distance)
        agree = bool((found.measure_misses(ours, known) <= TOLERANCE * found.scale * distance)[kept].all())
        if agree:
            found, kept = _refine(found, solved, sightings, known, kept)
    miss_m, miss_px = found.measure_misses(ours, known), found.measure_misses_px(solved, sightings, known)
    agree = agree and bool(miss_px[kept].max() < LOOSE_PX * compute_pixel_scale(solved.size_px))

    def tell(chosen: np.ndarray) -> str:
        return ", ".join(
            f"{name_pick(survey[at])} by {miss_m[at]:.3g} m ({miss_px[at]:.0f} px)" for at in np.flatnonzero(chosen)
        )

    tipped_deg = _measure_angle_deg(found.rotation @ up, np.array([0.0, 0.0, 1.0]))
    apart = float((miss_m / (found.scale * distance))[kept].max())
    if not agree and apart > GROSS:
        raise ShotError(
            f"{KEY}: found points that contradict each other: {tell(miss_m >= 0)}; needed the shape that the tracks "
            "have: check which track each is, its xyz_m, and that all are in metres"
        )
    if not kept.all() and tipped_deg > TIPPED_DEG:
        raise ShotError(
            f"{KEY}: found points that agree only without {tell(~kept)} and with the cameras tipped by "
            f"{tipped_deg:.0f} deg; needed the shape that the tracks have, Z up and right-handed: check which track "
            "each is, and its xyz_m"
        )
    warnings = []
    if not kept.all():
        others = f"the others miss by at most {miss_m[kept].max():.2g} m"
        text = f"{KEY}: left out, as {others}: {tell(~kept)}; check which track each is, and its xyz_m"
        warnings.append(Reason("survey_point_left_out", text))
    elif not agree:
        text = f"{KEY}: the points contradict each other: {tell(miss_m >= 0)}; check every xyz_m, or add points"
        warnings.append(Reason("survey_contradicts", text))
    if tipped_deg > (STEEPER_DEG if len(survey) == 2 else TIPPED_DEG):
        whose = "ground" if len(survey) == 2 else "cameras"
        text = f"{KEY}: the {whose} and the points differ by {tipped_deg:.0f} deg about up; xyz_m is Z up"
        warnings.append(Reason("survey_tipped", text))
    farthest = float(np.abs(known).max())
    if farthest > FAR_M:
        text = (
            f"{KEY}: found a coordinate of {farthest:.0f} m, of which Blender keeps {farthest * 2**-24:.2g} m; "
            "subtract the same offset from every xyz_m"
        )
        warnings.append(Reason("survey_far", text))
    track_id = solved.markers.track_ids[rows]
    told_of = {"track_id": track_id.astype(np.int32), "miss_m": miss_m, "miss_px": miss_px}
    return World(found.rotation, found.shift, found.scale, False, True, tuple(warnings), told_of)


def fit_umeyama(ours: np.ndarray, known: np.ndarray, weights: np.ndarray) -> Similarity:
    """Fit a similarity to points (N, 3) by weighted least squares, never mirrored. weights (N,).

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 13 (1991).
    """
    weights = weights / weights.sum()
    middle, known_middle = weights @ ours, weights @ known
    a, b = ours - middle, known - known_middle
    u, strengths, vt = np.linalg.svd((b * weights[:, None]).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((strengths * signs).sum() / (weights @ (a**2).sum(1)))
    return Similarity(rotation, scale, known_middle - scale * rotation @ middle)


def fit(ours: np.ndarray, known: np.ndarray, distance: np.ndarray) -> tuple[Similarity, np.ndarray]:
    """Fit a similarity to three or more points (N, 3). Returns it, and which points (N,) it is fitted to.

    distance (N,): from the camera, in units of `ours`; errors of a solve grow with it. All points are used, unless some
    miss by more than TOLERANCE and most agree without them: the triple with the smallest median miss shows which (P.
    Rousseeuw, "Least Median of Squares Regression", JASA 79, 1984). Raises ShotError for points on a line.
    """
    _refuse_line(known)
    _refuse_line(ours)
    weights = distance**-2.0

    def measure_shares(found: Similarity) -> np.ndarray:
        return found.measure_misses(ours, known) / np.maximum(found.scale * distance, 1e-12)

    found, count = fit_umeyama(ours, known, weights), len(ours)
    if count == 3 or measure_shares(found).max() <= TOLERANCE:
        return found, np.ones(count, bool)
    triples = np.array(list(combinations(range(count), 3)))
    if len(triples) > MOST_TRIPLES:
        triples = np.random.default_rng(0).permutation(triples)[:MOST_TRIPLES]
    wide = [triple for triple in triples if min(_measure_width(ours[triple]), _measure_width(known[triple])) > THINNEST]
    candidates = [fit_umeyama(ours[triple], known[triple], weights[triple]) for triple in wide]
    best = min(candidates, key=lambda one: np.median(measure_shares(one)), default=found)
    kept = measure_shares(best) <= TOLERANCE
    if kept.sum() < _count_fewest(count):
        return found, np.ones(count, bool)
    _refuse_line(known[kept])
    return fit_umeyama(ours[kept], known[kept], weights[kept]), kept


def fit_two(ours: np.ndarray, known: np.ndarray, up: np.ndarray) -> Similarity:
    """Fit a similarity to two points (2, 3): both exactly, and up (3,) as near to Z as they allow.

    Raises ShotError when both points are in one place, and when one is above the other.
    """
    steps = ours[1] - ours[0], known[1] - known[0]
    lengths = [float(np.linalg.norm(step)) for step in steps]
    if min(lengths) < 1e-9:
        raise ShotError(f"{KEY}: found both points in one place; needed two places")
    frames = []
    for step, length, upwards in zip(steps, lengths, (up, np.array([0.0, 0.0, 1.0])), strict=True):
        along = step / length
        across = np.cross(upwards, along)
        if np.linalg.norm(across) < np.sin(np.radians(10)):
            raise ShotError(f"{KEY}: found one point above the other, which gives no heading; needed a third point")
        across = across / np.linalg.norm(across)
        frames.append(np.stack([along, across, np.cross(along, across)]))
    rotation, scale = frames[1].T @ frames[0], lengths[1] / lengths[0]
    return Similarity(rotation, scale, known.mean(0) - scale * rotation @ ours.mean(0))


def _measure_width(points: np.ndarray) -> float:
    """Return how wide points (N, 3) are, as a share of their length."""
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return float(spread[1] / max(spread[0], 1e-12))


def _refuse_line(points: np.ndarray) -> None:
    if _measure_width(points) < THINNEST:
        width = f"{_measure_width(points):.1%} as wide as long"
        raise ShotError(f"{KEY}: found points on a line ({width}); needed one at least {THINNEST:.0%} off it")


def _list_sightings(solved: Solved, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for one track, the indices (K,) of the cameras that see it and its markers (K, 2) there, in px."""
    at = np.flatnonzero(solved.markers.track == row)
    frames = solved.markers.plate_frames[solved.markers.frame[at]]
    posed = np.isin(frames, solved.frames)
    return np.searchsorted(solved.frames, frames[posed]), solved.markers.xy_px[at[posed]]


def _refine(
    found: Similarity, solved: Solved, sightings: list, known: np.ndarray, kept: np.ndarray
) -> tuple[Similarity, np.ndarray]:
    """Move the measured places (S, 3) as near as possible to their tracks on the plate.

    Returns the similarity and the new `kept` (S,). A solve is sharp on the plate, but not in the depth of its points. A
    point that stays off while most are close is left out.
    """
    found = _bring_near(found, solved, sightings, known, kept)
    miss_px = found.measure_misses_px(solved, sightings, known)
    close = kept & (
        miss_px < np.maximum(LOOSE_PX * compute_pixel_scale(solved.size_px), FAR_SHARE * np.median(miss_px))
    )
    if close.sum() == kept.sum() or close.sum() < _count_fewest(len(known)) or _measure_width(known[close]) < THINNEST:
        return found, kept
    return _bring_near(found, solved, sightings, known, close), close


def _bring_near(found: Similarity, solved: Solved, sightings: list, known: np.ndarray, kept: np.ndarray) -> Similarity:
    from scipy.optimize import least_squares
    from scipy.spatial.transform import Rotation

    rows = np.flatnonzero(kept)
    seen, xy_px = (np.concatenate([sightings[at][part] for at in rows]) for part in (0, 1))
    places = np.repeat(known[rows], [len(sightings[at][0]) for at in rows], axis=0)
    middle = known[rows].mean(0)

    def move(step: np.ndarray) -> Similarity:
        turn, growth = Rotation.from_rotvec(step[:3]).as_matrix(), np.exp(step[3])
        shift = growth * turn @ (found.shift - middle) + middle + step[4:]
        return Similarity(turn @ found.rotation, growth * found.scale, shift)

    def measure_px(step: np.ndarray) -> np.ndarray:
        return (move(step).project_px(solved, seen, places) - xy_px).ravel()

    size = float(np.linalg.norm(known[rows] - middle, axis=1).mean())
    steps = least_squares(measure_px, np.zeros(7), x_scale=np.array([1, 1, 1, 1, size, size, size]), loss="soft_l1")
    return move(steps.x)


def _count_fewest(count: int) -> int:
    """Return how many of `count` points must agree before the others are left out.

    Four where there are enough: three points agree with their mirror image too.
    """
    return max(3, min(4, count - 1), count // 2 + 1)


def _measure_angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))
