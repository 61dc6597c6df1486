"""An imported lens: read from files, kept in the solve, taken from another shot by the real command line."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import Simulated, simulate
from helpers.shows.attack import copy_of, make_small, shot_yaml
from helpers.shows.project import Project, Ran
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.formats.lenses.lens_request import LensAsked
from shotmake.geometry.camera import find_camera_centres, project
from shotmake.geometry.lens import Lens
from shotmake.lens.read_lens import read_lens
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import Solution, solve

SIZE_PX = (960, 540)
LENS = Lens(900.0, 903.0, 520.0, 250.0, k1=-0.14, k2=0.05, p1=0.002, p2=-0.0015, k3=-0.01)
CENTRED = Lens(1000.0, 1000.0, 480.0, 270.0, k1=-0.1, k2=0.03)


def run(shot: Simulated, lens: Lens | None, camera: schema.Camera | None = None, **settings) -> Solution:
    return solve(
        SolveInputs(
            shot.tracks, shot.size_px, shot.frames, camera or schema.Camera(), schema.Solve(**settings), lens=lens
        )
    )


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=1, frame_count=36, visible=130, lens=LENS)


@pytest.fixture(scope="module")
def by_lens(orbit) -> Solution:
    return run(orbit, LENS)


def test_an_imported_lens_makes_the_camera_right_where_none_does(orbit, by_lens):
    without, given = run(orbit, None).record, by_lens.record
    assert Lens.from_json(given["lens"]) == LENS
    assert given["warnings"] == []
    found = measure(given, orbit.truth)
    assert found["status"] == "solved" and found["ate_pct"] < 0.04 and found["rot_deg"] < 0.02
    assert without["status"] == "refused" and without["reason"].startswith("too much is in doubt at once")


def test_errors_and_picks_are_of_the_plate(orbit, by_lens):
    """The points, seen through the lens put back, lie on the markers by as much as the record says."""
    record, points = by_lens.record, by_lens.points
    cameras = np.array(record["cam_from_world"]).reshape(-1, 3, 4)
    by_track = dict(zip(points["track_id"].tolist(), points["point_xyz"].astype(float), strict=True))
    tracks = orbit.tracks
    rows = [row for row in range(0, len(tracks), 7) if tracks.track_id[row] in by_track]
    xyz = np.array([by_track[tracks.track_id[row]] for row in rows])
    frame = tracks.frame[rows] - orbit.frames[0]
    miss_px = np.linalg.norm(project(xyz, cameras[frame], LENS)[0] - tracks.xy_px[rows], axis=1)
    assert np.sqrt(np.median(miss_px**2)) < 1.5 * record["rms_px"] < 0.5
    assert record["holdout_rms_px"] < 0.5


def test_a_pan_with_an_imported_lens_is_a_tripod():
    shot = simulate("pan", seed=1, frame_count=36, visible=130, lens=LENS)
    record = run(shot, LENS).record
    assert record["status"] == "tripod" and Lens.from_json(record["lens"]) == LENS
    assert measure(record, shot.truth)["rot_deg"] < 0.02


def test_a_dolly_with_an_imported_lens_tries_more_than_its_first_start():
    """Its first start, without forward moves, ends in a wrong minimum at the same, given focal length."""
    shot = simulate("dolly", seed=11, frame_count=48, visible=130, lens=LENS)
    found = measure(run(shot, LENS).record, shot.truth)
    assert found["status"] == "solved" and found["ate_pct"] < 0.05 and found["rot_deg"] < 0.02


def test_a_refined_focal_stretches_the_lens_as_a_whole(orbit):
    wrong = replace(LENS, fx_px=LENS.fx_px * 1.04, fy_px=LENS.fy_px * 1.04)
    record = run(orbit, wrong, refine=["focal"]).record
    found = Lens.from_json(record["lens"])
    assert found.fx_px == pytest.approx(LENS.fx_px, rel=0.015) and (found.cx_px, found.cy_px) == (520, 250)
    stretch = found.fx_px / wrong.fx_px
    assert found.k1 == pytest.approx(wrong.k1 * stretch**2, rel=1e-6)
    assert found.p1 == pytest.approx(wrong.p1 * stretch, rel=1e-6)
    assert measure(record, orbit.truth)["ate_pct"] < 0.05


def test_a_wrong_imported_lens_is_said():
    shot = simulate("orbit", seed=1, frame_count=36, visible=130)
    record = run(shot, Lens(1200.0, 1200.0, 480.0, 270.0, k1=-0.1, k2=0.03)).record
    assert record["status"] == "refused" or any("lens brought along" in warning for warning in record["warnings"])


def test_coefficients_are_refined_from_a_plain_lens_only():
    shot = simulate("orbit", seed=1, frame_count=36, visible=130)
    record = run(shot, replace(CENTRED, k1=0.0, k2=0.0), refine=["k1", "k2"]).record
    assert record["lens"]["fx_px"] == pytest.approx(1000) and record["lens"]["k1"] == pytest.approx(-0.1, abs=0.02)
    with pytest.raises(ShotError, match=r"tracking.solve.refine: found k1 .* p1, p2, k3, k2, a centre off"):
        run(shot, LENS, refine=["k1"])


def test_a_focal_length_beside_the_lens_is_said_to_be_ignored(orbit):
    record = run(orbit, LENS, schema.Camera(focal_mm=50.0)).record
    assert Lens.from_json(record["lens"]) == LENS
    (warning,) = record["warnings"]
    assert "focal_mm 50 is ignored" in warning and "33.75 mm" in warning
    assert record["warning_codes"] == ["focal_ignored"]


OPENCV = {"image_width": 960, "image_height": 540,
          "camera_matrix": [[900.0, 0, 519.5], [0, 903.0, 249.5], [0, 0, 1]],
          "dist_coeffs": [[-0.14, 0.05, 0.002, -0.0015, -0.01]]}  # fmt: skip
OPENCV_YAML = """\
%YAML:1.0
---
image_width: 960
image_height: 540
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 900., 0., 519.5, 0., 903., 249.5, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 1
   cols: 5
   dt: d
   data: [ -0.14, 5.0e-02, 0.002, -0.0015, -0.01 ]
"""


def test_every_kind_of_file_holds_the_same_lens(tmp_path):
    import cv2

    ours = {"image_size_px": [960, 540], "lens": LENS.to_json()}
    texts = {
        "solve.json": json.dumps({"status": "solved", **ours}),
        "lens.json": json.dumps(ours),
        "bare.json": json.dumps(LENS.to_json()),
        "opencv.json": json.dumps(OPENCV),
        "opencv.yml": OPENCV_YAML,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert read_lens(tmp_path / name, LensAsked(SIZE_PX)) == (LENS, []), name
    for name in ("written.yaml", "written.json"):  # by OpenCV itself
        storage = cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_WRITE)
        storage.write("camera_matrix", np.array(OPENCV["camera_matrix"]))
        storage.write("dist_coeffs", np.array(OPENCV["dist_coeffs"]))
        storage.write("image_width", 960)
        storage.write("image_height", 540)
        storage.release()
        assert read_lens(tmp_path / name, LensAsked(SIZE_PX)) == (LENS, []), name


def test_a_lens_of_another_size_is_scaled_or_refused(tmp_path):
    path = tmp_path / "lens.json"
    path.write_text(json.dumps(OPENCV))
    lens, (note,) = read_lens(path, LensAsked((1920, 1080)))
    assert (lens.fx_px, lens.cx_px, lens.cy_px, lens.k1) == (1800, 1040, 500, LENS.k1)
    assert "scaled from 960x540 to 1920x1080" in note
    with pytest.raises(ShotError, match="is for 960x540, the plate is 1920x800, of another shape"):
        read_lens(path, LensAsked((1920, 800)))


def opentrackio(lens: dict | None = None, sensor: dict | None = None) -> dict:
    """A sample of a 35 mm lens on a sensor of 36 x 24 mm, unless another is asked for."""
    dimensions = {"width": 36.0, "height": 24.0} if sensor is None else sensor
    camera = {"activeSensorPhysicalDimensions": dimensions}
    return {"static": {"camera": camera}, "lens": {"pinholeFocalLength": 35.0} if lens is None else lens}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("{", "not JSON: expecting .*column 2"),
        ([1], "found a list, needed an object"),
        ("null", "found null, needed an object"),
        ("true", "found true, needed an object"),
        ("3", "found a number, needed an object"),
        ('"a"', "found a text, needed an object"),
        (opentrackio(lens={}), "found no lens.pinholeFocalLength; needed a number"),
        (opentrackio(lens={"pinholeFocalLength": None}), "found null as lens.pinholeFocalLength; needed a number"),
        (opentrackio(sensor={"width": 36}), "found no activeSensorPhysicalDimensions.height; needed a number"),
        (opentrackio(lens={"pinholeFocalLength": 0.035}), "found 0.035 mm on a sensor of 36 x 24 mm; needed a lens in"),
        ({"focal": 35}, "not a lens .*camera_matrix"),
        (OPENCV | {"dist_coeffs": [0.1] * 8}, "plumb_bob of 8 values"),
        (OPENCV | {"dist_coeffs": [0.1]}, "skew 0 and 1 distortion value; needed none, and 4 or 5"),
        (OPENCV | {"dist_coeffs": [0.1], "distortion_model": "wide"}, "wide of 1 value; needed"),
        (OPENCV | {"distortion_model": "equidistant"}, "equidistant"),
        (OPENCV | {"dist_coeffs": [-0.9, 0, 0, 0]}, "folds over"),
        (OPENCV | {"camera_matrix": [900, 0, 480, 0, 1800, 270, 0, 0, 1]}, "the plate's pixels are 1:1"),
        ({"lens": LENS.to_json() | {"fx_px": 9.0}}, "its focal length is 9 px"),
        ({"lens": LENS.to_json() | {"cx_px": 960}}, "says no picture size, add image_size_px"),
        ({"lens": LENS.to_json() | {"direction": "distorted_to_undistorted"}}, "needed brown_conrady"),
        ({"lens": None, "status": "refused", "reason": "no tracks"}, "solve was refused .no tracks"),
        ({"lens": None, "status": "refused"}, "solve was refused .no reason given"),
        ({"lens": None, "status": "solved"}, "lens: found null; needed an object with model and direction"),
        ({"lens": LENS.to_json(), "focal_px_per_frame": [1, 2]}, "zooms"),
    ],
)
def test_a_file_without_a_usable_lens_is_one_line(tmp_path, tree, words):
    path = tmp_path / "lens.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    with pytest.raises(ShotError, match=f"lens.json:.*{words}") as caught:
        read_lens(path, LensAsked(SIZE_PX))
    (line,) = caught.value.faults
    assert "shot.camera.lens_from" in line and "\n" not in line


NO_PREVIEW = "  preview: {enabled: false}\n"  # nobody looks at it
LENDER = shot_yaml(more=NO_PREVIEW)
TAKER = shot_yaml("taker", frame_range="[3, 40]", more=NO_PREVIEW).replace(
    "tracking:", "  camera: {lens_from: mini}\ntracking:"
)


def solved(project: Project, shot: str) -> dict:
    path = max((project.root / ".gsd-state" / "tracking" / "solves").glob(f"{shot}-????????????.json"),
               key=lambda path: path.stat().st_mtime_ns)  # fmt: skip
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def taken_once(tmp_path_factory, small_movie) -> tuple[Project, Ran]:
    """A shot that takes another's lens, solved by asking for it alone; copy it, do not touch it."""
    project = make_small(tmp_path_factory.mktemp("taken") / "show", small_movie, more=NO_PREVIEW)
    project.write_shot("taker", TAKER)
    return project, project.built("solve", "shot=taker")


@pytest.fixture
def taken(tmp_path: Path, taken_once) -> Project:
    return copy_of(taken_once[0], tmp_path / "show")


def test_the_other_shot_is_solved_first_and_its_lens_kept(taken_once):
    project, ran = taken_once
    assert ran.executed.index("solve:mini") < ran.executed.index("lens:taker") < ran.executed.index("solve:taker")
    assert set(ran.executed) == {f"{stage}:{shot}" for stage in ("footage", "tracks", "solve")
                                 for shot in ("mini", "taker")} | {"lens:taker"}  # fmt: skip
    mini, taker = solved(project, "mini"), solved(project, "taker")
    assert taker["lens"] == mini["lens"] and taker["status"] == "solved" and taker["frames"] == list(range(3, 41))
    centres = [find_camera_centres(np.array(one["cam_from_world"]).reshape(-1, 3, 4)[-38:]) for one in (mini, taker)]
    from helpers.measures.measure import similarity

    scale, rotation, shift = similarity(*centres)
    miss = np.linalg.norm(scale * centres[0] @ rotation.T + shift - centres[1], axis=1)
    assert miss.max() < 0.01 * np.linalg.norm(np.ptp(centres[1], axis=0))
    assert project.built("tracks", "shot=taker").executed == []  # of the other shot nothing is asked for


def test_a_changed_lens_there_solves_again_here_and_an_equal_one_does_not(taken):
    path = taken.root / "conf" / "shot" / "mini.yaml"
    path.write_text(LENDER + "  solve: {orient: {distance: {frame: 20, a_px: [100, 133], b_px: [220, 133], "
                    "metres: 1}}}\n")  # fmt: skip
    rows = plan(taken, "shot=taker")
    assert rows["footage:mini"].startswith("up to date") and rows["solve:mini"].startswith("run")
    assert rows["lens"].startswith("may run") and "after solve:mini" in rows["lens"]
    ran = taken.built("solve", "shot=taker")
    assert ran.executed == ["solve:mini", "lens:taker", "solve:taker"]
    assert ran.out.count("the same as .gsd-state/tracking/solves/taker-") == 1  # another world, the same lens
    path.write_text(LENDER + "  solve: {refine: [focal, k1]}\n")
    ran = taken.built("solve", "shot=taker")
    assert ran.executed == ["solve:mini", "lens:taker", "solve:taker"] and "the same as" not in ran.out
    assert solved(taken, "taker")["lens"] == solved(taken, "mini")["lens"] and solved(taken, "taker")["lens"]["k2"] == 0


def test_overrides_are_the_asked_shot_s_not_the_lender_s(taken):
    words = ("solve", "shot=taker,mini", "tracking.solve.clean.max_error_px=1.7")
    ran = taken.built(*words)
    assert sorted(ran.executed) == ["solve:mini", "solve:taker"]
    assert taken.built(*words).executed == []
    ran = taken.built("solve", "shot=mini", "shot.camera.lens_from=mini", "tracking.solve.clean.max_error_px=1.6")
    assert ran.executed == ["lens:mini", "solve:mini"]  # a variant with the approved lens of its own shot


def test_a_sweep_s_build_is_current_until_the_lender_changes(taken):
    words = ("shot=taker", "shot.camera.lens_from=mini", "tracking.solve.clean.max_error_px=1.8")
    ran = taken.python("-m", *words)
    assert ran.code == 0, ran.err
    assert ".  solve:taker" in ran.out and ".  lens:taker" not in ran.out and ".  solve:mini" not in ran.out
    (folder,) = (taken.root / "build").glob("taker@*")
    assert json.loads((folder / "lens.json").read_text())["lens"] == solved(taken, "mini")["lens"]
    assert taken.built(*words).out == "-- publish:taker\n"  # nothing was asked: a snapshot
    assert taken.built("verify", *words).fault_lines == [] and "solve:mini" in (folder / "verify.json").read_text()
    assert taken.built("gc", "force=true") and taken.built(*words).executed == []
    path = taken.root / "conf" / "shot" / "mini.yaml"
    path.write_text(LENDER + "  solve: {refine: [focal, k1]}\n")
    assert "solve:mini" in taken.run("verify", *words).err
    assert taken.built("solve", *words).executed == ["solve:mini", "lens:taker", "solve:taker"]


def plan(project: Project, *words: str) -> dict[str, str]:
    lines = [line.split(None, 1) for line in project.built("plan", *words).out.splitlines() if line[:3] == "   "]
    return {name: rest.strip() for name, rest in lines}


@pytest.mark.parametrize(
    ("lens_from", "line"),
    [
        ("nothing", "lens:taker: nothing: no such shot (there are: circle, mini) and no such file; check "),
        ("taker", "conf/shot/taker.yaml: shot.camera.lens_from: the lens goes round in a circle: taker <- taker"),
        (
            "circle",
            "conf/shot/circle.yaml: shot.camera.lens_from: the lens goes round in a circle: taker <- circle <- ",
        ),
        ("conf/config.yaml", "lens:taker: config.yaml: not a lens"),
    ],
)
def test_a_lens_that_cannot_be_had_is_one_line(taken, lens_from, line):
    taken.write_shot("taker", TAKER.replace("lens_from: mini", f"lens_from: {lens_from}"))
    taken.write_shot("circle", TAKER.replace("taker", "circle").replace("lens_from: mini", "lens_from: taker"))
    ran = taken.run("solve", "shot=taker")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and ran.fault_lines[0].startswith(line), ran.err
    assert "Traceback" not in ran.err


def test_a_refused_or_broken_lender_is_one_line(taken):
    path = taken.root / "conf" / "shot" / "mini.yaml"
    path.write_text(shot_yaml(frame_range="[1, 2]"))
    ran = taken.run("solve", "shot=taker")
    assert ran.code == 1 and len(ran.fault_lines) == 1, ran.err
    refused = "lens:taker: mini: its solve was refused (2 frames: too few to certify a camera by; needed 4"
    assert ran.fault_lines[0].startswith(refused)
    path.write_text(LENDER + "  solve: {enabled: false}\n")
    ran = taken.run("solve", "shot=taker")
    assert ran.code == 1 and len(ran.fault_lines) == 1
    assert "mini has no solve to take a lens from; set tracking.solve.enabled: true in conf/shot/mini.yaml" in ran.err
    path.write_text(LENDER + "  enabled: false\n")
    ran = taken.run("solve", "shot=taker")
    assert ran.code == 1 and len(ran.fault_lines) == 1
    assert "mini has no solve to take a lens from; set tracking.enabled: true in conf/shot/mini.yaml" in ran.err
    path.write_text(LENDER + "  slove: {}\n")
    ran = taken.run("solve", "shot=taker")
    assert ran.code == 1 and len(ran.fault_lines) == 1
    assert ran.fault_lines[0].startswith("conf/shot/taker.yaml: shot.camera.lens_from: mini is broken: conf/shot/mini")


def test_a_lens_file_is_an_input_like_any_other(taken):
    lens = {**OPENCV, "image_width": 320, "image_height": 180, "dist_coeffs": [0, 0, 0, 0],
            "camera_matrix": [[500.0, 0, 239.5], [0, 500.0, 134.5], [0, 0, 1]]}  # fmt: skip
    (taken.root / "lens.json").write_text(json.dumps(lens))
    words = ("lens", "shot=taker", "shot.camera.lens_from=lens.json")
    assert taken.built(*words).executed == ["lens:taker"]
    assert taken.built(*words).executed == []
    (taken.root / "lens.json").write_text(json.dumps(lens | {"dist_coeffs": [0.01, 0, 0, 0]}))
    assert taken.built(*words).executed == ["lens:taker"]
    made = max((taken.root / ".gsd-state" / "lenses").glob("taker-????????????.json"), key=os.path.getmtime)
    record = json.loads(made.read_text())
    assert record["lens"] == Lens(500.0, 500.0, 240.0, 135.0, k1=0.01).to_json() and record["notes"] == []
