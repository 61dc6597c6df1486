"""Names of tasks: `<stage>:<shot>` for a shot's own config, `<stage>:<shot>:<cache key>` for a variant in a sweep."""

from pathlib import Path

from shotmake.tasks.engine.stage import Node
from shotmake.tasks.engine.stamp import hash_short
from shotmake.tasks.shots.shots import ShotConfig

# Characters that mean something else to doit in a task's name. A broken shot's name is the name of its file.
NOT_IN_TASKS = str.maketrans({"=": "%3D", "*": "%2A", "%": "%25"})


def make_label(shot: ShotConfig, in_sweep: bool) -> str:
    """Return what stands behind `publish:`, `plan:` and the like."""
    name = shot.config.shot.name if shot.config else shot.name.translate(NOT_IN_TASKS)
    return f"{name}:{hash_short(sorted(shot.overrides))}" if in_sweep and shot.overrides else name


def name_tasks(nodes: list[Node], plain: list[Node]) -> dict[Path, str]:
    """Return {stamp: name of the task} of all nodes.

    Of each name, the first node in `plain` goes without its cache key.
    """
    owner: dict[str, Path] = {}
    for node in plain:
        owner.setdefault(node.task_name, node.stamp_path)
    return {
        node.stamp_path: node.task_name + ("" if owner.get(node.task_name) == node.stamp_path else f":{node.key}")
        for node in nodes
    }
