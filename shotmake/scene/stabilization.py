"""Stabilising: a similarity for each frame, which brings the chosen tracks to where they stand in a reference frame.

All frames are estimated together. Each track has one place in the stabilised picture; each frame has the turn, size and
shift that put its markers there. A track ties all frames in which it is seen, so errors do not add up from frame to
frame. Tracks that are born later come in through those that they were seen with. Tracks on things that move are cast
out by Tukey's biweight, after a start by least median of squares. Where there is parallax, no similarity holds all of
the picture still; then the result holds the most of it, smoothly. Or one object is held by its box (stabilize_box).

Inside this module the picture is the complex plane, its centre 0, y up, in px. A similarity is z -> grow * z + shift.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from shotmake.errors import ShotError
from shotmake.tracks.markers import DISABLED, Tracks

KEY = "composite.stabilization"
CURE_OF_CHOSEN = "choose more"
CURE_OF_ALL = "shorten shot.footage.frame_range, or place tracks by hand (tracking.manual)"
SEED, PAIRS = 7, 120  # pairs of tracks that a frame's start tries: with 60 % good tracks, some pair is good
TUKEY = 7.0  # in deviations: what is further off is no part of the rigid whole; the usual 4.7 jumps between depths
SIGMA_FROM_MEDIAN = 1 / 1.1774  # sigma from the median length of errors in two axes
FLOOR_PX = 0.02
LEAST_SIZE = 1e-4  # the least size of a frame, as a factor: no picture is shown a ten-thousandth as large
FADE_FRAMES = 12  # over how many frames a track gains or loses its weight
ROUNDS, DONE_PX = 30, 1e-3
# How strongly a frame keeps to its last estimate where its tracks tell nothing (two in one place), as a share of what
# is known.
HOLD = 1e-9


@dataclass(frozen=True)
class Stabilization:
    """What Blender's Translate, Rotate and Scale do, one after the other, about the picture's centre.

    frames (N,): plate frame numbers, without gaps; translate_px (N, 2): right and up; rotation_rad (N,):
    counter-clockwise; scale (N,): factors.
    """

    frames: np.ndarray
    translate_px: np.ndarray
    rotation_rad: np.ndarray
    scale: np.ndarray

    def to_json(self) -> dict:
        """Return the `stabilization` block of a scene sheet."""
        return {name: np.round(value, 9).tolist() for name, value in vars(self).items()}


def stabilize(
    tracks: Tracks,
    size_px: tuple[float, float],
    frames: tuple[int, int],
    reference: int | None,
    are_all: bool = False,
    skipped: Collection[int] = (),
    repeated: Collection[int] = (),
) -> Stabilization:
    """Stabilize the frames first..last, inclusive, by all enabled markers of `tracks`.

    size_px: the size of the picture in which xy_px of the tracks count; reference: the plate frame that stays as it is,
    None = the first; are_all: whether `tracks` are all that the shot has, for the cure that an error tells. Nobody
    tracked the `skipped` frames: those of them that are `repeated` move as the frame before, the others between the
    frames around. Raises ShotError for a frame without two tracks that lead to the reference frame, directly or through
    others, for a frame whose size the tracks do not tell, and for a reference outside the shot or among `skipped`.
    """
    first, last = frames
    numbers = np.setdiff1d(np.arange(first, last + 1), np.array(sorted(skipped), int))
    reference = _choose_reference((first, last), int(numbers[0]) if reference is None else reference)
    if reference not in numbers:
        raise ShotError(f"{KEY}.frame: found {reference}, which nobody tracks; needed a frame that is tracked")
    if first == last:  # there is only the reference frame, which stays as it is
        return Stabilization(np.array([first]), np.zeros((1, 2)), np.zeros(1), np.ones(1))
    inside = np.isin(tracks.frame, numbers) & (tracks.status != DISABLED)
    used = tracks.select(inside & np.isfinite(tracks.xy_px).all(1))
    _, track, lengths = np.unique(used.track_id, return_inverse=True, return_counts=True)
    used = used.select(lengths[track] > 1)  # a track that is seen once ties no frames together
    ids, track = np.unique(used.track_id, return_inverse=True)
    place = (used.xy_px[:, 0] - size_px[0] / 2) + 1j * (size_px[1] / 2 - used.xy_px[:, 1].astype(float))
    markers = _Markers(track, np.searchsorted(numbers, used.frame), place, len(ids), len(numbers))
    cure, stays = CURE_OF_ALL if are_all else CURE_OF_CHOSEN, int(np.searchsorted(numbers, reference))
    grow, shift = _refine(markers, *_begin(markers, stays, numbers, cure), stays)
    _check_sizes(grow, shift, numbers, cure)
    before = shift / grow  # in Blender, Translate comes before Rotate and Scale
    values = np.stack([before.real, before.imag, np.unwrap(np.angle(grow)), np.abs(grow)], 1)
    values = _fill_skipped(values, numbers, frames, repeated)
    return Stabilization(np.arange(first, last + 1), values[:, :2], values[:, 2], values[:, 3])


def _fill_skipped(
    values: np.ndarray, numbers: np.ndarray, frames: tuple[int, int], repeated: Collection[int]
) -> np.ndarray:
    """Return values (F, K) of all frames, from those (N, K) of the frames `numbers` (N,)."""
    every = np.arange(frames[0], frames[1] + 1)
    known = ~np.isin(every, sorted(repeated)) | np.isin(every, numbers)
    shown = np.maximum.accumulate(np.where(known, every, frames[0]))  # the frame that a repeated one shows
    return np.stack([np.interp(shown, numbers, column) for column in values.T], 1)


def _check_sizes(grow: np.ndarray, shift: np.ndarray, numbers: np.ndarray, cure: str) -> None:
    """Check that the tracks tell a size for each frame. Raises ShotError where they do not."""
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(grow) & np.isfinite(shift) & (np.abs(grow) > LEAST_SIZE) & (np.abs(grow) < 1 / LEAST_SIZE)
    if not sound.all():
        raise ShotError(
            f"{KEY}.tracks: found the chosen tracks in one place in frame {numbers[int(np.argmin(sound))]}, or in the "
            f"frames that tie it to the reference frame; needed two that stay apart: {cure}"
        )


def stabilize_box(
    box_frames: np.ndarray,
    marks_px: np.ndarray,
    size_px: tuple[float, float],
    frames: tuple[int, int],
    reference: int | None,
) -> Stabilization:
    """Hold one object still, as a tracker of one point with its size does.

    Its box's centre stands where it stands in the reference frame, and as high as the box is there. The picture is not
    turned, because a box shows no rotation. The height alone gives the size, because a walker's width swings with arms
    and legs.

    box_frames (N,): without gaps, some of first..last; marks_px (N, 3, 2): the centre, the middles of the upper and of
    the lower edge, in the picture of size_px. Where the object is not there, also in the reference frame, its nearest
    frame counts.
    Raises ShotError for a reference outside the shot.
    """
    reference = _choose_reference(frames, reference)
    numbers = np.arange(frames[0], frames[1] + 1)
    at = np.clip(numbers, box_frames[0], box_frames[-1]) - box_frames[0]
    centre = (marks_px[at, 0] - np.array(size_px) / 2) * (1, -1)
    height = np.linalg.norm(marks_px[at, 2] - marks_px[at, 1], axis=1)
    scale = height[reference - frames[0]] / height
    return Stabilization(
        numbers, centre[reference - frames[0]] / scale[:, None] - centre, np.zeros(len(numbers)), scale
    )


def _choose_reference(frames: tuple[int, int], reference: int | None) -> int:
    first, last = frames
    if reference is not None and not first <= reference <= last:
        raise ShotError(f"{KEY}.frame: found {reference}; the shot has the frames {first} to {last}")
    return first if reference is None else reference


@dataclass(frozen=True)
class _Markers:
    """The markers that are used. track (M,), frame (M,): indices, sorted by both; place (M,): complex, px."""

    track: np.ndarray
    frame: np.ndarray
    place: np.ndarray
    track_count: int
    frame_count: int

    def list_by_frame(self) -> list[np.ndarray]:
        """Return the rows of each frame."""
        order = np.argsort(self.frame, kind="stable")
        return np.split(order, np.searchsorted(self.frame[order], np.arange(1, self.frame_count)))


def _begin(markers: _Markers, reference: int, numbers: np.ndarray, cure: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a start, frame by frame outwards from the reference.

    The next frame is always the one that shares most tracks with those done.

    numbers (N,): the plate's frame numbers, and cure, for the error.
    Raises ShotError where a frame shares fewer than two tracks with those done.
    """
    random = np.random.default_rng(SEED)
    rows_of = markers.list_by_frame()
    seen_in = np.split(*_sort_by_track(markers))
    grow, shift = np.ones(markers.frame_count, complex), np.zeros(markers.frame_count, complex)
    target = np.full(markers.track_count, np.nan, complex)
    shared = np.zeros(markers.frame_count, int)
    left = set(range(markers.frame_count))
    frame = reference
    while True:
        left.discard(frame)
        rows = rows_of[frame]
        tracks, places = markers.track[rows], markers.place[rows]
        known = ~np.isnan(target[tracks])
        if frame != reference:
            grow[frame], shift[frame] = _fit(places[known], target[tracks[known]], random)
        target[tracks[~known]] = grow[frame] * places[~known] + shift[frame]
        for track in tracks[~known].tolist():
            shared[markers.frame[seen_in[track]]] += 1
        if not left:
            return grow, shift
        frame = max(left, key=lambda index: (shared[index], -abs(index - reference)))
        if shared[frame] < 2:
            frame = min(left)
            raise ShotError(
                f"{KEY}.tracks: found {shared[frame]} of the chosen tracks in frame {numbers[frame]} that tie it to "
                f"the reference frame {numbers[reference]}, be it through others; needed two in every frame: {cure}"
            )


def _sort_by_track(markers: _Markers) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by track, and where each track but the first begins."""
    order = np.argsort(markers.track, kind="stable")
    return order, np.searchsorted(markers.track[order], np.arange(1, markers.track_count))


def _fit(places: np.ndarray, target: np.ndarray, random: np.random.Generator) -> tuple[complex, complex]:
    """Return the similarity (grow, shift) of places (K,) to target (K,) that leaves the least median miss."""
    one, other = random.integers(0, len(places), (2, PAIRS))
    other = np.where(one == other, (other + 1) % len(places), other)
    apart = places[one] - places[other]
    good = (np.abs(apart) > 1e-6) & (np.abs(target[one] - target[other]) > 1e-6)
    if not good.any():
        return 1.0, complex(np.mean(target - places))
    one, other, apart = one[good], other[good], apart[good]
    grows = (target[one] - target[other]) / apart
    shifts = target[one] - grows * places[one]
    misses = np.median(np.abs(grows[:, None] * places + shifts[:, None] - target), axis=1)
    # The size from a pair that lies close together is a guess: 0 would bring everything to one point, and miss nothing.
    best = np.argmin(misses / np.maximum(np.abs(grows), 1e-6))
    return grows[best], shifts[best]


def _refine(markers: _Markers, grow: np.ndarray, shift: np.ndarray, reference: int) -> tuple[np.ndarray, np.ndarray]:
    """Refine all frames and all tracks' places together, by Gauss-Newton steps, until the weights stand still.

    What is made small is how far markers miss in the *plate*. In the stabilised picture, parallax misses less the
    smaller everything is, so each frame but the reference would shrink.
    """
    from scipy.sparse import coo_array

    frame, track = markers.frame, markers.track
    rows, moves = np.arange(len(track)), frame != reference
    free = (frame - (frame > reference))[moves]  # the number of each frame when the reference is left out, from 0
    frame_places = np.concatenate([rows[moves]] * 2), np.concatenate([2 * free, 2 * free + 1])
    frame_shape = len(rows), 2 * (markers.frame_count - 1)
    size, move = 1 / grow, -shift / grow  # a marker is where size * (its track's place) + move is
    place, fading = _find_median_places(markers, grow, shift), _weigh_ends(markers)
    for _ in range(ROUNDS):
        miss_px = size[frame] * place[track] + move[frame] - markers.place
        weights = fading * _weigh(markers, np.abs(miss_px))
        by_frame = coo_array((np.concatenate([place[track[moves]], np.ones(len(free))]), frame_places), frame_shape)
        by_track = coo_array((size[frame], (rows, track)), (len(rows), markers.track_count)).tocsr()
        weighted = by_frame.conj().T.multiply(weights).tocsr()
        pull = by_track.conj().T.multiply(weights).tocsr() @ miss_px
        # The tracks' places are eliminated: first the frames are solved alone, then the places.
        own = np.bincount(track, weights * np.abs(size[frame]) ** 2, markers.track_count)
        across = weighted @ by_track
        normal = weighted @ by_frame.tocsr()
        hold = np.diag(HOLD * normal.diagonal().real)
        reduced = (normal - across.multiply(1 / own).tocsr() @ across.conj().T).toarray() + hold
        step = np.linalg.solve(reduced, across @ (pull / own) - weighted @ miss_px)
        place = place - (pull + across.conj().T @ step) / own
        size_step, move_step = np.insert(step.reshape(-1, 2), reference, 0, axis=0).T
        size, move = size + size_step, move + move_step
        if np.max(np.abs(size_step) * np.abs(place).max() + np.abs(move_step)) < DONE_PX:
            break
    return 1 / size, -move / size


def _find_median_places(markers: _Markers, grow: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return (T,) where each track stands in the stabilised picture, by the median of its markers."""
    here = grow[markers.frame] * markers.place + shift[markers.frame]
    rows_of = np.split(*_sort_by_track(markers))
    return np.array([np.median(np.real(here[rows])) + 1j * np.median(np.imag(here[rows])) for rows in rows_of])


def _weigh_ends(markers: _Markers) -> np.ndarray:
    """Return (M,) weights 0..1 with which each run of a track comes in and leaves softly.

    Under parallax the picture would jump with each birth and death. At the first and the last frame of the shot nothing
    fades.
    """
    track, frame, last = markers.track, markers.frame, markers.frame_count - 1
    begins = np.flatnonzero((np.diff(track, prepend=-1) != 0) | (np.diff(frame, prepend=-2) != 1))
    ends = np.append(begins[1:], len(track)) - 1
    run = np.repeat(np.arange(len(begins)), ends - begins + 1)
    since = frame - np.where(frame[begins] == 0, -FADE_FRAMES, frame[begins])[run]
    until = np.where(frame[ends] == last, last + FADE_FRAMES, frame[ends])[run] - frame
    return np.minimum(np.minimum(since, until) + 1, FADE_FRAMES) / FADE_FRAMES


def _weigh(markers: _Markers, miss_px: np.ndarray) -> np.ndarray:
    """Return (M,) Tukey's biweight, by the spread of each frame's own misses (parallax differs from frame to frame)."""
    usual_px = max(float(np.median(miss_px)), FLOOR_PX)
    spread_px = np.array([max(np.median(miss_px[rows]), usual_px) for rows in markers.list_by_frame()])
    ratio = miss_px / (TUKEY * SIGMA_FROM_MEDIAN * spread_px[markers.frame])
    return np.maximum((1 - np.minimum(ratio, 1.0) ** 2) ** 2, 1e-9)
