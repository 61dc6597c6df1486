"""All shots that are asked for, as doit tasks."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from doit import Globals
from doit.exceptions import InvalidCommand, TaskFailed

from shotmake.errors import ShotError
from shotmake.tasks import guard_import_path
from shotmake.tasks.blender import private_blender as blender
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build import gc, plan, publish, publish_render, verify
from shotmake.tasks.commands.show import summary
from shotmake.tasks.commands.show.new import is_new
from shotmake.tasks.commands.sweep import results
from shotmake.tasks.engine.faults_in_one_line import end_on_lack
from shotmake.tasks.engine.input_faults import find_wrong_inputs
from shotmake.tasks.engine.processes import locks, users_config, workers
from shotmake.tasks.engine.stage import Node, Stage, list_lender_nodes, make_doit_task
from shotmake.tasks.engine.state import confined_paths, explain_shortage, state_format
from shotmake.tasks.shots import shots, up_to_date, variants_file
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.shots.task_names import make_label, name_tasks
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages import lens_lenders
from shotmake.tasks.stages.solve.stage import list_keys_against_camera

_log = logging.getLogger(__name__)

OTHER_TASKS = {"publish", "plan", "verify", "summary", "gc", "sessions", "new", "blender", "config"}


class Graph:
    """The shots of this command line and their stages. Nothing is read before a task is asked for."""

    def __init__(self, *stages: Stage, by_name: tuple[Stage, ...] = ()):
        """Prepare this process for a build.

        `by_name`: stages that are built only when they are asked for; they are no part of the shot's own build.
        """
        terminal_output.show_messages()
        guard_import_path.refuse_settings(str(get_show_folder()))
        users_config.put_in_force()
        workers.end_cleanly()
        workers.fix_order_of_sums()
        self._stages, self._by_name = (*stages, *by_name), {stage.name for stage in by_name}
        self._extra: dict[tuple[str, tuple[str, ...]], dict[str, Node]] = {}  # nodes of by_name stages, by shot
        self._load = cache(end_on_lack(self._load_once))
        self._names = cache(self._list_names_once)
        self._judges = cache(self._list_judges_once)
        self._sweep = shots.find_own_word("variants", sys.argv)  # the file of a sweep's variants, "" without a sweep

    def _load_once(self) -> list[tuple[ShotConfig, dict[str, Node] | None]]:
        try:
            explain_shortage.allow_open_files(workers.read_jobs(sys.argv))
            confined_paths.check_tops()
            state_format.check()
        except ShotError as error:  # then nothing of this show can be read or built
            _log.error("%s", "\n".join(error.faults))
            sys.exit(1)
        if is_new(sys.argv):  # the shot that is named does not exist yet
            return []
        if workers.read_jobs(sys.argv) > 1:
            workers.bind_children()
            workers.watch_workers()
        with contextlib.suppress(OSError):  # a read-only show can still be looked at
            locks.sweep()
        current = self._find_current()
        words = shots.list_words(sys.argv[1:])
        found = self._load_sweep(words) if self._sweep else shots.load_shots(words, current)
        if not current and not any(shot.config for shot in found):  # nothing to build: say why, before any task
            faults = dict.fromkeys(fault for shot in found for fault in shot.faults)
            if faults:
                _log.error("%s", "\n".join(faults))
            if not found:
                _log.error("no shots: conf/shot/ holds no .yaml")
            sys.exit(1)
        return [self._graph_of(shot) for shot in found]

    def _load_sweep(self, words: list[str]) -> list[ShotConfig]:
        if words:
            raise InvalidCommand(f"'{words[0]}' cannot stand beside variants=: the file has each variant's overrides")
        try:
            return shots.load_variants(variants_file.read(self._sweep))
        except ShotError as error:
            raise InvalidCommand(str(error)) from error

    def _graph_of(self, shot: ShotConfig) -> tuple[ShotConfig, dict[str, Node] | None]:
        wrong = find_wrong_inputs(shot.config) if shot.config else []
        if wrong:
            told = (
                f"{shots.locate_key(one.key, shot.name, shot.overrides)}: {one.key}: {one.message}" for one in wrong
            )
            return replace(shot, config=None, faults=tuple(told)), None
        try:
            found = lens_lenders.build_graph(shot, self._stages) if shot.config else None
        except ShotError as error:  # it has nothing to take its lens from: this counts as a broken YAML
            return replace(shot, config=None, faults=error.faults), None
        if found is not None:
            self._extra[shot.name, shot.overrides] = {name: found.pop(name) for name in self._by_name & set(found)}
        return shot, found

    def _extra_of(self, shot: ShotConfig) -> dict[str, Node]:
        return self._extra.get((shot.name, shot.overrides), {})

    def _list_names_once(self) -> dict[Path, str]:
        """Return the task's name of each node, by the node's stamp."""
        asked = [
            node for shot, found in self._yield_good() for node in (*found.values(), *self._extra_of(shot).values())
        ]
        lender_nodes = self._list_lender_nodes()
        names = name_tasks(
            [*asked, *lender_nodes, *self._judges()], [*(self._list_own() if self._sweep else asked), *lender_nodes]
        )
        if "forget" in sys.argv[1:]:
            _forget_stamps_too({names[node.stamp_path]: node.stamp_path for node in asked})
        return names

    def _list_lender_nodes(self) -> list[Node]:
        """Return the nodes of shots not asked for that the shots asked for need."""
        asked = {node.stamp_path for _, found in self._yield_good() for node in found.values()}
        lender_nodes = {node.stamp_path: node for _, found in self._yield_good() for node in list_lender_nodes(found)}
        return [node for path, node in lender_nodes.items() if path not in asked]

    def _list_judges_once(self) -> list[Node]:
        """Return the tracks by which the variants of a sweep are judged, and the objects behind these tracks.

        Nodes that a variant asks for itself are left out.
        """
        if not self._sweep:
            return []
        asked = {node.stamp_path for _, found in self._yield_good() for node in found.values()}
        judges = [one for node in results.make_referee_nodes(self._load()) for one in (*node.needs, node)]
        return list({node.stamp_path: node for node in judges if node.stamp_path not in asked}.values())

    def _list_own(self) -> list[Node]:
        """Return the nodes of a sweep's shots as their YAML says, whether the sweep has these variants or not."""
        names = dict.fromkeys(shot.name for shot, _ in self._yield_good())
        found = [self._graph_of(shot) for shot in shots.load_each([(name, ()) for name in names])]
        return [node for shot, graph in found for node in (*(graph or {}).values(), *self._extra_of(shot).values())]

    @staticmethod
    def _find_current() -> dict[str, str]:
        """Return the shots of a plain build that need no tasks: name of the YAML file -> shot.name."""
        return up_to_date.find_current_shots(tuple(sys.argv))

    def _yield_good(self) -> Iterator[tuple[ShotConfig, dict[str, Node]]]:
        yield from ((shot, found) for shot, found in self._load() if found is not None)

    def _make_label(self, shot: ShotConfig) -> str:
        return make_label(shot, bool(self._sweep))

    def _yield_broken(self) -> Iterator[dict]:
        """Yield tasks for the shots whose YAML is broken: these tasks fail, the others go on."""
        for shot, found in self._load():
            if found is None:
                yield {
                    "name": self._make_label(shot),
                    "actions": None,
                    "task_dep": [f"config:{self._make_label(shot)}"],
                }

    def stage(self, stage: Stage, doc: str) -> Callable[[], Iterator[dict]]:
        """Return doit's task creator for a stage: one task for each node of that stage."""

        def create() -> Iterator[dict]:
            yield {"name": None, "doc": doc}
            names = self._names()
            asked = {}
            for _, found in self._yield_good():
                for node in (one for one in found.values() if one.stage.name == stage.name):
                    # Where one variant has pinned a result and another asks for it, the result is built.
                    asked[node.stamp_path] = asked.get(node.stamp_path, node) if node.is_pinned else node
            for node in asked.values():
                yield make_doit_task(node, names)
            for node in (*self._list_lender_nodes(), *self._judges()):
                if node.stage.name == stage.name:  # not in the group: `doit tracks` means the shots asked for
                    task = {**make_doit_task(node, names), "clean": []}
                    del task["name"]
                    yield {**task, "basename": names[node.stamp_path]}
            yield from self._yield_broken()

        return create

    def render(self) -> Iterator[dict]:
        """Yield the render tasks: one for each node, also where several variants share the node.

        A shot without a camera gets a task that fails.
        """
        yield {"basename": "render", "name": None, "doc": "the comp's frames and a movie of them; only by this name"}
        users: dict[Path, tuple[Node, list[ShotConfig]]] = {}
        for shot, _ in self._yield_good():
            node = self._extra_of(shot).get("render")
            if node is None:
                assert shot.config is not None
                off = ": false, ".join(list_keys_against_camera(shot.config))
                line = (
                    f"{self._make_label(shot)}: the shot has no camera to render with; found {off}: false, needed true"
                )
                yield {"basename": "render", "name": self._make_label(shot), "actions": [(_fail, [(line,)])]}
            else:
                users.setdefault(node.stamp_path, (node, []))[1].append(shot)
        for node, found in users.values():
            yield {"basename": "render", **publish_render.make_task(node, found, self._names())}
        yield from ({"basename": "render", **task} for task in self._yield_broken())

    def config(self) -> Iterator[dict]:
        """Yield a task that fails for each shot whose YAML is broken."""
        self.check_info()
        yield {"name": None, "doc": "fails for a shot whose YAML is broken"}
        for shot, found in self._load():
            if found is None:
                yield {"name": self._make_label(shot), "actions": [(_fail, [shot.faults])]}

    def publish(self) -> Iterator[dict]:
        """Yield the publish tasks. A shot that is known to be current gets a task with nothing to do."""
        judges = [self._names()[node.stamp_path] for node in self._judges()]
        yield {"basename": "publish", "name": None, "doc": "copies for the artist, in build/", "task_dep": judges}
        for name in self._find_current().values():
            yield {"basename": "publish", "name": name, "actions": None, "uptodate": [True]}
        for shot, found in self._yield_good():
            yield from publish.tasks_of(shot, found, self._make_label(shot), self._names())
        yield from ({"basename": "publish", **task} for task in self._yield_broken())

    def verify(self) -> Iterator[dict]:
        """Yield the verify task of each shot, broken ones too."""
        yield {"name": None, "doc": "is what is on disk right?"}
        for shot, found in self._load():
            yield verify.make_task(shot, found, self._extra_of(shot), self._make_label(shot))

    def plan(self) -> Iterator[dict]:
        """Yield the plan task of each shot."""
        yield {"name": None, "doc": "what would run and why; builds nothing"}
        for shot, found in self._yield_good():
            yield plan.make_task(shot, found, self._extra_of(shot), self._make_label(shot))
        yield from self._yield_broken()

    def summary(self) -> dict:
        """Return the summary task."""
        return summary.make_task(self._load, self._sweep)

    def gc(self) -> dict:
        """Return the gc task."""
        return gc.make_task(self._stages)

    def check_info(self) -> None:
        """Refuse `doit info` of a task that does not exist, where doit itself would show a traceback.

        Raises InvalidCommand in that case.
        """
        words = [word for word in sys.argv[1:] if not word.startswith("-") and "=" not in word]
        if words[:1] != ["info"]:
            return
        shot_names = {self._make_label(shot) for shot, _ in self._load()}
        shot_names |= {name.partition(":")[2] for name in self._names().values()}
        known = {stage.name for stage in self._stages} | OTHER_TASKS
        for word in words[1:]:
            group, _, shot = word.partition(":")
            if group not in known or (shot and shot not in shot_names):
                raise InvalidCommand(f"'{word}' is not a task; doit list --all shows them.")

    def blender(self) -> dict:
        """Return the task that installs our own Blender, for the nodes that need it."""
        every = [node for _, found in self._yield_good() for node in (*found.values(), *list_lender_nodes(found))]
        if any(word.partition(":")[0] in self._by_name for word in sys.argv[1:]):
            every += [node for shot, _ in self._yield_good() for node in self._extra_of(shot).values()]
        return blender.make_task([node for node in every if "blender" in node.stage.after(node.config)])


def _fail(faults: tuple[str, ...]) -> TaskFailed:
    return TaskFailed("\n".join(faults))


def _forget_stamps_too(stamps: dict[str, Path]) -> None:
    """Let `doit forget` remove our stamps too: it clears doit's records, and the stamps are ours."""
    manager: Any = Globals.dep_manager  # doit's hint is None; it is there once tasks are loaded
    forget_one, forget_all = manager.remove, manager.remove_all

    def remove(task_name: str) -> None:
        forget_one(task_name)
        if task_name in stamps:
            stamps[task_name].unlink(missing_ok=True)

    def remove_all() -> None:
        forget_all()
        for path in stamps.values():
            path.unlink(missing_ok=True)

    manager.remove, manager.remove_all = remove, remove_all
