"""The preview movie: drawn where the distorted camera says, with the plate's frames and rate."""

from fractions import Fraction

import numpy as np
import pytest

from helpers.plates.simulated import simulate
from shotmake.config import schema
from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens
from shotmake.objects.tracklet_file import Tracklet
from shotmake.preview.movie import View, choose_standing_points, make_ground_grid, project_visible_px, write_preview
from shotmake.preview.object_boxes import draw_objects
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve
from shotmake.tracks.markers import Tracks

pytestmark = pytest.mark.fast

SIZE = (320, 180)
NO_POINTS = np.zeros((0, 3))
LENS = Lens(270, 270, 158, 92, k1=-0.15, k2=0.04)
CAMERA = np.array([[1.0, 0, 0, 0.1], [0, -0.3, -0.954, 1.2], [0, 0.954, -0.3, 4.0]])  # looks along +Y, a bit down


def solution(status: str = "solved") -> dict:
    return {"status": status, "kind": "general", "reason": "because", "image_size_px": list(SIZE),
            "lens": LENS.to_json(), "focal_px_per_frame": None, "frames": [5, 6],
            "cam_from_world": [CAMERA.ravel().tolist()] * 2,
            "rms_px": 0.2, "holdout_rms_px": None}  # fmt: skip


def movie(tmp_path, status="solved", tracks=None, points=NO_POINTS) -> list[np.ndarray]:
    import av

    black = np.zeros((181, 321, 3), np.uint8)  # odd sizes must not matter
    path = tmp_path / "p.mp4"
    images = ((n, black) for n in (5, 6, 7))
    write_preview(path, images, Fraction(24000, 1001), tracks, solution(status), points, trail_frames=2)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_points_are_drawn_through_the_distorted_lens(tmp_path):
    point = np.array([[1.1, 3.0, 1.5]])
    (expected,) = project(point, CAMERA, LENS)[0]
    assert 200 < expected[0] < 320 and 20 < expected[1] < 160
    plain = movie(tmp_path)
    drawn = movie(tmp_path, points=point)
    assert len(drawn) == 3
    changed = np.abs(drawn[0].astype(int) - plain[0]).sum(2) > 90
    rows, columns = np.nonzero(changed)
    assert abs(columns.mean() + 0.5 - expected[0]) < 1 and abs(rows.mean() + 0.5 - expected[1]) < 1
    assert not (np.abs(drawn[2].astype(int) - plain[2]).sum(2) > 90).any()  # frame 7 has no camera


def test_a_refused_solve_shows_only_tracks(tmp_path):
    tracks = Tracks.from_markers([0, 0, 1], [5, 6, 6], [[100.5, 90.5], [110.5, 90.5], [200.5, 60.5]])
    first, second, third = movie(tmp_path, "refused", tracks)
    green = [(np.argwhere((image[..., 1] > 120) & (image[..., 2] < 120))) for image in (first, second, third)]
    assert len(green[0]) and len(green[1]) > len(green[0])
    assert not len(green[2])


def test_the_grid_lies_on_the_ground_and_nothing_is_drawn_behind_the_camera():
    grid = make_ground_grid({5: CAMERA})
    assert grid.shape[2] == 3 and (grid[..., 2] == 0).all()
    view = View.from_lens(LENS, SIZE)
    behind = np.array([[0.0, -50.0, 0.0], [0.0, 6.0, 0.3]])
    xy_px = project_visible_px(behind, CAMERA, view)
    assert np.isnan(xy_px[0]).all() and np.isfinite(xy_px[1]).all()


@pytest.mark.parametrize("size", [(640, 360), (321, 181)])
def test_far_outside_the_picture_the_polynomial_is_not_believed(size):
    view = View.from_lens(Lens(300, 300, size[0] / 2, size[1] / 2, k1=-0.3, k2=0.05), size)
    cam = np.eye(3, 4)
    assert np.isnan(project_visible_px(np.array([[5.0, 0, 1.0]]), cam, view)).all()


@pytest.mark.parametrize("kind", ["static", "pan"])
def test_before_a_still_camera_only_what_stands_is_drawn(kind):
    shot = simulate(kind, frame_count=30, visible=100, moving_share=0.2)
    found = solve(SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve()))
    assert found.record["status"] in ("static", "tripod")
    drawn = np.isin(found.points["point_xyz"], choose_standing_points(found.points, found.record)).all(1)
    walks = np.isin(found.points["track_id"], [*shot.moving, *shot.sliding])
    assert walks.sum() >= 3 and not drawn[walks].any()
    assert drawn[~walks].mean() > 0.98


def test_an_object_is_boxed_where_it_is_and_dashed_while_unseen():
    frames, boxes = np.array([5, 6]), np.array([[40.0, 60, 80, 50], [40, 60, 80, 50]])
    tracklet = Tracklet("main", 3, frames, boxes, ("detected", "coasted"), "person")
    drawn = {}
    for frame in (4, 5, 6):
        drawn[frame] = np.zeros((181, 321, 3), np.uint8)
        draw_objects(drawn[frame], [tracklet], frame)
    assert not drawn[4].any()
    edges = {frame: drawn[frame][58:112, 38:122].max(2) > 60 for frame in (5, 6)}  # without the name above
    rows, columns = np.nonzero(edges[5])
    assert (rows.min() + 58, rows.max() + 58, columns.min() + 38, columns.max() + 38) == (59, 110, 39, 120)
    assert edges[5][1:3, 10:70].all() and not edges[5][10:40, 10:70].any()
    assert 0.4 < edges[6].sum() / edges[5].sum() < 0.8
    assert drawn[5][40:58, 38:122].any(2).sum() > 50  # its name


def test_boxes_that_leave_the_plate_are_drawn_as_far_as_it_goes():
    far = Tracklet("main", 1, np.array([1]), np.array([[-1e9, -20.0, 2e9, 90.0]]), ("detected",))
    picture = np.zeros((100, 200, 3), np.uint8)
    draw_objects(picture, [far], 1)
    assert picture[69:71].any(2).any(0).all() and not picture[75:].any()
