"""Track management from the config: named groups of tracks with a weight, a colour, and the status disabled or deleted.

Ids change when a plate is tracked again, so a group names its tracks by where they are. {frame, box_px} is every track
in a box; all else is a pick (shotmake.tracks.find_tracks).
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.config.track_annotations import Group, Manual
from shotmake.tracks.find_tracks import Pickable, find_track
from shotmake.tracks.markers import DISABLED, Tracks

KEY = "tracking.groups"


@dataclass(frozen=True)
class Managed:
    """Tracks after their groups were applied, and by track id what quality.json says about them."""

    tracks: Tracks
    members: dict[str, list[int]]  # group -> track ids
    weights: dict[int, float]  # only those that are not 1
    colors: dict[int, list[float]]


def manage(tracks: Tracks, groups: tuple[Group, ...], names: dict[str, int], width_px: int) -> Managed:
    """Apply groups to tracks of a plate that is width_px wide.

    Deleted tracks go. Disabled ones (and those of weight 0) keep their markers, as DISABLED. A weight w gives the solve
    an expected error that is smaller by the root of w.
    names: track ids of manual and imported tracks.
    Raises ShotError for a pick that finds no track.
    """
    among = Pickable(tracks.track_id, tracks.frame, tracks.xy_px, width_px, names)
    members = {group.name: sorted(_find_members(group, among)) for group in groups}
    weights: dict[int, float] = {}
    colors: dict[int, list[float]] = {}
    quality, status = tracks.quality.copy(), tracks.status.copy()
    keep = np.ones(len(tracks), bool)
    for group in groups:
        theirs = np.isin(tracks.track_id, members[group.name])
        if group.weight != 1:
            weights.update(dict.fromkeys(members[group.name], group.weight))
            quality[theirs] /= np.sqrt(max(group.weight, 1e-6))
        if group.color is not None:
            colors.update(dict.fromkeys(members[group.name], group.color))
        if group.status == "disabled" or group.weight == 0:
            status[theirs] = DISABLED
        if group.status == "deleted":
            keep &= ~theirs
    left = set(np.unique(tracks.track_id[keep]).tolist())
    return Managed(
        replace(tracks, quality=quality, status=status).select(keep),
        {group.name: [at for at in members[group.name] if at in left] for group in groups if group.is_named},
        {track: weight for track, weight in weights.items() if track in left},
        {track: color for track, color in colors.items() if track in left},
    )


def groups_from_manual(manual: tuple[Manual, ...]) -> tuple[Group, ...]:
    """Return the weights and colours of manual tracks, as groups."""
    return tuple(
        Group(f"manual {one.name}", [one.name], one.weight, one.color, is_named=False)
        for one in manual
        if one.weight != 1 or one.color is not None
    )


def _find_members(group: Group, among: Pickable) -> set[int]:
    found: set[int] = set()
    for pick in group.picks:
        if isinstance(pick, dict) and "box_px" in pick:
            left, top, right, bottom = pick["box_px"]
            inside = ((among.xy_px >= (left, top)) & (among.xy_px <= (right, bottom))).all(1)
            found |= set(among.track_id[inside & (among.frame == pick["frame"])].tolist())
        else:
            found.add(find_track(pick, among, f"{KEY}.{group.name}"))
    return found
