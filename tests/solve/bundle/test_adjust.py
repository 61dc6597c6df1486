"""The adjustment: its steps against the whole equations, its minimum against Ceres, and long tracks in pieces."""

from dataclasses import replace

import numpy as np
import pycolmap
import pytest

from helpers.plates.simulated import Simulated, simulate
from shotmake.geometry.lens import Lens
from shotmake.solve.bundle import reduced_system
from shotmake.solve.bundle.adjust import (
    LENS_NAMES,
    Bundle,
    adjust,
    compute_cauchy_cost,
    compute_lens_covariance,
    compute_residuals_px,
    derive,
)
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.to_and_from_bundle import bundle_of, cameras_of

LENS = ("focal", "k1", "k2")


def start_of(shot: Simulated, moved: float = 0.01) -> tuple[Bundle, Observations]:
    """The true cameras, moved a little, and the lens 5 % off."""
    markers = Observations.from_tracks(shot.tracks, shot.frames)
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    bundle, _, _ = bundle_of(cameras, markers, Lens.from_json(shot.truth["lens"]), np.zeros(len(cameras)))
    random = np.random.default_rng(1)
    translations = bundle.translations + random.normal(0, moved, bundle.translations.shape)
    return replace(bundle, translations=translations, lens=bundle.lens + 0.05 * np.eye(8)[0]), markers


@pytest.fixture(scope="module")
def shot() -> Simulated:
    return simulate("orbit", seed=3, frame_count=40, visible=60)


def whole_equations(bundle: Bundle, markers: Observations, free: tuple[str, ...], moving: np.ndarray):
    """Weighted and dense: the Jacobian (2 M, C c + L + P p) and the residuals (2 M,)."""
    slopes, general = derive(bundle, markers), bundle.general
    zooms = "zoom" in free
    lens_free = [name in free and not (name == "focal" and zooms) for name in LENS_NAMES]
    by_camera = [slopes.by_turn]
    tangents = reduced_system.find_tangents(bundle.directions)
    by_track = [slopes.by_point @ bundle.rotations[markers.frame] @ tangents[markers.track]]
    if general:
        by_camera.append(slopes.by_point * bundle.inverse_depths[markers.track][:, None, None])
        by_track.append(slopes.by_point @ bundle.translations[markers.frame][:, :, None])
    if zooms:
        by_camera.append(slopes.by_zoom[:, :, None])
    by_camera, by_track = np.concatenate(by_camera, 2), np.concatenate(by_track, 2)
    c, p, place = by_camera.shape[2], by_track.shape[2], np.cumsum(moving) - 1
    camera_columns, lens_columns = int(moving.sum()) * c, int(sum(lens_free))
    jacobian = np.zeros((len(markers), 2, camera_columns + lens_columns + len(bundle.directions) * p))
    for row, (frame, track) in enumerate(zip(markers.frame, markers.track, strict=True)):
        if moving[frame]:
            jacobian[row, :, place[frame] * c : (place[frame] + 1) * c] = by_camera[row]
        jacobian[row, :, camera_columns : camera_columns + lens_columns] = slopes.by_lens[row][:, lens_free]
        at = camera_columns + lens_columns + track * p
        jacobian[row, :, at : at + p] = by_track[row]
    weight = 1 / np.sqrt(1 + (slopes.residuals**2).sum(1))
    return (jacobian * weight[:, None, None]).reshape(2 * len(markers), -1), (
        slopes.residuals * weight[:, None]
    ).ravel()


@pytest.mark.parametrize("band", [120, 12])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(("general", "free"), [(True, LENS), (True, (*LENS, "zoom")), (False, LENS), (True, ())])
def test_a_step_is_that_of_the_whole_equations(monkeypatch, band, held, general, free):
    """In a band of all cameras, and with long tracks in pieces."""
    monkeypatch.setattr(reduced_system, "BAND", band)
    monkeypatch.setattr(reduced_system, "SOLVED", 1e-12)
    bundle, markers = start_of(simulate("orbit", seed=3, frame_count=30, visible=25))
    if not general:
        still = np.zeros_like(bundle.translations)
        bundle = replace(bundle, translations=still, inverse_depths=np.zeros(len(bundle.directions)), general=False)
    moving = np.arange(30) % 3 > 0 if held else np.ones(30, bool)
    lens_free = np.array([name in free and not (name == "focal" and "zoom" in free) for name in LENS_NAMES])
    layout = reduced_system.lay_out(markers, moving, lens_free, (6 if general else 3) + ("zoom" in free))
    assert len(layout.cut) == 0 if band == 120 else len(layout.cut) > 5
    jacobian, residuals = whole_equations(bundle, markers, free, moving)
    damping = 1e-3
    parts = (
        bundle.rotations,
        bundle.translations,
        bundle.log_zooms,
        bundle.directions,
        bundle.inverse_depths,
        bundle.lens,
    )
    equations = reduced_system.reduce_system(reduced_system.Parts(*parts), layout, np.ones(len(markers)), 1.0, damping)
    cameras = len(equations.diagonal)
    lens_damping = np.ones(int(lens_free.sum()))
    step = reduced_system.solve_reduced(equations, damping, lens_damping)
    points = reduced_system.step_points(equations, layout, step)

    squares = jacobian.T @ jacobian
    diagonal = np.diag(squares).copy()
    extra = damping * diagonal
    extra[:cameras] += 1e-9 * diagonal[:cameras].mean() + 1e-9
    extra[cameras - len(lens_damping) : cameras] += lens_damping
    size = 3 if general else 2
    trace = diagonal[cameras:].reshape(-1, size).sum(1)
    extra[cameras:] += np.repeat(1e-9 * trace + 1e-9, size)
    wanted = -np.linalg.solve(squares + np.diag(extra), jacobian.T @ residuals)
    assert np.allclose(step, wanted[:cameras], rtol=1e-5, atol=1e-7 * np.abs(wanted).max())
    assert np.allclose(points.ravel(), wanted[cameras:], rtol=1e-4, atol=1e-6 * np.abs(wanted).max())


def test_long_tracks_in_pieces_end_in_the_same_minimum(monkeypatch, shot):
    bundle, markers = start_of(shot)
    whole = adjust(bundle, markers, LENS, 15, tolerance=1e-9)
    monkeypatch.setattr(reduced_system, "BAND", 15)
    cut = adjust(bundle, markers, LENS, 15, tolerance=1e-9)
    costs = [compute_cauchy_cost(compute_residuals_px(one, markers)) for one in (bundle, whole, cut)]
    assert costs[0] > 3 * costs[1] and costs[2] == pytest.approx(costs[1], rel=1e-7)
    assert np.abs(cut.lens - whole.lens).max() < 1e-6


def test_the_minimum_is_that_of_ceres(shot):
    """The same problem by pycolmap's adjustment, with the lens and two cameras held: an independent check."""
    bundle, markers = start_of(shot)
    lens = replace(Lens.from_json(shot.truth["lens"]))
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    bundle, middle, size = bundle_of(cameras, markers, lens, np.zeros(len(cameras)))
    random = np.random.default_rng(2)
    held = np.arange(len(cameras)) % 20 == 0
    noise = random.normal(0, 0.01, bundle.translations.shape) * ~held[:, None]
    bundle = replace(bundle, translations=bundle.translations + noise)
    ours = adjust(bundle, markers, (), 50, tolerance=1e-12, fixed=held)
    theirs = by_ceres(cameras_of(bundle, middle, size), points_of(bundle, middle, size), markers, lens, held)
    placed = cameras_of(ours, middle, size)
    reach = np.linalg.norm(np.ptp(cameras[:, :, 3], axis=0))
    assert np.abs(placed - theirs).max() < 1e-5 * reach
    there, _, _ = bundle_of(theirs, markers, lens, np.zeros(len(cameras)))
    again = adjust(there, markers, (), 50, tolerance=1e-12, fixed=np.ones(len(cameras), bool))
    costs = [compute_cauchy_cost(compute_residuals_px(one, markers)) for one in (ours, again)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)


def points_of(bundle: Bundle, middle: np.ndarray, size: float) -> np.ndarray:
    return bundle.directions / bundle.inverse_depths[:, None] * size + middle


def by_ceres(
    cameras: np.ndarray, points: np.ndarray, markers: Observations, lens: Lens, held: np.ndarray
) -> np.ndarray:
    made = pycolmap.Reconstruction()
    camera = pycolmap.Camera.create_from_model_name(1, "RADIAL", lens.fx_px, int(2 * lens.cx_px), int(2 * lens.cy_px))
    camera.params = [lens.fx_px, lens.cx_px, lens.cy_px, lens.k1, lens.k2]
    made.add_camera_with_trivial_rig(camera)
    elements: dict[int, list[tuple[int, int]]] = {}
    for frame, pose in enumerate(cameras):
        rows = np.flatnonzero(markers.frame == frame)
        image = pycolmap.Image(name=f"{frame}", keypoints=markers.xy_px[rows], camera_id=1, image_id=frame + 1)
        made.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pose))
        for at, track in enumerate(markers.track[rows]):
            elements.setdefault(int(track), []).append((frame + 1, at))
    for track, seen in sorted(elements.items()):
        together = pycolmap.Track()
        for image_id, at in seen:
            together.add_element(image_id, at)
        made.add_point3D(points[track], together)
    config = pycolmap.BundleAdjustmentConfig()
    for frame in range(len(cameras)):
        config.add_image(frame + 1)
        if held[frame]:
            config.set_constant_rig_from_world_pose(made.image(frame + 1).frame_id)
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_extra_params = options.refine_principal_point = False
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = 1.0
    solver = options.ceres.solver_options
    solver.max_num_iterations, solver.num_threads = 200, 1
    solver.function_tolerance = solver.gradient_tolerance = solver.parameter_tolerance = 1e-14
    pycolmap.create_default_bundle_adjuster(options, config, made).solve()
    return np.array([made.image(frame + 1).cam_from_world().matrix() for frame in range(len(cameras))])


def test_the_covariance_of_the_lens_is_that_of_the_whole_equations(shot):
    bundle, markers = start_of(simulate("orbit", seed=3, frame_count=30, visible=25), moved=0.0)
    bundle = adjust(bundle, markers, LENS, 20)
    _, covariance = compute_lens_covariance(bundle, markers, LENS, 1.0, 1.0)
    jacobian, residuals = whole_equations(bundle, markers, LENS, np.ones(30, bool))
    squares = jacobian.T @ jacobian
    lens_at = 30 * 6
    inverse = np.linalg.inv(squares + 1e-9 * np.diag(np.diag(squares)))[lens_at : lens_at + 3, lens_at : lens_at + 3]
    variance = (residuals**2).sum() / (2 * len(markers) - lens_at - 3 - 3 * len(bundle.directions))
    assert np.allclose(covariance, variance * inverse, rtol=1e-2)


@pytest.mark.parametrize("gone", [slice(20, 21), slice(8, 40), slice(0, 32)])
def test_a_camera_without_markers_stays_and_the_others_are_adjusted(shot, gone):
    """Also where they fill whole tiles of the system."""
    start, markers = start_of(shot, 0.002)
    left = markers.select(~np.isin(markers.frame, np.arange(40)[gone]))
    there = left.lengths > 0
    left = left.select_tracks(there)
    start = replace(start, directions=start.directions[there], inverse_depths=start.inverse_depths[there])
    seen = np.bincount(left.frame, minlength=40) > 0
    done = adjust(start, left, LENS)
    assert not seen.all() and (done.translations[~seen] == start.translations[~seen]).all()
    assert (done.rotations[~seen] == start.rotations[~seen]).all()
    used = left.select_frames(np.flatnonzero(seen), min_markers=1)
    at = np.searchsorted(left.track_ids, used.track_ids)
    alone = replace(
        start,
        rotations=start.rotations[seen],
        translations=start.translations[seen],
        directions=start.directions[at],
        inverse_depths=start.inverse_depths[at],
        log_zooms=start.log_zooms[seen],
    )
    expected = adjust(alone, used, LENS)
    assert not np.allclose(expected.lens, start.lens, atol=1e-3)  # it was adjusted
    assert np.allclose(done.lens, expected.lens, atol=1e-9)
    assert np.allclose(done.translations[seen], expected.translations, atol=1e-9)
