"""Options and fixtures that tests of all folders share."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a build, before numpy is imported: the same bytes, and half the time

from helpers.shows.project import REPOSITORY, TESTS, Project, Ran, make_mini, make_project


def pytest_addoption(parser) -> None:
    parser.addoption("--kills", type=int, default=1, help="random kills in attack/test_kills.py (a full run: 200)")
    parser.addoption("--pixels", action="store_true", help="test_pixels.py: every lens and plate, not two of them")
    parser.addoption("--blender", default="4.5", help="the version that runs blender_scripts/ in tests of the comp")
    parser.addoption("--launchers", action="store_true", help="test_sweeps.py: ray and submitit too, and whole shots")


def pytest_configure(config) -> None:
    os.environ["BLENDER_OF_TESTS"] = config.getoption("--blender")


def pytest_sessionstart(session) -> None:
    """Compile the kernels before tests that look at the processes of a build; tests of the fast tier start no build."""
    if not hasattr(session.config, "workerinput") and session.config.option.markexpr != "fast":
        subprocess.run([sys.executable, "-m", "shotmake.prepare_kernels"], cwd=REPOSITORY, check=True)


# The files that take longest, 20 to 100 s each. They run first: a file goes to one worker, and one that came last would
# leave the other worker idle.
LONG = """
    build/engine/test_odd_surroundings solve/test_libmv_solve build/engine/test_running build/engine/test_build
    solve/test_solve solve/checks/test_judge sweep/test_sweeps solve/checks/test_doubts attack/test_inputs
    build/shots/test_shot_words test_types lens/test_lens_from attack/test_hostile attack/test_crowd files/test_behind
    tracks/test_segments solve/checks/test_links_told blend/test_knob_hero attack/test_disk build/shots/test_composed
    footage/test_shown_frames blend/test_file_paths build/engine/test_found files/test_input_files blend/test_blend
    attack/test_kills build/engine/test_import_path lens/test_checkerboard build/engine/test_leases
    build/commands/test_plan attack/test_tamper blend/test_artist_file build/shots/test_shots files/test_reader_fuzz
    tracks/test_libmv sweep/test_sweep build/commands/test_gc build/engine/test_snapshot
""".split()


def pytest_collection_modifyitems(items) -> None:
    place = {str(TESTS / f"{name}.py"): number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(str(item.path), len(LONG)))
    both = [item.nodeid for item in items if item.get_closest_marker("fast") and item.get_closest_marker("matrix")]
    if both:
        raise pytest.UsageError(f"fast and of the matrix at once, so that both tiers run it: {both[0]}")


@pytest.fixture
def thorough(pytestconfig) -> bool:
    """Whether this is a full run of the attack tests, which has time for every case."""
    return pytestconfig.getoption("--kills") >= 100


@pytest.fixture(autouse=True)
def nothing_keeps_running():
    """Builds that an attack test has started in the background end with it."""
    yield
    if "helpers.shows.attack" in sys.modules:
        sys.modules["helpers.shows.attack"].end_all()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Name and maker -> a folder that one worker fills and all read: copy what is in it, do not touch it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        place = shared / f"once-{name}"
        with open(shared / f"once-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (place / "made").exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                make(place)
                (place / "made").touch()
        return place

    return folder


@pytest.fixture(scope="session")
def small_movie(made_once) -> Path:
    """The attack tests' plate: 40 frames around a desk, 320x180."""
    from helpers.shows import attack

    return made_once("small-movie", lambda place: attack.small_movie(place / "mini.mp4")) / "mini.mp4"


@pytest.fixture(scope="session")
def other_movie(made_once) -> Path:
    """Another desk, as long and as large."""
    from helpers.shows import attack

    return made_once("other-movie", lambda place: attack.small_movie(place / "mini.mp4", seed=11)) / "mini.mp4"


@pytest.fixture(scope="session")
def small_once(made_once, small_movie: Path) -> Project:
    """The attack tests' shot, built; copy it, do not touch it."""
    from helpers.shows import attack

    place = made_once("small", lambda place: attack.make_small(place / "show", small_movie).built("shot=mini"))
    return Project(place / "show")


@pytest.fixture(scope="session")
def other_once(made_once, other_movie: Path) -> Project:
    """The same shot of the other plate, built: its targets have the same names."""
    from helpers.shows import attack

    place = made_once("other", lambda place: attack.make_small(place / "show", other_movie).built("shot=mini"))
    return Project(place / "show")


@pytest.fixture
def small(tmp_path: Path, small_once: Project) -> Project:
    """A copy of it."""
    from helpers.shows import attack

    return attack.copy_of(small_once, tmp_path / "show")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "show")


@pytest.fixture(scope="session")
def mini_movie(made_once) -> Path:
    """A small synthetic plate: 40 frames around a desk, 480x270."""
    from helpers.plates.synthetic import frames, make_plate, write_movie

    def make(place: Path) -> None:
        write_movie(place / "mini.mp4", frames(make_plate("desk", frame_count=40)))

    return made_once("mini-movie", make) / "mini.mp4"


@pytest.fixture
def mini(tmp_path: Path, mini_movie: Path) -> Project:
    """A project with the small plate, nothing built."""
    return make_mini(tmp_path / "show", mini_movie)


@pytest.fixture(scope="session")
def built_once(made_once, mini_movie: Path) -> tuple[Project, Ran]:
    """The small shot built once, for real, with the output of that build; copy it, do not touch it."""

    def make(place: Path) -> None:
        ran = make_mini(place / "show", mini_movie).built("shot=mini")
        (place / "ran.json").write_text(json.dumps(asdict(ran)))

    place = made_once("mini", make)
    return Project(place / "show"), Ran(**json.loads((place / "ran.json").read_text()))


@pytest.fixture
def built(tmp_path: Path, built_once: tuple[Project, Ran]) -> Project:
    """A copy of the built project: moving a project must not make it stale."""
    shutil.copytree(built_once[0].root, tmp_path / "show", symlinks=True)
    return Project(tmp_path / "show")
