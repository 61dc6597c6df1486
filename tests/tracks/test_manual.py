"""Masks, manual tracks and groups through the real command line, against the plate's truth."""

import json

import cv2
import numpy as np
import pytest

from helpers.plates.movies import write_movie
from helpers.plates.synthetic import luma_frames, make_plate, true_position
from helpers.shows.project import Project, open_in_process
from shotmake.config.schema import Config, Mask, Track, Tracking
from shotmake.config.track_annotations import Manual
from shotmake.errors import ShotError
from shotmake.footage.plate import probe
from shotmake.tasks.stages.tracks.masks import list_mask_inputs, make_mask_reader
from shotmake.tracks.manual import track_manual
from shotmake.tracks.markers import load_tracks


@pytest.fixture(scope="module")
def wall():
    return make_plate("planar", frame_count=24, first_frame=1001, span=0.4)  # nothing hides anything


@pytest.fixture(scope="module")
def corner_px(wall) -> np.ndarray:
    """A place of frame 1012 that is good to track."""
    luma = dict(luma_frames(wall))[1012]
    inner = np.zeros_like(luma)
    inner[60:-60, 80:-80] = 255
    return cv2.goodFeaturesToTrack(luma, 1, 0.1, 10, mask=inner)[0, 0].astype(float) + 0.5


def by_frame(tracks, track: int) -> dict[int, np.ndarray]:
    rows = tracks.track_id == track
    return dict(zip(tracks.frame[rows].tolist(), tracks.xy_px[rows].astype(float), strict=True))


def test_a_manual_track_goes_both_ways_from_its_key(wall, corner_px):
    manual = (Manual("corner", {1012: corner_px.tolist()}),)
    tracks = track_manual(luma_frames(wall), manual, Track(segment_frames=32), 1001, 1024)
    found = by_frame(tracks, 0)
    assert set(found) == set(range(1001, 1025)) and np.allclose(found[1012], corner_px, atol=1e-3)
    for frame in (1001, 1006, 1018, 1024):
        true_px = true_position(wall, corner_px[None], 1012, frame)[0]
        assert np.linalg.norm(found[frame] - true_px) < 0.5, frame


def test_backwards_it_stops_at_its_segment_and_a_later_key_sets_it_anew(wall, corner_px):
    moved = (corner_px + (7, 3)).tolist()
    manual = (Manual("a", {1012: corner_px.tolist(), 1020: moved}), Manual("b", {1014: moved}, motion_model="loc_rot"))
    tracks = track_manual(luma_frames(wall), manual, Track(segment_frames=8), 1001, 1024)
    a, b = by_frame(tracks, 0), by_frame(tracks, 1)
    assert min(a) == 1008 and max(a) == 1024  # 1008 = 126 * 8
    assert np.allclose(a[1020], moved, atol=1e-3) and not np.allclose(a[1019], moved, atol=1.0)
    assert min(b) == 1008 and np.allclose(b[1014], moved, atol=1e-3)


def test_a_segment_too_large_to_be_held_goes_in_blocks(wall, corner_px, monkeypatch):
    monkeypatch.setattr("shotmake.tracks.manual.FRAMES_HELD_BYTES", 5 * wall.size_px[0] * wall.size_px[1])
    tracks = track_manual(luma_frames(wall), (Manual("a", {1013: corner_px.tolist()}),), Track(), 1001, 1024)
    assert tracks.frame.tolist() == list(range(1011, 1025))  # 1001 to 1023 in fives: 1011 begins the block of 1013


def test_a_key_outside_is_named(wall):
    with pytest.raises(ShotError, match="a has a key at 7; the frames are 1001 to 1024"):
        track_manual(luma_frames(wall), (Manual("a", {7: [100, 100]}),), Track(), 1001, 1024)
    with pytest.raises(ShotError, match="a at .* is too near the border"):
        track_manual(luma_frames(wall), (Manual("a", {1003: [3, 100]}),), Track(), 1001, 1024)


def write_gaps(folder) -> str:
    for number in (1, 2, 3, 4, 8, 9, 10, 11, 12):
        (folder / f"mask.{number:04d}.png").touch()
    return "mask.####.png"


def write_phone(folder) -> str:
    times = [round(1000 * n / 24) + (150 if n > 5 else 0) for n in range(12)]
    return write_movie(folder / "mask.mkv", 12, times=times).name


def write_squeezed(folder) -> str:
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(96, 64, 1, "half")
    spec.attribute("PixelAspectRatio", 20.0)
    oiio.ImageBuf(spec).write(str(folder / "mask.exr"))
    return "mask.exr"


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (
            write_gaps,
            "mask.####.png: 3 frames are missing: 5-7; restore what is missing, or give a range in tracking.mask.file, "
            "like [8-12]",
        ),
        (lambda folder: "none.png", "none.png: no such file; needed a still, a movie or an image sequence (tracking."),
        (write_phone, "frames/s); transcode it to a constant rate (tracking.mask.file)"),
        (write_squeezed, "mask.exr: says its pixels are 20:1; write it anew (tracking.mask.file)"),
    ],
)
def test_a_fault_of_a_mask_names_the_masks_key_and_no_cure_that_a_mask_does_not_have(
    tmp_path, monkeypatch, write, line
):
    open_in_process(monkeypatch, tmp_path)
    write_movie(tmp_path / "plate.mp4", 12)
    config = Config(tracking=Tracking(mask=Mask(file=write(tmp_path))))
    with pytest.raises(ShotError) as caught:
        list_mask_inputs(config)
        make_mask_reader(config.tracking.mask.file, probe("plate.mp4", tmp_path))
    (fault,) = caught.value.faults
    assert line in fault and "shot.footage" not in fault


def tracks_of(project: Project):
    (folder,) = (project.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*")
    return load_tracks(folder / "tracks.npz"), json.loads((folder / "quality.json").read_text())


MARKED = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4, frame_range: [1, 20]}
tracking:
  detect: {min_tracks: 80}
  mask:
    file: footage/matte.png
    shapes:
      - keys: [{frame: 1, points_px: [[0, 0], [100, 0], [100, 270], [0, 270]]},
               {frame: 20, points_px: [[0, 0], [200, 0], [200, 270], [0, 270]]}]
  manual: [{name: pin, frame: 5, xy_px: [300, 160], weight: 4, color: [1, 0, 0]}]
  groups:
    left: {tracks: [{frame: 1, box_px: [100, 0, 240, 270]}], status: disabled}
    pinned: [pin]
"""


def test_masks_manual_tracks_and_groups_of_a_shot(mini):
    matte = np.zeros((270, 480), np.uint8)
    matte[:, 400:] = 255
    cv2.imwrite(str(mini.root / "footage" / "matte.png"), matte)
    mini.write_shot("mini", MARKED)
    mini.built("tracks", "shot=mini")
    tracks, told = tracks_of(mini)
    auto = tracks.select(tracks.track_id != tracks.track_id.max())
    x_px, edge_px = auto.xy_px[:, 0], 100 + 100 * (auto.frame - 1) / 19
    assert (x_px > edge_px - 1).all() and (x_px < 401).all()  # neither under the moving shape nor under the mask
    assert (x_px < 130).any() and (x_px > 380).any()
    assert told["groups"]["pinned"] == ["pin"] and len(told["groups"]["left"]) > 5
    assert told["per_track"][str(tracks.track_id.max())] == {
        "name": "pin", "color": [1, 0, 0], "weight": 4, "groups": ["pinned"],
    }  # fmt: skip
    assert set(told["groups"]["left"]) <= set(told["disabled_tracks"])

    cv2.imwrite(str(mini.root / "footage" / "matte.png"), matte * 0)
    assert mini.built("tracks", "shot=mini").executed == ["tracks:mini"]  # the mask is an input like the plate
    assert tracks_of(mini)[0].xy_px[:, 0].max() > 405

    ran = mini.run("tracks", "shot=mini", "tracking.mask.file=footage/none.png")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "(tracking.mask.file)" in ran.fault_lines[0], ran.err
    ran = mini.run("tracks", "shot=mini", "tracking.groups={a: [{frame: 1}]}")
    assert ran.code == 1 and "tracking.groups.a.tracks" in ran.fault_lines[0], ran.err
