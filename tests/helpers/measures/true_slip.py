"""True slip: how far CG that stands in the solved world would land from where the plate shows that place.

The solved world is laid over the true one by one similarity for the whole shot, the one with the least slip: an artist
can turn, move and size CG once, but not frame by frame. Then, in every frame, places near, in the middle and far away
are seen through both cameras. Pixels are those of a plate 1280 wide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from helpers.measures.measure import lenses
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens, distort, undistort

WIDTH_PX = 1280.0
PLACES = np.array([(x, y) for y in (-0.3, 0.0, 0.3) for x in (-0.3, 0.0, 0.3)])  # of width and height, from the centre
LOSS_PX = 2.0  # misses far above this do not pull, where most of the shot is to decide where the world is
BEHIND_PX = 1000.0
FITTED = 60  # frames, evenly, by which the world is laid over
SHORT_PATH = 0.05  # of the depth: a shorter path does not tell the size of the world, its points do

World = tuple[float, np.ndarray, np.ndarray]  # scale, rotation, shift: found = scale * rotation @ true + shift


@dataclass(frozen=True)
class Seeing:
    """What is needed to see world points in a plate: frames (N,) plate numbers, rising; cam_from_world (N, 3, 4);
    lenses, one for each frame; warp (N, 3, 3) from the lens's px to the plate's, None where they are the same (a plate
    that was re-cropped)."""

    frames: np.ndarray
    cam_from_world: np.ndarray
    lenses: list[Lens]
    warp: np.ndarray | None = None

    def select_frames(self, frames: np.ndarray) -> "Seeing":
        """The same for some of its frames."""
        at = np.searchsorted(self.frames, frames)
        warp = None if self.warp is None else self.warp[at]
        return Seeing(self.frames[at], self.cam_from_world[at], [self.lenses[one] for one in at], warp)

    def px(self, points: np.ndarray) -> np.ndarray:
        """(N, K, 2) plate px of world points (N, K, 3), those of each frame; NaN behind the camera."""
        in_camera = np.einsum("nij,nkj->nki", self.cam_from_world[:, :, :3], points)
        in_camera = in_camera + self.cam_from_world[:, None, :, 3]
        depth = np.where(in_camera[..., 2] > 1e-9, in_camera[..., 2], np.nan)
        plane = in_camera[..., :2] / depth[..., None]
        if len(set(self.lenses)) == 1:
            xy_px = self.lenses[0].px_from_normalised(distort(plane, self.lenses[0]))
        else:
            pairs = zip(self.lenses, plane, strict=True)
            xy_px = np.stack([lens.px_from_normalised(distort(one, lens)) for lens, one in pairs])
        return xy_px if self.warp is None else warped(self.warp, xy_px)

    def places(self, xy_px: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """(N, D, K, 3) world points at depths (N, D) that the frames see at plate px (K, 2)."""
        out = []
        for at, (camera, lens) in enumerate(zip(self.cam_from_world, self.lenses, strict=True)):
            seen_px = xy_px if self.warp is None else warped(np.linalg.inv(self.warp[at]), xy_px)
            plane = undistort(lens.normalised_from_px(seen_px), lens)
            rays = np.concatenate([plane, np.ones((len(plane), 1))], 1)
            in_camera = depths[at][:, None, None] * rays
            out.append((in_camera - camera[:, 3]) @ camera[:, :3])
        return np.stack(out)


def warped(homography: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Plate px (..., K, 2) moved by homographies (..., 3, 3)."""
    moved = np.einsum("...ij,...kj->...ki", homography, np.concatenate([xy_px, np.ones((*xy_px.shape[:-1], 1))], -1))
    return moved[..., :2] / moved[..., 2:]


def seeing(record: dict) -> Seeing:
    """Of a solve record that has a camera, or of a truth like it."""
    frames = np.array(record["frames"], int)
    cameras = np.array(record["cam_from_world"], float).reshape(-1, 3, 4)
    return Seeing(frames, cameras, lenses(record, list(record["frames"])))


def slip_px(
    found: Seeing,
    true: Seeing,
    depths: np.ndarray,
    size_px: tuple[int, int],
    size_of_world: float = 1.0,
    keeps_world: bool = False,
) -> np.ndarray:
    """(N,) slip in px at 1280 wide, in each frame of `found`: the worst of near, middle and far, each the RMS over nine
    places in the picture.

    depths (M, D): near, middle and far in each frame of `true`, in world units. size_of_world: units of the found
    world in one of the true, as its points have it; it counts where the path is too short to tell (a tripod has none).
    keeps_world: the world was said by the artist (a survey, an imported camera), so nothing is laid over anything.
    """
    there = np.isin(found.frames, true.frames)
    found = found.select_frames(found.frames[there])
    depths = depths[np.searchsorted(true.frames, found.frames)]
    true = true.select_frames(found.frames)
    places_px = np.array(size_px) / 2 + PLACES * size_px
    points = true.places(places_px, depths)
    count, levels, across = points.shape[:3]
    points, target_px = points.reshape(count, levels * across, 3), np.tile(places_px, (levels, 1))

    def of_frames_px(world: World) -> np.ndarray:
        off_px = _misses_px(found, points, target_px, world) * (WIDTH_PX / size_px[0])
        squares = (off_px**2).sum(-1).reshape(count, levels, across)
        return np.sqrt(squares.mean(2)).max(1)

    if keeps_world:
        return of_frames_px((1.0, np.eye(3), np.zeros(3)))
    some = np.unique(np.linspace(0, count - 1, min(count, FITTED)).astype(int))
    fewer = found.select_frames(found.frames[some]), true.select_frames(true.frames[some])
    worlds = _worlds(*fewer, partial(_misses_px, fewer[0], points[some], target_px), np.median(depths), size_of_world)
    return min((of_frames_px(world) for world in worlds), key=true_slip_px)


def _misses_px(found: Seeing, points: np.ndarray, target_px: np.ndarray, world: World) -> np.ndarray:
    """(N, K, 2) px between where places (N, K, 3) of the true world are seen and where (K, 2) they should be; as far as
    BEHIND_PX behind the camera."""
    scale, rotation, shift = world
    with np.errstate(all="ignore"):
        off_px = found.px(scale * points @ rotation.T + shift) - target_px
    return np.clip(np.where(np.isfinite(off_px), off_px, BEHIND_PX), -BEHIND_PX, BEHIND_PX)


def still_slip_px(true: Seeing, depths: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(N,) slip of a camera that was called static: how far the plate's places move, in each frame, from where they are
    in most; near, middle and far, as `slip_px`."""
    places_px = np.array(size_px) / 2 + PLACES * size_px
    middle = len(true.frames) // 2
    one = true.select_frames(true.frames[middle : middle + 1]).places(places_px, depths[middle : middle + 1])
    points = np.broadcast_to(one.reshape(1, -1, 3), (len(true.frames), one[0].size // 3, 3))
    moved_px = true.px(points) * (WIDTH_PX / size_px[0])
    off_px = moved_px - np.nanmedian(moved_px, axis=0)
    squares = np.nan_to_num((off_px**2).sum(-1), nan=size_px[0] ** 2).reshape(len(true.frames), depths.shape[1], -1)
    return np.sqrt(squares.mean(2)).max(1)


def true_slip_px(per_frame_px: np.ndarray) -> float:
    """The 95th percentile over the frames (N,): the one number a solve is judged by."""
    return float(np.percentile(per_frame_px, 95))


def size_of_world(solved: dict[str, np.ndarray], found: Seeing, points: np.ndarray, true: Seeing) -> float:
    """Units of the found world in one of the true: the median, over tracks with a point in both, of how far it is from
    the cameras' mean. solved: the arrays of Solution.points; points (T, 3): true, by track id, NaN where there is none.
    1 where no track has both."""
    ids, xyz = solved["track_id"], np.asarray(solved["point_xyz"], float)
    known = (ids >= 0) & (ids < len(points))
    theirs = points[ids[known]]
    ours = np.linalg.norm(xyz[known] - find_camera_centres(found.cam_from_world).mean(0), axis=1)
    distance = np.linalg.norm(theirs - find_camera_centres(true.cam_from_world).mean(0), axis=1)
    both = np.isfinite(distance) & np.isfinite(ours) & (distance > 0)
    return float(np.median(ours[both] / distance[both])) if both.any() else 1.0


def _worlds(
    found: Seeing, true: Seeing, misses_px: Callable[[World], np.ndarray], depth: float, size: float
) -> Iterator[World]:
    """Similarities that bring the misses down: of all frames alike, and of most where the others do not fit."""
    from scipy.optimize import least_squares

    relative = np.einsum("nji,njk->nik", found.cam_from_world[:, :, :3], true.cam_from_world[:, :, :3])
    ours, theirs = find_camera_centres(found.cam_from_world), find_camera_centres(true.cam_from_world)
    extents = [np.linalg.norm(np.ptp(theirs, axis=0)) / depth, np.linalg.norm(np.ptp(ours, axis=0)) / (depth * size)]
    fixed = min(extents) < SHORT_PATH
    for rotation in _middles(relative):
        turned = theirs @ rotation.T
        scale = size if fixed else _scale(turned, ours, size)
        start = scale, rotation, np.median(ours - scale * turned, axis=0)

        def residuals_px(step: np.ndarray, start=start) -> np.ndarray:
            return misses_px(_stepped(start, step, theirs.mean(0), depth)).ravel()

        step = np.zeros(6 if fixed else 7)
        for loss in ("linear", "soft_l1", "cauchy"):
            step = least_squares(residuals_px, step, loss=loss, f_scale=LOSS_PX, x_scale=0.01, max_nfev=60).x
            yield _stepped(start, step, theirs.mean(0), depth)


def _stepped(world: World, step: np.ndarray, middle: np.ndarray, depth: float) -> World:
    """A world turned and grown about the cameras' true middle (3,), then shifted. step: a rotation vector, a shift in
    depths, and the log of the growth if there is one."""
    from scipy.spatial.transform import Rotation

    scale, rotation, shift = world
    turn = Rotation.from_rotvec(step[:3]).as_matrix() @ rotation
    grown = scale * np.exp(step[6]) if len(step) > 6 else scale
    return grown, turn, shift + scale * rotation @ middle - grown * turn @ middle + scale * depth * step[3:6]


def _middles(rotations: np.ndarray) -> list[np.ndarray]:
    """Where to begin: the mean of rotations (N, 3, 3), and those of the first and the last third alone: of a shot whose
    halves do not hang together the mean is nobody's."""
    third = max(1, len(rotations) // 3)
    out = []
    for part in (rotations, rotations[:third], rotations[-third:]):
        u, _, vt = np.linalg.svd(part.mean(0))
        one = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
        if all(np.abs(one - other).max() > 0.01 for other in out):
            out.append(one)
    return out


def _scale(theirs: np.ndarray, ours: np.ndarray, usual: float) -> float:
    """By how much steps between the centres ours (N, 3) are longer than theirs, by least squares."""
    a, b = theirs - theirs.mean(0), ours - ours.mean(0)
    found = float((a * b).sum() / (a * a).sum())
    return found if found > 0.01 * usual else usual
