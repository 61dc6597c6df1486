"""A session: the 2D tracks of a shot, and the tracks.npz that holds them."""

import io
from dataclasses import dataclass, fields, replace

import numpy as np

TRACKED, INTERPOLATED, DISABLED = 0, 1, 2  # values of `status`


@dataclass(frozen=True)
class Tracks:
    """One row a marker, sorted by track then frame.

    track_id (M,) int32; frame (M,) int32, plate frame numbers; xy_px (M, 2) float32, origin at the
    top-left corner, first pixel's centre at 0.5; quality (M,) float32, expected error in px (0 =
    unknown); status (M,) uint8: TRACKED, INTERPOLATED or DISABLED.
    """

    track_id: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray
    quality: np.ndarray
    status: np.ndarray

    def __len__(self) -> int:
        return len(self.track_id)

    def where(self, keep: np.ndarray) -> "Tracks":
        """The markers selected by a boolean mask or indices (M,)."""
        return replace(self, **{name: value[keep] for name, value in vars(self).items()})

    @classmethod
    def from_markers(cls, track_id, frame, xy_px, quality=None, status=None) -> "Tracks":
        """Sort loose markers by track then frame and give them the file's types."""
        track_id, frame = np.asarray(track_id, np.int32), np.asarray(frame, np.int32)
        order = np.lexsort((frame, track_id))
        count = len(track_id)
        return cls(
            track_id[order],
            frame[order],
            np.asarray(xy_px, np.float32).reshape(count, 2)[order],
            np.asarray(np.zeros(count) if quality is None else quality, np.float32)[order],
            np.asarray(np.zeros(count) if status is None else status, np.uint8)[order],
        )


def join_tracks(parts: list[Tracks]) -> Tracks:
    """The markers of several stretches of frames as one set of tracks."""
    if not parts:
        return Tracks.from_markers([], [], np.zeros((0, 2)))
    return Tracks.from_markers(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Tracks)))


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """An uncompressed .npz with the same bytes for the same arrays (zip entries carry a fixed date)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def save_tracks(tracks: Tracks, weights: dict[int, float] | None = None) -> bytes:
    """The bytes of tracks.npz; weights: by track id, of those that were given one (they are in `quality` already)."""
    given = {"weighted_id": np.array([*weights], np.int32), "weight": np.array([*weights.values()])} if weights else {}
    return npz_bytes({**vars(tracks), **given})


def load_tracks(path) -> Tracks:
    """Of a tracks.npz; ValueError, KeyError or BadZipFile when it is none."""
    with np.load(path, allow_pickle=False) as arrays:
        return Tracks(**{name: arrays[name] for name in Tracks.__dataclass_fields__})


def load_weights(path) -> dict[int, float]:
    """By track id, of those tracks of a tracks.npz that were given a weight."""
    with np.load(path, allow_pickle=False) as arrays:
        if "weight" not in arrays:
            return {}
        return dict(zip(arrays["weighted_id"].tolist(), arrays["weight"].tolist(), strict=True))


def merge_tracks(sessions: list[Tracks], first: int, last: int) -> Tracks:
    """The tracks of several sessions side by side, frames first..last; ids of the later ones go on from the earlier.

    What two sessions have in common comes twice: each marker is a measurement of its own.
    """
    parts, used = [], 0
    for tracks in sessions:
        parts.append(replace(tracks, track_id=tracks.track_id - tracks.track_id.min(initial=0) + used))
        used = int(parts[-1].track_id.max(initial=used - 1)) + 1
    joined = Tracks.from_markers(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))
    return joined.where((joined.frame >= first) & (joined.frame <= last))
