"""Picks: how the config names a track or a place on the plate. One shape for all keys; no track is looked up here.

{frame: 48, xy_px: [480, 300]} is a place, and the track there. sign or {name: sign} is the track with that name: a
manual track, or one of tracking.session_file. {track: 12} is the track with that id.
"""

from typing import Any

from shotmake.config.check_values import Faults, are_numbers, is_whole, show_keys
from shotmake.config.schema import Tracking
from shotmake.files.yaml_file import show_value

PLACE, SNAPPED, BOX = ({"frame", "xy_px"}, {"frame", "xy_px", "snap"}, {"frame", "box_px"})
NAME, ID = ({"name"}, {"track"})
FORMS = (
    (PLACE, "{frame, xy_px: [x, y]}"),
    (SNAPPED, "that with snap: true for the track there"),
    (BOX, "{frame, box_px: [left, top, right, bottom]}"),
    (NAME, "a track's name"),
    (ID, "{track: id}"),
)


def names_of(tracking: Tracking, manual: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names that tracks have, `manual` being those of the manual tracks.

    None with tracking.session_file: only its files say how their tracks are called.
    """
    return None if tracking.session_file else manual


def as_block(pick: dict | str) -> dict:
    """Return a pick as a block: a name alone is {name}."""
    return {"name": pick} if isinstance(pick, str) else pick


def name_pick(pick: dict | str) -> str:
    """Name a pick in the artist's words."""
    pick = as_block(pick)
    if "name" in pick:
        return str(pick["name"])
    return f"track {pick['track']}" if "track" in pick else f"{list(pick['xy_px'])} in frame {pick['frame']}"


def find_faults(where: str, pick: Any, allowed: tuple[set[str], ...], names: tuple[str, ...] | None) -> Faults:
    """Find what is wrong with a pick, each fault as (key, message).

    allowed: the forms that it may have. names: the names that tracks have; None = they are not known yet.
    """
    block = as_block(pick)
    *others, last = (words for form, words in FORMS if form in allowed)
    needed = f"needed {', '.join(others)} or {last}"
    if not isinstance(block, dict) or set(block) not in allowed:
        return [(where, f"found {show_keys(pick)}; {needed}")]
    if "name" in block and names is not None and block["name"] not in names:
        known = f"there are: {', '.join(names)}" if names else "tracking.manual has none"
        return [(where, f"found {show_value(block['name'])}, no manual track's name; {known}")]
    is_good = (
        all(is_whole(block[name]) for name in ("frame", "track") if name in block)
        and are_numbers(block.get("xy_px", [0, 0]), 2)
        and are_numbers(block.get("box_px", [0, 0, 0, 0]), 4)
        and isinstance(block.get("snap", True), bool)
        and isinstance(block.get("name", ""), str)
    )
    return [] if is_good else [(where, f"found {show_value(pick)}; {needed}")]
