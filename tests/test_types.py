"""The code is type-checked in mode standard, Blender's scripts against Blender 4.5's API (fake-bpy-module)."""

import json
import shutil
import subprocess
import sys

from helpers.shows.project import REPOSITORY

CODE = ("shotmake", "dodo.py", "hydra_plugins", "blender_scripts")
WRONG = {
    "shotmake/wrong.py": "import shotmake.tasks.show\n\nshotmake.tasks.show.get_show_folder().joinpath(1)\n",
    "blender_scripts/wrong.py": "import bpy\n\nbpy.data.movieclips.lode('a.mp4')\nbpy.context.scene.frame_strat = 1\n",
}


def test_all_types_fit_and_wrong_ones_are_caught(tmp_path):
    shutil.copytree(REPOSITORY / "shotmake", tmp_path / "shotmake")
    shutil.copytree(REPOSITORY / "tasks", tmp_path / "shotmake" / "tasks")  # where shotmake/__init__.py finds it
    shutil.copy(REPOSITORY / "dodo.py", tmp_path)
    for folder in ("hydra_plugins", "blender_scripts"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    for name, text in WRONG.items():
        (tmp_path / name).write_text(text)
    roots = [{"root": "blender_scripts"}, {"root": "."}]
    config = {"include": CODE, "typeCheckingMode": "standard", "executionEnvironments": roots}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "--level", "error", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    faults = [line for line in done.stdout.splitlines() if " error: " in line]
    assert all("wrong.py" in line for line in faults), done.stdout
    caught = "\n".join(faults)
    assert len(faults) == 3 and all(word in caught for word in ("joinpath", "lode", "frame_strat")), done.stdout
