"""A session: the 2D tracks of a shot, and the tracks.npz that holds them."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from shotmake.errors import ShotError
from shotmake.files.npz_file import pack_npz, read_npz

NUMBER_MAX = 100_000_000  # the largest frame number and track id that a file may hold
TRACKED, INTERPOLATED, DISABLED = 0, 1, 2  # values of `status`


@dataclass(frozen=True)
class Tracks:
    """The markers of a shot, one row for each, sorted by track, then by frame.

    track_id (M,): int32; frame (M,): int32, plate frame numbers; xy_px (M, 2): float32, origin at the top-left corner,
    first pixel's centre at 0.5; quality (M,): float32, expected error in px (0 = unknown); status (M,): uint8, TRACKED,
    INTERPOLATED or DISABLED.
    """

    track_id: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray
    quality: np.ndarray
    status: np.ndarray

    def __len__(self) -> int:
        return len(self.track_id)

    def select(self, keep: np.ndarray | slice) -> "Tracks":
        """Return the markers that a boolean mask or indices (M,) select."""
        return replace(self, **{name: value[keep] for name, value in vars(self).items()})

    @classmethod
    def from_markers(
        cls,
        track_id: ArrayLike,
        frame: ArrayLike,
        xy_px: ArrayLike,
        quality: ArrayLike | None = None,
        status: ArrayLike | None = None,
    ) -> "Tracks":
        """Sort loose markers by track, then by frame, and give them the file's types."""
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
    """Join the markers of several stretches of frames to one set of tracks."""
    if not parts:
        return Tracks.from_markers([], [], np.zeros((0, 2)))
    return Tracks.from_markers(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Tracks)))


def save_tracks(tracks: Tracks, weights: dict[int, float] | None = None) -> bytes:
    """Return the bytes of a tracks.npz.

    weights: by track id, for the tracks that were given one (they are in `quality` already).
    """
    given = {"weighted_id": np.array([*weights], np.int32), "weight": np.array([*weights.values()])} if weights else {}
    return pack_npz({**vars(tracks), **given})


def load_tracks(path: Path, key: str = "") -> Tracks:
    """Load a tracks.npz. Raises ShotError, which names the config key, when the file is not one."""
    names = [one.name for one in fields(Tracks)]
    return check_tracks(read_npz(path, key=key, needed=names), path.name, key)


def check_tracks(arrays: dict[str, np.ndarray], name: str, key: str = "") -> Tracks:
    """Check the arrays of a file, and return them as tracks. name: the file's name.

    All arrays are (M,), xy_px is (M, 2).
    Raises ShotError where the arrays are not one row for each marker, or frames and ids are not whole numbers from 0.
    """
    found, of_key = Tracks(**arrays), f" ({key})" if key else ""
    shapes = {label: value.shape for label, value in arrays.items()}
    rows = found.track_id.shape[:1]
    if shapes != {**dict.fromkeys(shapes, rows), "xy_px": (*rows, 2)} or not rows:
        raise ShotError(f"{name}: not a tracks.npz (its arrays differ in length){of_key}")
    if any(value.dtype.kind not in "biuf" for value in arrays.values()):
        raise ShotError(f"{name}: not a tracks.npz (it holds words in place of numbers){of_key}")
    for label in ("track_id", "frame"):
        values = arrays[label]
        if values.dtype.kind not in "iu" or values.min(initial=0) < 0 or values.max(initial=0) > NUMBER_MAX:
            raise ShotError(f"{name}: its {label} is no whole number from 0 to {NUMBER_MAX}{of_key}")
    return found


def load_weights(path: Path) -> dict[int, float]:
    """Load the weights in a tracks.npz, by track id, of the tracks that were given one.

    Raises ShotError as load_tracks does.
    """
    arrays = read_npz(path, needed=["track_id"], optional=["weighted_id", "weight"])
    ids, weights = (arrays.get(name, np.zeros(0)) for name in ("weighted_id", "weight"))
    if ids.shape != weights.shape or ids.ndim != 1:
        raise ShotError(f"{path.name}: not a tracks.npz (its weights are not one a track)")
    return dict(zip(ids.tolist(), weights.tolist(), strict=True))


def merge_tracks(sessions: list[Tracks], first: int, last: int) -> Tracks:
    """Merge the tracks of several sessions side by side, frames first..last.

    Ids of later sessions go on from the earlier.

    What two sessions have in common comes twice, because each marker is a measurement of its own.
    """
    parts, used = [], 0
    for tracks in sessions:
        parts.append(replace(tracks, track_id=tracks.track_id - tracks.track_id.min(initial=0) + used))
        used = int(parts[-1].track_id.max(initial=used - 1)) + 1
    joined = Tracks.from_markers(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))
    return joined.select((joined.frame >= first) & (joined.frame <= last))
