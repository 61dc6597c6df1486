"""The scene stage's stabilization and corner pin, from a session and a solve on disk."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from blend_shot import FRAMES, LENS, SIZE, look_at

from shotmake.camera import project
from shotmake.config import Config, CornerPin, Stabilization
from shotmake.errors import ShotError
from shotmake.lens import distort
from shotmake.session import Tracks, npz_bytes, save_tracks
from tasks import ROOT, comp_tracks
from tasks.stage import Job

OVERSCAN_PX = (20, 12)
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
    tracks = tracks.where((tracks.track_id != absent[0]) | (tracks.frame != absent[1]))
    files = {name: folder / name for name in ("tracks", "quality", "points")}
    files["tracks"].write_bytes(save_tracks(tracks))
    files["quality"].write_text(json.dumps({"per_track": {"0": {"name": "sign"}, "1": {"groups": ["roof"]}}}))
    files["points"].write_bytes(npz_bytes({"track_id": np.arange(len(POINTS)), "point_xyz": POINTS}))
    solution = {
        **{"status": "solved", "lens": lens.to_json(), "focal_px_per_frame": None, "frames": list(FRAMES)},
        "cam_from_world": POSES.reshape(3, 12).tolist(),
    }
    job = Job("shot", {"composite": asdict(composite)}, {**files, "pinned 0": ROOT / "footage" / "card.png"}, {}, {})
    return comp_tracks.blocks(job, solution, SHEET)


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
    composite.corner_pin = CornerPin(image="footage/card.png", tracks=picks)
    by_tracks, line = blocks(tmp_path, composite, markers)
    assert line == ", pinned" and by_tracks["stabilization"] is None
    held, line = blocks(tmp_path, composite, markers, absent=(1, FRAMES[2]))
    assert line == ", pinned (by solved points in 1 frames)"
    composite.corner_pin = CornerPin(image="footage/card.png", corners_xyz=POINTS[:4].tolist())
    by_places, _ = blocks(tmp_path, composite, markers)
    for other in (held, by_places):
        np.testing.assert_allclose(by_tracks["corner_pin"]["corners"], other["corner_pin"]["corners"], atol=1e-6)
    image = {"file": "footage/card.png", "kind": "file", "first_frame": 1001, "frame_count": None}
    assert by_tracks["corner_pin"]["image"] == image
