"""Objects as empties of the .blend: real Blender's cameras see them on the boxes."""

import json

import numpy as np
import pytest

from helpers.shows.blend_shot import FRAMES, LENS, SIZE, make_blend_shot
from helpers.shows.in_blender import in_one_blender
from shotmake.objects.smoothed_boxes import make_box_path
from shotmake.objects.tracklet_file import DETECTED, Tracklet
from shotmake.scene.corner_pin import Field
from shotmake.scene.object_empties import make_empties

SPAN = FRAMES[0], FRAMES[-1]
ZOOMS = np.array([1.0, 1.04, 1.1])


def tracklet(track_id: int, frames: tuple, label: str = "") -> Tracklet:
    boxes = np.array([(30.0, 20, 90, 210), (420, 200, 60, 150), (600, 120, 70, 90)])[track_id - 1]
    moved = boxes + np.arange(len(frames))[:, None] * (9, -4, 2, 6)
    return Tracklet("main", track_id, np.array(frames), moved.astype(float), (DETECTED,) * len(frames), label)


TRACKLETS = [tracklet(1, (1001, *FRAMES, 1005), "person"), tracklet(2, FRAMES[:1]), tracklet(3, FRAMES[1:2], "car")]


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> tuple[dict, Field]:
    """What Blender says of the empties of a zooming shot, and the field they are in."""
    shot = make_blend_shot(tmp_path_factory.mktemp("empties") / "show")
    field = Field(LENS, SIZE, shot.overscan_px)
    found = make_empties(
        [*TRACKLETS, tracklet(1, (7, 8, 9))], field, SPAN, shot.sheet["world"]["camera_distance"], ZOOMS
    )
    (shot.root / "empties.json").write_text(json.dumps({"schema": 1, "objects": found}))

    def zoom(sheet: dict) -> None:
        sheet["camera"]["focal_mm_per_frame"] = (ZOOMS * sheet["camera"]["focal_mm"]).tolist()

    words, blend = shot.build_words("shot", zoom)
    said = in_one_blender(
        [[*words, "--empties", shot.root / "empties.json"], ["../tests/blender/project_empties.py", blend]]
    )
    return json.loads(said.partition("##")[2].splitlines()[0]), field


def test_the_cameras_see_them_on_the_boxes_as_high_as_these_where_they_are(seen):
    found, field = seen
    over, off_px = np.array(field.overscan_px), []
    pictures = {"shot": (np.array(SIZE), 0), "CG overscan": (np.array(SIZE) + 2 * over, over)}
    assert list(found["empties"]) == ["object 1 person", "object 2", "object 3 car"]  # none that is not in the shot
    for one, (name, said) in zip(TRACKLETS, found["empties"].items(), strict=True):
        there = [int(frame) for frame, views in said["frames"].items() if views]
        path = make_box_path(one, SPAN)
        assert there == path.frames.tolist(), name
        for frame, marks_px in zip(there, path.marks_px, strict=True):
            straight_px = field.to_straight_px(marks_px) - over
            for scene, (size_px, added_px) in pictures.items():
                at_px = np.array(said["frames"][str(frame)][scene]) * (1, -1) * size_px + (0, size_px[1])
                off_px.append(np.linalg.norm(at_px[0] - straight_px[0] - added_px))
                height_px = np.linalg.norm(straight_px[2] - straight_px[1])
                assert np.linalg.norm(at_px[2] - at_px[1]) == pytest.approx(height_px, abs=0.05)
    assert max(off_px) < 0.01, off_px


def test_they_say_what_they_are_and_are_not_rendered(seen):
    found, _ = seen
    assert found["hide_render"] and found["scenes"] == ["CG overscan", "shot"]
    for number, said in enumerate(found["empties"].values(), 1):
        assert (said["track_id"], said["camera_id"]) == (number, "main")
        assert said["display"] == ["EMPTY", "PLAIN_AXES", 0.5, "solved_camera"]
