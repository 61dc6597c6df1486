"""The keyed camera (shot.camera.given in the YAML): its keys become the camera of every plate frame."""

from dataclasses import replace

import numpy as np

from shotmake.config.keyed_camera import KEY, CameraKey
from shotmake.errors import ShotError
from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.geometry.camera import GL_FROM_CV
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason, record_reasons
from shotmake.solve.imported.use_camera_as_it_is import make_imported_solution
from shotmake.solve.record import Solution

UNCHECKED = Reason("camera_unchecked", f"the camera was given in {KEY} and not checked against tracks")


def make_keyed_solution(
    keys: tuple[CameraKey, ...],
    lens: Lens | None,
    focal_mm: float | None,
    sensor_width_mm: float,
    size_px: tuple[int, int],
    frames: tuple[int, int],
) -> Solution:
    """Return a keyed camera as a Solution without points, for the plate frames first..last.

    lens: an imported lens, which has its own focal length; None = an ideal lens with the focal length of the keys, or
    focal_mm. Between keys, places and focal lengths run straight and rotations by slerp; before the first key and after
    the last, the camera stands still. Raises ShotError when a focal length is missing, or when there are two.
    """
    numbers = np.arange(frames[0], frames[1] + 1)
    focals_mm = _find_focals_mm(keys, numbers, lens, focal_mm)
    focals_px = None if focals_mm is None else focals_mm / sensor_width_mm * size_px[0]
    if lens is None:
        assert focals_px is not None  # the keys have them, or _find_focals_mm raises
        median_px = float(np.median(focals_px))
        lens = Lens(median_px, median_px, size_px[0] / 2, size_px[1] / 2)
    zooms = focals_px is not None and np.ptp(focals_px) > 1e-9 * lens.fx_px
    cam_from_world = _interpolate_poses(keys, numbers)
    moves, turns = (np.ptp(block, axis=0).max() > 1e-12 for block in (_list_centres(keys), cam_from_world[:, :, :3]))
    status, kind = ("solved", "general") if moves else ("tripod",) * 2 if turns or zooms else ("static",) * 2
    cameras = Cameras(KEY, status, kind, lens, numbers, cam_from_world, focals_px if zooms else None, True)
    solution = make_imported_solution(cameras, size_px)
    return replace(solution, record={**solution.record, "engine": "given", **record_reasons([UNCHECKED])})


def _find_focals_mm(
    keys: tuple[CameraKey, ...], numbers: np.ndarray, lens: Lens | None, focal_mm: float | None
) -> np.ndarray | None:
    """Return the focal lengths (N,) in mm; None where a lens has its own.

    Raises ShotError when a key has a focal length beside a lens, and when a key has none at all.
    """
    own = [key for key in keys if key.focal_mm is not None]
    if lens is not None:
        if own:
            raise ShotError(f"{KEY}: found focal_mm at frame {own[0].frame} beside an imported lens, which has one")
        return None
    focals = [key.focal_mm or focal_mm for key in keys]
    if None in focals:
        missing = keys[focals.index(None)].frame
        raise ShotError(f"{KEY}: found no focal_mm at frame {missing}; needed it there or in shot.camera.focal_mm")
    return np.interp(numbers, [key.frame for key in keys], np.array(focals, float))


def _list_centres(keys: tuple[CameraKey, ...]) -> np.ndarray:
    return np.array([key.location for key in keys], float)


def _interpolate_poses(keys: tuple[CameraKey, ...], numbers: np.ndarray) -> np.ndarray:
    """Return cam_from_world (N, 3, 4) at these frames."""
    from scipy.spatial.transform import Rotation, Slerp

    at = [key.frame for key in keys]
    turned = Rotation.from_matrix([_world_from_cam(key) for key in keys])
    inside = np.clip(numbers, at[0], at[-1])
    matrices = (Slerp(at, turned)(inside) if len(keys) > 1 else turned).as_matrix()
    world_from_cam = matrices if len(keys) > 1 else matrices[[0] * len(numbers)]
    centres = np.stack([np.interp(numbers, at, axis) for axis in _list_centres(keys).T], 1)
    rotations = np.swapaxes(world_from_cam, 1, 2)
    return np.concatenate([rotations, -np.einsum("nij,nj->ni", rotations, centres)[:, :, None]], 2)


def _world_from_cam(key: CameraKey) -> np.ndarray:
    """Return the rotation (3, 3) of a key; camera axes x right, y down, z forward.

    With look_at the horizon is level. If the camera looks straight up or down, the top of the picture is +Y, as
    Blender's cameras have it.
    """
    if key.rotation_deg is not None:
        from scipy.spatial.transform import Rotation

        return Rotation.from_euler("xyz", key.rotation_deg, degrees=True).as_matrix() @ GL_FROM_CV
    assert key.look_at is not None  # a key has one of the two
    ahead = np.subtract(key.look_at, key.location).astype(float)
    ahead /= np.linalg.norm(ahead)
    level = np.cross(ahead, [0.0, 0.0, 1.0])
    if np.linalg.norm(level) < 1e-6:
        level = np.cross(ahead, [0.0, 1.0, 0.0])
    right = level / np.linalg.norm(level)
    return np.stack([right, np.cross(ahead, right), ahead], 1)
