"""What ruff does not ask: an exception from its rules is rare, and says why."""

import re

import pytest

from helpers.shows.project import REPOSITORY

pytestmark = pytest.mark.fast

MOST = 12
FOLDERS = ("shotmake", "tasks", "blender_scripts", "hydra_plugins", "demo_plate", "tests")
SILENCED = re.compile(r"#\s*noqa\b(?P<codes>: [A-Z]+\d+(, [A-Z]+\d+)*)?(?P<reason>.*)")


def test_an_exception_from_a_rule_is_rare_and_says_why():
    paths = [REPOSITORY / "dodo.py", *(path for name in FOLDERS for path in (REPOSITORY / name).rglob("*.py"))]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    found = [match for line in lines if "re.compile" not in line and (match := SILENCED.search(line))]
    assert 0 < len(found) <= MOST
    assert all(one["codes"] and len(one["reason"].split()) > 2 for one in found), [one[0] for one in found]
