"""blender_scripts/ is type-checked against Blender 4.5's API (fake-bpy-module), and a wrong attribute is caught."""

import shutil
import subprocess
import sys

from helpers.shows.project import REPOSITORY


def test_blender_scripts_fit_blenders_api(tmp_path):
    shutil.copytree(REPOSITORY / "blender_scripts", tmp_path, dirs_exist_ok=True)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    wrong = "import bpy\n\nbpy.data.movieclips.lode('a.mp4')\nbpy.context.scene.frame_strat = 1\n"
    (tmp_path / "wrong.py").write_text(wrong)
    command = [sys.executable, "-m", "basedpyright", "--level", "error", "--pythonpath", sys.executable, "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    faults = [line for line in done.stdout.splitlines() if " error: " in line]
    assert len(faults) == 2 and all("wrong.py" in line for line in faults), done.stdout
    assert "lode" in faults[0] and "frame_strat" in faults[1]
