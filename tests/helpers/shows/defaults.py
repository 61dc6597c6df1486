"""Every default by stage and version, as recorded and as it is now."""

import json
from typing import Any

from helpers.shows.slice_ways import graph, ways
from shotmake.config.schema import Camera
from shotmake.tasks.engine import slices
from shotmake.tasks.stages.objects import tracklet_segments as object_segments
from shotmake.tasks.stages.solve import candidates as stored
from shotmake.tasks.stages.solve import stage
from shotmake.tasks.stages.tracks import segments


def kinds(config) -> list[tuple[str, int, dict]]:
    """(stage or kind of piece, version, the slice that is hashed) of all that a config builds and stores."""
    made = []
    for node in graph(config).values():
        made.append((node.stage.name, node.stage.version, node.settings))
        if node.stage.name == "tracks":
            made.append(("segment", segments.VERSION, segments.select_reaching(node.settings)))
        if node.stage.name == "solve":
            camera = Camera(**node.settings["camera"])
            made.append(("found", stored.VERSION, stage.select_reaching(node.settings, camera)))
        if node.stage.name == "objects":
            reaches = slices.keep_only(node.settings, *object_segments.REACHING)
            made.append(("objects_segment", object_segments.VERSION, reaches))
    return made


def defaults_now() -> dict[str, tuple[int, dict[str, Any]]]:
    """Kind -> its version, and every default, whatever the config."""
    now: dict[str, tuple[int, dict]] = {}
    for config in ways().values():
        for kind, version, settings in kinds(config):
            now[kind] = version, now.get(kind, (0, {}))[1] | defaults(settings)
    return now


def flat(tree: dict, prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value of a tree; {} is a value."""
    found = {}
    for name, value in tree.items():
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
        found |= inner
    return found


def faults(recorded: dict, now: dict[str, tuple[int, dict[str, Any]]]) -> tuple[list[str], list[str]]:
    """What needs a version, and what needs only to be recorded; a line each."""
    moved, new = [], []
    for kind, (version, found) in now.items():
        entry = recorded.get(kind, {}).get(str(version))
        if entry is None:
            new.append(f"{kind}: version {version} is not recorded")
            continue
        known = flat(entry["written"]) | flat(entry["left out"])
        for name in sorted(known):
            if json.dumps(known[name]) != json.dumps(found.get(name, "none")):
                found_now = json.dumps(found[name]) if name in found else "no default"
                moved.append(f"{kind}: {name}: {json.dumps(known[name])} -> {found_now}; raise the version of {kind}")
        new += [f"{kind}: {name} is not recorded" for name in sorted(found.keys() - known.keys())]
    return moved, new


def recorded() -> dict:
    return json.loads(slices.FILE.read_text())


def defaults(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted name in the slice -> default, of all that have one."""
    found, own = {}, getattr(settings, "defaults", {})
    for name, value in settings.items():
        if isinstance(value, dict) and own.get(name, slices.DEFAULT_BLOCK) is slices.DEFAULT_BLOCK:
            found |= defaults(value, f"{prefix}{name}.")
        elif name in own:
            found[f"{prefix}{name}"] = own[name]
    return found
