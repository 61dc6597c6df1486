"""Shows from a stranger, a few of those that tests/helpers/shows/hostile_shows.py makes (a full run: a thousand and
more)."""

import pytest

from helpers.shows.hostile_shows import make_show, run_case
from helpers.tiers import more

CASES, PARTS = 32, 4


@pytest.fixture(scope="module")
def show(tmp_path_factory):
    return make_show(tmp_path_factory.mktemp("hostile") / "place")


@pytest.mark.parametrize("part", [0, 1, 2, *more(*range(3, PARTS))])
def test_nothing_outside_is_touched_nothing_hangs_and_every_fault_is_a_line(show, part):
    for seed in range(part, CASES, PARTS):
        case, wrong = run_case(show, seed)
        assert not wrong, case
