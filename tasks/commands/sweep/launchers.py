"""Hydra's other launchers: told before they start anything, and their processes find what is ours without the show's
folder on Python's path."""

import os
import shutil
import sys

from shotmake.tasks.engine.processes.environments import SAFE_PATH, imports_folder
from shotmake.tasks.engine.processes.programs import allow
from shotmake.tasks.import_path import OURS
from shotmake.tasks.show import show_folder, tool_folder

OWN = ("shotmake", "basic")  # they run doit from this process
WORD = "hydra/launcher="


def prepare(words: list[str]) -> None:
    """For the launcher that a command line names, if it is not our own: say what it runs, and let its processes find
    what is ours. Raises ShotError when the user has forbidden it."""
    chosen = [word for word in words if word.startswith(WORD)][-1:]
    if not chosen or chosen[0].removeprefix(WORD) in OWN:
        return
    allow(chosen[0], doit_command(), told_as=(chosen[0],))
    shutil.rmtree(imports_folder(), ignore_errors=True)  # whatever a show brought there
    imports_folder().mkdir(parents=True)  # holds links to what is ours, and nothing else
    for name in OURS:
        source = show_folder() / "dodo.py" if name == "dodo" else tool_folder() / name
        if source.exists():
            (imports_folder() / source.name).symlink_to(os.path.relpath(source, imports_folder()))
    sys.path.insert(0, str(imports_folder()))  # in front: another show's `tasks` may stand on the path as well
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{imports_folder()}{os.pathsep}{others}" if others else str(imports_folder())
    os.environ[SAFE_PATH] = "1"  # else Python puts the folder it begins in, the show's, in front


def doit_command() -> list[str]:
    """doit's words for this show, up to its own; -P: without the folder it begins in on Python's path."""
    return [sys.executable, "-P", "-m", "doit", "-f", str(show_folder() / "dodo.py")]
