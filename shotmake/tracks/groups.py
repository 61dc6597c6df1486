"""Track management from the config: named groups of tracks with a weight, a colour, and the status disabled or deleted.

Ids change when a plate is tracked again, so a group names its tracks by where they are. A pick {frame, xy_px} is the
nearest track there; {frame, box_px} is every track in a box. Tracks with names, which manual and imported ones have,
are also named so.
"""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.config.annotations import Group, Manual
from shotmake.errors import ShotError
from shotmake.tracks.markers import DISABLED, Tracks

KEY = "tracking.groups"
NAMES_SHOWN = 12
PICK_MAX_PX = 12.0  # a pick that is further than this from any track is a mistake


@dataclass(frozen=True)
class Managed:
    """Tracks after their groups were applied, and by track id what quality.json says about them."""

    tracks: Tracks
    members: dict[str, list[int]]  # group -> track ids
    weights: dict[int, float]  # only those that are not 1
    colors: dict[int, list[float]]


def manage(tracks: Tracks, groups: tuple[Group, ...], names: dict[str, int]) -> Managed:
    """Apply groups to tracks.

    Deleted tracks go. Disabled ones (and those of weight 0) keep their markers, as DISABLED. A weight w gives the solve
    an expected error that is smaller by the root of w.
    names: track ids of manual and imported tracks.
    Raises ShotError for a pick that finds no track.
    """
    members = {group.name: sorted(_members(tracks, group, names)) for group in groups}
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
        replace(tracks, quality=quality, status=status).where(keep),
        {group.name: [at for at in members[group.name] if at in left] for group in groups if group.is_named},
        {track: weight for track, weight in weights.items() if track in left},
        {track: color for track, color in colors.items() if track in left},
    )


def looks(manual: tuple[Manual, ...]) -> tuple[Group, ...]:
    """Return the weights and colours of manual tracks, as groups."""
    return tuple(
        Group(f"manual {one.name}", [one.name], one.weight, one.color, is_named=False)
        for one in manual
        if one.weight != 1 or one.color is not None
    )


def _members(tracks: Tracks, group: Group, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for pick in group.picks:
        if isinstance(pick, str):
            if pick not in names:
                shown = ", ".join([*names][:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
                known = f"there are: {shown}" if names else "there are no tracks with names"
                raise ShotError(f"{KEY}.{group.name}: no track is named {pick}; {known}")
            found.add(names[pick])
            continue
        at = tracks.frame == pick["frame"]
        xy_px, ids = tracks.xy_px[at], tracks.track_id[at]
        if "box_px" in pick:
            left, top, right, bottom = pick["box_px"]
            found |= set(ids[((xy_px >= (left, top)) & (xy_px <= (right, bottom))).all(1)].tolist())
            continue
        gaps_px = np.linalg.norm(xy_px - pick["xy_px"], axis=1)
        if not len(gaps_px) or gaps_px.min() > PICK_MAX_PX:
            nearest = f"the nearest is {gaps_px.min():.0f} px away" if len(gaps_px) else "no track is in that frame"
            raise ShotError(f"{KEY}.{group.name}: no track at {pick['xy_px']} in frame {pick['frame']}; {nearest}")
        found.add(int(ids[gaps_px.argmin()]))
    return found
