"""pycolmap as the engine: pairs of keyframes, incremental mapping of keyframes, and poses of the other frames.

J. L. Schoenberger and J.-M. Frahm, "Structure-from-Motion Revisited", CVPR 2016. COLMAP's pixels are ours (centre of
the first pixel at 0.5). Everything runs in one thread: sums in another order would give other bytes.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from shotmake.solve.bundle.unjudged_solve import Model

# The import of pycolmap takes over SIGTERM, for a stack trace: block the signal meanwhile, then restore its handler.
_held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
import pycolmap

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM) or signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, _held)

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, undistort
from shotmake.solve.bundle.observations import Observations

SEED = 7
MIN_PAIR_TRACKS = 20
MIN_POSE_MARKERS = 8
PAIR_OFFSETS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50)
# which lens values COLMAP's camera models can refine together
MODELS = {(): "SIMPLE_PINHOLE", ("k1",): "SIMPLE_RADIAL", ("k1", "k2"): "RADIAL"}

pycolmap.logging.minloglevel = pycolmap.logging.FATAL.value if hasattr(pycolmap.logging.FATAL, "value") else 3


def choose_camera_model(refine: tuple[str, ...]) -> str:
    """Return COLMAP's camera model for the coefficients in `refine`. Raises ShotError for k2 without k1."""
    coefficients = tuple(name for name in ("k1", "k2") if name in refine)
    if coefficients not in MODELS:
        raise ShotError(
            "tracking.solve.refine: found k2 without k1; a lens needs k1 first: use [focal, k1, k2] or [focal, k1]"
        )
    return MODELS[coefficients]


def _make_camera(lens: Lens, model: str, size_px: tuple[int, int]) -> pycolmap.Camera:
    camera = pycolmap.Camera.create_from_model_name(1, model, lens.fx_px, *size_px)
    camera.params = [lens.fx_px, lens.cx_px, lens.cy_px, lens.k1, lens.k2][: len(camera.params)]
    return camera


def _read_lens(camera: pycolmap.Camera) -> Lens:
    focal, cx, cy, *coefficients = (float(value) for value in camera.params)
    return Lens(focal, focal, cx, cy, *coefficients, grid=None)


@contextlib.contextmanager
def _hide_stderr() -> Iterator[None]:
    """Hide what COLMAP and Ceres print to stderr from C++: the artist need not see a start that was refused."""
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def _share_lens(cameras: list) -> tuple[Lens, np.ndarray]:
    """Return one lens for the cameras of all keyframes, the median of theirs, and their log zooms (K,)."""
    lenses = [_read_lens(camera) for camera in cameras]
    focal_px = float(np.median([lens.fx_px for lens in lenses]))
    alike = [lens.with_focal_px(focal_px) for lens in lenses]
    k1, k2 = (float(np.median([getattr(one, name) for one in alike])) for name in ("k1", "k2"))
    middle = Lens(focal_px, focal_px, alike[0].cx_px, alike[0].cy_px, k1, k2)
    return middle, np.log([lens.fx_px / focal_px for lens in lenses])


@dataclass(frozen=True)
class Pairs:
    """Keyframes, and what COLMAP says of each two of them that share enough tracks.

    COLMAP looks at the guess of the focal length only if it is told; else the same pairs serve every guess.
    keyframes (K,): frame indices. markers: those of the keyframes, renumbered. rows: of each keyframe, its markers.
    found: (keyframe, keyframe, matches (P, 2), geometry).
    """

    markers: Observations
    keyframes: np.ndarray
    size_px: tuple[int, int]
    rows: list[np.ndarray]
    found: list[tuple[int, int, np.ndarray, pycolmap.TwoViewGeometry]]


def pair_keyframes(
    all_markers: Observations, keyframes: np.ndarray, size_px: tuple[int, int], focal_px: float, refine: tuple[str, ...]
) -> Pairs:
    """Estimate the geometry of pairs of keyframes (K,), which are frame indices.

    focal_px: the first guess. refine: the lens values that may change. Raises ShotError for k2 without k1.
    """
    markers = all_markers.select_frames(keyframes, min_markers=2)
    camera = _guess_camera(size_px, focal_px, refine)
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(len(keyframes) + 1))
    rows = [order[a:b] for a, b in pairwise(bounds)]
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.max_error = 2.0
    options.ransac.random_seed = SEED
    pairs = [(a, a + offset) for a in range(len(keyframes)) for offset in PAIR_OFFSETS if a + offset < len(keyframes)]
    found = []
    for first, second in pairs:
        _, in_first, in_second = np.intersect1d(
            markers.track[rows[first]], markers.track[rows[second]], assume_unique=True, return_indices=True
        )
        if len(in_first) < MIN_PAIR_TRACKS:
            continue
        matches = np.stack([in_first, in_second], 1).astype(np.uint32)
        both = (markers.xy_px[rows[first]], markers.xy_px[rows[second]])
        geometry = pycolmap.estimate_two_view_geometry(camera, both[0], camera, both[1], matches, options)
        found.append((first, second, matches, geometry))
    return Pairs(markers, keyframes, size_px, rows, found)


def _guess_camera(size_px: tuple[int, int], focal_px: float, refine: tuple[str, ...]) -> pycolmap.Camera:
    lens = Lens(focal_px, focal_px, size_px[0] / 2, size_px[1] / 2)
    camera = _make_camera(lens, choose_camera_model(refine), size_px)
    camera.has_prior_focal_length = "focal" not in refine
    return camera


def map_keyframes(
    pairs: Pairs, all_markers: Observations, focal_px: float, refine: tuple[str, ...], forward: bool = False
) -> Model | None:
    """Run COLMAP's incremental pipeline on keyframes.

    Returns None if no model has three keyframes or more. focal_px: the first guess. forward: allow a first pair that
    moves along the view axis (a dolly), with few tracks or little angle.
    """
    pycolmap.set_random_seed(SEED)
    camera = _guess_camera(pairs.size_px, focal_px, refine)
    database = _fill_database(pairs, camera, has_own_lenses="zoom" in refine)
    manager = pycolmap.ReconstructionManager()
    with _hide_stderr():
        pycolmap.IncrementalPipeline(_make_pipeline_options(refine, forward), database, manager).run()
    database.close()
    models = [manager.get(index) for index in range(manager.size())]
    if not models:
        return None
    largest = max(models, key=lambda one: one.num_reg_images())
    if largest.num_reg_images() < 3:
        return None
    return _read_model(largest, pairs, all_markers)


def _fill_database(pairs: Pairs, camera: pycolmap.Camera, has_own_lenses: bool) -> pycolmap.Database:
    """Return COLMAP's database of the pairs. has_own_lenses: every keyframe has a camera of its own."""
    database = pycolmap.Database.open(":memory:")
    for number in range(1, len(pairs.keyframes) + 1 if has_own_lenses else 2):
        camera.camera_id = number
        database.write_camera(camera, use_camera_id=True)
        rig = pycolmap.Rig(rig_id=number)
        rig.add_ref_sensor(camera.sensor_id)
        database.write_rig(rig, use_rig_id=True)
    for index in range(len(pairs.keyframes)):
        number = index + 1 if has_own_lenses else 1
        image = pycolmap.Image(name=f"{index:06d}", camera_id=number, image_id=index + 1)
        database.write_image(image, use_image_id=True)
        frame = pycolmap.Frame(frame_id=index + 1, rig_id=number)
        frame.add_data_id(database.read_image(index + 1).data_id)
        database.write_frame(frame, use_frame_id=True)
        database.write_keypoints(index + 1, pairs.markers.xy_px[pairs.rows[index]].astype(np.float32))
    for first, second, matches, geometry in pairs.found:
        database.write_matches(first + 1, second + 1, matches)
        database.write_two_view_geometry(first + 1, second + 1, geometry)
    return database


def _read_model(solved: pycolmap.Reconstruction, pairs: Pairs, all_markers: Observations) -> Model:
    poses = np.full((all_markers.frame_count, 3, 4), np.nan)
    registered = sorted(solved.reg_image_ids())
    for image_id in registered:
        poses[pairs.keyframes[image_id - 1]] = solved.image(image_id).cam_from_world().matrix()
    points = np.full((len(all_markers.track_ids), 4), np.nan)
    track_of = np.searchsorted(all_markers.track_ids, pairs.markers.track_ids)
    for point_id in sorted(solved.points3D.keys()):
        point = solved.point3D(point_id)
        element = point.track.elements[0]
        index = pairs.markers.track[pairs.rows[element.image_id - 1][element.point2D_idx]]
        points[track_of[index]] = [*point.xyz, 1.0]
    lens, log_zooms = _share_lens([solved.camera(solved.image(one).camera_id) for one in registered])
    log_zooms = np.interp(np.arange(len(poses)), pairs.keyframes[np.array(registered) - 1], log_zooms)
    return Model(lens, poses, points, np.zeros(len(all_markers), bool), log_zooms)


def _make_pipeline_options(refine: tuple[str, ...], forward: bool) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.extract_colors = False
    options.multiple_models = False
    options.random_seed = SEED
    options.num_threads = 1
    options.ba_refine_focal_length = "focal" in refine
    options.ba_refine_extra_params = "k1" in refine
    options.min_focal_length_ratio, options.max_focal_length_ratio = 0.2, 15.0
    mapper = options.mapper
    mapper.init_min_tri_angle = 2.0 if forward else 6.0
    mapper.init_max_forward_motion = 1.0 if forward else 0.95
    mapper.init_min_num_inliers = 25 if forward else 40
    mapper.abs_pose_min_num_inliers = 15
    mapper.abs_pose_max_error = 6.0
    mapper.abs_pose_refine_focal_length = "focal" in refine
    mapper.abs_pose_refine_extra_params = False
    mapper.filter_max_reproj_error = 3.0
    mapper.filter_min_tri_angle = 1.0
    mapper.ba_global_ignore_redundant_points3D = False
    mapper.random_seed = SEED
    mapper.num_threads = 1
    options.triangulation.min_angle = 1.0
    options.triangulation.random_seed = SEED
    return options


def pose_frames(model: Model, markers: Observations, wanted: np.ndarray, max_error_px: float) -> Model:
    """Add poses of the `wanted` (N,) frames from the model's points, where that succeeds.

    A frame without a pose takes its zoom from its neighbours. RANSAC PnP and refinement by COLMAP, with the model's
    lens taken out of the markers. Raises ShotError when the lens folds over inside the picture.
    """
    if not model.posed.any():
        return model
    lens = model.lens
    camera = _make_camera(lens.without_distortion(), "SIMPLE_PINHOLE", (int(2 * lens.cx_px), int(2 * lens.cy_px)))
    log_zooms = np.interp(np.arange(len(model.posed)), np.flatnonzero(model.posed), model.log_zooms[model.posed])
    plane = undistort(lens.normalised_from_px(markers.xy_px), lens) / np.exp(log_zooms)[markers.frame, None]
    xy_px = lens.px_from_normalised(plane)
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = max_error_px
    options.ransac.random_seed = SEED
    options.ransac.max_num_trials = 300
    refinement = pycolmap.AbsolutePoseRefinementOptions()
    poses = model.cam_from_world.copy()
    known = np.isfinite(model.points[:, 0])
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    for frame in np.flatnonzero(wanted):
        rows = order[bounds[frame] : bounds[frame + 1]]
        rows = rows[known[markers.track[rows]]]
        if len(rows) < MIN_POSE_MARKERS:
            continue
        points = model.points[markers.track[rows]]
        found = pycolmap.estimate_and_refine_absolute_pose(
            xy_px[rows], points[:, :3] / points[:, 3:], camera, options, refinement
        )
        if found is not None and found["num_inliers"] >= max(MIN_POSE_MARKERS, 0.25 * len(rows)):
            poses[frame] = found["cam_from_world"].matrix()
    return replace(model, cam_from_world=poses, log_zooms=log_zooms)
