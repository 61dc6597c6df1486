"""shot.camera.given: the keys of a camera that is written in the shot's YAML.

They are read and checked here; nothing is computed.
"""

import math
from dataclasses import dataclass

from shotmake.config.check_values import Faults, are_numbers, is_whole, show_keys
from shotmake.files.yaml_file import show_value

KEY = "shot.camera.given"
SAME_PLACE = 1e-6  # world units: between places that are nearer, the direction is only rounding error
KNOWN = ("frame", "location", "look_at", "rotation_deg", "focal_mm")


@dataclass(frozen=True)
class CameraKey:
    """One key of a keyed camera.

    frame: plate frame number; location, look_at: places in the world; rotation_deg: XYZ Euler angles of a Blender
    camera, deg.

    Either look_at or rotation_deg is None. focal_mm None means the value of shot.camera.focal_mm.
    """

    frame: int
    location: list[float]
    look_at: list[float] | None
    rotation_deg: list[float] | None
    focal_mm: float | None


def read_keys(blocks: list) -> tuple[tuple[CameraKey, ...], Faults]:
    """Read the keys. Return the good keys in the order of their frames, and the faults of the others."""
    keys: dict[int, CameraKey] = {}
    faults: Faults = []
    for number, block in enumerate(blocks):
        where = f"{KEY}[{number}]"
        wrong = _fault_of(block)
        if not wrong and block["frame"] in keys:
            wrong = f"found frame {block['frame']} twice; needed one key a frame"
        if wrong:
            faults.append((where, wrong))
            continue
        keys[block["frame"]] = CameraKey(*(block.get(name) for name in KNOWN))
    return tuple(keys[frame] for frame in sorted(keys)), faults


def _fault_of(block: object) -> str:
    """Return what is wrong with a key, or an empty text for a good key."""
    if not isinstance(block, dict) or not {"frame", "location"} <= set(block) <= set(KNOWN):
        return f"found {show_keys(block)}; needed {{frame, location, look_at or rotation_deg}}, perhaps focal_mm"
    frame, focal_mm = block["frame"], block.get("focal_mm")
    if not is_whole(frame):
        return f"found frame {show_value(frame)}; needed a plate frame"
    if ("look_at" in block) == ("rotation_deg" in block):
        return f"found {'both' if 'look_at' in block else 'none'}; needed look_at or rotation_deg"
    for name in ("location", "look_at", "rotation_deg"):
        if name in block and not are_numbers(block[name], 3):
            return f"found {name} {show_value(block[name])}; needed [x, y, z]"
    if "look_at" in block and math.dist(block["look_at"], block["location"]) < SAME_PLACE:
        return "found look_at in the camera's own place; needed what it looks at"
    if focal_mm is not None and not (are_numbers([focal_mm], 1) and 2.0 <= focal_mm <= 3000.0):
        return f"found focal_mm {show_value(focal_mm)}; needed 2 to 3000 mm"
    return ""
