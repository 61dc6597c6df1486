"""The scene stage's stabilization, corner pin and empties, from a session, a solve and objects on disk."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from helpers.shows.blend_shot import FRAMES, LENS, SIZE, look_at
from helpers.shows.project import REPOSITORY, open_in_process
from shotmake.config.schema import Config, CornerPin, Stabilization
from shotmake.errors import ShotError
from shotmake.files.npz_file import pack_npz
from shotmake.geometry.camera import project
from shotmake.geometry.lens import distort
from shotmake.objects.tracklet_file import COASTED, DETECTED, Tracklet
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.stages.scene import comp_tracks, stage
from shotmake.tracks.markers import Tracks, save_tracks

pytestmark = pytest.mark.fast

OVERSCAN_PX = (20, 12)
CARD = "docs/knob_hero.jpg"  # a picture that is there, named from the show
POSES = np.stack([look_at(angle) for angle in (0.30, 0.34, 0.38)])
POINTS = np.array([(-0.5, 0.4, 0), (0.5, 0.4, 0), (0.5, -0.5, 0), (-0.4, -0.5, 0.1), (0, 0, 0.4)])
SHEET = {
    "resolution_px": list(SIZE),
    "overscan": {"resolution_px": [SIZE[0] + 2 * OVERSCAN_PX[0], SIZE[1] + 2 * OVERSCAN_PX[1]]},
    "frame_start": FRAMES[0],
    "frame_end": FRAMES[-1],
    "plate": {"first_frame": 1001},
}


def blocks(folder: Path, composite, markers: list[np.ndarray], absent: tuple[int, int] = (-1, -1), lens=LENS):
    """Of tracks 0.. at markers (T, 2) in each frame, but for (track, frame)."""
    ids, count = np.arange(len(markers[0])), len(markers[0])
    tracks = Tracks.from_markers(np.tile(ids, 3), np.repeat(FRAMES, count), np.concatenate(markers))
    tracks = tracks.select((tracks.track_id != absent[0]) | (tracks.frame != absent[1]))
    files = {name: folder / name for name in ("tracks", "quality", "points")}
    files["tracks"].write_bytes(save_tracks(tracks))
    files["quality"].write_text(json.dumps({"per_track": {"0": {"name": "sign"}, "1": {"groups": ["roof"]}}}))
    files["points"].write_bytes(pack_npz({"track_id": np.arange(len(POINTS)), "point_xyz": POINTS}))
    solution = {
        "status": "solved",
        "lens": lens.to_json(),
        "focal_px_per_frame": None,
        "frames": list(FRAMES),
        "cam_from_world": POSES.reshape(3, 12).tolist(),
    }
    job = Job("shot", {"composite": asdict(composite)}, {**files, "pinned 0": REPOSITORY / CARD}, {}, {})
    return comp_tracks.make_blocks(job, solution, SHEET)


def test_a_fault_of_the_pinned_picture_names_its_key_and_no_cure_that_it_does_not_have(tmp_path, monkeypatch):
    open_in_process(monkeypatch, tmp_path)
    for number in (1, 2, 3, 7, 8):
        (tmp_path / f"sign.{number:04d}.png").touch()
    config = Config()
    config.composite.corner_pin = CornerPin(image="sign.####.png")
    with pytest.raises(ShotError) as caught:
        comp_tracks.list_pinned_files(config)
    missing = "sign.####.png: 3 frames are missing: 4-6; restore what is missing, or give a range in"
    assert caught.value.faults == (f"{missing} composite.corner_pin.image, like [1-3]",)


def test_an_undistorted_picture_is_held_still_in_its_own_pixels(tmp_path):
    """The camera slides the undistorted picture: in that one it is a plain shift, on the bent plate it is not."""
    random = np.random.default_rng(0)
    places, shifts_px = random.uniform((60, 40), (580, 320), (40, 2)), np.array([(0, 0), (30, -10), (-25, 18)])
    markers = [LENS.px_from_normalised(distort(LENS.normalised_from_px(places + shift), LENS)) for shift in shifts_px]
    composite = Config().composite
    composite.stabilization = Stabilization(enabled=True, put_back=True)
    for composite.lens_distortion.apply_to_cg in (False, True):
        found, line = blocks(tmp_path, composite, markers)
        still = found["stabilization"]
        off_px = np.abs(still["translate_px"] - shifts_px * (-1, 1)).max()
        assert (off_px < 1e-3) is not composite.lens_distortion.apply_to_cg, off_px
        assert line == ", stabilized" and still["put_back"] and found["corner_pin"] is None
    with pytest.raises(ShotError, match="composite.stabilization.enabled: found a focal length of 540.0 by 600.0 px"):
        blocks(tmp_path, composite, markers, lens=replace(LENS, fy_px=600.0))


def test_corners_come_from_tracks_or_the_solve_and_the_line_says_so(tmp_path):
    markers = [project(POINTS, pose, LENS)[0] for pose in POSES]
    composite = Config().composite
    picks = ["sign", {"track": 1}, {"frame": FRAMES[0], "xy_px": markers[0][2].tolist()}, {"track": 3}]
    composite.corner_pin = CornerPin(image=CARD, tracks=picks)
    by_tracks, line = blocks(tmp_path, composite, markers)
    assert line == ", pinned" and by_tracks["stabilization"] is None
    held, line = blocks(tmp_path, composite, markers, absent=(1, FRAMES[2]))
    assert line == ", pinned (by solved points in 1 frame)"
    composite.corner_pin = CornerPin(image=CARD, corners_xyz=POINTS[:4].tolist())
    by_places, _ = blocks(tmp_path, composite, markers)
    for other in (held, by_places):
        np.testing.assert_allclose(by_tracks["corner_pin"]["corners"], other["corner_pin"]["corners"], atol=1e-6)
    image = {"file": CARD, "kind": "file", "first_frame": 1001, "frame_count": None}
    assert by_tracks["corner_pin"]["image"] == image


OBJECTS = [
    Tracklet("main", 3, np.array(FRAMES[:2]), np.array([(200.0, 90, 60, 120), (230, 84, 63, 126)]), (DETECTED,) * 2),
    Tracklet("main", 8, np.array(FRAMES), np.full((3, 4), 50.0), (DETECTED, COASTED, DETECTED), "car"),
]


def objects_job(folder: Path, composite) -> tuple[Job, dict]:
    """The scene stage's, and a solution that zooms."""
    (folder / "objects.json").write_text(json.dumps({"tracklets": [one.to_json() for one in OBJECTS]}))
    solution = {"lens": LENS.to_json(), "focal_px_per_frame": [540.0, 540.0, 594.0], "frames": list(FRAMES)}
    solution["cam_from_world"], solution["status"] = POSES.reshape(3, 12).tolist(), "solved"
    inputs = {"objects": folder / "objects.json", "pinned 0": REPOSITORY / CARD}
    return Job("shot", {"composite": asdict(composite)}, inputs, {}, {"empties": folder / "empties.json"}), solution


def test_an_object_is_held_still_and_pinned_to_without_any_tracks(tmp_path):
    composite = Config().composite
    composite.stabilization = Stabilization(enabled=True, tracklet=3, frame=FRAMES[1])
    composite.corner_pin = CornerPin(image=CARD, tracklet=3)
    for composite.lens_distortion.apply_to_cg in (True, False):
        found, line = comp_tracks.make_blocks(*objects_job(tmp_path, composite), SHEET)
        still, pin = found["stabilization"], found["corner_pin"]
        assert line == ", stabilized, pinned (hidden in 1 frame)" and pin["visible"] == [True, True, False]
        assert still["scale"][1:] == [1, 1] and not np.any(still["rotation_rad"])
        centres_px, middle_px = np.array([(230.0, 150), (261.5, 147)]), np.array(SIZE) / 2
        if not composite.lens_distortion.apply_to_cg:  # the comp is the undistorted picture
            field = comp_tracks.field_of(objects_job(tmp_path, composite)[1], SHEET)
            centres_px, middle_px = field.to_undistorted_px(centres_px), middle_px + OVERSCAN_PX
        assert (still["scale"][0] == 126 / 120) is composite.lens_distortion.apply_to_cg
        first, reference = (centres_px - middle_px) * (1, -1)
        np.testing.assert_allclose(still["scale"][0] * (first + still["translate_px"][0]), reference, atol=1e-6)
    composite.stabilization.tracklet = 4
    with pytest.raises(ShotError, match=r"stabilization.tracklet: found no object 4 in the frames .*; there are: 3, 8"):
        comp_tracks.make_blocks(*objects_job(tmp_path, composite), SHEET)


def test_the_empties_stand_before_the_zoomed_camera(tmp_path):
    job, solution = objects_job(tmp_path, Config().composite)
    line = stage.write_empties(job, solution, {**SHEET, "world": {"camera_distance": 4.0}})
    found = json.loads(job.targets["empties"].read_text())["objects"]
    assert line == ", 2 objects" and [one["name"] for one in found] == ["object 3", "object 8 car"]
    straight = comp_tracks.field_of(solution, SHEET).to_undistorted_px(np.array([75.0, 75])) - OVERSCAN_PX
    for location, zoom in zip(found[1]["location"], (1, 1, 1.1), strict=True):
        seen = np.array(location[:2]) * (1, -1) / -location[2] * zoom * LENS.fx_px + (LENS.cx_px, LENS.cy_px)
        np.testing.assert_allclose(seen, straight, atol=1e-5)
        assert location[2] == -4
