"""Hydra's other launchers. They are told before they start anything, and their processes find our modules without the
show's folder on Python's path.
"""

import os
import shutil
import sys

from shotmake.tasks.engine.processes.environments import SAFE_PATH, get_imports_folder
from shotmake.tasks.engine.processes.run_programs import allow
from shotmake.tasks.guard_import_path import OURS
from shotmake.tasks.show import get_show_folder, get_tool_folder

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
    allow(chosen[0], make_doit_command(), told_as=(chosen[0],))
    shutil.rmtree(get_imports_folder(), ignore_errors=True)  # a show may have brought something there
    get_imports_folder().mkdir(parents=True)  # it holds links to our modules, and nothing else
    for name in OURS:
        source = get_show_folder() / "dodo.py" if name == "dodo" else get_tool_folder() / name
        if source.exists():
            (get_imports_folder() / source.name).symlink_to(os.path.relpath(source, get_imports_folder()))
    sys.path.insert(0, str(get_imports_folder()))  # in front: another show's `tasks` may be on the path as well
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{get_imports_folder()}{os.pathsep}{others}" if others else str(get_imports_folder())
    os.environ[SAFE_PATH] = "1"  # else Python puts the folder in which it begins, the show's, in front


def make_doit_command() -> list[str]:
    """Return the words that start doit for this show, up to doit's own words.

    With -P, the folder in which Python begins is not on its path.
    """
    return [sys.executable, "-P", "-m", "doit", "-f", str(get_show_folder() / "dodo.py")]
