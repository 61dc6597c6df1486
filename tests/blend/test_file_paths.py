"""Files named in every way a config may name them, through the real command line, as the .blend then finds them."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates.numbered import SIZE, copied, number_of, picture, write_numbered
from helpers.plates.shown import blender_numbers
from helpers.shows.in_blender import blender
from helpers.shows.project import IN_BLENDER, Project, make_project
from shotmake.geometry.lens import Lens
from shotmake.stmap.maps import make_redistort_map, write_stmap
from shotmake.tasks.blender.private_blender import find_python, make_environment

LENS = Lens(150.0, 150.0, SIZE[0] / 2, SIZE[1] / 2, k1=-0.05)
FRAMES = [1001, 1002, 1003]
KEYS = {  # the file -> what it is called in the .blend; and the keys that name it
    "plate.mov": "clip {shot}",
    "still.png": "background_image",
    "pin.png": "corner_pin",
    "sky.exr": "sky.exr",
    "wall.png": "wall.png",
    "textured.blend": "library",
    "textures/wood.png": "wood.png",  # of the linked .blend
}
YAML = """\
# @package _global_
shot:
  name: {shot}
  footage: {{file: "{at}/plate.mov", first_frame: 1001}}
  camera: {{from_tracking: false, import_file: "{at}/camera.json"}}
  subject: {{blend: "{at}/textured.blend", collection: Textured}}
  lights: {{preset: hdri, image: "{at}/sky.exr"}}
  backdrop: {{kind: image, image: "{at}/wall.png"}}
  export: [undistorted_plate]
tracking: {{enabled: false, preview: {{enabled: false}}}}
composite:
  background_source: image
  background_image: "{at}/still.png"
  lens_distortion: {{st_map_path: "{at}/map.exr"}}
  corner_pin: {{image: "{at}/pin.png", corners_xyz: [[-1, 0, 1], [1, 0, 1], [1, 0, 0], [-1, 0, 0]]}}
"""
SEQUENCES = """\
# @package _global_
shot:
  name: sequences
  footage: {{file: "{at}/frames/p.####.png", color_space: sRGB, frame_rate: 24}}
  camera: {{from_tracking: false, import_file: "{at}/camera.json"}}
  subject: {{kind: none}}
  export: [undistorted_plate]
tracking: {{enabled: false, preview: {{enabled: false}}}}
composite:
  render: {{samples: 1, format: png}}
  corner_pin: {{image: "{at}/pins/q.####.png", corners_xyz: [[20, 0, 1], [21, 0, 1], [21, 0, 0], [20, 0, 0]]}}
"""
# How a shot names what lies on another disk (raid) or in the show's footage; `link` is a link to raid/deep
WAYS = {
    "outside": "{raid}",
    "inside": "{show}/footage",
    "slashes": "/{raid}",
    "beside": "../raid",
    "linked": "footage/link/..",
    "linked_absolute": "{show}/footage/link/..",
}
IN_SHOW = {"inside"}


def make_files(folder: Path, first: int) -> None:
    """All files that a shot names. first: the number of the plate's first picture, and what all others differ by."""
    import OpenImageIO as oiio

    (folder / "frames").mkdir(parents=True)
    (folder / "pins").mkdir()
    movie = write_numbered(folder / "whole.mov", first + 3, options={"g": "1", "bf": "0", "crf": "4"})
    copied(movie, folder / "plate.mov", Fraction(first, 24))
    movie.unlink()
    for name, number in {"still.png": 100, "pin.png": 101, "wall.png": 102}.items():
        assert cv2.imwrite(str(folder / name), picture(number + first))
    for at, frame in enumerate(FRAMES):
        assert cv2.imwrite(str(folder / "frames" / f"p.{frame}.png"), picture(first + at))
        assert cv2.imwrite(str(folder / "pins" / f"q.{frame}.png"), picture(110 + first + at))
    sky = oiio.ImageBuf(oiio.ImageSpec(64, 32, 3, "half"))
    oiio.ImageBufAlgo.fill(sky, (0.1 * first, 0.5, 0.5))
    assert sky.write(str(folder / "sky.exr"))
    write_stmap(folder / "map.exr", make_redistort_map(LENS, SIZE, (0, 0)), "test", (0, 0))
    pose = np.array([[1.0, 0, 0, 0], [0, 0, -1, 1], [0, 1, 0, 6]])
    camera = {"schema": 1, "status": "solved", "kind": "general", "image_size_px": SIZE, "lens": LENS.to_json()}
    camera |= {"frames": FRAMES, "cam_from_world": [pose.ravel().tolist()] * 3}
    (folder / "camera.json").write_text(json.dumps(camera))


@dataclass(frozen=True)
class Show:
    project: Project
    raid: Path
    files: dict[str, dict[str, list]]  # shot: what files_in_blend.py tells of its .blend


@pytest.fixture(scope="module")
def show(tmp_path_factory) -> Show:
    """A show with one shot for every way to name files, built; the footage folder has files of the same names as the
    raid, with other contents."""
    assert make_environment() is None
    base = tmp_path_factory.mktemp("paths")
    project, raid = make_project(base / "show"), base / "raid"
    project.remove_other_shots("")
    make_files(raid, 20)
    make_files(project.root / "footage", 60)
    for folder in (raid, project.root / "footage"):
        subprocess.run(
            [find_python(), IN_BLENDER / "foreign/make_assets.py", folder, base / "evil"],
            check=True,
            capture_output=True,
        )
    wood = project.root / "footage" / "textures" / "wood.png"
    assert cv2.imwrite(str(wood), picture(99))  # the other one is black
    (raid / "deep").mkdir()
    (project.root / "footage" / "link").symlink_to(raid / "deep")
    for shot, way in WAYS.items():
        project.write_shot(shot, YAML.format(shot=shot, at=way.format(raid=raid, show=project.root)))
    project.write_shot("sequences", SEQUENCES.format(at=raid))
    project.built()
    return Show(project, raid, files_of(project, [*WAYS, "sequences"]))


def files_of(project: Project, shots: list[str]) -> dict[str, dict[str, list]]:
    blends = [str(next((project.root / "build" / shot).glob("*.blend"))) for shot in shots]
    done = subprocess.run(
        [find_python(), IN_BLENDER / "files_in_blend.py", *blends], capture_output=True, text=True, timeout=200
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("##")]
    return dict(zip(shots, json.loads(line[2:]).values(), strict=True))


def digest(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize("shot", WAYS)
@pytest.mark.parametrize("file", KEYS)
def test_the_blend_finds_the_very_file(show, shot, file):
    stored, leads_to, read = show.files[shot][KEYS[file].format(shot=shot)]
    meant = (show.project.root / "footage" if shot in IN_SHOW else show.raid) / file
    other = (show.raid if shot in IN_SHOW else show.project.root / "footage") / file
    assert digest(leads_to) == digest(meant)
    assert file == "textured.blend" or digest(meant) != digest(other)
    assert os.path.samefile(leads_to, meant)
    assert read if file == "textured.blend" else all(read)
    if file != "textures/wood.png":
        absolute = shot in ("outside", "slashes", "linked_absolute")
        assert stored.startswith("//") != absolute and (not absolute or stored == str(meant))


@pytest.mark.parametrize("shot", [*WAYS, "sequences"])
def test_nothing_else_is_missing(show, shot):
    assert len(show.files[shot]) == (len(KEYS) + 1 if shot in WAYS else 3)  # and our own ST-map
    for name, (stored, leads_to, _) in show.files[shot].items():
        assert Path(leads_to).is_file(), (name, stored)


@pytest.mark.parametrize("shot", WAYS)
def test_the_undistorted_plate_is_of_the_very_plate(show, shot):
    first = 60 if shot in IN_SHOW else 20
    assert pictures(show.project.root / "build" / shot / "undistorted_plate", "exr") == [first, first + 1, first + 2]


def pictures(folder: Path, suffix: str) -> list[int]:
    import OpenImageIO as oiio

    paths = sorted(folder.glob(f"*.{suffix}"))
    return [number_of(np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3] * 255) for path in paths]


def test_sequences_by_an_absolute_path_are_rendered_frame_by_frame(show):
    files = show.files["sequences"]
    assert files["clip sequences"][0] == str(show.raid / "frames" / "p.1001.png")
    assert files["corner_pin"][0] == str(show.raid / "pins" / "q.1001.png")
    show.project.built("render", "shot=sequences")
    place = show.project.root / "build" / "sequences"
    assert pictures(place / "render", "png") == pictures(place / "undistorted_plate", "exr") == [20, 21, 22]
    (blend,) = place.glob("*.blend")
    assert blender_numbers(1001, [blend])[str(blend)][:3] == [20, 21, 22]


def test_a_show_that_moves_takes_along_what_lies_in_it_and_still_finds_what_does_not(show, tmp_path):
    moved = Project(tmp_path / "elsewhere" / "show")
    shutil.copytree(show.project.root, moved.root, symlinks=True)
    found = files_of(moved, ["inside", "outside"])
    for file, name in KEYS.items():
        assert Path(found["inside"][name.format(shot="inside")][1]) == moved.root / "footage" / file
        assert Path(found["outside"][name.format(shot="outside")][1]) == show.raid / file


MISSING = [  # what one stage reads is told at once
    ["shot.footage.file"],
    ["shot.camera.import_file"],
    ["shot.subject.blend", "shot.lights.image", "shot.backdrop.image", "composite.background_image"],
    ["composite.corner_pin.image"],
    ["composite.lens_distortion.st_map_path"],
]


@pytest.mark.parametrize("keys", MISSING, ids=lambda keys: keys[0])
def test_an_absolute_path_to_nothing_is_one_line_with_its_key(show, keys):
    ending = ".json" if keys[0].endswith("import_file") else ".exr"
    gone = {key: f"{show.raid}/gone{at}{ending}" for at, key in enumerate(keys)}
    ran = show.project.run("-c", "shot=outside", *(f"{key}={file}" for key, file in gone.items()))
    assert ran.code == 1
    for key, file in gone.items():
        lines = {line.partition(": ")[2] for line in ran.fault_lines if f"{file}: no such file" in line and key in line}
        assert len(lines) == 1, (key, ran.err)


def test_scripts_that_open_a_file_open_the_very_file(show, tmp_path):
    """Beside the .blend that is meant lies, by the letters of its path, a poem."""
    (blend,) = (show.project.root / "build" / "outside").glob("*.blend")
    shutil.copy(blend, show.raid / "session.blend")
    (show.project.root / "footage" / "session.blend").write_text("a poem")
    for file in (f"{show.project.root}/footage/link/../session.blend", f"/{show.raid}/session.blend"):
        with pytest.raises(RuntimeError, match=r"session\.blend: found no clip with tracks; needed a file with one"):
            blender("read_tracks.py", "--file", file, "--out", tmp_path / "tracks.npz")


def test_what_only_we_read_may_be_absolute_too(small_movie, tmp_path):
    raid = tmp_path / "raid"
    raid.mkdir()
    shutil.copy(small_movie, raid / "mini.mp4")
    assert cv2.imwrite(str(raid / "mask.png"), np.zeros((180, 320), np.uint8))
    (raid / "boxes.csv").write_text("".join(f"{frame},-1,40,40,60,50,0.9,-1,-1,-1\n" for frame in range(1, 41)))
    lens = {"schema": 1, "image_size_px": [320, 180], "lens": Lens(300.0, 300.0, 160.0, 90.0).to_json()}
    (raid / "lens.json").write_text(json.dumps(lens))
    project = make_project(tmp_path / "show")
    project.remove_other_shots("")
    project.write_shot("s", f"# @package _global_\nshot: {{name: s, footage: {{file: {raid}/mini.mp4}}}}\n")
    words = [f"tracking.mask.file={raid}/mask.png", "tracking.objects.enabled=true"]
    words += [f"tracking.objects.detections={raid}/boxes.csv", f"shot.camera.lens_from={raid}/lens.json"]
    ran = project.built("tracks", "objects", "lens", "shot=s", *words)
    assert {"footage:s", "tracks:s", "objects:s", "lens:s"} <= set(ran.executed)
    (tracks,) = (project.root / ".gsd-state" / "tracking" / "sessions").glob("*/tracks.npz")
    shutil.copy(tracks, raid / "session.npz")
    ran = project.built("tracks", "shot=s", f"tracking.session_file={raid}/session.npz")
    assert "tracks:s" in ran.executed
