"""Slip, end to end: light put at solved points lands in Blender's rendered comp where our lens says it should.

The camera here has its principal point off the centre, so that shift matters, and the lens bends, so that the
ST-map does. Each of the three ways to be subtly wrong is broken on purpose, and must show.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Project, made_blend, rendered_slip_px

from shotmake.lens import Lens, distort, overscan_px
from shotmake.stmap import redistort_map, write_stmap

MEDIAN_PX, WORST_PX = 0.1, 0.3
FRAMES = [1, 30]
IMPORTED = ("shot.camera.from_tracking=false", "shot.camera.import_file=camera.json")
BARE = "composite.background_source=none"


@pytest.fixture(scope="module")
def off_centre(tmp_path_factory, built_once) -> Project:
    """The small shot with its own solve brought back as an imported camera whose centre is off by (9, -6) px."""
    project = Project(tmp_path_factory.mktemp("slip") / "show")
    shutil.copytree(built_once[0].root, project.root, symlinks=True)
    solution = json.loads((project.root / "build" / "mini" / "solve.json").read_text())
    solution["lens"]["cx_px"] += 9
    solution["lens"]["cy_px"] -= 6
    (project.root / "camera.json").write_text(json.dumps(solution))
    project.built("composite", "shot=mini", BARE, *IMPORTED)
    return project


def newest(project: Project, pattern: str) -> Path:
    return max((project.root / ".gsd-state").glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def slip_of(project: Project, blend: Path) -> np.ndarray:
    solution = json.loads((project.root / "camera.json").read_text())
    solves = (project.root / ".gsd-state").glob("tracking/solves/*.points.npz")
    points_xyz = max((np.load(path)["point_xyz"] for path in solves), key=len)  # the imported camera has none
    return rendered_slip_px(blend, solution, points_xyz, FRAMES)


def test_cg_lands_where_our_lens_says(off_centre):
    slip = slip_of(off_centre, newest(off_centre, "composites/mini-*.blend"))
    assert np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX, slip


@pytest.mark.parametrize("broken", ["shift", "half pixel", "direction"])
def test_each_broken_convention_shows_as_slip(off_centre, broken):
    sheet = json.loads(newest(off_centre, "scenes/mini-????????????.json").read_text())
    lens, size = Lens.from_json(sheet["lens"]), tuple(sheet["resolution_px"])
    overscan = overscan_px(lens, size)
    stmap = redistort_map(lens, size, overscan)
    if broken == "shift":
        for view in ("camera", "overscan"):
            sheet[view]["shift_x"] *= -1
            sheet[view]["shift_y"] *= -1
    elif broken == "half pixel":
        stmap[..., 0] -= 0.5 / sheet["overscan"]["resolution_px"][0]
        stmap[..., 1] += 0.5 / sheet["overscan"]["resolution_px"][1]
    else:
        inverted = distort(lens.normalised_from_px(_centres(size)), lens)  # distorts where it should undistort
        straight = replace(lens.without_distortion())
        xy_px = straight.px_from_normalised(inverted) + overscan
        stmap[..., 0] = xy_px[..., 0] / sheet["overscan"]["resolution_px"][0]
        stmap[..., 1] = 1 - xy_px[..., 1] / sheet["overscan"]["resolution_px"][1]
    stmap_path = off_centre.root / ".gsd-state" / "stmaps" / "broken.exr"
    write_stmap(stmap_path, stmap, "redistort", overscan)
    slip = slip_of(off_centre, made_blend(off_centre, sheet, stmap_path))
    assert not (np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX), slip
    assert np.median(slip) > 3 * MEDIAN_PX, slip


def _centres(size: tuple[int, int]) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5), -1)
