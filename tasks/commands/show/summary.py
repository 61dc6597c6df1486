"""summary: the results of the shots asked for, by verdict. Every sweep ends with it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.numbers_in_words import count_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build.publish import find_folder, read_refusal, why_unpublished
from shotmake.tasks.commands.sweep.results import conclude
from shotmake.tasks.engine.faults_in_one_line import tell_faults
from shotmake.tasks.engine.stage import Node, list_lender_nodes
from shotmake.tasks.shots.overruled_sweep_values import list_silenced
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.solve.stage import read_solution

Variant = tuple[ShotConfig, dict[str, Node] | None]  # None: its config is broken
# built: no solve was asked for; wrong: the referee of a sweep contradicts the camera
ORDER = ("solved", "tripod", "static", "built", "refused", "wrong", "failed", "broken")


def make_task(load: Callable[[], list[Variant]], variants_file: str) -> dict:
    """Return the summary task.

    `variants_file` is the file of a sweep's variants, in the folder where the ranking goes; "" without a sweep.
    """
    return {
        "basename": "summary",
        "doc": "what came of the shots, by verdict; fails when not all that was asked for is built",
        "actions": [(tell_faults("summary", summarise), [load, variants_file])],
        "verbosity": 2,
    }


def summarise(load: Callable[[], list[Variant]], variants_file: str) -> TaskFailed | None:
    """Print the summary. Return a failed task when not all that was asked for is built; else None."""
    found = load()
    for line in dict.fromkeys(line for shot, _ in found for line in list_silenced(shot)):
        terminal_output.say(f"   silenced: {line}")
    for names in find_twins(found):
        terminal_output.say(f"   the same in every step: {', '.join(names)}")
    wrong = find_wrong(found, get_show_folder() / variants_file) if variants_file else {}
    verdicts = [wrong.get(find_folder(shot)) or find_verdict(shot, nodes) for shot, nodes in found]
    terminal_output.say(f"   {count_variants(found, [word for word, _ in verdicts])}")
    faults = [
        f"{find_folder(shot).name}: {word}: {reason}"
        for (shot, _), (word, reasons) in zip(found, verdicts, strict=True)
        for reason in reasons
    ]
    return TaskFailed("\n".join(faults)) if faults else None


def find_wrong(found: list[Variant], variants_file: Path) -> dict[Path, tuple[str, tuple[str, ...]]]:
    """Rank a sweep, and return the verdicts on the variants whose cameras the referee's tracks contradict, by their
    folder.

    The ranking is printed and written beside the list of variants. That list was written when the sweep began, so its
    time is the time of that beginning.
    """
    sweep = conclude(found, variants_file.parent, began=variants_file.stat().st_mtime)
    every = [variant for shot in sweep["shots"] for variant in shot["variants"]]
    return {
        get_show_folder() / one["folder"]: ("wrong", (one["reason"],)) for one in every if one["verdict"] == "wrong"
    }


def count_variants(found: list[Variant], words: list[str]) -> str:
    """Return the counts in words, as `6 variants of 2 shots: 5 solved, 1 refused`."""
    counts = Counter(words)
    shots = len({shot.name for shot, _ in found})
    head = count_of(shots, "shot")
    head = f"{count_of(len(found), 'variant')} of {head}" if len(found) > shots else head
    return f"{head}: {', '.join(f'{counts[word]} {word}' for word in ORDER if word in counts)}"


def find_verdict(shot: ShotConfig, nodes: dict[str, Node] | None) -> tuple[str, tuple[str, ...]]:
    """Return one of ORDER, and the reasons against the shot; no reasons for a good verdict."""
    if nodes is None:
        return "broken", shot.faults
    every = [*((node.stage.name, node) for node in list_lender_nodes(nodes)), *nodes.items()]
    stale = [(name, reason) for name, node in every if (reason := node.why_stale())]
    if "solve" in nodes and not nodes["solve"].why_stale() and read_refusal(nodes):
        return "refused", (read_refusal(nodes),)
    if stale:
        stage, reason = stale[0]  # the stages after it wait for it
        return "failed", (f"{stage}: {reason}",)
    reason = why_unpublished(shot, nodes)
    if reason:
        return "failed", (f"publish: {reason}",)
    return (read_solution(nodes["solve"].targets["solve"])["status"] if "solve" in nodes else "built"), ()


def find_twins(found: list[Variant]) -> list[list[str]]:
    """Return the names of variants that have the same result, whatever was typed."""
    alike: dict[tuple, list[str]] = {}
    for shot, nodes in found:
        if nodes is not None:
            alike.setdefault(tuple(node.stamp_path for node in nodes.values()), []).append(find_folder(shot).name)
    return [names for names in alike.values() if len(names) > 1]
