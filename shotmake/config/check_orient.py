"""Checks of tracking.solve.orient, as the artist writes it; and the places of the manual tracks that it names.

No solve is looked up here.
"""

from dataclasses import asdict
from typing import Any

from shotmake.config.annotations import Faults, Manual, are_numbers, is_whole
from shotmake.config.schema import Orient

KEY = "tracking.solve.orient"
SHAPES = ({"frame", "xy_px"}, {"frame", "xy_px", "snap"}, {"name"}, {"track"})
NEEDED = "needed {frame, xy_px}, with snap: true for the track there, or {name} of a manual track, or {track: id}"


def faults_of(orient: Orient, names: tuple[str, ...]) -> Faults:
    """Find all faults, each as (key, message). names: the names of the manual tracks."""
    faults: Faults = []
    for name in ("origin", "x_axis", "y_axis"):
        pick = getattr(orient, name)
        faults += [] if pick is None else _pick_faults(f"{KEY}.{name}", pick, names)
    for number, pick in enumerate(orient.ground):
        faults += _pick_faults(f"{KEY}.ground[{number}]", pick, names)
    for number, entry in enumerate(orient.survey):
        where = f"{KEY}.survey[{number}]"
        if not are_numbers(entry.get("xyz_m"), 3):
            faults.append((where, f"found xyz_m {entry.get('xyz_m')!r}; needed [x, y, z] in metres, Z up"))
        faults += _pick_faults(where, {name: value for name, value in entry.items() if name != "xyz_m"}, names)
    if 0 < len(orient.ground) < 3:
        faults.append((f"{KEY}.ground", f"found {len(orient.ground)}; needed three picks or more"))
    if len(orient.survey) == 1:
        faults.append((f"{KEY}.survey", "found 1; needed three points, or two on a ground"))
    faults += _distance_faults(orient.distance, names) + _contradictions(orient)
    return faults


def with_places(orient: dict, manual: tuple[Manual, ...]) -> dict:
    """Return the plain tree of Orient with a place for each name: a pick by name becomes {name, frame, xy_px}.

    frame and xy_px are those of the first key of the manual track with that name.
    """
    keys = {one.name: next(iter(one.keys.items())) for one in manual}

    def placed(pick: Any) -> Any:
        if isinstance(pick, list):
            return [placed(one) for one in pick]
        pick = {"name": pick} if isinstance(pick, str) else pick
        if not isinstance(pick, dict) or pick.get("name") not in keys:
            return pick
        frame, xy_px = keys[pick["name"]]
        return {**pick, "frame": frame, "xy_px": xy_px}

    found = {name: placed(orient[name]) for name in ("ground", "survey", "origin", "x_axis", "y_axis")}
    if isinstance(orient["distance"], dict):
        found["distance"] = {
            name: placed(value) if name in "ab" else value for name, value in orient["distance"].items()
        }
    return orient | found


def _pick_faults(where: str, pick: Any, names: tuple[str, ...]) -> Faults:
    pick = {"name": pick} if isinstance(pick, str) else pick
    if not isinstance(pick, dict) or set(pick) not in SHAPES:
        found = f"{{{', '.join(map(str, pick))}}}" if isinstance(pick, dict) else repr(pick)
        return [(where, f"found {found}; {NEEDED}")]
    if "name" in pick and pick["name"] not in names:
        known = f"there are: {', '.join(names)}" if names else "tracking.manual has none"
        return [(where, f"found {pick['name']!r}, no manual track's name; {known}")]
    whole = all(is_whole(pick[name]) for name in ("frame", "track") if name in pick)
    if not whole or not are_numbers(pick.get("xy_px", [0, 0]), 2) or not isinstance(pick.get("snap", True), bool):
        return [(where, f"found {pick}; {NEEDED}")]
    return []


def _distance_faults(distance: dict | None, names: tuple[str, ...]) -> Faults:
    if distance is None:
        return []
    where = f"{KEY}.distance"
    if set(distance) == {"a", "b", "metres"}:
        faults = [fault for end in "ab" for fault in _pick_faults(f"{where}.{end}", distance[end], names)]
    elif set(distance) - {"snap"} == {"frame", "a_px", "b_px", "metres"}:
        common = {name: distance[name] for name in ("frame", "snap") if name in distance}
        faults = [fault for end in ("a_px", "b_px")
                  for fault in _pick_faults(f"{where}.{end}", {**common, "xy_px": distance[end]}, names)]  # fmt: skip
    else:
        found = f"{{{', '.join(map(str, distance))}}}"
        return [(where, f"found {found}; needed {{frame, a_px, b_px, metres}} or {{a: pick, b: pick, metres}}")]
    if not are_numbers([distance["metres"]], 1) or distance["metres"] <= 0:
        faults.append((f"{where}.metres", f"found {distance['metres']!r}; needed a length above 0"))
    return faults


def _contradictions(orient: Orient) -> Faults:
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
