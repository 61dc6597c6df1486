"""`doit render`: frames as targets of their own, killed, shared, damaged and asked for again; and the plate's."""

import json
import os
import re
import signal
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from helpers.shows.attack import Running, copy_of, litter, one_clear_line, start
from helpers.shows.blend_shot import look_at
from helpers.shows.project import Project, Ran, is_of_a_whole_result, make_project, open_in_process
from shotmake.config.frame_ranges import parse_frames
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.render.viewing_movie import write_render_movie
from shotmake.tasks.engine.processes import locks

SIZE = (96, 64)
LENS = Lens(84.0, 84.0, 49.5, 31.0, k1=-0.1, k2=0.02)
FRAMES = list(range(1001, 1009))
YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/plate.####.png, color_space: sRGB, frame_rate: 24000/1001}
  camera: {from_tracking: false, import_file: footage/camera.json}
  subject: {kind: cube}
tracking: {enabled: false, preview: {enabled: false}}
composite: {render: {samples: 1}}
"""


def make_show(root: Path) -> Project:
    """A shot of 8 frames with a known camera and lens: nothing to solve, nothing built."""
    project = make_project(root)
    project.remove_other_shots("none")
    project.write_shot("mini", YAML)
    for frame in FRAMES:
        write_plate(project, frame, seed=frame)
    camera = {"schema": 1, "status": "solved", "kind": "general", "image_size_px": SIZE, "lens": LENS.to_json()}
    camera |= {"frames": FRAMES, "cam_from_world": [look_at(0.02 * at).ravel().tolist() for at in range(8)]}
    (root / "footage" / "camera.json").write_text(json.dumps(camera))
    return project


def write_plate(project: Project, frame: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(20, 230, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8)
    picture = cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(project.root / "footage" / f"plate.{frame}.png"), picture)


def frames_in(folder: Path) -> dict[int, bytes]:
    return {int(path.name.split(".")[1]): path.read_bytes() for path in folder.glob("mini.????.exr")}


def state(project: Project, name: str = "renders") -> Path:
    """The one folder of frames there is."""
    (folder,) = (path for path in (project.root / ".gsd-state" / name).iterdir() if path.is_dir())
    return folder


def stamped(project: Project) -> set[int]:
    paths = (project.root / ".gsd-state" / "renders").glob("*/mini.*.stamp.json")
    return {int(path.name.split(".")[1]) for path in paths if is_of_a_whole_result(path)}


def made(ran: Ran) -> int:
    """How many frames it rendered."""
    return sum(int(count) for count in re.findall(r"^   (\d+) of \d+ frames rendered$", ran.out, re.MULTILINE))


def blender_pids(build: Running) -> list[int]:
    return [pid for pid, words in build.processes().items() if "render_shot.py" in words]


@dataclass(frozen=True)
class Story:
    """What happened to one show: a Blender killed, a build killed, then two builds at once."""

    project: Project
    blender_killed: Ran
    done_then: set[int]
    done_after_kill: set[int]
    before: dict[int, bytes]  # the frames there were then
    crowd: list[Ran]


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    project = make_show(tmp_path_factory.mktemp("render") / "show")
    build = start(project, "render", "shot=mini", "composite.render.frames=1001-1006")
    assert build.until(lambda: len(stamped(project)) >= 2, 120), build.err
    os.kill(blender_pids(build)[0], signal.SIGKILL)
    blender_killed, done_then = build.wait(), stamped(project)
    build = start(project, "-n", "2", "render", "shot=mini")
    assert build.until(lambda: len(stamped(project)) > len(done_then), 120), build.err
    build.signal(signal.SIGKILL, group=False)
    build.wait()
    assert build.leftovers() == {}
    done_after_kill, before = stamped(project), frames_in(state(project))
    pair = [start(project, "render", "shot=mini") for _ in range(2)]
    return Story(project, blender_killed, done_then, done_after_kill, before, [build.wait() for build in pair])


def test_a_blender_that_dies_is_one_line_and_costs_only_its_frame(story):
    one_clear_line(story.blender_killed, "render:mini: render_shot.py: Blender was ended by SIGKILL")
    assert 2 <= len(story.done_then) < len(FRAMES) - 1


def test_a_killed_render_goes_on_with_the_missing_frames_and_two_at_once_share_them(story):
    assert story.done_then < story.done_after_kill < set(FRAMES)
    assert [(ran.code, ran.err) for ran in story.crowd] == [(0, "")] * 2
    assert sum(made(ran) for ran in story.crowd) == len(FRAMES) - len(story.done_after_kill)
    found = frames_in(state(story.project))
    assert sorted(found) == FRAMES and story.before.items() <= found.items()
    assert frames_in(story.project.root / "build" / "mini" / "render") == found
    assert litter(story.project) == []
    again = story.project.built("render", "shot=mini")
    assert again.executed == []


def test_a_frame_opens_as_rgba_with_its_layers_and_no_date(story):
    import OpenImageIO as oiio

    buffer = oiio.ImageBuf(str(state(story.project) / "mini.1001.exr"))
    spec, pixels = buffer.spec(), np.asarray(buffer.get_pixels("float"))
    names = list(spec.channelnames)
    assert names[:4] == ["R", "G", "B", "A"] and str(spec.format) == "half"
    assert {name.partition(".")[0] for name in names[4:]} == {"cg", "shadow", "plate"}
    assert not {attribute.name for attribute in spec.extra_attribs} & {"DateTime", "Date", "Time", "RenderTime", "File"}
    part = {name: pixels[..., names.index(f"{name}.R")] for name in ("cg", "shadow", "plate")}
    alpha = pixels[..., names.index("cg.A")]
    np.testing.assert_allclose(pixels[..., 0], part["plate"] * part["shadow"] * (1 - alpha) + part["cg"], atol=2e-3)
    assert (pixels[..., 3] == 1).all() and 0.02 < (alpha > 0.5).mean() < 0.5


def test_the_movie_has_the_frames_and_the_rate(story):
    import av

    with av.open(str(story.project.root / "build" / "mini" / "render.mp4")) as movie:
        assert movie.streams.video[0].average_rate == Fraction(24000, 1001)
        assert sum(1 for _ in movie.decode(video=0)) == len(FRAMES)


def test_only_what_is_damaged_edited_or_new_is_made_again(story, tmp_path):
    """One Blender for a deleted, a truncated and a stale frame, one for another light and format."""
    project = copy_of(story.project, tmp_path / "show")
    folder, published = state(project), project.root / "build" / "mini" / "render"
    good = frames_in(folder)
    (folder / "mini.1002.exr").unlink()
    os.truncate(folder / "mini.1005.exr", 900)
    (published / "mini.1003.exr").write_bytes(b"painted over")
    write_plate(project, 1007, seed=99)
    ran = project.built("render", "shot=mini")
    found = frames_in(folder)
    assert made(ran) == 3 and {frame for frame in FRAMES if found[frame] != good[frame]} == {1007}
    assert frames_in(published) == found and (published / "mini.1003.exr.edited-1").read_bytes() == b"painted over"
    (published / "mini.1004.exr").write_bytes(b"")
    checked = [line for line in project.run("verify", "shot=mini").fault_lines if line.startswith("render:mini: ")]
    assert len(checked) == 1 and "mini.1004.exr" in checked[0]

    lit = YAML.replace("  subject:", "  lights: {sun_strength: 5.0}\n  subject:")
    project.write_shot("mini", lit.replace("samples: 1", "samples: 1, format: png"))
    assert "render     by name     doit render makes it" in project.built("plan", "shot=mini").out
    ran = project.built("render", "shot=mini", "composite.render.frames=1001,1003")
    assert made(ran) == 2  # nothing of before can stay beside it
    pictures = {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in published.glob("*.png")}
    edited = {"mini.1003.exr.edited-1", "mini.1004.exr.edited-1"}
    assert {path.name for path in published.iterdir()} - edited == set(pictures) == {"mini.1001.png", "mini.1003.png"}
    picture = pictures["mini.1001.png"]
    assert picture.shape == (SIZE[1], SIZE[0], 4) and picture.dtype == np.uint8 and (picture[..., 3] == 255).all()
    plate = cv2.imread(str(project.root / "footage" / "plate.1001.png")).astype(int)
    assert np.abs(picture[:4, :, :3] - plate[:4]).max() <= 3  # away from the subject: as the view shows it
    collected = project.built("gc", "shot=mini", "force=true").out  # all of the old light
    assert all(f"{folder.name}/mini.{frame}.exr\n" in collected for frame in FRAMES)
    assert stamped(project) == {1001, 1003}
    project.built("clean", "render", "shot=mini", "composite.render.frames=1001,1003")
    assert stamped(project) == set() and {path.name for path in published.iterdir()} == edited


def test_a_sweep_splits_the_frames_and_a_range_outside_the_shot_is_one_line(story, tmp_path):
    project = copy_of(story.project, tmp_path / "show")
    ran = project.python("-m", "shot=mini", "composite.render.frames=1001-1004,1005-1008", "task=render")
    assert ran.code == 0 and len([task for task in ran.executed if task.startswith("render:")]) == 2, ran.err
    assert made(ran) == 0 and [path.name for path in (project.root / "build").glob("mini*")] == ["mini"]
    ran = project.run("render", "shot=mini", "composite.render.frames=1001,9")
    one_clear_line(ran, "composite.render.frames: found 1001,9, with frame 9; the shot has frames 1001 to 1008")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tracking.enabled=false"], "tracking.enabled: false"),
        (["tracking.solve.enabled=false"], "tracking.solve.enabled: false"),
        (
            ["tracking.enabled=false", "tracking.solve.enabled=false"],
            "tracking.enabled: false, tracking.solve.enabled: false",
        ),
    ],
)
def test_a_shot_that_can_have_no_camera_is_told_which_key_is_false(mini, words, found):
    ran = mini.run("render", "shot=mini", *words)
    one_clear_line(ran, f"mini: the shot has no camera to render with; found {found}, needed true")


def test_the_undistorted_plate_is_the_plate_through_the_map_in_linear_light(story, tmp_path):
    import OpenImageIO as oiio

    project = copy_of(story.project, tmp_path / "show")
    words = ("shot=mini", "shot.export=[undistorted_plate]")
    assert "8 of 8 frames undistorted" in project.built("undistorted_plate", *words).out
    folder = state(project, "plates")
    assert sorted(frames_in(folder)) == FRAMES
    shown = np.asarray(oiio.ImageBuf(str(folder / "mini.1004.exr")).get_pixels("float"))
    (map_file,) = project.root.glob(".gsd-state/stmaps/*.undistort.exr")
    st = np.asarray(oiio.ImageBuf(str(map_file)).get_pixels("float"))
    assert shown.shape[:2] == st.shape[:2] and shown.shape[2] == 4
    plate = cv2.imread(str(project.root / "footage" / "plate.1004.png"))[..., ::-1] / 255.0
    linear = np.where(plate <= 0.04045, plate / 12.92, ((plate + 0.055) / 1.055) ** 2.4).astype(np.float32)
    x, y = st[..., 0] * SIZE[0] - 0.5, (1 - st[..., 1]) * SIZE[1] - 0.5
    expected = np.stack([map_coordinates(linear[..., channel], (y, x), order=1) for channel in range(3)], -1)
    inside = (x > 0.01) & (x < SIZE[0] - 1.01) & (y > 0.01) & (y < SIZE[1] - 1.01)
    np.testing.assert_allclose(shown[inside][:, :3], expected[inside], atol=1e-3)
    assert (shown[inside][:, 3] == 1).all() and (shown[(x < -2) | (y < -2)][:, 3] == 0).all()


def test_a_frame_in_other_hands_is_left_alone(tmp_path, monkeypatch):
    open_in_process(monkeypatch, tmp_path)
    with locks.hold_lock_if_free("frame") as ours, locks.hold_lock_if_free("frame") as again:
        assert ours and not again
    lease = tmp_path / ".gsd-state" / "locks" / "frame.lease"
    lease.write_text('{"host": "far", "pid": 1}')  # alive or dead: only who waits can tell
    with locks.hold_lock_if_free("frame") as ours:
        assert not ours and lease.exists()
    lease.unlink()
    with locks.hold_lock_if_free("frame") as ours:
        assert ours
    assert not list(tmp_path.glob("frame*"))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (7, [7]),
        ("1-4", [1, 2, 3, 4]),
        ("1-96x40", [1, 41, 81]),
        ("1,5,3-6", [1, 3, 4, 5, 6]),
        ("0010 12-13", [10, 12, 13]),
    ],
)
def test_frame_ranges(text, numbers):
    assert parse_frames(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "5-1", "1-9x0", "1-", "-3", "1-2-3", "1..4"])
def test_what_is_no_frame_range_is_said(text):
    with pytest.raises(ShotError, match="needed frames as in 1-96, 1-96x8 or 1,5,10-20"):
        parse_frames(text)


def test_the_movie_shows_the_colours_of_the_frames(tmp_path):
    import av

    colours = [(200, 40, 60), (30, 180, 90), (20, 60, 220), (128, 128, 128)]
    picture = np.repeat(np.array(colours, np.uint8), 24, 0)[None].repeat(53, 0)
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    write_render_movie(tmp_path / "a.mp4", [tmp_path / "a.png"] * 3, Fraction(25))
    with av.open(str(tmp_path / "a.mp4")) as movie:
        last = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)][-1]
    assert last.shape == (52, 96, 3)
    np.testing.assert_allclose(last[26, 12::24], colours, atol=5)
