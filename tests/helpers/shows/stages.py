"""The stages, as dodo.py lists them."""

import ast
from importlib import import_module

from helpers.shows.project import REPOSITORY
from shotmake.tasks.engine.stage import Stage


def listed_stages() -> tuple[Stage, ...]:
    """Return the stages in the order in which dodo.py hands them to the graph."""
    tree = ast.parse((REPOSITORY / "dodo.py").read_text(encoding="utf-8"))
    places = {alias.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    (graph,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "GRAPH")
    names = [node for node in ast.walk(graph) if isinstance(node, ast.Name) and node.id in places]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    found = (getattr(import_module(places[node.id]), node.id) for node in names)
    return tuple(one for one in found if isinstance(one, Stage))
