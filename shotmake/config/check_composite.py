"""Checks of composite.stabilization and composite.corner_pin, as the artist writes them.

No file and no track is looked up here.
"""

from typing import Any

from shotmake.config.annotations import Faults, are_numbers, is_whole
from shotmake.config.schema import Config

PIN_KEY = "composite.corner_pin"
STABILIZATION_KEY = "composite.stabilization"
PICKS = ({"frame", "xy_px"}, {"name"}, {"track"})
OFF = ("disabled", "deleted")
CORNERS = "top-left, top-right, bottom-right, bottom-left"


def faults_of(config: Config, names: tuple[str, ...]) -> Faults:
    """Find all faults, each as (key, message). names: the names of the manual tracks."""
    return _stabilization_faults(config, names) + _pin_faults(config, names)


def _stabilization_faults(config: Config, names: tuple[str, ...]) -> Faults:
    settings = config.composite.stabilization
    if not settings.enabled:
        return []
    if settings.tracklet is not None:
        found = f"found {settings.tracks!r} with composite.stabilization.tracklet; needed one of them (all is neither)"
        return [] if settings.tracks == "all" else [(f"{STABILIZATION_KEY}.tracks", found)]
    if not config.tracking.enabled:
        return [(f"{STABILIZATION_KEY}.enabled", "found true without tracks; needed tracking.enabled: true")]
    chosen = [settings.tracks] if isinstance(settings.tracks, str) else settings.tracks
    known = [*config.tracking.groups, *names]
    offered = [name for name in known if name not in _groups_off(config.tracking.groups)]
    key = f"{STABILIZATION_KEY}.tracks"
    faults = [
        (key, f"found {name!r}; needed all, a group or a manual track; there are: {', '.join(offered) or 'none'}")
        for name in chosen
        if name not in known and settings.tracks != "all"
    ]
    return faults if chosen else [(key, "found an empty list; needed all, or groups and manual tracks by name")]


def _groups_off(groups: dict) -> set[str]:
    """Return the names of the groups that have no enabled track."""
    return {name for name, block in groups.items() if isinstance(block, dict) and block.get("status") in OFF}


def _pin_faults(config: Config, names: tuple[str, ...]) -> Faults:
    pin = config.composite.corner_pin
    given = [name for name in ("tracks", "corners_xyz", "object", "tracklet") if getattr(pin, name)]
    if pin.image is None:
        return [(f"{PIN_KEY}.image", f"not set, but {given[0]} is; needed the picture to be pinned")] if given else []
    if len(given) != 1:
        found = " and ".join(given) or "no corners"
        return [(PIN_KEY, f"found {found}; needed one of tracks, corners_xyz, object and tracklet")]
    faults: Faults = []
    for name in ("tracks", "corners_xyz"):
        count = len(getattr(pin, name))
        if count not in (0, 4):
            faults.append((f"{PIN_KEY}.{name}", f"found {count}; needed four: {CORNERS}"))
    for number, corner in enumerate(pin.corners_xyz):
        if not are_numbers(corner, 3):
            faults.append((f"{PIN_KEY}.corners_xyz[{number}]", f"found {corner!r}; needed [x, y, z]"))
    for number, pick in enumerate(pin.tracks):
        faults += _pick_faults(f"{PIN_KEY}.tracks[{number}]", pick, names)
    if pin.tracks and not config.tracking.enabled:
        faults.append(
            (f"{PIN_KEY}.tracks", "found picks, but no tracks; needed tracking.enabled: true, or corners_xyz")
        )
    return faults


def _pick_faults(where: str, pick: Any, names: tuple[str, ...]) -> Faults:
    pick = {"name": pick} if isinstance(pick, str) else pick
    if not isinstance(pick, dict) or set(pick) not in PICKS:
        return [(where, f"found {pick!r}; needed {{frame, xy_px: [x, y]}}, a manual track's name, or {{track: id}}")]
    if "name" in pick and pick["name"] not in names:
        known = f"there are: {', '.join(names)}" if names else "tracking.manual has none"
        return [(where, f"found {pick['name']!r}, no manual track's name; {known}")]
    whole = [pick[name] for name in ("frame", "track") if name in pick]
    if not all(map(is_whole, whole)):
        return [(where, f"found {pick}; needed a whole number")]
    if not are_numbers(pick.get("xy_px", [0, 0]), 2):
        return [(where, f"found xy_px {pick['xy_px']!r}; needed [x, y] in plate px")]
    return []
