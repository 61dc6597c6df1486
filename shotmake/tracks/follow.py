"""From one frame to the next: each track is predicted, matched to its anchor, and judged.

A marker in doubt is not written. Its track is carried along at its own pace, which changes as its neighbours' pace
changes, for up to a second. Where its anchor matches again, the track goes on: behind a passing object, after a frame
of heavy blur. Otherwise it ends. A short track costs little, a wrong one bends the solve.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, without stubs

from shotmake.config import schema
from shotmake.tracks import anchor, predict
from shotmake.tracks.anchor import Anchors, Refined
from shotmake.tracks.mask import COVERED
from shotmake.tracks.predict import Picture
from shotmake.tracks.segments import LIVE, NONE_RENEWED, Handover

JUMP_MAX_PX = 4.0  # how far refinement may move a marker from its prediction
CARRIED_OFF_PX = 0.75  # how much farther, for each frame in which it was hidden
CORRELATION_FLOOR = 0.5  # the least correlation, however bad the frame's median is
# Parts of a patch that move apart lie on a depth edge. A ratio of what is usual in the frame is allowed (motion blur
# moves the parts too), within these limits. Of all gates this one removes the most drift.
QUADRANT_RATIO, QUADRANT_MIN_PX, QUADRANT_MAX_PX = 3.0, 0.4, 0.7
EXPECTED_MAX_PX = 0.5
# So many times what is usual in the frame passes in any case: blur should cost precision before it costs tracks.
BLUR_RATIO = 1.3
SAME_SHOT_CORRELATION = 0.8  # across a cut, the median is lower
USUAL_CORRELATION_MIN = 0.75  # the limits above are for this correlation_min; a stricter one narrows them all
SCALE_MAX, STRETCH_MAX = 2.2, 2.2  # beyond this the anchor is renewed (earlier renewal drifts more)
NEIGHBOURS = 6  # a hidden track changes its pace by the median of so many neighbours
# So long a hidden track is kept, and no new track is born in its place: what failed there would fail again.
HIDDEN_MAX_FRAMES = 24
LOOKED_FOR_FRAMES, LOOKED_FOR_EVERY = 8, 3  # after 8 hidden frames, a track is looked for in every third frame only
FOUND_AGAIN_RATIO = 0.9  # a hidden track needs this share of the median correlation to go on
CUT_SHARE = 0.1  # when fewer tracks match, it is another shot, or nothing is seen, and nothing is carried over


def begin_empty(frame: int, picture: Picture, track: schema.Track) -> Handover:
    """Return the handover of a frame in which nothing has been found yet."""
    side_px = anchor.find_cut_px(track.pattern_px)
    shapes = {"patch": (0, side_px, side_px), "warp": (0, 2, 2)}
    shapes |= dict.fromkeys(("xy_px", "velocity_px", "tilt"), (0, 2))
    types = {"patch": np.float32} | dict.fromkeys(("track_id", "seen_frames", "lost_frames"), np.int32)
    empty = {name: np.zeros(shapes.get(name, (0,)), types.get(name, np.float64)) for name in LIVE}
    return Handover(frame=frame, next_id=0, half=picture.half, renewed=NONE_RENEWED, **empty)


def anchors_of(handover: Handover, track: schema.Track) -> Anchors:
    """Return the anchors of a handover's tracks."""
    return anchor.prepare(handover.patch, track.motion_model)


def follow(
    before: Handover,
    anchors: Anchors,
    levels: list[np.ndarray],
    frame: int,
    picture: Picture,
    track: schema.Track,
    mask: np.ndarray | None,
) -> tuple[Handover, Anchors]:
    """Follow the tracks to the next frame that can be tracked. Tracks in doubt are hidden, and in the end dropped.

    levels: the pyramid, (H, W) uint8 each, of the frame in which the tracks are now; picture: the next frame; matte:
    the mask of the next frame, (H, W) uint8, or None.
    """
    luma = picture.luma
    if not len(before.track_id):
        return replace(before, frame=frame, half=picture.half), anchors
    steps = abs(frame - before.frame)  # more than one where frames in between cannot be tracked
    found, sound, moved_px = _find(before, anchors, levels, picture, track.correlation_min, steps)
    if mask is not None:
        sound &= ~_are_covered(mask, found.xy_px)

    xy_px = np.where(sound[:, None], found.xy_px, before.xy_px + moved_px)
    lost_frames = np.where(sound, 0, before.lost_frames + 1).astype(np.int32)
    # A track that was found again has no speed of its own; its neighbours give it.
    steady = (sound & before.seen)[:, None]
    after = replace(
        before,
        frame=frame,
        half=picture.half,
        xy_px=xy_px,
        velocity_px=np.where(steady, xy_px - before.xy_px, moved_px) / steps,
        warp=np.where(sound[:, None, None], found.warp, before.warp),
        tilt=np.where(sound[:, None], found.tilt, before.tilt),
        expected_px=np.where(sound, np.sqrt(found.expected_px**2 + before.inherited_px2), before.expected_px),
        seen_frames=(before.seen_frames + sound).astype(np.int32),
        lost_frames=lost_frames,
    )
    in_frame = ((xy_px >= 0) & (xy_px < luma.shape[::-1])).all(1)
    worth_waiting = in_frame & (lost_frames <= HIDDEN_MAX_FRAMES)
    if sound.sum() < max(CUT_SHARE * before.seen.sum(), NEIGHBOURS):
        worth_waiting[:] = False
        sound &= before.seen.sum() < 3 * NEIGHBOURS  # where so few of many match, they match by chance
    kept = np.flatnonzero(sound | worth_waiting)
    return _renew_anchors(after.keep(kept), anchors.keep(kept), luma, track)


def _find(
    before: Handover, anchors: Anchors, levels: list[np.ndarray], picture: Picture, correlation_min: float, steps: int
) -> tuple[Refined, np.ndarray, np.ndarray]:
    """Return where the tracks are, (N,) which of that to believe, and (N, 2) how far each track's neighbours moved."""
    count, seen, luma = len(before.track_id), np.flatnonzero(before.seen), picture.luma
    usual_move_px = before.velocity_px * steps
    predicted_px = predict.predict(
        levels,
        picture.levels,
        before.xy_px[seen],
        (before.xy_px + usual_move_px)[seen],
        np.array(luma.shape[::-1], float),
    )
    first = anchor.refine(luma, anchors.keep(seen), predicted_px, before.warp[seen], before.tilt[seen])
    inside = first.correlation > -1
    # Relative to the frame's median, so that one blurred frame does not end every track.
    median = float(np.median(first.correlation[inside])) if inside.any() else 0.0
    usual_px = float(np.median(first.quadrant_px[inside])) if inside.any() else 0.0
    usual_expected_px = float(np.median(first.expected_px[inside])) if inside.any() else 0.0

    room = (1 - correlation_min) / (1 - USUAL_CORRELATION_MIN)
    quadrant_max_px = np.clip(QUADRANT_RATIO * usual_px, QUADRANT_MIN_PX, QUADRANT_MAX_PX) * room
    expected_max_px = EXPECTED_MAX_PX * room
    if median > SAME_SHOT_CORRELATION:
        quadrant_max_px = max(quadrant_max_px, BLUR_RATIO * usual_px)
        expected_max_px = max(expected_max_px, BLUR_RATIO * usual_expected_px)

    def believe(found: Refined, predicted_px: np.ndarray, ratio: float, reach_px: np.ndarray | float) -> np.ndarray:
        good = found.correlation >= max(ratio * median, CORRELATION_FLOOR)
        good &= np.linalg.norm(found.xy_px - predicted_px, axis=1) < reach_px
        return good & (found.quadrant_px < quadrant_max_px) & (found.expected_px < expected_max_px)

    nothing = np.zeros(count)
    found = Refined(before.xy_px, before.warp, before.tilt, nothing - 1, nothing, nothing).put(seen, first)
    sound = np.zeros(count, bool)
    sound[seen] = believe(first, predicted_px, correlation_min, JUMP_MAX_PX)
    moved_px = usual_move_px.copy()
    missed = np.flatnonzero(~sound)
    if len(missed) and sound.sum() >= NEIGHBOURS:
        nearest = cKDTree(before.xy_px[sound]).query(before.xy_px[missed], NEIGHBOURS)[1]
        moved_px[missed] += np.median((found.xy_px - before.xy_px - usual_move_px)[sound][nearest], axis=1)
        hidden_for = before.lost_frames[missed]
        missed = missed[(hidden_for < LOOKED_FOR_FRAMES) | (hidden_for % LOOKED_FOR_EVERY == 0)]
        ours, carried_px = anchors.keep(missed), (before.xy_px + moved_px)[missed]
        again = anchor.refine(luma, ours, carried_px, before.warp[missed], before.tilt[missed])
        # Both place and shape may be far off by now, so a second refinement from the result of the first gets nearer.
        again = anchor.refine(luma, ours, again.xy_px, again.warp, again.tilt)
        reach_px = JUMP_MAX_PX + CARRIED_OFF_PX * before.lost_frames[missed]
        believable = believe(again, carried_px, max(FOUND_AGAIN_RATIO, correlation_min), reach_px)
        found, sound[missed] = found.put(missed, again), believable
    return found, sound, moved_px


def _are_covered(mask: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Return (N,) which points lie under the mask. Its feather covers none."""
    column, row = np.clip(np.nan_to_num(xy_px).astype(int), 0, np.array(mask.shape[::-1]) - 1).T
    return mask[row, column] == COVERED


def _renew_anchors(live: Handover, anchors: Anchors, luma: np.ndarray, track: schema.Track) -> tuple[Handover, Anchors]:
    """Cut new anchors, at the refined positions, where the old ones no longer look like the frame.

    The path has no jump: the new anchor starts where the old one ended, and inherits its error.
    """
    if not len(live.track_id):
        return live, anchors
    a, b, c, d = live.warp.reshape(-1, 4).T
    area, size = np.abs(a * d - b * c), a * a + b * b + c * c + d * d  # products and squares of the singular values
    long = np.sqrt((size + np.sqrt(np.maximum(size**2 - 4 * area**2, 0))) / 2)
    scale, stretch = np.sqrt(area), long**2 / np.maximum(area, 1e-9)
    due = (scale > SCALE_MAX) | (scale < 1 / SCALE_MAX) | (stretch > STRETCH_MAX)
    if track.pattern_match == "previous":
        due[:] = True
    due = np.flatnonzero(due & live.seen)
    if not len(due):
        return live, anchors
    patches, inside = anchor.cut_patches(luma, live.xy_px[due], track.pattern_px)
    due, patches = due[inside], patches[inside]

    def put(values: np.ndarray, renewed: np.ndarray | float) -> np.ndarray:
        values = values.copy()
        values[due] = renewed
        return values

    record = np.stack([live.track_id[due], np.full(len(due), live.frame)], 1).astype(np.int32)
    renewed = replace(
        live,
        patch=put(live.patch, patches),
        warp=put(live.warp, np.eye(2)),
        tilt=put(live.tilt, 0.0),
        inherited_px2=put(live.inherited_px2, live.expected_px[due] ** 2),
        renewed=np.concatenate([live.renewed, record]),
    )
    # The new anchors come after the old ones in the arrays; each track points to its own.
    rows = put(np.arange(len(anchors)), len(anchors) + np.arange(len(due)))
    return renewed, anchors.join(anchor.prepare(patches, track.motion_model)).keep(rows)
