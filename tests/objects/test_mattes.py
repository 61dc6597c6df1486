"""Mattes: the boxes of moving objects keep tracks out, and only the frames they reach are tracked anew."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from helpers.plates.synthetic import Plate, frames, make_plate, walker_box_px, write_movie
from helpers.shows.project import make_project, open_in_process
from shotmake.config.schema import Detect, Mask, Matte, Track
from shotmake.config.track_annotations import read_shapes
from shotmake.errors import ShotError
from shotmake.objects.box_mattes import Boxes, boxes_of
from shotmake.objects.tracklet_file import DETECTED, Tracklet, read_tracklets
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.stages import object_mattes
from shotmake.tasks.stages.tracks import segments
from shotmake.tracks.markers import Tracks, load_tracks
from shotmake.tracks.mask import COVERED, draw_mask
from shotmake.tracks.tracker import track_segment

SIZE = (320, 180)


def tracklet(track_id: int, first: int, boxes: list) -> Tracklet:
    count = len(boxes)
    return Tracklet("main", track_id, np.arange(first, first + count), np.array(boxes, float), (DETECTED,) * count)


TWO = [tracklet(1, 10, [[20, 30, 10, 10], [24, 30, 10, 10]]), tracklet(3, 11, [[60, 50, 8, 6]])]


def test_boxes_get_room_in_the_picture_and_in_time():
    boxes = boxes_of(TWO, True, Matte(dilate_px=2.5, dilate_frames=2))
    assert [len(boxes.select_at(frame)) for frame in range(7, 15)] == [0, 1, 3, 3, 3, 3, 2, 0]
    assert boxes.select_at(8).tolist() == [[17.5, 27.5, 15, 15]]
    assert boxes.select_at(13).tolist() == [[21.5, 27.5, 15, 15], [57.5, 47.5, 13, 11]]
    assert [len(boxes_of(TWO, True, Matte(dilate_frames=0)).select_at(frame)) for frame in (9, 10, 11, 12)] == [
        0,
        1,
        2,
        0,
    ]
    assert len(boxes_of([], True, Matte())) == 0


def test_objects_are_chosen_by_their_numbers():
    assert boxes_of(TWO, [3], Matte(dilate_px=0)).xywh_px.tolist() == [[60, 50, 8, 6]]
    assert boxes_of(TWO, [3, 1, 3], Matte()).to_bytes() == boxes_of(TWO, True, Matte()).to_bytes()
    with pytest.raises(ShotError, match="from_objects: found no object 2; there are: 1, 3"):
        boxes_of(TWO, [1, 2], Matte())
    with pytest.raises(ShotError, match="found no object 1; there are none"):
        boxes_of([], [1], Matte())


def test_a_stretch_knows_the_boxes_that_reach_it_and_no_number_of_theirs():
    boxes = boxes_of(TWO, True, Matte(dilate_frames=2))
    renamed = boxes_of([tracklet(9, 11, [[60, 50, 8, 6]]), tracklet(4, 10, TWO[0].bboxes)], True, Matte())
    assert boxes.to_bytes() == renamed.to_bytes()
    longer = boxes_of([*TWO, tracklet(5, 16, [[0, 0, 9, 9]])], True, Matte(dilate_frames=2))
    assert longer.select_frames(8, 13).to_bytes() == boxes.select_frames(8, 13).to_bytes()
    assert longer.select_frames(8, 14).to_bytes() != boxes.select_frames(8, 14).to_bytes()  # it reaches 14
    assert (
        boxes.select_frames(8, 10).to_bytes()
        != boxes_of(TWO, True, Matte(dilate_frames=1)).select_frames(8, 10).to_bytes()
    )


def test_a_segment_goes_by_the_boxes_that_reach_it_not_by_who_chose_them():
    plate = SimpleNamespace(kind="movie", first_frame=1, last_frame=100)

    def key(boxes: Boxes | None, first: int = 8, from_objects: bool | list[int] = True, invert: bool = False) -> str:
        mask = {"file": None, "shapes": [], "invert": invert, "from_objects": from_objects}
        settings = {"engine": "opencv", "detect": {}, "track": {}, "mask": mask, "bad_frames": [], "frame_range": None}
        return segments._make_piece((first, first + 7), plate, settings, {"plate 0": "a"}, "", boxes).key

    every, one = boxes_of(TWO, True, Matte()), boxes_of(TWO, [3], Matte())
    assert key(every) != key(one) == key(one, from_objects=[3]) != key(None, from_objects=False)
    assert key(one, 16) == key(None, 16, from_objects=False)  # none reaches it: nothing is masked there
    assert key(one, 16, invert=True) != key(None, 16, from_objects=False, invert=True)  # but everything is here


def test_file_shapes_and_boxes_cover_together_and_turn_round_together():
    picture = np.zeros((60, 80), np.uint8)
    picture[:10, :10] = 255
    shapes = read_shapes([{"points_px": [[70, 50], [80, 50], [80, 60], [70, 60]]}])[0]
    boxes_px = np.array([[20.2, 30.9, 10, 10.2], [-50, 20, 51.5, 5], [75, 0, 500, 4]])
    expected = picture.copy()
    expected[50:, 70:] = expected[30:42, 20:31] = expected[20:25, :2] = expected[:4, 75:] = 255
    mask = draw_mask(5, (80, 60), shapes, lambda frame: picture, Mask(), boxes_px)
    assert mask.dtype == np.uint8 and (mask == expected).all()
    assert (draw_mask(5, (80, 60), shapes, lambda frame: picture, Mask(invert=True), boxes_px) == 255 - expected).all()


@pytest.mark.parametrize("kind", ["box", "shape", "file", "turned round"])
def test_the_feather_lies_around_what_is_covered(kind):
    """A square of 20 px: full inside, half at half the feather's width, and nothing beyond it."""
    square = np.zeros((60, 80), np.uint8)
    square[20:40, 30:50] = 255
    corners_px = [[30.5, 20.5], [49.5, 20.5], [49.5, 39.5], [30.5, 39.5]]  # a shape covers what its outline touches
    shapes = read_shapes([{"points_px": corners_px}])[0] if kind == "shape" else ()
    boxes_px = np.array([[30.0, 20, 20, 20]] if kind == "box" else np.zeros((0, 4)))
    given = {"file": square, "turned round": 255 - square}.get(kind)
    settings = Mask(feather_px=8.0, invert=kind == "turned round")
    mask = draw_mask(1, (80, 60), shapes, None if given is None else lambda frame: given, settings, boxes_px)
    assert (mask[20:40, 30:50] == COVERED).all() and (mask == COVERED).sum() == 400
    row = mask[30, 50:60].astype(int)
    assert abs(row[:8] - 255 * (1 - (np.arange(8) + 0.5) / 8)).max() <= 0.5 and row[8:].tolist() == [0, 0]
    assert (mask > 0).sum() == pytest.approx(400 + 4 * 20 * 8 + np.pi * 64, abs=20)  # its corners are round


@pytest.fixture(scope="module")
def crossing() -> Plate:
    return make_plate("crossing", SIZE, 24, span=0.5)


@pytest.fixture(scope="module")
def pictures(crossing) -> list[tuple[int, np.ndarray]]:
    return list(frames(crossing))


@pytest.fixture(scope="module")
def boxes(crossing) -> Boxes:
    """Of a detector that shakes."""
    random = np.random.default_rng(3)
    found = [walker_box_px(crossing, frame) + random.normal(0, 1.5, 4) for frame in crossing.frame_numbers]
    return boxes_of([tracklet(1, 1, found)], True, Matte(dilate_px=6.0, dilate_frames=1))


@pytest.fixture(scope="module")
def plain(pictures) -> Tracks:
    return tracked(pictures, lambda frame: None)


@pytest.fixture(scope="module")
def kept_out(pictures, boxes) -> Tracks:
    return tracked(pictures, masked(boxes))


def tracked(pictures: list[tuple[int, np.ndarray]], mask_of) -> Tracks:
    lumas = [(frame, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)) for frame, picture in pictures]
    return track_segment(lumas, None, Detect(min_tracks=50, min_distance_px=6), Track(), mask_of)[0]


def masked(boxes: Boxes, **keys):
    return lambda frame: draw_mask(frame, SIZE, (), None, Mask(**keys), boxes.select_at(frame))


def under(tracks: Tracks, boxes: Boxes, room_px: float = 0.0) -> np.ndarray:
    """(M,) which markers lie in a box, made larger by room_px on each side."""
    found = np.zeros(len(tracks), bool)
    for frame in np.unique(tracks.frame).tolist():
        here = tracks.frame == frame
        for x, y, w, h in boxes.select_at(frame):
            beyond = tracks.xy_px[here] - (x, y) + room_px
            found[here] |= ((beyond > 0) & (beyond < np.array([w, h]) + 2 * room_px)).all(1)
    return found


def test_no_marker_lies_in_a_box_and_tracks_that_enter_are_cut(plain, kept_out, boxes):
    assert under(plain, boxes).mean() > 0.2
    assert not under(kept_out, boxes).any()
    last = {track: kept_out.frame[kept_out.track_id == track].max() for track in np.unique(kept_out.track_id).tolist()}
    early = kept_out.select(kept_out.frame == 4)
    cut = [xy_px for track, xy_px in zip(early.track_id.tolist(), early.xy_px, strict=True) if last[track] < 20]
    x_px = boxes.select_at(20)[0]
    assert sum(x_px[0] < x < x_px[0] + x_px[2] for x, _ in cut) > 3  # where the walker comes to


def test_beside_the_objects_are_as_many_tracks_as_are_asked_for(kept_out):
    assert np.bincount(kept_out.frame)[1:].min() >= 50


def test_turned_round_only_the_object_is_tracked(pictures, boxes):
    tracks = tracked(pictures, masked(boxes, invert=True))
    assert len(tracks) > 300 and under(tracks, boxes, room_px=1.0).all()


def test_in_the_feather_nothing_is_born_and_tracks_stay(pictures, kept_out, boxes):
    def only_near(tracks: Tracks) -> set[int]:
        near = under(tracks, boxes, room_px=7.0)  # a feather's corners are round; this lies inside
        return set(tracks.track_id[near].tolist()) - set(tracks.track_id[~near].tolist())

    tracks = tracked(pictures, masked(boxes, feather_px=10.0))
    assert not under(tracks, boxes).any()
    assert under(tracks, boxes, room_px=7.0).sum() > 10
    assert only_near(kept_out) and not only_near(tracks)  # whoever is there has come from outside


# The real command line

YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4}
  export: [object_mattes]
tracking:
  detect: {min_tracks: 60, min_distance_px: 6}
  track: {segment_frames: 8}
  mask: {from_objects: true}
  objects: {enabled: true, detections: footage/boxes.txt, matte: {dilate_px: 4}}
  solve: {enabled: false}
  preview: {enabled: false}
"""


def test_no_picture_is_stored_of_objects_that_are_others_already(tmp_path, monkeypatch):
    """Else it would lie under the key of those before, and be found when they come back."""
    open_in_process(monkeypatch, tmp_path)
    monkeypatch.setattr(cache_database, "_connections", {})
    path = tmp_path / "objects.json"
    path.write_text("{}")
    job = Job("mini", {}, {"objects": path}, {"objects": "of the one before"}, {})
    with pytest.raises(ShotError, match=r"objects.json changed while it was being read; run doit again"):
        object_mattes.build(job)


def write_boxes(path: Path, boxes: list) -> None:
    """MOT: its frames count from 1, its pixels too."""
    path.write_text("".join(f"{frame},-1,{x + 1},{y + 1},{w},{h},0.9,-1,-1,-1\n" for frame, (x, y, w, h) in boxes))


def test_a_shot_with_mattes_from_the_command_line(tmp_path, crossing, pictures):
    project = make_project(tmp_path / "show")
    project.write_shot("mini", YAML)
    project.remove_other_shots("mini")
    write_movie(project.root / "footage" / "mini.mp4", pictures)
    found = [(frame, walker_box_px(crossing, frame)) for frame in range(1, 21) if frame not in (9, 10)]
    write_boxes(project.root / "footage" / "boxes.txt", found)
    project.built("shot=mini")
    place = project.root / "build" / "mini"
    boxes = boxes_of(read_tracklets(place / "objects.json"), True, Matte(dilate_px=4.0))
    (session,) = (project.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*/tracks.npz")
    tracks = load_tracks(session)
    assert len(tracks) > 500 and not under(tracks, boxes).any()
    assert [path.name for path in sorted(place.glob("object_mattes/*"))] == [f"mini.{n:04d}.png" for n in range(1, 25)]
    for frame in (1, 10, 22, 23):
        picture = cv2.imread(str(place / "object_mattes" / f"mini.{frame:04d}.png"), cv2.IMREAD_UNCHANGED)
        assert (picture == draw_mask(frame, SIZE, (), None, Mask(), boxes.select_at(frame))).all()
        assert picture.any() == (frame < 23)  # last seen in 20, and two frames more

    assert "the same as" in project.built("tracks", "shot=mini", "tracking.objects.det_thresh=0.5").out
    write_boxes(project.root / "footage" / "boxes.txt", [*found, (21, walker_box_px(crossing, 21))])
    project.built("objects", "shot=mini")
    assert "2 of 4 segments are there" in project.built("plan", "shot=mini").out
    assert "2 of 4 segments reused" in project.built("tracks", "shot=mini").out  # 8 frames each: it reaches 19 to 23
    ran = project.run("tracks", "shot=mini", "tracking.mask.from_objects=[7]")
    assert ran.code == 1 and "found no object 7; there are: 1" in ran.fault_lines[0] and len(ran.fault_lines) == 1
