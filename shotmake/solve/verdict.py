"""The camera solve: verdict first, then the solver that fits, then a certificate. A wrong solve is never
called good: what cannot be certified is refused, with what was found and what to change.

static   the picture stands still: one pose, the focal length cannot be known
tripod   the camera only turns: rotations and lens (shotmake.solve.bundle.rotations)
solved   the camera moves: COLMAP (shotmake.solve.start.colmap); kind general, forward or planar
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.geometry.camera import zoomed
from shotmake.geometry.lens import Lens
from shotmake.geometry.plausible_lens import folds, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve import known_lens
from shotmake.solve.bundle import rotations
from shotmake.solve.bundle.adjust import lens_from_vector
from shotmake.solve.bundle.lens_terms import BASE, TERMS, determined
from shotmake.solve.bundle.observations import Observations, pixel_scale, stands_still, still_share, thin
from shotmake.solve.bundle.triangulate import directions_at_infinity, marker_errors_px
from shotmake.solve.checks import cuts, focal, rolling_shutter, shared_errors
from shotmake.solve.checks.candidate import POSED_SHARE, Found, Refused, doubt_by_certificate
from shotmake.solve.checks.certify import FEWEST_LINKED, agreed_across, certify
from shotmake.solve.checks.parallax import measure_parallax
from shotmake.solve.links.measure import GOOD_PX
from shotmake.solve.moving import LEAST_EXPLAINED, SMALL_MOVE_RATIO, solve_moving, zoom_found
from shotmake.solve.reclean import recleaned
from shotmake.solve.record import Solution
from shotmake.solve.result import finished
from shotmake.solve.start import libmv
from shotmake.solve.witness.witness import Look, ask_witness
from shotmake.tracks.markers import Tracks

FEWEST_FRAMES, FEWEST_TRACKS = 3, 12
FEWEST_CERTIFIED = 4  # frames: points come from every second one, and two rays make a point
LINKED_SHARE = 0.75  # of the tracks through a jump that must agree with the camera for the jump to be none
COUNTED = ("too_few_frames", "too_few_tracks", "tracks_too_short", "cut")  # reasons that a jump does not explain
HOLDOUT_SHARE = 0.10
OTHER_FOCAL = 0.03  # log: so far from the locked one, another focal length is another answer
FOCAL_GUESS = 1.2  # of the width: 43 mm on a 36 mm film back, half-way between common lenses


def solve(
    tracks: Tracks,
    size_px: tuple[int, int],
    frames: tuple[int, int],
    camera: schema.Camera,
    settings: schema.Solve,
    on_step: Callable[[str], None] = lambda step: None,
    by_libmv: libmv.Run | None = None,
    lens: Lens | None = None,
    weights: dict[int, float] | None = None,
    look: Look | None = None,
) -> Solution:
    """Solve the camera of plate frames `frames` (first and last, inclusive) from their tracks.

    lens: brought along, in px of this plate; kept as it is but for what settings.refine lists. weights: the artist's,
    by track id (session.load_weights). look: where the second witness sees the plate (shotmake.solve.witness.witness);
    without it none is asked.

    Unusable tracks or an uncertain solve give status refused and a reason, not an error. ShotError: a
    setting that contradicts itself or a pick that misses the ground. by_libmv: how to ask libmv, for (and only for)
    tracking.solve.engine blender.

    confidence, 0..1: the smallest of the shares of hold-outs, of long tracks, and of markers in the worst
    eighth of the time that agree with the camera within 1.5 px (at 1280 wide); for static shots the share of
    the picture that stands still. Times the share of frames that have a pose; x 0.7 if the tracks do not
    determine the focal length, x 0.7 if they show a rolling shutter, x 0.5 for each other doubt: a locked focal length
    or pixels that the tracks contradict, a zoom, weak links, the second witness, a survey that contradicts itself. 0
    for refused.
    """
    found = find(tracks, size_px, frames, camera, usual(settings), on_step, by_libmv, lens, weights)
    found = cleaned(found, tracks, size_px, frames, camera, settings, on_step, lens, weights)
    if look is not None:
        on_step("ask the second witness")
        found = ask_witness(found, size_px, look)
    on_step("orient")
    return finished(found, tracks, size_px, frames, settings)


def find(
    tracks: Tracks,
    size_px: tuple[int, int],
    frames: tuple[int, int],
    camera: schema.Camera,
    settings: schema.Solve,
    on_step: Callable[[str], None] = lambda step: None,
    by_libmv: libmv.Run | None = None,
    lens: Lens | None = None,
    weights: dict[int, float] | None = None,
) -> Found | Reason:
    """The costly part of `solve`: the camera in a world of its own, or why there is none. settings.orient is not
    looked at."""
    free = free_lens(camera, settings, lens)
    assert (by_libmv is not None) == (settings.engine == "blender")
    if by_libmv is not None:
        libmv.check_refine(free)
    notes: tuple[Reason, ...] = ()
    if lens is not None:
        known_lens.check(lens, free, size_px)
        camera, notes = known_lens.with_focal(camera, lens, size_px)
    kept = None if known_lens.is_refined(free) else lens
    focal_px = FOCAL_GUESS * size_px[0]
    if camera.focal_mm is not None:
        focal_px = camera.focal_mm / camera.sensor_width_mm * size_px[0]
    try:
        everything = Observations.from_tracks(tracks, frames)
        if weights:
            given = np.array([weights.get(track, 1.0) for track in everything.track_ids.tolist()])
            everything = replace(everything, weight=given)
        _enough(everything)
        markers = everything if kept is None else known_lens.ideal(everything, kept, size_px)
        jump = cuts.find_jump(markers, size_px[0], frames[0])
        found = _unless_jumped(
            jump,
            markers,
            size_px,
            lambda: _verdict(markers, size_px, focal_px, camera, settings, free, on_step, by_libmv, frames[0]),
        )
        if by_libmv is not None and found.status == "tripod":
            on_step("tripod, by libmv")
            limit_px, scale = settings.clean.max_error_px, pixel_scale(size_px)
            found = libmv.turned(found, markers, size_px, focal_px, free, limit_px, scale, by_libmv)
    except Refused as refusal:
        return refusal.reason
    if kept is not None:
        found = known_lens.on_the_plate(found, everything, kept, size_px)
    found = replace(found, warnings=(*notes, *found.warnings))
    if found.status == "static":
        return found
    return doubt_by_certificate(shared_errors.noticed(rolling_shutter.noticed(found, size_px[1]), size_px))


def usual(settings: schema.Solve) -> schema.Solve:
    """The settings to find a camera with: those that only its end needs as they are by default."""
    clean = settings.clean if settings.engine == "blender" else schema.SolveClean()  # we do not adjust libmv's
    return replace(settings, clean=clean, orient=schema.Orient())


def cleaned(
    found: Found | Reason,
    tracks: Tracks,
    size_px: tuple[int, int],
    frames: tuple[int, int],
    camera: schema.Camera,
    settings: schema.Solve,
    on_step: Callable[[str], None] = lambda step: None,
    lens: Lens | None = None,
    weights: dict[int, float] | None = None,
) -> Found | Reason:
    """What was found with `usual` settings, held to settings.clean; where nothing was, another limit may find it."""
    if settings.clean == usual(settings).clean:
        return found
    beyond = lens is not None and (lens.fx_px != lens.fy_px or lens.grid is not None)  # our adjustment knows neither
    if isinstance(found, Reason) or beyond:
        return find(tracks, size_px, frames, camera, settings, on_step, lens=lens, weights=weights)
    on_step("clean")
    everything = Observations.from_tracks(tracks, frames)
    free = determined(free_lens(camera, settings, lens), found.lens, size_px)
    return recleaned(found, everything, size_px, free, settings.clean.max_error_px)


def free_lens(camera: schema.Camera, settings: schema.Solve, lens: Lens | None = None) -> tuple[str, ...]:
    """The lens values to refine, in the order of the lens's terms; "zoom" with them where every frame has its own. Of
    a given lens none but those asked for."""
    if camera.lock_focal and camera.focal_mm is None:
        raise ShotError("shot.camera.lock_focal: found true without shot.camera.focal_mm; give the focal length in mm")
    refine = settings.refine
    if refine is None:
        refine = BASE if lens is None else ()
    for lower, higher in (("k1", "k2"), ("k2", "k3")):
        if higher in refine and lower not in refine:
            raise ShotError(
                f"tracking.solve.refine: found {higher} without {lower}; needed {lower} too, as in [focal, k1, k2]"
            )
    wanted = [name for name in (*BASE, *TERMS) if name in refine]
    if settings.zoom and lens is not None:
        raise ShotError("tracking.solve.zoom: found true with a lens brought along, which has one focal length")
    if settings.zoom and "focal" not in refine:
        raise ShotError("tracking.solve.refine: found no focal, with tracking.solve.zoom: true; needed focal too")
    if settings.zoom and camera.lock_focal:
        raise ShotError("shot.camera.lock_focal: found true with tracking.solve.zoom: true; needed only one of them")
    free = tuple(name for name in wanted if not (name == "focal" and camera.lock_focal))
    return (*free, "zoom") if settings.zoom else free


def _enough(everything: Observations) -> None:
    frame_count, count = everything.frame_count, len(everything.track_ids)
    if frame_count < FEWEST_FRAMES:
        raise _too_short(frame_count)
    if count < FEWEST_TRACKS:
        raise Refused(
            "too_few_tracks",
            f"{count} tracks of 3 or more frames; at least {FEWEST_TRACKS} are needed: "
            "raise tracking.detect.min_tracks or lower tracking.detect.quality_threshold",
        )
    covered = float(np.mean(everything.per_frame >= 6))
    if covered < POSED_SHARE:
        raise Refused(
            "sparse_frames",
            f"only {covered:.0%} of the frames have 6 or more tracks; needed {POSED_SHARE:.0%}: raise "
            "tracking.detect.min_tracks or shorten shot.footage.frame_range",
        )


def _too_short(frame_count: int) -> Refused:
    text = f"{frame_count} frames: too few to certify a camera by; needed {FEWEST_CERTIFIED}"
    return Refused("too_few_frames", f"{text}: widen shot.footage.frame_range")


def _unless_jumped(
    jump: cuts.Jump | None, markers: Observations, size_px: tuple[int, int], solve_all: Callable[[], Found]
) -> Found:
    """What `solve_all` finds, if the tracks that run through the jump agree with it, which is then noted.

    A jump only raises suspicion. Where no camera is found either, or the tracks do not go on as the camera says, it is
    the reason. The tracks are asked both ways: with points from before the jump, and with points from behind it. A
    camera that stands still needs no link.
    """
    try:
        found = solve_all()
    except Refused as refusal:
        if jump is None or refusal.reason.code in (*COUNTED, jump.reason.code):
            raise
        text = f"{jump.reason} (solved all the same, it was refused: {refusal})"
        raise Refused(jump.reason.code, text) from None
    if jump is None or found.status == "static":
        return found
    before = np.arange(markers.frame_count) <= jump.frame
    good_px, turning = GOOD_PX * pixel_scale(size_px), found.status == "tripod"
    asked = [agreed_across(markers, found.projecting, found.lens, side, good_px, turning) for side in (before, ~before)]
    shares = [share for share, count in asked if share is not None and count >= FEWEST_LINKED]
    if not shares:
        most = max(count for _, count in asked)
        found_out = f"only {most} tracks that run through it could be asked whether they agree with the camera found"
    elif min(shares) < LINKED_SHARE:
        found_out = f"only {min(shares):.0%} of the tracks that run through it agree with the camera found"
    else:
        what = jump.reason.text.partition(": ")[0]
        text = f"{what}; {min(shares):.0%} of those that run through it agree with the camera all the same"
        return replace(found, notes=(*found.notes, Reason(jump.reason.code, text)))
    raise Refused(jump.reason.code, f"{jump.reason} ({found_out})")


def hold_out(count: int, seed: int = 0) -> np.ndarray:
    """Mask (count,) of the seeded tenth of the tracks that no solver sees (at least 8 where there are 40)."""
    wanted = max(int(np.ceil(HOLDOUT_SHARE * count)), min(8, count // 5))
    held = np.zeros(count, bool)
    held[np.random.default_rng(seed).permutation(count)[:wanted]] = True
    return held


def _verdict(
    everything: Observations,
    size_px: tuple[int, int],
    focal_px: float,
    camera: schema.Camera,
    settings: schema.Solve,
    free: tuple[str, ...],
    on_step: Callable[[str], None],
    by_libmv: libmv.Run | None,
    first_frame: int,
) -> Found:
    scale = pixel_scale(size_px)
    first = tuple(name for name in free if name not in TERMS)  # the rest waits until cameras and points stand
    held = hold_out(len(everything.track_ids))
    held_out, known = everything.of_tracks(held), everything.of_tracks(~held)
    on_step("verdict")
    if settings.kind == "static" or (settings.kind == "auto" and stands_still(still_share(known, size_px))):
        return _static(known, held_out, size_px, focal_px, camera, settings, scale)
    if everything.frame_count < FEWEST_CERTIFIED:
        raise _too_short(everything.frame_count)
    cut = cuts.find_cut(everything, size_px[0], first_frame)
    if cut:
        raise Refused(cut.code, cut.text)
    starts = [focal_px]
    if "focal" in free and camera.focal_mm is None:
        starts = [0.8 * size_px[0], 1.6 * size_px[0]]
    try:
        parallax = measure_parallax(known, size_px, starts, first, scale)
    except rotations.TooLittle as little:
        raise Refused(
            "too_few_tracks",
            f"{little}: too little to judge the camera by; raise tracking.detect.min_tracks or lower "
            "tracking.clean.min_frames",
        ) from None
    if settings.kind in ("auto", "tripod") and parallax.is_zoom:
        share = np.expm1(np.ptp(parallax.turning_zoom.turning.log_zooms))
        text = f"the focal length changes by {share:.1%}: solved as if with tracking.solve.zoom: true; set it"
        parallax, free = parallax.turning_zoom, (*free, "zoom")
        found = _tripod(known, held_out, parallax, size_px, settings, free, scale, on_step, forced=False)
        return replace(found, warnings=(Reason("zoom", text), *found.warnings))
    if settings.kind == "tripod" or (settings.kind == "auto" and parallax.is_tripod):
        forced = settings.kind != "auto"
        return _tripod(known, held_out, parallax, size_px, settings, free, scale, on_step, forced)
    if settings.kind == "auto" and "focal" not in free:
        freed = measure_parallax(known, size_px, starts, ("focal", *first), scale)
        if freed.is_tripod and abs(np.log(freed.turning.focal_px / focal_px)) > OTHER_FOCAL:
            try:
                return _tripod(known, held_out, parallax, size_px, settings, free, scale, on_step, forced=False)
            except Refused:
                raise Refused(
                    "locked_focal",
                    f"with {focal_px:.0f} px, where the focal length is locked, the camera would have to move; with "
                    f"{freed.turning.focal_px:.0f} px one that only turns explains the tracks: check "
                    "shot.camera.focal_mm and sensor_width_mm or the lens brought along, or set tracking.solve.kind",
                ) from None
    if settings.kind == "auto" and parallax.ratio < SMALL_MOVE_RATIO:
        share = rolling_shutter.turning_read_out(parallax, known, size_px[1], first)
        if share:
            raise Refused(
                "rolling_shutter",
                f"rolling shutter: a camera that turns, its rows read over {abs(share):.0%} of a frame's time, fits "
                "the tracks as well as one that moves; correct the plate for it first",
            )
    starts = None
    if by_libmv is not None:
        starts = partial(libmv.starts, parallax=parallax, size_px=size_px, focal_px=focal_px, free=free, run=by_libmv,
                         max_error_px=settings.clean.max_error_px, on_step=on_step)  # fmt: skip
    try:
        return solve_moving(known, held_out, parallax, size_px, focal_px, settings, free, scale, on_step, starts)
    except Refused as refusal:
        if refusal.reason.code in ("pixel_aspect", "locked_focal"):  # the camera stands but for what it was told
            raise
        # the turning camera explains the picture well enough to work with: say so instead of giving up
        if settings.kind == "auto" and parallax.within_1px > 0.88:
            try:
                found = _tripod(known, held_out, parallax, size_px, settings, free, scale, on_step, forced=False)
            except Refused as second:  # what was looked for first is the reason; neither kind is a way out
                facts = [str(one).partition("; set tracking.solve.kind")[0] for one in (refusal, second)]
                raise Refused(refusal.reason.code, f"{facts[0]}; as a tripod it was refused too: {facts[1]}") from None
            share = f"{parallax.within_1px:.0%} of the markers"
            text = f"taken as a tripod, which explains {share} within 1 px; a camera that moves was refused: {refusal}"
            return replace(found, warnings=(Reason("tripod_instead", text), *found.warnings))
        may_zoom = parallax.ratio > SMALL_MOVE_RATIO and parallax.explained > LEAST_EXPLAINED
        if starts is None and "focal" in free and "zoom" not in free and may_zoom:
            on_step("look for a zoom")
            share = zoom_found(known, held_out, size_px, focal_px, settings, free, scale, on_step)
            if share:
                raise Refused("zoom", f"{focal.zoom_warning(share)} (without: {refusal})") from None
        raise


def _static(known, held_out, size_px, focal_px, camera, settings, scale: float) -> Found:
    lens = Lens(focal_px, focal_px, size_px[0] / 2, size_px[1] / 2)
    pose = np.concatenate([np.eye(3), np.zeros((3, 1))], 1)
    cameras = np.repeat(pose[None], known.frame_count, axis=0)
    certificate = certify(held_out, known, cameras, lens, scale, turning=True, moves=False)
    points = directions_at_infinity(known, cameras, lens)
    errors = marker_errors_px(points, known, cameras, lens)
    warnings = []
    if camera.focal_mm is None:
        text = (
            f"a camera that stands still does not show its focal length: taken as {focal_px:.0f} px "
            "(a guess); set shot.camera.focal_mm"
        )
        warnings.append(Reason("focal_guessed", text))
    still = still_share(known, size_px)
    if still is None:
        text = "tracking.solve.kind is static, but no track is long enough to show that the picture stands still"
        warnings.append(Reason("static_forced", text))
    elif not stands_still(still):
        text = f"tracking.solve.kind is static, but only {still:.0%} of the picture stands still"
        warnings.append(Reason("static_forced", text))
    # what moves in front of a locked-off camera is no fault of the camera: its share does not count
    used = errors < settings.clean.max_error_px
    return Found(
        "static", "static", lens, cameras, known, used, held_out.track_ids, certificate, still or 0.0, tuple(warnings)
    )


def _tripod(known, held_out, parallax, size_px, settings, free, scale, on_step, forced: bool) -> Found:
    on_step("tripod")
    warnings = []
    solving = known.of_tracks(thin(known, 900, 150))
    if parallax.is_lens and "k1" in free and "principal_point" not in free:
        free = (*free, "principal_point")
        text = (
            "only a lens off centre explains the tracks by turning: principal_point was refined too; add it to "
            "tracking.solve.refine"
        )
        warnings.append(Reason("lens_terms_added", text))
    for names in (free, tuple(name for name in free if name != "k2")):
        start = parallax.turning.lens.copy()
        start[2] *= "k2" in names
        try:
            bundle, posed, used, vague = rotations.solve_turning(
                solving, start, names, settings.clean.max_error_px, size_px[0]
            )
        except rotations.TooLittle as little:
            text = f"{little}; set tracking.solve.kind: general or raise solve.clean.max_error_px"
            raise Refused("turning_disagrees", text) from None
        lens = lens_from_vector(bundle.lens)
        if not folds(lens, size_px):
            warnings += vague
            break
        warnings.append(Reason("lens_folds", "k2 was dropped: with it the lens folded over inside the picture"))
    else:
        text = "the lens found folds over inside the picture; set tracking.solve.refine: [focal]"
        raise Refused("lens_folds", text)
    if not has_plausible_focal(lens, size_px):
        text = f"the focal length came out as {lens.fx_px:.0f} px; set shot.camera.focal_mm and lock it"
        raise Refused("focal_unlikely", text)
    cameras = np.full((known.frame_count, 3, 4), np.nan)
    cameras[posed] = np.concatenate([bundle.rotations, np.zeros((len(posed), 3, 1))], 2)
    log_zooms = np.interp(np.arange(known.frame_count), posed, bundle.log_zooms)
    certificate = certify(held_out, known, zoomed(cameras, log_zooms), lens, scale, turning=True)
    fault = certificate.fault()
    if fault and fault.code == "tracks_too_short":
        raise Refused(fault.code, fault.text)
    if fault:
        raise Refused(
            "turning_disagrees",
            f"a turning camera does not explain the tracks: {fault}; "
            + ("set tracking.solve.kind: auto" if forced else "set tracking.solve.kind: general"),
        )
    if not forced and parallax.hardly_moves:
        text = (
            f"between turning and moving: a camera that moves by less than 1 % of the depth fits {parallax.ratio:.2f} "
            "times as well; set tracking.solve.kind if you know which it is"
        )
        warnings.append(Reason("moves_little", text))
    if forced and not parallax.is_tripod:
        text = "tracking.solve.kind is tripod, but the tracks show that the camera moves"
        warnings.append(Reason("tripod_forced", text))
    flat = "focal" in free and focal.focal_rise(parallax.turning, parallax.markers, free) < focal.FLAT_FOCAL_RISE
    if flat:
        text = "the tracks hardly determine the focal length (too little turning); set shot.camera.focal_mm"
        warnings.append(Reason("focal_open", text))
    ids, agreement = held_out.track_ids, certificate.agreement
    locked = None if "focal" in free else focal.doubt_locked_focal(parallax.turning, parallax.markers, free)
    if locked is not None:
        warnings.append(locked)
        agreement *= focal.CONTRADICTED
    aspect = focal.doubt_aspect(parallax.turning, parallax.markers, free, flat) if locked is None else None
    if aspect is not None:
        warnings.append(aspect)
        agreement *= focal.ASPECT_LEFT
    zooms = focal.zoom_share(parallax.turning, parallax.markers, free)
    if zooms:
        warnings.append(focal.zoom_warning(zooms))
        agreement *= focal.ZOOMS
    found = Found("tripod", "tripod", lens, cameras, solving, used, ids, certificate, agreement, tuple(warnings), flat)
    return replace(found, log_zooms=log_zooms if "zoom" in free else None)
