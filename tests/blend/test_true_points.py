"""From plate to picture: CG put at true points of a synthetic plate lands on them in every frame.

Plate -> tracks -> solve -> .blend -> render, nothing known but the plate. The true world is carried into the solved
one by the similarity that fits best: to other true points of the plate, in px, as an artist lays a survey on a solve.
(What fits the cameras alone is printed beside it: on paths as short as these it leaves the scene free to lean.)
`--pixels` takes five more plates.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.measures.slip import Similarity, carried, fit_to_points, off_px, read_exr, spread_tracks
from helpers.plates.synthetic import Plate, cam_from_world, frames, make_plate, project, world_points, write_movie
from helpers.shows.in_blender import rendered_miss_px
from helpers.shows.project import MINI_YAML, Project, make_project
from shotmake.geometry.lens import Lens
from shotmake.stmap.maps import make_redistort_map, overscan_of, write_stmap

MEDIAN_PX, P95_PX = 0.3, 0.8
MARKERS, MARGIN_PX, APART_PX = 6, 12.0, 26.0


@pytest.fixture(scope="module")
def mini_plate() -> Plate:
    return make_plate("desk", frame_count=40)


def test_cg_lands_on_true_points_in_every_frame(built, mini_plate):
    miss_px = missed_px(built, mini_plate, (0, 0), samples=2)  # which blur it by 0.1 px, in a third of the time
    assert_lands(miss_px, mini_plate)


def test_an_imported_map_is_the_one_the_comp_reads(built):
    """The solved lens's own map as Meshroom would write it: published and in the sheet as if the solve had made it."""
    state, size_px = built.root / ".gsd-state", (480, 270)
    ours = newest(state / "stmaps", "*.redistort.exr")
    over_px = np.array(overscan_of(ours))
    from_lower_left = read_exr(ours)[..., :2] * (size_px + 2 * over_px) - over_px
    (built.root / "maps").mkdir()
    path = built.root / "maps" / "meshroom.exr"
    write_stmap(path, np.dstack([(from_lower_left - 0.5) / np.subtract(size_px, 1), np.zeros((270, 480))]), "", (0, 0))
    key = "composite.lens_distortion"
    words = ("scene", "shot=mini", f"{key}.st_map_path=maps/meshroom.exr", f"{key}.st_map_convention=alicevision")
    assert built.built(*words).executed == ["stmap:mini", "scene:mini"]
    again = newest(state / "stmaps", "*.redistort.exr")
    sheet = json.loads(newest(state / "scenes", "*.json").read_text())
    again_px = np.array(overscan_of(again))
    assert again != ours and sheet["overscan"]["resolution_px"] == (size_px + 2 * again_px).tolist()
    lens = Lens.from_json(sheet["lens"])
    off = read_exr(again)[..., :2] - make_redistort_map(lens, size_px, tuple(again_px.tolist()))[..., :2]
    assert np.abs(off * (size_px + 2 * again_px)).max() < 0.05  # px
    path.unlink()
    ran = built.run(*words)
    assert ran.code == 1 and ran.fault_lines == [
        "stmap:mini: maps/meshroom.exr: no such file; check composite.lens_distortion.st_map_path"
    ]


PLATES = {
    "k1 -0.25": dict(k1=-0.25, k2=0.06),
    "k1 0.05": dict(k1=0.05, k2=0.0),
    "portrait": dict(size_px=(270, 480), k1=-0.12),
    "off centre": dict(size_px=(520, 290), crop_px=(0, 0, 40, 20)),
    "portrait off centre, k1 -0.2": dict(size_px=(290, 520), k1=-0.2, k2=0.03, crop_px=(20, 0, 0, 40)),
}


@pytest.mark.parametrize("name", PLATES)
def test_cg_lands_on_true_points_of_other_plates(tmp_path, pytestconfig, name):
    if not pytestconfig.getoption("--pixels"):
        pytest.skip("--pixels runs it")
    given = dict(PLATES[name])
    left, top, right, bottom = given.pop("crop_px", (0, 0, 0, 0))
    plate = make_plate("desk", frame_count=40, **given)
    if plate.size_px[1] > plate.size_px[0]:
        plate = replace(plate, focal_px=1.3 * plate.focal_px)  # not too wide a view upwards
    width, height = plate.size_px
    cut = ((number, image[top : height - bottom, left : width - right]) for number, image in frames(plate))
    write_movie(tmp_path / "mini.mp4", cut)
    project = make_project(tmp_path / "show")
    shutil.copy(tmp_path / "mini.mp4", project.root / "footage")
    refine = "  solve: {refine: [focal, principal_point, k1, k2]}\n" if any((left, top, right, bottom)) else ""
    project.write_shot("mini", MINI_YAML + refine)
    project.remove_other_shots("mini")
    assert_lands(missed_px(project, plate, (left, top)), plate)


def assert_lands(miss_px: np.ndarray, plate: Plate) -> None:
    median, p95 = np.median(miss_px), np.percentile(miss_px, 95)
    print(f"{plate.size_px}, k1 {plate.k1}: {len(miss_px)} marks, median {median:.3f} px, p95 {p95:.3f} px")
    assert len(miss_px) > 3 * plate.frame_count and median < MEDIAN_PX and p95 < P95_PX, (median, p95)


def missed_px(project_: Project, plate: Plate, corner_px: tuple[int, int], samples: int = 8) -> np.ndarray:
    """Build the shot with the CG alone, render markers at true points, measure: (marks,) px from the truth.

    corner_px: of the part of the synthetic plate that is the shot's plate.
    """
    project_.built("composite", "shot=mini", "composite.background_source=none")
    state = project_.root / ".gsd-state"
    solution = json.loads(newest(state / "tracking" / "solves", "*.json").read_text())
    points, positions_px, chosen = true_points(plate, corner_px, tuple(solution["image_size_px"]))
    others = np.setdiff1d(np.arange(len(points)), chosen)
    by_cameras = fit_to_cameras(solution, plate)
    best = fit_to_points(solution, by_cameras, points[others], positions_px[:, others])
    points, positions_px = points[chosen], positions_px[:, chosen]
    lean_px = np.linalg.norm(off_px(solution, by_cameras, points, positions_px), axis=1)
    print(f"by the cameras alone: median {np.median(lean_px):.3f} px, p95 {np.percentile(lean_px, 95):.3f} px")
    blend = newest(state / "composites", "*.blend")
    miss_px = rendered_miss_px(blend, carried(best, points), list(plate.frame_numbers), positions_px, samples)
    return miss_px[np.isfinite(positions_px).all(2)]


def newest(folder: Path, pattern: str) -> Path:
    found = [path for path in folder.glob(pattern) if not path.name.endswith(".stamp.json")]
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def fit_to_cameras(solution: dict, plate: Plate) -> Similarity:
    """What carries the true world into the solved one: the mean turn of the cameras (chordal), then the scale and
    shift that fit their centres best."""
    ours = np.array(solution["cam_from_world"]).reshape(-1, 3, 4)
    true = np.array([cam_from_world(plate, frame) for frame in solution["frames"]])
    u, _, vt = np.linalg.svd(np.einsum("nji,njk->ik", ours[:, :, :3], true[:, :, :3]))
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    centres, true_centres = (-np.einsum("nji,nj->ni", m[:, :, :3], m[:, :, 3]) for m in (ours, true))
    turned = true_centres @ rotation.T
    a, b = turned - turned.mean(0), centres - centres.mean(0)
    scale = float((a * b).sum() / (a**2).sum())
    return scale, rotation, centres.mean(0) - scale * turned.mean(0)


def true_points(plate: Plate, corner_px, size_px) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, 3) true points of the plate's surfaces; (frames, N, 2) plate px, NaN outside it; and the indices of MARKERS
    of them that are seen long and keep apart."""
    middle = plate.frame_numbers[plate.frame_count // 2]
    width, height = size_px
    grid = np.stack(np.meshgrid(np.linspace(20, width - 20, 12), np.linspace(20, height - 20, 9)), -1).reshape(-1, 2)
    grid = grid[np.argsort(-np.abs(grid / size_px - 0.5).max(1), kind="stable")]  # those near the border first
    points = world_points(plate, grid + corner_px, middle)
    positions_px = np.array([project(plate, points, frame) - corner_px for frame in plate.frame_numbers])
    positions_px, chosen = spread_tracks(positions_px, size_px, MARKERS, MARGIN_PX, APART_PX)
    assert len(chosen) == MARKERS
    return points, positions_px, chosen
