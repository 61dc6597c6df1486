"""A stage whose numbers move must raise its version, or what it built before would be called up to date.

Each stage runs alone on recorded inputs; its numbers are held against the recorded ones, within what another machine's
arithmetic may change. After raising a version: `python tests/build/engine/test_versions.py` records anew; it refuses
while a stage moved without one."""

import json
import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from helpers.plates.boards import stills
from helpers.plates.synthetic import frames, make_plate, write_movie
from helpers.shows.in_blender import blender
from helpers.shows.project import DATA, open_in_process
from shotmake.config.schema import Checkerboard, Config, Objects
from shotmake.geometry.lens import Lens
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.show import open_show
from shotmake.tasks.stages.composite.stage import COMPOSITE
from shotmake.tasks.stages.export import EXPORT
from shotmake.tasks.stages.footage import FOOTAGE
from shotmake.tasks.stages.lens import LENS
from shotmake.tasks.stages.objects.stage import OBJECTS
from shotmake.tasks.stages.preview import PREVIEW
from shotmake.tasks.stages.report import REPORT
from shotmake.tasks.stages.scene.stage import SCENE
from shotmake.tasks.stages.solve.stage import SOLVE
from shotmake.tasks.stages.stmap import STMAP
from shotmake.tasks.stages.tracks.stage import TRACKS

STAGES = (FOOTAGE, OBJECTS, TRACKS, LENS, SOLVE, STMAP, SCENE, COMPOSITE, PREVIEW, EXPORT, REPORT)
RECORD = DATA / "versions"
INPUTS = {"footage": "footage.json", "tracks": "tracks.npz", "quality": "quality.json", "solve": "solve.json",
          "points": "points.npz", "redistort": "redistort.exr", "scene": "scene.json"}  # fmt: skip
MADE_HERE = ("redistort", "scene")  # from the recorded solve, too big or too plain to record
FRAME_COUNT = 24
SAME_MARKER_PX, SAME_SHARE = 0.05, 0.95
TOLERANCE = 2e-3  # relative, of sums of numbers


def config(plate: Path) -> Config:
    made = Config()
    made.shot.name, made.shot.footage.file = "versions", str(plate)
    made.tracking.detect.min_tracks = 80
    return made


def run(stage: Stage, folder: Path, plate: Path, recorded: Path) -> dict[str, Path]:
    """Run one stage on recorded inputs -> its targets, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = config(plate)
    if stage is OBJECTS:
        made.tracking.objects = Objects(enabled=True, detections=str(RECORD / "detections.csv"))
    if stage is LENS:
        made.shot.camera.checkerboard = make_stills(folder / "stills")
    names = stage.reads(made) if callable(stage.reads) else stage.reads
    names = [name for name in names if name in INPUTS]
    inputs = {name: (folder.parent if name in MADE_HERE else recorded) / INPUTS[name] for name in names}
    if "footage" in inputs:  # the plate lies elsewhere each time
        footage = json.loads(inputs["footage"].read_text())
        inputs["footage"] = folder / "input.json"
        place = os.path.relpath(plate, folder.parents[1]) if stage is SCENE else str(plate)  # Blender's is relative
        inputs["footage"].write_text(json.dumps({**footage, "files": [place]}))
    inputs |= stage.files(made)
    makes = stage.targets if stage.makes is None else stage.makes(made)
    targets = {name: folder / Path(stage.targets[name].format(id="versions")).name for name in makes}
    digests = {name: digest(path) for name, path in inputs.items()}
    open_show(folder.parents[1] / "dodo.py")  # a .blend must lie two folders deep in its show
    stage.build(Job("versions", stage.settings(made), inputs, digests, targets))
    return targets


def make_stills(folder: Path) -> Checkerboard:
    import cv2

    folder.mkdir()
    size_px = (480, 270)
    lens = Lens(400.0, 400.0, 246.0, 132.0, k1=-0.12, k2=0.04)
    board = Checkerboard(str(folder / "board.####.png"), columns=7, rows=5)
    for name, picture in stills(lens, size_px, board, count=8):
        cv2.imwrite(str(folder / name), picture)
    return board


def numbers(stage: Stage, targets: dict[str, Path]) -> dict:
    """What is held against the record."""
    if stage is TRACKS:
        with np.load(targets["tracks"]) as tracks:
            chosen = {frame: tracks["xy_px"][tracks["frame"] == frame] for frame in (6, 12, 18)}
        return {str(frame): np.round(xy_px, 3).tolist() for frame, xy_px in chosen.items()}
    if stage is STMAP:
        return {name: summary(sampled(path)) for name, path in targets.items()}
    if stage is COMPOSITE:
        dump = targets["blend"].with_name("dump.json")
        blender("dump_blend.py", "--blend", targets["blend"], "--out", dump)
        return {name: summary(part) for name, part in json.loads(dump.read_text()).items()}
    if stage is PREVIEW:
        return {"picture": summary(picture(targets["preview"]))}
    if stage is EXPORT:
        return {"chan": summary([[float(word) for word in line.split()] for line in open(targets["chan"])])}
    found = json.loads(next(iter(targets.values())).read_text())
    return {name: summary(part) for name, part in found.items() if name not in ("files", "plate", "session")}


def sampled(path: Path) -> list:
    import OpenImageIO as oiio

    pixels = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    return pixels[:: pixels.shape[0] // 5, :: pixels.shape[1] // 5, :2].astype(float).tolist()


def picture(path: Path) -> list:
    """Mean colours of a coarse grid of every eighth frame."""
    import av

    with av.open(str(path)) as movie:
        shown = [frame.to_ndarray(format="bgr24") for frame in movie.decode(video=0)][::8]
    height, width = (side // 6 for side in shown[0].shape[:2])
    return [[part[y : y + height, x : x + width].mean((0, 1)).tolist() for y in range(0, 6 * height, height)
             for x in range(0, 6 * width, width)] for part in shown]  # fmt: skip


def summary(tree) -> list:
    """[how many numbers, their sum, sum of sizes, sum weighted by place, the texts] of a tree."""
    values, texts = [], []

    def walk(node) -> None:
        if isinstance(node, dict):
            for name in sorted(node):
                texts.append(name)
                walk(node[name])
        elif isinstance(node, (list, tuple)):
            for part in node:
                walk(part)
        elif isinstance(node, (int, float)) and not isinstance(node, bool):
            values.append(float(node))
        else:
            texts.append("" if "/" in str(node) else str(node))  # paths differ each time

    walk(tree)
    array = np.array(values)
    sums = [array.sum(), np.abs(array).sum(), (np.abs(array) * (1 + np.arange(len(array)) % 7)).sum()]
    return [len(values), *(float(f"{part:.6g}") for part in sums), " ".join(texts)[:400]]


def moved(stage: Stage, before: dict, after: dict) -> list[str]:
    """What differs by more than another machine's arithmetic."""
    if stage is TRACKS:
        return [frame for frame in before if same_markers(before[frame], after[frame]) < SAME_SHARE]
    return sorted(name for name in before.keys() | after.keys() if differs(before.get(name), after.get(name)))


def same_markers(before: list, after: list) -> float:
    """Share of markers, of either, that have one of the other in the same place."""
    if not len(before) or not len(after):
        return 0.0
    gaps_px = np.linalg.norm(np.array(before)[:, None] - np.array(after)[None], axis=2)
    return float(min((gaps_px.min(1) < SAME_MARKER_PX).mean(), (gaps_px.min(0) < SAME_MARKER_PX).mean()))


def differs(before: list | None, after: list | None) -> bool:
    if before is None or after is None or before[0] != after[0] or before[4] != after[4]:
        return True
    size = max(before[2], after[2], 1e-9)
    return any(abs(a - b) > TOLERANCE * size * 4 for a, b in zip(before[1:4], after[1:4], strict=True))


@pytest.fixture(scope="module")
def plate(tmp_path_factory) -> Path:
    return make_small_plate(tmp_path_factory.mktemp("versions"))


def make_small_plate(folder: Path) -> Path:
    path = folder / "versions.mkv"  # lossless: x264 does not give the same pixels each time
    write_movie(path, frames(make_plate("desk", frame_count=FRAME_COUNT)), rate=Fraction(24), codec="ffv1")
    return path


def held_against_record(stage: Stage, folder: Path, plate: Path) -> tuple[int, list[str]]:
    """(recorded version, what moved) of one stage run on the recorded inputs."""
    record = json.loads((RECORD / "numbers.json").read_text())[stage.name]
    for needed in (STMAP, SCENE) if stage is COMPOSITE else ():
        for name, path in run(needed, folder / f"for-{needed.name}", plate, RECORD).items():
            if name in MADE_HERE:
                path.rename(folder / INPUTS[name])
    return record["version"], moved(stage, record["numbers"], numbers(stage, run(stage, folder / "out", plate, RECORD)))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_numbers_stay_while_the_version_stays(stage, plate, tmp_path, monkeypatch):
    open_in_process(monkeypatch, tmp_path)
    version, changed = held_against_record(stage, tmp_path / "run", plate)
    if version != stage.version:
        pytest.fail(
            f"version {version} -> {stage.version}: record its numbers with python tests/build/engine/test_versions.py"
        )
    assert not changed, f"{stage.name}: {', '.join(changed)} moved; raise version in tasks/{stage.name}.py"


@pytest.mark.parametrize("change", [lambda n: n * 1.02, lambda n: n + 0.05, lambda n: -n])
def test_a_number_that_moves_is_seen(change):
    before, tree = summary([1.0, [2.0, 3.0]]), [1.0, [change(2.0), 3.0]]
    assert differs(before, summary(tree)) and not differs(before, summary([1.0, [2.0 * (1 + 1e-4), 3.0]]))
    assert differs(summary({"a": "x"}), summary({"a": "y"}))
    xy_px = np.random.default_rng(0).uniform(0, 300, (80, 2))
    assert same_markers(xy_px.tolist(), (xy_px + 0.01).tolist()) == 1 and same_markers(xy_px, xy_px + 0.1) < SAME_SHARE


def record(folder: Path) -> None:
    """Record inputs and numbers anew."""
    plate = make_small_plate(folder)
    if (RECORD / "numbers.json").exists():
        known = json.loads((RECORD / "numbers.json").read_text())
        for stage in (one for one in STAGES if one.name in known):  # a new stage has no record yet
            (folder / "old" / stage.name).mkdir(parents=True)
            version, changed = held_against_record(stage, folder / "old" / stage.name, plate)
            if changed and version == stage.version:
                sys.exit(f"{stage.name}: {', '.join(changed)} moved; raise version in tasks/{stage.name}.py first")
    RECORD.mkdir(parents=True, exist_ok=True)
    found = {}
    for stage in STAGES:
        targets = run(stage, folder / "new" / stage.name, plate, RECORD)
        found[stage.name] = {"version": stage.version, "numbers": numbers(stage, targets)}
        for name, path in targets.items():
            if name in MADE_HERE:
                path.rename(folder / "new" / INPUTS[name])
            elif name in INPUTS:
                data = path.read_bytes()
                (RECORD / INPUTS[name]).write_bytes(data.replace(str(plate).encode(), b"versions.mkv"))
    (RECORD / "numbers.json").write_text(json.dumps(found, sort_keys=True, indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        record(Path(place))
