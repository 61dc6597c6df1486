"""tracks: the plate -> 2D tracks and what they are worth."""

from dataclasses import asdict

from shotmake.config import Clean, Config
from tasks import segments
from tasks.footage import plate_inputs, read_plate
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    tracking = asdict(config.tracking)
    names = ("engine", "detect", "track", "clean", "mask", "manual", "groups", "session_file")
    return {"frame_range": config.shot.footage.frame_range, **{name: tracking[name] for name in names}}


def build(job: Job) -> str:
    from shotmake.footage import frame_span
    from shotmake.session import save_tracks
    from shotmake.tracks import clean_tracks, quality

    plate = read_plate(job.inputs["footage"])
    first, last = frame_span(plate, job.settings["frame_range"])
    with job.progress(last - first + 1, "tracking") as bar:
        walked = segments.walk(
            plate, job.settings, job.inputs, job.digests, job.shot, on_frame=lambda frame: bar(frame - first + 1)
        )
    job.kept.extend(walked.paths)
    tracks = clean_tracks(walked.tracks, Clean(**job.settings["clean"]))
    numbers = {"schema": 1, **quality(tracks, tuple(plate.size_px), first, last), "segments": walked.spans}
    job.targets["tracks"].write_bytes(save_tracks(tracks))
    job.targets["quality"].write_bytes(json_bytes(numbers))
    line = f"{numbers['tracks']} tracks, at least {numbers['tracks_per_frame_min']} in every frame"
    return line + (f", {walked.reused} of {len(walked.spans)} segments reused" if walked.reused else "")


TRACKS = Stage(
    "tracks",
    version=segments.VERSION,
    targets={"tracks": "tracking/sessions/{id}/tracks.npz", "quality": "tracking/sessions/{id}/quality.json"},
    reads=("footage",),
    settings=settings,
    files=plate_inputs,
    wanted=lambda config: config.tracking.enabled,
    build=build,
)
