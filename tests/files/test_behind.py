"""What an input names is an input too: replaced, deleted, grown or come, `doit` notices it, or refused it before."""

import json
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.interchange import SIZE_PX, take_of
from helpers.plates.numbered import write_numbered
from helpers.plates.playlists import write_playlist
from helpers.plates.synthetic import write_movie
from helpers.shows.attack import shot_yaml
from helpers.shows.project import DATA, IN_BLENDER, Project, make_project
from shotmake.files.behind import blend, gltf, usd
from shotmake.files.behind.named_files import Named, list_files, place_of
from shotmake.formats.cameras import chan
from shotmake.formats.cameras.colmap_model import make_model_texts
from shotmake.formats.cameras.scene_files import gltf as gltf_camera
from shotmake.formats.cameras.scene_files import usd as usd_camera
from shotmake.geometry.lens import Lens

YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4, first_frame: 1001}
  camera: {from_tracking: false, import_file: cam/walk.chan, lens_from: null}
  subject: {kind: none}
  export: []
tracking: {enabled: false, preview: {enabled: false}}
"""
TAKE = replace(take_of(lens=Lens(1000.0, 1000.0, 480.0, 270.0), frame_count=6), shot="walk")
OTHER = replace(take_of("dolly", lens=Lens(1000.0, 1000.0, 480.0, 270.0), frame_count=6), shot="walk")


@pytest.fixture(scope="module")
def assets(made_once) -> Path:
    from shotmake.tasks.blender.private_blender import find_python, make_environment

    def make(place: Path) -> None:
        assert make_environment() is None
        script = str(IN_BLENDER / "foreign" / "make_linking_subject.py")
        subprocess.run([str(find_python()), script, str(place)], check=True, capture_output=True, timeout=300)

    return made_once("linking-subject", make)


@pytest.fixture
def show(tmp_path: Path) -> Project:
    """A shot with an imported camera: its solve takes a second."""
    project = make_project(tmp_path / "show")
    grey = np.full((SIZE_PX[1], SIZE_PX[0], 3), 120, np.uint8)
    write_movie(project.root / "footage" / "mini.mp4", enumerate([grey] * 6))
    (project.root / "cam").mkdir()
    chan.write(project.root / "cam" / "walk.chan", TAKE)
    project.write_shot("mini", YAML)
    project.remove_other_shots("mini")
    return project


def test_what_a_blend_names_is_told_without_blender(assets, tmp_path):
    inner = {(one.text, one.is_sequence) for one in blend.list_names(assets / "inner.blend")}
    assert {("//tex.png", False), ("//seq.001.png", True), ("//later.png", False)} <= inner
    assert Named("//inner.blend", kind="Library") in blend.list_names(assets / "robot.blend")
    import gzip

    with gzip.open(tmp_path / "old.blend", "wb") as file:  # as Blender 2.9 compressed
        file.write((assets / "robot.blend").read_bytes())
    assert blend.list_names(tmp_path / "old.blend") == blend.list_names(assets / "robot.blend")
    for damage in (b"", b"BLENDER-v405", b"no blend", (assets / "robot.blend").read_bytes()[:5000]):
        (tmp_path / "bad.blend").write_bytes(damage)
        assert blend.list_names(tmp_path / "bad.blend") is None


def test_what_a_subject_names_is_watched(show, assets):
    for file in assets.iterdir():
        if file.suffix in (".png", ".blend"):
            shutil.copy(file, show.root / "cam" / file.name)
    words = ("shot=mini", "shot.subject.blend=cam/robot.blend", "shot.subject.collection=Robot")
    show.built(*words)
    assert show.built(*words).executed == []
    cam, frame = show.root / "cam", (show.root / "cam" / "seq.002.png").read_bytes()
    (cam / "seq.002.png").write_bytes(frame + b"grown")
    assert show.built(*words).executed == ["composite:mini", "publish:mini"]
    shutil.copy(cam / "tex.png", cam / "later.png")  # it was named all the time
    ran = show.built(*words)
    assert "composite:mini" in ran.executed
    (cam / "seq.003.png").write_bytes(frame)
    plan = show.built("plan", *words).out
    assert "it reads other files now" in plan
    (cam / "seq.003.png").unlink()
    (cam / "tex.png").write_bytes(frame + b"another")
    assert "input shot.subject.blend, which names tex.png changed" in show.built("plan", *words).out
    (cam / "inner.blend").unlink()
    ran = show.run(*words)
    (line,) = ran.fault_lines  # Blender's own name for a library that is gone
    assert ran.code == 1 and "cam/robot.blend: collection Robot is empty; check shot.subject" in line


def test_a_compressed_subject_is_said_not_to_be_watched(show, assets):
    for name in ("inner.blend", "tex.png", "seq.001.png", "seq.002.png", "packed.blend"):
        shutil.copy(assets / name, show.root / "cam" / name)
    if blend.list_names(assets / "packed.blend") is not None:
        pytest.skip("zstandard is installed: it is watched")
    words = ("shot=mini", "shot.subject.blend=cam/packed.blend", "shot.subject.collection=Robot")
    ran = show.built("composite", *words)
    told = "packed.blend: the files that it names are not watched; save it without Compress"
    (line,) = (line.strip() for line in ran.out.splitlines() if "not watched" in line)
    assert line.startswith(told)


def test_a_playlist_is_refused_as_a_picture(show, assets):
    write_numbered(show.root / "cam" / "real.mp4", 4)
    write_playlist(show.root / "cam" / "list.mp4", "a concat list", "real.mp4")
    found = "list.mp4: found an FFmpeg concat list; needed a movie that holds its own pictures"
    corners = "composite.corner_pin.corners_xyz=[[0,0,0],[1,0,0],[1,1,0],[0,1,0]]"
    uses = {
        "shot.lights.image": ("composite", "shot.lights.preset=hdri"),
        "shot.backdrop.image": ("composite", "shot.backdrop.kind=image"),
        "composite.background_image": ("composite", "composite.background_source=image"),
        "composite.corner_pin.image": ("scene", corners),
    }
    for key, (stage, more) in uses.items():
        ran = show.run(stage, "shot=mini", f"{key}=cam/list.mp4", more)
        (line,) = ran.fault_lines
        assert ran.code == 1 and found in line and key in line, (key, line)
    # and behind a subject
    for name in ("robot.blend", "inner.blend", "tex.png", "seq.001.png", "seq.002.png"):
        shutil.copy(assets / name, show.root / "cam" / name)
    write_playlist(show.root / "cam" / "tex.png", "a concat list", "real.mp4")
    ran = show.run("composite", "shot=mini", "shot.subject.blend=cam/robot.blend", "shot.subject.collection=Robot")
    (line,) = ran.fault_lines
    assert ran.code == 1 and "tex.png: found an FFmpeg concat list" in line and "shot.subject.blend" in line


def centres(show: Project) -> np.ndarray:
    """Of the newest solve."""
    paths = (show.root / ".gsd-state/tracking/solves").glob("mini-????????????.json")
    newest = max(paths, key=lambda path: path.stat().st_mtime_ns)
    return np.array(json.loads(newest.read_text())["cam_from_world"])


def test_the_layers_of_a_usd_camera_are_watched(show):
    cam = show.root / "cam"
    (cam / "deep").mkdir()
    usd_camera.write(cam / "deep" / "walk.usda", TAKE)
    (cam / "mid.usda").write_text("#usda 1.0\n(\n    subLayers = [@./deep/walk.usda@]\n)\n")
    header = 'upAxis = "Z"\n    startTimeCode = 1001\n    endTimeCode = 1006\n    timeCodesPerSecond = 24'
    (cam / "top.usda").write_text(f"#usda 1.0\n(\n    {header}\n    subLayers = [\n        @mid.usda@\n    ]\n)\n")
    words = ("solve", "shot=mini", "shot.camera.import_file=cam/top.usda")
    show.built(*words)
    before = centres(show)
    assert "solve:mini" not in show.built(*words).executed
    usd_camera.write(cam / "deep" / "walk.usda", OTHER)
    assert "solve:mini" in show.built(*words).executed
    assert np.abs(centres(show) - before).max() > 0.01
    with open(cam / "deep" / "walk.usda", "a") as file:
        file.write("\n# grown\n")
    assert "which names deep/walk.usda changed" in show.built("plan", *words[1:]).out
    (cam / "deep" / "walk.usda").unlink()
    ran = show.run(*words)
    assert (
        ran.code == 1 and len(ran.fault_lines) == 1 and "top.usda: found no camera; needed a file" in ran.fault_lines[0]
    )
    assert "(shot.camera.import_file)" in ran.fault_lines[0] and "import_name" not in ran.fault_lines[0]


def test_a_layer_without_a_frame_of_the_shot_is_one_line(show):
    """It ended in a traceback: a layer on top that names no range."""
    usd_camera.write(show.root / "cam" / "walk.usda", TAKE)
    (show.root / "cam" / "top.usda").write_text("#usda 1.0\n(\n    subLayers = [@walk.usda@]\n)\n")
    ran = show.run("solve", "shot=mini", "shot.camera.import_file=cam/top.usda")
    line = "solve:mini: top.usda: has no pose for the frames 1001 to 1006 (shot.camera.import_file)"
    assert ran.code == 1 and ran.fault_lines == [line]


def test_the_layers_of_a_crate_file_are_told(tmp_path):
    """tests/data/behind/layers.usdc is of OpenUSD 26.11: a sublayer, a reference, a payload, and a picture."""
    path = DATA / "behind" / "layers.usdc"
    wanted = {"./walk.usda", "sub/set.usdc", "props.usdz"}
    assert {one.text for one in usd.list_names(path)} == wanted
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.usdz", "w") as package:
        package.write(path, "layers.usdc")
    assert {one.text for one in usd.list_names(tmp_path / "a.usdz")} == wanted
    data = path.read_bytes()
    random = np.random.default_rng(3)
    for number in range(300):  # damaged, it is told or not, and never a traceback
        marred = bytearray(data[: random.integers(1, len(data))] if number % 2 else data)
        for at in random.integers(0, len(marred), 4):
            marred[at] = random.integers(0, 256)
        (tmp_path / "a.usdc").write_bytes(bytes(marred))
        usd.list_names(tmp_path / "a.usdc")
    (tmp_path / "a.usda").write_text(
        "#usda 1.0\n(subLayers = [@a b.usda@, @@@odd@name.usda@@@, @set.usdz[in.usda]@, @x.usda:SDF_FORMAT_ARGS:a=1@]"
        ')\ndef "x" (clips = {dictionary d = {string templateAssetPath = "clip.###.usd"}}) { asset t = @wood.png@ }\n'
    )
    found = [one.text for one in usd.list_names(tmp_path / "a.usda")]
    assert found == ["a b.usda", "odd@name.usda", "set.usdz", "x.usda", "clip.###.usd"]


def test_the_buffers_of_a_gltf_camera_are_watched(show):
    cam = show.root / "cam"

    def write(take) -> None:
        gltf_camera.write(cam / "walk.glb", take)
        data = (cam / "walk.glb").read_bytes()
        (length,) = struct.unpack_from("<I", data, 12)
        tree = json.loads(data[20 : 20 + length])
        tree["buffers"][0]["uri"] = "keys%20of%20it.bin"
        (cam / "walk.gltf").write_text(json.dumps(tree))
        (cam / "keys of it.bin").write_bytes(data[28 + length :])

    write(TAKE)
    assert gltf.list_names(cam / "walk.glb") == [] and gltf.list_names(cam / "walk.gltf") == [Named("keys of it.bin")]
    words = ("solve", "shot=mini", "shot.camera.import_file=cam/walk.gltf")
    show.built(*words)
    before, keys = centres(show), (cam / "keys of it.bin").read_bytes()
    assert "solve:mini" not in show.built(*words).executed
    write(OTHER)
    assert (cam / "keys of it.bin").read_bytes() != keys
    assert "solve:mini" in show.built(*words).executed
    assert np.abs(centres(show) - before).max() > 0.01
    (cam / "keys of it.bin").write_bytes(keys + b"grown")
    assert "which names keys of it.bin changed" in show.built("plan", *words[1:]).out
    (cam / "keys of it.bin").unlink()
    ran = show.run(*words)
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "walk.gltf: Blender cannot read it" in ran.fault_lines[0]


def test_both_files_of_a_colmap_model_are_watched(show):
    (show.root / "cam" / "model").mkdir()
    texts = make_model_texts(TAKE)
    for name, text in texts.items():
        (show.root / "cam" / "model" / name).write_text(text)
    words = ("solve", "shot=mini", "shot.camera.import_file=cam/model")
    show.built(*words)
    for name, is_read in (("cameras.txt", True), ("images.txt", True), ("points3D.txt", False)):
        path = show.root / "cam" / "model" / name
        show.built(*words)
        path.write_text("# grown\n" + texts[name])
        assert ("solve:mini" in show.built(*words).executed) == is_read, name
        path.unlink()
        ran = show.run(*words)
        assert (ran.code == 1 and name in ran.fault_lines[0]) == is_read, name
        path.write_text(texts[name])


def test_frames_behind_links_are_watched(tmp_path):
    """The content behind a link counts; another target of the same size and time is another file."""
    import cv2

    show = make_project(tmp_path / "show")
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        for frame in range(1, 5):
            picture = np.full((96, 96, 3), 10 * frame + (50 if version == "v2" else 0), np.uint8)
            path = tmp_path / version / f"p.{frame:04d}.png"
            cv2.imwrite(str(path), picture)
            os.utime(path, (1_700_000_000, 1_700_000_000))
    sizes = [{path.stat().st_size for path in (tmp_path / version).iterdir()} for version in ("v1", "v2")]
    assert sizes[0] == sizes[1] and len(sizes[0]) == 1
    (show.root / "footage" / "current").symlink_to(tmp_path / "v1")
    (show.root / "footage" / "own").mkdir()
    for frame in range(1, 5):
        (show.root / "footage" / "own" / f"p.{frame:04d}.png").symlink_to(tmp_path / "v1" / f"p.{frame:04d}.png")
    show.remove_other_shots("none")
    for name in ("current", "own"):
        show.write_shot(name, shot_yaml(name=name, plate=f"{name}/p.####.png"))
    tasks = ["footage:current", "footage:own"]
    assert show.built(*tasks).executed == tasks
    assert show.built(*tasks).executed == []
    (show.root / "footage" / "current").unlink()
    (show.root / "footage" / "current").symlink_to(tmp_path / "v2")
    link = show.root / "footage" / "own" / "p.0002.png"
    link.unlink()
    link.symlink_to(tmp_path / "v2" / "p.0002.png")
    assert show.built(*tasks).executed == tasks
    (tmp_path / "v1" / "p.0003.png").write_bytes((tmp_path / "v2" / "p.0003.png").read_bytes() + b"grown")
    assert show.built(*tasks).executed == ["footage:own"]
    (tmp_path / "v1" / "p.0003.png").unlink()
    ran = show.run(*tasks)
    assert ran.code == 1 and "1 frame is missing: 3" in ran.fault_lines[0]


def test_the_libraries_of_a_session_are_watched(assets, tmp_path):
    """And nothing else that such a .blend names: its plate, its textures and what the build made of them go round."""
    from shotmake.tasks.engine.inputs.files_behind import add_behind

    files = {"session 0": assets / "robot.blend"}
    names = ["session 0", "session 0, which names inner.blend"]
    assert list(add_behind(files, kinds=("Library",))) == names
    assert set(add_behind(files)) > set(names)


def test_names_are_taken_from_the_folder_of_the_file_that_holds_them(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("b.png", "a/c.png", "a/t.1001.png", "a/t.1002.png", "a/t.1002.txt", "a/v_007_x.vdb", "a/v_008_x.vdb"):
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    holder = tmp_path / "a" / "s.blend"

    def found(text: str, is_sequence: bool = False) -> list[str]:
        named = Named(text, is_sequence)
        place = place_of(named, holder)
        return [] if place is None else [os.path.relpath(path, tmp_path) for path in list_files(named, place)]

    assert found("//../b.png") == found("..\\b.png") == found(str(tmp_path / "b.png")) == ["b.png"]
    assert found("c.png") == ["a/c.png"] and found("//folder/") == found("") == found("//pipe.png") == []
    assert (
        found("//t.<UDIM>.png") == found("t.####.png") == found("t.1001.png", True) == ["a/t.1001.png", "a/t.1002.png"]
    )
    assert found("t.1001.png") == ["a/t.1001.png"] and found("v_001_x.vdb", True) == ["a/v_007_x.vdb", "a/v_008_x.vdb"]
    assert found("n" * 400) == found("nowhere/x.####.png") == []
