"""Tracks that leave a shot and come back as another's, through the real command line."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.measures.measure import similarity
from helpers.shows import attack
from helpers.shows.project import Project
from shotmake.config.format_registry import TRACKS
from shotmake.tracks.markers import DISABLED, Tracks, load_tracks
from shotmake.tracks.quality import name_track

WRITTEN = [one for one in TRACKS if one.writes]
FROM_THE_CLIP = ("tracks_3de.txt", "tracks_pftrack.2dt", "tracks_syntheyes.txt", "mini.blend")
CORNERS_PX = ((80, 50), (240, 50), (240, 140), (80, 140))
LATER = "shot.footage.first_frame=1001"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, small_once: Project) -> Project:
    """The small shot exported in every format we write, the files in the project's root; and a shot of tracks.uv."""
    project = attack.copy_of(small_once, tmp_path_factory.mktemp("out") / "show")
    project.built("export", "shot=mini", f"shot.export=[{','.join(one.word for one in WRITTEN)}]")
    (folder,) = (path.parent for path in project.root.glob(".gsd-state/exports/*/tracks.uv"))
    for file in (*(folder / one.file for one in WRITTEN), project.root / "build/mini/mini.blend"):
        shutil.copy(file, project.root)
    uv = "  preview: {enabled: false}\n  session_file: tracks.uv\n  groups: {some: [track_00002, track_00005]}\n"
    project.write_shot("two", attack.shot_yaml("two", more=uv))
    return project


def sessions(project: Project, shot: str) -> set[Path]:
    return set((project.root / ".gsd-state/tracking/sessions").glob(f"{shot}-????????????"))


def same_markers(found: Tracks, of: Tracks, frames_later: int = 0) -> None:
    assert len(found) == len(of) and np.array_equal(found.frame, of.frame + frames_later)
    numbered = [np.unique(one.track_id, return_inverse=True)[1] for one in (found, of)]
    assert np.array_equal(*numbered)
    assert np.abs(found.xy_px - of.xy_px).max() < 1e-3


def test_a_shot_of_uv_tracks_builds_to_its_blend_as_the_one_they_are_from(shared):
    (own,) = sessions(shared, "mini")
    shared.built("shot=two")
    assert (shared.root / "build/two/two.blend").stat().st_size > 100_000
    (session,) = sessions(shared, "two")
    same_markers(load_tracks(session / "tracks.npz"), load_tracks(own / "tracks.npz"))
    quality = json.loads((session / "quality.json").read_text())
    assert quality["groups"] == {"some": ["track_00002", "track_00005"]}
    first, second = (json.loads((shared.root / f"build/{shot}/solve.json").read_text()) for shot in ("mini", "two"))
    assert second["status"] == "solved" and second["frames"] == first["frames"]
    assert abs(second["lens"]["fx_px"] / first["lens"]["fx_px"] - 1) < 5e-3
    centres = []
    for record in (first, second):
        cameras = np.array(record["cam_from_world"]).reshape(-1, 3, 4)
        centres.append(-np.einsum("nji,nj->ni", cameras[:, :, :3], cameras[:, :, 3]))
    scale, rotation, shift = similarity(centres[1], centres[0])
    left = np.linalg.norm(scale * centres[1] @ rotation.T + shift - centres[0], axis=1)
    assert left.max() < 5e-3 * np.linalg.norm(np.ptp(centres[0], axis=0))


def test_files_that_count_from_the_clips_first_frame_are_placed_at_the_plates(shared):
    (own,) = sessions(shared, "mini")
    before = sessions(shared, "two")
    files = f"tracking.session_file=[{','.join(FROM_THE_CLIP)}]"
    shared.built("tracks", "shot=two", "tracking.groups={}", LATER, files)
    (session,) = sessions(shared, "two") - before
    every, tracks = load_tracks(session / "tracks.npz"), load_tracks(own / "tracks.npz")
    ids = np.unique(every.track_id)
    count = len(np.unique(tracks.track_id))
    assert len(ids) == count * len(FROM_THE_CLIP)
    for number in range(len(FROM_THE_CLIP)):
        mine = ids[number * count : (number + 1) * count]
        same_markers(every.select(np.isin(every.track_id, mine)), tracks.select(tracks.status != DISABLED), 1000)
    names = [one["name"] for one in json.loads((session / "quality.json").read_text())["per_track"].values()]
    assert len(set(names)) == len(ids)


def test_files_of_other_frame_numbers_are_moved_by_the_key_and_refused_without(shared):
    words = ("tracks", "shot=two", "tracking.groups={}", LATER)
    ran = shared.run(*words, "tracking.session_file=tracks.nk")
    (line,) = ran.fault_lines
    assert ran.code == 1 and "no marker in the frames 1001 to 1040; theirs are 1 to 40" in line
    assert line.endswith("; check tracking.session_file and tracking.session_first_frame")
    ran = shared.run(*words, "tracking.session_file=tracks.csv")  # which holds plate frames: that key moves none
    (line,) = ran.fault_lines
    assert line.endswith("theirs are plate frames 1 to 40; check tracking.session_file and shot.footage.first_frame")
    text = (shared.root / "tracks.csv").read_text()
    head, *rows = (line for line in text.splitlines() if not line.startswith("#"))
    early = [row for row in rows if int(row.split(",")[head.split(",").index("frame")]) <= 10]
    (shared.root / "early.csv").write_text("\n".join([head, *early]) + "\n")
    ran = shared.run(*words[:-1], "tracking.session_file=early.csv", "shot.footage.frame_range=[20,40]")
    (line,) = ran.fault_lines
    assert line.endswith("theirs are plate frames 1 to 10; check tracking.session_file and shot.footage.frame_range")
    before = sessions(shared, "two")
    shared.built(*words, "tracking.session_file=[tracks.nk,tracks.uv]", "tracking.session_first_frame=1001")
    (session,) = sessions(shared, "two") - before
    moved = load_tracks(session / "tracks.npz").frame
    assert (moved.min(), moved.max()) == (1001, 1040)


def test_a_broken_file_is_one_line_with_its_line_number(shared):
    good = (shared.root / "tracks_3de.txt").read_text().splitlines()
    good[6] = "nonsense"
    (shared.root / "broken.txt").write_text("\n".join(good))
    (shared.root / "broken.blend").write_bytes(b"BLENDER-v405" + bytes(1000))
    for name, said in (
        ("broken.txt", "broken.txt:7: found 'nonsense'"),
        ("broken.blend", "tracks:two: broken.blend: Blender cannot open it"),
    ):
        ran = shared.run("tracks", "shot=two", "tracking.groups={}", f"tracking.session_file={name}")
        assert ran.code == 1 and len(ran.fault_lines) == 1 and said in ran.fault_lines[0], ran.err
    assert "(tracking.session_file)" in ran.fault_lines[0]


def test_imported_tracks_are_picked_by_their_names_wherever_a_track_is_picked(shared):
    """Such names were refused: only manual tracks were said to have any."""
    (own,) = sessions(shared, "mini")
    tracks = load_tracks(own / "tracks.npz")
    (made,) = shared.root.glob(".gsd-state/tracking/solves/mini-????????????.points.npz")
    with np.load(made) as points:
        solved = points["track_id"][~points["holdout"]]
    ids, lives = np.unique(tracks.track_id, return_counts=True)  # stabilising needs tracks that live the whole shot
    there = tracks.select((tracks.frame == 20) & np.isin(tracks.track_id, solved))
    there = there.select(np.isin(there.track_id, ids[lives == lives.max()]))
    assert lives.max() == 40 and len(there) >= 8
    corners = [int(np.linalg.norm(there.xy_px - place, axis=1).argmin()) for place in CORNERS_PX]
    names = [name_track(int(there.track_id[at])) for at in corners]
    assert len(set(names)) == 4
    listed = ", ".join(names)
    orient = f"solve: {{orient: {{ground: [{listed}], origin: {names[0]}, x_axis: {{name: {names[1]}}}}}}}"
    text = attack.shot_yaml("three", more=f"  preview: {{enabled: false}}\n  session_file: tracks.uv\n  {orient}\n")
    stabilized = f"  stabilization: {{enabled: true, tracks: [{listed}]}}\n"
    pinned = f"  corner_pin: {{image: card.png, tracks: [{listed}]}}\n"
    shared.write_shot("three", f"{text}composite:\n{stabilized}{pinned}")
    cv2.imwrite(str(shared.root / "card.png"), np.full((90, 160, 3), 200, np.uint8))
    shared.built("scene", "shot=three")
    (sheet,) = (json.loads(path.read_text()) for path in shared.root.glob(".gsd-state/scenes/three-????????????.json"))
    assert sheet["corner_pin"]["corners"] and sheet["stabilization"] is not None
    (quality,) = (json.loads((one / "quality.json").read_text()) for one in sessions(shared, "three"))
    ids = {told["name"]: int(track) for track, told in quality["per_track"].items()}
    (made,) = shared.root.glob(".gsd-state/tracking/solves/three-????????????.points.npz")
    with np.load(made) as points:
        place = dict(zip(points["track_id"].tolist(), points["point_xyz"].tolist(), strict=True))
    assert np.abs(place[ids[names[0]]][:2]).max() < 1e-5 and abs(place[ids[names[1]]][1]) < 1e-5
    ran = shared.run("solve", "shot=three", "tracking.solve.orient.origin=sgin")
    (line,) = ran.fault_lines
    assert ran.code == 1 and "tracking.solve.orient.origin: found sgin, which is no track's name; there are: " in line
