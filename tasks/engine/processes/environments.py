"""The environment that each program which we start is given; docs/what_runs.md lists it."""

import os
from pathlib import Path

from shotmake.tasks.show import state_folder

SAFE_PATH = "PYTHONSAFEPATH"  # set for them too
OURS = (
    "OPENBLAS_NUM_THREADS",
    SAFE_PATH,
)  # what we set for ourselves (tasks/engine/processes/workers.py, tasks/commands/sweep/launchers.py)
_AS_GIVEN = {name: os.environ.get(name) for name in OURS}
# What makes Python or Blender load other modules, scripts and settings than their own.
NOT_FOR_BLENDER = ("PYTHON", "BLENDER_", "__PYVENV")


def imports_folder() -> Path:
    """Return the folder on PYTHONPATH for the processes of Hydra's launchers (tasks/commands/sweep/launchers.py)."""
    return state_folder() / "hydra" / "imports"


def users_environment() -> dict[str, str]:
    """For a program of the user's: the environment as the user gave it to us."""
    made = {name: value for name, value in os.environ.items() if name not in OURS}
    made |= {name: value for name, value in _AS_GIVEN.items() if value is not None}
    places = made.get("PYTHONPATH", "").split(os.pathsep)
    if str(imports_folder()) in places:  # a launcher's process, or one that starts them
        made["PYTHONPATH"] = os.pathsep.join(place for place in places if place != str(imports_folder()))
        made.pop(SAFE_PATH, None)
    return made


def blender_environment() -> dict[str, str]:
    """For our own Blender: the user's, without what would make it load other code than its own, and with ours: the
    order in which numbers are added decides their last digits."""
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_BLENDER)}
