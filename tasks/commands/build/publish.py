"""publish: copies of the files that the artist takes away, under plain names, in build/<shot>/ or
build/<shot>@<overrides>/.

A published file that somebody edited is never overwritten: it is moved to <name>.edited-N first.
"""

import logging
import sys
from dataclasses import asdict
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.tasks.engine import removable_files
from shotmake.tasks.engine.copies_in_build import place_copies, remove_copies
from shotmake.tasks.engine.digests import wait_until_settled
from shotmake.tasks.engine.faults_in_one_line import as_failed, guard_check, tell_faults
from shotmake.tasks.engine.inputs.files_behind import list_awaited
from shotmake.tasks.engine.log import TaskLog, logs_of
from shotmake.tasks.engine.processes.locks import hold_lock
from shotmake.tasks.engine.stage import Node, list_lender_nodes
from shotmake.tasks.engine.stamp import read_stamp, why_stale
from shotmake.tasks.shots import composed_configs, up_to_date
from shotmake.tasks.shots.shots import ShotConfig, make_slug
from shotmake.tasks.show import get_build_folder, get_show_folder, name_in_show
from shotmake.tasks.stages import lens_lenders
from shotmake.tasks.stages.objects.detector_command import list_command_folders
from shotmake.tasks.stages.solve.stage import read_solution
from shotmake.tasks.stages.witness_cameras import name_published

OVERRIDES = "overrides.yaml"  # the overrides with which a variant was built
REPORTS = ("verify.json", "verify.xml")  # files of `doit verify`, in the same folder

_log = logging.getLogger(__name__)


def find_folder(shot: ShotConfig) -> Path:
    """Return the folder in build/ of a shot or a variant."""
    name = shot.config.shot.name if shot.config else shot.name
    return get_build_folder() / (f"{name}@{make_slug(shot.overrides)}" if shot.overrides else name)


def tasks_of(shot: ShotConfig, nodes: dict[str, Node], name: str, names: dict[Path, str]) -> list[dict]:
    """Return the publish task. Which stages it waits for is known only after the verdict of the solve, hence
    `calc_dep`.

    `name` stands behind `publish:`. `names` are the names of the tasks that it waits for, by their nodes' stamps.
    """
    called = {stage: names[node.stamp_path] for stage, node in nodes.items()}
    always = [called[stage] for stage, node in nodes.items() if needs_no_camera(node)]
    rest = [task for task in called.values() if task not in always]
    publish = {
        "basename": "publish",
        "name": name,
        "doc": f"{find_folder(shot).relative_to(get_show_folder())}",
        "actions": [(tell_faults(f"publish:{name}", publish_shot), [shot, nodes, f"publish:{name}"])],
        "uptodate": [guard_check(lambda: is_current(shot, nodes))],
        "task_dep": always,
        "clean": [(tell_faults(f"publish:{name}", clean), [shot, f"publish:{name}"])],
        "verbosity": 2,
    }
    if "solve" not in nodes or {"clean", "forget"} & set(sys.argv[1:]):  # clean and forget do not follow calc_dep
        publish["task_dep"] = always + rest
        return [publish]
    verdict = {
        "basename": "_verdict",
        "name": name,
        "actions": [tell_faults(f"publish:{name}", lambda: {"task_dep": [] if read_refusal(nodes) else rest})],
        "task_dep": [called["solve"]],
    }
    publish["calc_dep"] = [f"_verdict:{name}"]
    return [verdict, publish]


def needs_no_camera(node: Node) -> bool:
    """Return whether a node is made and published for a refused shot too."""
    return not node.stage.needs_camera(node.config)


def read_refusal(nodes: dict[str, Node]) -> str:
    """Return the reason of a refused solve, "" without a refusal."""
    if "solve" not in nodes:
        return ""
    solution = read_solution(nodes["solve"].targets["solve"])
    return solution["reason"] if solution["status"] == "refused" else ""


def list_deliverables(shot: ShotConfig, nodes: dict[str, Node]) -> dict[str, Path]:
    """Return the files to publish: published name -> the target that it is a copy of."""
    assert shot.config is not None
    refused = bool(read_refusal(nodes))
    found = {}
    for stage, node in nodes.items():
        if refused and not needs_no_camera(node):
            continue
        for name, path in node.targets.items():
            if name in node.stage.published:
                published = node.stage.published[name].format(shot=shot.config.shot.name)
                found[name_published(stage, published)] = path
        if node.stage.frames:
            found |= {f"{node.stage.name}/{path.name}": path for path in frames_of(node)}
    return found


def frames_of(node: Node) -> list[Path]:
    """Return the frames of a sequence that is built."""
    return [get_show_folder() / name for name in (read_stamp(node.stamp_path) or {"kept": {}})["kept"]]


def find_stamp_path(shot: ShotConfig) -> Path:
    """Return the path of the record of what was published."""
    return find_folder(shot) / ".published.json"


def describe_maker(shot: ShotConfig, nodes: dict[str, Node]) -> dict:
    """Return what the record says about its maker: the shot, its overrides, and the cache keys of its nodes."""
    keys = {name: node.key for name, node in nodes.items()}
    return {"stage": "publish", "shot": shot.name, "overrides": sorted(shot.overrides), "keys": keys}


def why_unpublished(shot: ShotConfig, nodes: dict[str, Node], thorough: bool = False) -> str:
    """Return "" when the folder holds exactly what was built, else the reason why not.

    A refused solve is always a reason. `thorough` reads every byte again instead of trusting stat.
    """
    if "solve" in nodes and nodes["solve"].why_stale():
        return "its solve is not up to date"
    reason = read_refusal(nodes)
    if reason:
        return f"the solve was refused: {reason}"
    sources = list_deliverables(shot, nodes)
    targets = {name: find_folder(shot) / name for name in (*sources, *([OVERRIDES] if shot.overrides else []))}
    return why_stale(read_stamp(find_stamp_path(shot)), describe_maker(shot, nodes), sources, targets, thorough)


def is_current(shot: ShotConfig, nodes: dict[str, Node]) -> bool:
    """Return whether nothing of the shot has to be done. If so, this is remembered for the next time."""
    if why_unpublished(shot, nodes):
        return False
    remember_current(shot, nodes)
    return True


def remember_current(shot: ShotConfig, nodes: dict[str, Node]) -> None:
    """Remember the stat of every file of the shot, if the shot is current with the files as they are at this moment."""
    assert shot.config is not None
    try:
        found = [
            composed_configs.list_sources(one.name, one.overrides) for one in (shot, *lens_lenders.list_lenders(shot))
        ]
        sources = [one for one in found if one is not None]
        if len(sources) < len(found):
            return
        files = [*(path for paths, _ in sources for path in paths), *files_of(shot, nodes)]
        seen = up_to_date.read_signatures(files)
        if any(node.why_stale() for node in (*list_lender_nodes(nodes), *nodes.values())) or why_unpublished(
            shot, nodes
        ):
            return
    except (ShotError, FileNotFoundError):  # a file went a moment ago: the shot is not current
        return
    environment = {name: value for _, read in sources for name, value in read.items()}
    up_to_date.remember(shot.name, shot.overrides, shot.config.shot.name, seen, environment)


def files_of(shot: ShotConfig, nodes: dict[str, Node]) -> list[Path]:
    """Return all files and folders on disk that the shot is made of and consists of: plates, state and what was
    published.

    The folders are those where a new frame of a sequence, or a file that a detector's command names, could appear.
    """
    paths = {find_stamp_path(shot)}
    published = read_stamp(find_stamp_path(shot))
    paths |= {find_folder(shot) / name for name in (published or {"targets": {}})["targets"]}
    for node in (*list_lender_nodes(nodes), *nodes.values()):
        outside = node.stage.files(node.config)
        kept = (read_stamp(node.stamp_path) or {"kept": {}})["kept"]
        paths |= {
            *outside.values(),
            *node.targets.values(),
            node.stamp_path,
            *(get_show_folder() / name for name in kept),
        }
        if len(outside) > 1:
            paths |= {path.parent for path in outside.values()}
        paths |= list_awaited(outside)
        command = node.config.tracking.objects.detector_cmd
        if node.stage.name == "objects" and command is not None:
            paths |= list_command_folders(command)
    return sorted(paths)


def publish_shot(shot: ShotConfig, nodes: dict[str, Node], task: str) -> TaskFailed | None:
    """Publish a shot under its lock. Return None, or a failed task when it cannot be published or its solve was
    refused.
    """
    place = find_folder(shot).relative_to(get_show_folder())
    try:
        with hold_lock(f"publish-{place.name}", task), TaskLog(task) as log:
            log.begin(why_unpublished(shot, nodes))
            count = _publish(shot, nodes)
            reason = read_refusal(nodes)
            if not reason:
                _log.info("%d files in %s", count, place)
    except Exception as error:
        failed = as_failed(task, error, find_folder(shot))
        if failed is None:
            raise
        return failed
    if reason:
        seen = "preview.mp4" if "preview" in nodes else "report.html"
        return TaskFailed(f"{task}: the solve was refused: {reason} (see {place}/{seen})")
    wait_until_settled([find_stamp_path(shot)])
    remember_current(shot, nodes)
    return None


def _publish(shot: ShotConfig, nodes: dict[str, Node]) -> int:
    assert shot.config is not None
    place = find_folder(shot)
    sources = list_deliverables(shot, nodes)
    for node in nodes.values():  # a file that is read must not be replaced: the next build would read our copy
        for path in node.stage.files(node.config).values():
            if path.is_relative_to(place) and str(path.relative_to(place)) in sources:
                found = f"{name_in_show(path)}: {node.task_name} reads it and this build would replace it"
                raise ShotError(f"{found}; copy it elsewhere and name the copy")
    # plan needs the config, to say what has changed since. gc needs the places: the copies still refer to them.
    state = {name: name_in_show(node.stamp_path) for name, node in nodes.items()}
    more = {"config": asdict(shot.config), "state": state}
    place_copies(place, find_stamp_path(shot), describe_maker(shot, nodes), sources, make_note(shot), **more)
    return len(sources)


def make_note(shot: ShotConfig) -> dict[str, bytes]:
    """Return the file that says with which overrides a variant was built: {name: content}; {} without overrides."""
    words = "".join(f"- {_quote(word)}\n" for word in sorted(shot.overrides))
    return {OVERRIDES: words.encode()} if words else {}


def _quote(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def clean(shot: ShotConfig, task: str, dryrun: bool) -> None:
    """Remove what was published and is still as it was published, and the task's logs, for `doit clean`."""
    place = find_folder(shot)
    removable_files.remove_claimed(logs_of(task), {}, task, dryrun)
    published = remove_copies(place, find_stamp_path(shot), f"publish:{place.name}", dryrun)
    if not dryrun and published:
        for name in (*REPORTS, find_stamp_path(shot).name):
            (place / name).unlink(missing_ok=True)
        if not any(place.iterdir()):
            place.rmdir()
