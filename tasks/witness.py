"""The second witness of a solve: the plate's pictures, read when the solve stands."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tasks.mattes import masks, object_boxes
from tasks.plate_reader import PlateReader
from tasks.stage import Job

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage import Plate
    from shotmake.reasons import Reason
    from shotmake.solution import Found
    from shotmake.witness import Matcher


def hear_witness(
    found: "Found | Reason", job: Job, plate: "Plate", frames: tuple[int, int], on_step: Callable[[str], None]
) -> "Found | Reason":
    """The solve with what the second witness says of it, or why it is refused; a refusal stays as it is.

    found: in px as the plate is seen, unsqueezed. frames: first and last plate number of the shot.
    """
    from shotmake.reasons import Reason
    from shotmake.squeeze import unsqueezed_size
    from shotmake.witness import ask_witness

    if isinstance(found, Reason):
        return found
    on_step("ask the second witness")

    def look(indices: "np.ndarray") -> "Matcher":
        return _read_pictures(job, plate, frames[0], indices)

    return ask_witness(found, unsqueezed_size(tuple(plate.size_px), plate.pixel_aspect), look)


def _read_pictures(job: Job, plate: "Plate", first: int, indices: "np.ndarray") -> "Matcher":
    from shotmake.sift import SiftMatcher

    numbers = [first + int(index) for index in indices]
    reader = PlateReader(plate, job.inputs, job.digests, numbers[-1])
    pictures = {}
    for index, number in zip(indices.tolist(), numbers, strict=True):
        pictures[index] = next(iter(reader.read(number, number)))[1].copy()
    reader.check_unchanged(numbers[0], numbers[-1])
    covered = {}
    if "mask" in job.settings:
        boxes = object_boxes(job.settings, job.inputs)
        at = masks(plate, job.settings["mask"], numbers[0], numbers[-1], boxes)
        covered = {index: at(number) for index, number in zip(indices.tolist(), numbers, strict=True)}
    return SiftMatcher(pictures, covered, plate.pixel_aspect)
