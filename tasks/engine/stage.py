"""A stage becomes a doit task, with its cache key, its lock, its atomic targets and its stamp.

A stage reads inputs, calls one pure function with its own slice of the config, and writes targets. What is hashed into
the cache key is exactly what the function is given, without the values that are as they are by default.
"""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doit.exceptions import TaskFailed

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.tasks.engine import removable_files, slices
from shotmake.tasks.engine.digests import digest, wait_until_settled
from shotmake.tasks.engine.faults_in_one_line import as_failed, guard_check, tell_faults
from shotmake.tasks.engine.input_faults import digests_of, find_unreadable
from shotmake.tasks.engine.inputs.watched_files import find_change, sign_files
from shotmake.tasks.engine.log import TaskLog, logs_of
from shotmake.tasks.engine.processes.end_if_stuck import watch
from shotmake.tasks.engine.processes.locks import hold_lock
from shotmake.tasks.engine.processes.workers import end_if_stopped, hold_place
from shotmake.tasks.engine.progress import Progress
from shotmake.tasks.engine.stamp import (
    announce,
    compute_identity,
    find_equal_result,
    hash_short,
    put_in_place,
    read_stamp,
    to_canonical,
    why_damaged,
    why_stale,
    write_stamp,
)
from shotmake.tasks.engine.state.confined_paths import confine, make_folder
from shotmake.tasks.engine.state.partial_files import HOST, make_part_path, remove_part
from shotmake.tasks.show import get_show_folder, get_state_folder, name_in_show

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What a stage's build function gets: all its settings, the files to read, and the files to write.

    The files to write do not have their final names yet.
    """

    shot: str  # for messages only; a result that holds the name takes it from its settings
    settings: dict
    inputs: dict[str, Path]
    digests: dict[str, str]  # the inputs' digests, by name
    targets: dict[str, Path]
    kept: list[Path] = field(default_factory=list)  # files it stored under their own cache keys: part of the result

    def show_progress(self, total: int | None, label: str, unit: str = "frames", in_workers: bool = False) -> Progress:
        """Return a progress bar for this shot. With `in_workers` it is shown under `-n N` too, where it is the only
        bar.
        """
        return Progress(total, f"   {label} {self.shot}", unit, in_workers)


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline, as declared in tasks/stages/."""

    name: str
    version: int  # raised by hand when the numbers change, so that cosmetic edits rebuild nothing
    targets: dict[str, str]  # name -> path in .gsd-state; {id} is "<shot>-<cache key>"
    settings: Callable[[Config], dict]
    build: Callable[[Job], str]  # returns one line on the result
    makes: Callable[[Config], tuple[str, ...]] | None = None  # which of the targets; None: all
    reads: tuple[str, ...] | Callable[[Config], tuple[str, ...]] = ()  # names of earlier stages' targets
    borrows: Callable[[Config], dict[str, str]] = lambda config: {}  # input's name -> a target of the lending shot
    files: Callable[[Config], dict[str, Path]] = lambda config: {}  # outside files it reads
    wanted: Callable[[Config], bool] = lambda config: True
    published: dict[str, str] = field(default_factory=dict)  # target's name -> its name in build/<shot>/, of {shot}
    needs_camera: Callable[[Config], bool] = lambda config: True  # else it is made and published for a refused shot too
    by_path: tuple[str, ...] = ()  # inputs that its targets refer to by path
    pinned: Callable[[Config], str | None] = lambda config: None  # the cache key of a result to keep, come what may
    after: Callable[[Config], tuple[str, ...]] = lambda config: ()  # tasks that make its tools
    frames: str = ""  # where in .gsd-state it stores frames under their own cache key (tasks/engine/frame_sequences.py)
    together: Callable[["Job"], None] | None = None  # what several processes do at once, before one of them builds


@dataclass(frozen=True)
class Node:
    """One stage of one shot: where it reads and where it writes."""

    stage: Stage
    shot: str  # "<shot>.<camera>" where the stage is a witness camera's
    key: str  # the cache key
    settings: dict
    made_by: dict  # stage, version, and the settings that are hashed
    reads: dict[str, Path]
    targets: dict[str, Path]
    needs: tuple["Node", ...]
    config: Config = field(repr=False)

    @property
    def task_name(self) -> str:
        """The task's name in a graph of the shot's own config.

        In a sweep, the tasks of its variants have their cache key behind this name (tasks/shots/task_names.py).
        """
        return f"{self.stage.name}:{self.shot}"

    @property
    def camera(self) -> str:
        """The witness camera whose stage it is, "" for the shot's own camera."""
        return self.shot.partition(f"{self.config.shot.name}.")[2] if self.shot != self.config.shot.name else ""

    @property
    def is_pinned(self) -> bool:
        """Whether the config names the cache key of a result to keep."""
        return self.stage.pinned(self.config) is not None

    @property
    def stamp_path(self) -> Path:
        """The path of the stamp, beside the first target."""
        first = next(iter(self.targets.values()))
        return first.with_name(f"{first.name}.stamp.json")

    def list_inputs(self) -> dict[str, Path]:
        """Return every file that the node reads, by name. Raises ShotError when an outside file is missing."""
        return {**self.reads, **self.stage.files(self.config)}

    def compute_identity(self, digests: dict[str, str]) -> str:
        """Return the identity of the result that the node makes from inputs with these digests."""
        places = {name: name_in_show(self.reads[name]) for name in self.stage.by_path if name in self.reads}
        return compute_identity(self.made_by, digests, places)

    def why_stale(self, thorough: bool = False) -> str:
        """Return "" when the targets are up to date, else the reason why not.

        Of a pinned result only this is asked: whether it is there, as it was approved. `thorough` reads every byte
        again instead of trusting stat.
        """
        stamp = read_stamp(self.stamp_path)
        if self.is_pinned:  # it need only be there, as it was approved
            if stamp is None:
                return f"tracking.{self.stage.name}.pin: found no {name_in_show(self.stamp_path)}"
            return why_damaged(stamp, self.targets, thorough)
        try:
            inputs = self.list_inputs()
        except ShotError as error:
            return error.faults[0]
        return why_stale(stamp, self.made_by, inputs, self.targets, thorough)


def make_nodes(
    config: Config, stages: tuple[Stage, ...], lender: dict[str, Node] | None = None, camera: str = ""
) -> dict[str, Node]:
    """Build the graph of one shot: stage name -> node, in the order of `stages`, without the stages that the shot does
    not want.

    `lender` is the graph of another shot, for the stages that read its targets. `camera` is the name of a witness
    camera, when the stages are that camera's own.
    """
    shot = f"{config.shot.name}.{camera}" if camera else config.shot.name
    made: dict[str, Node] = {}
    maker: dict[str, Node] = {}  # target name -> the node that writes it
    lender_nodes = {name: node for node in (lender or {}).values() for name in node.targets}
    for stage in stages:
        if not stage.wanted(config):
            continue
        names = stage.reads(config) if callable(stage.reads) else stage.reads
        pin = stage.pinned(config)
        sources = [name for name in names if name in maker] if pin is None else []
        borrowed = stage.borrows(config) if lender else {}
        needs = tuple({maker[name].stage.name: maker[name] for name in sources}.values())
        needs += tuple(lender_nodes[name] for name in borrowed.values())
        settings = stage.settings(config)
        made_by = slices.describe_maker(stage.name, stage.version, settings)
        key = pin or hash_short([stage.name, stage.version, made_by["settings"], [node.key for node in needs]])
        made_here = stage.targets if stage.makes is None else stage.makes(config)
        targets = {name: get_state_folder() / stage.targets[name].format(id=f"{shot}-{key}") for name in made_here}
        reads = {name: maker[name].targets[name] for name in sources}
        reads |= {name: lender_nodes[target].targets[target] for name, target in borrowed.items()}
        node = Node(stage, shot, key, settings, made_by, reads, targets, needs, config)
        made[stage.name] = node
        maker.update(dict.fromkeys(targets, node))
    return made


def list_lender_nodes(graph: dict[str, Node]) -> list[Node]:
    """Return the nodes of other shots that a shot's graph needs, in the order in which they are built."""
    found: dict[Path, Node] = {}

    def collect(node: Node) -> None:
        for need in node.needs:
            collect(need)
        if node.stamp_path not in own:
            found.setdefault(node.stamp_path, node)

    own = {node.stamp_path for node in graph.values()}
    for node in graph.values():
        collect(node)
    return list(found.values())


def make_doit_task(node: Node, names: dict[Path, str]) -> dict:
    """Return the doit task of a node. doit schedules; the stamp decides whether the task runs.

    `names` gives the task's name of each node, by the node's stamp.
    """
    name = names[node.stamp_path]
    needs = [names[need.stamp_path] for need in node.needs]
    return {
        "name": name.partition(":")[2],
        "doc": f"{node.shot} {node.key}",
        "actions": [(build, [node, name])],
        "uptodate": [guard_check(lambda: not node.why_stale())],
        "targets": [name_in_show(path) for path in node.targets.values()],
        "task_dep": needs + list(node.stage.after(node.config)),
        "clean": [(tell_faults(name, clean), [node])],
        "verbosity": 2,
    }


def build(node: Node, name: str = "") -> TaskFailed | None:
    """Build one node under its lock. Return None, or a failed task with one line for each fault.

    A fault is a ShotError or something that the machine lacks. Every other error is raised. `name` is the task's name,
    when it is not that of the shot's own config.
    """
    name = name or node.task_name
    try:
        with TaskLog(name, HOST if node.stage.together else "") as log:
            _build_if_stale(node, name, log)
    except Exception as error:
        failed = as_failed(name, error, node.stamp_path.parent)
        if failed is None:
            raise
        return failed
    return None


def _build_if_stale(node: Node, name: str, log: TaskLog) -> None:
    if node.stage.together and not node.is_pinned and (reason := node.why_stale()) and not find_adoptable(node):
        with hold_place(), watch(name):
            log.begin(reason)
            _call(node, {}, node.stage.together)
    with hold_lock(f"{node.stage.name}-{node.shot}-{node.key}", name):
        reason = node.why_stale()
        if not reason:  # another process built it while we waited
            return
        if node.is_pinned:
            raise ShotError(f"{reason}; restore it, or set the pin to null or to another key")
        log.begin(reason)
        if not _adopt(node):
            with hold_place(), watch(name):
                _build(node)


def _check_disk(path: Path) -> None:
    """Raise OSError when nothing can be written beside `path`.

    A library that writes files may say only that something failed, not that the disk is full.
    """
    part = make_part_path(path)
    try:
        part.write_bytes(bytes(2**18))
    finally:
        part.unlink(missing_ok=True)


def _build(node: Node) -> None:
    started = time.time()
    parts = {name: make_part_path(path) for name, path in node.targets.items()}
    for path in node.targets.values():
        make_folder(path.parent)
    try:
        job, line = _call(node, parts, node.stage.build)
        made = {name: digest(part) for name, part in parts.items()}
        _put_in_place(node, parts)
    finally:
        for part in parts.values():
            remove_part(part)
    seconds = time.time() - started
    kept = {name_in_show(path): digest(path) for path in job.kept}
    timing = {"seconds": round(seconds, 3)}
    identity = node.compute_identity(job.digests)
    write_stamp(node.stamp_path, node.made_by, job.digests, made, kept, identity=identity, timing=timing)
    _log.info("%s (%.1f s)", line, seconds)


def _call(node: Node, parts: dict[str, Path], function: Callable[[Job], Any]) -> tuple[Job, Any]:
    """Call a stage's function with a job; return the job and what the function returned.

    Raises ShotError when the files that it reads came, went or changed meanwhile: then that is the reason, whatever the
    function itself made of half a file.
    """
    _log.debug("settings: %s", to_canonical(node.settings))
    inputs = node.list_inputs()
    wait_until_settled(inputs.values())
    before = sign_files(inputs)
    job = Job(node.shot, node.settings, inputs, digests_of(inputs, node.camera), parts)
    try:
        found = function(job)
    except ShotError as error:
        if changed := find_change(inputs, before):
            raise changed from error
        raise
    except Exception as error:
        end_if_stopped()  # a stop signal inside compiled code looks like an error of that code
        _check_disk(node.stamp_path)
        is_nameless = isinstance(error, OSError) and error.filename is None
        fault = find_unreadable(inputs, node.camera) if is_nameless else None
        if fault:
            raise fault from error
        raise
    if node.list_inputs() != inputs:
        raise ShotError("files came or went while they were read; run doit again")
    if changed := find_change(inputs, before):
        raise changed
    return job, found


def _put_in_place(node: Node, parts: dict[str, Path]) -> None:
    # The record of the coming targets is written first. If the build is killed between two targets, no older record
    # fits half of them, and the targets already in place are ours to remove.
    announce(node.stamp_path, node.stage.name, {name: digest(part) for name, part in parts.items()})
    for name, part in parts.items():
        put_in_place(part, node.targets[name])


def find_adoptable(node: Node) -> tuple[Path, dict] | None:
    """Return the path and content of the stamp of an undamaged result that equals what this node would make.

    None when there is no such result, or when an input is missing.
    """
    inputs = node.list_inputs()
    if not all(path.is_file() for path in inputs.values()):
        return None
    digests = digests_of(inputs, node.camera)
    wanted = node.compute_identity(digests)
    stamp_path = find_equal_result(wanted)
    stamp = read_stamp(stamp_path) if stamp_path else None
    # The cache says where such a result once lay. The stamp says what lies there now: it may be the result of another
    # plate. A damaged result is no use: every node, its own too, would take it over with its damage, again and again.
    if stamp_path is None or stamp is None or stamp.get("identity") != wanted:
        return None
    if (stamp["made_by"], stamp["inputs"]) != (node.made_by, digests):
        return None
    return (stamp_path, stamp) if not why_damaged(stamp, _find_targets_beside(stamp_path, node)) else None


def _find_targets_beside(stamp_path: Path, node: Node) -> dict[str, Path]:
    """Return where another node of the same stage has its targets, as the place of its stamp tells."""
    pattern = node.stage.targets[next(iter(node.targets))]
    head, tail = (str(get_state_folder() / pattern) + ".stamp.json").split("{id}")
    found = str(stamp_path).removeprefix(head).removesuffix(tail)
    return {name: get_state_folder() / node.stage.targets[name].format(id=found) for name in node.targets}


def _adopt(node: Node) -> bool:
    """Copy an equal result that was made under another cache key; return whether there was one.

    It is a copy so that damage to one result does not damage the other.
    """
    found = find_adoptable(node)
    if found is None:
        return False
    stamp_path, stamp = found
    parts = {name: make_part_path(path) for name, path in node.targets.items()}
    try:
        for name, source in _find_targets_beside(stamp_path, node).items():
            make_folder(node.targets[name].parent)
            shutil.copyfile(source, parts[name])
            if digest(parts[name]) != stamp["targets"].get(name):
                return False  # it changed while it was copied
        _put_in_place(node, parts)
    finally:
        for part in parts.values():
            remove_part(part)
    origin = name_in_show(stamp_path).removesuffix(".stamp.json")
    write_stamp(node.stamp_path, **{**stamp, "adopted_from": origin})
    _log.info("the same as %s", origin)
    return True


def clean(node: Node, dryrun: bool) -> None:
    """Remove a node's targets that are as they were made, its stamp and its logs, for `doit clean`. A pinned result
    stays.

    The files that the result kept are removed too, unless another result of the same stage keeps them. `dryrun` tells
    and removes nothing.
    """
    if node.is_pinned:
        return  # somebody has approved this result
    kept = list_kept(node.stamp_path)
    if kept:  # a file that another result of this stage keeps must stay
        pattern = node.stage.targets[next(iter(node.targets))].format(id="*")
        for other in set(get_state_folder().glob(f"{pattern}.stamp.json")) - {node.stamp_path}:
            kept -= list_kept(other)
    records = [node.stamp_path, *(path for path in kept if path.name.endswith(removable_files.ENDING))]
    paths = [node.stamp_path, *node.targets.values(), *kept, *logs_of_node(node)]
    removable_files.remove_claimed(paths, removable_files.collect_claims(records), node.task_name, dryrun)


def logs_of_node(node: Node) -> set[Path]:
    """Return the logs of a node's task, also of a task in a sweep, whose name has the cache key behind it."""
    return logs_of(node.task_name) | logs_of(f"{node.task_name}:{node.key}")


def list_kept(stamp_path: Path) -> set[Path]:
    """Return the files that a result stored under their own cache keys, and the stamps of these files."""
    names = (read_stamp(stamp_path) or {"kept": {}})["kept"]
    return {
        confine(file, get_show_folder(), get_state_folder())
        for name in names
        for file in (name, f"{name}{removable_files.ENDING}")
    }
