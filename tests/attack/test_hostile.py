"""Shows from a stranger, a few of those that tests/helpers/shows/hostile_shows.py makes (a full run: a thousand and
more)."""

import shutil

import pytest

from helpers.shows.hostile_shows import SWEEP, make_show, restore, run_case, run_command, state_of
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


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (".gsd-state/hydra", [*SWEEP]),
        (".gsd-state/hydra/imports", [*SWEEP, "hydra/launcher=joblib"]),
        (".gsd-state/hydra/0", [*SWEEP, "hydra/launcher=basic"]),
        (".gsd-state/hydra/.submitit/1234", [*SWEEP, "hydra/launcher=basic"]),
        ("conf/shot", ["new", "shot=other", "file=footage/mini.mp4"]),
    ],
)
def test_no_sweep_and_no_new_shot_writes_behind_a_link(show, name, command):
    restore(show)
    outside, place = show.root.parent / "outside", show.root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(outside)
    before = state_of(outside)
    wrong, _, _, told = run_command(show.root, command)
    assert not wrong and state_of(outside) == before and "Traceback" not in told
    assert f"{name}: a link leads to {outside}; needed a folder in the show" in told.splitlines()
