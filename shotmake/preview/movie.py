"""The preview: the plate with its tracks, objects, the solved points and a ground grid, made without Blender.

Points and grid are drawn through the solved, *distorting* camera. If they slip here, the CG will slip.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.cameras_of_solve_json import read_projecting_matrices
from shotmake.geometry.lens import Lens, list_border_px, undistort
from shotmake.objects.tracklet_file import Tracklet
from shotmake.preview.object_boxes import draw_objects
from shotmake.solve.bundle.observations import compute_pixel_scale
from shotmake.tracks.markers import DISABLED, Tracks

TRACK_BGR, TRAIL_BGR = (80, 255, 80), (40, 170, 40)
POINT_BGR, GRID_BGR, TEXT_BGR = (40, 80, 255), (255, 200, 60), (255, 255, 255)
STANDING_PX = 0.5  # up to this mean error (on a plate 1280 wide), a point before a still camera stands still
GRID_LINES = 10  # on each side of the origin
SUBPIXEL_BITS = 4


def write_preview(  # noqa: PLR0913  each is drawn by itself, and may be missing
    path: Path,
    images: Iterable[tuple[int, np.ndarray]],
    frame_rate: Fraction,
    tracks: Tracks | None,
    solution: dict | None,
    points_xyz: np.ndarray,
    trail_frames: int,
    on_frame: Callable[[int], None] = lambda count: None,
    objects: Sequence[Tracklet] = (),
) -> None:
    """Write an H.264 movie of the (frame number, (H, W, 3) uint8 BGR) images with everything drawn in.

    points_xyz (P, 3): the bundles, world units; solution: a solve JSON (with a refused one, or None, only tracks are
    drawn); trail_frames: over how many frames back a track's trail is drawn; on_frame: called with the number of frames
    that are done.
    """
    import av

    cameras, view = {}, None
    if solution is not None and solution["status"] != "refused":
        cameras = dict(zip(solution["frames"], read_projecting_matrices(solution), strict=True))
        view = View.from_lens(Lens.from_json(solution["lens"]), tuple(solution["image_size_px"]))
    grid = make_ground_grid(cameras) if cameras else np.zeros((0, 0, 3))
    with av.open(str(path), "w") as container:
        stream = None
        for count, (frame, image) in enumerate(images, 1):
            picture = image.copy()
            if tracks is not None:
                _draw_tracks(picture, tracks, frame, trail_frames)
            if view is not None and frame in cameras:
                _draw_grid(picture, grid, cameras[frame], view)
                _draw_points(picture, points_xyz, cameras[frame], view)
            draw_objects(picture, objects, frame)
            _draw_caption(picture, frame, solution)
            picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # 4:2:0 wants even sizes
            if stream is None:
                stream = container.add_stream("libx264", rate=frame_rate, options={"crf": "18", "preset": "veryfast"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.thread_count = 2
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")))
            on_frame(count)
        if stream is not None:
            container.mux(stream.encode())


def choose_standing_points(points: dict[str, np.ndarray], solution: dict) -> np.ndarray:
    """Choose the bundles that are worth drawing, (P, 3), from the arrays of points.npz.

    With a camera that stands still or only turns, each track has a direction, also a track on something that walks by.
    Its error tells it apart from what stands. Where the camera moves, what does not stand still was never triangulated.
    """
    error_px = points["error_px"]
    if solution["status"] == "solved" or not len(error_px):
        return points["point_xyz"]
    limit_px = max(STANDING_PX * compute_pixel_scale(tuple(solution["image_size_px"])), 3 * float(np.median(error_px)))
    return points["point_xyz"][error_px <= limit_px]


def make_ground_grid(cameras: dict[int, np.ndarray]) -> np.ndarray:
    """Return L lines of S points, (L, S, 3), on z = 0 around the origin, world units.

    The step suits the cameras' distance.

    cameras: plate frame -> (3, 4).
    """
    centres = find_camera_centres(np.array(list(cameras.values())))
    distance = float(np.median(np.linalg.norm(centres, axis=1)))
    step = 10.0 ** np.floor(np.log10(max(distance, 1e-6) / 4))
    step *= max(factor for factor in (1, 2, 5) if factor * step <= distance / 4 or factor == 1)
    reach = GRID_LINES * step
    along = np.linspace(-reach, reach, 16 * GRID_LINES + 1)
    zero = np.zeros_like(along)
    lines = []
    for offset in np.linspace(-reach, reach, 2 * GRID_LINES + 1):
        lines.append(np.stack([along, zero + offset, zero], 1))
        lines.append(np.stack([zero + offset, along, zero], 1))
    return np.array(lines)


@dataclass(frozen=True)
class View:
    """A solved lens, and how far from the axis it can be believed. Beyond the picture a polynomial means nothing."""

    lens: Lens
    limit: np.ndarray  # (2,) undistorted normalised x and y

    @classmethod
    def from_lens(cls, lens: Lens, size_px: tuple[int, int]) -> "View":
        """Make the view of a lens in a picture of (width, height) px."""
        return cls(lens, 1.1 * np.abs(undistort(lens.normalised_from_px(list_border_px(size_px, 9)), lens)).max(0))


def project_visible_px(points: np.ndarray, cam_from_world: np.ndarray, view: View) -> np.ndarray:
    """Project points (N, 3) to (N, 2) px; NaN behind the camera and outside the view."""
    points_cam = points @ cam_from_world[:, :3].T + cam_from_world[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (points_cam[:, 2] > 1e-6) & (np.abs(points_cam[:, :2] / points_cam[:, 2:]) < view.limit).all(1)
    xy_px = np.full((len(points), 2), np.nan)
    if inside.any():
        xy_px[inside] = project(points[inside], cam_from_world, view.lens)[0]
    return xy_px


def _draw_tracks(picture: np.ndarray, tracks: Tracks, frame: int, trail_frames: int) -> None:
    import cv2

    near = tracks.select((tracks.frame <= frame) & (tracks.frame >= frame - trail_frames) & (tracks.status != DISABLED))
    alive = np.isin(near.track_id, near.track_id[near.frame == frame])
    near = near.select(alive)
    xy_px = _to_fixed(near.xy_px)
    runs = _find_runs(near.track_id)
    trails = [xy_px[start:stop] for start, stop in runs]
    cv2.polylines(picture, trails, False, TRAIL_BGR, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    for _, stop in runs:
        cv2.circle(picture, xy_px[stop - 1], 3 << SUBPIXEL_BITS, TRACK_BGR, 1, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_points(picture: np.ndarray, points_xyz: np.ndarray, cam_from_world: np.ndarray, view: View) -> None:
    import cv2

    xy_px = project_visible_px(points_xyz, cam_from_world, view)
    xy_px = xy_px[np.isfinite(xy_px).all(1)]
    for arm in ((2.5, 0.0), (0.0, 2.5)):
        strokes = np.stack([_to_fixed(xy_px - arm), _to_fixed(xy_px + arm)], 1)
        cv2.polylines(picture, list(strokes), False, POINT_BGR, 1, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_grid(picture: np.ndarray, grid: np.ndarray, cam_from_world: np.ndarray, view: View) -> None:
    import cv2

    layer = picture.copy()
    lines_px = project_visible_px(grid.reshape(-1, 3), cam_from_world, view).reshape(*grid.shape[:2], 2)
    parts = []
    for line_px in lines_px:
        shown = np.isfinite(line_px).all(1)
        parts += [line_px[start:stop][shown[start:stop]] for start, stop in _find_runs(np.cumsum(~shown))]
    strokes = [_to_fixed(part) for part in parts if len(part) > 1]
    cv2.polylines(layer, strokes, False, GRID_BGR, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.addWeighted(layer, 0.6, picture, 0.4, 0, dst=picture)


def _draw_caption(picture: np.ndarray, frame: int, solution: dict | None) -> None:
    import cv2

    words = f"{frame}"
    if solution is not None:
        words += f"  {solution['status']}"
        if solution["status"] != "refused":
            words += (
                f" ({solution['kind']})  rms {_format_px(solution['rms_px'])}  hold-out "
                f"{_format_px(solution['holdout_rms_px'])}"
            )
            words += "  interpolated" if frame in solution.get("interpolated", ()) else ""
    for colour, width in (((0, 0, 0), 3), (TEXT_BGR, 1)):
        cv2.putText(picture, words, (10, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)


def _format_px(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} px"


def _to_fixed(xy_px: np.ndarray) -> np.ndarray:
    """Convert our px to cv2's (the centre of the first pixel is at 0), in fixed point for its `shift` arguments."""
    return np.round((np.asarray(xy_px, float) - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _find_runs(labels: np.ndarray) -> list[tuple[int, int]]:
    """Return start and stop of each run of equal values."""
    if len(labels) == 0:
        return []
    cuts = np.flatnonzero(np.diff(labels)) + 1
    return list(zip(np.r_[0, cuts].tolist(), np.r_[cuts, len(labels)].tolist(), strict=True))
