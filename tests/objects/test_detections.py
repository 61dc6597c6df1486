"""Detections of other programs: every box on its pixel and frame, junk in one line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotmake.errors import ShotError
from shotmake.formats.detections.read import read_detections
from shotmake.objects.detections import Detections, join_detections, pack_detections, unpack_detections

pytestmark = pytest.mark.fast

KEY = "tracking.objects.detections"


def read(folder: Path, text: str | bytes | object, camera: str = "main", first: int = 1001, last: int | None = 1010,
         **more) -> tuple[Detections, list[str]]:  # fmt: skip
    path, said = folder / "boxes.txt", []
    data = text if isinstance(text, (str, bytes)) else json.dumps(text)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_detections(path, camera, first, last, say=said.append, **more), said


def rows(found: Detections) -> list[tuple]:
    columns = (found.frame, found.xywh_px, found.confidence, found.label)
    return [
        (frame, *box, sure, word) for frame, box, sure, word in zip(*(one.tolist() for one in columns), strict=True)
    ]


MOT = """\
3,-1,11,21,30.5,40,0.9,-1,-1,-1
1,-1,1,1,5,6,0.4

# a comment
1, -1, 100, 50, 7, 8, 0.6,-1,-1,-1
3,-1,-4,1,9,9
"""
MOT_ROWS = [
    (1001, 99, 49, 7, 8, 0.6, ""),
    (1001, 0, 0, 5, 6, 0.4, ""),
    (1003, -5, 0, 9, 9, 1, ""),
    (1003, 10, 20, 30.5, 40, 0.9, ""),
]


def test_mot_in_any_order_with_gaps_and_boxes_that_leave_the_plate(tmp_path):
    assert rows(read(tmp_path, MOT)[0]) == MOT_ROWS
    lines = MOT.splitlines(keepends=True)
    assert rows(read(tmp_path, "".join(reversed(lines)))[0]) == MOT_ROWS
    assert rows(read(tmp_path, b"\xef\xbb\xbf" + MOT.replace("\n", "\r\n").encode())[0]) == MOT_ROWS


def test_ids_of_ground_truth_are_no_matter_and_its_classes_are_numbers(tmp_path):
    found, said = read(tmp_path, "1,7,1,1,5,5,1,1,0.9\n1,7,2,2,5,5,0,12,0.5\n")
    assert rows(found) == [(1001, 0, 0, 5, 5, 1, "1"), (1001, 1, 1, 5, 5, 0, "12")] and said == []


def test_scores_beyond_0_and_1_are_cut_and_minus_one_throughout_is_unknown(tmp_path):
    found, said = read(tmp_path, "1,-1,1,1,5,5,50.4\n2,-1,1,1,5,5,-0.7\n3,-1,1,1,5,5,0.2\n")
    assert found.confidence.tolist() == [1, 0, 0.2]
    assert said == ["boxes.txt: confidence from -0.7 to 50.4, cut to 0..1"]
    found, said = read(tmp_path, "1,4,1,1,5,5,-1,-1,-1,-1\n2,4,1,1,5,5,-1,-1,-1,-1\n")
    assert found.confidence.tolist() == [1, 1] and said == []


def test_what_lies_outside_the_plate_is_left_out_and_said(tmp_path):
    found, said = read(tmp_path, "1,-1,1,1,5,5,1\n11,-1,1,1,5,5,1\n12,-1,1,1,5,5,1\n")
    assert found.frame.tolist() == [1001]
    assert said == ["boxes.txt: 2 boxes in frames outside the plate's 1001 to 1010 left out"]
    with pytest.raises(ShotError, match="found boxes in the frames 11 to 12 alone, needed some in the plate's 1001 to"):
        read(tmp_path, "11,-1,1,1,5,5,1\n12,-1,1,1,5,5,1\n")


@pytest.mark.parametrize("frames, first, wanted, said", [
    ([1, 4], 1001, [1001, 1004], ""), ([1, 4], 1, [1, 4], ""), ([1001, 1004], 1001, [1001, 1004], "as plate numbers"),
    ([0, 3], 1001, [1001, 1004], "count from 0"), ([0, 3], 1, [1, 4], "count from 0"), ([1, 4], 0, [0, 3], ""),
])  # fmt: skip
def test_frames_that_count_from_one_or_from_zero_or_are_the_plates(frames, first, wanted, said, tmp_path):
    text = "".join(f"{frame},-1,1,1,5,5,1\n" for frame in frames)
    found, lines = read(tmp_path, text, first=first, last=first + 9)
    assert found.frame.tolist() == wanted and (said in lines[0] if said else lines == [])


def coco(names: list[str], **more) -> dict:
    images = [{"id": 10 * at, "file_name": name} for at, name in enumerate(names, 1)]
    boxes = [{"id": at, "image_id": one["id"], "bbox": [at, 2, 3, 4.5], "category_id": 3, **more}
             for at, one in enumerate(images)]  # fmt: skip
    return {
        "info": {"year": 2024},
        "images": images[::-1],
        "annotations": boxes,
        "categories": [{"id": 3, "name": "cat"}],
    }


@pytest.mark.parametrize("names, wanted", [
    (["shot.1001.exr", "shot.1005.exr"], [1001, 1005]), (["v2/frame_000000.PNG", "v2/frame_000004.PNG"], [1001, 1005]),
    (["a_1.jpg", "a_5.jpg"], [1001, 1005]), (["first.jpg", "second.jpg"], [1001, 1002]),
    (["x\\sc10_0040.1002.png", "x\\sc10_0040.1003.png"], [1002, 1003]),
])  # fmt: skip
def test_coco_names_of_images_tell_frames(names, wanted, tmp_path):
    found, _ = read(tmp_path, coco(names))
    assert rows(found) == [(frame, at, 2, 3, 4.5, 1, "cat") for at, frame in enumerate(wanted)]


def test_coco_results_scores_crowds_and_classes(tmp_path):
    record = coco(["1.jpg", "2.jpg"], score=0.25)
    record["annotations"][1]["iscrowd"] = 1
    assert rows(read(tmp_path, record)[0]) == [(1001, 0, 2, 3, 4.5, 0.25, "cat")]
    bare = [{"image_id": 2, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5},
            {"image_id": "f_000001", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.75}]  # fmt: skip
    assert rows(read(tmp_path, bare)[0]) == [(1001, 1, 2, 3, 4, 0.75, "1"), (1002, 1, 2, 3, 4, 0.5, "18")]


def ours(*cameras: str | None) -> dict:
    named = [{"camera": camera} if camera else {} for camera in cameras]
    return {
        "schema": 1,
        "detections": [{"frame": 1001 + at, "bbox": [at, 0, 5, 5], **one} for at, one in enumerate(named)],
    }


def test_ours_holds_several_cameras(tmp_path):
    assert read(tmp_path, ours("main", "b", None))[0].frame.tolist() == [1001, 1003]
    assert read(tmp_path, ours("main", "b", None), camera="b", is_shared=True)[0].frame.tolist() == [1002]
    assert read(tmp_path, ours(None, None), camera="b")[0].frame.tolist() == [1001, 1002]  # b's own file
    assert len(read(tmp_path, {**ours("main"), "cameras": ["main", "b"]}, camera="b", is_shared=True)[0]) == 0
    with pytest.raises(ShotError, match="found boxes of the cameras b, c, needed some of main"):
        read(tmp_path, ours("b", "c"))
    with pytest.raises(ShotError, match="found boxes of no camera by name, needed shot.cameras.b.detections"):
        read(tmp_path, MOT, camera="b", is_shared=True)


EMPTY = ["", "\n# nothing\n", [], coco([]), {"schema": 1, "detections": []}]


@pytest.mark.parametrize("given", EMPTY, ids=range(len(EMPTY)))
def test_empty_in_empty_out(given, tmp_path):
    found, said = read(tmp_path, given)
    assert len(found) == 0 and found.xywh_px.shape == (0, 4) and said == []
    assert len(found.select_frames(1001, 1005)) == 0 and len(join_detections([found, found])) == 0


def test_they_come_back_from_their_store(tmp_path):
    found, _ = read(tmp_path, coco(["1.jpg", "2.jpg"], score=0.1))
    assert rows(unpack_detections(pack_detections(found))) == rows(found)
    assert pack_detections(unpack_detections(pack_detections(found))) == pack_detections(found)


FAULTS = [
    ("1,-1,1,1,5,5,1\n2,-1,1,1,5\n", "2: found '2,-1,1,1,5,1', needed frame, id, left"),
    ("1,-1,1,1,5,5,nan\n", "1: found 'nan', needed a number"),
    ("1,-1,1,1,5,5,1\n\n1,-1,1,1,0,5,1\n", "3: found frame 1, a box of 0 x 5 px at 0, 0, needed a width and height"),
    ("1,-1,1,1,5,-5,1\n", "1: found frame 1, a box of 5 x -5 px at 0, 0, needed a width"),
    ("1.5,-1,1,1,5,5,1\n", "1: found frame 1.5, a box of 5 x 5 px at 0, 0, needed a whole frame number from 0"),
    ("-1,-1,1,1,5,5,1\n", "1: found frame -1, a box"),
    ("1,-1,1,1e9,5,5,1\n", "1: found frame 1, a box of 5 x 5 px at 0, 1e+09, needed at most 1e+06 px"),
    ("frame,id,x,y,w,h\n1,-1,1,1,5,5\n", "1: found none of the formats of detections, needed one of: our"),
    ('{"schema": 2, "detections": []}', "1: found schema '2', needed 1"),
    ('{"detections": []}', "1: found no schema, needed 1"),
    ('{"schema": null, "detections": []}', "1: found schema null, needed 1"),
    ({"images": [], "categories": []}, "1: found no annotations, needed a list of objects"),
    ({**coco(["1.jpg"]), "annotations": None}, "1: found annotations null, needed a list of objects"),
    ({**coco(["1.jpg"]), "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2}]}, "1: found no file_name, needed the"),
    ([None], "1: found annotations[0] null, needed an object with bbox"),
    (
        '{"schema": 1, "detections": [{"frame": 7, "bbox": [1, 2, 3, 4]}]}',
        "1: found boxes in frame 7 alone, needed some",
    ),
    ('{"schema": 1,\n "detections": [', "2: not JSON: expecting value (column 17)"),
    ('{"schema": 1, "detections": {}}', "1: found no list of detections"),
    ('{"schema": 1, "detections": [{"frame": 1, "bbox": [1, 2, 3]}]}', "1: found detections[0] "),
    ('{"schema": 1, "detections": [{"bbox": [1, 2, 3, 4]}]}', "1: found detections[0] "),
    (
        '{"schema": 1, "detections": [{"frame": 1001, "bbox": [1, 2, 3, NaN]}]}',
        "1: found detections[0] 'nan', needed a",
    ),
    ('{"schema": 1, "detections": [{"frame": 1001, "bbox": "1234"}]}', "1: found detections[0] "),
    (
        '{"schema": 1, "detections": [{"frame": 1001, "bbox": [1, 2, 3, 0]}]}',
        "1: found detections[0] of frame 1001, a b",
    ),
    (
        '{"schema": 1, "detections": [{"frame": 1001, "bbox": [1, 2, 3, 4], "class": 3}]}',
        "1: found detections[0].class",
    ),
    (coco(["a/1.jpg", "b/1.jpg"]), "1: found frame 1 in file_name 'a/1.jpg' and 'b/1.jpg', needed one image a frame"),
    (coco(["a/1.jpg", "b/c.jpg"]), "1: found file_name 'b/c.jpg', needed the frame's number in it"),
    ({**coco(["1.jpg"]), "images": []}, "1: found annotations[0] "),
    ([{"image_id": "none", "bbox": [1, 2, 3, 4]}], "1: found annotations[0] "),
    ([3], "1: found annotations[0] '3', needed an object with bbox"),
]


@pytest.mark.parametrize("given, said", FAULTS, ids=range(len(FAULTS)))
def test_a_malformed_file_is_one_line_with_its_place(given, said, tmp_path):
    with pytest.raises(ShotError) as error:
        read(tmp_path, given)
    (line,) = error.value.faults
    assert line.startswith(f"boxes.txt:{said}") and "\n" not in line and line.endswith(f"({KEY})"), line


@pytest.mark.parametrize("head", [b'{"schema": 1, "detections": [', b"[", b"1,-1,1,1,5,5,1\n"])
def test_a_file_too_large_is_refused_unread(head, tmp_path):
    path = tmp_path / "boxes.json"
    path.write_bytes(head)
    os.truncate(path, 1 << 30)
    with pytest.raises(ShotError, match="found a (file of 1074 MB|NUL byte)"):
        read_detections(path, "main", 1)


VALID = [MOT.encode(), json.dumps(coco(["1.jpg", "2.jpg"], score=0.5)).encode(), json.dumps(ours("main", "b")).encode()]
JUNK = [b"nan", b"-1", b"1e999", b"\0", b"{", b"}", b"\xff\xfe", b"\r", b"\n", b"", b"9" * 400, b"[", b"]", b'"', b",",
        b"null", b"true", b"inf", b"0", b'"a"', b"{}", b"[]", b"1001", b"-7"]  # fmt: skip
EDIT = st.tuples(st.integers(0, 10**6), st.integers(0, 12), st.sampled_from(JUNK))  # where, how much goes, what comes


@pytest.mark.parametrize("which", range(len(VALID)))
def test_whatever_is_done_to_a_file_it_is_read_or_refused_in_one_line(which, tmp_path):
    ends = {"read": 0, "refused": 0}

    @settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(EDIT, min_size=1, max_size=3), st.sampled_from([1.0, 1.0, 1.0, 0.8, 0.3, 0.0]))
    def attacked(edits, kept):
        data = VALID[which]
        for at, gone, junk in edits:
            at %= len(data) + 1
            data = data[:at] + junk + data[at + gone :]
        try:
            found, _ = read(tmp_path, data[: round(kept * len(data))])
        except ShotError as error:
            (line,) = error.faults
            assert line.startswith("boxes.txt:") and "\n" not in line and len(line) < 600
            ends["refused"] += 1
        else:
            assert np.isfinite(found.xywh_px).all() and (found.xywh_px[:, 2:] > 0).all()
            assert ((found.confidence >= 0) & (found.confidence <= 1)).all() and (np.diff(found.frame) >= 0).all()
            assert found.frame.min(initial=1001) >= 1001 and found.frame.max(initial=1001) <= 1010
            ends["read"] += 1

    attacked()
    assert min(ends.values()) > 0  # an attack that always or never hits tests nothing
