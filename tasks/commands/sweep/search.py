"""The search for a shot's best settings: hydra/sweeper=optuna proposes settings, the referee says what they are worth.

The space that is searched stands in conf/hydra/search/. A trial is a job of tasks/commands/sweep/hydra_command_line.py
or of our launcher.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from shotmake.tasks.commands import terminal_output
from shotmake.tasks.engine.state.confined_paths import is_plain_file, make_folder
from shotmake.tasks.shots.shots import make_slug
from shotmake.tasks.show import get_state_folder

WORD = "hydra/sweeper=optuna"
SPACE = "tracking"  # the space that is searched where none is named


def get_result_file() -> Path:
    """Return the sweeper's own file, in the folder that conf/config.yaml names."""
    return get_state_folder() / "hydra" / "optimization_results.yaml"


def get_studies_file() -> Path:
    """Return the file of the studies, as conf/hydra/search/ names it."""
    return get_state_folder() / "optuna.sqlite"


def begin(words: list[str]) -> list[str]:
    """Begin a search. Return words to add to the command line: the space to search, and the name of the study.

    The same command line goes on with the same study. Exits where the file of the studies is a link, or has a second
    name.
    """
    make_folder(get_result_file().parent)  # the file of the studies lies in the folder above, which this makes too
    if os.path.lexists(get_studies_file()) and (
        not is_plain_file(get_studies_file()) or os.lstat(get_studies_file()).st_nlink > 1
    ):
        sys.exit(
            f".gsd-state/{get_studies_file().name}: found a link, or a file of two names; needed one of its own: "
            "remove it"
        )
    get_result_file().unlink(missing_ok=True)
    given = {word.split("=", 1)[0].lstrip("+") for word in words}
    missing = {
        "hydra/search": f"+hydra/search={SPACE}",
        "hydra.sweeper.study_name": f"hydra.sweeper.study_name='{make_slug(tuple(_keep_shot_words(words)))}'",
    }
    return [word for key, word in missing.items() if key not in given]


def is_on(hydra_config: Any) -> bool:
    """Return whether this sweeper chooses the values, and so wants a number back for each job."""
    return hydra_config.runtime.choices["hydra/sweeper"] == "optuna"


def end(words: list[str]) -> None:
    """Say the best result of the whole study, as the command that builds it; or that there is no good one."""
    import yaml

    from shotmake.sweep.referee import WORST_PX

    best = yaml.safe_load(get_result_file().read_text(encoding="utf-8"))
    if best["best_value"] >= WORST_PX:
        spaces = [word.split("=", 1)[1] for word in words if word.lstrip("+").startswith("hydra/search=")]
        place = f"conf/hydra/search/{spaces[-1] if spaces else SPACE}.yaml"
        told = "no trial has a camera that the referee's tracks bear out"
        terminal_output.say(f"   {told}; widen params in {place}")
        return
    fixed = [word for word in _keep_shot_words(words) if word.split("=", 1)[0] not in best["best_params"]]
    found = [f"{key}={value}" for key, value in best["best_params"].items()]
    terminal_output.say(f"   best: {best['best_value']:.3f} px by the referee\n   doit {shlex.join([*fixed, *found])}")


def _keep_shot_words(words: list[str]) -> list[str]:
    return [word for word in words if not word.lstrip("+").startswith("hydra")]
