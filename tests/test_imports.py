"""The arrows between folders, and what each may import; how much a folder may hold."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows.project import REPOSITORY

pytestmark = pytest.mark.fast


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


OURS = {"dodo", "shotmake", "hydra_plugins", "conf", "blender_scripts"}
FOREIGN = {"doit", "hydra", "omegaconf", "bpy", "mathutils"}
# Who may import whom: a folder those on lines below its own; folders of one line each other, without a circle.
FLOORS = """
    dodo
    tasks.doit_tasks
    tasks.commands
    tasks.stages
    tasks.shots tasks.blender
    tasks.engine
    tasks.show tasks.guard_import_path
    sweep preview docs prepare_kernels
    solve lens
    report render scene stmap formats new_shot
    objects tracks
    footage
    geometry
    config
    files
    errors limits reasons numbers_in_words
"""
FLOOR_OF = {name: number for number, line in enumerate(FLOORS.split("\n")) for name in line.split()}
MOST_MODULES = 15


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] in ("shotmake", "dodo") else ("shotmake", *parts))


MODULES = {module_name(path): path for folder in ("shotmake", "tasks") for path in files(folder)}
MODULES["dodo"] = REPOSITORY / "dodo.py"


def imported_modules(path: Path) -> set[str]:
    """Our modules that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inside & set(MODULES)) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(MODULES)


def floor(module: str) -> tuple[int, str]:
    """A module's floor, and its name there."""
    name = module.removeprefix("shotmake.")
    name = name if name.count(".") == 0 else ".".join(name.split(".")[: 2 if name.startswith("tasks.") else 1])
    return FLOOR_OF[name], name


def unit(module: str) -> str:
    """What may not hang together with another one in a circle: a folder; each file that lies beside folders."""
    path = MODULES[module]
    folder = path.parent
    beside_folders = any(other.is_dir() and other.name != "__pycache__" for other in folder.iterdir())
    return module if path.name != "__init__.py" and beside_folders else module.rpartition(".")[0]


ARROWS = sorted(
    (module, other)
    for module, path in MODULES.items()
    if path.name != "__init__.py"
    for other in imported_modules(path)
    if MODULES[other].name != "__init__.py" and other != module
)


def test_no_folder_imports_upward():
    up = [f"{one} -> {other}" for one, other in ARROWS if floor(one)[0] > floor(other)[0]]
    assert not up and len(ARROWS) > 500


def test_no_folders_import_each_other_in_a_circle():
    below: dict[str, set[str]] = {}
    for one, other in ARROWS:
        if unit(one) != unit(other):
            below.setdefault(unit(one), set()).add(unit(other))
    order = graphlib.TopologicalSorter(below)
    order.prepare()  # CycleError names the circle


@pytest.mark.parametrize("path", files("shotmake"), ids=str)
def test_shotmake_is_pure(path):
    assert not tops(path) & FOREIGN | {"dodo", "blender_scripts"} & tops(path)
    assert not [name for name in imported_names(path) if name.startswith("shotmake.tasks")]


@pytest.mark.parametrize("path", files("tasks"), ids=str)
def test_tasks_import_no_dodo_and_hydra_only_where_it_composes_and_where_it_is_the_command_line(path):
    forbidden = {"dodo", "tasks", "bpy", "mathutils", "blender_scripts", "hydra_plugins"}
    if path.name not in ("shots.py", "hydra_command_line.py"):
        forbidden |= {"hydra", "omegaconf"}
    assert not tops(path) & forbidden


@pytest.mark.parametrize("path", files("hydra_plugins"), ids=str)
def test_plug_ins_of_hydra_import_only_hydra_and_our_tasks(path):
    assert tops(path) <= {"hydra", "shotmake"} | set(sys.stdlib_module_names)
    ours = {name for name in imported_names(path) if name.startswith("shotmake")}
    assert all(name.startswith("shotmake.tasks") for name in ours)


@pytest.mark.parametrize("path", files("blender_scripts"), ids=str)
def test_blender_scripts_stand_alone(path):
    siblings = {other.stem for other in (REPOSITORY / "blender_scripts").glob("*.py")}
    allowed = {"bpy", "mathutils", "numpy", "bmesh", "zstandard", "kit"} | siblings | set(sys.stdlib_module_names)
    assert tops(path) <= allowed


def test_the_library_that_tracks_objects_is_imported_in_one_file():
    folders = ("shotmake", "tasks", "hydra_plugins", "blender_scripts")
    using = [path for folder in folders for path in files(folder) if tops(path) & {"trackers", "supervision"}]
    assert using == [REPOSITORY / "shotmake" / "objects" / "tracker.py"]


def test_dodo_imports_only_tasks():
    assert tops(REPOSITORY / "dodo.py") & (OURS | FOREIGN | {"numpy", "cv2"}) == {"shotmake"}
    assert all(module.startswith("shotmake.tasks") for module in imported_modules(REPOSITORY / "dodo.py"))


def test_no_folder_holds_more_modules_than_a_listing_shows():
    folders = [REPOSITORY / name for name in ("shotmake", "tasks", "blender_scripts", "tests")]
    folders += [path for folder in list(folders) for path in folder.rglob("*") if path.is_dir()]
    full = {str(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert not {name: count for name, count in full.items() if count > MOST_MODULES + 1}  # 1: __init__.py


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
