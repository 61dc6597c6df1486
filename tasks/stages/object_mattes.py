"""object_mattes: where the objects are, as an 8-bit PNG for each frame, for Nuke and Blender: white, with the mask's
feather.

The mattes show the objects that tracking.mask.from_objects chooses (all, where it is false), with the room and the
feather with which they keep tracks out. tracking.mask.invert inverts the mattes.
"""

import hashlib

from shotmake.config.schema import Config
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine import frame_sequences as sequence
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.inputs.watched_files import Unchanged
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import announce, to_json_bytes, write_atomically, write_stamp
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.tracks.masks import read_object_boxes

NAME = "object_mattes"  # in shot.export, and the folder in build/


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    mask = config.tracking.mask
    return {
        "frame_range": config.shot.footage.frame_range,
        "format": "png",
        "mask": {
            "from_objects": mask.from_objects or True,
            "feather_px": mask.feather_px,
            "invert": mask.invert,
        },
        "matte": slices.slice_block(config.tracking.objects.matte),
    }


def build(job: Job) -> str:
    """Build the mattes that are missing, and the manifest. Return how many frames there are, and how many are new.

    Raises ShotError when an input changes while it is read, and when from_objects names no such object.
    """
    import cv2

    from shotmake.config.schema import Mask
    from shotmake.footage.plate import find_frame_span
    from shotmake.tracks.mask import draw_mask

    watched = Unchanged(job.inputs, job.digests)  # the frames' stamps say that the frames are made of these files
    plate = read_plate(job.inputs["footage"])
    first, last = find_frame_span(plate, job.settings["frame_range"])
    stored, mask, frames = sequence.from_job(job, OBJECT_MATTES), Mask(**job.settings["mask"]), range(first, last + 1)
    boxes = read_object_boxes(job.settings, job.inputs)
    assert boxes is not None  # "matte" is among the settings
    watched.check()
    made = 0
    with job.show_progress(len(frames), "mattes") as bar:
        for frame in frames:
            if not stored.find_stored(frame):
                picture = draw_mask(frame, (plate.size_px[0], plate.size_px[1]), (), None, mask, boxes.select_at(frame))
                _store(stored, frame, cv2.imencode(".png", picture)[1].tobytes())
                made += 1
            bar(frame - first + 1)
    facts = {"schema": 1, "shot": job.shot}
    job.targets["mattes"].write_bytes(to_json_bytes({**facts, "frames": sequence.list_frames(stored, list(frames))}))
    job.kept.extend(stored.path_of(frame) for frame in frames)
    return f"{count_of(len(frames), 'frame')}, {made} of them new"


def _store(stored: sequence.Sequence, frame: int, data: bytes) -> None:
    made = {"frame": hashlib.sha256(data).hexdigest()}
    announce(stored.stamp_path_of(frame), NAME, made)
    write_atomically(stored.path_of(frame), data)
    write_stamp(stored.stamp_path_of(frame), stored.made_by, stored.inputs_of(frame), made, {})


OBJECT_MATTES = Stage(
    NAME,
    version=1,
    targets={"mattes": "mattes/{id}.json"},
    reads=("footage", "objects"),
    settings=slice_settings,
    wanted=lambda config: config.tracking.objects.enabled and NAME in config.shot.export,
    frames="mattes",
    needs_camera=lambda config: False,
    build=build,
)
