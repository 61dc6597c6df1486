"""The environment for each program that we start. docs/what_runs.md lists these environments."""

import os
from pathlib import Path

from shotmake.tasks.show import get_state_folder

SAFE_PATH = "PYTHONSAFEPATH"  # set for the processes of Hydra's launchers too
# Variables that we set for ourselves (tasks/engine/processes/workers.py, tasks/commands/sweep/other_launchers.py).
OURS = ("OPENBLAS_NUM_THREADS", SAFE_PATH)
_AS_GIVEN = {name: os.environ.get(name) for name in OURS}
# Variables that make Python or Blender load modules, scripts and settings that are not their own.
NOT_FOR_BLENDER = ("PYTHON", "BLENDER_", "__PYVENV")


def get_imports_folder() -> Path:
    """Return the folder on PYTHONPATH for the processes of Hydra's launchers.

    It is made by tasks/commands/sweep/other_launchers.py.
    """
    return get_state_folder() / "hydra" / "imports"


def make_users_environment() -> dict[str, str]:
    """Return the environment for a program of the user's: as the user gave it to us."""
    made = {name: value for name, value in os.environ.items() if name not in OURS}
    made |= {name: value for name, value in _AS_GIVEN.items() if value is not None}
    places = made.get("PYTHONPATH", "").split(os.pathsep)
    if str(get_imports_folder()) in places:  # this process is one of a launcher, or it starts such processes
        made["PYTHONPATH"] = os.pathsep.join(place for place in places if place != str(get_imports_folder()))
        made.pop(SAFE_PATH, None)
    return made


def make_blender_environment() -> dict[str, str]:
    """Return the environment for our own Blender: the user's, with our variables, and without the variables that would
    make it load code that is not its own.

    Our variables matter, because the order in which numbers are added decides their last digits.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_BLENDER)}
