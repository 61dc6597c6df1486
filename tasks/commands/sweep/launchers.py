"""Hydra's other launchers. They are told before they start anything, and their processes find our modules without the
show's folder on Python's path.
"""

import os
import shutil
import sys

from shotmake.tasks.engine.processes.environments import SAFE_PATH, imports_folder
from shotmake.tasks.engine.processes.programs import allow
from shotmake.tasks.import_path import OURS
from shotmake.tasks.show import show_folder, tool_folder

OWN = ("shotmake", "basic")  # these launchers run doit from this process
WORD = "hydra/launcher="


def prepare(words: list[str]) -> None:
    """Prepare for the launcher that a command line names, if it is not our own.

    Says what the launcher runs, and lets its processes find our modules. Raises ShotError when the user has forbidden
    such a launcher.
    """
    chosen = [word for word in words if word.startswith(WORD)][-1:]
    if not chosen or chosen[0].removeprefix(WORD) in OWN:
        return
    allow(chosen[0], doit_command(), told_as=(chosen[0],))
    shutil.rmtree(imports_folder(), ignore_errors=True)  # a show may have brought something there
    imports_folder().mkdir(parents=True)  # it holds links to our modules, and nothing else
    for name in OURS:
        source = show_folder() / "dodo.py" if name == "dodo" else tool_folder() / name
        if source.exists():
            (imports_folder() / source.name).symlink_to(os.path.relpath(source, imports_folder()))
    sys.path.insert(0, str(imports_folder()))  # in front: another show's `tasks` may be on the path as well
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{imports_folder()}{os.pathsep}{others}" if others else str(imports_folder())
    os.environ[SAFE_PATH] = "1"  # else Python puts the folder in which it begins, the show's, in front


def doit_command() -> list[str]:
    """Return the words that start doit for this show, up to doit's own words.

    With -P, the folder in which Python begins is not on its path.
    """
    return [sys.executable, "-P", "-m", "doit", "-f", str(show_folder() / "dodo.py")]
