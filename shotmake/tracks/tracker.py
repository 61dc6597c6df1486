"""The 2D tracker: plate frames in, tracks out.

In each frame all tracks are predicted, refined against their anchors and judged (shotmake.tracks.follow). New corners
(shotmake.tracks.detect) replace the tracks that ended. Tracks that were born in a segment are then followed backwards
to its first frame, so that early frames are covered as well as late ones.

shotmake.tracks.segments holds all that one segment of the plate hands over to the next.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from shotmake.config import schema
from shotmake.tracks.markers import Tracks, join_tracks
from shotmake.tracks.segments import Handover, join_segments

FRAMES_HELD_BYTES = 140_000_000  # how much of a segment is held for the way back; a larger one goes back in blocks

MaskOf = Callable[[int], np.ndarray | None]  # plate frame number -> a mask (shotmake.tracks.mask)


def track_segment(
    frames: Iterable[tuple[int, np.ndarray]],
    handover: Handover | None,
    detect: schema.Detect,
    track: schema.Track,
    mask_of: MaskOf = lambda frame: None,
    bad_frames: Collection[int] = (),
) -> tuple[Tracks, Handover]:
    """Track consecutive frames (plate frame number, (H, W) uint8 luma), from a handover (None = from the start).

    Nothing is looked for in bad_frames: the tracks are found again behind them.

    Returns the markers of these frames, uncleaned, and the handover for the next segment. Track ids are this segment's
    own: those handed over are 0 to N-1, in order.
    Raises ValueError when there are no frames and no handover.
    """
    from shotmake.tracks import detect as births
    from shotmake.tracks import follow, follow_newborn_back, predict  # compiled code: loaded when there is work for it

    parts: list[Tracks] = []
    block, newborn = [], []
    handover = handover.renumber() if handover is not None else None
    anchors = follow.anchors_of(handover, track) if handover is not None else None
    levels = predict.make_pyramid(handover.half) if handover is not None else []

    def go_back(handover: Handover) -> Handover:
        earlier, renewed = follow_newborn_back.follow_back(block, newborn, parts, detect, track, mask_of)
        parts.append(earlier)
        return replace(handover, renewed=np.concatenate([handover.renewed, renewed]))

    for frame, luma in frames:
        picture = predict.Picture(np.ascontiguousarray(luma))
        if frame in bad_frames:
            handover = follow.begin_empty(frame, picture, track) if handover is None else handover
            continue
        if handover is None or anchors is None:
            handover = follow.begin_empty(frame, picture, track)
            anchors = follow.anchors_of(handover, track)
        else:
            handover, anchors = follow.follow(handover, anchors, levels, frame, picture, track, mask_of(frame))
        born, born_anchors = births.find_newborn(handover, picture.luma, detect, track, mask_of(frame))
        if len(born.track_id):
            handover = replace(handover.join(born), next_id=handover.next_id + len(born.track_id))
            anchors = anchors.join(born_anchors)
        parts.append(handover.list_markers())
        if len(block) and (len(block) + 1) * luma.nbytes > FRAMES_HELD_BYTES:
            handover = go_back(handover)
            block, newborn = [], []
        block.append((frame, picture))
        levels = picture.levels
        newborn.append(born)
    if handover is None:
        raise ValueError("track_segment: found no frames and no handover; needed one of them")
    handover = go_back(handover) if block else handover
    return join_tracks(parts), handover


def track_plate(
    frames: Iterable[tuple[int, np.ndarray]],
    detect: schema.Detect,
    track: schema.Track,
    clean: schema.Clean,
    on_frame: Callable[[int], None] = lambda n: None,
    mask_of: MaskOf = lambda frame: None,
    bad_frames: Collection[int] = (),
) -> Tracks:
    """Track a whole plate in segments that begin where frame % segment_frames == 0; then clean the tracks.

    frames: (plate frame number, (H, W) uint8 luma), consecutive numbers; on_frame: called with each frame number that
    is done.
    """

    def report() -> Iterator[tuple[int, np.ndarray]]:
        for frame, luma in frames:
            yield frame, luma
            on_frame(frame)

    parts, handover = [], None
    for _, segment in groupby(report(), key=lambda numbered: numbered[0] // track.segment_frames):
        part, handover = track_segment(segment, handover, detect, track, mask_of, bad_frames)
        parts.append((part, handover.track_id))
    return clean_tracks(join_segments(parts), clean, bad_frames)


def clean_tracks(tracks: Tracks, clean: schema.Clean, bad_frames: Collection[int] = ()) -> Tracks:
    """Remove runs of fewer than min_frames unbroken frames, or (delete_track) every track that has such a run.

    bad_frames, which nobody tracked, break no run.
    """
    if not len(tracks):
        return tracks
    run = _number_runs(tracks, bad_frames)
    short = np.bincount(run)[run] < clean.min_frames
    if clean.action == "delete_track":
        short = np.isin(tracks.track_id, tracks.track_id[short])
    return tracks.select(~short)


def _number_runs(tracks: Tracks, bad_frames: Collection[int]) -> np.ndarray:
    """Return (M,) a number for each unbroken run of frames of one track."""
    place = tracks.frame - np.searchsorted(np.array(sorted(bad_frames), int), tracks.frame)
    begins = (np.diff(tracks.track_id) != 0) | (np.diff(place) != 1)
    return np.concatenate([[0], np.cumsum(begins)])
