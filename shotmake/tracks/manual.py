"""Manual tracks: placed by hand at some frames, and followed both ways from there as any other track.

A manual track goes forward until its next key or until it is in doubt. It goes backwards to the first frame of the
segment in which the key is, as far as no earlier key has been there. A key sets position and anchor anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shotmake.config import schema
from shotmake.config.track_annotations import Manual
from shotmake.errors import ShotError
from shotmake.tracks.markers import Tracks
from shotmake.tracks.segments import Handover, list_segment_spans
from shotmake.tracks.tracker import FRAMES_HELD_BYTES

if TYPE_CHECKING:  # compiled code: loaded when there is something to track
    from shotmake.tracks.predict import Picture

Frames = Iterable[tuple[int, np.ndarray]]
Markers = dict[tuple[int, int], tuple[np.ndarray, float]]  # (track, frame) -> (position px, expected error px)


def track_manual(frames: Frames, manual: tuple[Manual, ...], track: schema.Track, first: int, last: int) -> Tracks:
    """Track the manual tracks. Their ids are their places in `manual`.

    frames: (plate frame, (H, W) uint8 luma), first..last in order.
    Raises ShotError for a key outside first..last, or too near the border.
    """
    for one in manual:
        for frame in one.keys:
            if not first <= frame <= last:
                raise ShotError(f"tracking.manual: {one.name} has a key at {frame}; the frames are {first} to {last}")
    markers: Markers = {}
    running: dict[str, Handover | None] = {}
    for segment in _yield_segments(iter(frames), list_segment_spans(first, last, track.segment_frames)):
        for model in sorted({one.motion_model or track.motion_model for one in manual}):
            ours = {at: one for at, one in enumerate(manual) if (one.motion_model or track.motion_model) == model}
            settings = replace(track, motion_model=model)
            running[model] = _track_forward(segment, ours, running.get(model), settings, markers)
            _track_backward(segment, ours, settings, markers)
    rows = sorted(markers)
    places = [markers[row][0] for row in rows]
    errors = [markers[row][1] for row in rows]
    return Tracks.from_markers([row[0] for row in rows], [row[1] for row in rows], places or np.zeros((0, 2)), errors)


def _yield_segments(
    frames: Iterator[tuple[int, np.ndarray]], spans: list[tuple[int, int]]
) -> Iterator[list[tuple[int, "Picture"]]]:
    """Yield the frames of each segment, as pictures. A segment that is too large to be held comes in blocks."""
    from shotmake.tracks.predict import Picture

    for begin, end in spans:
        block: list[tuple[int, Picture]] = []
        for _ in range(begin, end + 1):
            frame, luma = next(frames)
            if block and (len(block) + 1) * luma.nbytes > FRAMES_HELD_BYTES:
                yield block
                block = []
            block.append((frame, Picture(luma)))
        yield block


def _follow(live: Handover | None, frame: int, picture: "Picture", track: schema.Track) -> Handover:
    from shotmake.tracks import follow as following
    from shotmake.tracks import predict

    if live is None or not len(live.track_id):
        return following.begin_empty(frame, picture, track)
    levels, anchors = predict.make_pyramid(live.half), following.anchors_of(live, track)
    return following.follow(live, anchors, levels, frame, picture, track, None)[0]


def _track_forward(
    segment: list, ours: dict[int, Manual], live: Handover | None, track: schema.Track, markers: Markers
) -> Handover | None:
    for frame, picture in segment:
        live = _follow(live, frame, picture, track)
        set_here = [at for at, one in ours.items() if frame in one.keys]
        live = live.keep(np.flatnonzero(~np.isin(live.track_id, set_here))).join(
            _place(live, picture, ours, set_here, track)
        )
        _write(live, markers)
    return live


def _track_backward(segment: list, ours: dict[int, Manual], track: schema.Track, markers: Markers) -> None:
    live: Handover | None = None
    for frame, picture in reversed(segment):
        live = _follow(live, frame, picture, track)
        met = [at for at in live.track_id.tolist() if (at, frame) in markers]  # these were here from an earlier key
        live = live.keep(np.flatnonzero(~np.isin(live.track_id, met)))
        _write(live, markers)
        set_here = [at for at, one in ours.items() if frame in one.keys]
        live = live.join(_place(live, picture, ours, set_here, track))


def _place(
    live: Handover, picture: "Picture", ours: dict[int, Manual], which: list[int], track: schema.Track
) -> Handover:
    """Return the tracks that begin where the artist put them, in the frame of `live`.

    Raises ShotError for a place too near the border.
    """
    from shotmake.tracks import anchor
    from shotmake.tracks import follow as following

    xy_px = np.array([ours[at].keys[live.frame] for at in which], float).reshape(-1, 2)
    patches, inside = anchor.cut_patches(picture.luma, xy_px, track.pattern_px)
    if not inside.all():
        at = which[int(np.argmin(inside))]
        raise ShotError(
            f"tracking.manual: {ours[at].name} at {ours[at].keys[live.frame]} in frame {live.frame} is too near the "
            f"border; needed {track.pattern_px // 2 + 2} px on each side"
        )
    count = len(which)
    return replace(
        following.begin_empty(live.frame, picture, track),
        track_id=np.array(which, np.int32),
        xy_px=xy_px,
        velocity_px=np.zeros((count, 2)),
        patch=patches,
        warp=np.tile(np.eye(2), (count, 1, 1)),
        tilt=np.zeros((count, 2)),
        inherited_px2=np.zeros(count),
        expected_px=np.full(count, 0.05),
        seen_frames=np.ones(count, np.int32),
        lost_frames=np.zeros(count, np.int32),
    )


def _write(live: Handover, markers: Markers) -> None:
    for row in np.flatnonzero(live.seen):
        markers[int(live.track_id[row]), live.frame] = (live.xy_px[row], float(live.expected_px[row]))
