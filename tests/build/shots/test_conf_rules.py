"""What a show's files may say to Hydra, and which of the user's variables they may read. By the real command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows import attack
from helpers.shows.project import REPOSITORY, Project, Ran

pytestmark = pytest.mark.fast

EVIL = "_target_: os.system, command: touch ran.txt"  # Hydra has a list of what it does not call
TOUCH = "_target_: pathlib.Path.touch, self: {_target_: pathlib.Path, _args_: [ran.txt]}"  # its own list lets it pass
LOGGING = "version: 1, formatters: {x: {(): os.system, command: touch ran.txt}}"
SHOT = "# @package _global_\n{more}shot:\n  name: bad\n  footage: {{file: {file}}}\n"


@pytest.fixture
def show(project: Project) -> Project:
    """knob_hero alone, without its plate, and a secret beside the show."""
    (project.root.parent / "secret.yaml").write_text("shot: {name: secret}\n")
    return project


def run_with(show: Project, environment: dict[str, str], *command: str) -> Ran:
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    done = subprocess.run([sys.executable, *command], cwd=show.root, env=everything, capture_output=True, text=True,
                          timeout=120)  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def refused(show: Project, *expected: str, shot: str = "bad") -> None:
    """By doit; where something would run also by Hydra's command line and in a sweep. And nothing ran."""
    ways = (("-m", "doit", "plan"), ("dodo.py",), ("dodo.py", "-m"))
    for command in ways if "_target_" in " ".join(expected) else ways[:1]:
        ran = run_with(show, {}, *command, f"shot={shot}")
        attack.one_clear_line(ran, *expected)
        assert not list(show.root.parent.rglob("ran.txt")), command


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (f"hydra: {{launcher: {{{EVIL}}}}}\n", "_target_: a show's files cannot name what is run"),
        (f"hydra: {{callbacks: {{x: {{{TOUCH}}}}}}}\n", "_target_: "),
        (f"hydra: {{job_logging: {{{LOGGING}}}}}\n", "(): a show's files cannot name"),
        ("hydra: {run: {dir: ../../out}}\n", "hydra: stands in conf/config.yaml only"),
        ("hydra: {job: {env_copy: [HOME]}}\n", "hydra: stands in conf/config.yaml only"),
        ("defaults: [../../../secret]\n", "defaults: found ../../../secret; needed a file in conf/"),
        ("defaults: [/../../secret]\n", "needed a file in conf/"),
        ("defaults: [{override /tracking: ../../../secret}]\n", "needed a file in conf/"),
        ("defaults: ['file:///etc/secret']\n", "needed a file in conf/"),
        ("defaults: ['pkg://hydra.conf/x']\n", "needed a file in conf/"),
        ("defaults: ['${oc.env:HOME}/x']\n", "needed a file in conf/"),
        ("defaults: [{override /hydra/launcher: submitit_local}]\n", "a show's files cannot choose this"),
        ("defaults: ['/tracking@hydra.launcher: fast']\n", "cannot change Hydra's own settings"),
        ("# @package hydra.launcher\n", "@package hydra.launcher: a show's files cannot change"),
        ("# @package x\u2028# @package hydra.launcher\n", "@package hydra.launcher: a show's files cannot change"),
        ("defaults: [{'override /tracking@_name_': fast}]\n", "cannot change Hydra's own settings"),
        (f"when: 2001-99-99\nhydra: {{callbacks: {{x: {{{TOUCH}}}}}}}\n", "not YAML: a value that is none"),
        ("<<: {hydra: {run: {dir: ../../out}}}\n", "hydra: stands in conf/config.yaml only"),
        ("defaults: [{/tracking: [[balanced]]}]\n", "needed a file in conf/"),
    ],
)  # fmt: skip
def test_a_shots_file_runs_nothing_and_leads_nowhere(show, more, said):
    show.write_shot("bad", SHOT.format(more=more, file="a.mp4"))
    refused(show, "conf/shot/bad.yaml: ", said)


@pytest.mark.parametrize("more", ["below", '"\\x62elow"', "/shot/below", "{/shot: [below]}", "below.yaml"])
def test_one_that_a_shot_is_built_on_does_not_either(show, more):
    show.write_shot("below", f"# @package _global_\nhydra: {{launcher: {{{EVIL}}}}}\n")
    show.write_shot("bad", SHOT.format(more=f"defaults: [{more}, _self_]\n", file="a.mp4"))
    refused(show, "conf/shot/below.yaml: _target_: ")


def test_nor_one_that_a_preset_reads(show):
    show.write_shot("below", f"# @package _global_\nhydra: {{launcher: {{{EVIL}}}}}\n")
    path = show.root / "conf" / "tracking" / "balanced.yaml"
    path.write_text(f"defaults: [/shot/below]\n{path.read_text()}")
    refused(show, "conf/shot/below.yaml: _target_: ", shot="knob_hero")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("config.yaml", "  callbacks: {x: {_target_: os.system}}\n", "conf/config.yaml: _target_: "),
        ("config.yaml", "  searchpath: [file:///etc]\n", "conf/config.yaml: searchpath: "),
        ("config.yaml", "  job_logging: {version: 1}\n", "hydra.job_logging: a show's files cannot set this"),
        ("tracking/hydra.yaml", "# @package _name_\nrun: {dir: ../../out}\n", "@package _name_: a show's files cannot"),
        ("tracking/fast.yaml", "x: {_target_: os.system}\n", "conf/tracking/fast.yaml: _target_: "),
        ("hydra/launcher/shotmake.yaml", "jobs: 1\n", "found a setting of Hydra"),
        ("hydra/search/tracking.yaml", "custom_search_space: os.system\n", "custom_search_space: a show's files"),
    ],
)
def test_shared_files_do_not_either(show, file, text, said):
    path = show.root / "conf" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)
    refused(show, said, shot="knob_hero")


def test_a_key_of_hydras_without_a_value_is_said_as_yaml_says_it(show):
    path = show.root / "conf" / "config.yaml"
    path.write_text(path.read_text().replace("    name: shot ", "    name: null "))
    refused(show, "conf/config.yaml: hydra.job.name: found null; needed shot", shot="knob_hero")


@pytest.mark.parametrize("place", ["/tmp/out", "../out", "${oc.env:HOME}/out"])
def test_hydra_writes_into_the_show_only(show, place):
    path = show.root / "conf" / "config.yaml"
    path.write_text(path.read_text().replace("dir: .\n", f"dir: {place}\n"))
    refused(show, f"hydra.run.dir: found {place}; needed a folder of the show", shot="knob_hero")


def test_hydras_job_is_the_shot(show):
    """Its name is the task that doit runs: `clean` would delete."""
    path = show.root / "conf" / "config.yaml"
    path.write_text(path.read_text().replace("name: shot", "name: clean"))
    refused(show, "hydra.job.name: found clean; needed shot", shot="knob_hero")


def test_the_rules_hold_for_a_storage_too(show):
    path = show.root / "conf" / "hydra" / "search" / "tracking.yaml"
    path.write_text(path.read_text().replace("sqlite:///.gsd-state", "sqlite:////tmp"))
    refused(show, "storage: found sqlite:////tmp/optuna.sqlite", shot="knob_hero")


@pytest.mark.parametrize("kind", ["shot", "preset", "folder"])
def test_a_link_leads_out_of_the_show_only_where_the_user_lets_it(show, tmp_path, kind):
    outside = tmp_path / "outside"
    outside.mkdir()
    conf = show.root / "conf"
    moved = {"shot": conf / "shot" / "knob_hero.yaml", "preset": conf / "tracking" / "balanced.yaml",
             "folder": conf / "tracking"}[kind]  # fmt: skip
    moved.rename(outside / moved.name)
    moved.symlink_to(outside / moved.name)
    ran = run_with(show, {}, "dodo.py", "shot=knob_hero", "--cfg", "job")
    assert ran.code == 1 and "leads out of the show to" in ran.fault_lines[0] and "Traceback" not in ran.err, ran.err
    own = tmp_path / "own.yaml"
    own.write_text(f"presets: [{outside}]\n")
    ran = run_with(show, {"SHOTMAKE_CONFIG": str(own)}, "dodo.py", "shot=knob_hero", "--cfg", "job")
    assert ran.code == 0, ran.err


# Variables


def config_of(show: Project, variable: str, environment: dict[str, str]) -> Ran:
    show.write_shot("bad", SHOT.format(more="", file=f"'${{oc.env:{variable},none}}.mp4'"))
    return run_with(show, environment, "-m", "doit", "plan", "shot=bad")


@pytest.mark.parametrize("variable", ["HOME", "AWS_SECRET_ACCESS_KEY", "PLATES", "SHOT_API_KEY", "SHOTGRID_SCRIPT_KEY"])
def test_a_show_reads_no_variable_that_is_not_listed(show, variable):
    ran = config_of(show, variable, {variable: "seen"})
    attack.one_clear_line(
        ran, f"conf/shot/bad.yaml: shot.footage.file: ${{oc.env:{variable}}}: a show may not read", f"[{variable}]"
    )
    assert "seen" not in ran.out + ran.err


def test_it_reads_one_by_way_of_another_key_no_sooner(show):
    text = SHOT.format(more="", file="'${oc.env:${shot.name}}.mp4'").replace("name: bad", "name: HOME")
    show.write_shot("bad", text)
    attack.one_clear_line(run_with(show, {}, "-m", "doit", "plan", "shot=bad"), "${oc.env:HOME}: a show may not read")


@pytest.mark.parametrize("variable", ["SHOT", "SHOT_PLATE", "SHOW", "SHOTMAKE_X"])
def test_it_reads_where_in_a_production_one_is(show, variable):
    ran = config_of(show, variable, {variable: "seen"})
    assert "seen.mp4" in ran.out + ran.err, ran.out + ran.err
    assert "a show may not read" not in ran.err


def test_it_reads_what_the_user_lists_and_no_longer_when_not(show, tmp_path):
    own = tmp_path / "own.yaml"
    environment = {"PLATES": "seen", "SHOTMAKE_CONFIG": str(own)}
    own.write_text("environment: [PLATES]\n")
    ran = config_of(show, "PLATES", environment)
    assert "seen.mp4" in ran.out + ran.err
    own.write_text("environment: []\n")  # the composed config is remembered
    said = f"${{oc.env:PLATES}}: a show may not read this variable; list it in {own}, as environment: [PLATES]"
    attack.one_clear_line(config_of(show, "PLATES", environment), said)


# The user's own config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: [never\n", "own.yaml: not YAML: "),
        ("- run\n", "own.yaml: found a list; needed a block of keys"),
        ("runs: never\n", "own.yaml: runs: found no such key; there are: run, environment, presets, limits"),
        ("run: sometimes\n", "own.yaml: run: found 'sometimes'; needed never"),
        ("run: true\n", "own.yaml: run: found true; needed never"),
        ("environment: [null]\n", "own.yaml: environment: found [null]; needed a list of names"),
        ("some words\n", "own.yaml: found a text; needed a block of keys"),
        ("environment: HOME\n", "own.yaml: environment: found 'HOME'; needed a list of names"),
        ("presets: [studio]\n", "own.yaml: presets: found studio; needed the whole path of a folder"),
        ("limits: 5\n", "own.yaml: limits: found 5; needed a block of keys"),
        ("limits: {blender_hours: 5}\n", "own.yaml: limits.blender_hours: found no limit of that name; there are: "),
        ("limits: {silent_minutes: -5}\n", "own.yaml: limits.silent_minutes: found -5; needed a number above 0"),
        ("limits: {silent_minutes: .nan}\n", "nan; needed a number above 0 and at most 1000000000000"),
        (b"\xff\xfe", "own.yaml: cannot be read: it is not UTF-8 text"),
        (None, "own.yaml: no such file"),
        ("folder", "own.yaml: cannot be read: Is a directory"),
    ],
)
def test_a_broken_own_config_is_one_line(show, tmp_path, text, said):
    own = tmp_path / "own.yaml"
    if text == "folder":
        own.mkdir()
    elif text is not None:
        own.write_bytes(text if isinstance(text, bytes) else text.encode())
    ran = run_with(show, {"SHOTMAKE_CONFIG": str(own)}, "-m", "doit", "list")
    attack.one_clear_line(ran, said)


@pytest.mark.parametrize("way", ["XDG_CONFIG_HOME", "HOME"])
def test_the_own_config_lies_where_such_files_lie(show, tmp_path, way):
    folder = tmp_path / ("xdg" if way == "XDG_CONFIG_HOME" else "home/.config")
    (folder / "shotmake").mkdir(parents=True)
    (folder / "shotmake" / "config.yaml").write_text("runs: never\n")
    environment = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(folder) if way == "XDG_CONFIG_HOME" else ""}
    ran = run_with(show, environment, "-m", "doit", "list")
    attack.one_clear_line(ran, "shotmake/config.yaml: runs: found no such key")


def test_no_home_and_no_own_config_is_no_fault(show, tmp_path):
    assert run_with(show, {"HOME": str(tmp_path / "gone"), "XDG_CONFIG_HOME": "x"}, "-m", "doit", "list").code == 0


def test_every_file_that_we_ship_keeps_the_rules():
    code = "from shotmake.tasks.shots import up_to_date, what_conf_may_say as may; "
    code += "print(may.find_shared_faults(), *map(may.find_shot_faults, up_to_date.list_shot_names()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.strip() == "[] []", done.stdout + done.stderr


def test_the_lists_of_the_docs_are_those_of_the_code():
    from shotmake.tasks.shots.readable_env_variables import NAMES, PREFIXES

    page = (Path(REPOSITORY) / "docs" / "what_runs.md").read_text()
    assert all(f"`{name}`" in page for name in NAMES) and all(f"`{prefix}*`" in page for prefix in PREFIXES)
