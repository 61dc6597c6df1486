"""The plate as the second witness of a solve sees it: the pictures are read when the witness asks for them."""

from typing import TYPE_CHECKING

from shotmake.tasks.engine.inputs.plate_reader import PlateReader
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.stages.tracks.masks import make_masks, read_object_boxes

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate
    from shotmake.solve.witness.witness import Look, Matcher


def make_look(job: Job, plate: "Plate", frames: "np.ndarray", pixel_aspect: float) -> "Look":
    """Return the function that the witness calls with the frame indices (F,) that it will compare.

    That function reads these frames and makes them ready to match. frames (N,): the plate's number of each frame index.
    It raises ShotError when the plate changes while it is read. What the shot's mask covers is not looked at.
    pixel_aspect: how many times wider the solve's px are than the plate's px.
    """

    def look(indices: "np.ndarray") -> "Matcher":
        from shotmake.solve.witness.sift import SiftMatcher

        numbers = frames[indices].tolist()
        reader = PlateReader(plate, job.inputs, job.digests, numbers[-1])
        luma = [next(iter(reader.read(number, number)))[1].copy() for number in numbers]
        reader.check_unchanged(numbers[0], numbers[-1])
        covered = {}
        if "mask" in job.settings:
            at = make_masks(
                plate, job.settings["mask"], numbers[0], numbers[-1], read_object_boxes(job.settings, job.inputs)
            )
            covered = {number: at(number) for number in numbers}
        return SiftMatcher(
            dict(zip(indices.tolist(), luma, strict=True)),
            {index: covered.get(number) for index, number in zip(indices.tolist(), numbers, strict=True)},
            pixel_aspect,
        )

    return look
