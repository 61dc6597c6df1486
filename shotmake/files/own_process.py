"""Python in a process of its own, with this very copy of the package: for what must not run, or wait, in ours."""

import os
import sys

import shotmake

BEGIN = """
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("shotmake", sys.argv.pop(1))
sys.modules["shotmake"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["shotmake"])
import_module(sys.argv.pop(1)).main()
"""


def make_command(module: str, *words: str) -> list[str]:
    """Return the command that calls `main()` of one of our modules, with these words as its arguments.

    -P and BEGIN: Python looks neither in the working folder, the show's, nor for another copy of this package.
    """
    return [sys.executable, "-P", "-c", BEGIN, str(shotmake.__file__), module, *words]


def make_environment() -> dict[str, str]:
    """Return the environment of such a process: ours, with the same libraries."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
