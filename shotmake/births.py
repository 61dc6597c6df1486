"""New tracks: corners where tracks are short, each with the anchor patch it will be held to."""

import cv2
import numpy as np

from shotmake import anchor, config
from shotmake.anchor import Anchors
from shotmake.corners import detect_corners
from shotmake.handover import Handover

REFILL_BELOW, REFILL_TO = 1.1, 1.25  # times min_tracks: some of the newborn soon fail and are cleaned away
REFILL_EVERY_FRAMES = 8  # cells that ran empty are refilled at least this often
HURRY_EVERY_FRAMES = 2  # too few tracks: but a plate without texture is not searched in every frame
LOST_AT_ONCE = 0.02  # of min_tracks, hidden since this frame: so are the missing after a jolt
CONTRAST_MIN = 3.0  # grey levels: below this a patch is noise
ROUNDNESS_MIN = 0.05  # below this it is an edge, free to slide


def newborn(
    live: Handover, luma: np.ndarray, detect: config.Detect, track: config.Track, matte: np.ndarray | None
) -> tuple[Handover, Anchors]:
    """Tracks to add to the live ones in their last frame, and their anchors; often none."""
    nobody = live.keep(np.zeros(0, int)), anchor.prepare(live.patch[:0], track.motion_model)
    if not _is_due(live, detect.min_tracks):
        return nobody
    scale = np.array([luma.shape[1] / live.half.shape[1], luma.shape[0] / live.half.shape[0]])
    wanted = int(np.ceil(detect.min_tracks * REFILL_TO)) + int((~live.seen).sum())
    half = None if matte is None else cv2.resize(matte, live.half.shape[::-1], interpolation=cv2.INTER_NEAREST)
    xy_px = detect_corners(live.half, live.xy_px / scale, wanted, detect, float(scale.mean()), half) * scale
    if matte is not None:  # at half size one pixel in four was looked at
        xy_px = xy_px[matte[tuple(xy_px.astype(int).T[::-1])] == 0]
    patches, inside = anchor.cut_patches(luma, xy_px, track.pattern_px)
    anchors = anchor.prepare(patches, track.motion_model)
    good = np.flatnonzero(inside & (anchors.contrast > CONTRAST_MIN) & (anchors.roundness > ROUNDNESS_MIN))
    anchors, born = anchors.keep(good), len(good)
    if not born:
        return nobody
    velocity_px = np.median(live.velocity_px, axis=0) if len(live.track_id) else np.zeros(2)
    return Handover(
        frame=live.frame,
        next_id=live.next_id,
        half=live.half,
        renewed=live.renewed[:0],
        track_id=np.arange(live.next_id, live.next_id + born, dtype=np.int32),
        xy_px=xy_px[good],
        velocity_px=np.tile(velocity_px, (born, 1)),
        patch=patches[good],
        warp=np.tile(np.eye(2), (born, 1, 1)),
        tilt=np.zeros((born, 2)),
        inherited_px2=np.zeros(born),
        expected_px=anchor.newborn_error_px(anchors),
        seen_frames=np.ones(born, np.int32),
        lost_frames=np.zeros(born, np.int32),
    ), anchors


def _is_due(live: Handover, min_tracks: int) -> bool:
    count = int(live.seen.sum())
    is_short = count < REFILL_BELOW * min_tracks
    if count == 0 or (is_short and (live.lost_frames == 1).sum() > LOST_AT_ONCE * min_tracks):
        return True
    return live.frame % (HURRY_EVERY_FRAMES if is_short else REFILL_EVERY_FRAMES) == 0
