"""Boxes joined to objects by the library `trackers` (OC-SORT, ByteTrack, SORT). No other file imports that library.

The library says which box goes on with which track. The rest is ours: which objects count, their numbers, the frames in
which they are not seen (build_tracklets.py), and what is remembered from one stretch of frames to the next.
"""

import json
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from shotmake.config import schema
from shotmake.objects.build_tracklets import Rows, Sighting, Subject, rows_of, see_again
from shotmake.objects.detections import Detections

# With a limit of 0, no overlap at all would be enough for the library, and it would join boxes that lie far apart.
SMALLEST_OVERLAP = 1e-6
# The least confidence of the boxes with which ByteTrack goes on although they are too faint to begin an object. It is
# the value of the paper.
FAINTEST = 0.1
# Beyond these limits the areas of boxes under- or overflow, and the library stops at the NaN.
SMALLEST_SIDE_PX, FARTHEST_PX = 1e-3, 1e6

# What the library's tracks count, by kind. The rest of a track is its filter, and what OC-SORT has observed.
COUNTS = ("age", "time_since_update", "number_of_successful_consecutive_updates")
COUNTED = {"ocsort": COUNTS, "bytetrack": COUNTS, "sort": (*COUNTS, "number_of_successful_updates")}
FILTER = ("state", "state_covariance")


def follow(
    detections: Detections, first: int, last: int, objects: schema.Objects, before: bytes | None
) -> tuple[Rows, bytes]:
    """Follow objects through the frames first..last, from the state after frame first - 1 (None = the beginning).

    Returns the rows that became certain meanwhile, also of frames before `first`, and the state after `last`. A state
    is canonical JSON: the same memory gives the same bytes.

    Boxes without a size or a place (NaN, nothing wide or high) are left out. A confidence of NaN counts as 1. Labels
    play no part in joining. The memory needed is that for the rows of this stretch, not of what was before.
    Raises ValueError where `before` is the state of another frame or another tracker_kind.
    """
    boxes = _choose_usable(detections.select_frames(first, last), objects)
    bounds = np.searchsorted(boxes.frame, np.arange(first, last + 2)).tolist()
    seen = zip(boxes.frame.tolist(), map(tuple, boxes.xywh_px.tolist()), boxes.label.tolist(), strict=True)
    sightings = [Sighting(*row) for row in seen]
    tracker = _make_tracker(objects)
    tracker.tracks, subjects, next_id = _recall(before, first, objects, tracker)
    serial, certain = len(subjects), []
    for start, end in pairwise(bounds):
        if start == end and not tracker.tracks:
            continue
        for track, row in _join(tracker, boxes, start, end, objects.det_thresh):
            if track.tracker_id < 0:
                # The library gives its own numbers late, and until then ByteTrack drops a track after two misses.
                track.tracker_id, serial = serial, serial + 1
            known = subjects.get(track.tracker_id, Subject())
            subject, rows = see_again(known, sightings[row], objects.n_init, next_id)
            subjects[track.tracker_id] = subject
            next_id = max(next_id, subject.track_id + 1)
            certain += rows
        # One miss ends an object that is not confirmed; otherwise it would take the box of another object later.
        tracker.tracks = [
            track for track in tracker.tracks if not track.time_since_update or subjects[track.tracker_id].track_id
        ]
        subjects = {track.tracker_id: subjects[track.tracker_id] for track in tracker.tracks}
    return rows_of(certain), _remember(last, objects.tracker_kind, tracker.tracks, subjects, next_id)


def _choose_usable(detections: Detections, objects: schema.Objects) -> Detections:
    """Return the detections that the tracker may see, with a known confidence."""
    xywh_px = detections.xywh_px
    confidence = np.where(np.isnan(detections.confidence), 1.0, detections.confidence)
    needed = min(objects.det_thresh, FAINTEST) if objects.tracker_kind == "bytetrack" else objects.det_thresh
    is_usable = (
        (confidence >= needed) & (np.abs(xywh_px) <= FARTHEST_PX).all(1) & (xywh_px[:, 2:] >= SMALLEST_SIDE_PX).all(1)
    )
    return Detections(
        detections.frame[is_usable], xywh_px[is_usable], confidence[is_usable], detections.label[is_usable]
    )


def _make_tracker(objects: schema.Objects) -> Any:
    """Return the library's tracker, empty."""
    import trackers

    shared = {
        "lost_track_buffer": objects.max_coast_frames,
        "frame_rate": 30.0,  # at this rate the buffer counts frames one by one
        "minimum_iou_threshold": max(objects.iou_threshold, SMALLEST_OVERLAP),
        "minimum_consecutive_frames": 1,  # n_init is ours
    }
    threshold = objects.det_thresh
    match objects.tracker_kind:
        case "ocsort":
            return trackers.OCSORTTracker(**shared, high_conf_det_threshold=threshold)
        case "bytetrack":
            return trackers.ByteTrackTracker(
                **shared, high_conf_det_threshold=threshold, track_activation_threshold=threshold
            )
        case "sort":
            return trackers.SORTTracker(**shared, track_activation_threshold=threshold)
    raise ValueError(objects.tracker_kind)


def _join(tracker: Any, boxes: Detections, start: int, end: int, det_thresh: float) -> list[tuple]:
    """Join one frame, the boxes start..end.

    Return (track, row of its box) of the tracks that have one, in the order in which they began.
    """
    import supervision

    xywh_px, confidence = boxes.xywh_px[start:end], boxes.confidence[start:end]
    corners_px = np.hstack([xywh_px[:, :2], xywh_px[:, :2] + xywh_px[:, 2:]])
    # The answer has another order: class_id says which box it is, tracker_id to which track it belonged, -1 for none.
    answer = tracker.update(supervision.Detections(corners_px, confidence=confidence, class_id=np.arange(start, end)))
    rows, serials = answer.class_id.tolist(), answer.tracker_id.tolist()
    row_of = dict(zip(serials, rows, strict=True))
    begins = [row for row, serial in zip(rows, serials, strict=True) if serial < 0]
    begins = [row for row in begins if boxes.confidence[row] >= det_thresh]
    known = [track for track in tracker.tracks if track.tracker_id >= 0 and not track.time_since_update]
    begun = [track for track in tracker.tracks if track.tracker_id < 0]
    return [(track, row_of[track.tracker_id]) for track in known] + list(zip(begun, begins, strict=True))


def _remember(frame: int, kind: str, tracks: list, subjects: dict[int, Subject], next_id: int) -> bytes:
    """Return the state as bytes.

    `subjects` are stored with their tracks, without the tracks' serial numbers, because these would show false alarms
    of long ago.
    """
    records = [{"subject": asdict(subjects[track.tracker_id]), "track": _make_record(track, kind)} for track in tracks]
    memory = {"frame": frame, "tracker_kind": kind, "next_id": next_id, "tracks": records}
    return json.dumps(memory, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _recall(
    before: bytes | None, first: int, objects: schema.Objects, tracker: Any
) -> tuple[list, dict[int, Subject], int]:
    """Return (the library's tracks, numbered from 0; the subject of each; next id) for the frame `first`."""
    if before is None:
        return [], {}, 1
    memory = json.loads(before)
    found = memory["frame"] + 1, memory["tracker_kind"]
    if found != (first, objects.tracker_kind):
        raise ValueError(f"the state goes on at {found}; needed {(first, objects.tracker_kind)}")
    tracks, subjects = [], {}
    for serial, record in enumerate(memory["tracks"]):
        tracks.append(_revive(record["track"], serial, objects.tracker_kind, tracker.state_estimator_class))
        seen = record["subject"]["seen"]
        seen = tuple(Sighting(one["frame"], tuple(one["xywh_px"]), one["label"]) for one in seen)
        subjects[serial] = Subject(record["subject"]["track_id"], seen)
    return tracks, subjects, memory["next_id"]


def _make_record(track: Any, kind: str) -> dict:
    """Return all that a track of the library needs to go on. Its matrices are constants."""
    record = {name: getattr(track, name) for name in COUNTED[kind]} | _record_filter(vars(track.state_estimator.kf))
    if kind != "ocsort":
        return record
    return record | {
        "last_observation": track.last_observation.tolist(),
        "observations": [[age, box.tolist()] for age, box in track.observations.items()],
        "velocity": None if track.velocity is None else track.velocity.tolist(),
        "observed": track._observed,
        "frozen": None if track._frozen_state is None else _record_filter(track._frozen_state),
    }


def _revive(record: dict, serial: int, kind: str, estimator: type) -> Any:
    """Return the library's track of a record. Its class is looked up by `kind` here; the record never names it."""
    from trackers.core.bytetrack.tracklet import ByteTrackTracklet
    from trackers.core.ocsort.tracklet import OCSORTTracklet
    from trackers.core.sort.tracklet import SORTTracklet

    made = {"ocsort": OCSORTTracklet, "bytetrack": ByteTrackTracklet, "sort": SORTTracklet}[kind]
    track = made(np.array([0.0, 0.0, 1.0, 1.0]), state_estimator_class=estimator)  # any box; all of it is replaced
    track.tracker_id = serial
    for name in COUNTED[kind]:
        setattr(track, name, record[name])
    track.state_estimator.set_state(track.state_estimator.get_state() | _restore_filter(record))
    if kind == "ocsort":
        track.last_observation = np.array(record["last_observation"])
        track.observations = {age: np.array(box) for age, box in record["observations"]}
        track.velocity = None if record["velocity"] is None else np.array(record["velocity"])
        track._observed = record["observed"]
        if record["frozen"] is not None:
            track._frozen_state = track.state_estimator.get_state() | _restore_filter(record["frozen"])
    return track


def _record_filter(found: dict) -> dict:
    return {name: found[name].tolist() for name in FILTER}


def _restore_filter(record: dict) -> dict:
    return {name: np.array(record[name]) for name in FILTER}
