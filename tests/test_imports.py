"""The arrows: dodo -> tasks -> shotmake; blender_scripts alone; heavy libraries only where they are needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

OURS = {"dodo", "tasks", "shotmake", "conf", "hydra_plugins", "blender_scripts"}


def imported_names(path: Path) -> set[str]:
    """Full names of everything a file imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
    return names


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_names(path)}


def files(folder: str) -> list[Path]:
    found = sorted((REPOSITORY / folder).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("path", files("shotmake"), ids=str)
def test_shotmake_is_pure(path):
    assert not tops(path) & {"tasks", "dodo", "doit", "hydra", "omegaconf", "bpy", "mathutils", "blender_scripts"}


@pytest.mark.parametrize("path", files("tasks"), ids=str)
def test_tasks_import_no_dodo_and_hydra_only_where_it_composes_and_where_it_is_the_command_line(path):
    forbidden = {"dodo", "bpy", "mathutils", "blender_scripts", "hydra_plugins"}
    if path.name not in ("shots.py", "multirun.py"):
        forbidden |= {"hydra", "omegaconf"}
    assert not tops(path) & forbidden


@pytest.mark.parametrize("path", files("hydra_plugins"), ids=str)
def test_plug_ins_of_hydra_import_only_hydra_and_tasks(path):
    assert tops(path) <= {"hydra", "tasks"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", files("blender_scripts"), ids=str)
def test_blender_scripts_stand_alone(path):
    siblings = {other.stem for other in files("blender_scripts")}
    allowed = {"bpy", "mathutils", "numpy", "bmesh", "zstandard"} | siblings | set(sys.stdlib_module_names)
    assert tops(path) <= allowed


def test_the_library_that_tracks_objects_is_imported_in_one_file():
    folders = ("shotmake", "tasks", "hydra_plugins", "blender_scripts")
    using = {path.name for folder in folders for path in files(folder) if tops(path) & {"trackers", "supervision"}}
    assert using == {"object_tracker.py"}


def test_dodo_imports_only_tasks():
    assert tops(REPOSITORY / "dodo.py") & (OURS | {"hydra", "numpy", "cv2"}) == {"tasks"}


def test_listing_tasks_imports_nothing_heavy():
    """`doit list` must feel instant: cv2, pycolmap, av, scipy and OpenImageIO stay unloaded."""
    code = (
        "import sys; sys.argv = ['doit', 'list']; import dodo\n"
        "for name in list(vars(dodo)):\n"
        "    if name.startswith('task_'):\n"
        "        found = vars(dodo)[name]()\n"
        "        list(found) if not isinstance(found, dict) else None\n"
        "print(sorted({'cv2', 'pycolmap', 'av', 'scipy', 'OpenImageIO', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
