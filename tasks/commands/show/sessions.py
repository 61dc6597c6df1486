"""Sessions: the tracks of a shot, with a state and a resume point that follow from what is on disk.

`doit sessions` lists them all; `doit sessions delete=<shot>-<cache key>` deletes one. Several are merged by naming
their tracks.npz in a shot's `tracking.session_file`.
"""

import re
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.numbers_in_words import count_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.engine import removable_files
from shotmake.tasks.engine.faults_in_one_line import tell_faults
from shotmake.tasks.engine.processes import locks
from shotmake.tasks.engine.stage import list_kept
from shotmake.tasks.shots.quote_shot_name import show_name
from shotmake.tasks.show import get_state_folder, name_in_show
from shotmake.tasks.stages.session_state import read_quality

NAME = re.compile(r".+-[0-9a-f]{12}")


def get_sessions_folder() -> Path:
    """Return the folder of the sessions."""
    return get_state_folder() / "tracking" / "sessions"


def make_task() -> dict:
    """Return the task of `doit sessions`."""
    return {
        "basename": "sessions",
        "doc": "lists the tracks there are; delete=<session> deletes one",
        "actions": [tell_faults("sessions", list_or_delete)],
        "verbosity": 2,
    }


def list_or_delete() -> TaskFailed | None:
    """List all sessions, or delete the one that delete=<session> names. Return None, or a failed task."""
    import sys

    from shotmake.tasks.shots.shots import find_own_word

    name = find_own_word("delete", sys.argv)
    if name:
        return delete(name)
    for path in _list_sessions():
        terminal_output.say(f"   {path.name}  {_describe(path)}")
    return None


def delete(name: str) -> TaskFailed | None:
    """Delete a session, and those of its segments that no other session has. Return None, or a failed task.

    It fails while somebody builds, for an unknown name, and when files are left that no record claims.
    """
    path = get_sessions_folder() / name
    if path not in _list_sessions():
        there = ", ".join(show_name(session.name) for session in _list_sessions()) or "none"
        return TaskFailed(f"sessions: found no {show_name(name)}; there are: {there}")
    with locks.hold_off_builds() as building:
        if building:
            return TaskFailed(f"sessions: {building}; delete when that is done")
        others = {file for other in _list_sessions() if other != path for file in _list_kept(other)}
        files = {*(_list_kept(path) - others), *path.iterdir()}
        records = [file for file in files if file.name.endswith(removable_files.ENDING)]
        left = removable_files.remove_claimed(files, removable_files.collect_claims(records), "sessions")
        if left:
            return TaskFailed(f"sessions: {name_in_show(path)} holds what was left, as told; it stays")
        path.rmdir()
    terminal_output.say(f"   deleted {name_in_show(path)}")
    return None


def _list_sessions() -> list[Path]:
    found = get_sessions_folder().iterdir() if get_sessions_folder().is_dir() else iter(())
    of_tracks = (path for path in found if not (path / "objects.json.stamp.json").is_file())
    there = (path for path in of_tracks if path.is_dir() and not path.is_symlink())
    return sorted(path for path in there if NAME.fullmatch(path.name))


def _list_kept(session: Path) -> set[Path]:
    return list_kept(session / "tracks.npz.stamp.json")


def _describe(session: Path) -> str:
    try:
        first, last, count = read_quality(session / "quality.json")
    except (OSError, ShotError):
        return "not complete"
    size_mb = sum(file.lstat().st_size for file in session.iterdir()) / 1e6
    segments = count_of(len(_list_kept(session)) // 2, "segment")
    return f"frames {first}-{last}, {count_of(count, 'track')}, {segments}, {size_mb:.1f} MB"
