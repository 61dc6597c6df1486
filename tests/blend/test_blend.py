"""What is in the .blend, and what its comp does to the plate."""

import subprocess

import cv2
import numpy as np
import pytest

from helpers.shows.blend_shot import FIRST_FRAME, FRAMES, LENS, SIZE, BlendShot, make_blend_shot
from helpers.shows.in_blender import blender
from helpers.shows.project import REPOSITORY
from shotmake.tasks.blender.private_blender import find_python


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("blend") / "show")


@pytest.fixture(scope="module")
def dump(shot) -> dict:
    return shot.dump(shot.build("shot"))


def test_scene_is_the_plates(dump):
    scene = dump["scenes"]["shot"]
    assert dump["scene"] == "shot" and scene["frame_range"] == [FRAMES[0], FRAMES[-1]]
    assert scene["frame_rate"] == [24, 1.001] and scene["resolution_px"] == list(SIZE)
    assert scene["resolution_percentage"] == 100 and scene["colour"]["view"] == "Standard"
    assert scene["collections"] == ["camera", "ground", "lights", "solve", "subject"]
    assert scene["collections"] == dump["scenes"]["CG overscan"]["collections"]
    assert dump["drivers"] == 0 and dump["texts"] == [] and "Motion Tracking" in dump["workspaces"]


def test_camera_is_keyed_every_frame(shot, dump):
    camera, solved = dump["cameras"]["solved_camera"], shot.sheet["camera"]
    assert set(camera["keys"].values()) == {3} and camera["interpolation"] == ["LINEAR"]
    assert (camera["sensor_fit"], camera["sensor_mm"]) == ("HORIZONTAL", [36.0, 20.25])
    assert [row["frame"] for row in camera["frames"]] == list(FRAMES)
    for row, location, quaternion in zip(
        camera["frames"], solved["location"], solved["rotation_quaternion"], strict=True
    ):
        np.testing.assert_allclose(row["location"], location, atol=2e-6)
        assert abs(np.dot(row["rotation_quaternion"], quaternion)) > 1 - 1e-6
        assert row["focal_mm"] == pytest.approx(solved["focal_mm"], abs=1e-4)
        np.testing.assert_allclose(row["shift"], [solved["shift_x"], solved["shift_y"]], atol=1e-6)
    for ours, wide in zip(camera["frames"], dump["cameras"]["overscan_camera"]["frames"], strict=True):
        assert ours["location"] == wide["location"] and ours["rotation_quaternion"] == wide["rotation_quaternion"]


def test_a_zoom_is_keyed_on_both_cameras(shot):
    zoom_mm = [30.0, 31.5, 33.0]
    zooming = shot.dump(shot.build("zoom", lambda sheet: sheet["camera"].update(focal_mm_per_frame=zoom_mm)))
    for name in ("solved_camera", "overscan_camera"):
        assert [row["focal_mm"] for row in zooming["cameras"][name]["frames"]] == pytest.approx(zoom_mm, abs=1e-4)


def test_clip_holds_the_plate_and_our_tracks(shot, dump):
    clip = dump["clips"]["shot"]
    assert clip["file"] == f"//../../{shot.sheet['plate']['file']}" and clip["frame_start"] == FIRST_FRAME
    assert clip["frame_duration"] == 4 and clip["size_px"] == list(SIZE)
    assert len(clip["tracks"]) == len(shot.points) and clip["markers"] == 3 * len(shot.points)
    first = clip["tracks"]["track_00000"]
    assert first["markers"] == 3 and first["frames"] == [1, 4]  # a muted one before its first, clip frame 2
    x, y = shot.expected_px(FRAMES[0])[0]
    np.testing.assert_allclose(first["first"], [x / SIZE[0], 1 - y / SIZE[1]], atol=2e-6)
    camera = clip["camera"]
    assert (camera["model"], camera["brown"]["k1"], camera["brown"]["k2"]) == ("BROWN", -0.12, 0.03)
    np.testing.assert_allclose(camera["principal_point_px"], [LENS.cx_px, SIZE[1] - LENS.cy_px], atol=1e-3)


def test_points_subject_ground_and_comp(shot, dump):
    solve = dump["collections"]["solve"]["solved_points"]
    assert (solve["vertices"], solve["faces"], solve["hide_render"]) == (len(shot.points), 0, True)
    assert {"knob_body", "knob_cap", "knob_pointer"} <= set(dump["collections"]["subject"])
    assert dump["collections"]["ground"]["ground"]["shadow_catcher"]
    assert dump["images"]["redistort_stmap"]["color_space"] == "Non-Color"
    assert dump["images"]["redistort_stmap"]["file"].startswith("//../../.gsd-state/stmaps/")
    comp = dump["scenes"]["shot"]["compositor"]
    assert comp["nodes"]["CG render"]["scene"] == "CG overscan"
    assert any(link.startswith("CG over background.Image -> comp.") for link in comp["links"])
    assert any(link.startswith("plate.Image -> background x shadow.") for link in comp["links"])
    assert dump["scenes"]["CG overscan"]["view_layers"]["CG"]["shadow_catcher_pass"]


def test_two_builds_hold_the_same(shot, dump):
    again = shot.dump(shot.build("shot"))
    assert again == dump
    assert not list(shot.root.rglob("*.blend1"))


def test_no_tracks_and_no_plate(shot):
    def change(sheet: dict) -> None:
        sheet["composite"]["background_source"] = "none"
        sheet["subject"]["kind"] = "cube"

    dump = shot.dump(shot.build("bare", change, with_tracks=False))
    assert dump["clips"]["shot"]["tracks"] == {} and dump["collections"]["solve"]["solved_points"]["vertices"] == 0
    kinds = {node["type"] for node in dump["scenes"]["shot"]["compositor"]["nodes"].values()}
    assert "CompositorNodeMovieClip" not in kinds and "CompositorNodeAlphaOver" not in kinds
    assert not dump["scenes"]["CG overscan"]["view_layers"]["CG"]["shadow_catcher_pass"]


@pytest.mark.parametrize("catch_shadow", [False, True])
def test_the_plate_passes_and_only_the_overscan_scene_renders(shot, catch_shadow):
    """Away from the CG the plate is unchanged; with a catcher the subject still dims the fill a trifle there."""

    def small_sphere(sheet: dict) -> None:
        sheet["subject"].update(kind="sphere", size=0.2)
        sheet["composite"]["shadow_catcher"] = catch_shadow

    blend = shot.build("plate", small_sphere)
    frame = FRAMES[0] if catch_shadow else FRAMES[-1]
    words = ["--blend", blend, "--frames", frame, "--out", blend.with_name("plate.####.png")]
    said = blender("render_frames.py", *words, "--samples", 4)
    assert {line.split("|")[-2].strip() for line in said.splitlines() if "Sample " in line} == {"CG overscan, CG"}
    comp = cv2.imread(str(blend.with_name(f"plate.{frame}.png")), cv2.IMREAD_UNCHANGED).astype(int)
    plate = cv2.imread(str(shot.root / "footage" / f"plate.{frame}.png")).astype(int)
    assert (comp[..., 3] == 255).all()
    difference = np.abs(comp[..., :3] - plate).max(2)
    border = np.r_[difference[:20].ravel(), difference[:, :20].ravel(), difference[:, -20:].ravel()]
    assert border.max() <= (3 if catch_shadow else 1)
    changed = (difference > 20).sum()
    assert changed > 50, "no CG"
    darker = ((comp[..., :3] < 0.75 * plate).all(2)).sum()
    assert (darker > 50) == catch_shadow, darker


def behind(sheet: dict, file: str) -> None:
    sheet["composite"].update(background_source="image", background_image=file)


FAULTS = {
    "camera.focal_mm is missing": lambda sheet: sheet["camera"].pop("focal_mm"),
    "composite.mode is 'sideways'": lambda sheet: sheet["composite"].update(mode="sideways"),
    "stills/none.png: no such file; check composite.background_image": lambda sheet: behind(sheet, "stills/none.png"),
    "small.png: found 320x180 px; the plate is 640x360": lambda sheet: behind(sheet, "small.png"),
    "shot.json: Blender cannot read it as an image": lambda sheet: behind(sheet, "shot.json"),
    "footage/none.png: no such file": lambda sheet: sheet["plate"].update(file="footage/none.png"),
    "Blender reads 640x360 px, the sheet says 320x180": lambda sheet: sheet.update(resolution_px=[320, 180]),
}


@pytest.mark.parametrize("line", FAULTS)
def test_bad_input_is_one_line_and_leaves_nothing(shot, line):
    cv2.imwrite(str(shot.root / "small.png"), np.zeros((180, 320, 3), np.uint8))
    (shot.root / "shot.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RuntimeError) as caught:
        shot.build("bad", FAULTS[line])
    stderr = str(caught.value).split("\n\n")[-1].strip().splitlines()
    assert line in stderr[-1] and stderr[-1].startswith("build_composite.py: "), stderr
    assert not (shot.root / ".gsd-state" / "composites" / "bad.blend").exists()
    assert "Traceback" not in str(caught.value)


def test_missing_arguments_exit_1():
    script = REPOSITORY / "blender_scripts" / "build_composite.py"
    done = subprocess.run([find_python(), script, "--project", "x"], capture_output=True, text=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
