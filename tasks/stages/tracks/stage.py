"""tracks: makes 2D tracks of the plate and says how good they are; or takes tracks made elsewhere
(tasks/stages/tracks/tracks_from_elsewhere.py).
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shotmake.config.schema import Clean, Config, Track
from shotmake.config.track_annotations import Manual
from shotmake.errors import ShotError
from shotmake.numbers_in_words import count_of, format_ranges
from shotmake.tasks.blender.libmv import slice_libmv_settings, track_by_blender
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.processes.kernels import TRACKER, await_kernels
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.footage import list_plate_inputs, read_plate
from shotmake.tasks.stages.tracks import segments
from shotmake.tasks.stages.tracks.masks import (
    has_objects,
    list_mask_inputs,
    make_masks,
    read_object_boxes,
    slice_mask_settings,
)
from shotmake.tasks.stages.tracks.tracks_from_elsewhere import (
    is_blend,
    list_named,
    list_session_files,
    list_session_inputs,
    read_sessions,
)

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate
    from shotmake.tracks.markers import Tracks


LEAST_FRAMES = 2  # that are not bad


def list_inputs(config: Config) -> dict[str, Path]:
    """Return the files that the stage reads: the plate and its mask, or the files of tracks made elsewhere.

    The plate is also read with such files where tracks are placed by hand (tracking.manual).
    """
    if config.tracking.session_file:
        return {**list_session_files(config), **(list_plate_inputs(config) if config.tracking.manual else {})}
    return {**list_plate_inputs(config), **list_mask_inputs(config)}


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    names = ("engine", "detect", "track", "clean", "manual", "groups", "session_file")
    footage = slices.slice_block(config.shot.footage, "frame_range", "bad_frames")
    found = footage | slices.slice_block(config.tracking, *names)
    found |= slice_mask_settings(config)
    if config.tracking.session_file:
        found["session_first_frame"] = config.tracking.session_first_frame
    if _is_by_libmv(config):
        found = found | slice_libmv_settings(config)
    elif _needs_blender(config):
        found["executable"] = config.composite.blender.executable
    return found


def _is_by_libmv(config: Config) -> bool:
    return not config.tracking.session_file and config.tracking.engine == "blender"


def _needs_blender(config: Config) -> bool:
    return _is_by_libmv(config) or any(is_blend(name) for name in list_named(config))


def build(job: Job) -> str:
    """Build tracks.npz and quality.json. Return a line on the tracks.

    Raises ShotError when frame_range leaves the plate, when the tracks cannot be made or read, and when a file changes
    while it is read.
    """
    from shotmake.config.track_annotations import read_groups, read_manual
    from shotmake.footage.plate import find_frame_span
    from shotmake.tracks.groups import groups_from_manual, manage
    from shotmake.tracks.markers import merge_tracks, save_tracks
    from shotmake.tracks.quality import make_quality

    plate = read_plate(job.inputs["footage"])
    first, last = find_frame_span(plate, job.settings["frame_range"])
    bad = list_bad(job, plate)
    left = last - first + 1 - sum(first <= frame <= last for frame in bad)
    if left < LEAST_FRAMES:
        raise ShotError(
            f"shot.footage.bad_frames: found {format_ranges(bad)}; {count_of(left, 'frame is', 'frames are')} left to "
            f"track from {first} to {last}, needed {LEAST_FRAMES}"
        )
    made = (
        import_tracks(job, plate, first, last) if job.settings["session_file"] else track_shot(job, plate, first, last)
    )
    manual = read_manual(job.settings["manual"])[0]
    tracks, names = made.tracks, made.names
    if manual:
        unused = int(tracks.track_id.max(initial=-1)) + 1
        placed = track_by_hand(job, plate, manual, first, last)
        tracks = merge_tracks([tracks, placed], first, last)
        names = {**names, **{unused + at: one.name for at, one in enumerate(manual)}}
    groups = (*groups_from_manual(manual), *read_groups(job.settings["groups"])[0])
    managed = manage(tracks, groups, {name: track for track, name in names.items()}, plate.size_px[0])
    kept = set(managed.tracks.track_id.tolist())
    weights = {track: weight for track, weight in made.weights.items() if track in kept}
    managed = replace(managed, weights={**weights, **managed.weights})
    numbers = make_quality(managed, names, made.renewals, plate.width_height_px, (first, last), bad)
    job.targets["tracks"].write_bytes(save_tracks(managed.tracks, managed.weights))
    job.targets["quality"].write_bytes(to_json_bytes({"schema": 1, **numbers, "segments": made.spans}))
    where = "every frame" if left == last - first + 1 else f"each of the {left} frames that can be tracked"
    return f"{count_of(numbers['tracks'], 'track')}, at least {numbers['tracks_per_frame_min']} in {where}{made.line}"


def list_bad(job: Job, plate: "Plate") -> list[int]:
    """Return the frames that nobody tracks. Of tracks made elsewhere only those that the artist names."""
    from shotmake.footage.plate import find_frame_span, list_bad_frames

    named = job.settings["bad_frames"]
    return (
        []
        if named is None and job.settings["session_file"]
        else list_bad_frames(plate, named, find_frame_span(plate, job.settings["frame_range"])[0])
    )


class Made(NamedTuple):
    """Tracks, wherever they come from. `renewals` (K, 2) holds track id and frame."""

    tracks: "Tracks"
    renewals: "np.ndarray"
    spans: list[tuple[int, int]]
    line: str  # what there is to say about the tracks
    names: dict[int, str] = {}
    weights: dict[int, float] = {}


def track_shot(job: Job, plate: "Plate", first: int, last: int) -> Made:
    """Track the plate segment by segment (Blender in one go), and clean the tracks."""
    import numpy as np

    from shotmake.tracks.mask import remove_masked
    from shotmake.tracks.segments import NONE_RENEWED
    from shotmake.tracks.tracker import clean_tracks

    clean = Clean(**job.settings["clean"])
    if job.settings["engine"] == "blender":
        boxes = read_object_boxes(
            job.settings, job.inputs
        )  # this may raise, so it comes before Blender's minutes of work
        tracks = track_by_blender(job, plate, first, last)
        tracks = remove_masked(tracks, make_masks(plate, job.settings["mask"], first, last, boxes))
        bad = list_bad(job, plate)
        tracks = tracks.select(~np.isin(tracks.frame, bad))
        return Made(clean_tracks(tracks, clean, bad), NONE_RENEWED, [], ", by Blender")
    await_kernels(TRACKER)
    with job.show_progress(last - first + 1, "tracking") as bar:
        walked = segments.walk(
            plate, job.settings, job.inputs, job.digests, job.shot, on_frame=lambda frame: bar(frame - first + 1)
        )
    job.kept.extend(walked.paths)
    reused = f", {walked.reused} of {count_of(len(walked.spans), 'segment')} reused" if walked.reused else ""
    return Made(clean_tracks(walked.tracks, clean, list_bad(job, plate)), walked.renewals, walked.spans, reused)


def track_by_hand(job: Job, plate: "Plate", manual: tuple[Manual, ...], first: int, last: int) -> "Tracks":
    """Track the points that the user has placed by hand (tracking.manual)."""
    from shotmake.footage.plate import read_luma
    from shotmake.tracks.manual import track_manual

    return track_manual(
        read_luma(plate, get_show_folder(), first, last), manual, Track(**job.settings["track"]), first, last
    )


def import_tracks(job: Job, plate: "Plate", first: int, last: int) -> Made:
    """Read the tracks of other sessions and programs. They are not cleaned: whoever made them has done so."""
    from shotmake.tracks.segments import NONE_RENEWED

    made = read_sessions(job, plate, first, last)
    line = "; ".join([f", from {', '.join(path.name for path in list_session_inputs(job))}", *made.notes])
    return Made(made.tracks, NONE_RENEWED, [], line, made.names, made.weights)


TRACKS = Stage(
    "tracks",
    version=segments.VERSION,
    targets={"tracks": "tracking/sessions/{id}/tracks.npz", "quality": "tracking/sessions/{id}/quality.json"},
    reads=lambda config: ("footage", "objects") if has_objects(config) else ("footage",),
    settings=slice_settings,
    files=list_inputs,
    wanted=lambda config: config.tracking.enabled,
    after=lambda config: ("blender",) if _needs_blender(config) else (),
    needs_camera=lambda config: False,
    build=build,
)
