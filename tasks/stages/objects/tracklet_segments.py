"""The stretches of frames in which objects are followed, each stored under its own cache key.

A stretch depends on the boxes of its own frames, on the tracker's state after the stretch before, and on the settings
that reach the tracker. It does not depend on frame_range, nor on the source of the boxes. So a killed or extended shot
goes on with the same ids. After a change at the head, objects are followed again until a state is the same as before.
"""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from shotmake.tasks.engine import slices
from shotmake.tasks.engine.pieces import Piece, Stored, follow_pieces, get_or_make
from shotmake.tasks.engine.stamp import to_canonical
from shotmake.tasks.show import get_state_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from pathlib import Path

    from shotmake.objects.build_tracklets import Rows
    from shotmake.objects.detections import Detections

VERSION = 1  # raised by hand when the tracker's numbers change; the objects stage has the same version
SEGMENT_FRAMES = 64  # stretches begin at multiples of this number, as the segments of tracks do
REACHING = ("tracker_kind", "max_coast_frames", "n_init", "iou_threshold", "det_thresh")


class Walked(NamedTuple):
    """All stretches, followed or reused."""

    rows: "list[Rows]"
    paths: "list[Path]"
    reused: int


def _list_spans(first: int, last: int) -> list[tuple[int, int]]:
    from shotmake.tracks.segments import list_segment_spans

    return list_segment_spans(first, last, SEGMENT_FRAMES)


def find_stored(detections: "Detections", settings: dict, first: int, last: int) -> list[Stored]:
    """Return what is stored of the stretches of first..last, as their stamps tell. Nothing is followed.

    `settings` are those of the objects stage.
    """
    return follow_pieces(
        _list_spans(first, last), lambda span, handover: _make_piece(detections, settings, span, handover)
    )


def walk(
    detections: "Detections",
    settings: dict,
    first: int,
    last: int,
    shot: str,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Walked:
    """Walk through every stretch of first..last in order: take it from the store, or follow the objects and store it.

    `on_frame` is told the last frame that is done.
    """
    rows, paths, reused = [], [], 0
    before, handover = None, ""
    for span in _list_spans(first, last):
        piece = _make_piece(detections, settings, span, handover)
        what = f"frames {span[0]}-{span[1]} of objects:{shot}"
        got = get_or_make(piece, what, partial(_follow, detections, settings, span, before))
        made, before, handover = _read(got.data)
        rows.append(made)
        paths.append(piece.path)
        reused += got.was_stored
        on_frame(span[1])
    return Walked(rows, paths, reused)


def _make_piece(detections: "Detections", settings: dict, span: tuple[int, int], handover: str) -> Piece:
    """Return the piece of a stretch. `handover` is the digest of the state before it; "" at the start."""
    reaches = slices.keep_only(settings, *REACHING)
    made_by = {**slices.describe_maker("objects_segment", VERSION, reaches), "frames": list(span)}
    boxes = {name: column.tolist() for name, column in vars(detections.select_frames(*span)).items()}
    found = hashlib.sha256(to_canonical(boxes).encode()).hexdigest()
    return Piece(
        get_state_folder() / "tracking" / "objects" / "segments",
        ".json",
        made_by,
        {"handover": handover, "detections": found},
    )


def _follow(
    detections: "Detections", settings: dict, span: tuple[int, int], before: bytes | None
) -> tuple[bytes, dict[str, str]]:
    """Follow the objects through one stretch. Return the bytes to store, and what the stamp says about the handover."""
    from shotmake.config.schema import Objects
    from shotmake.objects.tracker import follow

    options = Objects(**{name: settings[name] for name in REACHING})
    rows, state = follow(detections.select_frames(*span), *span, options, before)
    found = {name: getattr(rows, name).tolist() for name in ("track_id", "frame", "xywh_px", "coasted", "label")}
    data = to_canonical({"rows": found, "state": state.decode()}).encode()  # the state is a text: it comes back exactly
    return data, {"handover": hashlib.sha256(state).hexdigest()}


def _read(data: bytes) -> "tuple[Rows, bytes, str]":
    """Return the rows, the state after them, and the state's digest."""
    import numpy as np

    from shotmake.objects.build_tracklets import Rows

    record = json.loads(data)
    found, state = record["rows"], record["state"].encode()
    rows = Rows(
        track_id=np.array(found["track_id"], np.int64),
        frame=np.array(found["frame"], np.int64),
        xywh_px=np.array(found["xywh_px"], float).reshape(-1, 4),
        coasted=np.array(found["coasted"], bool),
        label=np.array(found["label"], str),
    )
    return rows, state, hashlib.sha256(state).hexdigest()
