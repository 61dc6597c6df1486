"""Objects through the real command line: what is followed again, what is reused, and that no byte tells."""

import json
import multiprocessing
import signal
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates import synthetic
from helpers.plates.moving_boxes import MovingBoxes, move
from helpers.shows.attack import copy_of, litter, start
from helpers.shows.project import Project, is_of_a_whole_result, make_project, open_in_process
from shotmake.config.schema import Config, Footage, Objects, Tracking, Witness
from shotmake.errors import ShotError
from shotmake.formats.detections.read import read_detections
from shotmake.objects.build_tracklets import build_tracklets
from shotmake.objects.detections import Detections
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.stages.footage import FOOTAGE
from shotmake.tasks.stages.objects import tracklet_segments
from shotmake.tasks.stages.objects.stage import OBJECTS
from shotmake.tasks.stages.witness_cameras import make_witness_nodes

SIZE_PX = (160, 96)
FRAMES = 200  # segments of 64: 1-63, 64-127, 128-191, 192-200
YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4}
  cameras:
    witness_a: {footage: {file: footage/witness.mp4, first_frame: 1001}, detections: footage/witness.csv}
tracking:
  detect: {min_tracks: 40}
  solve: {enabled: false}
  objects: {enabled: true, detector_cmd: 'cp footage/mini.csv {detections}'}
"""


def boxes(seed: int, frame_count: int = FRAMES, count: int = 3) -> MovingBoxes:
    return move(seed, count, (1, frame_count), size_px=SIZE_PX, noise_px=0.2, gap_every=40)


def write_mot(path: Path, moving: MovingBoxes) -> None:
    found = moving.detections
    rows = zip(found.frame, found.xywh_px, found.confidence, strict=True)
    path.write_text("".join(f"{f},-1,{x + 1:.2f},{y + 1:.2f},{w:.2f},{h:.2f},{c:.2f}\n" for f, (x, y, w, h), c in rows))


def write_plate(path: Path, frame_count: int) -> None:
    """A texture that drifts."""
    texture = np.random.default_rng(3).normal(0, 1, (SIZE_PX[1], SIZE_PX[0] + frame_count // 2 + 1))
    texture = cv2.normalize(cv2.GaussianBlur(texture, None, 1.5), None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)
    pictures = ((n, np.ascontiguousarray(texture[:, n // 2 : n // 2 + SIZE_PX[0]])) for n in range(frame_count))
    synthetic.write_movie(path, pictures)


@pytest.fixture(scope="session")
def fresh_once(tmp_path_factory) -> Project:
    """Two cameras, nothing built; copy it, do not touch it."""
    project = make_project(tmp_path_factory.mktemp("objects") / "show")
    for name, seed in (("mini", 1), ("witness", 2)):
        write_plate(project.root / "footage" / f"{name}.mp4", FRAMES)
        write_mot(project.root / "footage" / f"{name}.csv", boxes(seed))
    project.write_shot("mini", YAML)
    project.remove_other_shots("mini")
    return project


@pytest.fixture(scope="session")
def followed_once(tmp_path_factory, fresh_once: Project) -> Project:
    """The same, built; copy it, do not touch it."""
    project = copy_of(fresh_once, tmp_path_factory.mktemp("followed") / "show")
    ran = project.built("shot=mini")
    tasks = {f"{stage}:mini{camera}" for stage in ("footage", "objects") for camera in ("", ".witness_a")}
    assert tasks <= set(ran.executed)
    return project


@pytest.fixture
def followed(tmp_path: Path, followed_once: Project) -> Project:
    return copy_of(followed_once, tmp_path / "show")


@pytest.fixture
def fresh(tmp_path: Path, fresh_once: Project) -> Project:
    return copy_of(fresh_once, tmp_path / "show")


def edit(project: Project, before: str, after: str) -> None:
    path = project.root / "conf" / "shot" / "mini.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def made(project: Project, camera: str = "") -> list[bytes]:
    """Every objects.json there is of a camera."""
    return [path.read_bytes() for path in sorted(sessions(project).glob(f"mini{camera}-*/objects.json"))]


def sessions(project: Project) -> Path:
    return project.root / ".gsd-state" / "tracking" / "sessions"


def pieces(project: Project) -> list[Path]:
    """The segments that are complete."""
    folder = project.root / ".gsd-state" / "tracking" / "objects" / "segments"
    stamps = filter(is_of_a_whole_result, folder.glob("[!.]*.stamp.json"))
    return sorted(path.with_name(path.name.removesuffix(".stamp.json")) for path in stamps)


def test_two_cameras_each_in_its_own_frames_and_of_its_own_boxes(followed_once):
    (main,), (witness,) = (map(json.loads, made(followed_once, camera)) for camera in ("", ".witness_a"))
    for record, camera, first, kind in ((main, "main", 1, "command"), (witness, "witness_a", 1001, "file")):
        assert (record["shot"], record["camera_id"]) == ("mini", camera)
        assert record["frames"] == [first, first + FRAMES - 1] and record["image_size_px"] == list(SIZE_PX)
        assert record["source"]["kind"] == kind and record["source"]["trust"] == "given"
        assert len(record["tracklets"]) == 3
        assert {one["camera_id"] for one in record["tracklets"]} == {camera}
        assert min(one["frames"][0] for one in record["tracklets"]) == first
        status = [word for one in record["tracklets"] for word in one["frame_status"]]
        assert {"detected", "coasted"} == set(status)


def test_killed_and_made_longer_it_goes_on_with_the_same_ids_and_is_that_of_one_go(tmp_path, fresh_once, store):
    frame_count = 448
    project = copy_of(fresh_once, tmp_path / "show")
    write_plate(project.root / "footage" / "mini.mp4", frame_count)
    write_mot(project.root / "footage" / "mini.csv", boxes(5, frame_count, count=4))
    edit(project, "file: footage/mini.mp4", "file: footage/mini.mp4, frame_range: [1, 400]")
    build = start(project, "objects:mini", "shot=mini")
    assert build.until(lambda: pieces(project))
    build.signal(signal.SIGKILL, group=True)
    build.wait()
    assert made(project) == []
    ran = project.built("plan", "shot=mini")
    line = next(line for line in ran.out.splitlines() if line.strip().startswith("objects "))
    there = int(line.split("; ")[1].split(" of 7 segments ")[0])
    assert 1 <= there < 7 and line.endswith(f", up to frame {64 * there - 1}")
    assert not any("tracking/objects" in line for line in project.built("gc").out.splitlines() if ".part-" not in line)
    edit(project, "[1, 400]", "null")
    assert f"{there} of 8 segments reused" in project.built("objects:mini", "shot=mini").out
    assert litter(project) == []
    (found,) = made(project)
    assert to_json_bytes(json.loads(found)["tracklets"]) == to_json_bytes(in_one_go(project, frame_count, store))


def in_one_go(project: Project, frame_count: int, monkeypatch) -> list[dict]:
    """The tracklets of the main camera, followed in one stretch."""
    monkeypatch.setattr(tracklet_segments, "SEGMENT_FRAMES", 10**6)
    detections = read_detections(project.root / "footage" / "mini.csv", "main", 1)
    walked = tracklet_segments.walk(detections, asdict(Objects()), 1, frame_count, "mini")
    assert len(walked.paths) == 1 and walked.reused == 0
    return [one.to_json() for one in build_tracklets(walked.rows, "main")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch):
    """The stretches of this process go to a folder of their own."""
    open_in_process(monkeypatch, tmp_path)
    monkeypatch.setattr(cache_database, "_connections", {})
    return monkeypatch


def follow(detections: Detections, **changes) -> tuple[bytes, list[bool]]:
    """The tracklets, and which segments were there."""
    settings = asdict(Objects(**changes))
    there = [one.is_stored for one in tracklet_segments.find_stored(detections, settings, 1, FRAMES)]
    walked = tracklet_segments.walk(detections, settings, 1, FRAMES, "mini")
    return to_json_bytes([one.to_json() for one in build_tracklets(walked.rows, "main")]), there


def test_a_damaged_segment_and_one_under_a_wrong_key_are_made_again_and_the_same(store):
    detections = boxes(1).detections
    before, there = follow(detections)
    assert there == [False] * 4
    paths = tracklet_segments.walk(detections, asdict(Objects()), 1, FRAMES, "mini").paths
    assert follow(detections) == (before, [True] * 4)
    paths[1].write_bytes(paths[1].read_bytes()[:-40])
    assert follow(detections) == (before, [True, False, False, False])  # what it hands over is not known
    for ending in ("", ".stamp.json"):  # another one, whole, under this one's key
        Path(f"{paths[2]}{ending}").write_bytes(Path(f"{paths[0]}{ending}").read_bytes())
    assert follow(detections) == (before, [True, True, False, False])
    assert follow(detections) == (before, [True] * 4)


def test_another_box_is_followed_from_there_on_until_all_is_as_it_was(store):
    detections = boxes(1).detections
    follow(detections)
    alarm = np.searchsorted(detections.frame, 70)  # alone, so without a trace when it is over
    columns = (detections.frame, detections.xywh_px, detections.confidence, detections.label)
    more = Detections(
        *(np.insert(c, alarm, v, axis=0) for c, v in zip(columns, (70, [1, 1, 9, 9], 0.9, ""), strict=True))
    )
    assert follow(more)[1] == [True, False, False, False]
    assert follow(detections)[1] == follow(more)[1] == [True] * 4
    assert follow(detections, max_coast_frames=9)[1] == [False] * 4


def test_two_builds_at_once_make_each_segment_once(store):
    detections = boxes(1, count=6).detections
    words = (detections, asdict(Objects()), 1, FRAMES, "mini")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        walked = pool.starmap(tracklet_segments.walk, [words, words])
    assert sum(one.reused for one in walked) == 4 and walked[0].paths == walked[1].paths


def test_other_boxes_are_followed_from_there_on_and_a_broken_witness_fails_alone(followed):
    (main,), (witness,) = made(followed), made(followed, ".witness_a")
    boxes_file, plate = followed.root / "footage" / "mini.csv", followed.root / "footage" / "witness.mp4"
    boxes_file.write_text("".join(one for one in boxes_file.open() if not one.startswith("150,")))
    whole = plate.read_bytes()
    plate.write_bytes(b"no movie")
    ran = followed.run("objects", "shot=mini")
    assert ran.code == 1 and "Traceback" not in ran.err and ran.executed == ["footage:mini.witness_a", "objects:mini"]
    assert len(ran.fault_lines) == 1 and ran.fault_lines[0].startswith("footage:mini.witness_a: footage/witness.mp4")
    assert ran.fault_lines[0].endswith("shot.cameras.witness_a.footage.file")
    assert "2 of 4 segments reused" in ran.out and made(followed) != [main]
    plate.write_bytes(whole)
    boxes_file.touch()
    ran = followed.built("objects", "shot=mini", "tracking.objects.matte.dilate_px=3")
    assert "objects" not in " ".join(ran.executed) and made(followed, ".witness_a") == [witness]


def test_a_fault_of_a_witness_names_its_own_key():
    config = Config(tracking=Tracking(objects=Objects(enabled=True)))
    config.shot.cameras = {"a": Witness(Footage(file="footage/gone.mp4"))}
    with pytest.raises(ShotError, match="gone.mp4.*shot.cameras.a.footage.file"):
        make_witness_nodes(config, (FOOTAGE, OBJECTS))["footage.a"].list_inputs()


def test_what_is_said_of_a_witness_s_plate_names_the_witness_s_keys(fresh):
    for number in (1, 2, 3, 5, 6):
        cv2.imwrite(str(fresh.root / "footage" / f"w.{number:04d}.png"), np.full((64, 96), 99, np.uint8))
    edit(fresh, "file: footage/witness.mp4, first_frame: 1001", "file: footage/w.####.png")
    keys = "shot.cameras.witness_a.footage"
    ran = fresh.run("footage", "shot=mini")
    assert ran.code == 1 and f"set {keys}.missing: hold, or give a range in {keys}.file" in ran.err, ran.err
    edit(fresh, "file: footage/w.####.png", "file: footage/w.####.png, missing: hold")
    ran = fresh.built("footage", "shot=mini")
    assert f"gap stands in ({keys}.missing: hold)" in ran.out and f"24 is assumed, set {keys}.frame_rate" in ran.out


def test_published_with_the_shot_verified_kept_and_cleaned(followed):
    place = followed.root / "build" / "mini"
    assert [(place / name).read_bytes() for name in ("objects.json", "objects.witness_a.json")] == [
        *made(followed),
        *made(followed, ".witness_a"),
    ]
    assert followed.built("shot=mini").executed == []
    assert "   0 files" in followed.built("gc").out
    without = followed.built("plan", "shot=mini", "tracking.objects.enabled=false").out
    assert any(line.split() == "preview run reads no objects any more".split() for line in without.splitlines())
    assert len([line for line in followed.built("sessions").out.splitlines() if line.startswith("   ")]) == 1
    stamp = next(sessions(followed).glob("mini.witness_a-*/objects.json.stamp.json"))
    piece = followed.root / next(iter(json.loads(stamp.read_text())["kept"]))
    piece.write_bytes(piece.read_bytes().replace(b"1", b"2", 1))
    ran = followed.run("verify", "shot=mini")
    assert ran.code == 1 and [line.partition(": ")[0] for line in ran.fault_lines] == ["objects:mini.witness_a"]
    assert piece.name in ran.fault_lines[0]
    followed.built("clean", "shot=mini")
    assert pieces(followed) == made(followed) == made(followed, ".witness_a") == []
