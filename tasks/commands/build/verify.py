"""verify: checks that every target is present, current, undamaged (each byte is read again) and within tracking.qc.

It says one line for each fault, and writes verify.json and verify.xml (JUnit) beside what was published.
"""

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build import publish_render
from shotmake.tasks.commands.build.publish import REPORTS, find_folder, why_unpublished
from shotmake.tasks.engine.faults_in_one_line import tell_faults
from shotmake.tasks.engine.stage import Node, list_lender_nodes
from shotmake.tasks.engine.stamp import to_json_bytes, write_atomically
from shotmake.tasks.engine.state.explain_shortage import explain_disk_fault
from shotmake.tasks.shots.shots import ShotConfig


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    `faults` are whole lines. None means not checked, since it needs something that is wrong.
    """

    name: str
    faults: tuple[str, ...] | None


def make_task(shot: ShotConfig, nodes: dict[str, Node] | None, by_name: dict[str, Node], name: str) -> dict:
    """Return the verify task of a shot. `by_name`: the nodes that are checked only when they were asked for once."""
    return {
        "name": name,
        "doc": "fails with one line for each fault",
        "actions": [(tell_faults(f"verify:{name}", verify), [shot, nodes, by_name])],
        "verbosity": 2,
    }


def verify(shot: ShotConfig, nodes: dict[str, Node] | None, by_name: dict[str, Node]) -> TaskFailed | None:
    """Verify a shot and write the reports. Return a failed task with one line for each fault; None without faults."""
    checks = list_checks(shot, nodes, by_name) if nodes else [Check("config", shot.faults)]
    faults = [fault for check in checks for fault in check.faults or ()]
    place = find_folder(shot)
    try:
        for path, data in zip(REPORTS, (as_json(place.name, checks), as_junit(place.name, checks)), strict=True):
            write_atomically(place / path, data)
    except OSError as error:
        line = explain_disk_fault(error, place)
        if not line:
            raise
        terminal_output.say(f"   {line}")  # a show on a read-only disk can still be right
    if faults:
        return TaskFailed("\n".join(faults))
    terminal_output.say(
        f"   {len(checks) - 2} stages and {place.name} are present, current, undamaged and within tracking.qc"
    )
    return None


def list_checks(shot: ShotConfig, nodes: dict[str, Node], by_name: dict[str, Node]) -> list[Check]:
    """Return a check for each stage, for publish and for the qc limits.

    The stages of the shot whose lens it takes come first.
    """
    checks: list[Check] = []
    wrong: set[Path] = set()  # the stamps of the nodes that are wrong
    lender_nodes = [(node.task_name, node) for node in list_lender_nodes(nodes)]
    for name, node in (*lender_nodes, *nodes.items()):
        blocked = wrong & {need.stamp_path for need in node.needs}
        reason = node.why_stale(thorough=True)
        if reason:
            wrong.add(node.stamp_path)
        checks.append(Check(name, None if reason and blocked else _make_line(node.task_name, reason)))
    for name, node in by_name.items():
        if publish_render.is_made(shot, node):
            blocked = wrong & {need.stamp_path for need in node.needs}
            reason = publish_render.why_wrong(shot, node)
            checks.append(Check(name, None if reason and blocked else _make_line(node.task_name, reason)))
    shot_name = nodes["footage"].shot
    reason = "" if wrong else why_unpublished(shot, nodes, thorough=True)
    checks.append(Check("publish", None if wrong else _make_line(f"publish:{shot_name}", reason)))
    limits = None
    if nodes["report"].stamp_path not in wrong:
        faults = _read_faults(nodes["report"].targets["report"])
        limits = tuple(f"{shot_name}: {fault}" for fault in faults)
    checks.append(Check("qc", limits))
    return checks


def _read_faults(path: Path) -> list:
    """Return the faults that a report.json lists. Raises ShotError when the file is not a report."""
    report = read_json(path)
    if not isinstance(report, dict) or not isinstance(report.get("faults"), list):
        raise ShotError(f"{path.name}: found no report; remove it from .gsd-state, and doit makes it anew")
    return report["faults"]


def as_json(shot: str, checks: list[Check]) -> bytes:
    """Return the checks as the content of verify.json."""
    found = {check.name: "not checked" if check.faults is None else list(check.faults) for check in checks}
    good = all(check.faults == () for check in checks)
    return to_json_bytes({"schema": 1, "shot": shot, "good": good, "checks": found})


def as_junit(shot: str, checks: list[Check]) -> bytes:
    """Return the checks as the XML that CI servers read: one test case for each check."""
    counts = {
        "tests": len(checks),
        "failures": sum(bool(check.faults) for check in checks),
        "skipped": sum(check.faults is None for check in checks),
    }
    suite = xml.Element("testsuite", {"name": shot, **{name: str(count) for name, count in counts.items()}})
    for check in checks:
        case = xml.SubElement(suite, "testcase", classname=shot, name=check.name)
        if check.faults is None:
            xml.SubElement(case, "skipped")
        elif check.faults:
            xml.SubElement(case, "failure", message=check.faults[0]).text = "\n".join(check.faults)
    return xml.tostring(suite, encoding="utf-8", xml_declaration=True)


def _make_line(task: str, reason: str) -> tuple[str, ...]:
    return (f"{task}: {reason}",) if reason else ()
