"""Tracks chosen by the config: by name, by id, or by a place on the plate.

Ids change when a plate is tracked again; names and places do not. Every pick of the config is looked up here: those of
groups, of the world (tracking.solve.orient), of the comp.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.config.picks import as_block, name_pick
from shotmake.errors import ShotError
from shotmake.numbers_in_words import tell_apart
from shotmake.tracks.markers import DISABLED, Tracks

REACH_PX = 5.0  # up to 1280 wide, in proportion above: a pick further than this from every track is a mistake
NAMES_SHOWN = 12


@dataclass(frozen=True)
class Pickable:
    """The markers among which a pick is looked up.

    track_id, frame (M,): frames are plate frames. xy_px (M, 2). width_px: of the plate. names: track ids by name. kind,
    has: how messages call such a track, and what it has that others lack.
    """

    track_id: np.ndarray
    frame: np.ndarray
    xy_px: np.ndarray
    width_px: int
    names: dict[str, int]
    kind: str = "track"
    has: str = "marker"

    @property
    def reach_px(self) -> float:
        """How far a pick may be from its track, in px."""
        return REACH_PX * max(self.width_px / 1280, 1.0)


def select_enabled(tracks: Tracks, width_px: int, names: dict[str, int]) -> Pickable:
    """Return the enabled markers of tracks, to pick among."""
    tracks = tracks.select(tracks.status != DISABLED)
    return Pickable(tracks.track_id, tracks.frame, tracks.xy_px, width_px, names, has="enabled marker")


def map_names(per_track: dict[str, dict]) -> dict[str, int]:
    """Return the track ids by name, of quality.json's per_track. Of two tracks with one name, the later one has it."""
    in_order = sorted((int(track), told["name"]) for track, told in per_track.items() if "name" in told)
    return {name: track for track, name in in_order}


def find_track(pick: dict | str, among: Pickable, key: str) -> int:
    """Find the track that a pick means: {frame, xy_px}, {track: id}, a name or {name}. Return its id.

    Raises ShotError for an unknown name, and where there is no such track.
    """
    pick = as_block(pick)
    if "name" in pick or "track" in pick:
        track = pick["track"] if "track" in pick else id_of(pick["name"], among.names, key)
        if not (among.track_id == track).any():
            raise ShotError(f"{key}: found {name_pick(pick)}, which has no {among.has}; needed one that has")
        return int(track)
    at = among.frame == pick["frame"]
    gaps_px = np.linalg.norm(among.xy_px[at] - np.array(pick["xy_px"], float), axis=1)
    if not len(gaps_px) or gaps_px.min() > among.reach_px:
        nearest = "there is none in that frame"
        if len(gaps_px):
            nearest = f"the nearest is {tell_apart(gaps_px.min(), round(among.reach_px, 1), '.1f')} px off"
        raise ShotError(
            f"{key}: found no {among.kind} at {name_pick(pick)}: {nearest}; needed one within {among.reach_px:.1f} px"
        )
    return int(among.track_id[at][gaps_px.argmin()])


def id_of(name: str, names: dict[str, int], key: str) -> int:
    """Return the id of the track with that name. Raises ShotError when there is none."""
    if name not in names:
        shown = ", ".join([*names][:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
        known = f"there are: {shown}" if names else "no track here has a name"
        raise ShotError(f"{key}: found {name}, which is no track's name; {known}")
    return names[name]


def select_named(tracks: Tracks, chosen: str | list[str], per_track: dict[str, dict], key: str) -> Tracks:
    """Return the enabled markers of "all" tracks, or of those whose name or group is in `chosen`.

    per_track: of quality.json.
    Raises ShotError for a name without an enabled marker.
    """
    tracks = tracks.select(tracks.status != DISABLED)
    if chosen == "all":
        return tracks
    found: list[int] = []
    for name in [chosen] if isinstance(chosen, str) else chosen:
        ids = [int(id) for id, told in per_track.items() if name in (told.get("name"), *told.get("groups", []))]
        if not np.isin(tracks.track_id, ids).any():
            raise ShotError(f"{key}: found {name}, which has no enabled track; choose another, or all")
        found += ids
    return tracks.select(np.isin(tracks.track_id, found))
