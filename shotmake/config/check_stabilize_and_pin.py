"""Checks of composite.stabilization and composite.corner_pin, as the artist writes them.

No file and no track is looked up here.
"""

from shotmake.config.check_values import Faults, are_numbers
from shotmake.config.picks import ID, NAME, PLACE, find_faults
from shotmake.config.schema import Config
from shotmake.files.yaml_file import show_value

PIN_KEY = "composite.corner_pin"
STABILIZATION_KEY = "composite.stabilization"
OFF = ("disabled", "deleted")
CORNERS = "top-left, top-right, bottom-right, bottom-left"


def faults_of(config: Config, names: tuple[str, ...] | None) -> Faults:
    """Find all faults, each as (key, message). names: the names that tracks have; None = they are not known yet."""
    return _check_stabilization(config, names) + _check_pin(config, names)


def _check_stabilization(config: Config, names: tuple[str, ...] | None) -> Faults:
    settings = config.composite.stabilization
    if not settings.enabled:
        return []
    if settings.tracklet is not None:
        found = f"found {show_value(settings.tracks)} with composite.stabilization.tracklet"
        found += "; needed one of them (all is neither)"
        return [] if settings.tracks == "all" else [(f"{STABILIZATION_KEY}.tracks", found)]
    if not config.tracking.enabled:
        return [(f"{STABILIZATION_KEY}.enabled", "found true without tracks; needed tracking.enabled: true")]
    chosen = [settings.tracks] if isinstance(settings.tracks, str) else settings.tracks
    known = [*config.tracking.groups, *(names or ())]
    offered = [name for name in known if name not in _find_groups_off(config.tracking.groups)]
    key = f"{STABILIZATION_KEY}.tracks"
    faults = [
        (key, f"found {name!r}; needed all, a group or a manual track; there are: {', '.join(offered) or 'none'}")
        for name in chosen
        if name not in known and settings.tracks != "all" and names is not None
    ]
    return faults if chosen else [(key, "found an empty list; needed all, or groups and manual tracks by name")]


def _find_groups_off(groups: dict) -> set[str]:
    """Return the names of the groups that have no enabled track."""
    return {name for name, block in groups.items() if isinstance(block, dict) and block.get("status") in OFF}


def _check_pin(config: Config, names: tuple[str, ...] | None) -> Faults:
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
            faults.append((f"{PIN_KEY}.corners_xyz[{number}]", f"found {show_value(corner)}; needed [x, y, z]"))
    for number, pick in enumerate(pin.tracks):
        faults += find_faults(f"{PIN_KEY}.tracks[{number}]", pick, (PLACE, NAME, ID), names)
    if pin.tracks and not config.tracking.enabled:
        faults.append(
            (f"{PIN_KEY}.tracks", "found picks, but no tracks; needed tracking.enabled: true, or corners_xyz")
        )
    return faults
