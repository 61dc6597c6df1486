"""A camera that moves: several starts, each completed and certified, until one stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.camera import camera_centres
from shotmake.geometry.plausible_lens import folds, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import Bundle, lens_from_vector
from shotmake.solve.bundle.lens_terms import TERMS
from shotmake.solve.bundle.model import Model
from shotmake.solve.bundle.observations import Observations, choose_keyframes, thin
from shotmake.solve.bundle.path import MOST_FRAMES, bundle_of
from shotmake.solve.checks import epipolar
from shotmake.solve.checks.candidate import POSED_SHARE, Found, Refused
from shotmake.solve.checks.certify import certify
from shotmake.solve.checks.focal import (
    ASPECT_LEFT,
    CONTRADICTED,
    FOCAL_SIGMA,
    ZOOMS,
    doubt_aspect,
    doubt_locked_focal,
    focal_sigma,
    may_bend,
    zoom_share,
    zoom_warning,
)
from shotmake.solve.checks.motion_groups import background_tracks
from shotmake.solve.checks.parallax import ZOOM_MIN, Parallax
from shotmake.solve.polish import polished
from shotmake.solve.start import colmap
from shotmake.solve.start.resect import complete

MAP_TRACKS, ALL_TRACKS = 500, 1300
LEAST_ANGLE_DEG, LEAST_REACH = 1.0, 0.03
SAME_FOCAL = 0.02  # starts whose keyframes agree this well in a focal length they found end in the same place
STRONG_USED = 0.65  # of the markers: right solves with a third of the tracks moving keep 0.7
STRONG_REACH = 0.2  # with a shorter path for its depth a solve can sit in a wrong minimum: try other starts too
NO_MOVE_RATIO = 1.7  # of Parallax: 1.9 and more for paths of 1 % of the depth
LEAST_EXPLAINED = 0.4  # Parallax.explained below which the tracks follow no camera: noise, or many motions
SMALL_MOVE_RATIO = 6.0  # Parallax.ratio below which plane and parallax is the better start
SECOND_MOTION = 0.10  # share of the tracks: single-motion plates have up to 0.07
RIVAL = 0.6  # objects with half of the tracks cover up to 0.4 of what the room does
ZOOM_STARTS = 3  # the first that holds a zoom; the others cost 8 CPU s of every shot that is refused
STRONG_SECOND = 0.2  # from here on the tracks of both motions together start nothing
PLANE_START, PLANE_AGREEMENT = "plane and parallax", 0.75
DOUBT_FRAMES, DOUBT_TRACKS = 40, 400  # that are asked for another focal length or aspect: fewer hardly tell
BARELY_MOVES_RATIO, BARELY_MOVES_SHARE, BARELY_MOVES_DEG = 3.0, 0.8, 4.0  # moves of any kind: ratio 5.5 and more
TURNING_SHARE = 0.5  # of the markers that a turning camera must explain before one is spoken of as a way out
FOLDED = Reason("lens_folds", "the lens found folds over inside the picture")

Starts = Callable[[Observations], Iterator[tuple[str, Model | None]]]  # (what, camera of all frames)


@dataclass(frozen=True)
class Failed:
    """A start that came to nothing.

    came: how far, to be compared: 0 if it gave no camera, 1 if it gave one that could not be completed, 2 if all frames
    were adjusted and the certificate refused it; then the share of frames posed, then the share that agrees.
    """

    step: str
    came: tuple[int, float, float]
    reason: Reason

    @classmethod
    def certified(cls, step: str, found: Found, reason: Reason) -> "Failed":
        return cls(step, (2, found.posed_share, found.agreement), reason)

    @property
    def is_candidate(self) -> bool:
        """Whether it was among those that could have been handed over: not a start for small moves only."""
        return self.came[0] == 2 and self.step != PLANE_START


def solve_moving(
    known: Observations,
    held_out: Observations,
    parallax: Parallax,
    size_px: tuple[int, int],
    focal_px: float,
    settings: schema.Solve,
    free: tuple[str, ...],
    scale: float,
    on_step: Callable[[str], None],
    starts: Starts | None = None,
) -> Found:
    """The first start whose solve is certified, tracks of a second motion left out if need be; else Refused.

    starts: another engine's solves instead of COLMAP's; they are certified as they are.
    """
    if parallax.ratio < NO_MOVE_RATIO:
        if parallax.explained < LEAST_EXPLAINED:
            raise Refused(
                "nothing_explains",
                f"neither a camera that turns nor one that moves explains the tracks: only {parallax.explained:.0%} of "
                f"them follow one (needed {LEAST_EXPLAINED:.0%}): look at the tracks",
            )
        raise Refused(
            "tiny_parallax",
            f"tiny parallax: a camera that moves explains the tracks only {parallax.ratio:.2f} times as well as one "
            f"that turns (needed {NO_MOVE_RATIO:g}); set tracking.solve.kind: tripod",
        )
    tried: list[tuple[Found, Reason | None]] = []
    first = tuple(name for name in free if name not in TERMS)  # the rest waits until cameras and points stand
    failed: list[Failed] = []
    on_step("look for moving objects")
    background, second_share, rival = background_tracks(known, size_px)
    if second_share > SECOND_MOTION:  # before all else: two motions mixed cost a minute of starts that end nowhere
        markers = known.of_tracks(background)
        apart, failed = _try_starts(markers, held_out, None, size_px, focal_px, settings, first, scale, on_step, starts)
        if apart is not None:
            text = f"{np.mean(~background):.0%} of the tracks move on their own and were left out"
            apart = replace(apart, notes=(Reason("second_motion", text),))
            if rival > RIVAL:
                doubt = Reason(
                    "two_motions",
                    "two motions cover the picture alike, and the tracks do not tell which is the room: if it is the "
                    "one that was left out, mask the other (tracking.mask)",
                )
                apart = replace(apart, warnings=(*apart.warnings, doubt))
            tried.append((apart, _fault(apart, size_px)))
    if not tried or (tried[0][1] and second_share < STRONG_SECOND):
        best, more = _try_starts(known, held_out, parallax, size_px, focal_px, settings, first, scale, on_step, starts)
        failed = more + failed
        if best is not None:
            tried.append((best, _fault(best, size_px)))
    found, fault = min(tried, key=lambda pair: _rank(pair[0], size_px), default=(None, None))
    if found is None or fault:
        failed = [Failed.certified("", one, reason) for one, reason in tried if reason] + failed
        raise _best_refusal(failed, parallax, second_share)
    if starts is None:
        on_step("polish")
        found = polished(found, held_out, size_px, free, scale)
    bundle, markers = sparse_bundle(found)
    sigma = focal_sigma(*sparse_bundle(found, MOST_FRAMES, ALL_TRACKS), first) if "focal" in free else None
    flat = sigma is not None and sigma > FOCAL_SIGMA
    warnings = list(found.warnings)
    if flat:
        text = "the tracks hardly determine the focal length; set shot.camera.focal_mm"
        warnings.append(Reason("focal_open", text))
    locked, aspect = None, None
    if "focal" not in free:
        locked = doubt_locked_focal(*sparse_bundle(found, DOUBT_FRAMES, DOUBT_TRACKS), first)
    if locked is not None:
        warnings.append(locked)
        found = replace(found, agreement=CONTRADICTED * found.agreement)
    elif may_bend(bundle, markers, first):
        aspect = doubt_aspect(*sparse_bundle(found, DOUBT_FRAMES, DOUBT_TRACKS), first, flat)
    if aspect is not None:
        warnings.append(aspect)
        found = replace(found, agreement=ASPECT_LEFT * found.agreement)
    zooms = zoom_share(bundle, markers, first)
    if zooms:
        warnings.append(zoom_warning(zooms))
        found = replace(found, agreement=ZOOMS * found.agreement)
    missed = epipolar.gap(found, size_px, scale)
    if missed > epipolar.GAP_MAX:
        text = (
            f"in some frames {missed:.0%} of the tracks move rigidly, but not with the camera: something large moves "
            "there and may have taken it along; mask it (tracking.mask)"
        )
        warnings.append(Reason("epipolar_gap", text))
        found = replace(found, agreement=epipolar.LEFT * found.agreement)
    kind = settings.kind if settings.kind in ("forward", "planar") else _kind(found, size_px, scale)
    return replace(found, kind=kind, warnings=tuple(warnings), flat_focal=flat)


def zoom_found(known, held_out, size_px, focal_px, settings, free, scale, on_step) -> float:
    """By what share the focal length changes, if a camera that zooms can be certified where none else could; else 0."""
    first = (*(name for name in free if name not in TERMS), "zoom")
    found, _ = _try_starts(
        known, held_out, None, size_px, focal_px, settings, first, scale, on_step, None, most=ZOOM_STARTS
    )
    if found is None or _fault(found, size_px):
        return 0.0
    low, high = np.percentile(found.log_zooms, [5, 95])
    return float(np.expm1(high - low)) if high - low > ZOOM_MIN else 0.0


def _best_refusal(failed: list[Failed], parallax: Parallax, second_share: float) -> Refused:
    """What is said where no start stands: the fault of the one that came farthest, of equal ones the first."""
    nothing = Failed("any", (0, 0.0, 0.0), Reason("no_start", "no two frames share enough tracks"))
    best = max(failed, key=lambda one: one.came, default=nothing)
    turns = parallax.ratio < SMALL_MOVE_RATIO and parallax.within_2px > TURNING_SHARE
    what = best.reason.text.partition("; ")[0]  # without its advice
    if turns and not best.is_candidate and best.reason.code != "tiny_parallax":
        return Refused(
            "tiny_parallax",
            f"tiny parallax: a camera that only turns explains {parallax.within_2px:.0%} of the markers and none that "
            f"moves could be certified ({best.step}: {what}); set tracking.solve.kind: tripod",
        )
    if best.came[0] == 2:
        moves = f"; {second_share:.0%} of the tracks move on their own: mask them (tracking.mask)"
        return Refused(best.reason.code, best.reason.text + (moves if second_share > SECOND_MOTION else ""))
    return Refused(
        best.reason.code,
        f"no camera could be started from the tracks ({best.step}: {what}); set shot.camera.focal_mm or raise "
        "tracking.detect.min_tracks",
    )


def _fault(found: Found, size_px: tuple[int, int]) -> Reason | None:
    certificate = found.certificate
    if not has_plausible_focal(found.lens, size_px):
        return Reason(
            "focal_unlikely",
            f"the focal length came out as {found.lens.fx_px:.0f} px "
            f"({found.lens.fx_px / size_px[0]:.2f} of the width); set shot.camera.focal_mm and lock_focal: true",
        )
    if found.posed_share < POSED_SHARE:
        return Reason(
            "frames_without_camera",
            f"only {found.posed_share:.0%} of the frames could be posed; needed {POSED_SHARE:.0%}: raise "
            "tracking.detect.min_tracks or shorten shot.footage.frame_range",
        )
    measured = certificate.reach > 0  # by tracks that agree: without any there is nothing to say of the path
    if measured and (certificate.angle_deg < LEAST_ANGLE_DEG or certificate.reach < LEAST_REACH):
        return Reason(
            "tiny_parallax",
            f"tiny parallax: rays meet at {certificate.angle_deg:.2g} deg (needed {LEAST_ANGLE_DEG:g}), the path is "
            f"{certificate.reach:.1%} of the depth (needed {LEAST_REACH:.0%}); set tracking.solve.kind: tripod",
        )
    fault = certificate.fault()
    if fault:
        return Reason(fault.code, f"the solve is not to be trusted: {fault}")
    return None


def _more_than_measured(found: Found, parallax: Parallax) -> Reason | None:
    """That the camera moves much for what it sees, where the tracks show next to no parallax: with a wrong focal length
    a relief a hand high and a room look alike, and the limits for tiny parallax were met by the wrong one."""
    turns = parallax.ratio < BARELY_MOVES_RATIO and parallax.within_2px > BARELY_MOVES_SHARE
    if not turns or found.certificate.angle_deg < BARELY_MOVES_DEG:
        return None
    return Reason(
        "tiny_parallax",
        f"tiny parallax: a camera that only turns explains {parallax.within_2px:.0%} of the markers within 2 px, but "
        f"in the camera found rays meet at {found.certificate.angle_deg:.2g} deg; set tracking.solve.kind: tripod",
    )


def _try_starts(
    known,
    held_out,
    parallax: Parallax | None,
    size_px,
    focal_px,
    settings,
    free,
    scale,
    on_step,
    starts: Starts | None,
    most: int | None = None,
) -> tuple[Found | None, list[Failed]]:
    """The first strong and faultless solve, else the best of up to three (see `_rank`), and the starts that were not
    among these. most: starts to try, or all."""
    keyframes = choose_keyframes(known, size_px)
    mapping = known.of_tracks(thin(known, MAP_TRACKS, 100))
    solving = known.of_tracks(thin(known, ALL_TRACKS, 200))
    found, failed, focals_px = [], [], []
    ours = starts is None
    made = (
        _starts(mapping, solving, keyframes, parallax, size_px, focal_px, free, settings.kind, on_step)
        if ours
        else starts(solving)
    )
    for step, model in islice(made, most):
        if model is None or model.posed.sum() < 0.6 * len(keyframes):
            posed = 0 if model is None else model.posed.sum()
            text = f"{'COLMAP' if ours else 'libmv'} posed {posed} of {len(keyframes)} keyframes"
            failed.append(Failed(step, (0, posed / len(keyframes), 0.0), Reason("no_start", text)))
            continue
        posed_share = float(model.posed.sum()) / len(keyframes)
        if not has_plausible_focal(model.lens, size_px):
            reason = Reason("focal_unlikely", f"the focal length ran away to {model.lens.fx_px:.0f} px")
            failed.append(Failed(step, (1, posed_share, 0.0), reason))
            continue
        if "focal" in free and any(abs(np.log(model.lens.fx_px / other)) < SAME_FOCAL for other in focals_px):
            continue  # it would end as the earlier one did
        focals_px.append(model.lens.fx_px)
        if ours:
            on_step(f"adjust all frames ({step})")
            one = _completed(model, solving, held_out, size_px, settings, free, scale)
        else:
            folded = folds(model.lens, size_px)
            one = FOLDED if folded else _certified(model, solving, held_out, scale, False, ())
        if isinstance(one, Reason):
            failed.append(Failed(step, (1, posed_share, 0.0), one))
            continue
        doubled = None if parallax is None else _more_than_measured(one, parallax)
        if doubled is not None:
            failed.append(Failed.certified(step, one, doubled))
            continue
        fault = _fault(one, size_px)
        if step == PLANE_START and not fault and one.agreement < PLANE_AGREEMENT:
            # on larger moves this start ends in wrong minima that most hold-outs still like
            told = f"only {one.agreement:.0%} of the tracks agree with the camera (needed {PLANE_AGREEMENT:.0%})"
            fault = Reason("few_agree", f"the solve is not to be trusted: {told}")
        if step == PLANE_START and fault:
            failed.append(Failed.certified(step, one, fault))
            continue
        certificate = one.certificate
        agree = certificate.long_bad is not None and certificate.long_bad < 0.25
        settled = one.posed_share > 0.95 and agree and one.used.mean() > STRONG_USED
        strong = settled and certificate.reach > STRONG_REACH
        if strong and not fault:
            return one, failed
        found.append(one)
        if len(found) == 3:
            break
    if not found:
        return None, failed
    return min(found, key=lambda one: _rank(one, size_px)), failed


def _rank(found: Found, size_px: tuple[int, int]) -> tuple:
    """Smaller is better: faultless, more frames, fewer disagreeing tracks (both in tenths), better hold-outs."""
    certificate = found.certificate
    coarse = -round(found.posed_share, 1), 1.0 if certificate.long_bad is None else round(certificate.long_bad, 1)
    return bool(_fault(found, size_px)), *coarse, certificate.holdout_rms_px


def _starts(
    mapping, solving, keyframes, parallax, size_px, focal_px, free, kind: str, on_step
) -> Iterator[tuple[str, Model | None]]:
    """(what, keyframe model), made one by one as they are asked for."""
    plan = [(focal_px, kind == "forward"), (focal_px, kind != "forward")]
    if "focal" in free:
        others = [share * size_px[0] for share in (0.8, 1.8) if abs(np.log(share * size_px[0] / focal_px)) > 0.2]
        plan += [(guess, forward) for guess in others for forward in (True, False)]
    plane = [] if parallax is None else [(PLANE_START, _from_bundle(parallax, solving))]
    small = parallax is not None and parallax.ratio < SMALL_MOVE_RATIO
    for place, (guess, forward) in enumerate(plan):
        step = f"map keyframes from {guess:.0f} px" + (", forward moves admitted" if forward else "")
        on_step(step)
        model = colmap.map_keyframes(mapping, keyframes, size_px, guess, free, forward)
        yield step, model and _renumbered(model, mapping, solving)
        if small and place == 1:
            yield from plane
    if not small:
        yield from plane


def _renumbered(model: Model, old: Observations, new: Observations) -> Model:
    """The same model with its points at the track indices of `new`, which holds all tracks of `old` it can."""
    points = np.full((len(new.track_ids), 4), np.nan)
    both, at_old, at_new = np.intersect1d(old.track_ids, new.track_ids, assume_unique=True, return_indices=True)
    points[at_new] = model.points[at_old]
    return replace(model, points=points, used=np.zeros(len(new), bool))


def _from_bundle(parallax: Parallax, markers: Observations) -> Model:
    """The general bundle of the verdict as a keyframe model: the better solver where the camera moves little."""
    bundle = parallax.moving
    turn = 1.0 if np.mean(bundle.inverse_depths > 0) >= 0.5 else -1.0  # depths in front of the camera
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


def _completed(model, solving, held_out, size_px, settings, free, scale) -> Found | Reason:
    """All frames adjusted and certified; without k2, and said so, where the lens folds. Else what went wrong."""
    attempts: list[tuple[Model, tuple[str, ...], tuple[Reason, ...]]] = [(model, free, ())]
    if "k2" in free:
        fewer = tuple(name for name in free if name != "k2")
        note = Reason("lens_folds", "k2 was dropped: with it the lens folded over inside the picture")
        attempts.append((replace(model, lens=replace(model.lens, k2=0.0)), fewer, (note,)))
    for start, names, warnings in attempts:
        try:
            done = complete(start, solving, size_px, names, settings.clean.max_error_px)
            if done.posed.sum() < 3:
                return Reason("frames_without_camera", "fewer than 3 frames could be posed")
            if folds(done.lens, size_px):
                continue
            return _certified(done, solving, held_out, scale, "zoom" in names, warnings)
        except (ShotError, np.linalg.LinAlgError):  # the lens folds on the way: try with fewer coefficients
            continue
    return FOLDED


def _certified(model, solving, held_out, scale, zooms: bool, warnings: tuple[Reason, ...]) -> Found:
    certificate = certify(held_out, solving, model.projecting, model.lens, scale)
    ids, poses, agreement = held_out.track_ids, model.cam_from_world, certificate.agreement
    found = Found("solved", "general", model.lens, poses, solving, model.used, ids, certificate, agreement, warnings)
    return replace(found, log_zooms=model.log_zooms if zooms else None)


def sparse_bundle(found: Found, frames: int = 20, tracks: int = 250) -> tuple[Bundle, Observations]:
    """Some of its frames and tracks, evenly spread: enough to ask how well another focal length fits."""
    posed = np.flatnonzero(np.isfinite(found.cam_from_world[:, 0, 0]))
    chosen = posed[np.unique(np.linspace(0, len(posed) - 1, frames).astype(int))]
    kept = found.markers.only(found.used).of_frames(chosen, min_markers=4)
    kept = kept.of_tracks(thin(kept, tracks, 30))
    log_zooms = np.zeros(len(chosen)) if found.log_zooms is None else found.log_zooms[chosen]
    bundle, _, _ = bundle_of(found.cam_from_world[chosen], kept, found.lens, log_zooms)
    return bundle, kept


def _kind(found: Found, size_px: tuple[int, int], scale: float) -> str:
    """planar: one homography explains the tracks almost as well as an epipolar geometry. forward: the
    camera moves within 25 deg of its axis. else general."""
    import cv2

    posed = np.isfinite(found.cam_from_world[:, 0, 0])
    cameras = found.cam_from_world[posed]
    centres = camera_centres(cameras)
    span = max(1, len(centres) // 8)
    moves = centres[span:] - centres[:-span]
    lengths = np.linalg.norm(moves, axis=1)
    along = np.abs((moves * cameras[span:, 2, :3]).sum(1)) / np.maximum(lengths, 1e-12)
    markers, shares = found.markers, []
    for first in np.linspace(0, markers.frame_count - 1, 7).astype(int)[:-1]:
        for gap in (markers.frame_count // 2, markers.frame_count // 4, markers.frame_count // 8):
            here, there = markers.frame == first, markers.frame == first + gap
            _, a, b = np.intersect1d(markers.track[here], markers.track[there], return_indices=True)
            if gap and len(a) >= 30:
                pair = markers.xy_px[here][a], markers.xy_px[there][b]
                cv2.setRNGSeed(1)
                _, on_plane = cv2.findHomography(*pair, cv2.RANSAC, 2.0 * scale)
                cv2.setRNGSeed(1)
                _, on_lines = cv2.findFundamentalMat(*pair, cv2.FM_RANSAC, 2.0 * scale, 0.999, 2000)
                if on_plane is not None and on_lines is not None:
                    shares.append((on_plane.mean(), on_lines.mean()))
                break
    if shares:
        plane, lines = np.median(np.array(shares), axis=0)
        if plane >= 0.78 and plane >= 0.9 * lines:
            return "planar"
    return "forward" if np.average(along, weights=lengths + 1e-12) > np.cos(np.radians(25)) else "general"
