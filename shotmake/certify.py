"""Whether a solve may be believed: markers the solver never used are asked, and the path is looked at.

The reprojection error of the tracks solved with cannot tell: a pan solved as a move has 0.2 px and a
focal length off by a third. Thresholds come from 36 wrong and 79 right solves with known truth.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.camera import camera_centres
from shotmake.keyframes import Observations
from shotmake.lens import Lens
from shotmake.link_verdict import find_torn_link
from shotmake.links import GOOD_PX, Links, measure_links
from shotmake.reasons import Reason
from shotmake.triangulate import angles_deg, directions_at_infinity, marker_errors_px, track_medians, triangulate

BAD_PX = 3.0  # median error of a track, at 1280 wide; a good one has less than GOOD_PX
LONG_TRACKS = 700
TIME_PARTS = 8


@dataclass(frozen=True)
class Certificate:
    """holdout_rms_px: over the scored markers of hold-out tracks that are not bad (see below).
    holdout_good, holdout_bad: share of hold-outs whose median error is < 1.5 px, > 3 px (1280 wide).
    long_bad: share of long tracks whose odd-frame median is > 1.5 px. worst_time: share of good markers
    in the worst eighth of the time. angle_deg: median triangulation angle. reach: path extent / depth.
    jumps: 95th percentile of the path's acceleration over its median step; jumps_px the same in the image. links: how
    neighbouring frames hang together; None where it was not asked (a camera that stands still).
    """

    holdout_rms_px: float
    holdout_count: int
    holdout_good: float
    holdout_bad: float
    long_bad: float
    worst_time: float
    angle_deg: float
    reach: float
    jumps: float
    jumps_px: float
    links: Links | None = None

    def fault(self) -> Reason | None:
        """What is wrong, in the artist's words; None if the solve stands."""
        if self.holdout_count and self.holdout_bad > 0.45:
            text = f"{self.holdout_bad:.0%} of the held-back tracks miss by more than {BAD_PX:g} px"
            return Reason("holdouts_disagree", text)
        if self.long_bad > 0.40:
            text = f"{self.long_bad:.0%} of the long tracks disagree with the camera by more than {GOOD_PX:g} px"
            return Reason("long_tracks_disagree", text)
        if self.worst_time < 0.40:
            text = f"in the worst eighth of the shot only {self.worst_time:.0%} of the tracks agree with the camera"
            return Reason("part_disagrees", text)
        if self.jumps > 2 and self.jumps_px > 6:
            return Reason("path_jumps", f"the camera path jumps ({self.jumps_px:.1f} px between frames)")
        return None if self.links is None else find_torn_link(self.links)

    @property
    def agreement(self) -> float:
        """0..1: the smallest share of hold-outs, of long tracks, and of markers in the worst eighth of the
        time that agree with the camera within 1.5 px (at 1280 wide)."""
        good = self.holdout_good if self.holdout_count else 1 - self.long_bad
        return float(np.clip(min(good, 1 - self.long_bad, self.worst_time), 0, 1))


def cross_check(
    markers: Observations, cam_from_world: np.ndarray, lens: Lens, turning: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate every track on odd frames and score it on the others: rows scored, their errors in px.

    A track with fewer than 2 posed markers on odd frames or none on even ones is left out.
    """
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    odd = posed & (markers.frame % 2 == 1)
    points = (directions_at_infinity if turning else triangulate)(markers.only(odd), cam_from_world, lens)
    enough = (np.bincount(markers.track[odd], minlength=len(markers.track_ids)) >= 2)[markers.track]
    rows = np.flatnonzero(posed & ~odd & enough)
    return rows, marker_errors_px(points, markers.only(rows), cam_from_world, lens)


def certify(
    held_out: Observations,
    solved_with: Observations,
    cam_from_world: np.ndarray,
    lens: Lens,
    scale: float,
    turning: bool = False,
    moves: bool = True,
) -> Certificate:
    """cam_from_world (N, 3, 4) by frame index, zoomed where the shot zooms, NaN without pose; scale:
    keyframes.pixel_scale. moves: whether the camera is said to do so at all; the links of one that stands still are not
    judged, since what moves in front of it is no fault of it."""
    good_px, bad_px = GOOD_PX * scale, BAD_PX * scale
    rows, errors = cross_check(held_out, cam_from_world, lens, turning)
    medians = track_medians(errors, held_out.track[rows], len(held_out.track_ids))
    scored = medians[np.isfinite(medians) | np.isinf(medians)]
    fair = errors[(medians[held_out.track[rows]] <= bad_px) & (errors < 3 * bad_px)]

    frames = np.isfinite(cam_from_world[:, 0, 0]).sum()
    long = solved_with.lengths >= max(min(0.2 * frames, 30), 8)
    if long.sum() > LONG_TRACKS:
        chosen = np.random.default_rng(0).permutation(np.flatnonzero(long))[:LONG_TRACKS]
        long = np.isin(np.arange(len(long)), chosen)
    long_markers = solved_with.of_tracks(long)
    long_bad, worst_time, angle, reach = 1.0, 0.0, 0.0, 0.0
    if len(long_markers):
        rows_long, errors_long = cross_check(long_markers, cam_from_world, lens, turning)
        long_medians = track_medians(errors_long, long_markers.track[rows_long], len(long_markers.track_ids))
        known = ~np.isnan(long_medians)
        agrees = known & (long_medians <= good_px)
        long_bad = float(np.mean(~agrees[known])) if known.any() else 1.0
        counted = known[long_markers.track]
        part = long_markers.frame * TIME_PARTS // long_markers.frame_count
        shares = [
            agrees[long_markers.track[counted & (part == one)]].mean()
            for one in range(TIME_PARTS)
            if (counted & (part == one)).sum() > 30
        ]
        worst_time = float(min(shares)) if shares else float(agrees[known].mean() if known.any() else 0)
        if not turning and agrees.any():
            angle, reach = _parallax(long_markers.of_tracks(agrees), cam_from_world, lens)
    jumps, jumps_px = (0.0, 0.0) if turning else _jumps(cam_from_world, lens, reach)
    links = measure_links(solved_with, cam_from_world, lens, scale, turning) if moves else None
    return Certificate(
        float(np.sqrt((fair**2).mean())) if len(fair) else float("inf"),
        len(scored),
        float(np.mean(scored < good_px)) if len(scored) else 0.0,
        float(np.mean(scored > bad_px)) if len(scored) else 1.0,
        long_bad,
        worst_time,
        angle,
        reach,
        jumps,
        jumps_px,
        links,
    )


def _extent(centres: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(centres, axis=0)))


def _parallax(markers: Observations, cam_from_world: np.ndarray, lens: Lens) -> tuple[float, float]:
    points = triangulate(markers, cam_from_world, lens)
    angle = float(np.median(angles_deg(points, markers, cam_from_world)))
    posed = cam_from_world[np.isfinite(cam_from_world[:, 0, 0])]
    depth = np.einsum("nj,nj->n", np.nan_to_num(cam_from_world[markers.frame, 2]), points[markers.track])
    depth = depth / np.maximum(points[markers.track, 3], 1e-12)
    ahead = depth[np.isfinite(depth) & (depth > 0)]
    return angle, _extent(camera_centres(posed)) / float(np.median(ahead)) if len(ahead) else 0.0


def _jumps(cam_from_world: np.ndarray, lens: Lens, reach: float) -> tuple[float, float]:
    centres = camera_centres(cam_from_world[np.isfinite(cam_from_world[:, 0, 0])])
    if len(centres) < 5 or reach <= 0:
        return 0.0, 0.0
    step = float(np.median(np.linalg.norm(np.diff(centres, axis=0), axis=1)))
    jolt = float(np.percentile(np.linalg.norm(np.diff(centres, n=2, axis=0), axis=1), 95))
    depth = _extent(centres) / reach
    return jolt / max(step, 1e-12), jolt / max(depth, 1e-12) * lens.fx_px
