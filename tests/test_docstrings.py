"""Docstrings of shotmake/ and tasks/: what a reader must find in each one of the public ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.shows.project import REPOSITORY
from helpers.verbs import VERBS

pytestmark = pytest.mark.fast

SHAPE = re.compile(r"\([A-Za-z0-9_.* +]+,[^()]*\)|\([A-Z],?\)|\(\d+(?:, ?\d+)*,?\)|shape|scalar")
RAISED = {"ShotError", "ValueError", "Refused", "LookupError", "TooLittle"}
IMPERATIVES = {verb.capitalize() for verb in VERBS}  # what a function does: the first word of its docstring


def modules() -> list[Path]:
    return sorted(path for folder in ("shotmake", "tasks") for path in (REPOSITORY / folder).rglob("*.py"))


def public(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef, bool]]:
    """Name, definition, and whether it does something (a property and a class are things)."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if "overload" not in map(ast.unparse, node.decorator_list):  # an overload is only a hint
                yield node.name, node, True
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node, False
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    decorators = {ast.unparse(one) for one in inner.decorator_list}
                    is_thing = bool(decorators & {"property", "cached_property", "functools.cached_property"})
                    yield f"{node.name}.{inner.name}", inner, not is_thing


def faults(node: ast.FunctionDef | ast.ClassDef, acts: bool) -> list[str]:
    text = ast.get_docstring(node)
    if not text:
        return ["has no docstring"]
    found = []
    summary = text.split("\n\n")[0]
    if not re.search(r"[.:?]$", summary.strip()):
        found.append("its first sentence has no end")
    if isinstance(node, ast.ClassDef):
        return found
    first = re.match(r"\w+", text)
    if acts and (first is None or first.group(0) not in IMPERATIVES):
        found.append(f"begins with {text.split()[0]!r}; needed a verb, as Return")
    annotations = [one.annotation for one in [*node.args.args, *node.args.kwonlyargs]] + [node.returns]
    if any("ndarray" in ast.unparse(one) for one in annotations if one is not None) and not SHAPE.search(text):
        found.append("says no shape of its arrays")
    raised = {
        name.func.id
        for name in (one.exc for one in ast.walk(node) if isinstance(one, ast.Raise))
        if isinstance(name, ast.Call) and isinstance(name.func, ast.Name)
    }
    for name in sorted(raised & RAISED):
        if name not in text:
            found.append(f"does not say when it raises {name}")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_public_name_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"{path.relative_to(REPOSITORY)}:{node.lineno} {name} {fault}"
             for name, node, acts in public(tree) for fault in faults(node, acts)]  # fmt: skip
    assert ast.get_docstring(tree) and not found, "\n".join(found)
