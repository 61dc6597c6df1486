"""`python dodo.py ...`: Hydra's own command line. What it runs is always doit, in a process of its own.

In a sweep our launcher (hydra_plugins/one_graph.py) makes one run of all jobs. Any other launcher (joblib, ray,
submitit) makes one run for each job, where it likes.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from shotmake.errors import ShotError
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.sweep import other_launchers, search
from shotmake.tasks.commands.sweep.results import find_cost
from shotmake.tasks.engine.processes import workers
from shotmake.tasks.engine.processes.environments import get_imports_folder, make_users_environment
from shotmake.tasks.engine.state.confined_paths import check_inside
from shotmake.tasks.shots import shots, up_to_date, variants_file, what_conf_may_say
from shotmake.tasks.shots.quote_shot_name import is_grammar, quote, to_hydras_words, why_refused
from shotmake.tasks.show import get_conf_folder, get_show_folder, get_state_folder

# `task=render` reaches every job, wherever its launcher starts it, as Hydra's own name of the job. Slurm shows it too.
TASK = "hydra.job.name"
NO_TASK = "shot"  # as conf/config.yaml says: the shot is built and published
# The key for `jobs=N` of each launcher that can limit how many jobs run at once.
JOBS = {
    "shotmake": "hydra.launcher.jobs",
    "joblib": "hydra.launcher.n_jobs",
    "ray": "+hydra.launcher.ray.init.num_cpus",
    "submitit_slurm": "hydra.launcher.array_parallelism",
}
PLUGINS = {  # plug-ins that are extras: the package, and the extra's name for pip
    "hydra/sweeper=optuna": ("hydra_optuna_sweeper", "optuna"),
    "hydra/launcher=joblib": ("hydra_joblib_launcher", "joblib"),
    "hydra/launcher=ray": ("hydra_ray_launcher", "ray"),
    "hydra/launcher=submitit_local": ("hydra_submitit_launcher", "submitit"),
    "hydra/launcher=submitit_slurm": ("hydra_submitit_launcher", "submitit"),
}


def main() -> None:
    """Run Hydra's command line, as `python dodo.py` does."""
    import hydra

    os.chdir(get_show_folder())  # the processes of other launchers begin in the folder of this process
    _check(sys.argv[1:])
    try:
        _check_folder()
        other_launchers.prepare(sys.argv[1:])
    except ShotError as error:
        sys.exit(str(error))
    shots.register_schema()
    shots.guard_environment({})
    sys.argv[1:] = [_to_hydras_words(word, sys.argv) for word in sys.argv[1:]]
    words = shots.list_words(sys.argv[1:])
    more = _list_own_presets(words) if {"--cfg", "-c"} & set(sys.argv) else []
    more += search.begin(words) if search.WORD in words else []
    if more:  # put them beside the other words: Hydra takes no word behind a later option
        at = sys.argv.index(words[0])
        sys.argv[at:at] = more
    sys.argv[1:] = [to_hydras_words(word) if word.startswith("shot=") else word for word in sys.argv[1:]]
    hydra.main(version_base="1.3", config_path=str(get_conf_folder()), config_name="config")(run_job)()
    if search.WORD in words:
        search.end(words)


def _check_folder() -> None:
    """Check that the folder in which Hydra, its launchers and its sweepers write, and all in it, is in the show.

    The links that other_launchers makes to our own modules lead out of it, and are made anew each time. Raises
    ShotError where another link leads out.
    """
    folder = get_state_folder() / "hydra"
    check_inside(folder)
    for place, folders, files in os.walk(folder):  # it does not follow links, and passes over what vanishes meanwhile
        for name in (*folders, *files) if Path(place) != get_imports_folder() else ():
            check_inside(Path(place) / name)


def _check(arguments: list[str]) -> None:
    """End with one line where Hydra would need ten: a shot that does not exist, or a plug-in that is not installed."""
    for word in arguments:
        plugin, extra = PLUGINS.get(word, ("", ""))
        if plugin and importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
            sys.exit(f"{word}: not installed; pip install -e '.[{extra}]'")
    if faults := what_conf_may_say.find_shared_faults():
        sys.exit("\n".join(faults))
    asked = [word.removeprefix("shot=") for word in arguments if word.startswith("shot=")]
    for value in asked[-1:]:
        names = [] if is_grammar(value) else up_to_date.split_names(value)
        refused = [_why_refused(name) for name in names]
        if names and all(refused):
            sys.exit("\n".join(fault for name in names for fault in shots.load_shot(name).faults))


def _why_refused(name: str) -> object:
    """Return whether Hydra must not see this shot: Hydra's own lines are longer, or it would do what the file says."""
    return why_refused(name) or name not in shots.list_shot_names() or what_conf_may_say.find_shot_faults(name)


def _to_hydras_words(word: str, arguments: list[str]) -> str:
    """Return `jobs=N` as the launcher in use calls it, and `task=...` as all launchers do."""
    name, _, count = word.partition("=")
    if name == "task":
        return f"{TASK}={count}"
    if name != "jobs":
        return word
    chosen = [one.partition("=")[2] for one in arguments if one.startswith("hydra/launcher=")]
    launcher = chosen[-1] if chosen else "shotmake"
    if launcher not in JOBS:
        sys.exit(f"{word}: hydra/launcher={launcher} has no such limit; leave it out")
    if not count.isdigit() or int(count) < 1:
        sys.exit(f"{word}: needed a number of workers, at least 1")
    return f"{JOBS[launcher]}={count}"


def _list_own_presets(words: list[str]) -> list[str]:
    """Return the presets that a shot names in its own nesting. Hydra does not see them; doit finds them by itself."""
    (name,) = [word.removeprefix("shot=") for word in words if word.startswith("shot=")][-1:] or [""]
    given = {word.split("=", 1)[0] for word in words}
    chosen = shots.presets_of(name) if name in shots.list_shot_names() else {}
    return [f"{group}={quote(preset)}" for group, preset in chosen.items() if group not in given]


def run_job(_: object) -> float:
    """Run one job, as Hydra and its launchers do. Return doit's exit code, or in a search the job's cost in px.

    It stands at module level because it is pickled by name.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    terminal_output.show_messages()  # other launchers run this in processes of their own
    config = HydraConfig.get()
    name, overrides = variants_file.from_words(_read_words(config.overrides.task))
    more = list_worker_words(config.launcher.get("jobs", 1))  # in front: doit takes no option behind a task
    if search.is_on(config):
        run_doit(*more, "solve", f"shot={name}", *overrides)  # a trial that fails is only a bad trial
        return find_cost(name, overrides)
    code = run_doit(*more, *list_task_words(config.job.name), f"shot={name}", *overrides)
    if config.mode == RunMode.RUN:
        sys.exit(code)
    return code


def _read_words(overrides: Any) -> list[str]:
    """Return the words of a job. One that leads nowhere stays as it was typed: doit says what is wrong with it."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return list(overrides)
    except OmegaConfBaseException:
        return list(map(str, OmegaConf.to_container(overrides, resolve=False) or ()))


def run_doit(*words: str) -> int:
    """Run doit in its own process; return its exit code.

    A signal that stops this process stops doit too, with time to tidy up. Then this process exits.
    """
    command = [*other_launchers.make_doit_command(), *words]
    build = subprocess.Popen(
        command, cwd=get_show_folder(), env=make_users_environment(), preexec_fn=workers.die_with_parent
    )
    stops = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: build.send_signal(number)) for number in stops]
    code = build.wait()
    for number, handler in zip(stops, before, strict=True):
        signal.signal(number, handler)
    if code < 0 or code > 128:  # doit was stopped or killed
        sys.exit(code if code > 0 else 128 - code)
    return code


def list_task_words(name: str) -> list[str]:
    """Return doit's words for what `task=...` asks of a job; no words for the whole shot."""
    return [] if name == NO_TASK else [name]


def list_worker_words(count: int) -> list[str]:
    """Return doit's words for this number of workers."""
    return ["-n", str(count)] if count > 1 else []
