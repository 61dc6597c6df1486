"""A shot whose camera comes from another program, through the real command line: up to the .blend, and out again."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.interchange import SIZE_PX, asked_of, centre_error, take_of, turn_error_deg
from helpers.plates.synthetic import write_movie
from helpers.shows.project import Project, make_project
from shotmake.formats.cameras import chan, nuke_camera
from shotmake.geometry.lens import Lens

YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4, first_frame: 1001}
  camera: {from_tracking: false, import_file: cam/walk.chan, lens_from: cam/lens.json}
  export: [chan, nk, colmap, usda, abc, fbx]
tracking: {enabled: false, preview: {enabled: false}}
"""
LENS = Lens(1000.0, 1000.0, 480.0, 270.0, k1=-0.08)
TAKE = take_of(lens=Lens(1000.0, 1000.0, 480.0, 270.0), frame_count=6)


@pytest.fixture
def show(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "show")
    grey = np.full((SIZE_PX[1], SIZE_PX[0], 3), 120, np.uint8)
    write_movie(project.root / "footage" / "mini.mp4", enumerate([grey] * 6))
    (project.root / "cam").mkdir()
    chan.write(project.root / "cam" / "walk.chan", TAKE)
    (project.root / "cam" / "lens.json").write_text(json.dumps(LENS.to_json()))
    project.write_shot("mini", YAML)
    project.remove_other_shots("mini")
    return project


def test_a_chan_becomes_a_blend_and_every_other_camera(show):
    show.built("shot=mini")
    place = show.root / "build" / "mini"
    names = {"mini.blend", "camera.chan", "camera.nk", "colmap.zip", "camera.usda", "camera.abc", "camera.fbx"}
    assert names <= {path.name for path in place.iterdir()}
    solve = json.loads((place / "solve.json").read_text())
    assert solve["engine"] == "imported" and solve["frames"] == list(range(1001, 1007))
    assert solve["lens"]["k1"] == pytest.approx(-0.08) and solve["lens"]["fx_px"] == pytest.approx(1000)
    found = nuke_camera.read(place / "camera.nk", asked_of(TAKE))
    assert centre_error(found, TAKE) < 1e-6 and turn_error_deg(found, TAKE) < 1e-5
    assert show.built("shot=mini").executed == []
    # and one that Blender reads takes its place; of a broken one, one line
    (show.root / "cam" / "walk.usda").write_bytes((place / "camera.usda").read_bytes())
    show.built("solve", "shot=mini", "shot.camera.import_file=cam/walk.usda")
    made = [
        json.loads(path.read_text())
        for path in (show.root / ".gsd-state/tracking/solves").glob("mini-????????????.json")
    ]
    assert len(made) == 2
    np.testing.assert_allclose(made[0]["cam_from_world"], made[1]["cam_from_world"], atol=1e-6)
    (show.root / "cam" / "walk.usda").write_bytes((place / "camera.usda").read_bytes()[:900])
    ran = show.run("solve", "shot=mini", "shot.camera.import_file=cam/walk.usda")
    (line,) = ran.fault_lines
    assert (
        ran.code == 1 and "solve:mini: walk.usda: Blender cannot read it" in line and "shot.camera.import_file" in line
    )


@pytest.mark.parametrize(
    ("ends_by", "line"),
    [
        (None, "solve:mini: composite.blender.executable: found no program "),
        ("KILL", "solve:mini: read_camera.py in Blender was ended by SIGKILL; build again, with more memory or fewer"),
        ("SEGV", "solve:mini: read_camera.py in Blender crashed (SIGSEGV); what it said is in .gsd-state/logs/solve-m"),
        ("ABRT", "solve:mini: read_camera.py in Blender crashed (SIGABRT); what it said is in .gsd-state/logs/solve-m"),
        ("TERM", "solve:mini: read_camera.py in Blender was ended by SIGTERM; build again"),
    ],
)
def test_a_blender_that_is_missing_or_ends_is_not_the_cameras_fault(show, tmp_path, ends_by, line):
    (show.root / "cam" / "walk.usda").write_text("#usda 1.0\n")
    program = tmp_path / "blender"
    if ends_by is not None:
        program.write_text(f"#!/bin/sh\necho the last words\nkill -{ends_by} $$\n")
        program.chmod(0o755)
    words = ("shot.camera.import_file=cam/walk.usda", f"composite.blender.executable={program}")
    ran = show.run("solve", "shot=mini", *words)
    (found,) = ran.fault_lines
    assert ran.code == 1 and found.startswith(line), found
    assert "walk.usda" not in found and "shot.camera" not in found
    assert ("memory" in found) == (ends_by == "KILL")
    if "crashed" in line:
        assert "the last words" in (show.root / found.rpartition(" is in ")[2]).read_text()
