"""What a matchmove artist finds in the .blend: our tracks and our solve as Blender's own, and where the file opens."""

import json
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from helpers.measures.slip import read_exr
from helpers.shows.blend_shot import FIRST_FRAME, FRAMES, LENS, SIZE, BlendShot, make_blend_shot
from helpers.shows.in_blender import blender
from helpers.shows.project import REPOSITORY
from shotmake.geometry.camera import project, zoom_cameras
from shotmake.geometry.lens import Lens, distort
from shotmake.tasks.blender.private_blender import find_python

AMBER, PALETTE_FIRST = [0.95, 0.6, 0.1], [0.2, 0.75, 0.95]
BENT = Lens(540, 540, LENS.cx_px, LENS.cy_px, k1=-0.12, k2=0.03, p1=0.004, p2=-0.003, k3=0.01)
RMS_PX, FRAME_RMS_PX = 0.31, [0.2, 0.3, 0.4]
PER_TRACK = {
    "3": {"groups": ["desk"]},
    "4": {"groups": ["desk"], "weight": 0.5},
    "10": {"groups": ["desk"]},  # held out
    "5": {"name": "mug", "groups": ["table top"], "color": [1.0, 0.0, 0.5], "weight": 2.0},
    "6": {"groups": ["table top"], "color": [1.0, 0.0, 0.5]},
}
TRACKING = {
    "track": {"motion_model": "affine", "pattern_match": "keyframe", "correlation_min": 0.8, "pattern_px": 25},
    "manual": [{"name": "mug", "frame": 1003, "xy_px": [9, 9], "motion_model": "loc_rot"}],
}
USUAL = ("Read blend", "Info: Saved", "Error: Not freed memory blocks: 1, total")  # said of any file
GROUPED = {"desk_00003", "desk_00004", "desk_00010", "mug", "table top_00006"}


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("artist") / "show")


@pytest.fixture(scope="module")
def blend(shot) -> Path:
    """A solved shot with groups, and a lens that bends every way there is."""
    quality = shot.root / "quality.json"
    quality.write_text(json.dumps({"groups": {"desk": [], "table top": []}, "per_track": PER_TRACK}))

    def change(sheet: dict) -> None:
        sheet["lens"] = BENT.to_json()
        sheet["solve"] = {"rms_px": RMS_PX, "rms_px_per_frame": FRAME_RMS_PX}

    return shot.build("artist", change, words=("--quality", quality, f"--tracking={json.dumps(TRACKING)}"))


@pytest.fixture(scope="module")
def dump(shot, blend) -> dict:
    return shot.dump(blend)


@pytest.fixture(scope="module")
def seen(shot, blend) -> dict:
    """What Blender makes of it, and of the clip's lens."""
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    image = oiio.ImageBuf(oiio.ImageSpec(*SIZE, 3, "float"))
    image.set_pixels(oiio.ROI(), np.stack([x, y, np.ones_like(x)], -1).astype(np.float32))
    assert image.write(str(shot.root / "positions.exr"))
    return look(blend, shot.root / "positions.exr", shot.root / "undistorted.exr")


@pytest.fixture(scope="module")
def plain(blend) -> tuple[bytes, str]:
    """The file's bytes, not compressed, and what Blender says when it opens it."""
    plain, script = blend.with_name("plain.blend"), blend.with_name("plain.py")
    script.write_text(
        "import sys, bpy\n"
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=True)\n"
        "bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2], compress=False, copy=True)\n"
    )
    done = subprocess.run([find_python(), script, blend, plain], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return plain.read_bytes(), done.stdout + done.stderr


def look(blend: Path, *images: Path) -> dict:
    out = blend.with_suffix(".seen.json")
    blender("look_at_blend.py", blend, out, *images)
    return json.loads(out.read_text())


def poses_seen(matrices: list) -> np.ndarray:
    """cam_from_world of Blender's world_from_camera, in our axes; a scale stays in its rows."""
    return np.diag([1.0, -1, -1]) @ np.linalg.inv(np.array(matrices))[:, :3]


def test_cameras_are_ours_whichever_way_blender_is_asked(shot, seen):
    for way in ("fresh", "clip_camera", "from_frame", "keyed"):
        np.testing.assert_allclose(poses_seen(seen[way]), shot.poses, atol=2e-6)


def test_points_stand_still_on_our_solved_points(shot, seen):
    assert len(seen["points"]) == len(shot.points)
    for name, places in seen["points"].items():
        if name.startswith("track_"):
            np.testing.assert_allclose(places, [shot.points[int(name[-5:])]] * 3, atol=2e-6)


def test_points_are_drawn_on_their_markers_and_the_errors_are_ours(shot, dump, seen):
    """As the Clip Editor does: Blender's point through Blender's camera and the clip's lens."""
    clip = dump["clips"]["shot"]
    found = clip["reconstruction"]
    assert found["is_valid"] and found["frames"] == [2, 3, 4] and not found["tripod"]
    assert found["error_px"] == pytest.approx(RMS_PX)
    assert found["frame_error_px"] == pytest.approx(FRAME_RMS_PX)
    tracks = [clip["tracks"][f"track_{number:05d}"] for number in range(20, 120)]
    assert {track["error_px"] for track in tracks} == {0.2}
    first_px = np.array([track["first"] for track in tracks]) * (1, -1) * SIZE + (0, SIZE[1])
    drawn_px, _ = project(np.array([track["bundle"] for track in tracks]), poses_seen(seen["from_frame"])[0], LENS)
    assert np.abs(drawn_px - first_px).max() < 0.01


def test_the_clip_undistorts_as_we_do(shot, seen):
    """What lies behind the camera in a 3D view: each pixel comes from where our lens says.

    The node that shows it here makes its picture larger by other whole pixels on each side, and is cropped in the
    middle: a shift by whole pixels is its own.
    """
    image = read_exr(shot.root / "undistorted.exr")[..., :2]
    rows, columns = np.mgrid[30 : SIZE[1] - 30 : 15, 50 : SIZE[0] - 50 : 15]
    centres = np.stack([columns, rows], -1).reshape(-1, 2) + 0.5
    found = image[rows.ravel(), columns.ravel()]
    assert np.abs(found - centres).max() > 5
    off_px = []
    for shift in np.ndindex(9, 9):
        from_px = centres + shift - (4, 4)
        off_px.append(np.abs(found - BENT.px_from_normalised(distort(BENT.normalised_from_px(from_px), BENT))).max())
    assert min(off_px) < 0.01, min(off_px)


def test_tracks_are_named_coloured_weighted_and_keyed_as_told(dump, seen):
    tracks = dump["clips"]["shot"]["tracks"]
    assert {name for name in tracks if not name.startswith("track_")} == GROUPED
    colors = {name: tracks[name]["color"] for name in GROUPED}
    assert colors["desk_00003"] == colors["desk_00004"] == colors["desk_00010"] == pytest.approx(PALETTE_FIRST)
    assert colors["mug"] == colors["table top_00006"] == [1.0, 0.0, 0.5]
    assert tracks["track_00020"]["color"] == pytest.approx(AMBER) and tracks["track_00020"]["weight"] == 0
    assert tracks["track_00021"]["color"] is None
    weights = [tracks[name]["weight"] for name in ("mug", "track_00021", "desk_00004", "desk_00010")]
    assert weights == [1.0, 0.5, 0.25, 0.0]  # 2, 1 and 0.5, scaled down to what Blender takes; a hold-out's is none
    assert tracks["mug"]["keyed"] == [3] and tracks["track_00021"]["keyed"] == []
    assert (tracks["mug"]["motion_model"], tracks["track_00021"]["motion_model"]) == ("LocRot", "Affine")
    followed = [tracks["track_00021"][name] for name in ("pattern_px", "search_px", "correlation_min", "pattern_match")]
    assert followed == [[25, 25], [85, 85], 0.8, "KEYFRAME"]
    groups = {tuple(names) for names in seen["grouped"].values()}
    assert ("desk_00003", "desk_00004", "desk_00010") in groups and ("mug", "table top_00006") in groups


def test_a_zoom_is_seen_in_the_clip_too(shot):
    """A clip has one focal length; the cameras' scale makes up for it, so that points are drawn on their markers."""
    zooms = np.array([0.9, 1.0, 1.2])

    def zoom(sheet: dict) -> None:
        sheet["camera"]["focal_mm_per_frame"] = (zooms * sheet["camera"]["focal_mm"]).tolist()

    seen = look(shot.build("zoom", zoom))
    ours = zoom_cameras(shot.poses, np.log(zooms))
    for way in ("fresh", "from_frame"):
        found = poses_seen(seen[way])
        for at in range(3):
            xy_px, expected_px = (project(shot.points, camera[at], LENS)[0] for camera in (found, ours))
            assert np.abs(xy_px - expected_px).max() < 0.01


def test_the_file_opens_on_the_shot(dump):
    assert dump["scenes"]["shot"]["frame"] == FRAMES[0]
    editors = dump["editors"]
    distance = dump["collections"]["solve"]["world_origin"]["display"][1] * 10
    assert ["Motion Tracking", "CLIP_EDITOR", "shot", FRAMES[0], "FULL", True] in editors
    assert [editor[2] for editor in editors if editor[1] == "VIEW_3D"] == ["CAMERA"]
    assert all(editor[2] in ("hidden", FRAMES[0]) for editor in editors if editor[1] in ("TIMELINE", "DOPESHEET"))
    assert ["Rendering", "TIMELINE", FRAMES[0], FRAMES[-1]] in editors
    (comp,) = [editor for editor in editors if editor[:2] == ["Compositing", "CompositorNodeTree"]]
    assert comp[2:4] == ["CompositorNodeTree", True]
    left, bottom, right, top = comp[4]
    for node in dump["scenes"]["shot"]["compositor"]["nodes"].values():
        assert node["type"] == "NodeFrame" or (
            left < node["at"][0] < right - 140 and bottom + 200 < node["at"][1] < top
        ), node
    camera = dump["cameras"]["solved_camera"]
    assert camera["display_size"] == pytest.approx(distance / 10) and 2 < distance < 6
    (behind,) = camera["backgrounds"]
    assert behind == {"clip": "shot", "depth": "BACK", "fit": "STRETCH", "undistorted": True, "size": "FULL"}


def test_nothing_is_missing_unused_or_told_of_this_machine(shot, dump, plain):
    assert dump["missing_files"] == [] and dump["unused"] == []
    assert not dump["clips"]["shot"]["proxy"]
    assert dump["files"] and all(file.startswith("//../../") for file in dump["files"])
    data, said = plain
    assert [line for line in said.splitlines() if not line.startswith(USUAL)] == []
    assert b"//../../footage" in data
    for told in (str(shot.root), str(Path.home()), str(REPOSITORY)):
        assert told.encode() not in data


STILL = {"tripod": ("Linear", {"Linear Rec.709"}, "Standard"), "static": ("Raw", {"Non-Color"}, "Raw")}


@pytest.mark.parametrize("status", STILL)
def test_still_cameras_have_one_key_and_points_around_them(shot, status):
    """With them two of the colour spaces that the first shot does not have."""
    space, loaded, view = STILL[status]

    def still(sheet: dict) -> None:
        sheet.update(status=status, color_space=space)
        keep = ("location", "rotation_quaternion") if status == "static" else ("location",)
        for path in keep:
            sheet["camera"][path] = [sheet["camera"][path][0]] * 3

    blend = shot.build(status, still)
    dump, seen = shot.dump(blend), look(blend)
    keys = dump["cameras"]["solved_camera"]["keys"]
    assert keys["location[0]"] == 1 and keys["rotation_quaternion[0]"] == (1 if status == "static" else 3)
    np.testing.assert_allclose(seen["fresh"], seen["keyed"], atol=2e-6)
    clip = dump["clips"]["shot"]
    assert clip["reconstruction"]["tripod"] and clip["reconstruction"]["frames"] == [2, 3, 4]
    assert len(seen["points"]) == len(shot.points)
    colour = {"display": "sRGB", "view": view, "look": "None", "exposure_gamma": [0, 1], "curves": False}
    for scene in dump["scenes"].values():
        assert scene["colour"] == {**colour, "sequencer": "sRGB"}
    assert {clip["color_space"]} == loaded


def test_a_camera_without_tracks_is_a_solve_too(shot):
    dump = shot.dump(shot.build("bare", with_tracks=False))
    found = dump["clips"]["shot"]["reconstruction"]
    assert found["is_valid"] and found["frames"] == [frame - FIRST_FRAME + 1 for frame in FRAMES]
    assert dump["clips"]["shot"]["tracks"] == {} and dump["clips"]["shot"]["color_space"] == "sRGB"


def large(blend: bytes) -> bytes:
    """The same file with the block headers of Blender 5.0."""
    from kit.blend_file.dna import LARGE, SMALL

    made, at = bytearray(b"BLENDER17-01v0405"), 12
    while at < len(blend):
        code, length, address, number, count = SMALL.unpack_from(blend, at)
        at += SMALL.size
        made += LARGE.pack(code, number, address, length, count) + blend[at : at + length]
        at += length
    return bytes(made)


def test_files_of_either_header_are_patched_alike_and_others_refused(plain, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "blender_scripts")
    from kit.arguments import UserError
    from kit.clip.solve_into_saved_blend import Reconstruction, with_reconstruction

    small, _ = plain
    solve = Reconstruction([2, 3], np.stack([np.eye(4)] * 2), [0.1, 0.2], 0.15, {"mug": ([1.0, 2.0, 3.0], 0.5)})
    patched = with_reconstruction(small, "shot", solve)
    assert len(patched) - len(small) == 24 + 2 * 72  # a block of two cameras
    assert with_reconstruction(large(small), "shot", solve) == large(patched)
    wrong = {
        "ends in the middle": small[:-40],
        "begins with": b"\x28\xb5\x2f\xfd" + small,
        "without the clip": small.replace(b"MCshot\0", b"MCshut\0"),
        "have no MovieTrackingTrack.bundle_pos": small.replace(b"bundle_pos[3]", b"bundle_far[3]"),
    }
    for line, data in wrong.items():
        with pytest.raises(UserError, match=line):
            with_reconstruction(data, "shot", solve)


def test_what_the_config_tells_of_tracks_reaches_the_file(tmp_path, small_movie):
    """Through the command line: groups, a manual track and the tracker's own settings."""
    from helpers.shows import attack

    project = attack.make_small(tmp_path / "show", small_movie)
    told = ["tracking.groups={desk: {tracks: [{frame: 1, box_px: [0, 90, 320, 180]}], weight: 0.5}}"]
    told += ["tracking.manual=[{name: corner, frame: 5, xy_px: [160, 90]}]", "tracking.track.pattern_px=15"]
    project.built("composite", "shot=mini", *told)
    (blend,) = (project.root / ".gsd-state" / "composites").glob("*.blend")
    blender("dump_blend.py", "--blend", blend, "--out", tmp_path / "dump.json")
    clip = json.loads((tmp_path / "dump.json").read_text())["clips"]["mini"]
    desk = [track for name, track in clip["tracks"].items() if name.startswith("desk_")]
    assert len(desk) > 20 and {tuple(track["color"]) for track in desk} == {tuple(PALETTE_FIRST)}
    assert 0.5 in {track["weight"] for track in desk} <= {0.0, 0.5}  # 0: a hold-out, if one stands there
    assert clip["tracks"]["corner"]["keyed"] == [5] and clip["tracks"]["corner"]["pattern_px"] == [15, 15]
    with np.load(next(project.root.glob(".gsd-state/tracking/solves/*.npz"))) as points:
        assert sum(track["bundle"] is not None for track in clip["tracks"].values()) == len(points["track_id"])
    assert 0 < clip["reconstruction"]["error_px"] < 0.5 and len(clip["reconstruction"]["frames"]) == 40
