"""Lenses that no formula of ours fits: carried as a grid through solve, ST-maps and scene, and by the command line."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from helpers.measures.lens_models import on_film
from helpers.measures.measure import measure
from helpers.plates.simulated import simulate
from helpers.shows.lens_files import text_nk
from shotmake.config import schema
from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, compute_distort_jacobian, distort, measure_overscan_px, undistort
from shotmake.geometry.lens_fit import find_brown_conrady, fit_lens
from shotmake.solve.anamorphic import stretch_lens
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.stored_candidate import pack_candidate, unpack_candidate
from shotmake.solve.verdict import find_candidate
from shotmake.stmap.maps import make_redistort_map, make_undistort_map

SIZE_PX = (960, 540)
MODEL = on_film("anamorphic")


@pytest.fixture(scope="module")
def lens() -> Lens:
    return fit_lens(MODEL.sample(SIZE_PX), SIZE_PX, 1.0, 0.1)[0]


def test_jacobian_inverse_and_what_lies_beyond(lens):
    width = lens.grid.high - lens.grid.low
    plane = np.random.default_rng(1).uniform(lens.grid.low - 0.1 * width, lens.grid.high + 0.1 * width, (200, 2))
    inside = ((plane > lens.grid.low) & (plane < lens.grid.high)).all(1)
    step = 1e-6
    columns = [(distort(plane + move, lens) - distort(plane - move, lens)) / (2 * step) for move in np.eye(2) * step]
    expected = np.stack(columns, -1)
    assert np.abs(compute_distort_jacobian(plane, lens) - expected)[inside].max() < 1e-8
    assert np.abs(undistort(distort(plane, lens), lens) - plane).max() < 1e-9
    edge = np.array([[lens.grid.high[0], 0.01]])
    ray = [distort(edge + [[away, 0.0]], lens)[0] for away in (0.0, 0.1, 0.2)]
    np.testing.assert_allclose(ray[2] - ray[1], ray[1] - ray[0], atol=1e-12)
    assert np.isnan(distort(np.array([[np.nan, 0.0]]), lens)).all()


def test_another_focal_length_and_other_pixels_keep_the_displacements(lens):
    xy_px = np.random.default_rng(2).uniform((0, 0), SIZE_PX, (50, 2))
    straight = lens.px_from_normalised(undistort(lens.normalised_from_px(xy_px), lens))
    longer = lens.with_focal_px(1.3 * lens.fx_px)
    again = longer.px_from_normalised(undistort(longer.normalised_from_px(xy_px), longer))
    np.testing.assert_allclose(again, straight, atol=1e-9)
    narrow = stretch_lens(lens, 0.5)
    half = narrow.px_from_normalised(undistort(narrow.normalised_from_px(xy_px * (0.5, 1)), narrow))
    np.testing.assert_allclose(half, straight * (0.5, 1), atol=1e-9)


def test_other_readers_do_not_mistake_it(lens):
    block = json.loads(json.dumps(lens.to_json()))
    assert block["model"] == "spline_grid" and "k1" not in block
    assert len(json.dumps(block)) < 50_000
    np.testing.assert_array_equal(Lens.from_json(block).grid.bend, lens.grid.bend)
    for damaged in ({"bend": [[1, 2]]}, {"low": [9, 9]}, {"bend": None}, {"high": "x"}):
        with pytest.raises(ShotError, match="its grid"):
            Lens.from_json({**block, "grid": {**block["grid"], **damaged}})


def test_st_maps_of_the_grid_are_the_model_s(lens):
    overscan = measure_overscan_px(lens, SIZE_PX)
    grown = SIZE_PX[0] + 2 * overscan[0], SIZE_PX[1] + 2 * overscan[1]
    plate = make_redistort_map(lens, SIZE_PX, overscan).astype(float)
    ideal = make_undistort_map(lens, SIZE_PX, overscan).astype(float)
    random = np.random.default_rng(3)
    columns, rows = random.integers(0, SIZE_PX[0], 200), random.integers(0, SIZE_PX[1], 200)
    found = plate[rows, columns, :2] * (1, -1) * grown + (0, grown[1]) - overscan
    centre = MODEL.undistort(np.stack([columns, rows], 1) + 0.5, SIZE_PX)
    assert np.abs(found - centre).max() < 0.002
    columns, rows = random.integers(0, grown[0], 200), random.integers(0, grown[1], 200)
    back = ideal[rows, columns, :2] * (1, -1) * SIZE_PX + (0, SIZE_PX[1])
    expected = MODEL.distort(np.stack([columns, rows], 1) + 0.5 - overscan, SIZE_PX)
    inside = ((expected >= 0) & (expected <= SIZE_PX)).all(1)
    assert np.abs(back - expected)[inside].max() < 0.002 and inside.sum() > 100


def test_a_shot_is_solved_with_it(lens):
    shot = simulate("orbit", seed=1, frame_count=30, visible=100, lens=lens)
    asked = (shot.tracks, shot.size_px, shot.frames)
    candidate = find_candidate(SolveInputs(*asked, schema.Camera(), schema.Solve(), lens=lens))
    stored = unpack_candidate(pack_candidate(candidate))
    np.testing.assert_array_equal(stored.lens.grid.bend, lens.grid.bend)
    record = finish(stored, *asked, schema.Solve()).record
    quality = measure(record, shot.truth)
    assert quality["status"] == "solved" and quality["ate_pct"] < 0.04 and quality["rot_deg"] < 0.05
    assert np.abs(Lens.from_json(record["lens"]).grid.bend - lens.grid.bend).max() < 1e-9
    assert record["holdout_rms_px"] < 0.5
    with pytest.raises(ShotError, match="refine: found k1 with an imported lens that has .*no formula fits"):
        find_candidate(SolveInputs(*asked, schema.Camera(), schema.Solve(refine=["k1"]), lens=lens))


def test_blender_is_told_the_nearest_lens_it_knows(lens):
    from shotmake.scene.numbers_for_blender import make_scene_sheet

    made = asdict(Config())
    solution = {"shot": "s", "status": "solved", "reason": "", "image_size_px": list(SIZE_PX), "lens": lens.to_json(),
                "frames": [1, 2], "focal_px_per_frame": None, "scale_known": False,
                "cam_from_world": [np.eye(3, 4).ravel().tolist()] * 2}  # fmt: skip
    plate = {"frame_rate": [24, 1], "color_space": "sRGB", "files": ["x.mov"], "kind": "movie", "first_frame": 1,
             "frame_count": 2}  # fmt: skip
    sheet = make_scene_sheet(solution, plate, {**made["shot"], "frames": [1, 2]}, made["composite"])
    nearest = find_brown_conrady(lens, SIZE_PX)
    assert sheet["lens"] == nearest.to_json() and nearest.k1 != 0
    assert (nearest.grid, nearest.fx_px, nearest.cx_px, nearest.cy_px) == (None, lens.fx_px, lens.cx_px, lens.cy_px)
    grown = [side + 2 * extra for side, extra in zip(SIZE_PX, measure_overscan_px(lens, SIZE_PX), strict=True)]
    assert sheet["overscan"]["resolution_px"] == grown


def test_a_lens_file_of_3de_by_the_command_line(project):
    from helpers.plates.synthetic import write_movie

    write_movie(project.root / "footage" / "s.mp4", ((n, np.full((90, 160, 3), 90, np.uint8)) for n in (1, 2, 3)))
    project.remove_other_shots("none")
    project.write_shot("s", "# @package _global_\nshot: {name: s, footage: {file: footage/s.mp4},\n"
                            "  camera: {lens_from: lens.nk}}\n")  # fmt: skip
    (project.root / "lens.nk").write_text(text_nk(MODEL))
    ran = project.built("lens", "shot=s")
    assert "lens.nk: as Brown-Conrady it would be off by" in ran.out and "kept as a grid, within" in ran.out
    (made,) = (project.root / ".gsd-state" / "lenses").glob("s-????????????.json")
    record = json.loads(made.read_text())
    assert record["lens"]["model"] == "spline_grid" and record["image_size_px"] == [160, 90]
    ran = project.built("lens", "shot=s", "shot.camera.lens_max_fit_px=9")
    assert ran.executed == ["lens:s"] and "as Brown-Conrady it is off by" in ran.out
    (project.root / "lens.nk").write_text(text_nk(MODEL, tde4_focal_length_cm="{{curve x1 3.2 x2 4}}"))
    ran = project.run("lens", "shot=s")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "Traceback" not in ran.err
    assert ran.fault_lines[0].startswith("lens:s: lens.nk:4: found values from 3.2 to 4, needed a lens that stays")
