"""Objects as MOT challenge CSV: other readers and ours find every box where it was."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shotmake.config.schema import Config
from shotmake.formats.detect import format_of
from shotmake.formats.detections import mot_boxes
from shotmake.formats.given_to_writers import Take
from shotmake.formats.tracks import mot_tracks
from shotmake.objects.tracklet_file import COASTED, DETECTED, Tracklet
from shotmake.tasks.stages import export
from shotmake.tasks.stages.solve.stage import has_camera
from shotmake.tracks.markers import DISABLED

pytestmark = pytest.mark.fast

SIZE_PX, FIRST = (1920, 1080), 1001


def tracklet(track_id: int, start: int, label: str, gaps: tuple = ()) -> Tracklet:
    frames = np.arange(start, start + 12)
    boxes = np.round(np.random.default_rng(track_id).uniform((0, 0, 20, 30), (1800, 900, 90, 180), (12, 4)), 4)
    status = tuple(COASTED if at in gaps else DETECTED for at in range(12))
    return Tracklet("main", track_id, frames, boxes, status, label)


TRACKLETS = (tracklet(1, 1003, "person", (4, 5)), tracklet(2, FIRST, "7"), tracklet(9, 1020, "dog"))


@pytest.fixture
def written(tmp_path) -> Path:
    take = Take("sh", "plate.mov", SIZE_PX, 1.0, Fraction(24), (FIRST + 2, 1040), 36.0, None, None, None, {},
                plate_first_frame=FIRST, tracklets=TRACKLETS)  # fmt: skip
    mot_tracks.write(tmp_path / "objects_mot.txt", take)
    mot_tracks.write(tmp_path / "none.txt", replace(take, tracklets=()))
    assert (tmp_path / "none.txt").read_bytes() == b""
    return tmp_path / "objects_mot.txt"


def test_motmetrics_finds_every_box_where_it_was_and_leaves_coasted_ones_out_of_a_truth(written):
    import motmetrics

    found = motmetrics.io.loadtxt(written, fmt="mot16")
    truth = motmetrics.io.loadtxt(written, fmt="mot16", min_confidence=1)
    assert len(found) == 36 and len(found) - len(truth) == 2
    for one in TRACKLETS:
        theirs = found.xs(one.track_id, level="Id")
        assert theirs.index.tolist() == (one.frames - FIRST + 1).tolist()
        np.testing.assert_allclose(theirs[["X", "Y", "Width", "Height"]], one.bboxes, atol=1e-6)
        assert (theirs["Confidence"] == ~one.is_coasted).all()
    assert [found.xs(number, level="Id")["ClassId"].iloc[0] for number in (1, 2, 9)] == [1, 7, -1]


def test_our_own_readers_take_it_for_tracks_and_for_detections(written):
    assert format_of(written, "tracks", "tracking.session_file").word == "tracks_mot"
    tracks = mot_tracks.read(written, SIZE_PX)
    assert tracks.names == {0: "1", 1: "2", 2: "9"} and tracks.clip_first == 1
    first = tracks.tracks.select(tracks.tracks.track_id == 0)
    np.testing.assert_allclose(first.xy_px, TRACKLETS[0].centroids, atol=1e-3)
    assert np.flatnonzero(first.status == DISABLED).tolist() == [4, 5]  # not seen there
    boxes = mot_boxes.read(written, "tracking.objects.detections")
    np.testing.assert_allclose(boxes.xywh_px, np.concatenate([one.bboxes for one in TRACKLETS]), atol=1e-6)
    assert boxes.label.tolist() == ["1"] * 12 + ["7"] * 12 + [""] * 12
    assert np.flatnonzero(boxes.confidence == 0).tolist() == [4, 5]


def test_it_is_exported_of_a_shot_that_has_no_camera():
    config = Config()
    config.shot.export, config.tracking.objects.enabled = ["chan", "objects_mot"], True
    assert {"objects", "tracks", "solve"} < set(export.list_reads(config))
    config.shot.export = ["objects_mot"]
    assert export.list_reads(config) == ("footage", "objects")
    config.tracking.solve.enabled = False
    assert not has_camera(config) and [format.word for format in export.list_formats(config)] == ["objects_mot"]
    config.tracking.objects.enabled = False
    assert export.list_formats(config) == ()
