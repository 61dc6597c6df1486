"""What an artist writes about single tracks: manual tracks, groups and garbage shapes.

It is read and checked here, and not applied.

Each read_... function takes the blocks of one config key and returns (what they say, faults). A fault is (key,
message).
"""

from dataclasses import dataclass, field
from typing import Any

from shotmake.config.check_values import Faults, are_numbers, is_number, is_whole, show_keys
from shotmake.config.picks import BOX, NAME, PLACE, find_faults
from shotmake.config.schema import Track, choices_of
from shotmake.files.yaml_file import show_value

MOTION_MODELS = choices_of(Track, "motion_model")
STATUSES = ("enabled", "disabled", "deleted")


@dataclass(frozen=True)
class Manual:
    """A track placed by hand. keys: {plate frame: [x, y] px}. The track goes both ways from each key."""

    name: str
    keys: dict[int, list[float]]
    weight: float = 1.0
    color: list[float] | None = None
    motion_model: str | None = None  # None = the one of tracking.track.motion_model


@dataclass(frozen=True)
class Group:
    """What the config says about some tracks.

    color: [r, g, b], each 0..1, or None; weight: 1 = as it is, 0 = the solver does not use the track.
    """

    name: str
    picks: list = field(default_factory=list)  # each is {frame, xy_px}, {frame, box_px}, {name} or a name alone
    weight: float = 1.0
    color: list[float] | None = None
    status: str = "enabled"
    is_named: bool = True  # True = the artist named it; False = it only carries the look of one manual track


@dataclass(frozen=True)
class Shape:
    """A polygon with keyframes: `points_px` (K, P, 2), as lists, at `frames` (K,), ascending plate frames."""

    frames: list[int]
    points_px: list


def read_manual(blocks: list) -> tuple[tuple[Manual, ...], Faults]:
    """Read [{name, frame, xy_px, weight, color, motion_model}, ...]; return the manual tracks and the faults.

    Entries with the same name are keys of one track.
    """
    key = "tracking.manual"
    found: dict[str, Manual] = {}
    faults: Faults = []
    for number, block in enumerate(blocks):
        where = f"{key}[{number}]"
        known = ("name", "frame", "xy_px", "weight", "color", "motion_model")
        if not isinstance(block, dict) or not {"name", "frame", "xy_px"} <= set(block) <= set(known):
            faults.append((where, f"found {show_keys(block)}; needed {{{', '.join(known)}}}, the first three at least"))
            continue
        name, model = block["name"], block.get("motion_model")
        if not isinstance(name, str) or not name:
            faults.append((f"{where}.name", f"found {show_value(name)}; needed text"))
        if not is_whole(block["frame"]) or not are_numbers(block["xy_px"], 2):
            found_at = f"frame {show_value(block['frame'])}, xy_px {show_value(block['xy_px'])}"
            faults.append((where, f"found {found_at}; needed a frame and [x, y]"))
            continue
        if model is not None and model not in MOTION_MODELS:
            faults.append((f"{where}.motion_model", f"found {show_value(model)}; allowed: {', '.join(MOTION_MODELS)}"))
        faults += _check_look(where, block)
        before = found.get(str(name))
        keys = {**(before.keys if before else {}), block["frame"]: block["xy_px"]}
        look = {item: block[item] for item in ("weight", "color", "motion_model") if item in block}
        said = {item: getattr(before, item) for item in ("weight", "color", "motion_model")} if before else {}
        found[str(name)] = Manual(str(name), dict(sorted(keys.items())), **{**said, **look})
    return tuple(found.values()), faults


def read_groups(blocks: dict, names: tuple[str, ...] | None = None) -> tuple[tuple[Group, ...], Faults]:
    """Read {name: [picks]} or {name: {tracks: [picks], weight, color, status}}; return the groups and the faults.

    names: the names that tracks have; None = they are not known yet.
    """
    groups, faults = [], []
    for name, said in blocks.items():
        key = f"tracking.groups.{name}"
        block: Any = {"tracks": said} if isinstance(said, list) else said
        known = ("tracks", "weight", "color", "status")
        if not isinstance(block, dict) or set(block) - set(known) or not isinstance(block.get("tracks", []), list):
            faults.append((key, f"found {show_keys(block)}; needed a list of picks, or {{{', '.join(known)}}}"))
            continue
        for pick in block.get("tracks", []):
            faults += find_faults(f"{key}.tracks", pick, (PLACE, BOX, NAME), names)
        status = block.get("status", "enabled")
        if status not in STATUSES:
            faults.append((f"{key}.status", f"found {show_value(status)}; allowed: {', '.join(STATUSES)}"))
        faults += _check_look(key, block)
        groups.append(
            Group(str(name), block.get("tracks", []), block.get("weight", 1.0), block.get("color"), str(status))
        )
    return tuple(groups), faults


def read_shapes(blocks: list) -> tuple[tuple[Shape, ...], Faults]:
    """Read [{points_px: [[x, y], ...]}, or {keys: [{frame, points_px}, ...]}, ...]; return the shapes and the faults.

    Each shape may have a name.
    """
    shapes, faults = [], []
    for number, block in enumerate(blocks):
        where = f"tracking.mask.shapes[{number}]"
        needed = "needed {points_px: [[x, y], ...]} or {keys: [{frame, points_px}, ...]}, at least 3 points"
        if not isinstance(block, dict) or set(block) - {"name"} not in ({"points_px"}, {"keys"}):
            faults.append((where, f"found {show_keys(block)}; {needed}"))
            continue
        keys = block.get("keys", [{"frame": 0, "points_px": block.get("points_px")}])
        if not isinstance(keys, list) or not keys or not all(_is_shape_key(one) for one in keys):
            faults.append((where, f"not a shape; {needed}"))
            continue
        keys = sorted(keys, key=lambda one: one["frame"])
        frames, counts = [one["frame"] for one in keys], {len(one["points_px"]) for one in keys}
        if len(set(frames)) < len(frames) or len(counts) > 1:
            at = f"{sorted(counts)} points at the frames {frames}"
            faults.append((where, f"found {at}; needed as many at each, each once"))
            continue
        shapes.append(Shape(frames, [one["points_px"] for one in keys]))
    return tuple(shapes), faults


def _check_look(where: str, block: dict) -> Faults:
    faults = []
    weight, color = block.get("weight", 1.0), block.get("color")
    if not is_number(weight) or not 0 <= weight <= 100:
        faults.append((f"{where}.weight", f"found {show_value(weight)}; needed a number from 0 to 100"))
    if color is not None and not (are_numbers(color, 3) and all(0 <= part <= 1 for part in color)):
        faults.append((f"{where}.color", f"found {show_value(color)}; needed [red, green, blue], each 0 to 1"))
    return faults


def _is_shape_key(one: object) -> bool:
    if not isinstance(one, dict) or set(one) != {"frame", "points_px"} or not is_whole(one["frame"]):
        return False
    points = one["points_px"]
    return isinstance(points, list) and len(points) >= 3 and all(are_numbers(point, 2) for point in points)
