"""Imported cameras: kept to the last digit while others join them, or refined; and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.accurate import KEYS
from helpers.measures.measure import measure, poses
from helpers.plates.simulated import Simulated, half_noisy, simulate
from helpers.plates.synthetic import write_movie
from helpers.shows.project import open_in_process
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.footage.plate import probe
from shotmake.formats.cameras.solve_json import read_cameras
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens, distort, undistort
from shotmake.solve.bundle.adjust import adjust, compute_residuals_px
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.bundle.to_and_from_bundle import bundle_of
from shotmake.solve.imported.extend import extend_imported
from shotmake.solve.imported.use_camera_as_it_is import make_imported_solution
from shotmake.solve.problem import SolveInputs
from shotmake.solve.verdict import solve
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.stages.solve.stage import SOLVE
from shotmake.tracks.markers import Tracks, save_tracks

KNOWN = {"head": (1001, 1080), "tail": (1041, 1120), "middle": (1021, 1100)}


@pytest.fixture(scope="module")
def orbit() -> Simulated:
    return simulate("orbit", seed=3, frame_count=120, visible=120, first_frame=1001)


def written(path: Path, shot: Simulated, span: tuple[int, int], **changes) -> Path:
    """The true camera of some frames as a solve JSON, as another program would write it: all its digits."""
    rows = [at for at, frame in enumerate(shot.truth["frames"]) if span[0] <= frame <= span[1]]
    record = {name: shot.truth[name] for name in ("schema", "image_size_px", "lens")}
    record |= {name: [shot.truth[name][at] for at in rows] for name in ("frames", "cam_from_world")}
    path.write_text(json.dumps(record | {"status": "solved", "kind": "general", "scale_known": True} | changes))
    return path


def joined(path: Path, shot: Simulated, tracks: Tracks | None = None, weights: dict | None = None, **known) -> dict:
    imported = read_cameras(path, shot.size_px, shot.frames)
    settings = schema.Solve(known=schema.Imported(**known))
    asked = SolveInputs(tracks or shot.tracks, shot.size_px, shot.frames, schema.Camera(), settings, weights=weights)
    return extend_imported(asked, imported).record


def same_numbers(path: Path, record: dict) -> bool:
    own, found = json.loads(path.read_text()), dict(zip(record["frames"], record["cam_from_world"], strict=True))
    return record["lens"] == own["lens"] and all(
        found[frame] == matrix for frame, matrix in zip(own["frames"], own["cam_from_world"], strict=True)
    )


@pytest.mark.parametrize("place", KNOWN)
def test_new_frames_join_without_disturbing_the_known(tmp_path, orbit, place):
    path = written(tmp_path / "approved.json", orbit, KNOWN[place])
    record = joined(path, orbit)
    assert same_numbers(path, record) and record["frames"] == orbit.truth["frames"]
    found = measure(record, orbit.truth)
    assert found["ate_pct"] < 0.03 and found["rot_deg"] < 0.02
    new = [frame for frame in record["frames"] if not KNOWN[place][0] <= frame <= KNOWN[place][1]]
    ours, true = (find_camera_centres(np.array([poses(one)[frame] for frame in new])) for one in (record, orbit.truth))
    assert np.linalg.norm(ours - true, axis=1).max() < 0.003  # metres, in the file's own world, at 1.2 m
    assert record["warnings"] == [] and record["confidence"] > 0.8 and record["scale_known"]


def test_gaps_are_filled_and_frames_outside_the_shot_ignored(tmp_path, orbit):
    path = written(tmp_path / "sparse.json", orbit, (1001, 1120))
    own = json.loads(path.read_text())
    kept = [at for at, frame in enumerate(own["frames"]) if frame % 10 == 1 or frame > 1100]
    some = {name: [own[name][at] for at in kept] for name in ("frames", "cam_from_world")}
    path.write_text(json.dumps(own | some))
    imported = read_cameras(path, orbit.size_px, (1001, 1060))
    record = extend_imported(
        SolveInputs(orbit.tracks, orbit.size_px, (1001, 1060), schema.Camera(), schema.Solve()), imported
    ).record
    assert record["frames"] == list(range(1001, 1061))
    assert measure(record, orbit.truth)["ate_pct"] < 0.03
    found = dict(zip(record["frames"], record["cam_from_world"], strict=True))
    assert all(found[frame] == row for frame, row in zip(own["frames"], own["cam_from_world"], strict=True)
               if frame % 10 == 1 and frame <= 1060)  # fmt: skip


def test_a_solve_of_ours_is_extended_with_what_it_said_of_itself(tmp_path):
    shot = simulate("orbit", seed=1, frame_count=40, visible=90, first_frame=1001)
    first = solve(SolveInputs(shot.tracks, shot.size_px, (1001, 1030), schema.Camera(), schema.Solve())).record
    path = tmp_path / "approved.json"
    path.write_text(json.dumps(first | {"warnings": ["no ground plane found"], "confidence": 0.5}))
    record = joined(path, shot)
    assert same_numbers(path, record) and measure(record, shot.truth)["ate_pct"] < 0.06
    assert record["warnings"] == ["approved.json: no ground plane found"] and record["confidence"] <= 0.5
    assert record["warning_codes"] == ["imported_doubt"]  # the sentence came without one
    path.write_text(json.dumps(first | {"warnings": ["it zooms"], "warning_codes": ["zoom"], "confidence": 0.5}))
    record = joined(path, shot)
    assert (record["warnings"], record["warning_codes"]) == (["approved.json: it zooms"], ["zoom"])
    assert json.dumps(record) == json.dumps(joined(path, shot))


def test_imported_cameras_of_which_too_much_is_in_doubt_are_refused_with_neither_camera_nor_lens(tmp_path, orbit):
    doubts = {"warnings": ["it zooms", "it bends"], "warning_codes": ["zoom", "picture_bends"], "confidence": 0.2}
    record = joined(written(tmp_path / "doubted.json", orbit, (1001, 1080), engine="auto", **doubts), orbit)
    assert (record["status"], record["reason_code"]) == ("refused", "zoom")
    assert record["reason"].startswith("too much is in doubt at once (confidence 0.")
    assert record["lens"] is None and not record["cam_from_world"]


def test_any_brown_conrady_lens_is_kept(tmp_path):
    shot = simulate("orbit", seed=4, frame_count=48, visible=110)
    bent = Lens(1010.0, 1005.0, 470.0, 275.0, -0.12, 0.05, 0.002, -0.001, -0.02)
    size_px, true = shot.size_px, Lens.from_json(shot.truth["lens"])
    plane = undistort(true.normalised_from_px(shot.tracks.xy_px), true)
    tracks = replace(shot.tracks, xy_px=bent.px_from_normalised(distort(plane, bent)).astype(np.float32))
    path = written(tmp_path / "bent.json", shot, (1, 30), lens=bent.to_json())
    record = joined(path, shot, tracks)
    assert same_numbers(path, record) and measure(record, shot.truth)["ate_pct"] < 0.06
    refined = joined(path, shot, tracks, fixed=False)
    assert refined["lens"] == pytest.approx(bent.to_json()) and "aspect" in refined["warnings"][0]
    assert tuple(refined["image_size_px"]) == size_px and measure(refined, shot.truth)["ate_pct"] < 0.06


@pytest.mark.parametrize("span", [(1001, 1028), (1013, 1040)])
def test_a_tripod_is_extended_by_its_rotations(tmp_path, span):
    shot = simulate("pan", seed=2, frame_count=40, visible=110, first_frame=1001)
    path = written(tmp_path / "pan.json", shot, span, status="tripod", kind="tripod")
    record = joined(path, shot)
    assert record["status"] == record["kind"] == "tripod" and same_numbers(path, record)
    assert measure(record, shot.truth)["rot_deg"] < 0.02 and record["warnings"] == []
    centres = find_camera_centres(np.array(record["cam_from_world"]).reshape(-1, 3, 4))
    assert np.abs(centres - [0.0, -1.0, 0.7]).max() < 1e-6  # where the file has it
    refined = joined(path, shot, fixed=False)
    assert measure(refined, shot.truth)["rot_deg"] < 0.08
    turns = [np.array(one["cam_from_world"]).reshape(-1, 3, 4)[:, :, :3] for one in (record, refined)]
    off = Rotation.from_matrix(turns[0] @ np.swapaxes(turns[1], 1, 2)).magnitude()
    assert np.degrees(off).max() < 0.3  # still in the world of the file


def test_a_static_camera_is_extended_while_the_picture_stands_still(tmp_path):
    shot = simulate("static", frame_count=30, visible=100)
    path = written(tmp_path / "static.json", shot, (1, 20), status="static", kind="static")
    record = joined(path, shot)
    assert record["status"] == "static" and record["cam_from_world"] == shot.truth["cam_from_world"]
    assert same_numbers(path, record) and len(record["frames"]) == 30
    pan = simulate("pan", seed=2, frame_count=30, visible=100)
    refused = joined(path, pan)
    assert refused["status"] == "refused" and "stands still" in refused["reason"]


def test_cameras_that_no_track_can_be_compared_with_are_not_said_to_disagree(tmp_path, orbit):
    """Of no track at all 0% were said to fit."""
    record = joined(written(tmp_path / "one.json", orbit, (1001, 1001)), orbit)
    assert (record["status"], record["reason_code"]) == ("refused", "too_few_tracks")
    assert "no track is seen often enough by the cameras of one.json" in record["reason"]
    still = simulate("static", frame_count=60, visible=100)
    ids = still.tracks.track_id * 1000 + still.tracks.frame // 6  # tracks of 6 frames
    short = Tracks.from_markers(ids, still.tracks.frame, still.tracks.xy_px, still.tracks.quality, still.tracks.status)
    path = written(tmp_path / "static.json", still, (1, 20), status="static", kind="static")
    record = joined(path, still, short)
    assert (record["status"], record["reason_code"]) == ("refused", "too_few_tracks")
    assert "no track is long enough to show" in record["reason"] and "0%" not in record["reason"].split(";")[0]


def test_not_fixed_the_cameras_are_a_start_and_the_world_is_theirs(tmp_path):
    """A rough camera, 3 cm and a degree off, focal 5 % off and no distortion: right afterwards, in its old world."""
    shot = simulate("orbit", seed=3, frame_count=60, visible=110, first_frame=1001)
    time = np.linspace(0, 1, 60)
    turn = Rotation.from_rotvec(np.radians(1) * np.stack([np.sin(6 * time), np.cos(9 * time), np.sin(4 * time)], 1))
    rough = turn.as_matrix() @ np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    rough[:, :, 3] += 0.03 * np.stack([np.cos(5 * time), np.sin(7 * time), np.sin(3 * time)], 1)
    lens = Lens(1050.0, 1050.0, 480.0, 270.0)
    everything = replace(shot, truth={**shot.truth, "cam_from_world": rough.reshape(-1, 12).tolist()})
    path = written(tmp_path / "rough.json", everything, (1011, 1050), lens=lens.to_json())
    refused = joined(path, shot)
    assert refused["status"] == "refused" and "shot.camera.import_file" in refused["reason"]
    record = joined(path, shot, fixed=False)
    found = measure(record, shot.truth)
    assert found["frames_pct"] == 100 and found["ate_pct"] < 0.06 and found["rot_deg"] < 0.04
    assert abs(found["focal_pct"]) < 1 and found["lens_px"] < 1
    rows = slice(10, 50)
    ours, theirs = find_camera_centres(np.array(record["cam_from_world"]).reshape(-1, 3, 4)), find_camera_centres(rough)
    assert np.abs(ours[rows].mean(0) - theirs[rows].mean(0)).max() < 1e-6
    assert np.linalg.norm(ours[rows] - theirs[rows], axis=1).max() < 0.15


def test_wrong_extensions_are_refused(tmp_path, orbit):
    path = written(tmp_path / "approved.json", orbit, (1001, 1080))
    late, ids = orbit.tracks.frame > 1080, np.unique(orbit.tracks.track_id)
    mixed = np.random.default_rng(0).permutation(ids)[np.searchsorted(ids, orbit.tracks.track_id)]
    shuffled = replace(orbit.tracks, track_id=np.where(late, mixed, orbit.tracks.track_id).astype(np.int32))
    assert "posed from approved.json" in joined(path, orbit, shuffled)["reason"]
    other = simulate("orbit", seed=53, frame_count=120, visible=120, first_frame=1001)
    assert "fit only" in joined(written(path, other, (1001, 1080)), orbit)["reason"]


def test_new_frames_that_disagree_with_the_known_are_refused(tmp_path, orbit):
    """The imported frames before 1061 in another world than those after: each half agrees with itself."""
    cameras = np.array(orbit.truth["cam_from_world"]).reshape(-1, 3, 4)
    cameras[60:, :, 3] += np.array([0.15, 0.0, 0.0])
    torn = replace(orbit, truth={**orbit.truth, "cam_from_world": cameras.reshape(-1, 12).tolist()})
    record = joined(written(tmp_path / "torn.json", torn, (1031, 1090)), orbit)
    assert record["status"] == "refused" and "torn.json" in record["reason"]


def test_faults_of_the_file_are_one_line_each(tmp_path, orbit):
    path = written(tmp_path / "cam.json", orbit, (1001, 1080))
    with pytest.raises(ShotError, match="no pose for the frames 1 to 100"):
        read_cameras(path, orbit.size_px, (1, 100))
    with pytest.raises(ShotError, match="made for 960x540; the plate is 1920x1080"):
        read_cameras(path, (1920, 1080), orbit.frames)
    with pytest.raises(ShotError, match=r"tracking.solve.known.frames: found \[1090, 1100\]; cam.json has poses"):
        joined(path, orbit, frames=[1090, 1100])
    zoom = written(path, orbit, (1001, 1080), focal_px_per_frame=[1000.0 + at for at in range(80)])
    with pytest.raises(ShotError, match="zoom"):
        joined(zoom, orbit)
    as_it_is = make_imported_solution(read_cameras(zoom, orbit.size_px, (1003, 1200)), orbit.size_px).record
    assert set(as_it_is) == KEYS and as_it_is["links"] == as_it_is["witness"] == []
    assert as_it_is["focal_px_per_frame"][0] == 1002 and len(as_it_is["focal_px_per_frame"]) == 78
    folded = written(path, orbit, (1001, 1080), lens={**orbit.truth["lens"], "k1": -3.0, "k2": 0.0})
    with pytest.raises(ShotError, match="folds over"):
        read_cameras(folded, orbit.size_px, orbit.frames)


@pytest.mark.parametrize("known", ["all but the last 40", "all but one", "all"])
def test_a_fixed_frame_of_an_adjustment_does_not_move(known):
    shot = simulate("orbit", seed=2, frame_count=50, visible=60, bad_share=0.0)
    markers, lens = Observations.from_tracks(shot.tracks, shot.frames), Lens.from_json(shot.truth["lens"])
    cameras = np.array(shot.truth["cam_from_world"]).reshape(-1, 3, 4)
    fixed = np.arange(50) < {"all but the last 40": 10, "all but one": 49, "all": 50}[known]
    random = np.random.default_rng(0)
    moved = Rotation.from_rotvec(random.normal(0, 0.003, (50, 3))).as_matrix() @ cameras
    moved[:, :, 3] += random.normal(0, 0.005, (50, 3))
    bundle, middle, size = bundle_of(np.where(fixed[:, None, None], cameras, moved), markers, lens, np.zeros(50))
    done = adjust(bundle, markers, (), 20, fixed=fixed)
    assert np.array_equal(done.rotations[fixed], bundle.rotations[fixed])
    assert np.array_equal(done.translations[fixed], bundle.translations[fixed])
    assert np.array_equal(done.lens, bundle.lens)
    assert np.median(np.abs(compute_residuals_px(done, markers))) < 0.15
    true, _, _ = bundle_of(cameras, markers, lens, np.zeros(50))
    ours = find_camera_centres(np.concatenate([done.rotations, done.translations[:, :, None]], 2)) * size + middle
    assert np.abs(ours - find_camera_centres(cameras)).max() < 0.01
    assert not fixed.all() or not np.array_equal(done.inverse_depths, true.inverse_depths)  # points move all the same


def test_cameras_that_no_marker_holds_are_refused_when_refined(tmp_path):
    shot = simulate("orbit", seed=6, frame_count=30, visible=60)
    path = written(tmp_path / "cam.json", shot, (1, 20))
    imported = read_cameras(path, shot.size_px, shot.frames)
    tight = schema.Solve(clean=schema.SolveClean(max_error_px=0.1), known=schema.Imported(fixed=False))
    record = extend_imported(
        SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), tight), imported
    ).record
    assert record["status"] == "refused" and "cam.json" in record["reason"]


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(("kind", "status"), [("orbit", {}), ("pan", {"status": "tripod", "kind": "tripod"})])
def test_the_artists_weights_count_where_a_camera_is_known(tmp_path, kind, status, fixed):
    shot, clean = half_noisy(kind)
    path = written(tmp_path / "cam.json", shot, (1001, 1020), **status)
    plain = measure(joined(path, shot, fixed=fixed), shot.truth)
    weighted = measure(joined(path, shot, weights=dict.fromkeys(clean, 50.0), fixed=fixed), shot.truth)
    astray = measure(joined(path, shot, weights=dict.fromkeys(clean, 0.02), fixed=fixed), shot.truth)
    assert weighted["rot_deg"] < 0.7 * plain["rot_deg"] and astray["rot_deg"] > 1.2 * plain["rot_deg"]


def test_the_stage_hands_the_weights_to_a_solve_with_a_known_camera(tmp_path, monkeypatch):
    shot, clean = half_noisy("orbit")
    open_in_process(monkeypatch, tmp_path)
    grey = np.full((shot.size_px[1], shot.size_px[0], 3), 120, np.uint8)  # no second witness finds anything in it
    write_movie(tmp_path / "plate.mkv", enumerate([grey] * 40), codec="ffv1")
    written(tmp_path / "cam.json", shot, (1001, 1020))
    config = schema.Config()
    config.shot.footage.file, config.shot.footage.first_frame = "plate.mkv", 1001
    config.shot.camera.import_file = "cam.json"
    (tmp_path / "footage.json").write_bytes(to_json_bytes(probe("plate.mkv", tmp_path, 1001).to_json()))
    turns = []
    for weights in ({}, dict.fromkeys(clean, 50.0)):
        (tmp_path / "tracks.npz").write_bytes(save_tracks(shot.tracks, weights))
        inputs = {"footage": tmp_path / "footage.json", "tracks": tmp_path / "tracks.npz", **SOLVE.files(config)}
        targets = {name: tmp_path / f"made.{name}" for name in SOLVE.targets}
        digests = {name: digest(path) for name, path in inputs.items()}
        SOLVE.build(Job("known", SOLVE.settings(config), inputs, digests, targets))
        turns.append(measure(json.loads(targets["solve"].read_text()), shot.truth)["rot_deg"])
    assert turns[1] < 0.7 * turns[0]
