"""Tracks chosen by name or by place for the comp. Ids change when a plate is tracked again; names and places do not."""

import numpy as np

from shotmake.errors import ShotError
from shotmake.tracks.groups import PICK_MAX_PX
from shotmake.tracks.markers import DISABLED, Tracks


def tracks_named(tracks: Tracks, chosen: str | list[str], per_track: dict[str, dict], key: str) -> Tracks:
    """Return the enabled markers of "all" tracks, or of those whose name or group is in `chosen`.

    per_track: of quality.json.
    Raises ShotError for a name without an enabled marker.
    """
    tracks = tracks.where(tracks.status != DISABLED)
    if chosen == "all":
        return tracks
    found: list[int] = []
    for name in [chosen] if isinstance(chosen, str) else chosen:
        ids = [int(id) for id, told in per_track.items() if name in (told.get("name"), *told.get("groups", []))]
        if not np.isin(tracks.track_id, ids).any():
            raise ShotError(f"{key}: found {name}, which has no enabled track; choose another, or all")
        found += ids
    return tracks.where(np.isin(tracks.track_id, found))


def track_at(tracks: Tracks, pick: dict | str, per_track: dict[str, dict], key: str) -> int:
    """Find the track that a pick means: {frame, xy_px}, {track: id}, a manual track's name or {name}. Return its id.

    Raises ShotError where there is no such track with an enabled marker.
    """
    tracks = tracks.where(tracks.status != DISABLED)
    pick = {"name": pick} if isinstance(pick, str) else pick
    if "xy_px" in pick:
        at = tracks.frame == pick["frame"]
        gaps_px = np.linalg.norm(tracks.xy_px[at] - pick["xy_px"], axis=1)
        if not len(gaps_px) or gaps_px.min() > PICK_MAX_PX:
            nearest = f"the nearest is {gaps_px.min():.0f} px away" if len(gaps_px) else "no track is in that frame"
            raise ShotError(f"{key}: no track at {list(pick['xy_px'])} in frame {pick['frame']}; {nearest}")
        return int(tracks.track_id[at][gaps_px.argmin()])
    if "name" in pick:
        ids = [int(id) for id, told in per_track.items() if told.get("name") == pick["name"]]
    else:
        ids = [pick["track"]]
    if not np.isin(tracks.track_id, ids).any():
        found = pick["name"] if "name" in pick else f"track {pick['track']}"
        raise ShotError(f"{key}: found {found}, which is tracked in no frame; choose another")
    return ids[0]
