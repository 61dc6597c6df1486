"""Segments: a plate is tracked in stretches of frames, and each of them hands its live tracks over to the next.

Track ids inside a segment are its own. 0 to N-1 are the N tracks that it was handed, in order; the newborn go on from
N. So a segment does not depend on how many tracks lived before it. `join_segments` gives the tracks the ids of the
whole plate.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.npz_file import pack_npz, read_npz
from shotmake.tracks.markers import Tracks, check_tracks, join_tracks

SEGMENT = "a stored segment of tracks"


@dataclass(frozen=True)
class Handover:
    """Everything that is needed to go on with the next frame, as plain arrays and integers.

    frame: the last frame tracked; next_id: the first unused track id; half: (H // 2, W // 2) uint8, that frame at half
    size; renewed (K, 2): int32, id and frame of the anchors renewed in this segment, a record that the next segment
    does not use.

    Of the N tracks: track_id (N,): int32; xy_px (N, 2); velocity_px (N, 2): px a frame; patch (N, C, C): float32, the
    anchor (C: anchor.find_cut_px); warp (N, 2, 2) and tilt (N, 2): from the anchor to the frame; inherited_px2 (N,):
    error variance of the anchor itself, when it was renewed; expected_px (N,): expected error of the marker in this
    frame; seen_frames (N,): int32, in how many frames the track was seen; lost_frames (N,): int32, for how many frames
    it is hidden (0 = seen in this frame). The xy_px of a hidden track is where its neighbours have carried it.
    """

    frame: int
    next_id: int
    half: np.ndarray
    renewed: np.ndarray
    track_id: np.ndarray
    xy_px: np.ndarray
    velocity_px: np.ndarray
    patch: np.ndarray
    warp: np.ndarray
    tilt: np.ndarray
    inherited_px2: np.ndarray
    expected_px: np.ndarray
    seen_frames: np.ndarray
    lost_frames: np.ndarray

    def keep(self, which: np.ndarray) -> "Handover":
        """Return the handover with only the tracks that a mask or indices (N,) select."""
        return replace(self, **{name: getattr(self, name)[which] for name in LIVE})

    def renumber(self) -> "Handover":
        """Return the handover with its live tracks numbered 0 to N-1: the ids that the next segment uses."""
        count = len(self.track_id)
        return replace(self, track_id=np.arange(count, dtype=np.int32), next_id=count, renewed=NONE_RENEWED)

    def join(self, more: "Handover") -> "Handover":
        """Join the tracks of another handover to these; return the result."""
        return replace(self, **{name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in LIVE})

    def list_markers(self) -> Tracks:
        """Return the markers of this frame."""
        seen = self.seen
        frames = np.full(int(seen.sum()), self.frame)
        return Tracks.from_markers(self.track_id[seen], frames, self.xy_px[seen], self.expected_px[seen])

    @property
    def seen(self) -> np.ndarray:
        """Which tracks have a marker in this frame, (N,) bool."""
        return self.lost_frames == 0


NONE_RENEWED = np.zeros((0, 2), np.int32)
LIVE = [field.name for field in fields(Handover)][4:]  # the arrays with one row a track


def list_segment_spans(first: int, last: int, segment_frames: int) -> list[tuple[int, int]]:
    """Return first and last frame of each segment of the frames first..last.

    Segments begin where frame % segment_frames == 0.
    """
    begins = [first, *range((first // segment_frames + 1) * segment_frames, last + 1, segment_frames)]
    return list(zip(begins, [begin - 1 for begin in begins[1:]] + [last], strict=True))


def join_segments(parts: list[tuple[Tracks, np.ndarray]]) -> Tracks:
    """Join consecutive segments to one set of tracks.

    parts: (markers, ids (N,) of the tracks that the segment hands over), both by the segment's own ids.
    """
    names = _number_tracks(parts)
    return join_tracks([replace(t, track_id=named[t.track_id]) for (t, _), named in zip(parts, names, strict=True)])


def join_renewals(parts: list[tuple[Tracks, Handover]]) -> np.ndarray:
    """Join the renewals of consecutive segments: (K, 2) int32, track ids as join_segments gives them, and frames."""
    names = _number_tracks([(tracks, handover.track_id) for tracks, handover in parts])
    found = [NONE_RENEWED]
    for (_, handover), named in zip(parts, names, strict=True):
        found.append(np.stack([named[handover.renewed[:, 0]], handover.renewed[:, 1]], 1))
    found = np.concatenate(found)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _number_tracks(parts: list[tuple[Tracks, np.ndarray]]) -> list[np.ndarray]:
    """Return for each segment the whole plate's id of each of its own ids."""
    found, handed, unused = [], np.zeros(0, np.int32), 0
    for tracks, live in parts:
        born = max(0, int(tracks.track_id.max(initial=-1)) + 1 - len(handed))
        names = np.concatenate([handed, np.arange(unused, unused + born, dtype=np.int32)])
        unused += born
        found.append(names)
        handed = names[live]
    return found


def pack_handover(handover: Handover | None) -> bytes:
    """Return all that the next segment depends on, without ids. Equal bytes mean that it comes out the same.

    None, the start, gives no bytes.
    """
    if handover is None:
        return b""
    return pack_npz({name: np.asarray(value) for name, value in vars(handover.renumber()).items()})


def save_segment(tracks: Tracks, handover: Handover) -> bytes:
    """Return a tracked segment as the bytes of an .npz. The same segment gives the same bytes."""
    markers = {f"marker.{name}": value for name, value in vars(tracks).items()}
    return pack_npz(markers | {f"handover.{name}": np.asarray(value) for name, value in vars(handover).items()})


def load_segment(data: bytes) -> tuple[Tracks, Handover]:
    """Load what save_segment saved. Raises ShotError for bytes that it did not make."""
    names = [f"marker.{one.name}" for one in fields(Tracks)] + [f"handover.{one.name}" for one in fields(Handover)]
    arrays = read_npz(data, SEGMENT, needed=names)
    markers, state = (
        {name.removeprefix(kind): value for name, value in arrays.items() if name.startswith(kind)}
        for kind in ("marker.", "handover.")
    )
    rows = {len(state[name]) if state[name].ndim else -1 for name in LIVE}
    plain = all(value.dtype.kind in "biuf" for value in state.values())
    if rows != {len(state["xy_px"])} or not plain or state["frame"].ndim or state["next_id"].ndim:
        raise ShotError(f"{SEGMENT}: its arrays do not belong together; delete it, and it is tracked again")
    frame, next_id = int(state["frame"]), int(state["next_id"])
    return check_tracks(markers, SEGMENT), Handover(**{**state, "frame": frame, "next_id": next_id})
