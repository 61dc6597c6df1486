"""blender: the build's own Blender, in a private environment that all clones share; and how to run it.

bpy needs numpy < 2 and our own environment numpy >= 2, so the two never share one.
"""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.input_file import check_file
from tasks import ROOT
from tasks.read_variables import without_read_variables
from tasks.stage import Node
from tasks.workers import die_with_parent

AUTO = "4.5"  # the LTS that composite.blender.version: auto means
PYTHON = (3, 11)  # what the wheels of every version we know are for
LIBRARIES = "libgl1 libsm6 libice6 libx11-6 libxext6 libxfixes3 libxi6 libxrender1 libxkbcommon0"
BINARY_FLAGS = ["--factory-startup", "--disable-autoexec", "--background", "--python-exit-code", "1", "--python"]


def environment(version: str = AUTO) -> Path:
    """Where our Blender of that version lives: $SHOTMAKE_BLENDER_HOME or the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SHOTMAKE_BLENDER_HOME") or cache / "shotmake") / f"blender-{version}"


def python(version: str = AUTO) -> Path:
    return environment(version) / "bin" / "python"


def ready(version: str = AUTO) -> bool:
    """ready.json is written last, after bpy was imported once."""
    return (environment(version) / "ready.json").is_file() and python(version).exists()


def task(users: list[Node]) -> dict:
    """The doit task; nothing to do when every shot names a Blender of its own, or has what it makes already."""
    ours = [node for node in users if node.settings["executable"] is None]
    versions = sorted({version_of(node.settings) for node in ours})
    return {
        "basename": "blender",
        "doc": f"Blender (bpy) in {environment().parent}",
        "actions": [(make_environment, [version]) for version in versions] or None,
        "uptodate": [lambda: all(map(ready, versions)) or not any(node.why_stale() for node in ours)],
        "verbosity": 2,
    }


def version_of(settings: dict) -> str:
    """Of our own Blender for a node's settings: composite.blender, or the executable alone (tracks, solve: auto)."""
    version = settings.get("version", "auto")
    return AUTO if version == "auto" else version


def make_environment(version: str = AUTO) -> TaskFailed | None:
    """Make the environment beside its place and rename it when bpy runs; about 900 MB, once per user."""
    home = environment(version)
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(home.parent / f"{home.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ready(version):
                print(f"   installing Blender {version} (bpy, about 900 MB, once) in {home}", flush=True)
                _install(home, version)
    except ShotError as error:
        return TaskFailed(f"blender: {error}")
    return None


def _install(home: Path, version: str) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".part-{home.name}-", dir=home.parent))
    try:
        _run([_python_for_bpy(version), "-m", "venv", str(part)])
        _run([str(part / "bin" / "python"), "-m", "pip", "install", "-q", f"bpy=={version}.*", "numpy<2"])
        found = _run([str(part / "bin" / "python"), "-c", "import bpy; print('bpy', bpy.app.version_string)"])
        (part / "ready.json").write_text(json.dumps({"bpy": found.split("bpy ")[-1].strip()}) + "\n")
        shutil.rmtree(home, ignore_errors=True)  # what a killed installation left
        os.replace(part, home)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _python_for_bpy(version: str) -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python{}.{}".format(*PYTHON)
    found = shutil.which(name)
    if found is None:
        raise ShotError(f"found no {name}, which bpy {version} needs; install it or set composite.blender.executable")
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ShotError(f"{Path(command[0]).name} {' '.join(command[1:4])}: {_advice(done.stderr or done.stdout)}")
    return done.stdout


def _advice(output: str) -> str:
    last = output.strip().splitlines()[-1] if output.strip() else "no output"
    if "cannot open shared object file" in output:
        return f"{last}; install the libraries Blender needs (Debian: apt install {LIBRARIES})"
    return last


def command(executable: str | None, version: str = AUTO) -> list[str]:
    """The words before a script's name: our Python with that version's bpy, another one, or a Blender binary."""
    if executable is None:
        return [str(python(version))]
    found = shutil.which(executable) or shutil.which(str(ROOT / executable))
    if found is None:
        raise ShotError(f"composite.blender.executable: found no program {executable}; null uses our own Blender")
    check_file(Path(found), executable, "composite.blender.executable", "a program")
    return [found] if Path(found).name.startswith("python") else [found, *BINARY_FLAGS]


def told_by(settings: dict) -> Path:
    """The file that tells which Blender it is: what depends on its pictures depends on that one. settings:
    composite.blender."""
    if settings["executable"] is None:
        return environment(version_of(settings)) / "ready.json"
    return Path(command(settings["executable"])[0])


def run_script(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> str:
    """Run blender_scripts/<script> in Blender -> its stdout.

    ShotError with the script's own line when it refuses its input, or when Blender is killed or is none;
    RuntimeError with all output when it breaks.
    """
    words = command_line(script, arguments, executable, version)
    given = without_read_variables()
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=given, preexec_fn=die_with_parent)
    if done.returncode:
        raise failure(script, words[0], done.returncode, done.stdout, done.stderr)
    return done.stdout


def command_line(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> list[str]:
    """All words that run blender_scripts/<script>."""
    words = command(executable, version)
    if len(words) > 1:
        arguments = ["--", *arguments]  # a Blender binary keeps what stands before for itself
    return [*words, str(ROOT / "blender_scripts" / script), *arguments]


def failure(script: str, program: str, code: int, out: str, err: str) -> Exception:
    """Why Blender ended with this code: ShotError or OSError where the user can cure it, else RuntimeError."""
    refusals = [line for line in err.splitlines() if line.startswith(f"{script}: ")]
    if refusals:
        return ShotError(*refusals)
    if "cannot open shared object file" in err:
        return ShotError(_advice(err))
    if os.strerror(errno.ENOSPC) in err:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named 'bpy'" in err:
        return ShotError(f"composite.blender.executable: {program} cannot import bpy; null uses our own Blender")
    number = -code if code < 0 else code - 128  # a shell's way to say it
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        return ShotError(f"{script}: Blender was ended by {name}; build again, with more memory or fewer jobs")
    return RuntimeError(f"{script} failed ({code}):\n{out[-2000:]}\n{err[-4000:]}")
