"""Cameras of other programs, as text: out and back with every quirk, and what is refused, by its line."""

import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.plates.interchange import OFF_CENTRE, SIZE_PX, asked_of, centre_error, poses_of, take_of, turn_error_deg
from shotmake.errors import ShotError
from shotmake.formats.cameras import chan, colmap_model, nuke_camera, solve_json
from shotmake.formats.cameras.axes import ORDERS, find_euler_deg, to_y_up_poses
from shotmake.formats.cameras.film import compute_fov_deg
from shotmake.formats.cameras.scene_files import alembic, fbx, gltf, usd
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens
from shotmake.solve.imported.use_camera_as_it_is import make_imported_solution

pytestmark = pytest.mark.fast

CENTRED = Lens(1000.0, 1000.0, 480.0, 270.0)
BENT = Lens(1000.0, 1000.0, 491.5, 258.25, -0.1, 0.03, 0.001, -0.002, 0.004)
TAKES = {
    "from 1001": {},
    "gaps": {"gaps": (1003, 1004)},
    "anamorphic": {"lens": Lens(1000.0, 2000.0, 491.5, 258.25), "aspect": 2.0},
    "zoom": {"kind": "zoom"},
    "tripod": {"kind": "pan"},
    "static": {"kind": "static"},
    "bent lens": {"lens": BENT},
}


def written(folder: Path, word: str, take: Take) -> Path:
    """The file to import, of the word of shot.export."""
    if word == "json":
        (folder / "solve.json").write_text(json.dumps({**take.solution, "confidence": 1, "warnings": []}))
        return folder / "solve.json"
    module, name = {"chan": (chan, "camera.chan"), "nk": (nuke_camera, "camera.nk"), "colmap": (colmap_model, "c.zip")}[
        word
    ]
    module.write(folder / name, take)
    if word == "colmap":
        zipfile.ZipFile(folder / name).extractall(folder)
        return folder / "colmap" / "images.txt"
    return folder / name


READERS = {"json": solve_json, "chan": chan, "nk": nuke_camera, "colmap": colmap_model}


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)
@pytest.mark.parametrize("word", READERS)
def test_out_and_back(word, take, tmp_path):
    take = take_of(**take)
    found = READERS[word].read(written(tmp_path, word, take), asked_of(take))
    wanted = Lens.from_json(take.solution["lens"])
    assert found.frames.tolist() == take.solution["frames"]
    assert centre_error(found, take) < 1e-9 and turn_error_deg(found, take) < 1e-7
    zoom_px = take.solution["focal_px_per_frame"]
    if zoom_px:
        np.testing.assert_allclose(found.focal_px_per_frame, zoom_px, rtol=1e-9)
    else:
        assert found.focal_px_per_frame is None and found.lens.fx_px == pytest.approx(wanted.fx_px, rel=1e-9)
    assert found.lens.fy_px / found.lens.fx_px == pytest.approx(wanted.fy_px / wanted.fx_px)
    centre_px = SIZE_PX[0] / 2, SIZE_PX[1] / 2
    carried = (wanted.cx_px, wanted.cy_px) if word != "chan" else centre_px
    assert (found.lens.cx_px, found.lens.cy_px) == pytest.approx(carried, abs=1e-6)
    if word in ("json", "colmap") and not zoom_px:  # the rest has no words for distortion
        assert [found.lens.k1, found.lens.k3] == [wanted.k1, wanted.k3]
    assert make_imported_solution(found, SIZE_PX).record["kind"] in (
        "general",
        "tripod",
        "static",
        "zoom",
        "orbit",
        "pan",
    )


@pytest.mark.parametrize(("word", "kind"), [("chan", "pan"), ("nk", "pan"), ("colmap", "static"), ("nk", "static")])
def test_a_camera_that_keeps_its_place_is_called_so(word, kind, tmp_path):
    take = take_of(kind)
    found = READERS[word].read(written(tmp_path, word, take), asked_of(take))
    assert found.status == {"pan": "tripod", "static": "static"}[kind]


@pytest.mark.parametrize("word", ["chan", "nk", "colmap", "usda", "glb"])
def test_the_same_bytes_twice(word, tmp_path):
    module = {**READERS, "usda": usd, "glb": gltf}[word]
    module.write(tmp_path / "1", take_of(lens=CENTRED))
    module.write(tmp_path / "2", take_of(lens=CENTRED))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_chan_says_what_it_cannot_say(tmp_path):
    (line,) = chan.write(tmp_path / "a.chan", take_of())
    assert "16.4 px off" in line and "win_translate -0.023958 -0.024479" in line
    assert chan.write(tmp_path / "a.chan", take_of(lens=CENTRED)) == ()


@pytest.mark.parametrize("order", ORDERS)
def test_a_chan_of_any_order_with_every_quirk(order, tmp_path):
    take = take_of(lens=CENTRED)
    centres, turns = to_y_up_poses(poses_of(take))
    rows = np.column_stack([centres, find_euler_deg(turns, order), np.full(len(turns), compute_fov_deg(1000.0, 540))])
    lines = ["\ufeff# from somewhere", "", "   # indented"]
    for number, row in reversed(list(zip(take.solution["frames"], rows, strict=True))):  # the last frame first
        lines.append(
            ("," if number % 2 else " \t ").join([f"{number}.0", *(f"{value:.12e}" for value in row)]) + "  # é"
        )
    (tmp_path / "a.chan").write_bytes("\r\n".join(lines).encode())
    found = chan.read(tmp_path / "a.chan", asked_of(take, rotation_order=order))
    assert found.frames.tolist() == take.solution["frames"]
    assert centre_error(found, take) < 1e-9 and turn_error_deg(found, take) < 1e-7
    assert found.lens.fx_px == pytest.approx(1000)


def test_a_chan_without_fov_takes_the_focal_length_it_is_given(tmp_path):
    (tmp_path / "a.chan").write_text("1001 0 0 0 0 0 0\n1002 1 0 0 0 0 0\n")
    take = take_of()
    with pytest.raises(ShotError, match=r"a.chan: found no field of view; needed shot.camera.focal_mm or .*lens_from"):
        chan.read(tmp_path / "a.chan", asked_of(take))
    with pytest.raises(ShotError) as caught:
        chan.read(tmp_path / "a.chan", asked_of(take, focal_mm=7.0))
    assert str(caught.value).startswith("shot.camera.focal_mm: found 7 mm on a sensor of 24.9 mm; needed 7.47 to 249")
    assert " mm for a.chan, which has no field of view" in str(caught.value)
    assert chan.read(tmp_path / "a.chan", asked_of(take, focal_mm=24.9)).lens.fx_px == pytest.approx(960)
    assert chan.read(tmp_path / "a.chan", asked_of(take, lens=BENT)).lens == BENT


def test_an_imported_lens_keeps_its_distortion_on_the_sensor(tmp_path):
    take = take_of(lens=CENTRED)
    path = written(tmp_path, "chan", take)
    longer = BENT.with_focal_px(2000.0)
    found = chan.read(path, asked_of(take, lens=longer)).lens
    assert vars(found) == pytest.approx(vars(BENT))  # the file's focal length, the lens's centre and distortion
    path = written(tmp_path, "nk", take_of(lens=OFF_CENTRE))
    assert nuke_camera.read(path, asked_of(take, lens=replace(BENT, cx_px=480.0))).lens.cx_px == pytest.approx(491.5)


def test_frames_outside_the_shot_are_left_out(tmp_path):
    take = take_of()
    path = written(tmp_path, "chan", take)
    inside = replace(asked_of(take), frames=(1003, 1100))
    assert chan.read(path, inside).frames.tolist() == [1003, 1004, 1005, 1006, 1007, 1008]
    with pytest.raises(ShotError, match="no pose for the frames 1 to 9"):
        chan.read(path, replace(inside, frames=(1, 9)))


def camera_node(**knobs: str) -> str:
    made = {"inputs": "0", "focal": "25", "haperture": "24", **knobs}
    return "Camera3 {\n" + "".join(f" {name} {value}\n" for name, value in made.items()) + "}\n"


def read_nk(folder: Path, text: str, **asked):
    (folder / "a.nk").write_text(text)
    return nuke_camera.read(folder / "a.nk", replace(asked_of(take_of()), frames=(1001, 1003), **asked))


def test_a_nuke_camera_as_nuke_writes_it(tmp_path):
    text = (
        "#! /usr/local/Nuke13 -nx\nversion 13.2 v1\nRoot {\n inputs 0\n name /shots/{a}.nk\n}\n"
        "StickyNote {\n inputs 0\n label \"Camera {\\n not one\"\n}\n"
        + camera_node(
            rot_order="XYZ", translate="{{curve x1001 1 2 3} 0 {curve i x1001 0 x1002 K 5 x1003 s0.5 10 t1}}",
            rotate="{0 90 {curve x1001 7}}", win_translate="{0.02 -0.01}", addUserKnob="{7 mine l Mine}", mine="{x y}",
            name="shotcam", xpos="-40",
        )
    )  # fmt: skip
    found = read_nk(tmp_path, text)
    assert found.frames.tolist() == [1001, 1002, 1003] and found.lens.fx_px == pytest.approx(1000)
    assert (found.lens.cx_px, found.lens.cy_px) == pytest.approx((480 - 9.6, 270 - 4.8))
    for row, (frame_x, frame_z) in enumerate([(1, 0), (2, 5), (3, 10)]):
        y_up = Rotation.from_euler("xyz", [0, 90, 7], degrees=True).apply([0, 0, -4]) + [frame_x, 0, frame_z]
        xy_px, depth = project(np.array([[y_up[0], -y_up[2], y_up[1]]]), found.cam_from_world[row], found.lens)
        np.testing.assert_allclose(xy_px[0], [found.lens.cx_px, found.lens.cy_px], atol=1e-6)
        np.testing.assert_allclose(depth, 4)


def test_a_nuke_camera_by_its_matrix_and_by_its_name(tmp_path):
    matrix = "{{0 0 1 {curve x1001 1 2 3}} {0 1 0 5} {-1 0 0 6} {0 0 0 1}}"
    text = camera_node(name="one") + camera_node(useMatrix="true", matrix=matrix, name="two")
    with pytest.raises(
        ShotError, match=r"found the cameras one, two; needed the name of one \(shot.camera.import_name\)"
    ):
        read_nk(tmp_path, text)
    found = read_nk(tmp_path, text, name="two")
    centre = -found.cam_from_world[1, :, :3].T @ found.cam_from_world[1, :, 3]
    np.testing.assert_allclose(centre, [2, -6, 5], atol=1e-12)
    assert len(read_nk(tmp_path, text, name="one").frames) == 3  # it stands still: all frames
    with pytest.raises(ShotError, match="found the cameras one, two; needed the name of one"):
        read_nk(tmp_path, text, name="three")


def test_a_nuke_script_with_no_camera_or_with_two_of_one_name_offers_no_choice(tmp_path):
    with pytest.raises(ShotError, match=r"^a.nk: found no camera; needed a file with one \(shot.camera.import_file\)$"):
        read_nk(tmp_path, "Blur {\n size 3\n}\n", name="cam")
    twins = camera_node(name="cam") * 2
    for name in (None, "cam"):
        with pytest.raises(ShotError, match="^a.nk: found 2 cameras of the name 'cam'; needed one: rename the other"):
            read_nk(tmp_path, twins, name=name)


def test_a_sheared_nuke_camera_is_told_by_its_frame(tmp_path):
    matrix = "{{1 {curve x1001 0 0 0.5} 0 0} {0 1 0 0} {0 0 1 0} {0 0 0 1}}"
    with pytest.raises(ShotError, match="found a pose that is no rotation and place in frame 1003; needed one without"):
        read_nk(tmp_path, camera_node(useMatrix="true", matrix=matrix))


def test_a_camera_a_little_too_far_is_not_told_the_limit_as_its_place(tmp_path):
    (tmp_path / "a.chan").write_text("1001 1000100000 0 0 0 0 0 40\n")
    with pytest.raises(ShotError, match=r"found a camera 1.0001e\+09 units from .*; needed at most 1e\+09"):
        chan.read(tmp_path / "a.chan", asked_of(take_of()))


def test_a_place_that_is_no_number_is_not_called_a_rotation(tmp_path):
    take = take_of("static")
    poses = np.array(take.solution["cam_from_world"])
    poses[1, 3] = np.nan
    record = {**take.solution, "cam_from_world": poses.tolist(), "confidence": 1, "warnings": []}
    (tmp_path / "solve.json").write_text(json.dumps(record))
    with pytest.raises(ShotError, match=r"found a pose with a number that is not finite in frame 1002; needed finite"):
        solve_json.read(tmp_path / "solve.json", asked_of(take))


@pytest.mark.parametrize(
    ("knobs", "line", "words"),
    [
        ({"win_scale": "{1 2}"}, 5, "knob win_scale '{1 2}', needed 1"),
        ({"scaling": "{1 1 {curve x1 1 2}}"}, 5, "knob scaling"),
        ({"winroll": "5"}, 5, "knob winroll"),
        ({"projection_mode": "spherical"}, 5, "knob projection_mode 'spherical', needed perspective"),
        ({"rot_order": "ZYZ"}, 5, "needed XYZ or"),
        ({"xform_order": "TRS"}, 5, "needed SRT or"),
        ({"read_from_file": "true"}, 5, "knob read_from_file"),
        ({"inputs": "1"}, 2, "knob inputs '1', needed 0"),
        ({"wobble": "1"}, 5, "knob 'wobble', not known here"),
        ({"translate": "{{parent.Axis1.translate}}"}, 5, "knob translate with 'parent.Axis1.translate'"),
        ({"translate": "{{curve x1 nan 2}}"}, 5, "knob translate with 'nan'"),
        ({"translate": "{1 2}"}, 5, "knob translate with 2 numbers, needed 3"),
        ({"translate": "{{curve x1.5 1 2}}"}, 5, "a key at frame 1.5"),
        ({"translate": "{{curve x1001 1 2 3}}", "rotate": "{{curve x1001 1 x1003 3}}"}, 6, "keys in 2 of 3 frames"),
        ({"focal": "{{curve x1001 25 x1002 26}}", "translate": "{{curve x1001 1 2 3}}"}, 3, "keys in 2 of 3 frames"),
        ({"focal": "-3"}, 1, "focal or haperture of 0 or less"),
        ({"win_translate": "{{curve x1001 0 0.5 1} 0}"}, 5, "an animated win_translate"),
        ({"translate": "{1 2 3"}, 1, "Camera3 without its end"),
        ({"useMatrix": "true", "matrix": "{{1 0 0 0} {0 1 0 0} {0 0 -1 0} {0 0 0 1}}"}, 6, "mirrors"),
    ],
)
def test_a_nuke_camera_that_is_more_than_we_know_is_refused(knobs, line, words, tmp_path):
    with pytest.raises(ShotError) as caught:
        read_nk(tmp_path, camera_node(**knobs))
    (fault,) = caught.value.faults
    assert fault.startswith(f"a.nk:{line}: found ") and words in fault and "shot.camera.import_file" in fault


def test_colmap_itself_reads_our_model(tmp_path):
    """pycolmap's own reader and its own projection land where the tracks are."""
    import pycolmap

    take = take_of(lens=BENT, gaps=(1004,))
    written(tmp_path, "colmap", take)
    model = pycolmap.Reconstruction(tmp_path / "colmap")
    assert sorted(image.name for image in model.images.values())[:2] == ["sc010.1001.exr", "sc010.1002.exr"]
    assert model.num_images() == 7 and model.num_points3D() > 20
    misses = []
    for image in model.images.values():
        for feature in image.points2D:
            point = model.points3D[feature.point3D_id]
            misses.append(np.linalg.norm(image.project_point(point.xyz) - feature.xy))
    assert len(misses) > 100 and np.median(misses) < 0.5 and np.percentile(misses, 90) < 1.5  # as the tracks' noise is
    for track, point in model.points3D.items():
        np.testing.assert_allclose(point.xyz, take.points["point_xyz"][track], atol=1e-6)


def colmap_folder(folder: Path, cameras: str, images: str) -> Path:
    (folder / "cameras.txt").write_text(cameras)
    (folder / "images.txt").write_bytes(images.encode())
    return folder / "images.txt"


CAMERA = "1 {} 960 540 {}\n"
SIMPLE = CAMERA.format("SIMPLE_PINHOLE", "900 480 270")
IMAGES = "1 1 0 0 0 1 2 3 1 sub dir/take2 plate.1001.exr\n\n2 1 0 0 0 1 2 4 1 sub dir/take2 plate.1002.exr\n1 2 -1\n"


@pytest.mark.parametrize(
    ("model", "values", "wanted"),
    [
        ("SIMPLE_PINHOLE", "900 470 260", Lens(900, 900, 470, 260)),
        ("PINHOLE", "900 910 470 260", Lens(900, 910, 470, 260)),
        ("SIMPLE_RADIAL", "900 470 260 -0.1", Lens(900, 900, 470, 260, -0.1)),
        ("RADIAL", "900 470 260 -0.1 0.02", Lens(900, 900, 470, 260, -0.1, 0.02)),
        ("OPENCV", "900 910 470 260 -0.1 0.02 0.001 0.002", Lens(900, 910, 470, 260, -0.1, 0.02, 0.001, 0.002)),
        ("FULL_OPENCV", "900 900 470 260 0 0 0 0 0.003 0 0 0", Lens(900, 900, 470, 260, k3=0.003)),
    ],
)  # fmt: skip
def test_colmap_s_lenses(model, values, wanted, tmp_path):
    path = colmap_folder(tmp_path, "# a camera\r\n" + CAMERA.format(model, values), "\ufeff# images\n" + IMAGES)
    found = colmap_model.read(path, asked_of(take_of()))
    assert found.lens == wanted and found.frames.tolist() == [1001, 1002]


@pytest.mark.parametrize(
    ("cameras", "images", "words"),
    [
        (CAMERA.format("FOV", "1 2 3"), IMAGES, "cameras.txt:1: found camera model 'FOV'"),
        (CAMERA.format("FULL_OPENCV", "900 910 470 260 0 0 0 0 0 0.1 0 0"), IMAGES, "txt:1: found k4, k5 or k6"),
        (CAMERA.format("PINHOLE", "900 910 470"), IMAGES, "cameras.txt:1: found 3 parameters of PINHOLE"),
        (CAMERA.format("PINHOLE", "900"), IMAGES, "cameras.txt:1: found 1 parameter of PINHOLE"),
        (CAMERA.format("PINHOLE", "0 0 470 260"), IMAGES, "cameras.txt:1: found focal lengths 0 and 0 px"),
        ("1 PINHOLE 960 541 900 900 480 270\n", IMAGES, "cameras.txt:1: found a camera for 960x541"),
        ("# nothing\n", IMAGES, "cameras.txt: found no camera"),
        (SIMPLE, "1 1 0 0\n", "images.txt:1: found 4 words"),
        (SIMPLE, "1\n", "images.txt:1: found 1 word, needed"),
        (SIMPLE, IMAGES.replace("1 sub", "7 sub"), "images.txt:1: found camera 7"),
        (SIMPLE, IMAGES.replace("2 1 0", "2 5 0"), "images.txt:3: found a quat"),
        (SIMPLE, IMAGES.replace("1001", "x").replace("2 plate", " plate"),
         "images.txt:1: found 'sub dir/take plate.x.exr', needed a frame number"),
        (SIMPLE, IMAGES.replace("1002", "1001"), "more than one pose for a frame"),
        (SIMPLE + SIMPLE.replace("1 ", "2 ", 1).replace("480", "490"), IMAGES.replace("4 1 sub", "4 2 sub"),
         "its images have different lenses"),
    ],
)  # fmt: skip
def test_a_colmap_model_of_no_use_is_refused(cameras, images, words, tmp_path):
    with pytest.raises(ShotError) as caught:
        colmap_model.read(colmap_folder(tmp_path, cameras, images), asked_of(take_of()))
    assert len(caught.value.faults) == 1 and words in str(caught.value)


def test_ten_thousand_tracks_are_written_fast(tmp_path):
    from shotmake.tracks.markers import Tracks

    take = take_of(frame_count=40)
    ids, frames = np.repeat(np.arange(10_000), 5), np.tile(np.arange(1005, 1010), 10_000)
    points = {"track_id": np.arange(10_000), "point_xyz": np.zeros((10_000, 3)), "error_px": np.zeros(10_000)}
    take = replace(take, tracks=Tracks.from_markers(ids, frames, np.zeros((50_000, 2))), points=points)
    found = colmap_model.read(written(tmp_path, "colmap", take), asked_of(take))
    assert len(found.frames) == 40
    text = (tmp_path / "colmap" / "points3D.txt").read_text()
    assert text.count("\n") == 10_000
    none = replace(take, tracks=Tracks.from_markers([], [], np.zeros((0, 2))))
    assert colmap_model.make_model_texts(none)["points3D.txt"] == ""


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("1001 0 0 0 0 0 0 40\n1002 0 0\n", 2, "found 3 columns, needed 8 columns"),
        ("1001 0 0 0 0 0 0 40\n1002 0 0 0 0 0 0\n", 2, "found 7 columns"),
        ("1001 0 0 0 0 0 0 40\n1002\n", 2, "found 1 column, needed 8 columns"),
        ("1001 0 0 nan 0 0 0 40\n", 1, "found 'nan', needed a number"),
        ("\r\r1001.5 0 0 0 0 0 0 40\n", 3, "found '1001.5', needed a whole number"),
        ("1001 0 0 0 0 0 0 180\n", 1, "found '180', needed a vertical field of view"),
    ],
)
def test_what_is_no_chan_is_refused_by_its_line(text, line, words, tmp_path):
    (tmp_path / "a.chan").write_bytes(text.encode())
    with pytest.raises(ShotError) as caught:
        chan.read(tmp_path / "a.chan", asked_of(take_of()))
    (fault,) = caught.value.faults
    assert fault.startswith(f"a.chan:{line}: ") and words in fault and fault.endswith("(shot.camera.import_file)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no pose for the frames 1001 to 1008"),
        ("-7 0 0 0 0 0 0 40\n", "no pose for the frames"),
        ("1001 0 0 0 0 0 0 40\n1001 0 0 0 0 0 0 40\n", "more than one pose for a frame"),
        ("1001 0 0 0 0 0 0 0.01\n", "frame 1001 has a focal length of"),
    ],
)
def test_a_chan_of_no_use_to_the_shot_is_refused(text, words, tmp_path):
    (tmp_path / "a.chan").write_text(text)
    with pytest.raises(ShotError, match=words):
        chan.read(tmp_path / "a.chan", asked_of(take_of()))


@pytest.mark.parametrize(("module", "name"), [(usd, "a.usda"), (alembic, "a.abc"), (fbx, "a.fbx"), (gltf, "a.glb")])
def test_blender_is_not_troubled_with_a_gigabyte_of_nothing(module, name, tmp_path):
    with open(tmp_path / name, "wb") as file:
        file.truncate(1 << 30)  # sparse
    with pytest.raises(ShotError, match=r"found .(\\x00){8}. at offset 0, needed"):
        module.check(tmp_path / name)


def test_a_gltf_of_another_json_value_is_told_so(tmp_path):
    (tmp_path / "a.glb").write_bytes(b"glTF" + struct.pack("<III4s", 2, 24, 4, b"JSON") + b"null")
    with pytest.raises(ShotError, match="^a.glb: found null, needed an object"):
        gltf.check(tmp_path / "a.glb")


def test_gltf_refuses_what_it_cannot_say(tmp_path):
    with pytest.raises(ShotError, match="a lens's centre 16.44 px off the middle, which glTF cannot say"):
        gltf.write(tmp_path / "a.glb", take_of())
    with pytest.raises(ShotError, match="found a zoom"):
        gltf.write(tmp_path / "a.glb", take_of("zoom", lens=CENTRED))


def found_by_blender(folder: Path, **changes) -> Path:
    """What read_camera.py would write of a camera at the origin that looks along the world's -z."""
    record = {
        "frames": [1001, 1002], "matrix_world": [np.eye(4).ravel().tolist()] * 2, "lens": [[25.0, 0.01, 0.02]] * 2,
        "sensor_fit": "HORIZONTAL", "sensor_width_mm": 24.0, "sensor_height_mm": 18.0, "blender": [4, 5, 0], **changes,
    }  # fmt: skip
    (folder / "found.json").write_text(json.dumps(record))
    return folder / "found.json"


@pytest.mark.parametrize(
    ("fit", "size_px", "fx_px", "fitted_px"),
    [
        ("HORIZONTAL", (960, 540), 960 * 25 / 24, 960),
        ("VERTICAL", (960, 540), 540 * 25 / 18, 540),
        ("AUTO", (960, 540), 960 * 25 / 24, 960),
        ("AUTO", (540, 960), 960 * 25 / 24, 960),  # a tall picture: the sensor's width lies along its height
    ],
)
def test_a_film_back_fits_as_blender_fits_it(fit, size_px, fx_px, fitted_px, tmp_path):
    asked = replace(asked_of(take_of()), size_px=size_px)
    found = usd.read(Path("a.usda"), found_by_blender(tmp_path, sensor_fit=fit), asked)
    assert found.lens.fx_px == pytest.approx(fx_px) and found.lens.fy_px == pytest.approx(fx_px)
    off_px = found.lens.cx_px - size_px[0] / 2, found.lens.cy_px - size_px[1] / 2
    assert off_px == pytest.approx((-0.01 * fitted_px, 0.02 * fitted_px))
    assert found.status == "static" and found.warnings == ()


def test_what_blender_loses_is_said(tmp_path):
    asked, path = asked_of(take_of()), found_by_blender(tmp_path)
    assert "Blender 4.5 reads one focal length" in alembic.read(Path("a.abc"), path, asked).warnings[0].text
    old = found_by_blender(tmp_path, blender=[4, 2, 23])
    assert "Blender 4.2 reads one focal length" in usd.read(Path("a.usda"), old, asked).warnings[0].text
    (line,) = alembic.list_notes(take_of("zoom", gaps=()))
    assert "the zoom is in the file" in line
    assert fbx.list_notes(take_of(gaps=(1003, 1004)))[0].startswith(
        "2 frames without a camera, from 1003, are filled in"
    )
    (line,) = fbx.list_notes(take_of(gaps=(1003,)))
    assert line == "1 frame without a camera, from 1003, is filled in between its neighbours"
    with pytest.raises(ShotError, match="a.fbx: its camera's shift is animated"):
        fbx.read(Path("a.fbx"), found_by_blender(tmp_path, lens=[[25.0, 0, 0], [25.0, 0.1, 0]]), asked)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frames": [1001, 1002]}, "found 1 pose of 2 frames; needed one a frame"),
        ({"focal_px_per_frame": [900.0, 901.0]}, "found 2 focal lengths of 1 frame; needed a list of one"),
        ({"frames": [], "cam_from_world": [], "focal_px_per_frame": [900.0]}, "found 1 focal length of 0 frames"),
    ],
)
def test_a_solve_json_whose_lists_differ_says_how_long_they_are(changes, said, tmp_path):
    take = take_of("static")
    one = {name: take.solution[name][:1] for name in ("frames", "cam_from_world")}
    record = {**take.solution, **one, "confidence": 1, "warnings": [], **changes}
    (tmp_path / "solve.json").write_text(json.dumps(record))
    with pytest.raises(ShotError) as caught:
        solve_json.read(tmp_path / "solve.json", asked_of(take))
    assert str(caught.value).startswith(f"solve.json: {said}") and "(shot.camera.import_file)" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "refused", "reason": "tiny\nparallax", "lens": None},
         "found a refused solve (tiny parallax); needed a solve with cameras"),
        ({"status": "refused", "lens": None}, "found a refused solve (no reason given); needed"),
        ({"status": "wild"}, "found status 'wild'; needed solved, tripod or static"),
        ({"lens": None}, "lens: found null; needed an object with model and direction"),
        ({"lens": {"direction": "x"}}, "lens: found no model, direction 'x'; needed brown_conrady"),
    ],
)  # fmt: skip
def test_a_solve_json_without_cameras_says_why(changes, said, tmp_path):
    take = take_of("static")
    (tmp_path / "solve.json").write_text(json.dumps({**take.solution, "confidence": 1, "warnings": [], **changes}))
    with pytest.raises(ShotError) as caught:
        solve_json.read(tmp_path / "solve.json", asked_of(take))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"solve.json: {said}") and line.endswith("(shot.camera.import_file)")


def test_a_chan_without_a_line_has_no_pose(tmp_path):
    (tmp_path / "cam.chan").write_text("")
    with pytest.raises(ShotError, match="has no pose for the frames"):
        chan.read(tmp_path / "cam.chan", asked_of(take_of()))
