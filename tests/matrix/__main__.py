"""Run what the suite has no time for: more seeds, users, kills, other Blenders, other Pythons. Takes hours.

Run:  python tests/matrix                      every part, one after another; exits with 1 when a part fails
      python tests/matrix --only users seeds   these parts
      python tests/matrix --list               the parts and their commands
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLENDERS = ("4.2", "5.0")  # the suite runs 4.5
PYTHONS = ("3.12", "3.13")  # the suite runs 3.11
PYTEST = f"{shlex.quote(sys.executable)} -m pytest"
OF_BLENDER = "tests/blend tests/scene/test_stabilize.py"
NO_TEST_RAN = 5  # of pytest


def main() -> int:
    """Run the parts that were asked for and print a line for each. Returns 1 if one of them fails."""
    parts = commands()
    asked = arguments(parts)
    if asked.list:
        for name, command in parts.items():
            print(f"{name:14} {command}")
        return 0
    codes = {}
    for name in asked.only or parts:
        print(f"\n== {name}: {parts[name]}", flush=True)
        began = time.monotonic()
        codes[name] = subprocess.run(["bash", "-c", parts[name]], cwd=ROOT).returncode
        print(f"== {name}: exit {codes[name]} after {time.monotonic() - began:.0f} s", flush=True)
    print()
    for name, code in codes.items():
        print(f"{name:14} {'passed' if code == 0 else 'no test ran' if code == NO_TEST_RAN else f'failed ({code})'}")
    return int(any(codes.values()))


def commands() -> dict[str, str]:
    """Return a shell command for each part, run from the repository's folder."""
    parts = {
        "seeds": f"{PYTEST} -m matrix --ignore tests/matrix",
        "users": f"{PYTEST} -m matrix -n 0 tests/matrix",
        "attack": f"{PYTEST} -m '' -n 0 tests/attack tests/sweep --kills 200",
        "pixels": f"{PYTEST} -n 0 tests/blend/test_pixels.py tests/blend/test_true_points.py --pixels",
    }
    for version in BLENDERS:
        parts[f"blender-{version}"] = f"{PYTEST} --blender {version} {OF_BLENDER}"
    for version in PYTHONS:
        parts[f"python-{version}"] = in_python(version)
    return parts


def in_python(version: str) -> str:
    """Return a command that clones this commit for that Python, installs it and runs fast tests, solves and builds."""
    folder = shlex.quote(str(Path(tempfile.gettempdir()) / f"shotmake-python-{version}"))
    python = f"{folder}/venv/bin/python"
    steps = [
        f"rm -rf {folder}",
        f"git clone -q {shlex.quote(str(ROOT))} {folder}",
        f"cd {folder}",
        f"{interpreter(version)} -m venv venv",
        f"{python} -m pip install -q -e '.[dev]'",
        f"{python} -m pytest -m fast",
        f"{python} -m pytest -n 0 tests/build/engine/test_build.py tests/solve/test_solve.py",
    ]
    return " && ".join(steps)


def interpreter(version: str) -> str:
    """Return the program of that Python: pyenv's where pyenv has one, else the one on the PATH."""
    installed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return shlex.quote(str(installed[-1])) if installed else f"python{version}"


def arguments(parts: dict[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(parts), metavar="PART", help=", ".join(parts))
    parser.add_argument("--list", action="store_true", help="show the parts and their commands")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
