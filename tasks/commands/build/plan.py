"""plan: what would run and why, what is reused and from where. It builds nothing."""

import functools
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from shotmake.config.check import ConfigFaults, list_keys, load, make_defaults
from shotmake.config.schema import Config, Witness
from shotmake.errors import ShotError
from shotmake.numbers_in_words import share_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build import publish_render
from shotmake.tasks.commands.build.publish import describe_maker, find_folder, find_stamp_path, why_unpublished
from shotmake.tasks.engine.faults_in_one_line import tell_faults
from shotmake.tasks.engine.stage import Node, find_adoptable, list_lender_nodes
from shotmake.tasks.engine.stamp import is_texts, read_stamp
from shotmake.tasks.engine.state import confined_paths
from shotmake.tasks.shots.composed_configs import config_of
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.show import get_show_folder, get_state_folder, name_in_show
from shotmake.tasks.stages import session_state
from shotmake.tasks.stages.witness_cameras import camera_of


def make_task(shot: ShotConfig, nodes: dict[str, Node], by_name: dict[str, Node], name: str) -> dict:
    """Return the plan task of a shot. `by_name`: the nodes that a plain build leaves alone."""
    return {
        "name": name,
        "doc": "what would run and why; builds nothing",
        "actions": [(tell_faults(f"plan:{name}", plan), [shot, nodes, by_name])],
        "verbosity": 2,
    }


def plan(shot: ShotConfig, nodes: dict[str, Node], by_name: dict[str, Node]) -> None:
    """Print the plan: one line for each stage, for publish, for the stages built by name and for the session."""
    lines = find_plan(shot, nodes)
    for name, node in by_name.items():
        reason = publish_render.why_not_current(shot, node)
        place = str(publish_render.place_of(shot).relative_to(get_show_folder()) / publish_render.FOLDER)
        lines.append((name, "by name", publish_render.describe(node)) if reason else (name, "up to date", place))
    width = max(10, *(len(stage) for stage, _, _ in lines))
    for stage, verdict, reason in lines:
        terminal_output.say(f"   {stage:<{width}} {verdict:<11} {reason}")
    terminal_output.say(f"   {'session':<{width}} {session_state.describe(session_state.state_of(nodes))}")


def find_plan(shot: ShotConfig, nodes: dict[str, Node]) -> list[tuple[str, str, str]]:
    """Return (stage, verdict, reason or place) for each stage and for publish.

    A verdict is "up to date", "reuse", "run" or "may run". The stages of the shot whose lens it takes come first, as
    <stage>:<shot>.
    """
    published = read_stamp(find_stamp_path(shot)) or read_stamp(find_stamp_path(replace(shot, overrides=())))
    lines: list[tuple[str, str, str]] = []
    lender_nodes = {node.task_name: node for node in list_lender_nodes(nodes)}
    called = {node.stamp_path: name for name, node in (lender_nodes | nodes).items()}
    open_ended: set[Path] = set()  # stamps of results that may get other bytes than now
    for name, node in (lender_nodes | nodes).items():
        verdict, reason = _judge(node, None if name in lender_nodes else published, open_ended, called)
        if verdict in ("run", "may run"):
            open_ended.add(node.stamp_path)
        lines.append((name, verdict, reason))
    if open_ended:
        same = (read_stamp(find_stamp_path(shot)) or {}).get("made_by") == describe_maker(shot, nodes)
        unless = ("publish", "may run", "after what runs, unless what it publishes comes out as it was")
        lines.append(unless if same else ("publish", "run", "after what runs"))
    else:
        reason = why_unpublished(shot, nodes)
        place = str(find_folder(shot).relative_to(get_show_folder()))
        lines.append(("publish", "run", reason) if reason else ("publish", "up to date", place))
    return lines


def _judge(node: Node, published: dict | None, open_ended: set[Path], called: dict[Path, str]) -> tuple[str, str]:
    reason = node.why_stale()
    place = os.path.relpath(next(iter(node.targets.values())), get_show_folder())
    waits_for = [called[need.stamp_path] for need in node.needs if need.stamp_path in open_ended]
    if waits_for:
        changed = "".join(f"{line}; " for line in _find_changes(node, published, called) if "->" in line)
        return "may run", f"{changed}after {_join_names(waits_for)}, unless what it reads comes out as it was"
    if not reason:
        return "up to date", f"{place} (pinned)" if node.is_pinned else place
    try:
        found = None if node.is_pinned else find_adoptable(node)
    except ShotError as error:
        return "run", error.faults[0]
    if found:
        return "reuse", name_in_show(found[0]).removesuffix(".stamp.json")
    if reason == "never built":
        reason = "; ".join(_find_changes(node, published, called)) or reason
    return "run", f"{reason}{_describe_stored(node)}"


def _describe_stored(node: Node) -> str:
    """Return, in words, which pieces of the stage are stored already."""
    if segments := session_state.segments_of(node):
        there = [segment.last for segment in segments if segment.is_stored]
        up_to = f", up to frame {there[-1]}" if there else ""
        return f"; {share_of(len(there), len(segments), 'segment')} there{up_to}"
    if boxes := session_state.boxes_of(node):
        there = [piece for piece in boxes if piece.read_undamaged_stamp()]
        return f"; {share_of(len(there), len(boxes), 'file of its boxes', 'files of its boxes')} there"
    return ""


def _find_changes(node: Node, published: dict | None, called: dict[Path, str]) -> list[str]:
    """Return why this node is not the published one: config keys, the stage's version, or what it needs."""
    name = called[node.stamp_path]
    if published is None or name not in published.get("state", {}):
        return []
    before, now = _read_published_config(published), asdict(node.config)
    if before is None:
        return []
    lines = [
        f"{key}: {_show(_get_value(before, key))} -> {_show(_get_value(now, key))}"
        for key in _list_keys(camera_of(name))
        if _get_value(before, key) != _get_value(now, key) and _is_read(node, key, _get_value(before, key))
    ]
    old = read_stamp(confined_paths.confine(published["state"][name], get_show_folder(), get_state_folder()))
    if old and old["made_by"].get("version") != node.stage.version:
        lines.append(f"version of the stage: {old['made_by'].get('version')} -> {node.stage.version}")
    keys_before = published["made_by"].get("keys")
    keys_before = keys_before if is_texts(keys_before) else {}
    names = [(called[need.stamp_path], need.key) for need in node.needs]
    others = [name for name, key in names if keys_before.get(name) != key]
    gone = sorted((set(keys_before) - set(called.values())) & set((old or {"inputs": {}})["inputs"]))
    found = [f"reads another {_join_names(others)}"] if others else []
    return lines or found + ([f"reads no {_join_names(gone)} any more"] if gone else [])


def _list_keys(camera: str) -> list[str]:
    """Return the keys of the schema. For a witness camera's nodes, that camera's keys stand in place of
    all cameras'.
    """
    if not camera:
        return list_keys()
    return [key for key in list_keys() if key != "shot.cameras"] + list_keys(Witness, f"shot.cameras.{camera}.")


def _is_read(node: Node, key: str, value: Any) -> bool:
    """Return whether the stage's slice holds this config key: with the old value the slice would differ."""
    tree = asdict(node.config)
    *blocks, leaf = key.split(".")
    functools.reduce(dict.__getitem__, blocks, tree)[leaf] = value
    return node.stage.settings(config_of(Config, tree)) != node.settings


def _read_published_config(published: dict) -> dict | None:
    """Return the config with which a shot was published; None where the record holds none."""
    filled = _add_new_keys(published.get("config"))
    try:
        return asdict(load(filled))
    except ConfigFaults:
        return None


def _add_new_keys(config: Any) -> dict:
    """Return a config that an earlier release published, where keys that are new since have their defaults."""
    filled = _fill(config, make_defaults())
    cameras = filled["shot"]["cameras"]
    witnesses = cameras.items() if isinstance(cameras, dict) else ()
    filled["shot"]["cameras"] = {name: _fill(witness, asdict(Witness())) for name, witness in witnesses}
    return filled


def _fill(tree: Any, default: dict) -> dict:
    tree = tree if isinstance(tree, dict) else {}
    found = {name: tree.get(name, value) for name, value in default.items()}
    inner = (name for name, value in default.items() if value and isinstance(value, dict))
    return found | {name: _fill(found[name], default[name]) for name in inner}


def _get_value(tree: dict, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part, {}) if isinstance(tree, dict) else {}
    return tree


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _join_names(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
