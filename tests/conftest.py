"""Shared: temporary projects in which the real command line runs."""

import compileall
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from shotmake.tasks import show

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a build, before numpy is imported: the same bytes, and half the time
REPOSITORY = Path(__file__).resolve().parent.parent
SHOW = ("dodo.py", "conf")  # what a show consists of, besides plates
CODE = ("shotmake", "tasks", "hydra_plugins", "blender_scripts")


def open_in_process(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Take `folder` as the show of this process, until the test ends."""
    monkeypatch.setattr(show, "_opened", [folder.resolve()])


@dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def executed(self) -> list[str]:
        """Names of the tasks that ran, in order."""
        return [line.removeprefix(".  ") for line in self.out.splitlines() if line.startswith(".  ")]

    @property
    def fault_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


@dataclass(frozen=True)
class Project:
    """A show in a folder of its own, run by the code of this repository or of another.

    code: where its `shotmake` lies.
    """

    root: Path
    code: Path = REPOSITORY

    def with_own_code(self) -> "Project":
        """The same show, as a clone: with a copy of our code, which a test may change, beside its dodo.py."""
        for name in CODE:
            shutil.copytree(REPOSITORY / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        return Project(self.root, self.root)

    def run(self, *words: str) -> Ran:
        return self.doit_with(sys.executable, "-m", "doit", *words)

    def python(self, *words: str) -> Ran:
        return self.doit_with(sys.executable, "dodo.py", *words)

    def doit_with(self, *command: str, **more: str) -> Ran:
        """more: environment variables, as SHOTMAKE_LEASE_S="1"."""
        environment = {**os.environ, "PYTHONPATH": str(self.code), **more}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=900)
        return Ran(done.returncode, done.stdout, done.stderr)

    def built(self, *words: str) -> Ran:
        """Run and insist on success."""
        ran = self.run(*words)
        assert ran.code == 0, f"doit {' '.join(words)}\n{ran.out}\n{ran.err}"
        return ran

    def write_shot(self, name: str, text: str) -> Path:
        path = self.root / "conf" / "shot" / f"{name}.yaml"
        path.write_text(text)
        return path

    def remove_other_shots(self, keep: str) -> None:
        for path in (self.root / "conf" / "shot").glob("*.yaml"):
            if path.stem != keep:
                path.unlink()


def make_project(root: Path, code: Path = REPOSITORY) -> Project:
    """Copy the show (not its plates) into a new folder, compiled: hundreds of tests would each compile it again."""
    root.mkdir(parents=True)
    for name in SHOW:
        source = code / name
        if source.is_dir():
            compileall.compile_dir(source, quiet=2)
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    (root / "footage").mkdir()
    return Project(root, code)


def is_of_a_whole_result(record: Path) -> bool:
    """Whether a stamp was written behind its targets; before them a build announces what is coming."""
    try:
        return "coming" not in json.loads(record.read_text())
    except FileNotFoundError:  # it was replaced just now
        return False


def pytest_addoption(parser) -> None:
    parser.addoption("--kills", type=int, default=1, help="random kills in test_attack_kills.py (a full run: 200)")
    parser.addoption("--pixels", action="store_true", help="test_pixels.py: every lens and plate, not two of them")
    parser.addoption("--blender", default="4.5", help="the version that runs blender_scripts/ in tests of the comp")
    parser.addoption("--launchers", action="store_true", help="test_sweeps.py: ray and submitit too, and whole shots")


def pytest_configure(config) -> None:
    os.environ["BLENDER_OF_TESTS"] = config.getoption("--blender")


@pytest.fixture
def thorough(pytestconfig) -> bool:
    """Whether this is a full run of the attack tests, which has time for every case."""
    return pytestconfig.getoption("--kills") >= 100


@pytest.fixture(autouse=True)
def nothing_keeps_running():
    """Builds that an attack test has started in the background end with it."""
    yield
    if "attack" in sys.modules:
        sys.modules["attack"].end_all()


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
    import attack

    return made_once("small-movie", lambda place: attack.small_movie(place / "mini.mp4")) / "mini.mp4"


@pytest.fixture(scope="session")
def other_movie(made_once) -> Path:
    """Another desk, as long and as large."""
    import attack

    return made_once("other-movie", lambda place: attack.small_movie(place / "mini.mp4", seed=11)) / "mini.mp4"


@pytest.fixture(scope="session")
def small_once(made_once, small_movie: Path) -> Project:
    """The attack tests' shot, built; copy it, do not touch it."""
    import attack

    place = made_once("small", lambda place: attack.make_small(place / "show", small_movie).built("shot=mini"))
    return Project(place / "show")


@pytest.fixture(scope="session")
def other_once(made_once, other_movie: Path) -> Project:
    """The same shot of the other plate, built: its targets have the same names."""
    import attack

    place = made_once("other", lambda place: attack.make_small(place / "show", other_movie).built("shot=mini"))
    return Project(place / "show")


@pytest.fixture
def small(tmp_path: Path, small_once: Project) -> Project:
    """A copy of it."""
    import attack

    return attack.copy_of(small_once, tmp_path / "show")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "show")


@pytest.fixture(scope="session")
def mini_movie(made_once) -> Path:
    """A small synthetic plate: 40 frames around a desk, 480x270."""
    from synthetic import frames, make_plate, write_movie

    def make(place: Path) -> None:
        write_movie(place / "mini.mp4", frames(make_plate("desk", frame_count=40)))

    return made_once("mini-movie", make) / "mini.mp4"


MINI_YAML = """\
# @package _global_
shot:
  name: mini
  footage: {file: footage/mini.mp4}
tracking:
  detect: {min_tracks: 120}
"""


def make_mini(root: Path, movie: Path) -> Project:
    project = make_project(root)
    shutil.copy(movie, root / "footage" / "mini.mp4")
    project.write_shot("mini", MINI_YAML)
    project.remove_other_shots("mini")
    return project


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


def blender(script: str, *arguments) -> str:
    """Run one of blender_scripts/ or tests/blender/ in the build's own Blender -> its stdout."""
    return in_one_blender([[script, *arguments]])


def script_path(name: str) -> Path:
    """Where a script lies that runs inside Blender."""
    ours = REPOSITORY / "blender_scripts" / name
    return ours if ours.is_file() else Path(__file__).parent / "blender" / name


def in_one_blender(runs: list[list]) -> str:
    """Run several of them, each [script, *arguments], one after the other in one Blender -> its stdout."""
    from shotmake.tasks.blender.environment import make_environment, python

    version = os.environ.get("BLENDER_OF_TESTS", "4.5")
    failed = make_environment(version)
    assert failed is None, failed
    words = [[str(script_path(script)), *map(str, arguments)] for script, *arguments in runs]
    if len(words) == 1:
        command, given = [str(python(version)), *words[0]], None
    else:
        command, given = [str(python(version)), str(Path(__file__).with_name("in_blender.py"))], json.dumps(words)
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{runs[0][0]}: {done.returncode}\n{done.stdout[-1500:]}\n\n{done.stderr}")
    return done.stdout


def rendered_slip_px(blend: Path, cameras: dict, lens, size_px: tuple[int, int], points_xyz, frames: list[int]):
    """Render light at 8 solved points (those nearest the corners first) and measure how far it lands, in px.

    cameras: {frame: 3x4 cam_from_world}; returns (8 * frames,).
    """
    import numpy as np
    from slip import read_exr, slip_px, spread_points

    from shotmake.geometry.camera import project as project_points

    points_xyz = np.asarray(points_xyz, float)
    runs, wanted_px = [], []
    for frame in frames:
        expected_px = project_points(points_xyz, cameras[frame], lens)[0]
        chosen = spread_points(expected_px, size_px)
        assert len(chosen) == 8, f"frame {frame}: only {len(chosen)} points are far enough apart"
        markers = blend.with_name(f"markers.{frame}.json")
        markers.write_text(json.dumps(points_xyz[chosen].tolist()))
        words = ("--blend", blend, "--frames", frame, "--markers", markers, "--out", blend.with_name("slip.####.exr"))
        runs.append(["render_frames.py", *words])
        wanted_px.append(expected_px[chosen])
    in_one_blender(runs)
    pictures = [read_exr(blend.with_name(f"slip.{frame:04d}.exr")) for frame in frames]
    return np.concatenate([slip_px(picture, wanted) for picture, wanted in zip(pictures, wanted_px, strict=True)])


def rendered_miss_px(blend: Path, points_xyz, frames: list[int], wanted_px, samples: int = 8, window_px: float = 8.0):
    """Render light at points (N, 3) of the solved world and measure how far it lands from where it is wanted, in px.

    wanted_px (frames, N, 2), NaN where a point is not looked for; returns (frames, N), NaN there, and infinite where
    no light was found within `window_px`. The pictures are written beside the .blend.
    """
    import numpy as np
    from slip import read_exr, slip_px

    markers, out = blend.with_name("markers.json"), blend.with_name("marked.####.exr")
    markers.write_text(json.dumps(np.asarray(points_xyz).tolist()))
    words = ("--blend", blend, "--frames", ",".join(map(str, frames)), "--markers", markers, "--samples", samples)
    blender("render_frames.py", *words, "--out", out)
    miss_px = np.full(np.shape(wanted_px)[:2], np.nan)
    for row, frame, wanted in zip(miss_px, frames, wanted_px, strict=True):
        seen = np.isfinite(wanted).all(1)
        row[seen] = slip_px(read_exr(str(out).replace("####", f"{frame:04d}")), wanted[seen], window_px)
    return miss_px
