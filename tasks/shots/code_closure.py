"""The code that a module is made of: its own file and every file of ours that it imports. The files are found, not
listed by hand.

Imports count at any depth: an import inside a function counts like one at the top of the file. What a file imports is
remembered by the file's content, so no file is parsed twice.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import shotmake
from shotmake.tasks.engine import cache_database
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.show import get_tool_folder

PACKAGES = {"shotmake.tasks": get_tool_folder() / "tasks", "shotmake": Path(str(shotmake.__file__)).parent}


def code_of(*modules: str) -> dict[str, str]:
    """Return full name -> digest of these modules and of all of our modules that they import, directly or through
    others.

    Raises LookupError when one of the modules is not ours: a digest of nothing would be equal for everything.
    """
    found: dict[str, str] = {}
    todo = list(modules)
    if missing := [name for name in modules if _find_file(name) is None]:
        raise LookupError(f"{missing[0]}: no module in {', '.join(map(str, PACKAGES.values()))}")
    while todo:
        path = _find_file(name := todo.pop())
        if path is None or name in found:
            continue
        found[name] = digest(path)
        todo += _list_imported(path, found[name])
        if "." in name:  # Python runs its package before it
            todo.append(name.rpartition(".")[0])
    return found


def _find_file(name: str) -> Path | None:
    """Return the file of a module of ours; None for another library, and for a name inside a module."""
    package = next((one for one in PACKAGES if f"{name}.".startswith(f"{one}.")), None)
    if package is None:
        return None
    path = PACKAGES[package].joinpath(*name.removeprefix(package).split("."))
    places = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((place for place in places if place.is_file()), None)


def _list_imported(path: Path, known: str) -> list[str]:
    """Return the full names of what a file with this digest imports; of `from a import b` both a and a.b."""
    text = cache_database.get("imports", known)
    if text is None:
        data = path.read_bytes()
        text = json.dumps(sorted(set(_yield_names(ast.parse(data)))))
        if hashlib.sha256(data).hexdigest() == known:  # the file was not edited meanwhile
            cache_database.put("imports", known, text)
    return json.loads(text)


def _yield_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
