"""Is each check of the solver held by a test? Each place that refuses or doubts a camera is broken in turn.

Run: python tests/benchmarks/sabotage.py [--only witness judge_links] [--list] [--whole] [--limits]

A copy of the code is changed: `return Reason(...)` becomes `return None`; `raise Refused(...)`, and statements that add
a Reason to others, become `pass`. Then tests run until one fails: first those whose text has the code of the reason,
then the files that name the broken module, and with --whole all tests of the solver. With --limits each limit of the
checks (a number with a name in capitals) is made a thousand times larger, then smaller, instead. A line a place: caught
by which test, or survived. Ends with 1 when a place survived.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ("shotmake/solve/checks", "shotmake/solve/links", "shotmake/solve/witness")
ALSO = ("shotmake/solve/tries.py", "shotmake/solve/verdict.py", "shotmake/solve/tripod.py", "shotmake/solve/moving.py")
COPIED = ("shotmake", "tasks", "hydra_plugins", "blender_scripts", "demo_plate", "conf", "footage", "tests", "docs")
SINGLE = ("dodo.py", "pyproject.toml", "README.md", "CONTRIBUTING.md", "mkdocs.yml")
SOLVER_TESTS = "tests/solve"
MADE = {"Reason", "Refused"}

Change = tuple[str, int, int, str, str]  # file, first line, last line, what stands there instead, code of the reason


def is_made(node: ast.expr | None) -> bool:
    """Whether an expression makes a reason or a refusal."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE


def code_of(node: ast.AST) -> str:
    """The code of the reason that a statement makes; empty where it is not written there."""
    for call in ast.walk(node):
        if isinstance(call, ast.expr) and is_made(call):
            for first in call.args[:1]:  # the first argument
                if isinstance(first, ast.Constant):
                    return str(first.value)
    return ""


def places(name: str, text: str) -> Iterator[Change]:
    """Each statement that refuses or doubts, and what breaks it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Return) and is_made(node.value):
            yield name, node.lineno, node.end_lineno or 0, "return None", code_of(node)
        elif (
            isinstance(node, ast.Raise)
            and is_made(node.exc)
            or isinstance(node, ast.Expr)  # reasons.append(Reason(...))
            and isinstance(node.value, ast.Call)
            and any(map(is_made, node.value.args))
            or isinstance(node, ast.AugAssign)
            and any(map(is_made, ast.walk(node.value)))
        ):
            yield name, node.lineno, node.end_lineno or 0, "pass", code_of(node)


def limits(name: str, text: str) -> Iterator[Change]:
    """Each named number of a module, a thousand times larger and smaller."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and node.lineno == node.end_lineno:
            numbers = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            if all(isinstance(one, ast.Constant) and isinstance(one.value, int | float) for one in numbers):
                for at, one in enumerate(names):
                    for times in (1000, 0.001):
                        changed = [ast.unparse(value) for value in numbers]
                        changed[at] = f"{changed[at]} * {times}"
                        left = ", ".join(ast.unparse(each) for each in names)
                        yield name, node.lineno, node.lineno, f"{left} = {', '.join(changed)}  # {ast.unparse(one)}", ""


def copy_code(folder: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SINGLE:
        shutil.copy(ROOT / name, folder / name)


def break_and_test(folder: Path, change: Change, whole: list[str]) -> str:
    """The first test that fails for the broken code, or "". whole: the tests to run where the nearest find nothing."""
    name, first, last, instead, code = change
    path = folder / name
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    indent = re.match(r" *", lines[first - 1])
    broken = [*lines[: first - 1], f"{indent[0] if indent else ''}{instead}", *lines[last:], ""]
    path.write_text("\n".join(broken), encoding="utf-8")
    try:
        for tests in (tests_of_code(folder, code), tests_that_name(folder, path.stem), whole):
            failed = first_failure(folder, tests) if tests else ""
            if failed:
                return failed
    finally:
        path.write_text(text, encoding="utf-8")
    return ""


def tests_of_code(folder: Path, code: str) -> list[str]:
    """The tests whose text has the code of a reason."""
    found = []
    for path in sorted((folder / SOLVER_TESTS).rglob("test_*.py")) if code else ():
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            named = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            if named and f'"{code}"' in (ast.get_source_segment(text, node) or ""):
                found.append(f"{path.relative_to(folder)}::{node.name}")
    return found


def tests_that_name(folder: Path, module: str) -> list[str]:
    """The test files that name a module, in their text or by their own name."""
    files = sorted((folder / SOLVER_TESTS).rglob("test_*.py"))
    named = [path for path in files if re.search(rf"\b{module}\b", f"{path.stem[5:]} {path.read_text('utf-8')}")]
    return [str(path.relative_to(folder)) for path in named]


def first_failure(folder: Path, tests: list[str]) -> str:
    """The first of some tests that fails; empty where none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", *tests]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return failed[1] if failed else "" if done.returncode in (0, 5) else f"pytest ended with {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="parts of file names")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    files = [path for folder in CHECKS for path in sorted((ROOT / folder).glob("*.py"))]
    files += [] if asked.limits else [ROOT / name for name in ALSO]
    find = limits if asked.limits else places
    changes = [
        change
        for path in files
        if not asked.only or any(part in path.name for part in asked.only)
        for change in find(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    ]
    if asked.list:
        print("\n".join(f"{name}:{first} {instead}" for name, first, _, instead, _ in changes))
        return 0
    survived = 0
    with tempfile.TemporaryDirectory() as place:
        copy_code(Path(place))
        for change in changes:
            caught = break_and_test(Path(place), change, [SOLVER_TESTS] if asked.whole else [])
            survived += not caught
            print(f"{change[0]}:{change[1]} {change[3]}: {f'caught by {caught}' if caught else 'SURVIVED'}", flush=True)
    print(f"{len(changes)} places, {survived} survived")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
