"""The show's folder brings no module but ours: files in it that are called as libraries never run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows import attack
from helpers.shows.project import Project, Ran
from shotmake.tasks.guard_import_path import OF_A_SHOW, OURS, ShowFinder

DOIT = Path(sys.executable).with_name("doit")
# What is imported on the way: by the standard library, by doit, Hydra, numba and all that builds, and by Python itself.
NAMES = """
    abc _ast argparse ast asyncio atexit av base64 bz2 calendar cloudpickle collections colorsys concurrent configparser
    contextlib copy copyreg csv ctypes cv2 dataclasses dbm decimal difflib dis doit email encodings enum errno fcntl
    filecmp fractions functools gettext glob gzip hashlib heapq html http hydra importlib inspect io ipaddress json
    keyword linecache locale logging lzma math mimetypes multiprocessing numba numbers numpy omegaconf opcode operator
    os pathlib pickle pkgutil platform posixpath pprint pycolmap pydantic queue random re readline reprlib runpy scipy
    secrets selectors shlex shutil signal site sitecustomize socket sqlite3 ssl stat statistics string struct subprocess
    tempfile textwrap threading token tokenize tomllib tqdm traceback trackers types typing unicodedata unittest urllib
    usercustomize uuid warnings weakref xml yaml zipfile zlib zoneinfo OpenImageIO antlr4 joblib bpy mathutils bmesh
    arguments project_files zstandard
""".split()
MARK = "open({mark!r}, 'a').write({name!r} + chr(10))\n"


@pytest.fixture
def trapped(tmp_path, small_movie) -> Project:
    """The small show, with a module of every such name in its folder: each writes its name to `ran` and is useless."""
    show = attack.make_small(tmp_path / "show", small_movie, more="  objects: {enabled: true}\n")
    for name in NAMES:
        (show.root / f"{name}.py").write_text(MARK.format(mark=str(tmp_path / "ran"), name=name))
    for name in ("tasks", "hydra_plugins"):  # modules of ours, which lie elsewhere
        (show.root / f"{name}.py").write_text(MARK.format(mark=str(tmp_path / "ran"), name=name))
    return show


def ran(show: Project) -> str:
    path = show.root.parent / "ran"
    return path.read_text() if path.exists() else ""


def by_doit(show: Project, *words: str) -> Ran:
    """As a user types it: the program, not `python -m doit`."""
    return show.doit_with(str(DOIT), *words)


def test_a_whole_build_runs_none_of_them(trapped):
    done = by_doit(trapped, "-n", "2", "shot=mini")
    assert done.code == 0 and ran(trapped) == "", ran(trapped) + done.err
    assert (trapped.root / "build" / "mini" / "mini.blend").is_file()
    commands = "shot=mini/list --all/plan/verify/summary/gc/sessions/info solve:mini/clean -n/forget"
    for words in [*commands.split("/"), "new shot=two file=footage*mini.mp4"]:
        done = by_doit(trapped, *words.replace("*", "/").split())
        assert done.code == 0 and ran(trapped) == "", f"{words}: {ran(trapped)}{done.err}"
    words = ("tracks", "shot=mini", "tracking.engine=blender", "shot.footage.frame_range=[1,8]")
    done = by_doit(trapped, *words)
    assert "tracks:mini" in done.out and ran(trapped) == "", ran(trapped) + done.err


@pytest.mark.parametrize("launcher", ["shotmake", "joblib"])
def test_hydras_command_line_and_its_launchers_run_none_of_them(trapped, launcher):
    words = ("shot=mini", "tracking=fast,balanced", "task=footage", "jobs=2", f"hydra/launcher={launcher}")
    done = trapped.python("-m", *words)
    assert done.code == 0 and ran(trapped) == "", ran(trapped) + done.err
    done = trapped.python("shot=mini", "task=footage")
    assert done.code == 0 and ran(trapped) == "", ran(trapped) + done.err


def test_a_cut_is_read_without_them(trapped):
    """OpenTimelineIO runs in a process of its own, which begins in the show's folder."""
    (trapped.root / "opentimelineio.py").write_text(MARK.format(mark=str(trapped.root.parent / "ran"), name="otio"))
    events = [f"00{at}  A  V  C  00:00:0{at}:00 00:00:0{at + 1}:00 01:00:0{at}:00 01:00:0{at + 1}:00" for at in (1, 2)]
    (trapped.root / "cut.edl").write_text("TITLE: cut\n\n" + "\n".join(events) + "\n")
    done = by_doit(trapped, "new", "cut=cut.edl")
    assert ran(trapped) == "" and "no media found for 001" in done.err, ran(trapped) + done.out + done.err


def test_many_shots_are_composed_without_them(trapped):
    for number in range(9):
        trapped.write_shot(f"s{number}", attack.shot_yaml(f"s{number}"))
    done = by_doit(trapped, "plan")
    assert done.code == 0 and ran(trapped) == "", ran(trapped) + done.err


def test_other_modules_of_our_names_on_the_path_are_not_ours(tmp_path, small_movie):
    """A studio's PYTHONPATH with a `tasks` and a `dodo` of its own."""
    show = attack.make_small(tmp_path / "show", small_movie)
    studio = tmp_path / "studio"
    (studio / "tasks").mkdir(parents=True)
    (studio / "tasks" / "__init__.py").write_text("raise SystemExit('the studio s tasks')\n")
    environment = {**os.environ, "PYTHONPATH": f"{studio}{os.pathsep}{show.code}"}
    for command in ([DOIT, "plan"], [sys.executable, "dodo.py", "-m", "shot=mini", "tracking=fast,balanced",
                    "task=footage", "hydra/launcher=joblib"]):  # fmt: skip
        done = subprocess.run(command, cwd=show.root, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_settings_that_load_code_are_refused(tmp_path, small_movie):
    show = attack.make_small(tmp_path / "show", small_movie)
    (show.root / ".numba_config.yaml").write_text("cache_dir: cache\n")
    attack.one_clear_line(by_doit(show, "list"), ".numba_config.yaml: numba reads it in the show's folder")


def test_only_our_names_are_found_and_only_where_they_are(tmp_path):
    finder = ShowFinder(str(tmp_path), OURS)
    (tmp_path / "numpy.py").touch()
    (tmp_path / "tasks.py").touch()
    (tmp_path / "shotmake.py").touch()
    assert [finder.find_spec(name) for name in ("numpy", "tasks", "shotmake", "dodo", "hydra_plugins")] == [None] * 5
    shutil.rmtree(tmp_path)
    (tmp_path / "shotmake").mkdir(parents=True)
    (tmp_path / "shotmake" / "__init__.py").touch()
    (tmp_path / "dodo.py").touch()
    assert finder.find_spec("shotmake").submodule_search_locations == [str(tmp_path / "shotmake")]
    assert ShowFinder(str(tmp_path), OF_A_SHOW).find_spec("shotmake") is None
    assert finder.find_spec("dodo").origin == str(tmp_path / "dodo.py")
