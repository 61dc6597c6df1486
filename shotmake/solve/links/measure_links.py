"""Links: how each frame of a solve hangs together with the next, by the tracks that are seen on both sides.

Most tracks live on one side of any frame. Two cameras can each agree with all of them and still not fit together. So
the tracks that cross a frame boundary are judged by themselves: how many there are, what share of them agrees with the
camera on both sides, and how firmly the agreeing tracks hold one side to the other.

A frame that few tracks are seen in (out of focus, covered, a flash) holds nothing by itself. So the frames before such
a run of weak frames are linked with the frames after it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.triangulate import compute_misses_px, find_directions, triangulate
from shotmake.solve.links.link_kernels import Pulls, Weighed, add_markers

GOOD_PX = 1.5  # at 1280 wide: a track whose median error is smaller agrees with the camera
SIDE_FRAMES = 8  # solid frames on each side of a boundary by which a track is judged
FAR_FRAMES = 40  # the same for slow bending, at every SIDE_FRAMES-th boundary
SIDE_MARKERS = 2  # a track has at least so many on each side (one where the side is a single frame)
SOLID_SHARE, AROUND_FRAMES = 0.5, 24  # share of the tracks that frames around have: a frame with fewer is weak
COUNTED_MARKERS = 4.0  # markers of one track err alike: on one side they count like so many at most
FLOOR_PX = 0.3  # at 1280 wide: no marker counts as better than this
JOLT_AROUND = 12  # frames on each side that tell which jolts are usual
PULLING = 80  # so many bridging tracks are as good as all
LOOSE_PX = 1000.0  # the value where nothing holds a boundary
UNHELD = 1e6  # variance of a piece that nothing holds, in its own units


@dataclass(frozen=True)
class Links:
    """One entry for each boundary between two neighbouring frames that have a camera, in order.

    - before, after (B,): plate numbers of the two frames. tracks (B,): how many tracks bridge the boundary. agree (B,):
      how many of these lie within GOOD_PX (at 1280 wide) of one point on both sides.
    - For the next two, the frames after the boundary may turn, move and grow as one piece against the frames before it.
      hold_px (B,): standard deviation, in plate px, of where the camera after the boundary sees its points, if the
      agreeing tracks alone held the piece. tear_px (B,): how far the piece would move in the picture if the bridging
      tracks had their way.
    - The same with FAR_FRAMES on each side, at some of the boundaries: far (F,) their places among all boundaries,
      far_tear_px (F,), far_hold_px (F,).
    - jolt_px (B,): by how much places in the picture leave the path between the frames around the frame after the
      boundary: the second difference of where points are seen. `find_usual_jolt_px` tells what is usual around it.
    - chain: length of the shot / usual life of a track. scale: observations.compute_pixel_scale.
    """

    before: np.ndarray
    after: np.ndarray
    tracks: np.ndarray
    agree: np.ndarray
    hold_px: np.ndarray
    tear_px: np.ndarray
    far: np.ndarray
    far_hold_px: np.ndarray
    far_tear_px: np.ndarray
    jolt_px: np.ndarray
    chain: float
    scale: float

    @property
    def share(self) -> np.ndarray:
        """The share (B,) of the bridging tracks that agree; 0 where there is no track."""
        return self.agree / np.maximum(self.tracks, 1)

    def find_usual_jolt_px(self, at: int, percentile: float) -> float:
        """Return a percentile of jolt_px around boundary `at`, without its nearest neighbours.

        Infinite where no boundary is around.
        """
        px = self.jolt_px
        around = np.r_[px[max(at - JOLT_AROUND, 0) : max(at - 2, 0)], px[at + 3 : at + JOLT_AROUND]]
        return float(np.percentile(around, percentile)) if len(around) else np.inf


@dataclass(frozen=True)
class _Scene:
    """A solve as its links see it, by the indices of `markers`.

    cameras (N, 3, 4). points (T, 4): homogeneous. local (T, 3): the points, or directions of a tripod, around
    their common middle and in units of their spread. compute_misses_px (M, 2), errors_px (M,): of the markers. by_local
    (M, 2, 3): derivative of a marker's place in px by its point. rows: of each frame.
    """

    markers: Observations
    cameras: np.ndarray
    points: np.ndarray
    local: np.ndarray
    misses_px: np.ndarray
    errors_px: np.ndarray
    by_local: np.ndarray
    rows: list[np.ndarray]
    tripod: bool
    scale: float


@dataclass(frozen=True)
class _Bridge:
    """The tracks that bridge a boundary.

    tracks, agree: numbers. step (7,): how the piece after the boundary would move. covariance (7, 7): of that step.
    """

    tracks: int
    agree: int
    step: np.ndarray
    covariance: np.ndarray


def measure_links(
    markers: Observations, cam_from_world: np.ndarray, lens: Lens, scale: float, tripod: bool = False
) -> Links:
    """Judge every boundary between two posed frames by the tracks of `markers` that bridge it.

    cam_from_world (N, 3, 4): by frame index, zoomed where the shot zooms, NaN without a pose. scale:
    observations.compute_pixel_scale. tripod: the points are directions. Raises ShotError as `triangulate` does.
    """
    posed = np.flatnonzero(np.isfinite(cam_from_world[:, 0, 0]))
    scene = _build_scene(markers, cam_from_world, lens, scale, tripod)
    solid = posed[find_solid(markers.per_frame[posed], posed)]
    near = [_build_bridge_at(scene, solid, before, after, SIDE_FRAMES) for before, after in _list_pairs(posed)]
    far = np.arange(SIDE_FRAMES // 2, len(near), SIDE_FRAMES)
    wide = [_build_bridge_at(scene, solid, *_list_pairs(posed)[place], FAR_FRAMES) for place in far]
    moved = [_see_move(scene, frame) for frame in posed[1:]]
    numbers = markers.plate_frames[posed]
    return Links(
        numbers[:-1],
        numbers[1:],
        np.array([bridge.tracks for bridge in near], int),
        np.array([bridge.agree for bridge in near], int),
        *_measure_px(moved, near),
        far,
        *_measure_px([moved[place] for place in far], wide),
        _measure_jolts_px(scene, lens, posed),
        len(posed) / max(measure_usual_life(markers), 1.0),
        scale,
    )


def measure_usual_life(markers: Observations) -> float:
    """Return in how many frames the track of a marker is seen: the mean over the markers."""
    lengths = markers.lengths.astype(float)
    return float((lengths**2).sum() / max(lengths.sum(), 1.0))


def _measure_jolts_px(scene: _Scene, lens: Lens, posed: np.ndarray) -> np.ndarray:
    """Return Links.jolt_px (B,).

    For each point of a frame: the sum of its places in the frames before and after, less twice its place in the frame
    itself; the median of the points.
    """
    out = np.zeros(max(len(posed) - 1, 0))
    for place in range(1, len(posed) - 1):
        tracks = scene.markers.track[scene.rows[posed[place]]]
        tracks = tracks[np.isfinite(scene.points[tracks, 0])]
        if not len(tracks) or np.ptp(posed[place - 1 : place + 2]) != 2 or not scene.markers.is_even[posed[place]]:
            continue
        seen = np.einsum("fij,nj->fni", scene.cameras[posed[place - 1 : place + 2]], scene.points[tracks])
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = np.where(seen[..., 2:] > 0, seen[..., :2] / seen[..., 2:], np.nan)
        bends_px = lens.fx_px * np.linalg.norm(plane[0] - 2 * plane[1] + plane[2], axis=1)
        out[place - 1] = np.nanmedian(bends_px) if np.isfinite(bends_px).any() else 0.0
    return out


def _list_pairs(posed: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(posed[:-1].tolist(), posed[1:].tolist(), strict=True))


def _measure_px(moved: list[np.ndarray], bridges: list[_Bridge]) -> tuple[np.ndarray, np.ndarray]:
    """Return hold_px (B,) and tear_px (B,) of bridges; `moved` is from `_see_move`, for each of them."""
    both = list(zip(moved, bridges, strict=True))
    hold_px = np.array([_measure_deviation_px(by, bridge.covariance) for by, bridge in both], float)
    return hold_px, np.array([_measure_shift_px(by, bridge.step) for by, bridge in both], float)


def _build_bridge_at(scene: _Scene, solid: np.ndarray, before: int, after: int, frames: int) -> _Bridge:
    """Return the bridge of the boundary between two frames, by so many solid frames on each side.

    In a run of weak frames, every boundary has the bridge between the solid frames around the run.
    """
    left, right = (
        _choose_side(solid[solid <= before][-frames:], before),
        _choose_side(solid[solid >= after][:frames], after),
    )
    return _build_bridge(scene, left, right)


def find_solid(seen: np.ndarray, posed: np.ndarray) -> np.ndarray:
    """Tell which posed frames (P,) see a good share of the tracks that frames around them have.

    seen (P,): the number of markers. posed (P,): frame indices.
    """
    usual = [np.median(seen[np.abs(posed - frame) <= AROUND_FRAMES]) for frame in posed]
    return seen >= SOLID_SHARE * np.array(usual)


def _choose_side(solid: np.ndarray, nearest: int) -> np.ndarray:
    """Return the frames that stand for one side: the solid frames, or the nearest frame where there is none."""
    return solid if len(solid) else np.array([nearest])


def _build_scene(markers: Observations, cameras: np.ndarray, lens: Lens, scale: float, tripod: bool) -> _Scene:
    points = (find_directions if tripod else triangulate)(markers, cameras, lens)
    missed = compute_misses_px(points, markers, cameras, lens)
    seen = np.einsum("nij,nj->ni", cameras[markers.frame], points[markers.track])
    depth = np.where(seen[:, 2] > 1e-9, seen[:, 2], np.nan)[:, None, None]
    rows = cameras[markers.frame, :, :3]
    by_point = lens.fx_px * (rows[:, :2] - seen[:, :2, None] / depth * rows[:, None, 2]) / depth
    middle, size = np.zeros(3), 1.0
    local = points[:, :3].copy()
    if not tripod:  # by_point is by homogeneous points with their own length: w times the derivative by the place
        weight = np.maximum(points[:, 3:], 1e-9)
        local = local / weight
        by_point = by_point * weight[markers.track, :, None]
        middle = np.nanmedian(local, axis=0)
        size = max(float(np.nanmedian(np.linalg.norm(local - middle, axis=1))), 1e-12)
    order = np.argsort(markers.frame, kind="stable")
    bounds = np.searchsorted(markers.frame[order], np.arange(markers.frame_count + 1))
    of_frame = [order[start:end] for start, end in pairwise(bounds)]
    errors_px = np.linalg.norm(missed, axis=1)
    by_local = np.nan_to_num(by_point * size)
    return _Scene(
        markers, cameras, points, (local - middle) / size, missed, errors_px, by_local, of_frame, tripod, scale
    )


def _build_bridge(scene: _Scene, left: np.ndarray, right: np.ndarray) -> _Bridge:
    """Return the bridge of the tracks that are seen on both sides, which are two sets of frames."""
    rows = [np.concatenate([scene.rows[frame] for frame in side]) for side in (left, right)]
    count = len(scene.local)
    tracks = [scene.markers.track[of] for of in rows]
    numbers = [np.bincount(track, minlength=count) for track in tracks]
    wanted = [min(SIDE_MARKERS, len(side)) for side in (left, right)]
    bridging = (numbers[0] >= wanted[0]) & (numbers[1] >= wanted[1])
    if not bridging.any():
        return _Bridge(0, 0, np.zeros(7), np.eye(7) * UNHELD)
    fit = scene.errors_px < GOOD_PX * scene.scale
    good = [np.bincount(track[fit[of]], minlength=count) for track, of in zip(tracks, rows, strict=True)]
    agree = bridging & (2 * good[0] > numbers[0]) & (2 * good[1] > numbers[1])  # the median of each side
    thinned = [np.concatenate([scene.rows[frame] for frame in side[:: 1 + len(side) // 6]]) for side in (left, right)]
    information, _ = _pull(scene, thinned, _choose_some(np.flatnonzero(agree)))
    pulling, pull = _pull(scene, thinned, _choose_some(np.flatnonzero(bridging)))
    step = -np.linalg.solve(pulling + _make_weak_hold(pulling), pull)
    covariance = (FLOOR_PX * scene.scale) ** 2 * np.linalg.inv(information + _make_weak_hold(information))
    return _Bridge(int(bridging.sum()), int(agree.sum()), step, covariance)


def _choose_some(tracks: np.ndarray) -> np.ndarray:
    """Choose tracks evenly where there are more than PULLING."""
    if len(tracks) <= PULLING:
        return tracks
    return tracks[np.linspace(0, len(tracks) - 1, PULLING).astype(int)]


def _make_weak_hold(information: np.ndarray) -> np.ndarray:
    return (1e-9 * np.trace(information) / 7 + 1 / UNHELD) * np.eye(7)


def _pull(scene: _Scene, rows: list[np.ndarray], tracks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the information (7, 7) and the gradient (7,), per px^2, of the piece after the boundary.

    The points are left open. A marker far from its point hardly counts, and many markers of one track on one side count
    like a few.
    """
    place = np.full(len(scene.local), -1)
    place[tracks] = np.arange(len(tracks))
    count = len(tracks)
    pulls = Pulls(
        *(np.zeros((count, 3, 3)), np.zeros((count, 3)), np.zeros((7, 7)), np.zeros(7), np.zeros((count, 7, 3)))
    )
    for behind, of in enumerate(rows):
        mine = of[(place[scene.markers.track[of]] >= 0) & np.isfinite(scene.errors_px[of])]
        track = scene.markers.track[mine]
        numbers = np.maximum(np.bincount(place[track], minlength=count), 1)[place[track]]
        weight = np.minimum(COUNTED_MARKERS / numbers, 1.0)
        weight = np.sqrt(weight / (1 + (scene.errors_px[mine] / (GOOD_PX * scene.scale)) ** 2))
        side = Weighed(mine, place[track], scene.local[track], weight)
        add_markers(side, scene.by_local, scene.misses_px, bool(behind), scene.tripod, pulls)
    trace = np.trace(pulls.by_xyz, axis1=1, axis2=2)[:, None, None]
    inverse = np.linalg.inv(pulls.by_xyz + (1e-9 * trace + 1e-12) * np.eye(3))
    known = pulls.mixed @ inverse
    by_tracks = known.transpose(1, 0, 2).reshape(7, -1) @ pulls.mixed.transpose(1, 0, 2).reshape(7, -1).T
    return pulls.by_piece - by_tracks, pulls.pull - np.einsum("nij,nj->i", known, pulls.pull_xyz)


def _move_piece(local: np.ndarray, tripod: bool) -> np.ndarray:
    """Return how points (K, 3) move with a piece that turns, moves and grows about the origin, (K, 3, 7)."""
    out = np.zeros((len(local), 3, 7))
    x, y, z = local.T
    out[:, 0, 1], out[:, 0, 2] = z, -y
    out[:, 1, 0], out[:, 1, 2] = -z, x
    out[:, 2, 0], out[:, 2, 1] = y, -x
    if not tripod:
        out[:, :, 3:6] = np.eye(3)
        out[:, :, 6] = local
    return out


def _see_move(scene: _Scene, frame: int) -> np.ndarray:
    """Return how the markers of a frame move in the picture, in px, with the piece that holds the frame, (K, 2, 7)."""
    seen = scene.rows[frame]
    return scene.by_local[seen] @ _move_piece(np.nan_to_num(scene.local[scene.markers.track[seen]]), scene.tripod)


def _measure_deviation_px(moved: np.ndarray, covariance: np.ndarray) -> float:
    if not len(moved):
        return LOOSE_PX
    variance = max(float(np.median(np.einsum("nki,ij,nkj->n", moved, covariance, moved))), 0.0)
    return min(variance**0.5, LOOSE_PX)


def _measure_shift_px(moved: np.ndarray, step: np.ndarray) -> float:
    return float(np.clip(np.median(np.linalg.norm(moved @ step, axis=1)), 0, LOOSE_PX)) if len(moved) else 0.0
