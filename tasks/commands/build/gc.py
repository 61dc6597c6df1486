"""gc: state that neither a shot's YAML nor a published variant refers to. It is listed; `force=true` removes it."""

import contextlib
import os
import re
import sys
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import read_utf8
from shotmake.files.yaml_file import load_yaml
from shotmake.numbers_in_words import count_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build.publish import OVERRIDES
from shotmake.tasks.commands.build.publish_render import RECORD
from shotmake.tasks.engine import frame_sequences, removable_files
from shotmake.tasks.engine.faults_in_one_line import tell_faults
from shotmake.tasks.engine.log import logs_of
from shotmake.tasks.engine.processes import locks
from shotmake.tasks.engine.stage import Node, Stage, list_kept, logs_of_node
from shotmake.tasks.engine.stamp import read_stamp
from shotmake.tasks.engine.state import confined_paths
from shotmake.tasks.shots.shots import find_own_word, list_shot_names, load_shot
from shotmake.tasks.shots.task_names import make_label
from shotmake.tasks.show import get_build_folder, get_show_folder, get_state_folder, name_in_show
from shotmake.tasks.stages import lens_lenders, session_state

KEPT_FOLDERS = ("locks",)
KEPT_FILES = re.compile(r"\.gitkeep|format\.json|(cache|optuna)\.sqlite.*")


def make_task(stages: tuple[Stage, ...]) -> dict:
    """Return the gc task."""
    return {
        "basename": "gc",
        "doc": "lists state that nothing refers to; force=true removes it",
        "actions": [(tell_faults("gc", collect), [stages])],
        "verbosity": 2,
    }


def collect(stages: tuple[Stage, ...]) -> TaskFailed | None:
    """List the state files that nothing refers to and that may be removed; remove them with force=true.

    Returns a failed task while somebody builds, when it cannot be told what is needed, and when a file stays.
    """
    try:
        needed = find_referred(stages)
    except ValueError as error:
        return TaskFailed(f"gc: cannot tell what is needed: {quote_error(error)}")
    with locks.hold_off_builds() as building:
        if building:
            return TaskFailed(f"gc: {building}; what a build makes is not referred to yet")
        unneeded = sorted(path for path in _list_state_files() if path not in needed)
        known = removable_files.collect_claims(path for path in unneeded if path.name.endswith(removable_files.ENDING))
        waste = [path for path in unneeded if removable_files.may_remove(path, known)]
        size_mb = sum(path.stat().st_size for path in waste) / 1e6
        force = find_own_word("force", sys.argv).lower() == "true"
        stay = []
        for path in waste:
            why = removable_files.remove(path) if force else ""
            terminal_output.say(f"   {why or ('removing ' if force else '') + name_in_show(path)}")
            stay += [why] if why else []
        if force:
            _remove_empty_folders({"sessions", *(stage.frames for stage in stages if stage.frames)})
    them = "it" if len(waste) == 1 else "them"
    for path in sorted(set(unneeded) - set(waste)):
        terminal_output.say(
            f"   leaving {confined_paths.quote_name(name_in_show(path))}: no record says that it was made like this"
        )
    terminal_output.say(
        f"   {count_of(len(waste), 'file')}, {size_mb:.1f} MB"
        + ("" if force or not waste else f"; force=true removes {them}")
    )
    return TaskFailed(f"gc: {_say_stay(len(stay), len(waste))}: {stay[0]}") if stay else None


def _say_stay(count: int, of: int) -> str:
    if count == 1:
        return f"1 of {count_of(of, 'file')} stays"
    return f"{count} of {of} files stay, the first"


def find_referred(stages: tuple[Stage, ...]) -> set[Path]:
    """Return every state file that a shot's YAML, or a variant's overrides.yaml, refers to.

    These include the files that the published copies were made from: a published .blend reads its ST-map there. Raises
    ValueError when a YAML file or a record cannot be read.
    """
    wanted: list[tuple[str, tuple[str, ...], Path]] = [(name, (), get_build_folder()) for name in list_shot_names()]
    for note in sorted(get_build_folder().glob(f"*/{OVERRIDES}")):
        name, overrides = _read_variant(note)
        if name in list_shot_names():
            wanted.append((name, overrides, note.parent))
    needed: set[Path] = logs_of("blender")
    for name, overrides, place in wanted:
        shot = load_shot(name, overrides)
        if shot.config is None:
            raise ValueError(shot.faults[0])
        try:
            found = lens_lenders.build_graph(shot, stages)
        except ShotError as error:
            raise ValueError(error.faults[0]) from error
        for node in found.values():
            needed |= _list_files(node) | logs_of_node(node)
        for in_sweep in (False, True):
            needed |= logs_of(f"publish:{make_label(shot, in_sweep)}")
        folder = place if overrides else place / shot.config.shot.name
        for record in (".published.json", RECORD):
            for name in (read_stamp(folder / record) or {}).get("state", {}).values():
                needed |= _list_files_beside(confined_paths.confine(name, get_show_folder(), get_state_folder()))
    return needed


def _read_variant(note: Path) -> tuple[str, tuple[str, ...]]:
    """Return the YAML's name and the overrides of a published variant. Raises ValueError when its files do not say
    them.
    """
    place = note.parent.relative_to(get_show_folder())
    made_by = (read_stamp(note.parent / ".published.json") or {"made_by": {}})["made_by"]
    try:
        words = load_yaml(read_utf8(note, "yaml_mb"), name_in_show(note))
    except (OSError, ShotError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name_in_show(note)}: needed a list of overrides; restore it or remove its folder")
    name = made_by.get("shot", note.parent.name.split("@")[0])
    if not isinstance(name, str):
        raise ValueError(
            f"{place}/.published.json: made_by.shot: found {confined_paths.quote_name(name)}; needed a shot's name"
        )
    return name, tuple(words)


def _list_files(node: Node) -> set[Path]:
    found = _list_files_beside(node.stamp_path) | set(node.targets.values())
    # Pieces of a build that was killed: the next build goes on from them.
    stored = [piece.path for piece in (*session_state.segments_of(node), *session_state.boxes_of(node)) if piece.path]
    found |= {file for path in stored for file in (path, path.with_name(f"{path.name}.stamp.json"))}
    if node.stage.frames:  # the same for frames
        found |= frame_sequences.list_files(frame_sequences.from_node(node))
    with contextlib.suppress(ShotError):  # an outside file that is missing need not be kept
        for path in node.stage.files(node.config).values():
            if path.is_relative_to(get_state_folder()):  # the tracks of another session
                found |= _list_files_beside(path.with_name(f"{path.name}.stamp.json"))
    return found


def _list_files_beside(stamp_path: Path) -> set[Path]:
    """Return a stamp, its targets (removable.list_files_beside) with their records, and the files that its result
    kept.
    """
    beside = removable_files.list_files_beside(stamp_path)
    records = {path.with_name(f"{path.name}{removable_files.ENDING}") for path in beside}
    return {stamp_path, *beside, *records, *list_kept(stamp_path)}


def _list_state_files() -> list[Path]:
    found = []
    for place, inside, names in os.walk(get_state_folder()):
        if Path(place) == get_state_folder():
            inside[:] = [name for name in inside if name not in KEPT_FOLDERS]
        found += [Path(place) / name for name in names if not KEPT_FILES.fullmatch(name)]
    return found


def _remove_empty_folders(stores: set[str]) -> None:
    """Remove what is empty in the folders of these names, which hold a folder for each result."""
    for place, _, _ in os.walk(get_state_folder(), topdown=False):
        path = Path(place)
        if path.parent.name in stores and path.name != "segments" and not path.is_symlink() and not any(path.iterdir()):
            with contextlib.suppress(PermissionError):  # another user's folder; it is empty and harms nobody
                path.rmdir()
