"""Starts of a camera that moves: each start is completed and certified, until one is strong or three stand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import lens_from_vector
from shotmake.solve.bundle.observations import Observations, choose_close_keyframes, choose_keyframes, thin
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks.candidate_and_refusal import POSED_SHARE, Candidate
from shotmake.solve.checks.certify import certify
from shotmake.solve.checks.parallax import Parallax
from shotmake.solve.problem import SolveProblem
from shotmake.solve.start import colmap
from shotmake.solve.start.keyframes_to_all_frames import complete

MAP_TRACKS, ALL_TRACKS = 500, 1300
LEAST_ANGLE_DEG, LEAST_REACH = 1.0, 0.03
KEYFRAMES_POSED = 0.6  # share of the keyframes; a start that gives a pose to fewer is tried last
PARTIAL_STARTS = 3  # of those, tried at most: one of the first two led to the camera of each long lens looked at
SAME_FOCAL = 0.02  # starts whose keyframes found focal lengths so near to each other end in the same place
STRONG_POSED, STRONG_LONG_BAD = 0.95, 0.25  # shares of the frames and of the long tracks
STRONG_USED = 0.65  # of the markers: right solves keep 0.7 where a third of the tracks moves
STRONG_REACH = 0.2  # path / depth: a solve with less can sit in a wrong minimum, so other starts are tried too
ENOUGH_CANDIDATES = 3
SMALL_MOVE_RATIO = 6.0  # Parallax.ratio below which plane and parallax is the better start
OTHER_GUESSES, OTHER_FOCAL = (0.8, 1.8), 0.2  # in plate widths; log: worth a try when so far from the first guess
PLANE_START, PLANE_AGREEMENT = "plane and parallax", 0.75
BARELY_MOVES_RATIO, BARELY_MOVES_SHARE, BARELY_MOVES_DEG = 3.0, 0.8, 4.0  # moves of any kind: a ratio of 5.5 and more
FOLDED = Reason("lens_folds", "the lens found folds over inside the picture")

Starts = Callable[[Observations], Iterator[tuple[str, Model | None]]]  # (step, camera of all frames)


class Start(NamedTuple):
    """Where a solve may start. model: poses of keyframes, None without any; keyframes: how many were asked for."""

    step: str
    model: Model | None
    keyframes: int


@dataclass(frozen=True)
class Failed:
    """A start that led to no camera.

    came: how far the start came, for comparison. First: 0 if it gave no camera, 1 if its camera could not be completed,
    2 if all frames were adjusted and the certificate refused the camera. Then the share of frames with a pose, then the
    share that agrees.
    """

    step: str
    came: tuple[int, float, float]
    reason: Reason

    @classmethod
    def from_certified(cls, step: str, candidate: Candidate, reason: Reason) -> "Failed":
        """Return a failed start whose camera was adjusted in all frames and then refused."""
        return cls(step, (2, candidate.posed_share, candidate.agreement), reason)

    @property
    def is_candidate(self) -> bool:
        """Whether it was among the cameras that could be handed over: not a start for small moves only."""
        return self.came[0] == 2 and self.step != PLANE_START


def try_starts(
    problem: SolveProblem, parallax: Parallax | None, starts: Starts | None, most: int | None = None
) -> tuple[Candidate | None, list[Failed]]:
    """Try starts until a solve is strong and without a fault.

    Returns that solve, else the best of up to three (see `rank`), or None; and the starts that failed. starts: solves
    of another engine, certified as they are. most: how many starts to try; None = all.
    """
    keyframes = choose_keyframes(problem.markers, problem.size_px)
    mapping = problem.markers.select_tracks(thin(problem.markers, MAP_TRACKS, 100))
    solving = problem.markers.select_tracks(thin(problem.markers, ALL_TRACKS, 200))
    candidate: list[Candidate] = []
    failed: list[Failed] = []
    focals_px: list[float] = []
    if starts:
        made = (Start(*one, len(keyframes)) for one in starts(solving))
    else:
        made = _yield_starts(problem, mapping, solving, keyframes, parallax)
    partial = 0 if starts or most is not None else PARTIAL_STARTS
    usable = _yield_usable(islice(made, most), problem.size_px, "libmv" if starts else "COLMAP", partial)
    for step, model, asked in usable:
        if isinstance(model, Failed):
            failed.append(model)
            continue
        if "focal" in problem.refine and any(abs(np.log(model.lens.fx_px / other)) < SAME_FOCAL for other in focals_px):
            continue  # it would end as the earlier start did
        focals_px.append(model.lens.fx_px)
        if starts is None:
            problem.on_step(f"adjust all frames ({step})")
            one = _complete(model, solving, problem)
        else:
            one = FOLDED if has_fold(model.lens, problem.size_px) else _certify(model, solving, problem, False, ())
        if isinstance(one, Reason):
            failed.append(Failed(step, (1, float(model.posed.sum()) / asked, 0.0), one))
            continue
        fault = fault_of(one, problem.size_px)
        no_candidate = _refuse_move(one, parallax) or (_refuse_plane(one, fault) if step == PLANE_START else None)
        if no_candidate is not None:
            failed.append(Failed.from_certified(step, one, no_candidate))
            continue
        if _is_strong(one) and not fault:
            return one, failed
        candidate.append(one)
        if len(candidate) == ENOUGH_CANDIDATES:
            break
    if not candidate:
        return None, failed
    return min(candidate, key=lambda one: rank(one, problem.size_px)), failed


def _yield_usable(
    made: Iterator[Start], size_px: tuple[int, int], engine: str, partial: int
) -> Iterator[tuple[str, Model | Failed, int]]:
    """Yield the starts that are worth completing, and why the others are not; with the number of their keyframes.

    partial: how many of the starts with a pose in too few keyframes are yielded once more, at the end, those with the
    most keyframes first. COLMAP stops early where rays meet at small angles, as with a long lens.
    """
    kept: list[tuple[str, Model, int]] = []
    for step, model, keyframes in made:
        posed = 0 if model is None else int(model.posed.sum())
        is_partial = posed < KEYFRAMES_POSED * keyframes
        is_plausible = model is not None and has_plausible_focal(model.lens, size_px)
        if model is None or is_partial:
            reason = Reason("no_start", f"{engine} posed {posed} of {keyframes} keyframes")
            yield step, Failed(step, (0, posed / keyframes, 0.0), reason), keyframes
            kept += [(step, model, keyframes)] if model is not None and is_plausible else []
        elif not is_plausible:
            reason = Reason("focal_unlikely", f"the focal length ran away to {model.lens.fx_px:.0f} px")
            yield step, Failed(step, (1, posed / keyframes, 0.0), reason), keyframes
        else:
            yield step, model, keyframes
    yield from sorted(kept, key=lambda one: -int(one[1].posed.sum()))[:partial]


def _refuse_plane(candidate: Candidate, fault: Reason | None) -> Reason | None:
    """Return why a camera from plane and parallax is no candidate; None if it is one.

    On larger moves this start ends in wrong minima that most held-out tracks still agree with.
    """
    if fault is None and candidate.agreement < PLANE_AGREEMENT:
        told = f"only {candidate.agreement:.0%} of the tracks agree with the camera (needed {PLANE_AGREEMENT:.0%})"
        return Reason("few_agree", f"the solve is not to be trusted: {told}")
    return fault


def _is_strong(candidate: Candidate) -> bool:
    """Tell whether no other start can be better."""
    certificate = candidate.certificate
    agree = certificate.long_bad is not None and certificate.long_bad < STRONG_LONG_BAD
    settled = candidate.posed_share > STRONG_POSED and agree and candidate.used.mean() > STRONG_USED
    return settled and certificate.reach > STRONG_REACH


def rank(candidate: Candidate, size_px: tuple[int, int]) -> tuple:
    """Return a key to sort solves by; smaller is better.

    First without a fault, then more frames, then fewer long tracks that disagree (both in tenths), then a smaller error
    of the held-out tracks.
    """
    certificate = candidate.certificate
    coarse = -round(candidate.posed_share, 1), 1.0 if certificate.long_bad is None else round(certificate.long_bad, 1)
    return bool(fault_of(candidate, size_px)), *coarse, certificate.holdout_rms_px


def _refuse_move(candidate: Candidate, parallax: Parallax | None) -> Reason | None:
    """Return a reason when the camera moves much for what it sees, although the tracks show next to no parallax.

    With a wrong focal length, a relief a hand high and a room look alike, and the wrong one met the limits for tiny
    parallax.
    """
    if parallax is None:
        return None
    turns = parallax.ratio < BARELY_MOVES_RATIO and parallax.within_2px > BARELY_MOVES_SHARE
    if not turns or candidate.certificate.angle_deg < BARELY_MOVES_DEG:
        return None
    return Reason(
        "tiny_parallax",
        f"tiny parallax: a camera that only turns explains {parallax.within_2px:.0%} of the markers within 2 px, but "
        f"in the camera found rays meet at {candidate.certificate.angle_deg:.2g} deg; set tracking.solve.kind: tripod",
    )


def fault_of(candidate: Candidate, size_px: tuple[int, int]) -> Reason | None:
    """Return why a camera is not handed over; None if it stands."""
    certificate = candidate.certificate
    if not has_plausible_focal(candidate.lens, size_px):
        return Reason(
            "focal_unlikely",
            f"the focal length came out as {candidate.lens.fx_px:.0f} px "
            f"({candidate.lens.fx_px / size_px[0]:.2f} of the width); set shot.camera.focal_mm and lock_focal: true",
        )
    if candidate.posed_share < POSED_SHARE:
        return Reason(
            "frames_without_camera",
            f"only {candidate.posed_share:.0%} of the frames could be posed; needed {POSED_SHARE:.0%}: raise "
            "tracking.detect.min_tracks or shorten shot.footage.frame_range",
        )
    measured = certificate.reach > 0  # by tracks that agree; without such tracks the path is not measured
    if measured and (certificate.angle_deg < LEAST_ANGLE_DEG or certificate.reach < LEAST_REACH):
        return Reason(
            "tiny_parallax",
            f"tiny parallax: rays meet at {certificate.angle_deg:.2g} deg (needed {LEAST_ANGLE_DEG:g}), the path is "
            f"{certificate.reach:.1%} of the depth (needed {LEAST_REACH:.0%}); set tracking.solve.kind: tripod",
        )
    fault = certificate.find_fault()
    if fault:
        return Reason(fault.code, f"the solve is not to be trusted: {fault}")
    return None


def _yield_starts(
    problem: SolveProblem,
    mapping: Observations,
    solving: Observations,
    keyframes: np.ndarray,
    parallax: Parallax | None,
) -> Iterator[Start]:
    """Yield starts one by one as they are asked for.

    Where COLMAP poses too few of the keyframes from every guess, and the keyframes stand wide apart for the tracks'
    lives, the guesses are tried once more from closer keyframes.
    """
    focal_px, refine, first_forward = problem.focal_px, problem.refine, problem.settings.kind == "forward"
    plan = [(focal_px, first_forward), (focal_px, not first_forward)]
    if "focal" in refine:
        guesses = [share * problem.size_px[0] for share in OTHER_GUESSES]
        others = [guess for guess in guesses if abs(np.log(guess / focal_px)) > OTHER_FOCAL]
        plan += [(guess, forward) for guess in others for forward in (True, False)]
    plane = [] if parallax is None else [Start(PLANE_START, _from_bundle(parallax, solving), len(keyframes))]
    small = parallax is not None and parallax.ratio < SMALL_MOVE_RATIO

    paired: dict[tuple[float, str], colmap.Pairs] = {}

    def start_from(guess: float, forward: bool, frames: np.ndarray, more: str = "") -> Start:
        step = f"map {more}keyframes from {guess:.0f} px" + (", forward moves admitted" if forward else "")
        problem.on_step(step)
        key = (0.0 if "focal" in refine else guess, more)
        if key not in paired:
            paired[key] = colmap.pair_keyframes(mapping, frames, problem.size_px, guess, refine)
        model = colmap.map_keyframes(paired[key], mapping, guess, refine, forward)
        return Start(step, model and _renumber(model, mapping, solving), len(frames))

    most_posed = 0
    for place, (guess, forward) in enumerate(plan):
        start = start_from(guess, forward, keyframes)
        most_posed = max(most_posed, 0 if start.model is None else int(start.model.posed.sum()))
        yield start
        if small and place == 1:
            yield from plane
    closer = choose_close_keyframes(mapping, keyframes) if most_posed < KEYFRAMES_POSED * len(keyframes) else None
    if closer is not None:
        yield from (start_from(guess, forward, closer, "closer ") for guess, forward in plan)
    if not small:
        yield from plane


def _renumber(model: Model, old: Observations, new: Observations) -> Model:
    """Return the model with its points at the track indices of `new`, which holds all tracks of `old` that it can."""
    points = np.full((len(new.track_ids), 4), np.nan)
    _, at_old, at_new = np.intersect1d(old.track_ids, new.track_ids, assume_unique=True, return_indices=True)
    points[at_new] = model.points[at_old]
    return replace(model, points=points, used=np.zeros(len(new), bool))


def _from_bundle(parallax: Parallax, markers: Observations) -> Model:
    """Return the general bundle of the verdict as a keyframe model: the better solver where the camera moves little."""
    bundle = parallax.moving
    turn = 1.0 if np.mean(bundle.inverse_depths > 0) >= 0.5 else -1.0  # so that depths are in front of the camera
    poses = np.full((markers.frame_count, 3, 4), np.nan)
    poses[parallax.keyframes] = np.concatenate([bundle.rotations, turn * bundle.translations[:, :, None]], 2)
    homogeneous = np.concatenate([bundle.directions, turn * bundle.inverse_depths[:, None]], 1)
    homogeneous[homogeneous[:, 3] < 1e-6] = np.nan
    points = np.full((len(markers.track_ids), 4), np.nan)
    _, at_old, at_new = np.intersect1d(
        parallax.markers.track_ids, markers.track_ids, assume_unique=True, return_indices=True
    )
    points[at_new] = homogeneous[at_old]
    log_zooms = np.interp(np.arange(markers.frame_count), parallax.keyframes, bundle.log_zooms)
    return Model(lens_from_vector(bundle.lens), poses, points, np.zeros(len(markers), bool), log_zooms)


def _complete(model: Model, solving: Observations, problem: SolveProblem) -> Candidate | Reason:
    """Adjust all frames and certify them; if the lens folds, without k2 and with a warning.

    Returns what went wrong when this gives no camera.
    """
    refine, size_px = problem.refine, problem.size_px
    attempts: list[tuple[Model, tuple[str, ...], tuple[Reason, ...]]] = [(model, refine, ())]
    if "k2" in refine:
        fewer = tuple(name for name in refine if name != "k2")
        note = Reason("lens_folds", "k2 was dropped: with it the lens folded over inside the picture")
        attempts.append((replace(model, lens=replace(model.lens, k2=0.0)), fewer, (note,)))
    for start, refined, warnings in attempts:
        try:
            done = complete(start, solving, refined, problem.max_error_px)
            if done.posed.sum() < 3:
                return Reason("frames_without_camera", "fewer than 3 frames could be posed")
            if has_fold(done.lens, size_px):
                continue
            return _certify(done, solving, problem, "zoom" in refined, warnings)
        except (ShotError, np.linalg.LinAlgError):  # the lens folds during the adjustment: try with fewer coefficients
            continue
    return FOLDED


def _certify(
    model: Model, solving: Observations, problem: SolveProblem, zooms: bool, warnings: tuple[Reason, ...]
) -> Candidate:
    certificate = certify(problem.held_out, solving, model.projecting, model.lens, problem.scale)
    ids, poses, agreement = problem.held_out.track_ids, model.cam_from_world, certificate.agreement
    candidate = Candidate(
        "solved", "general", model.lens, poses, solving, model.used, ids, certificate, agreement, warnings
    )
    return replace(candidate, log_zooms=model.log_zooms if zooms else None)
