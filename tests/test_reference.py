"""The documentation is true: generated pages are as the code makes them, and what the others name is there."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from helpers.shows.project import REPOSITORY
from shotmake.config.check import ConfigFaults, list_keys, load, normalise
from shotmake.config.format_registry import FORMATS
from shotmake.config.schema import Config
from shotmake.docs import escape, make_pages, read_comments
from shotmake.reasons import CODES
from shotmake.solve.result import NO_DOUBT

DOCS = REPOSITORY / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]
WRITTEN = [path for path in PAGES if path.name not in ("config.md", "formats.md", "what_is_followed.md")]
OURS = re.compile(
    r"(shotmake|tasks|blender_scripts|tests|conf|docs|demo_plate|hydra_plugins)/[\w./<>-]*|dodo\.py|\.ci/\w+"
)
KEY = re.compile(r"(shot|tracking|composite)(\.[a-z_0-9]+)+")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
WORDS_OF_FILES = {"png", "exr", "json", "md", "yaml"}


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def prose(path: Path) -> str:
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["config.md", "formats.md"])
def test_the_committed_page_is_what_the_code_makes(name):
    """`python -m shotmake.docs` writes it."""
    page = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert page == make_pages()[name], "run python -m shotmake.docs"


def test_the_pages_have_every_key_and_every_format():
    pages = make_pages()
    missing = [key for key in list_keys() if f"`{key.rpartition('.')[2]}`" not in pages["config.md"]]
    assert not missing and '<a id="shot.camera.focal_mm"></a>' in pages["config.md"]
    assert all(f"`{format.file}`" in pages["formats.md"] for format in FORMATS if format.writes)


def test_comments_are_read_wherever_they_stand():
    source = '''
class Block:
    first: int = 1  # behind
    # above,
    # in two lines
    second: int = 2
    # a whole sentence.
    third: int = key(
        3,  # inside
    )
    fourth: int = 4
    """Below."""

    fifth: int = 5
'''
    found = read_comments(source)["Block"]
    assert found["first"] == "behind" and found["second"] == "above, in two lines"
    assert found["third"] == "a whole sentence. inside"
    assert found["fourth"] == "Below." and found["fifth"] == ""


def test_texts_come_out_as_they_are():
    assert escape("a * b | <c> _d_ e_f `g_h * | i`") == r"a \* b \| \<c> \_d\_ e_f `g_h * | i`"
    assert escape("a ` b") == r"a \` b"


@pytest.mark.parametrize("path", WRITTEN, ids=named)
def test_every_path_that_a_page_names_is_there(path):
    missing = []
    for word in CODE.findall(prose(path)):
        is_example = "<" in word or word.startswith("conf/shot/")
        if OURS.fullmatch(word) and not is_example and not (REPOSITORY / word).exists():
            missing.append(word)
    assert not missing


@pytest.mark.parametrize("path", WRITTEN, ids=named)
def test_every_key_that_a_page_names_is_in_the_schema(path):
    known = {*list_keys(), *(part for key in list_keys() for part in prefixes(key))}
    blocks = {"shot.tracking", "shot.composite"}
    found = {match for word in CODE.findall(prose(path)) if (match := KEY.match(word)) and "*" not in word}
    wrong = {one.group() for one in found if one.group() not in known | blocks}
    typed = set(re.findall(r"\b((?:shot|tracking|composite)(?:\.[a-z_0-9]+)+)=", path.read_text(encoding="utf-8")))
    assert not {key for key in wrong if key.rpartition(".")[2] not in WORDS_OF_FILES} and typed <= known


def prefixes(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def examples() -> list[tuple[str, str]]:
    found = [
        (named(path), text) for path in WRITTEN for _, word, text in BLOCK.findall(path.read_text()) if word == "yaml"
    ]
    return [(page, text) for page, text in found if re.search(r"^(shot|tracking|composite):", text, re.MULTILINE)]


@pytest.mark.parametrize(("page", "text"), examples(), ids=[f"{page}-{at}" for at, (page, _) in enumerate(examples())])
def test_every_example_is_a_config_without_a_fault(page, text):
    tree = yaml.safe_load(text)
    tree.pop("defaults", None)
    shot = tree.setdefault("shot", {})
    shot.setdefault("name", "s")
    shot.setdefault("footage", {}).setdefault("file", "footage/s.mov")
    try:
        assert isinstance(load(normalise(tree)), Config)
    except ConfigFaults as problem:
        pytest.fail(f"{page}: {problem}")


@pytest.mark.parametrize("path", [path for path in WRITTEN if DOCS in path.parents], ids=named)
def test_code_is_no_wider_than_the_page_shows(path):
    lines = [line for _, _, text in BLOCK.findall(path.read_text(encoding="utf-8")) for line in text.splitlines()]
    assert not [line for line in lines if len(line) > 86]


def test_every_reason_code_stands_in_one_row():
    page = (DOCS / "how_to" / "refused_now_what.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", page, re.MULTILINE)
    assert sorted(code for code, _ in rows) == sorted(CODES)
    assert {kind for _, kinds in rows for kind in kinds.split(", ")} == {"refusal", "warning", "note"}


def test_the_warnings_that_are_no_doubts_are_listed():
    page = (DOCS / "how_to" / "refused_now_what.md").read_text(encoding="utf-8")
    listed = page.partition("set no such cap:")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(NO_DOUBT)


def test_every_step_of_a_value_s_way_is_a_function_of_that_file():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("## How a value travels")[2]
    steps = re.findall(r"^\| \d+ \| `([\w./]+\.py)` \| `(\w+)` \|", page, re.MULTILINE)
    assert len(steps) > 20
    for file, function in steps:
        tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, file


def test_ci_runs_the_command_of_the_readme():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    commands = [text.strip() for _, word, text in BLOCK.findall(readme) if word == "sh"]
    (tests,) = [command for command in commands if ".ci/check" in command]
    assert (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == tests


def test_ci_ends_at_the_first_fault_and_where_no_test_ran(tmp_path):
    """With programs in place of ours that say what they were asked."""
    (tmp_path / "show" / ".ci").mkdir(parents=True)
    shutil.copy(REPOSITORY / ".ci" / "check", tmp_path / "show" / ".ci")
    (tmp_path / "bin").mkdir()
    for name in ("ruff", "pytest", "mkdocs"):
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*"\ncase "{name} $*" in "$FAILS"*) exit 5 ;; esac\n')
        path.chmod(0o755)

    def check(*steps: str, fails: str = "none") -> tuple[int, list[str]]:
        environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "FAILS": fails}
        command = [tmp_path / "show" / ".ci" / "check", *steps]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("-- ")]

    code, said = check()
    assert code == 0 and [line.partition(" --site-dir")[0] for line in said] == [
        "ruff check .",
        "ruff format --check .",
        "pytest -n 0 tests/test_types.py",
        "mkdocs build --strict --quiet",
        "pytest -m fast",
        "pytest -m not fast and not matrix --ignore=tests/test_types.py",
    ]
    for number, line in enumerate(said, 1):
        code, until = check(fails=line.partition(" --site-dir")[0])
        assert code == 5 and len(until) == number
    assert check("format", "lint") == (0, ["ruff format --check .", "ruff check ."])
    assert check("nothing")[0] == 3


def test_the_hooks_of_git_run_steps_of_ci():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [f".ci/check {step}" for step in ("lint", "format", "types", "fast")]


def test_the_readme_is_short():
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").split()) <= 1500
