"""Cameras through real Blender: what is exported projects where ours does, and comes back as it was."""

import json
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.interchange import OFF_CENTRE, SIZE_PX, asked_of, centre_error, poses_of, take_of, turn_error_deg
from helpers.shows.in_blender import blender
from helpers.shows.project import IN_BLENDER, REPOSITORY
from shotmake.formats.cameras import chan
from shotmake.formats.cameras.scene_files import alembic, fbx, gltf, usd
from shotmake.formats.cameras.scene_files.blender_scene import make_sheet
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens

MODULES = {"usda": usd, "abc": alembic, "fbx": fbx, "glb": gltf}
CENTRED = Lens(1000.0, 1000.0, 480.0, 270.0)
TURN_DEG = {"fbx": 5e-5}  # Blender's add-on for it works in single precision, through Euler angles
IMPORT_ALL = """
import json, sys
sys.path.insert(0, sys.argv[1])
import read_camera
for words in json.loads(sys.argv[2]):
    sys.argv = ["read_camera.py", *words]
    read_camera.main()
"""


def export(folder: Path, take: Take) -> None:
    (folder / "sheet.json").write_text(json.dumps(make_sheet(take)))
    outs = [f"--out={word}={folder / f'camera.{word}'}" for word in ("abc", "fbx")]
    usd.write(folder / "camera.usda", take)
    blender("export_camera.py", f"--sheet={folder / 'sheet.json'}", *outs)


def import_all(jobs: list[list[str]]) -> None:
    """Several in one Blender: starting it is what takes time."""
    from shotmake.tasks.blender.private_blender import find_python

    words = [str(find_python()), "-c", IMPORT_ALL, str(REPOSITORY / "blender_scripts"), json.dumps(jobs)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, tuple[Path, Take]]:
    """The same walk: off centre at 24 frames a second; centred for those who know no other; and a zoom at 23.976."""
    off, centred, zoom = (tmp_path_factory.mktemp(name) for name in ("off", "centred", "zoom"))
    at_24 = replace(take_of(lens=OFF_CENTRE, frame_count=6), frame_rate=Fraction(24))
    plain = replace(take_of(lens=CENTRED, frame_count=6), frame_rate=Fraction(24))
    zooming = take_of("zoom", lens=Lens(1000.0, 2000.0, 491.5, 258.25), aspect=2.0, frame_count=6)
    for folder, take in ((off, at_24), (zoom, zooming)):
        export(folder, take)
    chan.write(centred / "camera.chan", plain)
    gltf.write(centred / "camera.glb", plain)
    ntsc = take_of(lens=CENTRED, frame_count=6)
    gltf.write(zoom / "camera.glb", ntsc)
    made = {word: (off / f"camera.{word}", at_24) for word in ("usda", "abc", "fbx")}
    made |= {word: (centred / f"camera.{word}", plain) for word in ("glb", "chan")}
    return made | {"zoom usda": (zoom / "camera.usda", zooming), "zoom fbx": (zoom / "camera.fbx", zooming),
                   "23.976 glb": (zoom / "camera.glb", ntsc)}  # fmt: skip


def test_blender_s_own_importers_project_the_points_where_our_camera_does(files, tmp_path):
    from shotmake.tasks.blender.private_blender import find_python

    asked = {word: files[word] for word in ("usda", "abc", "fbx", "glb", "chan")}
    take = files["usda"][1]
    points = take.points["point_xyz"].astype(float)
    job = {
        "files": [str(path) for path, _ in asked.values()], "size_px": SIZE_PX, "pixel_aspect": 1.0, "fps": 24,
        "frames": take.solution["frames"], "points": points.tolist(), "out": str(tmp_path / "out.json"),
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    script = str(IN_BLENDER / "project_in_blender.py")
    subprocess.run([str(find_python()), script, "--job", str(tmp_path / "job.json")], check=True, capture_output=True)
    found = json.loads((tmp_path / "out.json").read_text())
    for path, given in asked.values():
        lens = Lens.from_json(given.solution["lens"])
        assert len(found[str(path)]) == len(given.solution["frames"])
        for pose, seen in zip(poses_of(given), found[str(path)], strict=True):
            wanted, _ = project(points, pose, lens)
            inside = ((wanted > 0) & (wanted < SIZE_PX)).all(1)
            assert inside.sum() > 15
            np.testing.assert_allclose(np.array(seen)[inside], wanted[inside], atol=0.005, err_msg=path.name)


def test_what_blender_wrote_comes_back_as_it_was(files, tmp_path):
    chosen = {name: made for name, made in files.items() if name != "chan"}
    jobs = []
    for name, (path, take) in chosen.items():
        rate = "{}/{}".format(*take.frame_rate.as_integer_ratio())
        out = tmp_path / f"{name}.json"
        jobs.append([f"--file={path}", f"--out={out}", "--frames", "1000", "1003", f"--rate={rate}"])
    import_all(jobs)
    for name, (path, take) in chosen.items():
        word = name.split()[-1]
        MODULES[word].check(path)
        asked = replace(asked_of(take), frames=(1000, 1003))
        found = MODULES[word].read(path, tmp_path / f"{name}.json", asked)
        assert found.frames.tolist() == [1001, 1002, 1003], name  # 1000 has no camera, 1004 was not asked for
        some = replace(take, solution={**take.solution, "cam_from_world": take.solution["cam_from_world"][:3]})
        assert centre_error(found, some) < 1e-6 and turn_error_deg(found, some) < TURN_DEG.get(word, 1e-5), name
        wanted = Lens.from_json(take.solution["lens"])
        assert (found.lens.cx_px, found.lens.cy_px) == pytest.approx((wanted.cx_px, wanted.cy_px), abs=1e-3)
        if name.startswith("zoom"):
            np.testing.assert_allclose(found.focal_px_per_frame, take.solution["focal_px_per_frame"][:3], rtol=1e-6)
            assert found.lens.fy_px / found.lens.fx_px == pytest.approx(2.0)
        else:
            assert found.lens.fx_px == pytest.approx(wanted.fx_px, rel=1e-6) and found.focal_px_per_frame is None


def test_what_blender_cannot_read_is_one_line(files, tmp_path):
    whole = {word: files[word][0].read_bytes() for word in ("usda", "fbx", "glb")}
    for word, data in whole.items():
        (tmp_path / f"cut.{word}").write_bytes(data[: len(data) // 2])
    refusals = IMPORT_ALL.replace("    read_camera.main()", "    try: read_camera.main()\n    except SystemExit: pass")
    from shotmake.tasks.blender.private_blender import find_python

    names = [tmp_path / f"cut.{word}" for word in whole] + [files["usda"][0]]
    jobs = [[f"--file={name}", "--out=x", "--frames", "1", "2", "--rate=24", "--name=nobody"] for name in names]
    words = [str(find_python()), "-c", refusals, str(REPOSITORY / "blender_scripts"), json.dumps(jobs)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.startswith("read_camera.py: ")]
    assert done.returncode == 0 and len(lines) == 4, done.stderr
    for name, line in zip(names[:3], lines, strict=False):
        assert f"{name.name}: Blender cannot read it: " in line
    assert "needed the name of one (shot.camera.import_name)" in lines[3]
