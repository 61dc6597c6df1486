"""Picks: places of the world that an artist points at on the plate.

A pick is {frame, xy_px}: the place where the ray through that plate pixel (distorted, origin at the top-left corner)
meets the ground. With snap: true it is the solved point of the track there. {track: id} and {name} are solved points
too: with_ids gives a name its id.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.config import schema
from shotmake.config.check_orient import change_picks
from shotmake.config.picks import name_pick
from shotmake.errors import ShotError
from shotmake.geometry.camera import cast_rays
from shotmake.geometry.change_of_world import World
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations, compute_pixel_scale
from shotmake.tracks.find_tracks import Pickable, find_track, id_of

SLIDING_PX, SLIDING = 0.5, 4.0  # at 1280 wide, and x the usual error: a track with more is on no fixed point


@dataclass(frozen=True)
class Solved:
    """What picks are looked up in, in the solver's own world.

    cam_from_world (N, 3, 4): of the plate frames `frames` (N,). markers: of T tracks. points (T, 3): NaN where a track
    has no point to rely on; None for a camera that only turns, which sees directions and no points. error_px (T,): mean
    reprojection errors.
    """

    cam_from_world: np.ndarray
    frames: np.ndarray
    lens: Lens
    size_px: tuple[int, int]
    markers: Observations
    points: np.ndarray | None
    error_px: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """`points` (T, 3), for a caller that knows that the camera moves."""
        assert self.points is not None
        return self.points

    def camera_of(self, frame: int, key: str) -> int:
        """Return the index of a plate frame's camera. Raises ShotError when the frame has none."""
        at = np.flatnonzero(self.frames == frame)
        if not len(at):
            solved = f"{self.frames[0]}..{self.frames[-1]}"
            raise ShotError(f"{key}: found frame {frame}, which has no solved camera; solved are {solved}")
        return int(at[0])


def with_ids(orient: schema.Orient, names: dict[str, int]) -> schema.Orient:
    """Return the block with the id of its track in each pick by name: {name, track}. names: track ids by name.

    Raises ShotError for a name that no track has.
    """
    return change_picks(
        orient, lambda key, pick: {**pick, "track": id_of(pick["name"], names, key)} if "name" in pick else pick
    )


def is_of_track(pick: dict) -> bool:
    """Tell whether the pick stands for a track, not for a place on the ground."""
    return "track" in pick or "name" in pick or bool(pick.get("snap"))


def check_pick(pick: dict, key: str, names: tuple[str, ...]) -> dict:
    """Return the pick if it has all of `names`. Raises ShotError when one is missing."""
    missing = [name for name in names if name not in pick]
    if missing:
        raise ShotError(f"{key}: found {sorted(pick)}; needed {', '.join(names)}")
    return pick


def find_place(pick: dict, key: str, world: World, solved: Solved) -> np.ndarray:
    """Return the place (3,) of a pick in the new world.

    Raises ShotError when the pick has no solved point, or when its pixel is not on the ground.
    """
    if is_of_track(pick):
        (row,) = find_tracks([pick], key, solved)
        return world.transform_points(solved.places[[row]])[0]
    return _find_on_ground(check_pick(pick, key, ("frame", "xy_px")), key, world, solved)


def find_tracks(picks: list[dict], key: str, solved: Solved) -> list[int]:
    """Find the rows of `solved.points` that picks stand for.

    Raises ShotError when the camera only turns, when a pick has no solved track, and when two picks are one track.
    """
    if solved.points is None:
        raise ShotError(
            f"{key}: found a pick of a track, but this camera only turns or stands still: its tracks have directions, "
            "no points; needed tracking.solve.orient.camera_height_m, or {frame, xy_px} on the level ground below it"
        )
    rows = [_find_track(pick, key, solved) for pick in picks]
    for at, row in enumerate(rows):
        if row in rows[:at]:
            twins = f"{name_pick(picks[rows.index(row)])} and {name_pick(picks[at])}"
            raise ShotError(f"{key}: found {twins}, which are one track; needed a track for each")
    return rows


def warn_of_sliding(picks: list[tuple[str, dict]], solved: Solved) -> tuple[Reason, ...]:
    """Warn of each (key, pick of a track) whose track does not stand still in the solved world.

    Raises ShotError as `find_tracks` does.
    """
    usual_px = float(np.median(solved.error_px[np.isfinite(solved.places[:, 0])]))
    limit_px = max(SLIDING_PX * compute_pixel_scale(solved.size_px), SLIDING * usual_px)
    found = [(key, pick, float(solved.error_px[find_tracks([pick], key, solved)[0]])) for key, pick in picks]
    return tuple(
        Reason(
            "pick_slides",
            f"{key}: {name_pick(pick)} has an error of {error_px:.1f} px, most tracks {usual_px:.1f} px: it slides, "
            "and "
            "what it places is off with it; pick another",
        )
        for key, pick, error_px in found
        if error_px > limit_px
    )


def _find_track(pick: dict, key: str, solved: Solved) -> int:
    markers = solved.markers
    rows = np.isfinite(solved.places[:, 0])[markers.track]
    track_id, frame = markers.track_ids[markers.track[rows]], markers.plate_frames[markers.frame[rows]]
    among = Pickable(track_id, frame, markers.xy_px[rows], solved.size_px[0], {}, "solved track", "solved point")
    if "track" not in pick:
        pick = check_pick(pick, key, ("frame", "xy_px"))
    return int(np.searchsorted(markers.track_ids, find_track(pick, among, key)))


def _find_on_ground(pick: dict, key: str, world: World, solved: Solved) -> np.ndarray:
    """Return the world point (3,) at z = 0 under a plate pixel. Raises ShotError when it is not on the ground."""
    camera = world.transform_cameras(solved.cam_from_world)[solved.camera_of(pick["frame"], key)]
    centre, directions = cast_rays(np.array([pick["xy_px"]], float).reshape(1, 2), camera, solved.lens)
    if not directions[0, 2] * centre[2] < 0 or abs(directions[0, 2]) < 1e-3:
        raise ShotError(f"{key}: found {name_pick(pick)}, above the ground's horizon; needed a pixel on the ground")
    spot = centre - directions[0] * (centre[2] / directions[0, 2])
    return np.array([spot[0], spot[1], 0.0])
