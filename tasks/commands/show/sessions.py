"""Sessions: the tracks of a shot, with a state and a resume point that follow from what is on disk.

`doit sessions` lists them all; `doit sessions delete=<shot>-<cache key>` deletes one. Several are merged by naming
their tracks.npz in a shot's `tracking.session_file`.
"""

import re
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.tasks.commands import console
from shotmake.tasks.engine import removable
from shotmake.tasks.engine.processes import locks
from shotmake.tasks.engine.stage import kept_by
from shotmake.tasks.engine.told import told
from shotmake.tasks.shots.shot_words import shown
from shotmake.tasks.show import in_show, state_folder
from shotmake.tasks.stages.session_state import read_quality

NAME = re.compile(r".+-[0-9a-f]{12}")


def sessions_folder() -> Path:
    """Return the folder of the sessions."""
    return state_folder() / "tracking" / "sessions"


def task() -> dict:
    """Return the task of `doit sessions`."""
    return {
        "basename": "sessions",
        "doc": "lists the tracks there are; delete=<session> deletes one",
        "actions": [told("sessions", list_or_delete)],
        "verbosity": 2,
    }


def list_or_delete() -> TaskFailed | None:
    """List all sessions, or delete the one that delete=<session> names. Return None, or a failed task."""
    import sys

    from shotmake.tasks.shots.shots import own_word

    name = own_word("delete", sys.argv)
    if name:
        return delete(name)
    for path in _sessions():
        console.say(f"   {path.name}  {_described(path)}")
    return None


def delete(name: str) -> TaskFailed | None:
    """Delete a session, and those of its segments that no other session has. Return None, or a failed task.

    It fails while somebody builds, for an unknown name, and when files are left that no record claims.
    """
    path = sessions_folder() / name
    if path not in _sessions():
        there = ", ".join(shown(session.name) for session in _sessions()) or "none"
        return TaskFailed(f"sessions: found no {shown(name)}; there are: {there}")
    with locks.nobody_builds() as building:
        if building:
            return TaskFailed(f"sessions: {building}; delete when that is done")
        others = {file for other in _sessions() if other != path for file in _kept(other)}
        files = {*(_kept(path) - others), *path.iterdir()}
        records = [file for file in files if file.name.endswith(removable.ENDING)]
        left = removable.remove_claimed(files, removable.claimed(records), "sessions")
        if left:
            return TaskFailed(f"sessions: {in_show(path)} holds what was left, as told; it stays")
        path.rmdir()
    console.say(f"   deleted {in_show(path)}")
    return None


def _sessions() -> list[Path]:
    found = sessions_folder().iterdir() if sessions_folder().is_dir() else iter(())
    of_tracks = (path for path in found if not (path / "objects.json.stamp.json").is_file())
    there = (path for path in of_tracks if path.is_dir() and not path.is_symlink())
    return sorted(path for path in there if NAME.fullmatch(path.name))


def _kept(session: Path) -> set[Path]:
    return kept_by(session / "tracks.npz.stamp.json")


def _described(session: Path) -> str:
    try:
        first, last, count = read_quality(session / "quality.json")
    except (OSError, ShotError):
        return "not complete"
    size_mb = sum(file.lstat().st_size for file in session.iterdir()) / 1e6
    return f"frames {first}-{last}, {count} tracks, {len(_kept(session)) // 2} segments, {size_mb:.1f} MB"
