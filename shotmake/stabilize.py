"""Stabilising: a similarity for every frame that brings the chosen tracks to where they stand in a reference frame.

All frames are estimated together: each track has one place in the stabilised picture, and each frame the turn, size and
shift that put its markers there. A track seen in the reference frame stands where it stands there, so nothing drifts
by going from frame to frame; tracks born later come in through those they were seen with. Tracks on things that move
are cast out by Tukey's biweight, after a start by least median of squares.

In here the picture is the complex plane, its centre 0, y up, in px: a similarity is z -> grow * z + shift.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.errors import ShotError
from shotmake.session import DISABLED, Tracks

KEY = "composite.stabilization"
SEED, PAIRS = 7, 120  # of tracks tried in a frame to begin with: with 60 % good ones, 1e-19 that none is
TUKEY = 4.685  # times the deviation: further off is no member of the rigid whole
SIGMA_FROM_MEDIAN = 1 / 1.1774  # of the lengths of errors in two axes
FLOOR_PX = 0.02
ROUNDS, DONE_PX = 30, 1e-3
HOLD = 1e-9  # share of what is known by which a frame keeps to its last estimate, where tracks do not tell (two in one)


@dataclass(frozen=True)
class Stabilization:
    """frames (N,): plate numbers, without gaps; what Blender's Translate, Rotate and Scale do, one after the other,
    about the picture's centre: translate_px (N, 2) right and up, rotation_rad (N,) counter-clockwise, scale (N,).
    """

    frames: np.ndarray
    translate_px: np.ndarray
    rotation_rad: np.ndarray
    scale: np.ndarray

    def to_json(self) -> dict:
        """The `stabilization` block of a scene sheet."""
        return {name: np.round(value, 9).tolist() for name, value in vars(self).items()}


def stabilize(
    tracks: Tracks, size_px: tuple[float, float], frames: tuple[int, int], reference: int | None
) -> Stabilization:
    """The frames first..last, inclusive, by all enabled markers of `tracks`; reference None: the first.

    size_px: of the picture that xy_px of the tracks count in. ShotError for a frame without two tracks that lead to the
    reference frame, be it through others.
    """
    first, last = frames
    reference = first if reference is None else reference
    if not first <= reference <= last:
        raise ShotError(f"{KEY}.frame: found {reference}; the shot has the frames {first} to {last}")
    inside = (tracks.frame >= first) & (tracks.frame <= last) & (tracks.status != DISABLED)
    used = tracks.where(inside & np.isfinite(tracks.xy_px).all(1))
    _, track, lengths = np.unique(used.track_id, return_inverse=True, return_counts=True)
    used = used.where(lengths[track] > 1)  # one seen once ties nothing to anything
    ids, track = np.unique(used.track_id, return_inverse=True)
    place = (used.xy_px[:, 0] - size_px[0] / 2) + 1j * (size_px[1] / 2 - used.xy_px[:, 1].astype(float))
    markers = _Markers(track, used.frame - first, place, len(ids), last - first + 1)
    grow, shift = _refined(markers, *_begun(markers, reference - first, first), reference - first)
    before = shift / grow  # Translate comes before Rotate and Scale
    return Stabilization(
        np.arange(first, last + 1),
        np.stack([before.real, before.imag], 1),
        np.unwrap(np.angle(grow)),
        np.abs(grow),
    )


@dataclass(frozen=True)
class _Markers:
    """track (M,), frame (M,): indices; place (M,) complex, px."""

    track: np.ndarray
    frame: np.ndarray
    place: np.ndarray
    track_count: int
    frame_count: int

    def of_frame(self) -> list[np.ndarray]:
        """The rows of each frame."""
        order = np.argsort(self.frame, kind="stable")
        return np.split(order, np.searchsorted(self.frame[order], np.arange(1, self.frame_count)))


def _begun(markers: _Markers, reference: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """A start, frame by frame outwards from the reference: ever the one that shares most tracks with those done.

    first: the plate number of frame 0, for the error.
    """
    random = np.random.default_rng(SEED)
    rows_of = markers.of_frame()
    seen_in = np.split(*_by_track(markers))
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
            grow[frame], shift[frame] = _fitted(places[known], target[tracks[known]], random)
        target[tracks[~known]] = grow[frame] * places[~known] + shift[frame]
        for track in tracks[~known].tolist():
            shared[markers.frame[seen_in[track]]] += 1
        if not left:
            return grow, shift
        frame = max(left, key=lambda index: (shared[index], -abs(index - reference)))
        if shared[frame] < 2:
            frame = min(left)
            raise ShotError(
                f"{KEY}.tracks: found {shared[frame]} of the chosen tracks in frame {frame + first} that tie it to the "
                f"reference frame {reference + first}, be it through others; needed two in every frame: choose more"
            )


def _by_track(markers: _Markers) -> tuple[np.ndarray, np.ndarray]:
    """Rows sorted by track, and where each track but the first begins."""
    order = np.argsort(markers.track, kind="stable")
    return order, np.searchsorted(markers.track[order], np.arange(1, markers.track_count))


def _fitted(places: np.ndarray, target: np.ndarray, random: np.random.Generator) -> tuple[complex, complex]:
    """The similarity (grow, shift) of places (K,) to target (K,) that leaves the least median miss."""
    one, other = random.integers(0, len(places), (2, PAIRS))
    other = np.where(one == other, (other + 1) % len(places), other)
    apart = places[one] - places[other]
    good = np.abs(apart) > 1e-6
    if not good.any():
        return 1.0, complex(np.mean(target - places))
    one, other, apart = one[good], other[good], apart[good]
    grows = (target[one] - target[other]) / apart
    shifts = target[one] - grows * places[one]
    misses = np.median(np.abs(grows[:, None] * places + shifts[:, None] - target), axis=1)
    # of a pair that lies close together the size is a guess: 0 would bring all to one point, and miss nothing
    best = np.argmin(misses / np.maximum(np.abs(grows), 1e-6))
    return grows[best], shifts[best]


def _refined(markers: _Markers, grow: np.ndarray, shift: np.ndarray, reference: int) -> tuple[np.ndarray, np.ndarray]:
    """All frames and all tracks' places at once, by least squares, until the weights stand still."""
    from scipy.sparse import coo_array

    rows, moves = np.arange(len(markers.track)), markers.frame != reference
    free = (markers.frame - (markers.frame > reference))[moves]  # the frames but for the reference, from 0
    of_frames = coo_array(  # what each marker's place in the stabilised picture makes of grow and shift
        (
            np.concatenate([markers.place[moves], np.ones(moves.sum())]),
            (np.concatenate([rows[moves]] * 2), np.concatenate([2 * free, 2 * free + 1])),
        ),
        (len(rows), 2 * (markers.frame_count - 1)),
    ).tocsr()
    of_tracks = coo_array((np.ones(len(rows)), (rows, markers.track)), (len(rows), markers.track_count)).tocsr()
    held = np.where(moves, 0, markers.place)
    reach_px = np.abs(markers.place).max()
    target = _median_places(markers, grow, shift)
    for _ in range(ROUNDS):
        weights = _weights(markers, np.abs(grow[markers.frame] * markers.place + shift[markers.frame] - target))
        weighted = of_frames.conj().T.multiply(weights).tocsr()
        # the tracks' places are eliminated: each is the mean of where its markers come to stand
        mean = of_tracks.T.multiply(weights).tocsr().multiply(1 / (weights @ of_tracks)[:, None]).tocsr()
        across = weighted @ of_tracks
        normal = (weighted @ of_frames - across @ (mean @ of_frames)).toarray()
        hold = HOLD * (weighted @ of_frames).diagonal().real
        last = np.delete(np.stack([grow, shift], 1), reference, 0).ravel()
        solved = np.linalg.solve(normal + np.diag(hold), across @ (mean @ held) + hold * last)
        found = np.insert(solved.reshape(-1, 2), reference, [1, 0], axis=0)
        change_px = np.max(np.abs(found[:, 0] - grow) * reach_px + np.abs(found[:, 1] - shift))
        grow, shift = found.T
        target = of_tracks @ (mean @ (of_frames @ solved + held))
        if change_px < DONE_PX:
            break
    return grow, shift


def _median_places(markers: _Markers, grow: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(M,) where each marker's track stands in the stabilised picture, by the median of its markers."""
    here = grow[markers.frame] * markers.place + shift[markers.frame]
    places = np.array([np.median(here[rows].real) + 1j * np.median(here[rows].imag) for rows in
                       np.split(*_by_track(markers))])  # fmt: skip
    return places[markers.track]


def _weights(markers: _Markers, miss_px: np.ndarray) -> np.ndarray:
    """(M,) Tukey's biweight, by the spread of each frame's own misses (parallax differs from frame to frame)."""
    usual_px = max(float(np.median(miss_px)), FLOOR_PX)
    spread_px = np.array([max(np.median(miss_px[rows]), usual_px) for rows in markers.of_frame()])
    ratio = miss_px / (TUKEY * SIGMA_FROM_MEDIAN * spread_px[markers.frame])
    return np.maximum((1 - np.minimum(ratio, 1.0) ** 2) ** 2, 1e-9)
