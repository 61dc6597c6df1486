"""The search for a shot's best settings: hydra/sweeper=optuna proposes them, the referee says what they are worth.

What is searched stands in conf/hydra/search/; a trial is a job of tasks/multirun.py or of our launcher.
"""

import os
import shlex
import sys

from tasks import STATE
from tasks.places import is_plain_file, make_folder
from tasks.shots import slug

WORD = "hydra/sweeper=optuna"
STUDIES = STATE / "optuna.sqlite"  # as conf/hydra/search/ names it
RESULT = STATE / "hydra" / "optimization_results.yaml"  # the sweeper's, in the folder that conf/config.yaml names


def begin(words: list[str]) -> list[str]:
    """Words to add to the command line's: the space to search, and the name of the study. The same words go on with
    the same study."""
    make_folder(RESULT.parent)  # the studies lie beside it
    if os.path.lexists(STUDIES) and (not is_plain_file(STUDIES) or os.lstat(STUDIES).st_nlink > 1):
        sys.exit(f".gsd-state/{STUDIES.name}: found a link, or a file of two names; needed one of its own: remove it")
    RESULT.unlink(missing_ok=True)
    given = {word.split("=", 1)[0].lstrip("+") for word in words}
    missing = {
        "hydra/search": "+hydra/search=tracking",
        "hydra.sweeper.study_name": f"hydra.sweeper.study_name='{slug(tuple(_of_the_shot(words)))}'",
    }
    return [word for key, word in missing.items() if key not in given]


def is_on(hydra_config) -> bool:
    """Whether the values Hydra hands out come from this sweeper, which wants a number back for each job."""
    return hydra_config.runtime.choices["hydra/sweeper"] == "optuna"


def end(words: list[str]) -> None:
    """Say the best of the whole study, as the command that builds it."""
    import yaml

    best = yaml.safe_load(RESULT.read_text(encoding="utf-8"))
    fixed = [word for word in _of_the_shot(words) if word.split("=", 1)[0] not in best["best_params"]]
    found = [f"{key}={value}" for key, value in best["best_params"].items()]
    print(f"   best: {best['best_value']:.3f} px by the referee\n   doit {shlex.join([*fixed, *found])}")


def _of_the_shot(words: list[str]) -> list[str]:
    return [word for word in words if not word.lstrip("+").startswith("hydra")]
