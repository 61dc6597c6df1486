"""blender_scripts/ is type-checked against Blender 4.5's API (fake-bpy-module), and a wrong attribute is caught."""

import shutil
import subprocess
import sys

from conftest import REPOSITORY


def check(folder) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "basedpyright", "--level", "error", "--pythonpath", sys.executable, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_blender_scripts_fit_blenders_api(tmp_path):
    shutil.copytree(REPOSITORY / "blender_scripts", tmp_path, dirs_exist_ok=True)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    done = check(tmp_path)
    assert done.returncode == 0, done.stdout
    wrong = "import bpy\n\nbpy.data.movieclips.lode('a.mp4')\nbpy.context.scene.frame_strat = 1\n"
    (tmp_path / "wrong.py").write_text(wrong)
    done = check(tmp_path)
    assert done.returncode == 1 and "lode" in done.stdout and "frame_strat" in done.stdout, done.stdout
