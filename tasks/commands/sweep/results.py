"""The end of a sweep: the referee ranks its variants, in the terminal, in sweep.json and in sweep.html."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shotmake.config.schema import Clean, Config, Detect, Track, Tracking
from shotmake.errors import ShotError
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build.publish import find_folder as published
from shotmake.tasks.engine.stage import Node, build, list_lender_nodes, make_nodes
from shotmake.tasks.engine.stamp import read_stamp, to_json_bytes, write_atomically
from shotmake.tasks.shots.shots import ShotConfig, load_shot
from shotmake.tasks.show import get_show_folder, name_in_show
from shotmake.tasks.stages import lens_lenders
from shotmake.tasks.stages.footage import FOOTAGE, read_plate
from shotmake.tasks.stages.lens import LENS
from shotmake.tasks.stages.objects.stage import OBJECTS
from shotmake.tasks.stages.solve.stage import SOLVE, read_solution
from shotmake.tasks.stages.tracks.stage import TRACKS

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.sweep.referee import Referee, Score

# The referee's tracks are always made with these settings. The tracks are spread wide and go down to weak corners, so
# that every part of the picture counts. No preset is like these settings: every tracker finds the strong corners, but
# no variant is solved with these markers.
REFEREE = Tracking(
    detect=Detect(min_tracks=220, quality_threshold=0.004, min_distance_px=15.0, margin_px=12),
    track=Track(motion_model="affine", correlation_min=0.8, pattern_px=19, segment_frames=64),
    clean=Clean(min_frames=8),
)
DIGITS = 4
UNSOLVED = ("built", "failed")  # verdicts of variants without a solve: none was asked for, or a fault

Variant = tuple[ShotConfig, dict[str, Node] | None]  # None: its config is broken


def make_referee_nodes(variants: list[Variant]) -> list[Node]:
    """Return the tracks by which the variants are judged: one for every plate and frame range of a shot with two or
    more variants.

    A single variant is not compared, so a show that is built overnight is not tracked twice.
    """
    found: dict[Path, Node] = {}
    for name, places in _group_places(variants).items():
        for shot, graph in (variants[at] for at in places if len(places) > 1):
            if graph is not None and "solve" in graph:
                assert shot.config is not None
                node = make_referee_node(name, shot.config)
                found.setdefault(node.stamp_path, node)
    return list(found.values())


def make_referee_node(name: str, config: Config) -> Node:
    """Return the referee's tracks for a variant of conf/shot/<name>.yaml.

    They have the variant's plate and frames, with the mask and the objects of that YAML. A variant's own mask is not
    used: it could hide all that is difficult.
    """
    plain = (load_shot(name).config or config).tracking
    tracking = replace(REFEREE, mask=plain.mask, objects=plain.objects)
    return make_nodes(replace(config, tracking=tracking), (FOOTAGE, OBJECTS, TRACKS))["tracks"]


def conclude(variants: list[Variant], folder: Path, began: float = 0.0) -> dict:
    """Rank the variants of each shot and write sweep.json and sweep.html into `find_folder`; return the content of
    sweep.json.

    The table is printed if a shot has several variants. This runs after doit: a variant that is not built is told as
    such. Only the referee's tracks are made here, where they are missing. `began` is the time when the sweep began;
    what is older was reused.
    """
    from shotmake.sweep.page import make_sweep_html
    from shotmake.sweep.table import make_sweep_text

    costs = _measure_costs(variants, began)
    shots = [
        _describe_shot(name, [variants[at] for at in places], [costs[at] for at in places])
        for name, places in _group_places(variants).items()
    ]
    sweep = _round({"schema": 1, "shots": shots})
    write_atomically(folder / "sweep.json", to_json_bytes(sweep))
    page = make_sweep_html(sweep, folder.name, os.path.relpath(get_show_folder(), folder))
    write_atomically(folder / "sweep.html", page.encode())
    if len(variants) > len(shots):
        terminal_output.say(make_sweep_text(sweep))
    terminal_output.say(f"   {name_in_show(folder / 'sweep.html')}")
    return sweep


def find_cost(name: str, overrides: tuple[str, ...]) -> float:
    """Return the cost that hydra/sweeper=optuna minimises, in px, after the solve was built.

    The cost is referee.Score.cost_px of conf/shot/<name>.yaml with these overrides. It is finite whatever happens. The
    referee's tracks are made if they are missing.
    """
    from shotmake.sweep.referee import WORST_PX

    shot = load_shot(name, overrides)
    try:
        graph = lens_lenders.build_graph(shot, (FOOTAGE, OBJECTS, TRACKS, LENS, SOLVE)) if shot.config else {}
    except ShotError:  # its build has said so
        graph = {}
    if "solve" not in graph or graph["solve"].why_stale():
        return WORST_PX
    if read_solution(graph["solve"].targets["solve"])["status"] == "refused":
        return WORST_PX
    found = _score(graph, _make_referee(make_referee_node(name, graph["solve"].config)))
    told = f"{found.cost_px:.3f} px by the referee" if found.cost_px < WORST_PX else "no cost by the referee"
    terminal_output.say(f"   {told}: {found.verdict}")
    return found.cost_px


def _group_places(variants: list[Variant]) -> dict[str, list[int]]:
    """Return for each shot the places of its variants in the list."""
    found: dict[str, list[int]] = {}
    for at, (shot, _) in enumerate(variants):
        found.setdefault(shot.name, []).append(at)
    return found


def _make_referee(node: Node) -> "Referee | None":
    """Return the referee of a node; None where its tracks cannot be made. They are made here if they are missing."""
    from shotmake.sweep.referee import make_referee
    from shotmake.tracks.markers import load_tracks

    graph = {need.stage.name: need for need in node.needs}
    if graph["footage"].why_stale():  # its own build has said why
        return None
    for one in (*node.needs, node):
        if one.why_stale():
            terminal_output.say(f"   the referee's {one.stage.name} of {node.shot}:")
            failed = build(one)
            if failed is not None:
                terminal_output.say(f"   {failed.message}")
                return None
    size_px = read_plate(graph["footage"].targets["footage"]).width_height_px
    return make_referee(load_tracks(node.targets["tracks"]), _find_frames(graph), size_px)


def _score(graph: dict[str, Node], judge: "Referee | None") -> "Score":
    from shotmake.sweep.referee import score, score_unjudged

    record = read_solution(graph["solve"].targets["solve"])
    if judge is not None:
        return score(record, judge)
    first, last = _find_frames(graph)
    return score_unjudged(record, last - first + 1)


def _find_frames(graph: dict[str, Node]) -> tuple[int, int]:
    """Return the first and last frame of the shot, inclusive."""
    from shotmake.footage.plate import find_frame_span

    footage = graph["footage"]
    return find_frame_span(read_plate(footage.targets["footage"]), footage.config.shot.footage.frame_range)


def _measure_costs(variants: list[Variant], began: float) -> list[dict[str, float]]:
    """Return for each variant the seconds that its results took, and how many of these seconds were not spent for it.

    Results made for another variant, or before the sweep, are reused. What several variants share is the cost of the
    first; the others have reused it.
    """
    made_for: set[Path] = set()
    costs = []
    for _, graph in variants:
        seconds = reused_s = 0.0
        for node in (*list_lender_nodes(graph), *graph.values()) if graph else ():
            stamp = read_stamp(node.stamp_path)
            if stamp is not None:
                spent_s = stamp.get("timing", {}).get("seconds", 0.0)
                is_old = node.stamp_path.stat().st_mtime < began
                seconds += spent_s
                reused_s += spent_s if is_old or "adopted_from" in stamp or node.stamp_path in made_for else 0.0
                made_for.add(node.stamp_path)
        costs.append({"seconds": seconds, "reused_s": reused_s})
    return costs


def _describe_shot(name: str, some: list[Variant], costs: list[dict[str, float]]) -> dict:
    """Return the block of one shot in sweep.json, its variants best first."""
    from shotmake.sweep.referee import rank

    judges = {node.stamp_path: _make_referee(node) for node in make_referee_nodes(some)}
    rows, scores = [], []
    for (shot, graph), cost in zip(some, costs, strict=True):
        row = {
            "variant": published(shot).name,
            "overrides": sorted(shot.overrides),
            "folder": name_in_show(published(shot)),
            "rank": None,
            "cost": cost,
            **_describe_unbuilt(shot, graph),
        }
        if not row["verdict"]:
            assert graph is not None and shot.config is not None
            judge = judges.get(make_referee_node(name, shot.config).stamp_path) if judges else None
            found = _score(graph, judge)
            scores.append((len(rows), found))
            row |= _describe_variant(graph, found)
        rows.append(row)
    order = [scores[at][0] for at in rank([found for _, found in scores])]
    ranked = [{**rows[at], "rank": place} for place, at in enumerate(order, 1)]
    judge = next((one for one in judges.values() if one is not None), None)
    told = None if judge is None else {"tracks": len(judge.markers.track_ids), "turns": judge.is_tripod}
    return {"shot": name, "referee": told, "variants": ranked + [row for row in rows if row["verdict"] in UNSOLVED]}


def _describe_unbuilt(shot: ShotConfig, graph: dict[str, Node] | None) -> dict:
    """Return the figures of a variant without a solve, and why it has none; the verdict is "" when it has a solve."""
    if graph is None:
        reason = "; ".join(shot.faults)
    else:
        chain = [
            *list_lender_nodes(graph),
            *(graph[name] for name in ("footage", "tracks", "lens", "solve") if name in graph),
        ]
        stale = next((node for node in chain if node.why_stale()), None)
        reason = f"{stale.stage.name} was not built" if stale else ""
    none = ("frames", "frames_pct", "agree_pct", "referee_px", "referee_median_px", "holdout_px", "confidence")
    curves = {"referee_px": [], "tracks": [], "focal_px": []}
    verdict = "failed" if reason else "built" if graph is None or "solve" not in graph else ""
    return {"verdict": verdict, "reason": reason, **dict.fromkeys(none), "curves": curves}


def _describe_variant(graph: dict[str, Node], found: "Score") -> dict:
    record, (first, last) = read_solution(graph["solve"].targets["solve"]), _find_frames(graph)
    focals_px = record["focal_px_per_frame"] or [record["lens"]["fx_px"] for _ in record["frames"]]
    focal_of = dict(zip(record["frames"], focals_px, strict=True))
    tracks = json.loads(graph["tracks"].targets["quality"].read_text(encoding="utf-8")) if "tracks" in graph else None
    return {
        "verdict": found.verdict,
        "reason": found.reason,
        "frames": [first, last],
        "frames_pct": found.frames_pct,
        "agree_pct": None if found.share is None else 100 * found.share,
        "referee_px": found.error_px,
        "referee_median_px": found.median_px,
        "holdout_px": record["holdout_rms_px"],
        "confidence": record["confidence"],
        "curves": {
            "referee_px": list(found.error_px_per_frame),
            "tracks": tracks["tracks_per_frame"] if tracks else [],
            "focal_px": [focal_of.get(frame) for frame in range(first, last + 1)],
        },
    }


def _round(value: Any) -> Any:
    """Return a value with its floats rounded to DIGITS decimals, through lists and dicts."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _round(one) for name, one in value.items()}
    return [_round(one) for one in value] if isinstance(value, list) else value
