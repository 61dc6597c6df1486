"""Where the objects stage gets its boxes: a command that is run once, motion that is looked for once a stretch."""

import json
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates.synthetic import write_movie
from helpers.shows.attack import litter, start
from helpers.shows.project import Project, make_project, open_in_process
from shotmake.config.check_objects import faults_of
from shotmake.config.schema import Config, Footage, Objects, Tracking, Witness
from shotmake.errors import ShotError
from shotmake.footage.plate import Plate, probe
from shotmake.objects.detections import pack_detections
from shotmake.tasks.commands.build.publish import files_of
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stage import Job, make_nodes
from shotmake.tasks.engine.state.partial_files import is_alive
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.stages.footage import FOOTAGE, list_plate_inputs
from shotmake.tasks.stages.objects import detections, detector_command, motion
from shotmake.tasks.stages.objects.stage import OBJECTS, why_none

SIZE_PX = (160, 96)
FRAMES = 150
# Writes one box a frame, by frames counted from 1; says that it ran.
DETECTOR = """\
import os, sys, time
plate, first, last, camera, out = sys.argv[1:]
with open("runs.txt", "a") as file:
    file.write(f"{os.getpid()} {plate} {first} {last} {camera}\\n")
while os.path.exists("wait"):
    time.sleep(0.02)
with open(out.removeprefix("--out="), "w") as file:
    for at in range(int(last) - int(first) + 1):
        file.write(f"{at + 1},-1,{10 + at / 2},20,30,40,0.9\\n")
"""
COMMAND = "python tools/detect.py {plate} {first_frame} {last_frame} {camera} --out={detections}"


@pytest.fixture(scope="module")
def movie(tmp_path_factory) -> Path:
    """A texture that stays, and a darker one that crosses it."""
    noise = np.random.default_rng(1).normal(0, 1, (SIZE_PX[1], SIZE_PX[0]))
    wall = cv2.normalize(cv2.GaussianBlur(noise, None, 1.2), None, 40, 235, cv2.NORM_MINMAX).astype(np.uint8)
    pictures = []
    for at in range(FRAMES):
        picture = wall.copy()
        x = 10 + at * 3 % 100
        picture[30:66, x : x + 30] = wall[:36, 20:50] // 2
        pictures.append((at, picture))
    path = tmp_path_factory.mktemp("crossing") / "mini.mp4"
    write_movie(path, iter(pictures))
    return path


@pytest.fixture
def show(tmp_path: Path, movie: Path, monkeypatch) -> Path:
    """A show's folder for this process, with what it stores and remembers."""
    open_in_process(monkeypatch, tmp_path)
    monkeypatch.setattr(cache_database, "_connections", {})
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "detect.py").write_text(DETECTOR)
    return tmp_path


@pytest.fixture(scope="module")
def plate(movie: Path) -> Plate:
    return probe(file=str(movie), root=Path("/"), first_frame=1001)


def config_of(plate: Plate, **objects) -> Config:
    config = Config(tracking=Tracking(objects=Objects(enabled=True, **objects)))
    config.shot.footage = Footage(file=plate.files[0], first_frame=1001)
    return config


def find(plate: Plate, first: int, last: int, **objects) -> detections.SourcedBoxes:
    config = config_of(plate, **objects)
    inputs = {**list_plate_inputs(config), **detections.list_source_files(config, "main")}
    digests = {name: digest(path) for name, path in inputs.items()}
    job = Job("mini", detections.slice_source_settings(config, "main"), inputs, digests, {})
    return detections.find_detections(job, plate, first, last)


def store_of(show: Path) -> Path:
    return show / ".gsd-state" / "tracking" / "objects" / "detections"


def stored(show: Path) -> list[str]:
    return sorted(path.name for path in (store_of(show)).glob("*.npz"))


def test_motion_is_looked_for_once_a_stretch_and_the_same_however_it_is_cut(show, plate, monkeypatch):
    candidate = find(plate, 1001, 1100)
    assert candidate.source == {"kind": "motion", "trust": "low"} and candidate.said == []
    inner = candidate.detections.select_frames(1005, 1030)
    assert len(inner) == 26 and np.abs(inner.xywh_px[:, 2:] - (30, 36)).max() < 8
    before = stored(show)
    assert sorted(path.name for path in candidate.kept) == before  # 1001-1023, 1024-1087, 1088-1100
    assert len(before) == 3
    longer = find(plate, 1001, 1150)
    assert len(set(stored(show)) - set(before)) == 1  # 1088-1150
    assert longer.kept[:2] == candidate.kept[:2]
    assert pack_detections(longer.detections.select_frames(1001, 1100)) == pack_detections(candidate.detections)
    made = longer.kept[1]
    made.write_bytes(made.read_bytes()[:-9])
    assert pack_detections(find(plate, 1001, 1150).detections) == pack_detections(longer.detections)
    monkeypatch.setattr(motion, "STRETCH_FRAMES", 10**6)
    assert pack_detections(find(plate, 1001, 1150).detections) == pack_detections(longer.detections)
    with pytest.raises(
        ShotError, match="tracking.objects.classes: found .'person'.; boxes of what moves have no class"
    ):
        find(plate, 1001, 1020, classes=["person"])


def runs(show: Path) -> list[list[str]]:
    path = show / "runs.txt"
    return [line.split()[1:] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_command_is_run_once_for_the_same_frames_and_files(show, plate):
    candidate = find(plate, 1001, 1020, detector_cmd=COMMAND)
    assert candidate.source == {"kind": "command", "trust": "given", "command": COMMAND} and len(candidate.kept) == 1
    assert candidate.detections.frame.tolist() == [*range(1001, 1021)]
    assert candidate.detections.xywh_px[2].tolist() == [10, 19, 30, 40]
    assert runs(show) == [[plate.files[0], "1001", "1020", "main"]]
    assert pack_detections(find(plate, 1001, 1020, detector_cmd=COMMAND).detections) == pack_detections(
        candidate.detections
    )
    assert len(runs(show)) == 1
    find(plate, 1001, 1025, detector_cmd=COMMAND)
    assert len(runs(show)) == 2
    (show / "tools" / "detect.py").write_text(DETECTOR.replace("30,40", "30,41"))
    assert find(plate, 1001, 1025, detector_cmd=COMMAND).detections.xywh_px[0, 3] == 41 and len(runs(show)) == 3
    assert not [path for path in (store_of(show)).iterdir() if path.name.startswith(".part")]


SAYS = [
    ("false --out={detections}", "^tracking.objects.detector_cmd: false ended with code 1$"),
    (
        "python -c 'raise SystemExit(\"no such model: y.pt\")' {detections}",
        "python ended with code 1: no such model: y.pt",
    ),
    ("python -c 'import os; os.kill(os.getpid(), 9)' {detections}", "python ended with signal 9"),
    ("true {detections}", "true ended well, but found no file it was to write: {detections}"),
    ("no-such-program {detections}", "cannot run no-such-program: No such file or directory; needed a program"),
    ("sh -c 'echo 1,-1,5,5,0,7 > {detections}'", r"^\{detections\}:1: found frame 1, a box of 0 x 7 px at 4, 4"),
]


@pytest.mark.parametrize("command, said", SAYS, ids=range(len(SAYS)))
def test_a_command_that_fails_is_one_line(show, plate, command, said):
    with pytest.raises(ShotError, match=said) as error:
        find(plate, 1001, 1020, detector_cmd=command)
    (line,) = error.value.faults
    assert "tracking.objects.detector_cmd" in line and "\n" not in line
    assert not list((store_of(show)).iterdir())


COMMANDS = [
    ("detect 'x --out={detections}", "(No closing quotation); needed a program and its arguments"),
    ("detect --out=boxes.csv", "needed {detections} in it, the file it has to write"),
    ("{detections}", "needed {detections} in it, the file it has to write"),
    ("detect {detections}", None),
]


@pytest.mark.parametrize("command, said", COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_that_cannot_work_is_a_fault_of_the_config(command, said):
    faults = faults_of(Config(tracking=Tracking(objects=Objects(enabled=True, detector_cmd=command))))
    told = [message for key, message in faults if key == "tracking.objects.detector_cmd"]
    assert [message.endswith(said) for message in told] == ([True] if said else [])


def test_boxes_of_another_picture_are_told_and_shares_of_it_refused(show, plate):
    (show / "a.csv").write_text("1,-1,150,1,5,5\n2,-1,161,1,5,5\n3,-1,-3,1,5,5\n4,-1,-5,1,5,5\n5,-1,9,97,5,5\n")
    candidate = find(plate, 1001, 1020, detections="a.csv")
    assert (
        candidate.said == ["3 of 5 boxes are outside the plate, 160x96; needed its px"]
        and len(candidate.detections) == 5
    )
    (show / "a.csv").write_text("1,-1,0.5,0.5,0.2,0.3\n2,-1,1,1,1,1\n")
    said = "detections: found all boxes within 2 px of the top-left corner; needed px of the plate, 160x96, not sh"
    with pytest.raises(ShotError, match=said):
        find(plate, 1001, 1020, detections="a.csv")


@pytest.mark.parametrize(
    "boxes, thresh, said",
    [
        ("", 0.3, "no boxes in the frames 1001 to 1020"),
        ("1,-1,9,9,30,30,0.9\n", 0.95, "none of 1 box has a confidence of tracking.objects.det_thresh, 0.95"),
        ("1,-1,9,9,30,30,0.9\n", 0.3, "1 of 1 box is sure enough; none goes on for tracking.objects.n_init, 3"),
    ],
)
def test_no_object_has_its_reason(show, plate, boxes, thresh, said):
    (show / "a.csv").write_text(boxes)
    candidate = find(plate, 1001, 1020, detections="a.csv")
    told = why_none(candidate, {"det_thresh": thresh, "n_init": 3}, 1001, 1020)
    assert told == [said]


def test_boxes_of_files_that_changed_meanwhile_are_not_stored_as_those_of_the_files_before(show, plate):
    (show / "weights.txt").write_text("7")
    command = "sh -c 'echo 1,-1,5,5,7,7 > $1; echo 8 > $0' weights.txt {detections}"
    with pytest.raises(ShotError, match="weights.txt changed while it was being read; run doit again"):
        find(plate, 1001, 1020, detector_cmd=command)
    assert not list((store_of(show)).iterdir())


def test_what_a_command_names_is_watched_before_it_is_there(show, plate):
    script = "print() " * 99  # no disk has such a name
    command = f"python -c '{script}' tools/detect.py --weights=models/best/y.pt {{detections}}"
    assert detector_command.list_command_files(command) == {"detector 0": show / "tools" / "detect.py"}
    config = config_of(plate, detector_cmd=command)
    config.shot.name = "mini"
    watched = files_of(ShotConfig("mini", (), config), make_nodes(config, (FOOTAGE, OBJECTS)))
    assert {show, show / "tools"} <= set(watched)
    (show / "models").mkdir()
    assert show / "models" in detector_command.list_command_folders(command)


def test_each_camera_has_its_own_source(show, plate):
    (show / "a.csv").write_text("1,-1,1,1,5,5,0.9,1,1\n2,-1,1,1,6,6,0.9,2,1\n200,-1,1,1,6,6,0.9,2,1\n")
    candidate = find(plate, 1001, 1020, detections="a.csv", classes=["2"])
    assert candidate.source == {"kind": "file", "trust": "given", "file": "a.csv"} and candidate.kept == []
    assert (
        candidate.detections.frame.tolist() == [1002]
        and "1 box in frames outside the plate's 1001 to" in candidate.said[0]
    )
    dogs = find(plate, 1001, 1020, detections="a.csv", classes=["dog"])
    assert len(dogs.detections) == 0 and "no box is of dog; they are of 1, 2" in dogs.said[1]
    config = config_of(plate, detector_cmd=COMMAND)
    config.shot.cameras = {"b": Witness(Footage(file="b.mp4"), "a.csv"), "c": Witness(Footage(file="c.####.exr"))}
    assert detections.list_source_files(config, "main") == {"detector 0": show / "tools" / "detect.py"}
    assert detections.list_source_files(config, "b") == {"detections": show / "a.csv"}
    assert detections.slice_source_settings(config, "b")["detector_cmd"] is None
    assert detections.slice_source_settings(config, "c")["plate_file"] == "c.####.exr"
    shared = config_of(plate, detections="a.csv")
    shared.shot.cameras = {"c": Witness(Footage(file=plate.files[0]))}
    job = Job("mini", detections.slice_source_settings(shared, "c"), detections.list_source_files(shared, "c"), {}, {})
    with pytest.raises(ShotError, match="boxes of no camera by name, needed shot.cameras.c.detections"):
        detections.find_detections(job, plate, 1001, 1020)
    config.shot.cameras["b"].detections = "gone.csv"
    with pytest.raises(
        ShotError, match="gone.csv: no such file; needed a file of detections .shot.cameras.b.detections"
    ):
        detections.list_source_files(config, "b")


def test_the_detector_of_a_killed_build_ends_with_it_and_one_that_is_done_is_not_run_again(tmp_path, movie):
    project = make_project(tmp_path / "show")
    (project.root / "footage" / "mini.mp4").write_bytes(movie.read_bytes())
    (project.root / "tools").mkdir()
    (project.root / "tools" / "detect.py").write_text(DETECTOR)
    objects = json.dumps({"enabled": True, "detector_cmd": COMMAND})
    head = "# @package _global_\nshot:\n  name: mini\n  footage: {file: footage/mini.mp4}\n"
    project.write_shot("mini", f"{head}tracking:\n  objects: {objects}\n")
    project.remove_other_shots("mini")
    (project.root / "wait").touch()
    build = start(project, "objects:mini", "shot=mini")
    assert build.until(lambda: runs(project.root))
    build.process.send_signal(signal.SIGKILL)
    build.wait()
    pid = int((project.root / "runs.txt").read_text().split()[0])
    ends_by = time.monotonic() + 10  # the kernel's signal reaches it a moment after its parent has ended
    while is_alive(pid) and time.monotonic() < ends_by:
        time.sleep(0.02)
    assert not is_alive(pid)
    (project.root / "wait").unlink()
    record = objects_of(project, "objects:mini", "shot=mini")
    assert [len(one["frames"]) for one in record["tracklets"]] == [FRAMES] and len(runs(project.root)) == 2
    objects_of(project, "objects:mini", "shot=mini", "tracking.objects.max_coast_frames=5")
    assert len(runs(project.root)) == 2 and litter(project) == []


def objects_of(project: Project, *words: str) -> dict:
    project.built(*words)
    paths = (project.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*/objects.json")
    return json.loads(max(paths, key=lambda path: path.stat().st_mtime_ns).read_text())
