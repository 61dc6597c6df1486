"""tracking.engine: blender, against the truth of a synthetic plate."""

from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates.synthetic import frames, make_plate, true_position, write_movie
from helpers.shows.in_blender import blender
from shotmake.config.schema import Detect, Track
from shotmake.errors import ShotError
from shotmake.footage.plate import Plate, probe, read_bgr
from shotmake.tasks.blender.libmv import track_by_blender
from shotmake.tasks.blender.private_blender import make_environment
from shotmake.tasks.engine.stage import Job
from shotmake.tracks.markers import Tracks, load_tracks, save_tracks

FIRST, LAST = 1001, 1030
SETTINGS = {
    "detect": asdict(Detect(min_tracks=40)), "track": asdict(Track(motion_model="loc_rot_scale")), "executable": None,
}  # fmt: skip
PLATE = make_plate("desk", size_px=(480, 270), frame_count=30, first_frame=FIRST, span=0.4)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """The same pictures as a movie and as a sequence."""
    assert make_environment() is None
    folder = tmp_path_factory.mktemp("libmv")
    write_movie(folder / "desk.mp4", frames(PLATE))
    for number, image in read_bgr(probe("desk.mp4", folder, FIRST), folder, FIRST, LAST):
        cv2.imwrite(str(folder / f"desk.{number}.png"), image)
    return folder


def track(root: Path, file: str, first: int = FIRST, last: int = LAST, settings: dict = SETTINGS) -> Tracks:
    plate = probe(file, root, FIRST)
    absolute = plate.to_json() | {"files": [str(root / name) for name in plate.files]}
    out = root / "out"
    out.mkdir(exist_ok=True)
    job = Job("desk", settings, {}, {}, {"tracks": out / "tracks.npz"})
    tracks = track_by_blender(job, Plate.from_json(absolute), first, last)
    assert list(out.iterdir()) == []
    return tracks


@pytest.fixture(scope="module")
def of_movie(root) -> Tracks:
    return track(root, "desk.mp4")


def true_errors_px(tracks: Tracks) -> np.ndarray:
    """Of every marker, from where its track was first seen."""
    begins = np.flatnonzero(np.diff(tracks.track_id, prepend=-1))
    start = np.repeat(begins, np.diff(np.append(begins, len(tracks))))
    errors = np.full(len(tracks), np.nan)
    pairs = np.stack([tracks.frame[start], tracks.frame], 1)
    for one, other in np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0):
        rows = (pairs == (one, other)).all(1)
        truly = true_position(PLATE, tracks.xy_px[start[rows]].astype(float), int(one), int(other))
        errors[rows] = np.linalg.norm(truly - tracks.xy_px[rows], axis=1)
    return errors[np.isfinite(errors)]


def test_tracks_are_true(of_movie):
    errors_px = true_errors_px(of_movie)
    assert len(errors_px) > 500 and np.median(errors_px) < 0.5
    assert (of_movie.frame.min(), of_movie.frame.max()) == (FIRST, LAST)
    assert (
        np.diff(of_movie.track_id).min() == 0 and (np.diff(of_movie.frame)[np.diff(of_movie.track_id) == 0] > 0).all()
    )
    assert (of_movie.xy_px > 0).all() and (of_movie.xy_px < PLATE.size_px).all()
    assert not of_movie.quality.any() and not of_movie.status.any()


def test_min_tracks_is_kept_and_spread(of_movie):
    per_frame = np.bincount(of_movie.frame - FIRST)
    assert per_frame.min() >= 0.9 * SETTINGS["detect"]["min_tracks"]
    for frame in (FIRST, LAST):
        column, row = (of_movie.xy_px[of_movie.frame == frame] * (np.array([4, 3]) / PLATE.size_px)).astype(int).T
        assert len(np.unique(row * 4 + column)) >= 10  # of 12 parts of the frame


def test_a_sequence_gives_the_same_as_the_movie(root, of_movie):
    of_sequence = track(root, "desk.####.png")
    both = [part.xy_px[part.frame == FIRST] for part in (of_movie, of_sequence)]
    distance_px = np.linalg.norm(both[0][:, None] - both[1], axis=2).min(1)
    assert np.mean(distance_px < 1) > 0.8  # the same features
    assert np.median(true_errors_px(of_sequence)) < 0.5
    assert abs(len(of_sequence) - len(of_movie)) < 0.2 * len(of_movie)


@pytest.fixture(scope="module")
def dots(tmp_path_factory) -> Path:
    """Two squares that move 3 px a frame, 1001 to 1016, as a movie and as a sequence."""
    folder = tmp_path_factory.mktemp("dots")
    pictures = []
    for number in range(FIRST, FIRST + 16):
        picture = np.full((180, 320), 60, np.uint8)
        for x, y in dot_middles(number).astype(int):
            picture[y - 2 : y + 3, x - 2 : x + 3] = 220
        pictures.append((number, picture))
        cv2.imwrite(str(folder / f"dots.{number}.png"), picture)
    write_movie(folder / "dots.mp4", pictures, crf=8)
    return folder


def dot_middles(frame: int) -> np.ndarray:
    """(2, 2) px; the middle of a pixel is at 0.5."""
    return np.array([[100.5, 80.5], [260.5, 130.5]]) + np.array([[3, 0], [-3, 0]]) * (frame - FIRST)


@pytest.mark.parametrize("file", ["dots.mp4", "dots.####.png"])
def test_frames_and_pixels_are_the_plates_own(dots, file):
    """A later range sees its own pictures, and Blender's origin is the corner of the frame, as ours is."""
    detect = asdict(Detect(min_tracks=12, quality_threshold=0.5))
    tracks = track(dots, file, FIRST + 5, FIRST + 12, SETTINGS | {"detect": detect})
    assert np.unique(tracks.frame).tolist() == list(range(FIRST + 5, FIRST + 13))
    for frame in range(FIRST + 5, FIRST + 13):
        found_px = tracks.xy_px[tracks.frame == frame]
        from_middle = found_px[:, None] - dot_middles(frame)
        nearest = from_middle[np.arange(len(found_px)), np.abs(from_middle).sum(2).argmin(1)]
        np.testing.assert_allclose(np.abs(nearest), 2, atol=0.15)  # on the outermost pixel of a square's corner


def test_the_same_bytes_again(dots):
    one, again = (save_tracks(track(dots, "dots.####.png", FIRST, FIRST + 3)) for _ in range(2))
    assert one == again


def test_refusals_are_one_line(root, tmp_path):
    plate = probe("desk.mp4", root, FIRST)
    job = Job("desk", SETTINGS, {}, {}, {"tracks": tmp_path / "tracks.npz"})
    with pytest.raises(ShotError) as refused:
        track_by_blender(job, plate, FIRST, LAST)  # the project has no such file
    line = "track_plate.py: desk.mp4: no such file; check shot.footage.file"
    assert refused.value.faults == (line,)
    with pytest.raises(ShotError, match=r"^track_plate.py: .*Blender reads 480x270 px, the plate has 480x272"):
        wrong = plate.to_json() | {"files": [str(root / "desk.mp4")], "size_px": [480, 272]}
        track_by_blender(job, Plate.from_json(wrong), FIRST, LAST)
    held = Plate.from_json(probe("desk.####.png", root, FIRST).to_json())
    held.files[4] = held.files[3]
    with pytest.raises(
        ShotError, match=r"^desk.1001.png: 1 frame in 1001 to 1030 is missing and Blender holds none; restore it or"
    ):
        track_by_blender(job, held, FIRST, LAST)
    with pytest.raises(ShotError, match=r"bare h264 stream; .*, or set tracking.engine: opencv"):
        bare = plate.to_json() | {"blender_fault": "Blender cannot read a bare h264 stream; put it into a container"}
        track_by_blender(job, Plate.from_json(bare), FIRST, LAST)
    with pytest.raises(RuntimeError, match=r"track_plate.py: 1\n.*\n\ntrack_plate.py: the following arguments"):
        blender("track_plate.py", "--first", "1")
    assert list(tmp_path.iterdir()) == []


def test_a_shot_by_blender(mini):
    yaml = mini.root / "conf" / "shot" / "mini.yaml"
    yaml.write_text(yaml.read_text() + "  engine: blender\n")
    ran = mini.built("tracks", "shot=mini", "shot.footage.frame_range=[11,20]")
    assert ran.executed == ["footage:mini", "tracks:mini"] and "by Blender" in ran.out
    tracks = load_tracks(next(mini.root.glob(".gsd-state/tracking/sessions/*/tracks.npz")))
    assert np.unique(tracks.frame).tolist() == list(range(11, 21))
    again = mini.built("plan", "shot=mini", "shot.footage.frame_range=[11,20]")
    assert "tracks     up to date" in again.out
    other = mini.built("plan", "shot=mini", "shot.footage.frame_range=[11,20]", "composite.blender.executable=python3")
    assert "tracks     up to date" not in other.out and "segments" not in other.out
