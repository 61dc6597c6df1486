"""Boxes of what moves in a plate, for users without a detector.

They are made and stored in stretches. Each stretch is independent of the others and of frame_range, so that a longer
tail costs a look at the tail alone.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shotmake.tasks.engine.inputs.plate_reader import PlateReader, pick_files
from shotmake.tasks.engine.pieces import Piece
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.stages.objects.detections_store import from_store, piece_of

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate
    from shotmake.objects.detections import Detections

VERSION = 1  # raised by hand when the boxes change
STRETCH_FRAMES = 64


class Stretch(NamedTuple):
    """Frames whose boxes are made and stored together (`span`), and all frames that are looked at for them (`seen`)."""

    span: tuple[int, int]
    seen: tuple[int, int]
    piece: Piece


def detect_by_motion(job: Job, plate: "Plate", first: int, last: int) -> "tuple[Detections, list[Path]]":
    """Return the boxes of the frames first..last, and the files in which they are stored.

    Raises ShotError when the plate changes while it is read.
    """
    from shotmake.objects.detections import join_detections
    from shotmake.objects.motion_detector import REACH_FRAMES, detect_motion

    parts, paths = [], []
    context = _Context(plate, job, min(last + REACH_FRAMES, plate.last_frame), 2 * REACH_FRAMES)
    with job.show_progress(last - first + 1, "looking for what moves in") as bar:
        for span, seen, piece in list_motion_stretches(job, plate, first, last):

            def find(span: tuple[int, int] = span, seen: tuple[int, int] = seen) -> "Detections":
                found = detect_motion(context.read(*seen), *span)
                context.reader.check_unchanged(*seen)
                return found

            what = f"frames {span[0]}-{span[1]} of the motion in objects:{job.shot}"
            parts.append(from_store(piece, what, find))
            paths.append(piece.path)
            bar(span[1] - first + 1)
    return join_detections(parts), paths


def list_motion_stretches(job: Job, plate: "Plate", first: int, last: int) -> list[Stretch]:
    """Return the stretches of the frames first..last, each with its piece."""
    from shotmake.objects.motion_detector import REACH_FRAMES
    from shotmake.tracks.segments import list_segment_spans

    which = {"first_frame": plate.first_frame} if plate.kind == "movie" else {"color_space": plate.color_space}
    found = []
    for begin, end in list_segment_spans(first, last, STRETCH_FRAMES):
        seen = max(begin - REACH_FRAMES, plate.first_frame), min(end + REACH_FRAMES, plate.last_frame)
        made_by = {"stage": "motion", "version": VERSION, "frames": [begin, end], **which}
        inputs = pick_files(plate, job.digests, *seen)
        found.append(Stretch((begin, end), seen, piece_of(made_by, inputs)))
    return found


class _Context:
    """The plate's frames, where a stretch asks again for the last frames of the stretch before it."""

    def __init__(self, plate: "Plate", job: Job, last: int, kept: int):
        self.reader = PlateReader(plate, job.inputs, job.digests, last)
        self._held: deque[tuple[int, np.ndarray]] = deque(maxlen=kept)

    def read(self, first: int, last: int) -> "Iterator[tuple[int, np.ndarray]]":
        held = [(number, luma) for number, luma in self._held if number >= first]
        yield from held
        for number, luma in self.reader.read(held[-1][0] + 1 if held else first, last):
            self._held.append((number, luma))
            yield number, luma
