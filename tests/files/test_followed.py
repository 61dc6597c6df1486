"""The table of what each reader follows: every key and format has a row, every row a test; the page is the table."""

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.interchange import asked_of, take_of
from helpers.shows.attack import shot_yaml
from helpers.shows.project import REPOSITORY, TESTS, Project, make_project
from shotmake.config.check import list_file_keys
from shotmake.config.format_registry import FORMATS, Format
from shotmake.files.behind.what_readers_follow import ROWS, as_markdown
from shotmake.formats.cameras import chan
from shotmake.formats.detections.read import read_detections
from shotmake.formats.lenses.lens_request import LensAsked
from shotmake.geometry.lens import Lens
from shotmake.lens.read_lens import read_lens
from shotmake.stmap.maps import make_redistort_map, write_stmap
from shotmake.tracks.markers import Tracks, save_tracks

PAGE = REPOSITORY / "docs" / "what_is_followed.md"
TAKE = replace(take_of(lens=Lens(1000.0, 1000.0, 480.0, 270.0, k1=-0.05), frame_count=6), shot="walk")


def test_the_page_is_the_table():
    """`python -m shotmake.files.behind.what_readers_follow` prints it."""
    assert PAGE.read_text() == as_markdown()


def test_every_key_that_names_a_file_and_every_format_that_is_read_has_a_row():
    keys = {key for row in ROWS for key in row.keys}
    beside = {"file=", "cut=", "$OCIO", "tracking.objects.detector_cmd"}  # words, a variable, a command
    assert keys == set(list_file_keys()) | beside
    read = {one.word for one in FORMATS if one.suffixes}
    assert {word for row in ROWS for word in row.formats} == read


def test_every_row_has_a_test():
    there = set()
    for path in TESTS.rglob("test_*.py"):
        there |= {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert {row.test for row in ROWS} <= there


opened: list[str] | None = None  # paths, while somebody listens


def _note(event: str, arguments: tuple) -> None:
    if opened is not None and event == "open" and isinstance(arguments[0], (str, bytes, Path)):
        opened.append(os.fsdecode(arguments[0]))


def read_alone(path: Path, read) -> None:
    """Reading it opens no other file in its folder."""
    global opened
    opened = []
    try:
        read()
    finally:
        found, opened = opened, None
    near = {Path(one).resolve() for one in found if Path(one).resolve().is_relative_to(path.parent)}
    assert near <= {path.resolve()}, near


@pytest.fixture(scope="module")
def listening():
    sys.addaudithook(_note)


ROWS_READ_ALONE = [
    format
    for row in ROWS
    if row.test == "test_a_text_file_is_read_alone"
    for format in FORMATS
    if format.word in row.formats
]


@pytest.mark.parametrize("format", ROWS_READ_ALONE, ids=[one.word for one in ROWS_READ_ALONE])
def test_a_text_file_is_read_alone(format: Format, tmp_path, listening):
    (tmp_path / "other.png").write_bytes(b"x")
    path = written(format, tmp_path)
    module = import_module(f"shotmake.formats.{format.module}")
    readers = {
        "camera": lambda: module.read(path, asked_of(TAKE)),
        "tracks": lambda: module.read(path, TAKE.size_px),
        "lens": lambda: read_lens(path, LensAsked(TAKE.size_px, focal_px=1000.0), 0.1),
        "detections": lambda: read_detections(path, "main", 1, 9, key="key", say=print),
    }
    read_alone(path, readers[format.kind])


def written(format: Format, folder: Path) -> Path:
    """A file of that format, which names other.png where the format has a place for a name."""
    name = format.file or f"file{format.suffixes[0]}"
    path = folder / name
    boxes = [{"frame": 1, "bbox": [1, 1, 20, 20]}]
    coco = {
        "images": [{"id": 1, "file_name": "other.png", "frame_id": 1}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 20]}],
    }
    texts = {
        "json": json.dumps({"schema": 1, **TAKE.solution, "image_size_px": TAKE.size_px, "file": "other.png"}),
        "tracks_mot": "1,1,1,1,20,20,1\n2,1,2,2,20,20,1\n",
        "detections_json": json.dumps({"schema": 1, "detections": boxes, "file": "other.png"}),
        "detections_coco": json.dumps(coco),
        "detections_mot": "1,-1,1,1,20,20,1\n",
    }
    if format.word == "lens_stmap":
        lens = Lens.from_json(TAKE.solution["lens"])
        write_stmap(path, make_redistort_map(lens, TAKE.size_px, (0, 0)), "redistort", (0, 0))
    elif format.word == "tracks_npz":
        path.write_bytes(save_tracks(tracks()))
    elif format.word in texts:
        path.write_text(texts[format.word])
    else:
        import_module(f"shotmake.formats.{format.module}").write(path, replace(TAKE, tracks=tracks()))
    if path.suffix == ".nk":
        path.write_text("Read {\n file other.png\n name Read1\n}\n" + path.read_text())
    return path


def tracks() -> Tracks:
    return Tracks.from_markers(np.zeros(6, int), np.arange(1001, 1007), np.full((6, 2), 50.0))


def test_a_picture_that_an_fbx_names_does_not_matter(tmp_path):
    """Blender writes a camera and a cube with a texture; the texture changes, then goes."""
    from shotmake.tasks.blender.private_blender import find_python, make_environment

    assert make_environment() is None
    script = (
        "import bpy, sys\nbpy.ops.wm.read_factory_settings(use_empty=True)\n"
        "image = bpy.data.images.new('t', 8, 8)\nimage.filepath_raw = sys.argv[1] + '/tex.png'\n"
        "image.file_format = 'PNG'\nimage.save()\n"
        "bpy.ops.mesh.primitive_cube_add()\nmaterial = bpy.data.materials.new('m')\nmaterial.use_nodes = True\n"
        "node = material.node_tree.nodes.new('ShaderNodeTexImage')\n"
        "node.image = bpy.data.images.load(sys.argv[1] + '/tex.png')\n"
        "base = material.node_tree.nodes['Principled BSDF'].inputs['Base Color']\n"
        "material.node_tree.links.new(node.outputs[0], base)\n"
        "bpy.context.object.data.materials.append(material)\nbpy.ops.object.camera_add(location=(1, -6, 2))\n"
        "bpy.context.scene.camera = bpy.context.object\n"
        "bpy.ops.export_scene.fbx(filepath=sys.argv[1] + '/walk.fbx', path_mode='RELATIVE')\n"
    )
    show = make_project(tmp_path / "show")
    cam = show.root / "cam"
    cam.mkdir()
    subprocess.run([str(find_python()), "-c", script, str(cam)], check=True, capture_output=True, timeout=300)
    assert b"tex.png" in (cam / "walk.fbx").read_bytes()
    solve = solve_of(show, "cam/walk.fbx")
    before = solve.read_bytes()
    (cam / "tex.png").write_bytes(b"another")
    assert show.built("solve", "shot=mini").executed == []
    (cam / "tex.png").unlink()
    assert show.built("solve", "shot=mini").executed == []
    solve.unlink()
    show.built("solve", "shot=mini")
    assert solve.read_bytes() == before


def solve_of(show: Project, camera: str) -> Path:
    """Build the solve of a shot with that camera -> its file."""
    from helpers.plates.synthetic import write_movie

    grey = np.full((TAKE.size_px[1], TAKE.size_px[0], 3), 120, np.uint8)
    write_movie(show.root / "footage" / "mini.mp4", enumerate([grey] * 6))
    text = "tracking: {enabled: false, preview: {enabled: false}}\n"
    own = "camera: {from_tracking: false, import_file: " + camera + "}"
    block = f"shot:\n  name: mini\n  footage: {{file: footage/mini.mp4, first_frame: 1001}}\n  {own}\n"
    show.write_shot("mini", f"# @package _global_\n{block}{text}")
    show.remove_other_shots("mini")
    show.built("solve", "shot=mini")
    (path,) = (one for one in (show.root / ".gsd-state/tracking/solves").glob("*.json") if "stamp" not in one.name)
    return path


def test_what_a_detector_opens_besides_is_said_not_to_be_watched(tmp_path, small_movie):
    """A file of the show that the command names is watched; one that the program opens by itself is not, and the page
    says so."""
    show = make_project(tmp_path / "show")
    shutil.copy(small_movie, show.root / "footage" / "mini.mp4")
    (show.root / "find.py").write_text(
        "import sys\nopen('hidden.txt').read()\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read())\n"
    )
    (show.root / "hidden.txt").write_text("1")
    (show.root / "boxes.txt").write_text("".join(f"{frame},-1,40,40,20,20,1\n" for frame in range(1, 41)))
    command = f"{sys.executable} find.py boxes.txt {{detections}}"
    more = f"  objects: {{enabled: true, detector_cmd: '{command}'}}\n"
    show.write_shot("mini", shot_yaml(more=more))
    show.remove_other_shots("mini")
    show.built("objects", "shot=mini")
    (show.root / "boxes.txt").write_text("".join(f"{frame},-1,60,40,20,20,1\n" for frame in range(1, 41)))
    assert "objects:mini" in show.built("objects", "shot=mini").executed
    (show.root / "hidden.txt").write_text("2")
    assert "objects:mini" not in show.built("objects", "shot=mini").executed
    row = next(row for row in ROWS if row.keys == ("tracking.objects.detector_cmd",))
    assert row.answer == "not watched" and row.how in PAGE.read_text()


def test_a_cut_is_read_once(tmp_path, small_movie):
    """The YAML it wrote is the shot: the cut may go."""
    pytest.importorskip("opentimelineio")
    show = make_project(tmp_path / "show")
    shutil.copy(small_movie, show.root / "footage" / "mini.mp4")
    show.remove_other_shots("none")
    (show.root / "cut.edl").write_text(
        "TITLE: cut\n\n001  MINI     V     C        00:00:00:02 00:00:00:10 01:00:00:00 01:00:00:08\n"
        "* FROM CLIP NAME: mini.mp4\n"
    )
    show.built("new", "cut=cut.edl")
    show.built("footage", "shot=mini")
    (show.root / "cut.edl").write_text("no cut")
    assert show.built("footage", "shot=mini").executed == []
    (show.root / "cut.edl").unlink()
    assert show.built("footage", "shot=mini").executed == []


CONFIG_OF_ONE_SPACE = """\
ocio_profile_version: 1
roles: {default: raw, scene_linear: raw, data: raw}
displays:
  mine:
    - !<View> {name: Raw, colorspace: raw}
active_displays: [mine]
active_views: [Raw]
colorspaces:
  - !<ColorSpace> {name: raw, isdata: true}
"""


def test_blender_does_not_read_the_surrounding_colour_config(tmp_path):
    """$OCIO names a file that nobody watches: the same shot would come out otherwise on another desk."""
    from helpers.shows.in_blender import blender

    show = make_project(tmp_path / "show")
    (tmp_path / "config.ocio").write_text(CONFIG_OF_ONE_SPACE)
    (show.root / "cam").mkdir()
    chan.write(show.root / "cam" / "walk.chan", TAKE)
    solve_of(show, "cam/walk.chan")
    command = [sys.executable, "-m", "doit", "composite:mini"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OCIO": str(tmp_path / "config.ocio")}
    ran = subprocess.run(command, cwd=show.root, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    (made,) = (show.root / ".gsd-state" / "composites").glob("mini-*.blend")
    blender("dump_blend.py", f"--blend={made}", f"--out={tmp_path / 'dump.json'}")
    assert '"view": "Standard"' in (tmp_path / "dump.json").read_text()
