"""The referee: the solves of one shot, judged by 2D tracks that none of them was made with.

A solve's own figures come from its own tracks, so the solve that keeps only the easiest tracks has the best ones. All
solves of a plate are therefore held against one set of tracks, made with one fixed setting. Everything that decides
comes from these tracks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.solve.bundle.rotations import TooLittle
from shotmake.solve.bundle.stillness import measure_stillness
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, find_directions, triangulate
from shotmake.solve.checks.certify import BAD_PX, certify
from shotmake.solve.checks.parallax import Parallax, measure_parallax
from shotmake.tracks.markers import Tracks

FOCAL_STARTS = (0.8, 1.6)  # first focal lengths, in widths of the picture
FEWEST_JUDGING = 8  # tracks, or markers of a frame; fewer say nothing
SAME_SHARE = 0.05  # shares of agreeing tracks that differ by less than one in twenty count as the same
WORST_PX = 100.0  # what a refused or wrong solve costs, far above any solve that stands
CLASSES = {"solved": 0, "tripod": 0, "static": 0, "refused": 1, "wrong": 2}


@dataclass(frozen=True)
class Referee:
    """The tracks that judge.

    markers: their markers in the plate frames first..last; parallax: what they say about the camera's motion, None
    where they are too few.
    """

    markers: Observations
    first_frame: int
    size_px: tuple[int, int]
    parallax: Parallax | None

    @property
    def is_tripod(self) -> bool:
        """Whether the referee's tracks leave no doubt that the camera only turned."""
        found = self.parallax
        return found is not None and (found.is_zoom or found.is_tripod and not found.hardly_moves)


@dataclass(frozen=True)
class Score:
    """What the referee's tracks say about one solve.

    verdict: the solve's own status, or "wrong" when the tracks contradict it.
    reason: the reason of the refusal or of the contradiction.
    frames_pct: the share of the shot's frames with a camera in which the tracks do not contradict it.
    share: 0..1, the share of the tracks that agree with the camera (certify.Certificate.agreement).
    error_px: the RMS error, at the plate's size, of markers that had no part in their track's point. A marker that
    misses by more than 3 px (at 1280 wide) counts as 3 px, so that missing badly gains nothing.
    median_px: the median of the same errors.
    error_px_per_frame: their median in each frame, None where there are too few markers to judge by.
    cost_px: one number to minimise, finite for each solve: error_px, where each frame without a camera counts as 3 px
    (1280); 100 for a solve that is refused, wrong, or cannot be judged.

    share, error_px and median_px are None too when there is no camera, or too few tracks.
    """

    verdict: str
    reason: str
    frames_pct: float
    share: float | None
    error_px: float | None
    median_px: float | None
    error_px_per_frame: tuple[float | None, ...]
    cost_px: float = WORST_PX


def make_referee(tracks: Tracks, frames: tuple[int, int], size_px: tuple[int, int]) -> Referee:
    """Make the referee of a shot.

    tracks: made for this and never solved with; frames: first and last frame of the shot, inclusive.
    """
    markers = Observations.from_tracks(tracks, frames)
    starts = [share * size_px[0] for share in FOCAL_STARTS]
    try:
        found = measure_parallax(markers, size_px, starts, ("focal", "k1", "k2"), compute_pixel_scale(size_px))
    except TooLittle:
        found = None
    return Referee(markers, frames[0], size_px, found)


def score(record: dict, judge: Referee) -> Score:
    """Compare a solve JSON with the referee's tracks.

    Points are triangulated on odd frames and scored on even ones, and the other way round. Cameras that do not move
    have directions in place of points. Zooms have the focal length of each frame.

    A camera is wrong in three cases. The tracks contradict it, as certify decides. It moves although a tripod explains
    the tracks, and its rotations and lens alone do not explain them (a pan that is solved as a move fits its tracks
    with any focal length, and no error shows it). It stands still, and the tracks do not.
    """
    count = judge.markers.frame_count
    if record["status"] == "refused":
        return score_unjudged(record, count)
    lens, cameras = Lens.from_json(record["lens"]), _read_cameras(record, judge)
    scale, tripod = compute_pixel_scale(judge.size_px), record["status"] != "solved"
    errors = _measure_errors_px(judge.markers, cameras, lens, tripod)
    judged = ~np.isnan(errors)
    posed = np.isfinite(cameras[:, 0, 0])
    per_frame = [errors[judged & (judge.markers.frame == frame)] for frame in range(count)]
    medians = [float(np.median(of)) if len(of) >= FEWEST_JUDGING else None for of in per_frame]
    believed = [has and (px is None or px <= BAD_PX * scale) for has, px in zip(posed, medians, strict=True)]
    frames_pct = 100.0 * float(np.mean(believed))
    if len(np.unique(judge.markers.track[judged])) < FEWEST_JUDGING:
        return score_unjudged(record, count)
    moves = record["status"] != "static"
    agreement = certify(judge.markers, judge.markers, cameras, lens, scale, tripod, moves)
    stillness = measure_stillness(judge.markers, judge.size_px)
    if record["status"] == "static":  # the camera is not to blame for what moves in front of it
        if stillness is None:
            return score_unjudged(record, count)
        fault = "" if stillness.is_still else f"only {stillness.share:.0%} of the picture stands still"
    else:
        disagreeing = agreement.find_fault()
        if disagreeing is not None and disagreeing.code == "tracks_too_short":
            return score_unjudged(record, count)
        fault = "" if disagreeing is None else disagreeing.text
    may_turn = not fault and record["status"] == "solved" and judge.is_tripod
    if may_turn and certify(judge.markers, judge.markers, cameras, lens, scale, tripod=True).find_fault():
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


def score_unjudged(record: dict, frame_count: int) -> Score:
    """Return the score of a solve JSON that nobody could judge, by what the solve itself says."""
    frames_pct = 100.0 * len(record["frames"]) / frame_count
    return Score(record["status"], record["reason"], frames_pct, None, None, None, (None,) * frame_count)


def rank(scores: Sequence[Score]) -> list[int]:
    """Rank scores: return their indices, the best first; equal ones in the order given.

    The verdict comes first: a camera that stands (solved, tripod or static, as the shot may be), then an honest
    refusal, then a camera that is wrong. Next comes the share of frames with a camera, then confidence, then the error.
    Confidence is not the solve's own, but the share of the referee's tracks that agree, in steps: within 0.05 of the
    best it is the same (a sample of a few hundred tracks is no finer), so that the error decides between good solves.
    """

    def weigh_verdict(at: int) -> tuple:
        return CLASSES[scores[at].verdict], -round(scores[at].frames_pct, 1)

    def count_behind(at: int) -> float:
        best = max(
            scores[other].share or 0.0 for other in range(len(scores)) if weigh_verdict(other) == weigh_verdict(at)
        )
        return (best - (scores[at].share or 0.0)) // SAME_SHARE

    def make_key(at: int) -> tuple:
        error_px = scores[at].error_px
        return *weigh_verdict(at), count_behind(at), float("inf") if error_px is None else error_px

    return sorted(range(len(scores)), key=make_key)


def _read_cameras(record: dict, judge: Referee) -> np.ndarray:
    """Return the cameras (N, 3, 4) of a solve JSON by frame index, zoomed where it zooms; NaN where there is none."""
    index = np.array(record["frames"]) - judge.first_frame
    own = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
    if record["focal_px_per_frame"] is not None:
        own = zoom_cameras(own, np.log(np.array(record["focal_px_per_frame"]) / record["lens"]["fx_px"]))
    cameras = np.full((judge.markers.frame_count, 3, 4), np.nan)
    inside = (index >= 0) & (index < len(cameras))
    cameras[index[inside]] = own[inside]
    return cameras


def _measure_errors_px(markers: Observations, cam_from_world: np.ndarray, lens: Lens, tripod: bool) -> np.ndarray:
    """Return (M,) px from each marker to its track's point, which the frames of the other parity give.

    inf behind the camera; NaN without a camera, or where those frames are fewer than two.
    """
    posed = np.isfinite(cam_from_world[markers.frame, 0, 0])
    errors = np.full(len(markers), np.nan)
    for parity in (0, 1):
        telling = posed & (markers.frame % 2 != parity)
        points = (find_directions if tripod else triangulate)(markers.select(telling), cam_from_world, lens)
        enough = np.bincount(markers.track[telling], minlength=len(markers.track_ids)) >= 2
        rows = np.flatnonzero(posed & ~telling & enough[markers.track])
        errors[rows] = compute_marker_errors_px(points, markers.select(rows), cam_from_world, lens)
    return errors
