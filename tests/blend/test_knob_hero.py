"""The shot we ship, built as the README says, against the truth it was rendered with."""

import json

import numpy as np
import pytest

from helpers.measures.knob_markers import P95_PX, missed_px
from helpers.measures.measure import measure
from helpers.shows.in_blender import blender, rendered_slip_px
from helpers.shows.project import DATA, REPOSITORY, Project, Ran, make_project
from shotmake.geometry.lens import Lens

TRUTH = json.loads((DATA / "knob_hero.truth.json").read_text())
DELIVERED = {
    "knob_hero.blend", "preview.mp4", "camera.chan", "stmap_undistort.exr", "stmap_redistort.exr", "solve.json",
    "report.html",
    "report.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> tuple[Project, Ran]:
    import shutil

    project = make_project(tmp_path_factory.mktemp("knob_hero") / "show")
    shutil.copy(REPOSITORY / "footage" / "knob_hero.mp4", project.root / "footage")
    return project, project.built("shot=knob_hero")


@pytest.fixture(scope="module")
def folder(shot):
    return shot[0].root / "build" / "knob_hero"


def test_everything_is_delivered_and_verified(shot, folder):
    project, _ = shot
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == DELIVERED
    assert project.built("shot=knob_hero").executed == []
    assert project.built("verify", "shot=knob_hero").fault_lines == []


def test_the_camera_and_lens_are_right(folder):
    found = measure(json.loads((folder / "solve.json").read_text()), TRUTH)
    assert found["frames_pct"] == 100
    assert found["ate_pct"] <= 0.15, found
    assert found["rot_deg"] <= 0.06, found
    assert abs(found["focal_pct"]) <= 2, found
    assert found["lens_px"] <= 2, found


def test_the_desk_is_the_ground(folder):
    """The mat's plane of the true world, carried into ours, lies level at z = 0."""
    solution = json.loads((folder / "solve.json").read_text())
    ours, truly = (np.array(one["cam_from_world"]).reshape(-1, 3, 4) for one in (solution, TRUTH))
    centres, true_centres = (-np.einsum("nji,nj->ni", m[:, :, :3], m[:, :, 3]) for m in (ours, truly))
    rotation = _orthonormal(np.einsum("nji,njk->ik", ours[:, :, :3], truly[:, :, :3]))  # true from ours -> transpose
    assert np.degrees(np.arccos(np.clip(rotation[2, 2], -1, 1))) < 0.5
    scale = np.ptp(centres, axis=0).max() / np.ptp(true_centres @ rotation.T, axis=0).max()
    height = centres[:, 2].mean() / scale
    assert abs(height - (true_centres[:, 2].mean() - TRUTH["ground_z_m"])) < 0.01  # metres


def test_cg_does_not_slip(shot, folder):
    """Through the whole chain on the real solve: 8 points a frame, at the start and the end."""
    project, _ = shot
    project.built("composite", "shot=knob_hero", "composite.background_source=none")
    blend = max((project.root / ".gsd-state" / "composites").glob("*.blend"), key=lambda path: path.stat().st_mtime_ns)
    solution = json.loads((folder / "solve.json").read_text())
    (points,) = (project.root / ".gsd-state" / "tracking" / "solves").glob("*.points.npz")
    cameras = dict(zip(solution["frames"], np.array(solution["cam_from_world"]).reshape(-1, 3, 4), strict=True))
    lens, size_px = Lens.from_json(solution["lens"]), tuple(solution["image_size_px"])
    slip = rendered_slip_px(blend, cameras, lens, size_px, np.load(points)["point_xyz"], [1, 96])
    assert np.median(slip) < 0.1 and slip.max() < 0.3, slip


def test_cg_lands_on_true_places_near_in_the_middle_and_far(shot):
    """In the .blend that is published without the plate, before and behind the middle of the shot."""
    project, _ = shot
    project.built("shot=knob_hero", "composite.background_source=none")
    folder = project.root / "build" / "knob_hero@composite.background_source=none"
    record = json.loads((folder / "solve.json").read_text())
    miss_px = missed_px(folder / "knob_hero.blend", record, [1, 40, 57, 96])
    for half in (miss_px[:2], miss_px[2:]):
        marks = half[~np.isnan(half)]
        assert len(marks) >= 18 and np.percentile(marks, 95, method="higher") <= P95_PX, half


def test_the_published_blend_holds_what_an_artist_expects(folder):
    """Opened where it lies for the artist: every path resolves, every number is the plate's or the solve's."""
    solution = json.loads((folder / "solve.json").read_text())
    dump_path = folder.parent / "dump.json"
    blender("dump_blend.py", "--blend", folder / "knob_hero.blend", "--out", dump_path)
    dump = json.loads(dump_path.read_text())
    scene, clip = dump["scenes"]["knob_hero"], dump["clips"]["knob_hero"]
    assert (scene["frame_range"], scene["frame_rate"], scene["resolution_px"]) == ([1, 96], [24, 1.0], [960, 540])
    assert clip["file"] == "//../../footage/knob_hero.mp4"
    assert (clip["size_px"], clip["frame_duration"]) == ([960, 540], 96)
    assert dump["images"]["redistort_stmap"]["size_px"] == [960, 540]
    camera = dump["cameras"]["solved_camera"]
    assert set(camera["keys"].values()) == {96} and camera["sensor_fit"] == "HORIZONTAL"
    assert camera["frames"][0]["focal_mm"] == pytest.approx(solution["lens"]["fx_px"] / 960 * 36, abs=1e-3)
    quality = json.loads((folder / "report.json").read_text())["tracks"]
    assert len(clip["tracks"]) == quality["tracks"]
    assert dump["collections"]["solve"]["solved_points"]["vertices"] > 300
    assert "knob_cap" in dump["collections"]["subject"] and dump["collections"]["ground"]["ground"]["shadow_catcher"]


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(matrix)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
