"""Corner pin: where the four corners of a picture lie, frame by frame, in the undistorted, overscanned picture.

Corners are in the order top-left, top-right, bottom-right, bottom-left of the picture that is pinned. They are
*relative*: 0..1 across the overscanned picture, origin at its bottom-left, as Blender's Corner Pin takes them. So the
pinned picture goes through the same redistortion as the CG, and its edges bend as the lens does.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, undistort
from shotmake.objects.smoothed_boxes import BoxPath
from shotmake.tracks.markers import DISABLED, Tracks

KEY = "composite.corner_pin"


@dataclass(frozen=True)
class Field:
    """The undistorted, overscanned picture: the lens, the plate's size, and what is added on each side of it, px."""

    lens: Lens
    size_px: tuple[int, int]
    overscan_px: tuple[int, int]

    def to_undistorted_px(self, xy_px: np.ndarray) -> np.ndarray:
        """Convert plate px (..., 2) to px (..., 2) of the overscanned picture, origin at its top-left corner."""
        lens = self.lens
        return lens.px_from_normalised(undistort(lens.normalised_from_px(xy_px), lens)) + self.overscan_px

    def to_straight_px(self, xy_px: np.ndarray) -> np.ndarray:
        """Convert plate px (..., 2), which may lie beyond the plate, to px (..., 2) of the overscanned picture.

        The lens was not measured there and may fold over. It moves such a place as it moves the nearest place of the
        plate.
        """
        inside_px = np.clip(xy_px, 0, self.size_px)
        return self.to_undistorted_px(inside_px) + (xy_px - inside_px)

    def to_relative(self, undistorted_px: np.ndarray) -> np.ndarray:
        """Convert px (..., 2) of the overscanned picture to relative corners (..., 2), origin bottom-left."""
        x, y = np.moveaxis(undistorted_px / (np.array(self.size_px) + 2 * np.array(self.overscan_px)), -1, 0)
        return np.stack([x, 1 - y], -1)


@dataclass(frozen=True)
class CornerPin:
    """The corners of a pinned picture, frame by frame.

    frames (N,): plate frame numbers; corners (N, 4, 2): relative; visible (N,): bool. Hidden frames have the corners of
    the nearest visible frame. by_points: in how many frames a solved point stands in for a track.
    """

    frames: np.ndarray
    corners: np.ndarray
    visible: np.ndarray
    by_points: int = 0

    def to_json(self) -> dict:
        """Return frames, corners and visible, for the `corner_pin` block of a scene sheet."""
        return {
            "frames": self.frames.tolist(),
            "corners": np.round(self.corners, 9).tolist(),
            "visible": self.visible.tolist(),
        }


def pin_of_tracks(
    tracks: Tracks,
    track_ids: list[int],
    frames: tuple[int, int],
    field: Field,
    cameras: dict[int, np.ndarray],
    points: dict[int, np.ndarray],
) -> CornerPin:
    """Place the corners at four tracks. Where a track has no marker, its solved point holds the corner.

    cameras: plate frame -> (3, 4) that projects through the field's lens; points: track id -> (3,), world units.
    Raises ShotError when no frame has all four corners, when two of them are one track, or when the corners cross over.
    """
    if len(set(track_ids)) < 4:
        raise ShotError(f"{KEY}.tracks: found one track at two corners; needed four different ones")
    numbers = np.arange(frames[0], frames[1] + 1)
    places = np.full((len(numbers), 4, 2), np.nan)
    for corner, track in enumerate(track_ids):
        theirs = tracks.select(
            (tracks.track_id == track)
            & (tracks.status != DISABLED)
            & (tracks.frame >= frames[0])
            & (tracks.frame <= frames[1])
        )
        places[theirs.frame - frames[0], corner] = field.to_undistorted_px(theirs.xy_px)
    untracked = np.any(np.isnan(places), 2)
    for corner, track in enumerate(track_ids):
        if track in points:
            seen = _project(points[track][None], numbers, field, cameras)[:, 0]
            places[untracked[:, corner], corner] = seen[untracked[:, corner]]
    return _make_pin(numbers, field.to_relative(places), f"{KEY}.tracks", untracked)


def pin_of_places(
    corners_xyz: np.ndarray, frames: tuple[int, int], field: Field, cameras: dict[int, np.ndarray]
) -> CornerPin:
    """Place the corners at corners_xyz (4, 3), places of the solved world, as the camera sees them.

    cameras: plate frame -> (3, 4). The pin is hidden in a frame without a camera, or with a corner behind it.
    """
    numbers = np.arange(frames[0], frames[1] + 1)
    places = _project(np.asarray(corners_xyz, float), numbers, field, cameras)
    return _make_pin(numbers, field.to_relative(places), f"{KEY}.corners_xyz")


def pin_of_box(path: BoxPath, frames: tuple[int, int], field: Field) -> CornerPin:
    """Place the corners at those of an object's box. The pin is hidden where the object is not there."""
    numbers = np.arange(frames[0], frames[1] + 1)
    places = np.full((len(numbers), 4, 2), np.nan)
    places[path.frames - frames[0]] = field.to_straight_px(path.corners_px)
    return _make_pin(numbers, field.to_relative(places), f"{KEY}.tracklet")


def _project(points_xyz: np.ndarray, numbers: np.ndarray, field: Field, cameras: dict[int, np.ndarray]) -> np.ndarray:
    """Project world points (P, 3) without distortion to (N, P, 2) px of the overscanned picture; NaN where not seen."""
    places = np.full((len(numbers), len(points_xyz), 2), np.nan)
    pinhole = field.lens.without_distortion()
    for at, number in enumerate(numbers.tolist()):
        if number in cameras:
            x, y, depth = cameras[number] @ np.concatenate([points_xyz, np.ones((len(points_xyz), 1))], 1).T
            ahead = depth > 1e-9
            plane = np.stack([x, y], 1) / np.where(ahead, depth, np.nan)[:, None]
            places[at] = pinhole.px_from_normalised(plane) + field.overscan_px
    return places


def _make_pin(numbers: np.ndarray, corners: np.ndarray, key: str, untracked: np.ndarray | None = None) -> CornerPin:
    whole = np.isfinite(corners).all((1, 2))
    if not whole.any():
        raise ShotError(f"{key}: no frame of {numbers[0]} to {numbers[-1]} shows all four corners; choose others")
    visible = whole & _is_convex(corners)
    if not visible.any():
        raise ShotError(f"{key}: the corners cross over; needed top-left, top-right, bottom-right, bottom-left")
    there = np.flatnonzero(visible)
    nearest = there[np.abs(np.arange(len(numbers))[:, None] - there).argmin(1)]
    by_points = 0 if untracked is None else int((untracked.any(1) & visible).sum())
    return CornerPin(numbers, corners[nearest], visible, by_points)


def _is_convex(corners: np.ndarray) -> np.ndarray:
    """Return (N,) whether the quads (N, 4, 2) turn the same way at each corner."""
    sides = np.roll(corners, -1, 1) - corners
    following = np.roll(sides, -1, 1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    return np.all(turns > 0, 1) | np.all(turns < 0, 1)
