"""An imported camera meets the tracks of a shot.

Fixed: its frames stay as they are to the last digit, and the shot's other frames join. Points are triangulated from the
imported frames, and frames that see enough of these points are posed, in rounds outward. Only new frames and points are
adjusted. Not fixed: the imported cameras are the start of an adjustment of all frames, which is put back onto the
imported path after it. In both cases lens and world are those of the file, and the certificate is that of any solve.
"""

from dataclasses import replace

import numpy as np

from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.change_of_world import World
from shotmake.geometry.lens import Lens, undistort
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale, thin
from shotmake.solve.bundle.stillness import STILL_SHARE, measure_stillness
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, find_directions
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks import focal, rolling_shutter, shared_errors
from shotmake.solve.checks.candidate_and_refusal import POSED_SHARE, Candidate, Refused, doubt_by_certificate
from shotmake.solve.checks.certify import FEWEST_LINKED, certify, measure_agreement
from shotmake.solve.links.measure_links import GOOD_PX
from shotmake.solve.moving import thin_bundle
from shotmake.solve.problem import SolveInputs
from shotmake.solve.record import Solution, make_refused_solution
from shotmake.solve.result import make_solution
from shotmake.solve.start.join_frames import ROUNDS_LAST, Joining
from shotmake.solve.tries import ALL_TRACKS
from shotmake.solve.verdict import hold_out
from shotmake.solve.witness.witness import ask_witness

FIT_SHARE = 0.5  # share of the tracks: if fewer fit the imported cameras, these belong to another shot
LINKED_REFUSED, LINKED_WARNED = 0.4, 0.75  # share of tracks whose points, from imported frames only, fit new ones
GATES = (1.5, 1.0)  # x clean.max_error_px, of the last adjustments


def extend_imported(inputs: SolveInputs, imported: Cameras) -> Solution:
    """Solve the plate frames `inputs.frames` from tracks and the imported cameras of some of them.

    inputs.settings.known says how. Status and kind are those of `imported`. Imported cameras that do not fit the
    tracks, and new frames that disagree with them, give the status refused. Raises ShotError for another engine than
    colmap, for a zoom in the settings or in the file, when settings.known.frames holds no imported camera, and for
    settings that contradict each other or the size of the imported world.
    """
    settings, size_px, frames = inputs.settings, inputs.size_px, inputs.frames
    if settings.engine != "colmap":
        raise ShotError(f"tracking.solve.engine: found {settings.engine} with imported cameras; needed colmap ({KEY})")
    if settings.zoom:
        raise ShotError(f"tracking.solve.zoom: found true with imported cameras; needed false ({KEY})")
    if imported.focal_px_per_frame is not None:
        raise ShotError(
            f"{imported.name}: found a zoom; imported cameras need one focal length: use it as it is with "
            f"shot.camera.from_tracking: false ({KEY})"
        )
    imported = _choose(imported, settings.known.frames)
    tripod, fixed = imported.status != "solved", settings.known.fixed
    everything = inputs.all_markers
    is_imported = np.zeros(everything.frame_count, bool)
    is_imported[imported.frames - frames[0]] = True
    cameras = np.full((everything.frame_count, 3, 4), np.nan)
    cameras[is_imported] = imported.cam_from_world
    shift = find_camera_centres(imported.cam_from_world).mean(0) if tripod else np.zeros(3)
    if tripod:
        cameras[:, :, 3] = 0
        cameras[~is_imported, :, 3] = np.nan
    try:
        candidate = _find_candidate(inputs, everything, cameras, is_imported, imported)
    except Refused as refusal:
        return make_refused_solution(refusal.reason, size_px, settings.engine)
    if candidate.status != "static":
        candidate = doubt_by_certificate(
            shared_errors.notice_shared_errors(rolling_shutter.notice_rolling_shutter(candidate, size_px[1]), size_px)
        )
    if inputs.look is not None:
        inputs.on_step("ask the second witness")
        candidate = ask_witness(candidate, size_px, inputs.look)
        if isinstance(candidate, Reason):
            return make_refused_solution(candidate, size_px, settings.engine)
    inputs.on_step("record")
    kept = fixed or candidate.status == "static"
    if kept:  # doubts about the imported cameras stay doubts
        said = tuple(warning.with_name(imported.name) for warning in imported.warnings)
        sure = 1.0 if imported.confidence is None else imported.confidence
        candidate = replace(candidate, warnings=(*said, *candidate.warnings), agreement=min(candidate.agreement, sure))
    world = World(np.eye(3), shift, 1.0, True, imported.scale_known, _note_unheeded(settings, imported.name))
    solution = make_solution(candidate, everything, size_px, settings, world)
    stands = solution.record["status"] != "refused"  # with too many doubts it does not
    return replace(solution, record=_keep_imported(solution.record, imported)) if kept and stands else solution


def _choose(imported: Cameras, span: list[int] | None) -> Cameras:
    """Return the cameras of the frames first..last of `span`, or all for None. Raises ShotError when there are none."""
    if span is None:
        return imported
    chosen = (imported.frames >= span[0]) & (imported.frames <= span[1])
    if not chosen.any():
        there = f"{imported.name} has poses for {imported.frames[0]} to {imported.frames[-1]} of the shot"
        raise ShotError(f"tracking.solve.known.frames: found {span}; {there}")
    return replace(imported, frames=imported.frames[chosen], cam_from_world=imported.cam_from_world[chosen])


def _keep_imported(record: dict, imported: Cameras) -> dict:
    """Return the record with the imported numbers in place of those that went through the solve."""
    rows = imported.cam_from_world.reshape(-1, 12).tolist()
    own = dict.fromkeys(record["frames"], rows[0]) if imported.status == "static" else {}
    own |= zip(imported.frames.tolist(), rows, strict=True)
    matrices = [own.get(frame, row) for frame, row in zip(record["frames"], record["cam_from_world"], strict=True)]
    return {**record, "cam_from_world": matrices, "lens": imported.lens.to_json()}


def _note_unheeded(settings: schema.Solve, name: str) -> tuple[Reason, ...]:
    if settings.orient == schema.Orient():
        return ()
    return (Reason("world_kept", f"the world is that of {name}; tracking.solve.orient is not applied to it again"),)


def _find_candidate(
    inputs: SolveInputs, everything: Observations, cameras: np.ndarray, is_imported: np.ndarray, imported: Cameras
) -> Candidate:
    settings, size_px, on_step = inputs.settings, inputs.size_px, inputs.on_step
    scale, max_error_px = compute_pixel_scale(size_px), settings.clean.max_error_px
    held = hold_out(len(everything.track_ids))
    held_out, solving = everything.select_tracks(held), everything.select_tracks(~held)
    if imported.status == "static":
        return _solve_still(solving, held_out, cameras, imported, size_px, scale, max_error_px)
    tripod = imported.status == "tripod"
    solving = solving.select_tracks(thin(solving, ALL_TRACKS, 200))
    refine = () if settings.known.fixed else replace(inputs, lens=None).list_refined()
    lens, warnings = imported.lens, []
    if refine and lens.fx_px != lens.fy_px:
        refine = ()
        text = f"the lens of {imported.name} was kept: with an aspect it cannot be refined here"
        warnings.append(Reason("lens_kept", text))
    if refine and lens.grid is not None:
        refine = ()
        warnings.append(Reason("lens_kept", f"the lens of {imported.name} was kept: its distortion is no formula's"))
    # a lens that stays is taken out of the markers: then any lens is fitted as a pinhole
    markers, view = (solving, lens) if refine else _remove_lens(solving, lens)
    nothing = np.zeros((len(solving.track_ids), 4)), np.zeros(len(solving), bool), np.zeros(len(cameras))
    model = Model(view, cameras, *nothing)
    joining = Joining(markers, size_px, tripod, refine, max_error_px)
    if not settings.known.fixed:
        on_step("adjust the imported frames")
        model = joining.adjust_rough(model)
    misses_px = joining.measure_misses_px(model)
    if not len(misses_px):
        raise Refused(
            "too_few_tracks",
            f"no track is seen often enough by the cameras of {imported.name} to be compared with them; give more of "
            "its "
            "frames (tracking.solve.known.frames) or raise tracking.detect.min_tracks",
        )
    share = float(np.mean(np.append(misses_px, np.inf) < GOOD_PX * scale))
    if share < FIT_SHARE:
        raise Refused(
            "camera_disagrees",
            f"the cameras of {imported.name} fit only {share:.0%} of the tracks within {GOOD_PX * scale:.1f} px; check "
            f"{KEY}, leave out frames with tracking.solve.known.frames, or refine it with known.fixed: false",
        )
    on_step("pose the new frames")
    model = joining.grow(model, is_imported)
    on_step("adjust the new frames" if settings.known.fixed else "adjust all frames")
    stays = is_imported if settings.known.fixed else np.zeros_like(is_imported)
    for gate in GATES:
        model = joining.adjust(joining.locate(model, gate * max_error_px), stays, ROUNDS_LAST)
    model = joining.locate(model, max_error_px)
    if model.posed.mean() < POSED_SHARE:
        raise Refused(
            "frames_without_camera",
            f"only {model.posed.mean():.0%} of the frames have a camera or could be posed from {imported.name}; needed "
            f"{POSED_SHARE:.0%}: raise tracking.detect.min_tracks or shorten shot.footage.frame_range",
        )
    if refine:
        lens = model.lens
        if has_fold(lens, size_px) or not has_plausible_focal(lens, size_px):
            text = f"the lens of {imported.name} ran away to {lens.fx_px:.0f} px; set tracking.solve.refine: []"
            raise Refused("lens_folds" if has_plausible_focal(lens, size_px) else "focal_unlikely", text)
    posed = _put_back(model.cam_from_world, cameras, is_imported) if not settings.known.fixed else model.cam_from_world
    certificate = certify(held_out, solving, posed, lens, scale, tripod)
    candidate = Candidate(
        imported.status,
        imported.kind,
        lens,
        posed,
        solving,
        model.used,
        held_out.track_ids,
        certificate,
        certificate.agreement,
        tuple(warnings),
    )
    return _judge(candidate, everything, is_imported, imported.name, GOOD_PX * scale, refine)


def _judge(
    candidate: Candidate,
    everything: Observations,
    is_imported: np.ndarray,
    name: str,
    good_px: float,
    refine: tuple[str, ...],
) -> Candidate:
    """Add the warnings about the solve. Raises Refused when it cannot stand."""
    new = ~is_imported
    warnings, agreement = list(candidate.warnings), candidate.agreement
    fault = candidate.certificate.find_fault()
    if fault:
        if fault.code == "tracks_too_short":
            raise Refused(fault.code, fault.text)
        text = f"with the cameras of {name} the solve is not to be trusted: {fault}; check {KEY}"
        raise Refused(fault.code, text)
    posed = np.isfinite(candidate.cam_from_world[:, 0, 0])
    if (new & posed).any():
        tripod = candidate.status != "solved"
        share, count = measure_agreement(
            everything, candidate.cam_from_world, candidate.lens, is_imported, good_px, tripod
        )
        if share is None or count < FEWEST_LINKED:
            text = f"only {count} tracks link the new frames to those of {name}: look for slip there"
            warnings.append(Reason("new_frames_loose", text))
            agreement *= 0.7
        elif share < LINKED_REFUSED:
            raise Refused(
                "new_frames_disagree",
                f"the new frames disagree with the cameras of {name}: only {share:.0%} of the tracks that link them "
                f"fit both; end tracking.solve.known.frames earlier, or set tracking.solve.known.fixed: false",
            )
        elif share < LINKED_WARNED:
            text = f"the new frames fit {share:.0%} of the tracks that link them to those of {name}"
            warnings.append(Reason("new_frames_disagree", text))
            agreement = min(agreement, share)
    flat = False
    if "focal" in refine and candidate.status == "solved":
        flat = focal.measure_focal_rise(*thin_bundle(candidate), refine) < focal.FLAT_FOCAL_RISE
        if flat:
            text = "the tracks hardly determine the focal length; set shot.camera.focal_mm"
            warnings.append(Reason("focal_open", text))
    return replace(candidate, warnings=tuple(warnings), agreement=agreement, flat_focal=flat)


def _solve_still(
    solving: Observations,
    held_out: Observations,
    cameras: np.ndarray,
    imported: Cameras,
    size_px: tuple[int, int],
    scale: float,
    max_error_px: float,
) -> Candidate:
    """Return the solve of a locked-off camera. Raises Refused when the picture does not stand still."""
    stillness = measure_stillness(solving, size_px)
    if stillness is None or not stillness.is_still:
        seen = "no track is long enough to show that the picture does"
        if stillness is not None:
            seen = f"only {stillness.share:.0%} of the picture does"
        raise Refused(
            "too_few_tracks" if stillness is None else "camera_disagrees",
            f"the camera of {imported.name} stands still, but {seen}; needed "
            f"{STILL_SHARE:.0%}: solve the shot without {KEY}",
        )
    pose = np.concatenate([imported.cam_from_world[0, :, :3], np.zeros((3, 1))], 1)
    poses = np.where(np.isfinite(cameras), cameras, pose)
    certificate = certify(held_out, solving, poses, imported.lens, scale, tripod=True, moves=False)
    points = find_directions(solving, poses, imported.lens)
    used = compute_marker_errors_px(points, solving, poses, imported.lens) < max_error_px
    ids, share = held_out.track_ids, stillness.share
    return Candidate("static", "static", imported.lens, poses, solving, used, ids, certificate, share)


def _remove_lens(markers: Observations, lens: Lens) -> tuple[Observations, Lens]:
    """Move the markers to where a pinhole camera of the same focal length has them. Returns them and its lens."""
    pinhole = Lens(lens.fx_px, lens.fx_px, lens.cx_px, lens.cy_px)
    plane = undistort(lens.normalised_from_px(markers.xy_px), lens)
    return replace(markers, xy_px=pinhole.px_from_normalised(plane)), pinhole


def _put_back(cameras: np.ndarray, imported: np.ndarray, is_imported: np.ndarray) -> np.ndarray:
    """Put adjusted cameras (N, 3, 4) into the world of the imported ones.

    The views of the imported frames say how to turn them, the centres how to scale and shift them (views tell the turn
    of a straight path too).
    """
    both = is_imported & np.isfinite(cameras[:, 0, 0])
    ours, theirs = cameras[both], imported[both]
    u, _, vt = np.linalg.svd(np.einsum("nji,njk->ik", theirs[:, :, :3], ours[:, :, :3]))
    turn = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt  # theirs ~ turn @ ours
    here, there = find_camera_centres(ours) @ turn.T, find_camera_centres(theirs)
    middle, target = here.mean(0), there.mean(0)
    spread = float(((here - middle) ** 2).sum())
    size = float(((here - middle) * (there - target)).sum()) / spread if spread > 1e-18 else 1.0
    return World(turn, target - size * middle, size, True, True, ()).transform_cameras(cameras)
