"""The referee: the solves of one shot, judged by 2D tracks that none of them was made with.

A solve's own figures come from its own tracks: whoever keeps only the easiest has the best. So all solves of a plate
are held against one set of tracks, made with one fixed setting, and everything that decides comes from these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import zoomed
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations, pixel_scale, stands_still, still_share
from shotmake.solve.bundle.rotations import TooLittle
from shotmake.solve.bundle.triangulate import directions_at_infinity, marker_errors_px, triangulate
from shotmake.solve.checks.certify import BAD_PX, certify
from shotmake.solve.checks.parallax import Parallax, measure_parallax
from shotmake.tracks.markers import Tracks

FOCAL_STARTS = (0.8, 1.6)  # of the width
FEWEST_JUDGING = 8  # tracks, or markers of a frame; fewer say nothing
SAME_SHARE = 0.05  # shares of agreeing tracks that are no farther apart are the same: one in twenty of them
WORST_PX = 100.0  # what a solve costs that is refused or wrong, far above any that stands
CLASSES = {"solved": 0, "tripod": 0, "static": 0, "refused": 1, "wrong": 2}


@dataclass(frozen=True)
class Referee:
    """markers: its tracks in the plate frames first..last; parallax: what they say of the camera's motion, None where
    they are too few."""

    markers: Observations
    first_frame: int
    size_px: tuple[int, int]
    parallax: Parallax | None

    @property
    def turns(self) -> bool:
        """Whether its tracks leave no doubt that the camera only turned."""
        found = self.parallax
        return found is not None and (found.is_zoom or found.is_tripod and not found.hardly_moves)


@dataclass(frozen=True)
class Score:
    """What the referee's tracks say of one solve.

    verdict: the solve's own status, or "wrong" when they contradict it; reason: of the refusal or the contradiction.
    frames_pct: share of the shot's frames with a camera in which they do not contradict it. share, 0..1: of tracks
    that agree with the camera (certify.Certificate.agreement). error_px: RMS, at the plate's size, of markers that had
    no part in their track's point; one that misses by more than 3 px (at 1280 wide) counts as 3 px, so that nothing
    is gained by missing badly. median_px: of the same errors. error_px_per_frame: their median, None where too few
    are to be judged by. share, error_px and median_px are None too when there is no camera, or too few tracks.
    cost_px: one number to minimise, finite for every solve: error_px with the frames that have no camera counted as
    3 px (1280) each; 100 for what is refused, wrong, or cannot be judged.
    """

    verdict: str
    reason: str
    frames_pct: float
    share: float | None
    error_px: float | None
    median_px: float | None
    error_px_per_frame: tuple[float | None, ...]
    cost_px: float = WORST_PX


def referee(tracks: Tracks, frames: tuple[int, int], size_px: tuple[int, int]) -> Referee:
    """tracks: made for this and never solved with; frames: first and last of the shot, inclusive."""
    markers = Observations.from_tracks(tracks, frames)
    starts = [share * size_px[0] for share in FOCAL_STARTS]
    try:
        found = measure_parallax(markers, size_px, starts, ("focal", "k1", "k2"), pixel_scale(size_px))
    except TooLittle:
        found = None
    return Referee(markers, frames[0], size_px, found)


def score(record: dict, judge: Referee) -> Score:
    """Hold a solve JSON against the referee's tracks.

    Points are triangulated on odd frames and scored on even ones, and the other way round; cameras that do not move
    have directions for points, zooms their focal length of every frame.

    A camera is wrong when the tracks contradict it as certify has it; when it moves though turning explains them, and
    its rotations and lens alone do not (a pan solved as a move fits its tracks with any focal length: no error of it
    tells); when it stands still and they do not.
    """
    count = judge.markers.frame_count
    if record["status"] == "refused":
        return unjudged(record, count)
    lens, cameras = Lens.from_json(record["lens"]), _cameras(record, judge)
    scale, turning = pixel_scale(judge.size_px), record["status"] != "solved"
    errors = _errors_px(judge.markers, cameras, lens, turning)
    judged = ~np.isnan(errors)
    posed = np.isfinite(cameras[:, 0, 0])
    per_frame = [errors[judged & (judge.markers.frame == frame)] for frame in range(count)]
    medians = [float(np.median(of)) if len(of) >= FEWEST_JUDGING else None for of in per_frame]
    believed = [has and (px is None or px <= BAD_PX * scale) for has, px in zip(posed, medians, strict=True)]
    frames_pct = 100.0 * float(np.mean(believed))
    if len(np.unique(judge.markers.track[judged])) < FEWEST_JUDGING:
        return unjudged(record, count)
    moves = record["status"] != "static"
    agreement = certify(judge.markers, judge.markers, cameras, lens, scale, turning, moves)
    still = still_share(judge.markers, judge.size_px)
    if record["status"] == "static":  # what moves in front of a locked-off camera is no fault of the camera
        if still is None:
            return unjudged(record, count)
        fault = "" if stands_still(still) else f"only {still:.0%} of the picture stands still"
    else:
        disagreeing = agreement.fault()
        if disagreeing is not None and disagreeing.code == "tracks_too_short":
            return unjudged(record, count)
        fault = "" if disagreeing is None else disagreeing.text
    if not fault and record["status"] == "solved" and judge.turns:
        if certify(judge.markers, judge.markers, cameras, lens, scale, turning=True).fault():
            fault = "a camera that only turns explains the picture, but not with the rotations and the lens of this one"
    capped = np.minimum(errors[judged], BAD_PX * scale)
    error_px, covered = float(np.sqrt((capped**2).mean())), frames_pct / 100
    cost_px = float(np.sqrt(covered * error_px**2 + (1 - covered) * (BAD_PX * scale) ** 2))
    return Score(
        "wrong" if fault else record["status"],
        fault,
        frames_pct,
        agreement.agreement,
        error_px,
        float(np.median(capped)),
        tuple(None if px is None else min(px, BAD_PX * scale) for px in medians),
        WORST_PX if fault else cost_px,
    )


def unjudged(record: dict, frame_count: int) -> Score:
    """Of a solve JSON that nobody could judge: by its own word."""
    frames_pct = 100.0 * len(record["frames"]) / frame_count
    return Score(record["status"], record["reason"], frames_pct, None, None, None, (None,) * frame_count)


def rank(scores: Sequence[Score]) -> list[int]:
    """Their indices, best first; equal ones in the order given.

    By verdict: a camera that stands (solved, tripod or static, as the shot may be), then an honest refusal, then a
    camera that is wrong. Then by the share of frames with a camera, then by confidence, then by the error. Confidence
    is not the solve's own but the share of the referee's tracks that agree, and in steps: within 0.05 of the best it
    is the same (a sample of a few hundred tracks tells no finer), so that the error decides between good solves.
    """

    def by_verdict(at: int) -> tuple:
        return CLASSES[scores[at].verdict], -round(scores[at].frames_pct, 1)

    def behind(at: int) -> float:
        best = max(scores[other].share or 0.0 for other in range(len(scores)) if by_verdict(other) == by_verdict(at))
        return (best - (scores[at].share or 0.0)) // SAME_SHARE

    def key(at: int) -> tuple:
        error_px = scores[at].error_px
        return *by_verdict(at), behind(at), float("inf") if error_px is None else error_px

    return sorted(range(len(scores)), key=key)


def _cameras(record: dict, judge: Referee) -> np.ndarray:
    """(N, 3, 4) of a solve JSON by frame index, zoomed where it zooms; NaN where a frame has none."""
    index = np.array(record["frames"]) - judge.first_frame
    own = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
    if record["focal_px_per_frame"] is not None:
        own = zoomed(own, np.log(np.array(record["focal_px_per_frame"]) / record["lens"]["fx_px"]))
    cameras = np.full((judge.markers.frame_count, 3, 4), np.nan)
    inside = (index >= 0) & (index < len(cameras))
    cameras[index[inside]] = own[inside]
    return cameras


def _errors_px(markers: Observations, cam_from_world: np.ndarray, lens: Lens, turning: bool) -> np.ndarray:
    """(M,) px from each marker to its track's point as the frames of the other parity have it; inf behind the camera,
    NaN without camera or where these are fewer than two."""
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    errors = np.full(len(markers), np.nan)
    for parity in (0, 1):
        telling = posed & (markers.frame % 2 != parity)
        points = (directions_at_infinity if turning else triangulate)(markers.only(telling), cam_from_world, lens)
        enough = np.bincount(markers.track[telling], minlength=len(markers.track_ids)) >= 2
        rows = np.flatnonzero(posed & ~telling & enough[markers.track])
        errors[rows] = marker_errors_px(points, markers.only(rows), cam_from_world, lens)
    return errors
