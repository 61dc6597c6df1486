"""Segments: the stretches of frames in which tracks are made, each stored under its own cache key.

A segment depends on the pixels of its own frames, on what the segment before hands over, and on the settings that reach
it. It depends neither on frame_range nor on cleaning. So a killed build loses at most the segment that it was making,
and a longer tail tracks only the tail. After a change at the head, segments are tracked again until a handover is the
same as before.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shotmake.tasks.engine import slices
from shotmake.tasks.engine.inputs.plate_reader import PlateReader, pick_files
from shotmake.tasks.engine.inputs.watched_files import Unchanged
from shotmake.tasks.engine.pieces import Piece, Stored, follow_pieces, get_or_make
from shotmake.tasks.show import get_state_folder
from shotmake.tasks.stages.tracks.masks import list_mask_names, make_masks, read_object_boxes

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate
    from shotmake.objects.box_mattes import Boxes
    from shotmake.tracks.markers import Tracks
    from shotmake.tracks.segments import Handover

VERSION = 7  # raised by hand when the numbers of the tracks change; the tracks stage has the same version


class Walked(NamedTuple):
    """All segments, tracked or reused.

    `tracks` are joined and not cleaned. `renewals` (K, 2) holds track id and frame.
    """

    tracks: "Tracks"
    renewals: "np.ndarray"
    spans: list[tuple[int, int]]
    paths: list[Path]
    reused: int


def find_stored(plate: "Plate", settings: dict, files: dict[str, Path], digests: dict[str, str]) -> list[Stored]:
    """Return what is stored of a shot's segments, as their stamps tell. Nothing is decoded.

    settings, files and digests are as for `walk`. Raises ShotError when frame_range leaves the plate.
    """
    boxes = read_object_boxes(settings, files)
    return follow_pieces(
        _list_spans(plate, settings),
        lambda span, handover: _make_piece(span, plate, settings, digests, handover, boxes),
    )


def walk(
    plate: "Plate",
    settings: dict,
    files: dict[str, Path],
    digests: dict[str, str],
    shot: str,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Walked:
    """Walk through every segment in order: take it from the store, or track it and store it.

    `on_frame` is told the last frame that is done. settings, files and digests are the tracks stage's settings and
    inputs. Raises ShotError when frame_range leaves the plate, and when a file changes while it is read.
    """
    from shotmake.tracks.segments import join_renewals, join_segments, load_segment

    spans, parts, paths, reused = _list_spans(plate, settings), [], [], 0
    handover, reader = None, PlateReader(plate, files, digests, spans[-1][1])
    boxes = read_object_boxes(settings, files)
    mask_files = Unchanged({name: path for name, path in files.items() if name.startswith("mask ")}, digests)
    for span in spans:
        segment = _make_piece(span, plate, settings, digests, _digest_handover(handover), boxes)
        what = f"frames {span[0]}-{span[1]} of tracks:{shot}"
        check_masks = partial(mask_files.check, list_mask_names(digests, *span))
        track = partial(_track, span, handover, settings, reader, check_masks, boxes, on_frame)
        got = get_or_make(segment, what, track)
        tracks, handover = load_segment(got.data)
        parts.append((tracks, handover))
        paths.append(segment.path)
        reused += got.was_stored
        on_frame(span[1])
    joined = join_segments([(tracks, handover.track_id) for tracks, handover in parts])
    return Walked(joined, join_renewals(parts), spans, paths, reused)


def _list_spans(plate: "Plate", settings: dict) -> list[tuple[int, int]]:
    from shotmake.footage.plate import find_frame_span
    from shotmake.tracks.segments import list_segment_spans

    return list_segment_spans(*find_frame_span(plate, settings["frame_range"]), settings["track"]["segment_frames"])


def _list_bad(plate: "Plate", settings: dict) -> list[int]:
    from shotmake.footage.plate import find_frame_span, list_bad_frames

    return list_bad_frames(plate, settings["bad_frames"], find_frame_span(plate, settings["frame_range"])[0])


def select_reaching(settings: dict) -> dict:
    """Return the settings of the tracks stage that reach a segment."""
    track = slices.leave_out(settings["track"], "segment_frames")
    mask = settings["mask"] | {"from_objects": False}  # the boxes themselves are hashed
    return slices.keep_only(settings, "engine", "detect") | {"mask": mask, "track": track}


def _make_piece(
    span: tuple[int, int],
    plate: "Plate",
    settings: dict,
    digests: dict[str, str],
    handover: str,
    boxes: "Boxes | None",
) -> Piece:
    first, last = span
    reaches = select_reaching(settings)
    if plate.kind == "movie":
        reaches["first_frame"] = plate.first_frame  # it decides which pictures of the movie these frames are
    else:
        reaches["color_space"] = plate.color_space
    bad = [frame for frame in _list_bad(plate, settings) if first <= frame <= last]
    if bad:
        reaches["bad_frames"] = bad
    made_by = {**slices.describe_maker("segment", VERSION, reaches), "frames": [first, last]}
    masks = {name: digests[name] for name in list_mask_names(digests, first, last)}
    pictures = pick_files(plate, digests, first, last)
    inputs = {
        "handover": handover,
        **pictures,
        **masks,
        **_digest_covering(boxes, first, last, settings["mask"]["invert"]),
    }
    return Piece(get_state_folder() / "tracking" / "sessions" / "segments", ".npz", made_by, inputs)


def _digest_covering(boxes: "Boxes | None", first: int, last: int, invert: bool) -> dict[str, str]:
    """Return the digest of the boxes that reach these frames.

    {} when no box does: then the frames are the same as without objects. With an inverted mask they are not the same,
    since all of the picture is covered, so the digest is returned then too.
    """
    if boxes is None or not (len(here := boxes.select_frames(first, last)) or invert):
        return {}
    return {"objects": hashlib.sha256(here.to_bytes()).hexdigest()}


def _digest_handover(handover: "Handover | None") -> str:
    from shotmake.tracks.segments import pack_handover

    return hashlib.sha256(pack_handover(handover)).hexdigest() if handover is not None else ""


def _track(
    span: tuple[int, int],
    handover: "Handover | None",
    settings: dict,
    reader: PlateReader,
    check_masks: Callable[[], None],
    boxes: "Boxes | None",
    on_frame: Callable[[int], None],
) -> tuple[bytes, dict[str, str]]:
    """Track one segment. Return the bytes to store, and what the stamp says about the handover."""
    from shotmake.config.schema import Detect, Track
    from shotmake.tracks.segments import save_segment
    from shotmake.tracks.tracker import track_segment

    def report() -> "Iterator[tuple[int, np.ndarray]]":
        for frame, luma in reader.read(*span):
            yield frame, luma
            on_frame(frame)

    mask_of = make_masks(reader.plate, settings["mask"], *span, boxes)
    detect, track = Detect(**settings["detect"]), Track(**settings["track"])
    bad_frames = frozenset(_list_bad(reader.plate, settings))
    tracks, after = track_segment(report(), handover, detect, track, mask_of, bad_frames)
    data = save_segment(tracks, after)
    reader.check_unchanged(*span)
    check_masks()
    return data, {"handover": _digest_handover(after)}
