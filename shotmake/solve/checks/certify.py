"""Whether a solve can be trusted: markers that the solver never used are compared with it, and the path is looked at.

The reprojection error of the tracks used in the solve cannot tell: a pan solved as a move has 0.2 px and a focal length
off by a third. The thresholds come from 36 wrong and 79 right solves with known truth.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import (
    compute_marker_errors_px,
    compute_track_medians,
    find_directions,
    measure_angles_deg,
    triangulate,
)
from shotmake.solve.links.judge_links import find_torn_link
from shotmake.solve.links.measure_links import GOOD_PX, Links, measure_links

DOUBTED_AGREEMENT = 0.8  # right solves keep .95, right solves of rooms where something moves .75
BAD_PX = 3.0  # median error of a track, at 1280 wide; a good one has less than GOOD_PX
LONG_TRACKS = 700
LONG_SHARE, LONG_FEWEST, LONG_ENOUGH = 0.2, 8, 30  # a long track has this share of the frames, 8 at least, 30 at most
TIME_PARTS = 8
LINK_ANGLE_DEG = 2.0  # rays that meet at less do not tell the place of a point
FEWEST_LINKED = 8  # tracks from one part of the shot into the other: fewer do not tell how the parts agree
FEWEST_ASKED = 6  # long tracks: fewer certify nothing


@dataclass(frozen=True)
class Certificate:
    """What the tracks say of a solve. px thresholds are at 1280 wide.

    - holdout_rms_px: RMS over the scored markers of held-out tracks that are not bad; inf without any. holdout_count:
      the held-out tracks that could be asked. holdout_good, holdout_bad: the shares of them whose median error is < 1.5
      px, > 3 px; None where none could be asked.
    - long_frames: a track with so many frames is long. long_count: the long tracks that could be asked. long_bad: the
      share of them whose median error (see `cross_check`) is > 1.5 px; None where none could be asked. worst_time: the
      share of good markers in the worst eighth of the time; None where no long track could be asked.
    - angle_deg: median triangulation angle. reach: extent of the path / depth. Both are 0 where no track agrees.
    - jumps: the 95th percentile of the path's acceleration, divided by its median step. jumps_px: the same in the
      image. Both are None where the path is not measured.
    - links: how neighbouring frames hang together; None where this was not asked (a camera that stands still).
    """

    holdout_rms_px: float
    holdout_count: int
    holdout_good: float | None
    holdout_bad: float | None
    long_frames: int
    long_count: int
    long_bad: float | None
    worst_time: float | None
    angle_deg: float
    reach: float
    jumps: float | None
    jumps_px: float | None
    links: Links | None = None

    def find_fault(self) -> Reason | None:
        """Return what is wrong, in the artist's words; None if the solve stands.

        Too few tracks that could be asked are a fault too: a track that could not be asked has neither agreed nor
        disagreed. Short tracks agree with a camera that is right here and right there, and wrong in between.
        """
        if self.holdout_bad is not None and self.holdout_bad > 0.45:
            text = f"{self.holdout_bad:.0%} of the held-back tracks miss by more than {BAD_PX:g} px"
            return Reason("holdouts_disagree", text)
        if self.long_bad is not None and self.long_bad > 0.40:
            text = f"{self.long_bad:.0%} of the long tracks disagree with the camera by more than {GOOD_PX:g} px"
            return Reason("long_tracks_disagree", text)
        if self.worst_time is not None and self.worst_time < 0.40:
            text = f"in the worst eighth of the shot only {self.worst_time:.0%} of the tracks agree with the camera"
            return Reason("part_disagrees", text)
        if self.jumps is not None and self.jumps_px is not None and self.jumps > 2 and self.jumps_px > 6:
            return Reason("path_jumps", f"the camera path jumps ({self.jumps_px:.1f} px between frames)")
        if self.long_count < FEWEST_ASKED:
            asked = f"only {self.long_count} tracks of {self.long_frames} or more frames (needed {FEWEST_ASKED})"
            return Reason("tracks_too_short", f"{asked} could be asked whether they agree with the camera")
        return None if self.links is None else find_torn_link(self.links)

    def find_doubt(self) -> Reason | None:
        """Return what many tracks say against a solve that stands; None if few do. Its confidence is low already."""
        if self.agreement >= DOUBTED_AGREEMENT:
            return None
        shares = {
            "holdouts_disagree": (self.holdout_good, "of the held-back tracks agree with the camera"),
            "long_tracks_disagree": (None if self.long_bad is None else 1 - self.long_bad, "of the long tracks agree"),
            "part_disagrees": (self.worst_time, "of the tracks agree in the worst eighth of the shot"),
        }
        known = {code: share for code, (share, _) in shares.items() if share is not None}
        code = min(known, key=known.__getitem__)
        share, what = shares[code]
        text = f"only {share:.0%} {what}: look at those that do not, and mask what moves or shines (tracking.mask)"
        return Reason(code, text)

    @property
    def agreement(self) -> float:
        """The smallest of three shares that agree with the camera within 1.5 px (at 1280 wide), 0..1.

        The shares are those of the held-out tracks, of the long tracks, and of the markers in the worst eighth of the
        time. Each is of the tracks that could be asked; 0 where none could.
        """
        long_good = None if self.long_bad is None else 1 - self.long_bad
        shares = [share for share in (self.holdout_good, long_good, self.worst_time) if share is not None]
        return float(np.clip(min(shares, default=0.0), 0, 1))


def cross_check(
    markers: Observations, cam_from_world: np.ndarray, lens: Lens, tripod: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate every track on odd frames and score it on the even frames.

    cam_from_world (N, 3, 4): by frame index, NaN without a pose. Returns the rows scored (K,) and their errors (K,) in
    px. A track with fewer than 2 posed markers on odd frames, or none on even frames, is left out. Raises ShotError as
    `triangulate` does.
    """
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    odd = posed & (markers.frame % 2 == 1)
    if not odd.any():
        return np.zeros(0, int), np.zeros(0)
    points = (find_directions if tripod else triangulate)(markers.select(odd), cam_from_world, lens)
    enough = (np.bincount(markers.track[odd], minlength=len(markers.track_ids)) >= 2)[markers.track]
    rows = np.flatnonzero(posed & ~odd & enough)
    return rows, compute_marker_errors_px(points, markers.select(rows), cam_from_world, lens)


def certify(
    held_out: Observations,
    solved_with: Observations,
    cam_from_world: np.ndarray,
    lens: Lens,
    scale: float,
    tripod: bool = False,
    moves: bool = True,
) -> Certificate:
    """Certify a camera by the tracks that were held out and the tracks that it was solved with.

    cam_from_world (N, 3, 4): by frame index, zoomed where the shot zooms, NaN without a pose. scale:
    observations.compute_pixel_scale. tripod: the points are directions. moves: whether the camera moves or turns at
    all; if it stands still, its links are not judged, since things that move in front of it are no fault of the camera.
    Raises ShotError as `triangulate` does.
    """
    good_px, bad_px = GOOD_PX * scale, BAD_PX * scale
    rows, errors = cross_check(held_out, cam_from_world, lens, tripod)
    medians = compute_track_medians(errors, held_out.track[rows], len(held_out.track_ids))
    scored = medians[np.isfinite(medians) | np.isinf(medians)]
    fair = errors[(medians[held_out.track[rows]] <= bad_px) & (errors < 3 * bad_px)]

    frames = int(np.isfinite(cam_from_world[:, 0, 0]).sum())
    long_frames = int(np.ceil(min(max(min(LONG_SHARE * frames, LONG_ENOUGH), LONG_FEWEST), frames)))
    long = solved_with.lengths >= long_frames
    if long.sum() > LONG_TRACKS:
        chosen = np.random.default_rng(0).permutation(np.flatnonzero(long))[:LONG_TRACKS]
        long = np.isin(np.arange(len(long)), chosen)
    long_markers = solved_with.select_tracks(long)
    long_bad, worst_time, long_count, angle, reach = None, None, 0, 0.0, 0.0
    if len(long_markers):
        rows_long, errors_long = cross_check(long_markers, cam_from_world, lens, tripod)
        long_medians = compute_track_medians(errors_long, long_markers.track[rows_long], len(long_markers.track_ids))
        known = ~np.isnan(long_medians)
        agrees = known & (long_medians <= good_px)
        long_count = int(known.sum())
        long_bad = float(np.mean(~agrees[known])) if long_count else None
        counted = known[long_markers.track]
        part = long_markers.frame * TIME_PARTS // long_markers.frame_count
        shares = [
            agrees[long_markers.track[counted & (part == one)]].mean()
            for one in range(TIME_PARTS)
            if (counted & (part == one)).sum() > 30
        ]
        if long_count:
            worst_time = float(min(shares)) if shares else float(agrees[known].mean())
        if not tripod and agrees.any():
            angle, reach = _measure_parallax(long_markers.select_tracks(agrees), cam_from_world, lens)
    jumps, jumps_px = (None, None) if tripod else _measure_jumps(cam_from_world, lens, reach)
    links = measure_links(solved_with, cam_from_world, lens, scale, tripod) if moves else None
    return Certificate(
        float(np.sqrt((fair**2).mean())) if len(fair) else float("inf"),
        len(scored),
        float(np.mean(scored < good_px)) if len(scored) else None,
        float(np.mean(scored > bad_px)) if len(scored) else None,
        long_frames,
        long_count,
        long_bad,
        worst_time,
        angle,
        reach,
        jumps,
        jumps_px,
        links,
    )


def measure_agreement(
    markers: Observations, cam_from_world: np.ndarray, lens: Lens, before: np.ndarray, good_px: float, tripod: bool
) -> tuple[float | None, int]:
    """Return the share of the tracks across a boundary that agree on both sides, and how many could be asked.

    before: mask (N,) of the frames on one side. A track agrees if its point, from the frames of `before` alone, fits
    its other markers within good_px (median). A track is asked if it has 3 markers or more on both sides and, unless
    `tripod`, if the rays from `before` meet at more than LINK_ANGLE_DEG. The share is None where no track could be
    asked. cam_from_world (N, 3, 4): zoomed where the shot zooms, NaN without a pose. Raises ShotError as `triangulate`
    does.
    """
    first, rest = markers.select(before[markers.frame]), markers.select(~before[markers.frame])
    count = len(markers.track_ids)
    points = (find_directions if tripod else triangulate)(first, cam_from_world, lens)
    places = np.bincount(first.track, minlength=count) >= 3
    if not tripod:
        places &= measure_angles_deg(points, first, cam_from_world) > LINK_ANGLE_DEG
    posed = np.isfinite(cam_from_world[rest.frame, 0, 0])
    rest = rest.select(posed & places[rest.track])
    errors = compute_marker_errors_px(points, rest, cam_from_world, lens)
    medians = compute_track_medians(errors, rest.track, count)
    asked = np.bincount(rest.track, minlength=count) >= 3
    return (float(np.mean(medians[asked] < good_px)) if asked.any() else None), int(asked.sum())


def _measure_extent(centres: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(centres, axis=0)))


def _measure_parallax(markers: Observations, cam_from_world: np.ndarray, lens: Lens) -> tuple[float, float]:
    points = triangulate(markers, cam_from_world, lens)
    angle = float(np.median(measure_angles_deg(points, markers, cam_from_world)))
    posed = cam_from_world[np.isfinite(cam_from_world[:, 0, 0])]
    depth = np.einsum("nj,nj->n", np.nan_to_num(cam_from_world[markers.frame, 2]), points[markers.track])
    depth = depth / np.maximum(points[markers.track, 3], 1e-12)
    ahead = depth[np.isfinite(depth) & (depth > 0)]
    return angle, _measure_extent(find_camera_centres(posed)) / float(np.median(ahead)) if len(ahead) else 0.0


def _measure_jumps(cam_from_world: np.ndarray, lens: Lens, reach: float) -> tuple[float, float] | tuple[None, None]:
    centres = find_camera_centres(cam_from_world[np.isfinite(cam_from_world[:, 0, 0])])
    if len(centres) < 5 or reach <= 0:
        return None, None
    step = float(np.median(np.linalg.norm(np.diff(centres, axis=0), axis=1)))
    jolt = float(np.percentile(np.linalg.norm(np.diff(centres, n=2, axis=0), axis=1), 95))
    depth = _measure_extent(centres) / reach
    return jolt / max(step, 1e-12), jolt / max(depth, 1e-12) * lens.fx_px
