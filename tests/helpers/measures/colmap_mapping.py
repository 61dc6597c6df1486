"""COLMAP's own incremental mapping of a track set, as its users run it: none of our choices, none of our code."""

import contextlib
import os
from collections.abc import Iterator

import numpy as np
import pycolmap

from shotmake.geometry.lens import Lens
from shotmake.tracks.markers import Tracks

WINDOW_FRAMES = 20  # every pair of frames so close is matched, by the tracks they share
FEWEST_MATCHES = 15
SEED = 0


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """COLMAP and Ceres print to stderr from C++, whatever the log level."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def mapped_by_colmap(tracks: Tracks, size_px: tuple[int, int], focal_px: float) -> dict:
    """The largest model of COLMAP's default pipeline over all frames, after a last global adjustment, as a record."""
    camera = pycolmap.Camera.create_from_model_name(1, "RADIAL", focal_px, *size_px)
    database = pycolmap.Database.open(":memory:")
    database.write_camera(camera, use_camera_id=True)
    rig = pycolmap.Rig(rig_id=1)
    rig.add_ref_sensor(camera.sensor_id)
    database.write_rig(rig, use_rig_id=True)
    numbers = np.unique(tracks.frame)
    rows = {int(number): np.flatnonzero(tracks.frame == number) for number in numbers}
    for image_id, number in enumerate(rows, 1):
        database.write_image(pycolmap.Image(name=str(number), camera_id=1, image_id=image_id), use_image_id=True)
        frame = pycolmap.Frame(frame_id=image_id, rig_id=1)
        frame.add_data_id(database.read_image(image_id).data_id)
        database.write_frame(frame, use_frame_id=True)
        database.write_keypoints(image_id, tracks.xy_px[rows[number]])
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.random_seed = SEED
    for a, first in enumerate(rows, 1):
        for b, second in list(enumerate(rows, 1))[a : a + WINDOW_FRAMES]:
            ids = tracks.track_id[rows[first]], tracks.track_id[rows[second]]
            _, *both = np.intersect1d(*ids, assume_unique=True, return_indices=True)
            matches = np.stack(both, 1).astype(np.uint32)
            if len(matches) < FEWEST_MATCHES:
                continue
            seen = [tracks.xy_px[rows[number]].astype(float) for number in (first, second)]
            geometry = pycolmap.estimate_two_view_geometry(camera, seen[0], camera, seen[1], matches, options)
            database.write_matches(a, b, matches)
            database.write_two_view_geometry(a, b, geometry)
    pipeline = pycolmap.IncrementalPipelineOptions()
    pipeline.extract_colors = False
    pipeline.random_seed, pipeline.num_threads = SEED, 1
    manager = pycolmap.ReconstructionManager()
    with quiet():
        pycolmap.IncrementalPipeline(pipeline, database, manager).run()
    models = [manager.get(index) for index in range(manager.size())]
    database.close()
    if not models:
        return {"status": "refused", "reason": "no model"}
    model = max(models, key=lambda one: one.num_reg_images())
    adjustment = pycolmap.BundleAdjustmentOptions()
    adjustment.print_summary = False
    adjustment.ceres.solver_options.num_threads = 1
    with quiet():
        pycolmap.bundle_adjustment(model, adjustment)
    focal, cx, cy, k1, k2 = map(float, model.camera(1).params)
    posed = {int(model.image(one).name): model.image(one).cam_from_world().matrix() for one in model.reg_image_ids()}
    frames = sorted(posed)
    return {
        "status": "solved",
        "lens": Lens(focal, focal, cx, cy, k1, k2).to_json(),
        "frames": frames,
        "cam_from_world": [posed[frame].ravel().tolist() for frame in frames],
    }
