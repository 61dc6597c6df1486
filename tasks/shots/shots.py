"""From conf/ to shot configs. Hydra is known here, and where its command line is (tasks/commands/sweep/,
hydra_plugins/).

Hydra composes the groups (tracking=..., composite=...). Then the shot's own nesting is normalised, the values typed on
the command line are set, and shotmake.config.check checks the result against the schema, all faults at once.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shotmake.config import check
from shotmake.config.check import ConfigFaults
from shotmake.config.limit_interpolations import check_unfolding
from shotmake.config.schema import Config
from shotmake.errors import ShotError, quote_error
from shotmake.files.yaml_file import name_kind
from shotmake.limits import get_limits, say_how_to_raise
from shotmake.tasks.engine.processes import pool
from shotmake.tasks.shots import (
    check_yaml_before_hydra,
    composed_configs,
    did_you_mean,
    readable_env_variables,
    what_conf_may_say,
)
from shotmake.tasks.shots.explain_composing import LONGEST_LINE, explain_composing, explain_sweep
from shotmake.tasks.shots.quote_shot_name import quote, show_name, why_refused
from shotmake.tasks.shots.up_to_date import keep_overrides, list_shot_names, split_names
from shotmake.tasks.show import get_conf_folder, name_in_show

if TYPE_CHECKING:  # not at run time: Hydra takes its time to load, so only the functions that need it import it
    from omegaconf import DictConfig

OWN_WORDS = ("force", "delete", "variants")  # words of our tasks, as in `doit gc force=true`; not config keys
MANY = 8  # from this number of shots on it pays to compose on all cores
GROUPS = ("tracking", "composite")
LISTS = ("composite.render.frames", "shot.composite.render.frames")  # one text with its commas: doit does not sweep
LAUNCHER = {"_target_": "hydra_plugins.one_graph.OneGraph", "jobs": 1}
SWEEPER = {"_target_": "hydra_plugins.one_graph.EachVariant", "max_batch_size": None, "params": None}


@dataclass(frozen=True)
class ShotConfig:
    """One shot that was asked for: its config, or its faults, one line each."""

    name: str  # the name of the YAML file
    overrides: tuple[str, ...]
    config: Config | None
    faults: tuple[str, ...] = ()


def list_words(arguments: list[str]) -> list[str]:
    """Return the `key=value` words before or after the command, as doit itself finds them, without OWN_WORDS."""
    words = (word for word in arguments if "=" in word and not word.startswith("-"))
    return [word for word in words if word.split("=", 1)[0] not in OWN_WORDS]


def find_own_word(name: str, arguments: list[str]) -> str:
    """Return the value of one of OWN_WORDS, "" when it was not typed."""
    values = [word.split("=", 1)[1] for word in arguments if word.startswith(f"{name}=")]
    return values[-1] if values else ""


def load_shots(words: list[str], current: dict[str, str]) -> list[ShotConfig]:
    """Load the shots asked for by `shot=...` (several with commas), or every shot of the show.

    Shots known to be current are left out. `current`: name of the YAML file -> shot.name.
    """
    asked = [word.removeprefix("shot=") for word in words if word.startswith("shot=")]
    overrides = keep_overrides(words)
    names = split_names(asked[-1]) if asked else list_shot_names()
    names = [name for name in names if name not in current]
    loaded = load_each([(name, overrides) for name in names])
    return _without_twins(loaded, {shot: name for name, shot in current.items()})


def load_variants(asked: list[tuple[str, tuple[str, ...]]]) -> list[ShotConfig]:
    """Load the variants of a sweep: names of YAML files, each with its overrides."""
    return _without_twins(load_each(asked), {})


def load_each(asked: list[tuple[str, tuple[str, ...]]]) -> list[ShotConfig]:
    """Load shots with their overrides, in the order asked for.

    Hydra takes about a tenth of a second to compose a shot, so many new shots (MANY) are composed on all cores.
    """
    there = set(list_shot_names())
    sound = {
        name for name in there if not check_yaml_before_hydra.why_no_text(get_conf_folder() / "shot" / f"{name}.yaml")
    }
    found = {one: composed_configs.recall(*one) for one in asked if one[0] in sound}
    new = [one for one in asked if found.get(one) is None]
    if len(new) < MANY:
        loaded = {one: load_shot(*one) for one in new}
    else:
        from tqdm import tqdm

        limit_s = 60 * get_limits().composing_minutes
        with tqdm(total=len(new), desc="   composing", unit=" shots", leave=False, disable=None) as bar:
            loaded = pool.run_by_many(load_shot, new, limit_s, bar.update)
        loaded = {**{one: _make_not_composed(*one) for one in new}, **loaded}
    return [loaded.get(one) or ShotConfig(*one, found[one]) for one in asked]


def _make_not_composed(name: str, overrides: tuple[str, ...]) -> ShotConfig:
    allowed = (
        f"{get_limits().composing_minutes:g} minutes; simplify it, or raise {say_how_to_raise('composing_minutes')}"
    )
    line = f"conf/shot/{name}.yaml: was not read to its end in {allowed}"
    return ShotConfig(name, overrides, None, (line,))


def _without_twins(found: list[ShotConfig], owner: dict[str, str]) -> list[ShotConfig]:
    """Return the shots, where a shot with the shot.name of an earlier file is at fault: both would build into one
    folder.

    A broken shot goes by the name of its file, with the suffix where that name is the shot.name of another file.

    `owner`: shot.name -> name of the YAML file, of other shots.
    """
    owner = dict(owner)
    checked = []
    for shot in found:
        first = owner.setdefault(shot.config.shot.name, shot.name) if shot.config else shot.name
        if first != shot.name:
            line = f"conf/shot/{shot.name}.yaml: shot.name: found the name of conf/shot/{first}.yaml; choose another"
            shot = ShotConfig(shot.name, shot.overrides, None, (line,))
        checked.append(shot)
    taken = {name for name, file in owner.items() if file != name}  # names taken by the shot of another file
    return [
        replace(shot, name=f"{shot.name}.yaml") if shot.config is None and shot.name in taken else shot
        for shot in checked
    ]


def load_shot(name: str, overrides: tuple[str, ...] = ()) -> ShotConfig:
    """Load one conf/shot/<name>.yaml with overrides. Return its config or its faults; nothing is raised for what a user
    wrote.
    """
    if name in list_shot_names() and (
        fault := check_yaml_before_hydra.why_no_text(get_conf_folder() / "shot" / f"{name}.yaml")
    ):
        return ShotConfig(show_name(name), overrides, None, (f"conf/shot/{show_name(name)}.yaml: {fault}",))
    if name.startswith(".") or not (get_conf_folder() / "shot" / f"{name}.yaml").is_file():
        asked = show_name(name)
        line = f"shot={asked}: no conf/shot/{asked}.yaml; {did_you_mean.make_hint(asked, did_you_mean.list_shots())}"
        return ShotConfig(asked, overrides, None, (line,))
    if refused := why_refused(name):
        return ShotConfig(show_name(name), overrides, None, (refused,))
    known = composed_configs.recall(name, overrides)
    if known is not None:
        return ShotConfig(name, overrides, known)
    try:
        environment: dict[str, str | None] = {}
        config = check.load(compose_shot(name, overrides, environment))
        composed_configs.remember(name, overrides, config, environment)
        return ShotConfig(name, overrides, config)
    except ConfigFaults as problem:
        lines = (f"{locate_key(fault.key, name, overrides)}: {fault.key}: {fault.message}" for fault in problem.faults)
        return ShotConfig(name, overrides, None, tuple(lines))
    except ShotError as error:
        return ShotConfig(name, overrides, None, error.faults)


def compose_shot(name: str, overrides: tuple[str, ...], environment: dict[str, str | None]) -> dict:
    """Compose a shot with Hydra. Return the tree in the schema's nesting, with overrides applied and interpolations
    resolved.

    Puts the environment variables that were read into `environment`. Raises ShotError for all that a user's YAML or
    words make impossible: faults of what_conf_may_say, an unknown preset, a sweep on the command line, and what Hydra
    refuses.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    register_schema()
    guard_environment(environment)
    check_yaml_before_hydra.check(name)
    if faults := [*what_conf_may_say.find_shared_faults(), *what_conf_may_say.find_shot_faults(name)]:
        raise ShotError(*faults)
    shot_file = _read_yaml(get_conf_folder() / "shot" / f"{name}.yaml")
    groups, values = [], []
    for word in overrides:
        try:
            (parsed,) = OverridesParser.create().parse_overrides([word])
            if parsed.is_sweep_override() and parsed.key_or_group in LISTS:
                raise HydraException
        except HydraException:  # not Hydra's grammar, as in file=footage/a.####.exr: take the value as it stands
            key, value = word.split("=", 1)
            try:
                (parsed,) = OverridesParser.create().parse_overrides([f"{key}={quote(value, always=True)}"])
            except HydraException as error:
                raise ShotError(f"command line: {word}: {quote_error(error, LONGEST_LINE)}") from error
        if parsed.is_sweep_override():
            raise ShotError(f"command line: {word}: {explain_sweep(word, GROUPS)}")
        target = {"shot.tracking.preset": "tracking", "shot.composite.preset": "composite"}.get(
            parsed.key_or_group, parsed.key_or_group
        )
        if target in GROUPS and not isinstance(parsed.value(), dict | list | None):
            # Hydra reads 1080 as a number and true as a bool: then the preset is the text as it was typed.
            preset = parsed.value() if isinstance(parsed.value(), str) else word.split("=", 1)[1]
            groups.append((target, preset, f"command line: {word}"))
        else:
            values.append(parsed)
    groups = [(*pair, f"conf/shot/{name}.yaml: {pair[0]} preset") for pair in _read_presets(shot_file).items()] + groups
    for group, preset, where in groups:
        known = did_you_mean.list_presets(group)
        if preset not in known:
            raise ShotError(f"{where}: {_why_no_preset(group, preset)}; {did_you_mean.make_hint(preset, known)}")
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(get_conf_folder()), job_name="shotmake"):
            chosen = [f"{group}={quote(preset)}" for group, preset, _ in groups]
            tree = compose("config", overrides=[f"shot={quote(name)}", *chosen])
        # `show` is no part of a shot's config: tasks/engine/state/confined_paths.py reads it.
        keys: list[Any] = [key for key in tree if key != "show"]
        tree = OmegaConf.masked_copy(tree, keys)
        tree = OmegaConf.create(check.normalise(_to_plain(tree, resolve=False)))
        for parsed in values:
            OmegaConf.update(tree, parsed.key_or_group, parsed.value(), force_add=True)
        check_unfolding(_to_plain(tree, resolve=False), f"conf/shot/{name}.yaml")
        return check.normalise(_to_plain(tree, resolve=True))
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ShotError(
            explain_composing(error, lambda key: locate_key(key, name, overrides), f"conf/shot/{name}.yaml")
        ) from error
    except RecursionError as error:
        line = "its defaults lead round in a circle, or its values are too deep in one another"
        raise ShotError(f"conf/shot/{name}.yaml: {line}") from error


def _to_plain(config: "DictConfig", resolve: bool) -> dict:
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(plain, dict)
    return plain


def _why_no_preset(group: str, preset: str) -> str:
    file = f"conf/{group}/{show_name(preset)}.yaml"
    if preset.startswith(".") or "/" in preset or not os.path.lexists(get_conf_folder() / group / f"{preset}.yaml"):
        return f"no {file}"
    why = check_yaml_before_hydra.why_no_text(get_conf_folder() / group / f"{preset}.yaml")
    return f"{file}: {why or 'its name cannot be shown'}"


def guard_environment(read: dict[str, str | None]) -> None:
    """Let `${oc.env:NAME}` read what a show may read (tasks/shots/readable_env_variables.py) and nothing else.

    What was read is put into `read`.
    """
    from omegaconf import OmegaConf
    from omegaconf.resolvers import oc

    def resolve(name: str, *default: Any) -> Any:
        read[name] = readable_env_variables.read(name)
        return oc.env(name, *default)

    OmegaConf.register_new_resolver("oc.env", resolve, replace=True)


def register_schema() -> None:
    """Register the schema's defaults as the first layer, so that every key exists and `--cfg job` shows it."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=check.make_defaults(), provider="shotmake.config.schema")
    for group, node in {"launcher": LAUNCHER, "sweeper": SWEEPER}.items():  # conf/config.yaml names these
        ConfigStore.instance().store(group=f"hydra/{group}", name="shotmake", node=node, provider="shotmake")


def presets_of(name: str) -> dict[str, str]:
    """Return the presets, {group: preset}, that a shot's YAML names in its own nesting, where Hydra does not see them.

    Raises ShotError when the file is not a block of keys.
    """
    return _read_presets(_read_yaml(get_conf_folder() / "shot" / f"{name}.yaml"))


def _read_presets(shot_file: dict) -> dict[str, str]:
    """Return the `preset:` words of the shot's own nesting, {group: preset}."""
    shot = shot_file.get("shot") or {}
    blocks = {group: shot.get(group) for group in GROUPS if isinstance(shot, dict)}
    named = {group: block.get("preset") for group, block in blocks.items() if isinstance(block, dict)}
    return {group: _as_file_name(preset) for group, preset in named.items() if preset is not None}


def _as_file_name(preset: Any) -> str:
    """Return a preset's name as text: YAML reads 1080 and true as no text."""
    return str(preset).lower() if isinstance(preset, bool) else str(preset)


def _read_yaml(path: Path) -> dict:
    tree = check_yaml_before_hydra.load(path)
    if not isinstance(tree, dict):
        raise ShotError(f"{name_in_show(path)}: found {name_kind(tree)}; needed a block of keys, shot: first")
    return tree


def locate_key(key: str, name: str, overrides: tuple[str, ...]) -> str:
    """Return in which file a faulty key stands, or "command line"."""
    for word in overrides:
        typed = re.sub(r"^shot\.(?=tracking\.|composite\.)", "", word.split("=", 1)[0].lstrip("+"))
        if typed not in GROUPS and (key == typed or key.startswith(f"{typed}.") or typed.startswith(f"{key}.")):
            return "command line"
    shot_file = get_conf_folder() / "shot" / f"{name}.yaml"
    mentioned = " ".join(overrides) + check_yaml_before_hydra.read(shot_file)
    presets = [path for group in GROUPS for path in sorted((get_conf_folder() / group).glob("*.yaml"))]
    presets.sort(key=lambda path: f"{path.parent.name}={path.stem}" not in overrides)
    presets.sort(key=lambda path: path.stem not in mentioned)
    for path in [shot_file, *presets]:
        try:
            tree = _read_yaml(path)
        except ShotError:  # it is not a preset in use, or its fault would have been told before
            continue
        if path.parent.name in GROUPS:
            tree = {path.parent.name: tree}
        tree = check.normalise(tree)
        for part in key.split("."):
            tree = tree.get(part, KeyError) if isinstance(tree, dict) else KeyError
        if tree is not KeyError:
            return name_in_show(path)
    return f"conf/shot/{name}.yaml"


def make_slug(overrides: tuple[str, ...]) -> str:
    """Return the overrides as a folder name: sorted, safe, at most 80 characters, with a digest if it is cut."""
    from shotmake.tasks.engine.stamp import hash_short

    safe = re.sub(r"[^A-Za-z0-9._=+-]+", "_", ",".join(sorted(overrides)))
    return safe if len(safe) <= 80 else f"{safe[:67]}-{hash_short(sorted(overrides))}"
