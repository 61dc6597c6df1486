"""What the config says about single tracks: names, groups, colours, weights, and how they were followed."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.arguments import UserError, quote_error

# The colours of groups that have none, one for each in the order of quality.json. They differ from amber, and from
# Blender's own yellow (selected) and grey.
GROUP_COLORS = [
    *((0.20, 0.75, 0.95), (0.90, 0.25, 0.60), (0.45, 0.85, 0.25), (0.60, 0.40, 0.95)),
    *((0.10, 0.55, 0.45), (0.95, 0.30, 0.20), (0.25, 0.35, 0.85), (0.80, 0.65, 0.85)),
]


@dataclass(frozen=True)
class Told:
    """What the config says about tracks.

    per_track: {track id: {name, color, weight, groups}}, of quality.json; groups: their names in order; track:
    tracking.track; manual: the blocks of tracking.manual.
    """

    per_track: dict[int, dict[str, Any]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    track: dict[str, Any] | None = None
    manual: list[dict[str, Any]] = field(default_factory=list)

    def get(self, track_id: int) -> dict[str, Any]:
        """Return what is said about one track; {} for nothing."""
        return self.per_track.get(track_id, {})

    def name_of(self, track_id: int) -> str:
        """Return a track's name: a manual track's own, `<group>_<id>` in the first of its groups, else `track_<id>`."""
        told = self.get(track_id)
        return told.get("name") or f"{[*told.get('groups', []), 'track'][0]}_{track_id:05d}"

    def color_of(self, track_id: int) -> tuple[float, ...] | None:
        """Return the track's own colour, else its group's, else None.

        Blender's Select Grouped > Color takes all tracks of one colour.
        """
        told = self.get(track_id)
        if "color" in told:
            return tuple(told["color"])
        if told.get("groups"):
            return GROUP_COLORS[self.groups.index(told["groups"][0]) % len(GROUP_COLORS)]
        return None


def read_told(quality_file: str | None, tracking: str | None) -> Told:
    """Read quality.json of the tracks stage, and {"track": ..., "manual": [...]} as JSON text. Either may be missing.

    Raises UserError for a quality.json that cannot be read.
    """
    asked = json.loads(tracking) if tracking else {}
    if quality_file is None:
        return Told(**asked)
    try:
        quality = json.loads(Path(quality_file).read_text(encoding="utf-8"))
        per_track = {int(track_id): one for track_id, one in quality["per_track"].items()}
        return Told(per_track, [*quality["groups"]], **asked)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{quality_file}: cannot read what the tracks are worth: {quote_error(error)}") from error
