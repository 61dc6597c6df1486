"""tracks: the plate -> 2D tracks and what they are worth."""

from dataclasses import asdict

from shotmake.config import Clean, Config, Detect, Track
from tasks import ROOT
from tasks.footage import plate_inputs, read_plate
from tasks.stage import Job, Stage
from tasks.stamp import json_bytes


def settings(config: Config) -> dict:
    tracking = asdict(config.tracking)
    names = ("engine", "detect", "track", "clean", "mask", "manual", "groups", "session_file")
    return {"frame_range": config.shot.footage.frame_range, **{name: tracking[name] for name in names}}


def build(job: Job) -> str:
    from shotmake.footage import frame_span, read_luma
    from shotmake.session import save_tracks
    from shotmake.tracks import quality, track_plate

    plate = read_plate(job.inputs["footage"])
    first, last = frame_span(plate, job.settings["frame_range"])
    with job.progress(last - first + 1, "tracking") as bar:
        tracks = track_plate(
            read_luma(plate, ROOT, first, last),
            Detect(**job.settings["detect"]),
            Track(**job.settings["track"]),
            Clean(**job.settings["clean"]),
            on_frame=lambda frame: bar(frame - first + 1),
        )
    numbers = {"schema": 1, **quality(tracks, tuple(plate.size_px), first, last)}
    job.targets["tracks"].write_bytes(save_tracks(tracks))
    job.targets["quality"].write_bytes(json_bytes(numbers))
    return f"{numbers['tracks']} tracks, at least {numbers['tracks_per_frame_min']} in every frame"


TRACKS = Stage(
    "tracks",
    version=1,
    targets={"tracks": "tracking/sessions/{id}/tracks.npz", "quality": "tracking/sessions/{id}/quality.json"},
    reads=("footage",),
    settings=settings,
    files=plate_inputs,
    wanted=lambda config: config.tracking.enabled,
    build=build,
)
