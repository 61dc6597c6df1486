"""Checks of tracking.solve.orient, as the artist writes it; and which of its keys hold picks.

No solve is looked up here.
"""

from collections.abc import Callable
from dataclasses import asdict, replace

from shotmake.config.check_values import Faults, are_numbers, show_keys
from shotmake.config.picks import ID, NAME, PLACE, SNAPPED, as_block, find_faults
from shotmake.config.schema import Orient
from shotmake.files.yaml_file import show_value

KEY = "tracking.solve.orient"
PICKS = (PLACE, SNAPPED, NAME, ID)


def faults_of(orient: Orient, names: tuple[str, ...] | None) -> Faults:
    """Find all faults, each as (key, message). names: the names that tracks have; None = they are not known yet."""
    faults: Faults = []
    for name in ("origin", "x_axis", "y_axis"):
        pick = getattr(orient, name)
        faults += [] if pick is None else find_faults(f"{KEY}.{name}", pick, PICKS, names)
    for number, pick in enumerate(orient.ground):
        faults += find_faults(f"{KEY}.ground[{number}]", pick, PICKS, names)
    for number, entry in enumerate(orient.survey):
        where = f"{KEY}.survey[{number}]"
        if not are_numbers(entry.get("xyz_m"), 3):
            found = f"xyz_m {show_value(entry['xyz_m'])}" if "xyz_m" in entry else "no xyz_m"
            faults.append((where, f"found {found}; needed [x, y, z] in metres, Z up"))
        pick = {name: value for name, value in entry.items() if name != "xyz_m"}
        faults += find_faults(where, pick, PICKS, names)
    if 0 < len(orient.ground) < 3:
        faults.append((f"{KEY}.ground", f"found {len(orient.ground)}; needed three picks or more"))
    if len(orient.survey) == 1:
        faults.append((f"{KEY}.survey", "found 1; needed three points, or two on a ground"))
    faults += _check_distance(orient.distance, names) + _find_contradictions(orient)
    return faults


def change_picks(orient: Orient, change: Callable[[str, dict], dict]) -> Orient:
    """Return the block with `change(key, pick)` in place of each pick that may be a track's. A name alone is {name}."""

    def change_one(key: str, pick: dict | str | None) -> dict | None:
        return None if pick is None else change(f"{KEY}.{key}", as_block(pick))

    found: dict = {name: change_one(name, getattr(orient, name)) for name in ("origin", "x_axis", "y_axis")}
    for name in ("ground", "survey"):
        found[name] = [change_one(f"{name}[{at}]", pick) for at, pick in enumerate(getattr(orient, name))]
    if isinstance(orient.distance, dict):
        ends = {end: change_one(f"distance.{end}", orient.distance[end]) for end in "ab" if end in orient.distance}
        found["distance"] = orient.distance | ends
    return replace(orient, **found)


def has_track_names(orient: Orient) -> bool:
    """Return whether a pick is the name of a track."""
    named: list[str] = []

    def note(key: str, pick: dict) -> dict:
        named.extend([key] if "name" in pick else [])
        return pick

    change_picks(orient, note)
    return bool(named)


def _check_distance(distance: dict | None, names: tuple[str, ...] | None) -> Faults:
    if distance is None:
        return []
    where = f"{KEY}.distance"
    if set(distance) == {"a", "b", "metres"}:
        faults = [fault for end in "ab" for fault in find_faults(f"{where}.{end}", distance[end], PICKS, names)]
    elif set(distance) - {"snap"} == {"frame", "a_px", "b_px", "metres"}:
        common = {name: distance[name] for name in ("frame", "snap") if name in distance}
        picks = {f"{where}.{end}": {**common, "xy_px": distance[end]} for end in ("a_px", "b_px")}
        faults = [fault for key, pick in picks.items() for fault in find_faults(key, pick, PICKS, names)]
    else:
        needed = "needed {frame, a_px, b_px, metres} or {a: pick, b: pick, metres}"
        return [(where, f"found {show_keys(distance)}; {needed}")]
    if not are_numbers([distance["metres"]], 1) or distance["metres"] <= 0:
        faults.append((f"{where}.metres", f"found {show_value(distance['metres'])}; needed a length above 0"))
    return faults


def _find_contradictions(orient: Orient) -> Faults:
    faults = []
    if orient.x_axis is not None and orient.y_axis is not None:
        faults.append((f"{KEY}.y_axis", f"found beside {KEY}.x_axis; needed one of them: the other is square to it"))
    if orient.camera_height_frame is not None and orient.camera_height_m is None:
        faults.append((f"{KEY}.camera_height_frame", f"found without {KEY}.camera_height_m"))
    if orient.survey:
        beside = ("origin", "x_axis", "y_axis", "distance", "camera_height_m")
        beside += ("ground",) if len(orient.survey) > 2 else ()
        given = [name for name in beside if asdict(orient)[name] not in (None, [])]
        faults += [(f"{KEY}.{name}", f"found beside {KEY}.survey, which says it already; drop one") for name in given]
    return faults
