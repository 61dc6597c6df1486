"""verify: every target present, current and undamaged (each byte read again), and within tracking.qc."""

import json

from doit.exceptions import TaskFailed

from tasks.publish import folder, why_unpublished
from tasks.shots import ShotConfig
from tasks.stage import Node


def task(shot: ShotConfig, nodes: dict[str, Node]) -> dict:
    return {
        "name": nodes["footage"].shot,
        "doc": "fails with one line for each fault",
        "actions": [(verify, [shot, nodes])],
        "verbosity": 2,
    }


def verify(shot: ShotConfig, nodes: dict[str, Node]) -> TaskFailed | None:
    faults = find_faults(shot, nodes)
    if faults:
        return TaskFailed("\n".join(faults))
    print(f"   {len(nodes)} stages and {folder(shot).name} are present, current and undamaged")
    return None


def find_faults(shot: ShotConfig, nodes: dict[str, Node]) -> list[str]:
    """One line for each fault; a stage that cannot be right because an earlier one is wrong is not listed again."""
    faults: list[str] = []
    wrong: set[str] = set()
    for node in nodes.values():
        reason = node.why_stale(thorough=True)
        if reason and not wrong & {need.stage.name for need in node.needs}:
            faults.append(f"{node.task_name}: {reason}")
        if reason:
            wrong.add(node.stage.name)
    if "report" not in wrong:
        report = json.loads(nodes["report"].targets["report"].read_text())
        faults += [f"{nodes['footage'].shot}: {fault}" for fault in report["faults"]]
    if not wrong:
        reason = why_unpublished(shot, nodes, thorough=True)
        if reason:
            faults.append(f"publish:{nodes['footage'].shot}: {reason}")
    return faults
